/*
 * The event loop: epoll, timers, messages from other threads. One per process, in its first thread.
 */
#pragma once
#include "base/err.h"
#include "base/time.h"
#include <stdint.h>

void loop_init(void); /* once, before anything of run/ */
/* Runs until loop_stop() was called and every coroutine has returned. */
void loop_run(void);
/* Asks all coroutines to end (co_cancel) and loop_run to return when they have. */
void loop_stop(void);
void loop_done(void);

/* Convenience for tests and small tools: runs fn(arg) as a coroutine, returns when all have ended.
 */
void loop_main(void (*fn)(void *), void *arg);

/* Waits in the calling coroutine until fd is ready for any of `events` (EPOLLIN, EPOLLOUT).
 * 0, or -1 with ERR_TIMEOUT or ERR_CLOSED. The fd stays registered (edge) until loop_forget_fd. */
int loop_wait_fd(int fd, uint32_t events, instant deadline, struct err *e);
/* Before every close(fd) of an fd that was waited on. */
void loop_forget_fd(int fd);

/* Runs fn(arg) in the loop's thread soon. The only function here that any thread may call. */
void loop_post(void (*fn)(void *), void *arg);

/* Unix signals as ordinary events: handler runs in the loop, not in signal context. */
void loop_on_signal(int signo, void (*fn)(int signo, void *arg), void *arg);

/* Time read once a round; cheap. instant_now() where precision matters. */
instant loop_now(void);
