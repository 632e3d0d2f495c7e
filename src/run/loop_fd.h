/*
 * loop_fd: the loop's table of descriptors, between loop.c (which polls) and loop_fd.c (which
 * waits).
 */
#pragma once
#include <stdint.h>

void loop_fd_event(int fd, uint32_t events);
void loop_fd_forget_all(void);
int loop_epoll_fd(void);
