/*
 * Bytes of a message (box.h): what delivery put before it, which is in its row, and the stored bytes behind. Only the pieces
 * that are asked for are read from the disk; a message that lies in its record as a whole costs one read, and whoever reads on
 * where he stopped goes on with the piece at hand.
 */
#include "base/mem.h"
#include "mail/box_impl.h"
#include "run/pool.h"

struct box_content {
	struct boxes *b;
	blob_id blob;
	uint64_t size; /* with the prefix */
	slice prefix;
	struct blob_reader *reader; /* NULL: nothing was read yet */
	/* For the pool. */
	uint64_t at, n;
	struct buf *out;
	struct err *e;
	int result;
	char bytes[]; /* the prefix */
};

static int read_blob(struct box_content *c)
{
	slice piece;
	int got = 1;
	if (!c->reader && blob_open(c->b->blobs, c->blob, &c->reader, c->e) < 0)
		return -1;
	blob_seek(c->reader, c->at);
	while (c->n && (got = blob_next(c->reader, &piece, c->e)) == 1) {
		piece = slice_first(piece, c->n);
		buf_put(c->out, piece);
		c->n -= piece.n;
	}
	if (got >= 0 && !buf_ok(c->out))
		return err_set(c->e, ERR_LIMIT, "more bytes than there is room for");
	return got < 0 ? -1 : 0;
}

static void read_in_pool(void *arg)
{
	struct box_content *c = arg;
	c->result = read_blob(c);
}

static void open_in_pool(void *arg)
{
	struct box_content *c = arg;
	c->result = blob_open(c->b->blobs, c->blob, &c->reader, c->e);
}

bool box_content_given(struct box_view *v, const struct mailbox_message *m)
{
	struct boxes *b = v->user->b;
	struct err ignored;
	return !b->guard || b->guard(b->guard_arg, m->account_id, m, &ignored) == 0;
}

int box_content_open(struct box_view *v, const struct mailbox_message *m, struct box_content **ret,
	struct err *e)
{
	struct boxes *b = v->user->b;
	if (box_view_may(v, BOX_DO_READ, e) < 0)
		return -1;
	if (b->guard && b->guard(b->guard_arg, m->account_id, m, e) < 0)
		return -1;
	struct box_content *c = mem_alloc(sizeof *c + m->prefix.n);
	c->b = b;
	c->blob = m->blob;
	c->size = m->size;
	c->prefix = slice_of(c->bytes, m->prefix.n);
	if (m->prefix.n)
		memcpy(c->bytes, m->prefix.p, m->prefix.n);
	c->e = e;
	if (m->size <= BOX_SMALL)
		pool_call_short(&b->blob_pace, open_in_pool, c);
	else
		pool_call(open_in_pool, c);
	if (c->result < 0) {
		free(c);
		return -1;
	}
	c->size = c->prefix.n + blob_size(c->reader);
	*ret = c;
	return 0;
}

uint64_t box_content_size(const struct box_content *c)
{
	return c->size;
}

uint64_t box_content_prefix(const struct box_content *c)
{
	return c->prefix.n;
}

int box_content_read(struct box_content *c, uint64_t at, uint64_t n, struct buf *out, struct err *e)
{
	if (at < c->prefix.n) {
		slice part = slice_first(slice_skip(c->prefix, at), n);
		buf_put(out, part);
		at += part.n;
		n -= part.n;
	}
	if (!n || at >= c->size)
		return 0;
	c->at = at - c->prefix.n;
	c->n = n;
	c->out = out;
	c->e = e;
	if (blob_at_hand(c->reader))
		read_in_pool(c); /* nothing to wait for */
	else
		pool_call(read_in_pool, c);
	return c->result;
}

void box_content_close(struct box_content *c)
{
	if (!c)
		return;
	blob_close(c->reader);
	free(c);
}
