/* What append.c and catenate.c share. */
#pragma once
#include "proto/imap/session.h"

struct append {
	struct box_append *to;
	slice mailbox;
	struct uidset replaced; /* REPLACE: the one that leaves */
	uint64_t size; /* of the message so far */
	unsigned messages;
	const char *code; /* of the failure, or NULL: by its kind */
};
/* Bytes of the message being made. */
int append_bytes(struct imap *s, struct append *a, slice bytes, struct err *e);
/* " (TEXT {n} URL ...)" behind CATENATE. 0; -1: *e, or the reader complains (s->in.bad). */
int append_catenate(struct imap *s, struct append *a, struct err *e);
/* A literal into the message. NUL is refused. */
int append_literal(struct imap *s, struct append *a, uint64_t size, struct err *e);
/* Appends the message with parts that hold NUL in base64. False: it cannot be done (NUL in a header, or in an encoded part). */
bool append_without_nul(slice message, struct buf *out);
