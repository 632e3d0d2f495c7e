/* proc_wire: messages with descriptors on the control socket; shared by proc_child.c,
 * proc_master.c. */
#pragma once
#include "base/buf.h"
#include "base/cur.h"
#include "base/err.h"
#include "run/proc.h"

enum proc_message {
	PROC_MSG_START =
		1, /* master to child: role, instance, generation, path, fd names; text by memfd */
	PROC_MSG_STOP, /* how, microseconds */
	PROC_MSG_LINK, /* role, instance; the descriptor */
	PROC_MSG_RELOAD, /* path; text by memfd */
	PROC_MSG_WAKE,
	PROC_MSG_READY, /* child to master: about itself */
	PROC_MSG_ALIVE,
};

enum { PROC_WIRE_MAX = 16 * 1024 };

struct proc_received {
	char bytes[PROC_WIRE_MAX];
	size_t n;
	int fds[PROC_FDS_MAX + 1];
	size_t nfds;
};

/* One message at once: 0, or -1 (ERR_TEMP: the socket is full). */
int proc_wire_send(int socket, slice message, const int *fds, size_t nfds, struct err *e);
/* 1 received, 0 the other end is closed, -1 (ERR_TEMP with sys EAGAIN: nothing there). The
 * descriptors are close-on-exec and the caller's. */
int proc_wire_receive(int socket, struct proc_received *ret, struct err *e);
void proc_received_close(struct proc_received *r); /* closes descriptors that nobody took (>= 0) */

/* A sealed file in memory with the text, for texts larger than a message. */
int proc_wire_text_fd(slice text, int *ret_fd, struct err *e);
int proc_wire_read_text(int fd, struct buf *ret, struct err *e);
