/*
 * What can be made again of an account's messages is made again (mailbox.h): summaries, threads, the keywords that
 * folders know. Called by `posthouse mailbox reindex`. One transaction throws away what there is, then each piece of
 * emails is one; a process that is killed between leaves emails without a summary, which are made at their next
 * reading. Bytes are read outside of transactions.
 */
#include "store/mailbox_impl.h"

#include "base/mem.h"
#include "codec/summary.h"

enum {
	PIECE = 100, /* emails of a transaction */
	WHOLE_MAX = 256 << 20, /* larger messages are not looked at */
};

struct one {
	int64_t id;
	blob_id blob;
	uint64_t size;
	slice prefix, record;
};
struct piece {
	struct arena a;
	struct one v[PIECE];
	size_t n;
};

/* ---- keywords ---- */

static int note_all(struct sql *db, const struct mailbox_message *v, size_t n, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	slice known;
	for (size_t i = 0; i < n; i++)
		if (v[i].keywords.n &&
			mailbox_keywords_note(db, v[i].account_id, v[i].folder_id, v[i].keywords,
				&a, &known, e) < 0 &&
			e->kind != ERR_LIMIT && e->kind != ERR_PROTO)
			return -1;
	return 0;
}

static int keywords_of(struct sql *db, int64_t account_id, int64_t folder_id, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	struct mailbox_query q = {.account_id = account_id, .folder_id = folder_id, .most = 1000};
	struct mailbox_message *v;
	size_t n;
	do {
		arena_reset(&a);
		if (mailbox_rows(db, &q, &a, &v, &n, e) < 0 || note_all(db, v, n, e) < 0)
			return -1;
		q.after = n ? v[n - 1].uid : 0;
	} while (n == q.most);
	return 0;
}

static int begin_anew(struct sql *db, int64_t account_id, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	struct mailbox_folder *v;
	size_t n;
	if (sql_run(db, e,
		    "UPDATE email SET summary = $3, thread_id = id WHERE id BETWEEN $1 AND $2",
		    "iib", email_first(account_id), email_last(account_id), S("")) < 0 ||
		sql_run(db, e, "DELETE FROM thread_ref WHERE account_id = $1", "i", account_id) <
			0 ||
		sql_run(db, e, "DELETE FROM keyword WHERE account_id = $1", "i", account_id) < 0 ||
		mailbox_folders(db, account_id, &a, &v, &n, e) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		if (keywords_of(db, account_id, v[i].id, e) < 0)
			return -1;
	return 0;
}

/* ---- summaries and threads ---- */

static int read_piece(
	struct sql *db, int64_t account_id, int64_t after, struct piece *p, struct err *e)
{
	arena_reset(&p->a);
	p->n = 0;
	struct sql_stmt *s = sql_prepare(db,
		"SELECT id, blob, size, prefix FROM email WHERE id > $1 AND id <= $2 ORDER BY id "
		"LIMIT $3",
		e);
	if (!s)
		return -1;
	sql_bind_int(s, 1, after);
	sql_bind_int(s, 2, email_last(account_id));
	sql_bind_int(s, 3, PIECE);
	int r;
	while ((r = sql_step(s, e)) == 1)
		p->v[p->n++] = (struct one){.id = sql_int(s, 0),
			.blob = (blob_id)sql_int(s, 1),
			.size = (uint64_t)sql_int(s, 2),
			.prefix = arena_dup(&p->a, sql_text(s, 3))};
	return r;
}

static bool summarize(struct blobs *blobs, struct one *m, struct arena *keep)
{
	AUTO(arena) struct arena a = {0};
	AUTO(buf) struct buf bytes = BUF((size_t)m->size + m->prefix.n + 1);
	AUTO(buf) struct buf record = BUF(SUMMARY_MAX);
	struct mime mime;
	struct err e;
	if (m->size > WHOLE_MAX)
		return false;
	buf_put(&bytes, m->prefix);
	if (blob_read(blobs, m->blob, &bytes, &e) < 0 || !buf_ok(&bytes))
		return false;
	mime_parse(buf_slice(&bytes), &mime_limits_default, &a, &mime);
	summary_build(buf_slice(&bytes), m->prefix.n, &mime, true, &record);
	m->record = arena_dup(keep, buf_slice(&record));
	return buf_ok(&record);
}

static int store_piece(struct sql *db, int64_t account_id, const struct piece *p, struct err *e)
{
	for (size_t i = 0; i < p->n; i++)
		if (p->v[i].record.n &&
			mailbox_summary_tx(db, account_id, p->v[i].id, p->v[i].record, e) < 0)
			return -1;
	return 0;
}

static int in_transaction(struct sql *db, int64_t account_id, const struct piece *p, struct err *e)
{
	if (sql_begin(db, e) < 0)
		return -1;
	if ((p ? store_piece(db, account_id, p, e) : begin_anew(db, account_id, e)) < 0) {
		sql_rollback(db);
		return -1;
	}
	return sql_commit(db, e);
}

static int64_t each_piece(struct sql *db, struct blobs *blobs, int64_t account_id, struct piece *p,
	uint64_t *unread, struct err *e)
{
	int64_t after = email_first(account_id), done = 0;
	for (;;) {
		if (read_piece(db, account_id, after, p, e) < 0)
			return -1;
		if (p->n == 0)
			return done;
		after = p->v[p->n - 1].id;
		for (size_t i = 0; i < p->n; i++)
			*unread += !summarize(blobs, &p->v[i], &p->a);
		if (in_transaction(db, account_id, p, e) < 0)
			return -1;
		done += (int64_t)p->n;
	}
}

int64_t mailbox_reindex(struct sql *db, struct blobs *blobs, int64_t account_id,
	uint64_t *ret_unread, struct err *e)
{
	uint64_t unread = 0;
	if (in_transaction(db, account_id, NULL, e) < 0)
		return -1;
	struct piece *p = NEW(struct piece);
	int64_t done = each_piece(db, blobs, account_id, p, &unread, e);
	arena_done(&p->a);
	free(p);
	*ret_unread = unread;
	return done;
}
