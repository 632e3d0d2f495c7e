/* link_wire: the frames of a link; shared by link.c (asks) and link_server.c (serves). */
#pragma once
#include "base/err.h"
#include "base/slice.h"
#include <stdbool.h>

enum link_type { LINK_MESSAGE = 1, LINK_CALL, LINK_ANSWER, LINK_REFUSAL };

enum {
	LINK_HEAD = 6, /* type, kind of a refusal's error, sequence number */
	LINK_BURST = 64, /* messages read before the other coroutines have their turn */
};

struct link_frame {
	enum link_type type;
	enum err_kind kind;
	uint32_t seq;
	slice payload; /* borrowed until anything else is received on any link */
	int fd; /* a file that goes along, or -1. Sent: borrowed; received: the receiver's own */
};

/* 0, or -1: ERR_TEMP (full), ERR_CLOSED, ERR_LIMIT. Never waits. */
int link_frame_send(int fd, const struct link_frame *f, struct err *e);
/* 1, 0 at the end of the stream, -1 with e->sys EAGAIN when there is nothing. */
int link_frame_receive(int fd, struct link_frame *ret, struct err *e);
/* As above, but waits, and lets others run now and then: 1, or 0 when it is over (cancelled, too).
 */
int link_frame_next(int fd, unsigned *burst, struct link_frame *ret);
