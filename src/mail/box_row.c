/*
 * Rows of messages in an open folder (box.h), one read of the shard a piece. Summaries that a message lacks, because it is older
 * than they are or was changed on its way, are made here on first need and handed to the shard's committer; the reader does
 * not wait for the disk.
 *
 * A small message is looked at in a pool thread like all others; of large ones one at a time in a process, since a
 * message has to be in memory as a whole for that.
 */
#include "base/mem.h"
#include "mail/box_impl.h"
#include "run/loop.h"
#include "run/pool.h"

enum { ONE_AT_A_TIME = 4 << 20 };

/* ---- making a summary ---- */

void box_summary_make(slice message, size_t lead, struct buf *out)
{
	AUTO(arena) struct arena a = {0};
	struct mime m;
	mime_parse(message, &mime_limits_default, &a, &m);
	summary_build(message, lead, &m, true, out);
}

struct making {
	struct boxes *b;
	slice prefix;
	blob_id blob;
	uint64_t size; /* of both */
	struct buf *out;
	struct err *e;
	int result;
};

static void make_in_pool(void *arg)
{
	struct making *m = arg;
	AUTO(buf) struct buf message = BUF((size_t)m->size + 1);
	buf_put(&message, m->prefix);
	m->result = blob_read(m->b->blobs, m->blob, &message, m->e);
	if (m->result == 0)
		box_summary_make(buf_slice(&message), m->prefix.n, m->out);
}

int box_summary_read(
	struct boxes *b, slice prefix, blob_id blob, uint64_t size, struct buf *out, struct err *e)
{
	struct making m = {.b = b,
		.prefix = prefix,
		.blob = blob,
		.size = prefix.n + size,
		.out = out,
		.e = e};
	bool large = size > ONE_AT_A_TIME;
	if (size > BOX_WHOLE_MAX)
		return err_set(e, ERR_LIMIT, "message is too large to be looked at");
	while (large && b->summing)
		if (cond_wait(&b->summed, instant_in(5 * MINUTE), e) < 0)
			return -1;
	b->summing |= large;
	pool_call(make_in_pool, &m);
	if (large) {
		b->summing = false;
		cond_wake_one(&b->summed);
	}
	return m.result;
}

/* ---- keeping it ---- */

struct keeping {
	int64_t account_id, email_id;
	slice record;
	char bytes[];
};

static int keep_tx(struct sql *db, void *arg, struct err *e)
{
	const struct keeping *k = arg;
	return mailbox_summary_tx(db, k->account_id, k->email_id, k->record, e);
}

static void kept(void *arg, const struct err *e)
{
	(void)e; /* then it is made again */
	free(arg);
}

static void keep(struct boxes *b, const struct mailbox_message *m)
{
	struct keeping *k = mem_alloc(sizeof *k + m->summary.n);
	memcpy(k->bytes, m->summary.p, m->summary.n);
	k->account_id = m->account_id;
	k->email_id = m->email_id;
	k->record = slice_of(k->bytes, m->summary.n);
	commit_post(b->light[mailbox_shard(m->account_id)], keep_tx, kept, k);
}

/* A record of another version reads as none. */
static bool lacks(const struct mailbox_message *m)
{
	struct summary s;
	return !m->summary.n || !summary_open(m->summary, &s);
}

void box_summaries(struct box_view *v, struct mailbox_message *rows, size_t n, struct arena *a)
{
	for (size_t i = 0; i < n; i++) {
		struct mailbox_message *m = &rows[i];
		AUTO(buf) struct buf out = BUF(2 * SUMMARY_MAX);
		struct err e;
		if (!lacks(m))
			continue;
		m->summary = (slice){0};
		if (box_summary_read(
			    v->user->b, m->prefix, m->blob, m->size - m->prefix.n, &out, &e) < 0 ||
			!buf_ok(&out))
			continue;
		m->summary = arena_dup(a, buf_slice(&out));
		keep(v->user->b, m);
	}
}

/* ---- rows ---- */

struct reading {
	struct mailbox_query q;
	struct arena *a;
	struct mailbox_message *v;
	size_t n;
};

static int rows_job(struct sql *db, void *arg, struct err *e)
{
	struct reading *r = arg;
	return mailbox_rows(db, &r->q, r->a, &r->v, &r->n, e);
}

/* Every row below the view's next UID is one that the session knows: what is above came later. */
int box_rows(struct box_view *v, const struct box_query *q, struct arena *a,
	struct mailbox_message **ret, size_t *ret_n, struct err *e)
{
	const struct box_folder *f = &v->folder;
	struct reading r = {.a = a,
		.q = {.account_id = f->account_id,
			.folder_id = f->f.id,
			.uids = q->uids,
			.after = q->after,
			.since = q->since,
			.want = q->want,
			.most = BOX_PIECE}};
	if (box_view_may(v, BOX_DO_READ, e) < 0)
		return -1;
	if (q->want & MAILBOX_WANT_SUMMARY) /* where to make one from */
		r.q.want |= MAILBOX_WANT_EMAIL;
	if (v->uids.count && v->uids.count < r.q.most)
		r.q.most = (size_t)v->uids.count + 1;
	bool few = (q->uids ? q->uids : &v->uids)->count <= BOX_BRIEF;
	if ((few ? box_read_brief : box_read_of)(v->user->b, f->account_id, rows_job, &r, e) < 0)
		return -1;
	while (r.n && r.v[r.n - 1].uid >= f->f.uidnext)
		r.n--;
	if (q->want & MAILBOX_WANT_SUMMARY)
		box_summaries(v, r.v, r.n, a);
	*ret = r.v;
	*ret_n = r.n;
	return 0;
}
