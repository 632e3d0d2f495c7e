/*
 * deflate: raw DEFLATE both ways between an io and what is below it, in place (RFC 4978 COMPRESS=DEFLATE), as TLS puts itself
 * there. Every flush of the io is a sync flush.
 */
#pragma once
#include "run/io.h"

/* Both buffers of the io must be empty: ERR_PROTO when the client has sent more already. */
int deflate_start(struct io *io, struct err *e);
bool deflate_active(const struct io *io);
/* Before a long wait: gives memory back. The compressor goes (it starts anew without its dictionary, which costs some bytes of the next
 * answer), of the decompressor what the client sent last stays (its window: at most 32 KiB, of a session that said little
 * as much as it said). Harmless at any time, and without compression. */
void deflate_rest(struct io *io);
