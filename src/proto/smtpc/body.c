/*
 * The message's bytes on their way out: dot-stuffed behind DATA (RFC 5321 4.5.2,
 * codec/smtp_stuff.c), or as they are behind BDAT (RFC 3030). Called by send.c, which reads the
 * replies.
 *
 * A source that fails half way leaves no honest way out but to break the connection: the peer then
 * drops what it has (RFC 5321 4.1.1.4: only the final dot makes a message).
 */
#include "base/must.h"
#include "codec/smtp_data.h"
#include "proto/smtpc/transaction.h"

#include <inttypes.h>

static int source_failed(struct tx *t, const struct err *e)
{
	enum smtpc_kind kind = e->kind == ERR_PERM ? SMTPC_PERM : SMTPC_TEMP;
	t->source_failed = true;
	slice text = arena_printf(&t->s->mem, "the message cannot be read: %s", e->text);
	return smtpc_fail(
		t->s, smtpc_result_own(kind, SMTPC_AT_DATA,
			      kind == SMTPC_PERM ? STATUS(5, 3, 0) : STATUS(4, 3, 0), text));
}

/* The next piece: 1, 0 at the end, -1 (broken). Each block has its own deadline. */
static int next_piece(struct tx *t, slice *ret)
{
	struct err e;
	int r = t->body.next(t->body.arg, ret, &e);
	if (r < 0)
		return source_failed(t, &e);
	if (r > 0)
		t->sent->bytes += ret->n;
	io_set_deadline(t->s->io, smtpc_in(t->s, t->s->cfg.timeouts.block));
	return r;
}

static int write_piece(struct tx *t, slice s)
{
	struct err e;
	return io_write(t->s->io, s, &e) < 0 ? smtpc_lost(t->s, SMTPC_AT_DATA, &e) : 0;
}

static int write_stuffed(struct tx *t, struct smtp_stuff *stuff, slice piece)
{
	slice run;
	while (smtp_stuff_next(stuff, &piece, &run))
		if (write_piece(t, run) < 0)
			return -1;
	return 0;
}

int smtpc_body_data(struct tx *t)
{
	struct smtp_stuff stuff;
	slice piece;
	int r;
	smtp_stuff_init(&stuff);
	while ((r = next_piece(t, &piece)) > 0)
		if (write_stuffed(t, &stuff, piece) < 0)
			return -1;
	return r < 0 ? -1 : write_piece(t, smtp_stuff_end(&stuff));
}

static int write_bdat(struct tx *t, uint64_t n, bool last)
{
	struct err e;
	if (io_printf(t->s->io, &e, "BDAT %" PRIu64 "%s\r\n", n, last ? " LAST" : "") < 0)
		return smtpc_lost(t->s, SMTPC_AT_DATA, &e);
	return 0;
}

static int wrong_size(struct tx *t)
{
	t->source_failed = true;
	slice text = arena_printf(
		&t->s->mem, "the message is not of the %" PRIu64 " bytes announced", t->m->size);
	return smtpc_fail(t->s, smtpc_result_own(SMTPC_TEMP, SMTPC_AT_DATA, STATUS(4, 3, 0), text));
}

int smtpc_body_bdat(struct tx *t)
{
	slice piece;
	int r;
	if (write_bdat(t, t->m->size, true) < 0)
		return -1;
	while ((r = next_piece(t, &piece)) > 0) {
		if (t->sent->bytes > t->m->size)
			return wrong_size(t);
		if (write_piece(t, piece) < 0)
			return -1;
	}
	return r < 0 ? -1 : t->sent->bytes == t->m->size ? 0 : wrong_size(t);
}

/* 1 when the peer took the chunk, 0 when it refused (its reply is the last one), -1. */
static int send_chunk(struct tx *t, slice piece)
{
	if (write_bdat(t, piece.n, false) < 0 || write_piece(t, piece) < 0)
		return -1;
	if (smtpc_read(t->s, SMTPC_AT_DATA, t->s->cfg.timeouts.end) < 0)
		return -1;
	return t->s->reply.code / 100 == 2;
}

int smtpc_body_bdat_pieces(struct tx *t)
{
	slice piece;
	int r;
	while ((r = next_piece(t, &piece)) > 0) {
		int taken = piece.n ? send_chunk(t, piece) : 1;
		if (taken <= 0)
			return taken < 0 ? -1 : 1;
	}
	return r < 0 ? -1 : write_bdat(t, 0, true);
}
