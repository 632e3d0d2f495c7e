/*
 * What a summary had no room for (SUMMARY_CUT: hundreds of addresses or parts): the message is read and summed up whole, for one
 * answer. Called by fetch.c. Large messages one at a time in a process; those above WHOLE_MAX are told as far as the summary goes.
 */
#include "base/mem.h"
#include "proto/imap/fetch.h"

enum { WHOLE_MAX = 64 << 20, LARGE = 1 << 20 };

static bool busy;
static struct cond idle;

static int wait_turn(uint64_t size, struct err *e)
{
	if (size < LARGE)
		return 0;
	if (!idle.waiting.next)
		cond_init(&idle);
	while (busy)
		if (cond_wait(&idle, instant_in(MINUTE), e))
			return -1;
	busy = true;
	return 0;
}

static void end_turn(uint64_t size)
{
	if (size < LARGE)
		return;
	busy = false;
	cond_wake_one(&idle);
}

/* The row with its blob, where it was asked for without. */
static int row_of(struct imap *s, const struct mailbox_message *m, struct arena *a,
	struct mailbox_message *ret, struct err *e)
{
	AUTO(uidset) struct uidset uid = {0};
	struct mailbox_message *v;
	size_t n;
	uidset_add(&uid, m->uid, m->uid);
	const struct box_query q = {.uids = &uid, .want = MAILBOX_WANT_EMAIL};
	if (box_rows(s->view, &q, a, &v, &n, e))
		return -1;
	if (!n)
		return err_set(e, ERR_NOTFOUND, "the message is no longer there");
	*ret = *v;
	return 0;
}

static int sum_up(struct box_content *c, struct buf *out, struct err *e)
{
	AUTO(buf) struct buf message = BUF(WHOLE_MAX);
	AUTO(arena) struct arena a = {0};
	struct mime mime;
	if (box_content_read(c, 0, box_content_size(c), &message, e))
		return -1;
	mime_parse(buf_slice(&message), &mime_limits_default, &a, &mime);
	summary_build_whole(buf_slice(&message), box_content_prefix(c), &mime, out);
	return 0;
}

int fetch_whole(struct imap *s, const struct mailbox_message *m, struct buf *out, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	struct mailbox_message row;
	struct box_content *c;
	if (m->size > WHOLE_MAX)
		return 0;
	if (row_of(s, m, &a, &row, e) || wait_turn(m->size, e))
		return -1;
	int r = box_content_open(s->view, &row, &c, e);
	if (!r) {
		r = sum_up(c, out, e);
		box_content_close(c);
	}
	end_turn(m->size);
	return r;
}
