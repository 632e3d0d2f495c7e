/*
 * Letters: messages in the queue process's memory. See letter.h. Made by the feed (datagrams, the
 * database) and by settling (reports, expansions); used by the scheduler's groups.
 */
#include "mail/letter.h"

#include "base/mem.h"
#include "base/must.h"
#include "mail/handoff.h"
#include "run/pool.h"

struct letter *letter_new(void)
{
	struct letter *l = NEW(struct letter);
	l->refs = 1;
	return l;
}

struct letter *letter_ref(struct letter *l)
{
	l->refs++;
	return l;
}

void letter_unref(struct letter *l)
{
	if (!l)
		return;
	must(l->refs > 0);
	if (--l->refs)
		return;
	arena_done(&l->mem);
	free(l);
}

static void count_bytes(struct letter *l)
{
	l->bytes = sizeof *l + l->mem.total;
}

struct letter *letter_from_handoff(slice datagram, bool *ret_id_only)
{
	struct letter *l = letter_new();
	bool id_only;
	if (!handoff_decode(arena_dup(&l->mem, datagram), &l->mem, &l->m, &id_only)) {
		letter_unref(l);
		return NULL;
	}
	*ret_id_only = id_only;
	count_bytes(l);
	return l;
}

static void copy_rcpt(struct queue_rcpt *r, struct arena *a)
{
	r->address = arena_dup(a, r->address);
	r->orcpt = arena_dup(a, r->orcpt);
	r->dest = arena_dup(a, r->dest);
	r->reason = arena_dup(a, r->reason);
	r->log = arena_dup(a, r->log);
}

struct queue_msg letter_copy_msg(const struct queue_msg *m, struct arena *a)
{
	struct queue_msg to = *m;
	slice *strings[] = {&to.sender, &to.prefix, &to.envid, &to.auth, &to.client, &to.log,
		&to.message_id, &to.subject, &to.summary};
	for (size_t i = 0; i < sizeof strings / sizeof *strings; i++)
		*strings[i] = arena_dup(a, *strings[i]);
	to.rcpts = ARENA_ARRAY(a, struct queue_rcpt, m->nrcpts);
	for (size_t i = 0; i < m->nrcpts; i++) {
		to.rcpts[i] = m->rcpts[i];
		copy_rcpt(&to.rcpts[i], a);
	}
	return to;
}

struct letter *letter_copy(const struct queue_msg *m)
{
	struct letter *l = letter_new();
	l->m = letter_copy_msg(m, &l->mem);
	count_bytes(l);
	return l;
}

/* ---- reading the stored bytes, in the pool ---- */

struct reading {
	struct blobs *blobs;
	blob_id id;
	size_t enough;
	struct buf *out;
	int status;
	struct err err;
};

static void read_blob(void *arg)
{
	struct reading *r = arg;
	struct blob_reader *reader;
	r->status = blob_open(r->blobs, r->id, &reader, &r->err);
	if (r->status < 0)
		return;
	slice piece;
	size_t left = r->enough;
	while (left && (r->status = blob_next(reader, &piece, &r->err)) == 1) {
		piece = slice_first(piece, left);
		buf_put(r->out, piece);
		left -= piece.n;
	}
	blob_close(reader);
}

int letter_read(struct blobs *blobs, const struct queue_msg *m, size_t enough, bool tolerant,
	struct buf *out, struct err *e)
{
	buf_put(out, m->prefix);
	struct reading r = {.blobs = blobs, .id = m->blob, .enough = enough, .out = out};
	pool_call(read_blob, &r);
	if (r.status >= 0 || (tolerant && (r.err.kind == ERR_PERM || r.err.kind == ERR_NOTFOUND)))
		return 0;
	*e = r.err;
	return -1;
}
