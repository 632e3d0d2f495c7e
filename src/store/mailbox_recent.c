/*
 * Mail that was delivered lately, looked at once more (mailbox.h): walking through it in the order of
 * arrival, and taking one message out. Called by the keeper when signatures of virus engines have changed.
 */
#include "store/mailbox_impl.h"

#include "base/mem.h"
#include "base/time.h"

int mailbox_next_recent(struct sql *db, msg_id oldest, struct mailbox_mark *mark, struct arena *a,
	struct mailbox_recent *ret, struct err *e)
{
	struct sql_stmt *s = sql_prepare(db,
		"SELECT e.queue_id, e.rcpt_idx, e.account_id, m.uid, m.folder_id, e.blob, m.size,"
		" e.prefix, e.received_at, e.id FROM email e JOIN message m ON m.email_id = e.id"
		" WHERE e.queue_id <> 0 AND e.queue_id >= $1"
		" AND (e.queue_id, e.rcpt_idx, e.account_id) > ($2, $3, $4)"
		" ORDER BY e.queue_id, e.rcpt_idx, e.account_id LIMIT 1",
		e);
	if (!s)
		return -1;
	sql_bind_int(s, 1, oldest > mark->queue_id ? oldest : mark->queue_id);
	sql_bind_int(s, 2, mark->queue_id);
	sql_bind_int(s, 3, mark->rcpt_idx);
	sql_bind_int(s, 4, mark->account_id);
	int r = sql_step(s, e);
	if (r <= 0)
		return r;
	*ret = (struct mailbox_recent){
		.mark = {sql_int(s, 2), sql_int(s, 0), (int32_t)sql_int(s, 1)},
		.uid = (uint32_t)sql_int(s, 3),
		.folder_id = sql_int(s, 4),
		.blob = (blob_id)sql_int(s, 5),
		.size = (uint64_t)sql_int(s, 6),
		.prefix = arena_dup(a, sql_text(s, 7)),
		.received_at = sql_int(s, 8),
		.email_id = sql_int(s, 9)};
	sql_reset(s);
	*mark = ret->mark;
	return 1;
}

/* ---- taking one out ---- */

struct places {
	struct mailbox_message *v;
	size_t n, cap;
};

static int find_places(
	struct sql *db, int64_t email_id, struct arena *a, struct places *ret, struct err *e)
{
	struct sql_stmt *s = sql_prepare(db,
		"SELECT account_id, folder_id, uid, email_id, flags, keywords, size, received_at"
		" FROM message WHERE email_id = $1 ORDER BY folder_id, uid",
		e);
	if (!s)
		return -1;
	sql_bind_int(s, 1, email_id);
	int r;
	while ((r = sql_step(s, e)) == 1) {
		if (ret->n == ret->cap) {
			ret->cap = ret->cap ? 2 * ret->cap : 4;
			ret->v = mem_grow(ret->v, ret->cap * sizeof *ret->v);
		}
		ret->v[ret->n++] = (struct mailbox_message){
			.account_id = sql_int(s, 0),
			.folder_id = sql_int(s, 1),
			.uid = (uint32_t)sql_int(s, 2),
			.email_id = sql_int(s, 3),
			.flags = (unsigned)sql_int(s, 4),
			.keywords = arena_dup(a, sql_text(s, 5)),
			.size = (uint64_t)sql_int(s, 6),
			.received_at = sql_int(s, 7),
		};
	}
	return r;
}

static int take_place(struct sql *db, const struct mailbox_message *m, enum mailbox_how how,
	const struct mailbox_actor *by, struct arena *a, struct err *e)
{
	struct mailbox_folder f = {.name = S("")};
	struct mailbox_leaving l = {.account_id = m->account_id,
		.folder_id = m->folder_id,
		.at = wall_now(),
		.how = how,
		.by = by};
	if (mailbox_folder_load(db, m->account_id, m->folder_id, a, &f, e) < 0)
		return -1;
	l.folder = f.name;
	return mailbox_leave(db, &l, m, 1, e) < 0 ? -1 : mailbox_email_drop(db, m->email_id, e);
}

/* Copies that were deleted before could be brought back: not any more. */
static int take_removed(struct sql *db, int64_t email_id, struct err *e)
{
	int64_t n = sql_run(db, e,
		"UPDATE removed SET can_return = 0 WHERE account_id = $1 AND email_id = $2"
		" AND can_return = 1",
		"ii", email_id >> EMAIL_BITS, email_id);
	for (int64_t i = 0; i < n; i++)
		if (mailbox_email_drop(db, email_id, e) < 0)
			return -1;
	return n < 0 ? -1 : 0;
}

int64_t mailbox_email_take(struct sql *db, int64_t email_id, enum mailbox_how how,
	const struct mailbox_actor *by, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	struct places p = {0};
	int r = find_places(db, email_id, &a, &p, e);
	if (r == 0)
		r = take_removed(db, email_id, e);
	for (size_t i = 0; r == 0 && i < p.n; i++)
		r = take_place(db, &p.v[i], how, by, &a, e);
	free(p.v);
	return r < 0 ? -1 : (int64_t)p.n;
}

int mailbox_take_tx(struct sql *db, const struct mailbox_recent *m, const struct mailbox_actor *by,
	struct err *e)
{
	int64_t n = mailbox_email_take(db, m->email_id, MAILBOX_VIRUS, by, e);
	return n < 0 ? -1 : n == 0 ? err_set(e, ERR_NOTFOUND, "not in this mailbox any more") : 0;
}

/* ---- bytes that cannot be read ---- */

static int email_of(struct sql *db, blob_id blob, int64_t *ret, struct err *e)
{
	struct sql_stmt *s =
		sql_prepare(db, "SELECT id FROM email WHERE blob = $1 ORDER BY id LIMIT 1", e);
	if (!s)
		return -1;
	sql_bind_int(s, 1, (int64_t)blob);
	return mailbox_returned(s, ret, e);
}

int mailbox_forget_blob(struct sql *db, blob_id blob, struct err *e)
{
	static const struct mailbox_actor by = {
		.who = S_INIT("store repair"), .protocol = S_INIT("command")};
	int64_t email_id;
	int r;
	while ((r = email_of(db, blob, &email_id, e)) == 1)
		if (mailbox_email_take(db, email_id, MAILBOX_LOST, &by, e) < 0 ||
			sql_run(db, e, "DELETE FROM email WHERE id = $1", "i", email_id) < 0)
			return -1;
	return r;
}
