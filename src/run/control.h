/*
 * control: how the command line speaks with a running server: one line asks, lines answer, over the
 * unix socket RUN_DIR/control. Root and the server's own user may.
 */
#pragma once
#include "base/buf.h"
#include "base/err.h"
#include "base/slice.h"

enum {
	CONTROL_LINE_MAX = 1024, /* of a command */
	CONTROL_REPLY_MAX = 64 * 1024, /* of an answer */
	CONTROL_CLIENTS_MAX = 32,
	CONTROL_SECONDS = 60, /* the longest a command may take */
};

/* In the master. Handler runs in the client's coroutine: 0 with text in *reply, or -1. */
typedef int (*control_handler)(void *arg, slice command, struct buf *reply, struct err *e);
int control_listen(slice run_dir, int *ret_fd, struct err *e);
void control_remove(slice run_dir); /* at the end, after control_serve */
/* Serves clients until cancelled; a coroutine's body. Closes fd. */
void control_serve(int fd, control_handler handler, void *arg);

/* In the command line: blocks. ERR_NOTFOUND when no server runs there, else the server's own error.
 */
int control_call(slice run_dir, slice command, struct buf *reply, struct err *e);
