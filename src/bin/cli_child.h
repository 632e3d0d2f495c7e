/*
 * What is as hostile as any letter is read for the command line by a child process that is confined like a scan
 * process (role.h), for who asks may be root; its answer comes back through a pipe.
 */
#pragma once
#include "base/buf.h"
#include "base/err.h"

/* Runs in the child; ends it with _exit. Confining is its own work. */
typedef void cli_child_run(void *arg, int out);

/* The child's end of the pipe. */
void cli_child_write(int out, slice s);
/* All of a descriptor, as much as fits. */
void cli_child_read(int fd, struct buf *out);
/* Waits for its end; *ret_status as of waitpid. */
int cli_child(cli_child_run *run, void *arg, struct buf *answer, int *ret_status, struct err *e);
