/*
 * Emails of an account (mailbox_email.h). Called by the indexer and by box_search. Few emails are looked for one by one in the index of
 * messages by email; when they are a large part of a folder, its rows are walked instead.
 */
#include "store/mailbox_email.h"

#include "base/mem.h"

enum {
	WALK_SHARE = 6, /* looking for one costs as much as walking over so many */
	FIRST_ROOM = 64,
};

static int64_t first_id(int64_t account_id)
{
	return account_id << 32;
}

int mailbox_accounts(struct sql *db, int64_t after, size_t most, struct arena *a,
	struct mailbox_account **ret, size_t *ret_n, struct err *e)
{
	struct sql_stmt *s = sql_prepare(db,
		"SELECT account_id, next_email FROM mailbox WHERE account_id > $1"
		" ORDER BY account_id LIMIT $2",
		e);
	struct mailbox_account *v = ARENA_ARRAY(a, struct mailbox_account, most);
	size_t n = 0;
	int r;
	if (!s)
		return -1;
	sql_bind_int(s, 1, after);
	sql_bind_int(s, 2, (int64_t)most);
	while ((r = sql_step(s, e)) == 1 && n < most) {
		int64_t id = sql_int(s, 0), next = sql_int(s, 1);
		v[n++] = (struct mailbox_account){id, next > 1 ? first_id(id) + next - 1 : 0};
	}
	sql_reset(s);
	*ret = v;
	*ret_n = n;
	return r < 0 ? -1 : 0;
}

int mailbox_last_email(struct sql *db, int64_t account_id, int64_t *ret, struct err *e)
{
	struct sql_stmt *s =
		sql_prepare(db, "SELECT next_email FROM mailbox WHERE account_id = $1", e);
	if (!s)
		return -1;
	sql_bind_int(s, 1, account_id);
	int r = sql_step(s, e);
	if (r < 0)
		return -1;
	int64_t next = r ? sql_int(s, 0) : 0;
	sql_reset(s);
	*ret = next > 1 ? first_id(account_id) + next - 1 : 0;
	return 0;
}

int mailbox_emails(struct sql *db, int64_t account_id, int64_t after, size_t most, struct arena *a,
	struct mailbox_email **ret, size_t *ret_n, struct err *e)
{
	struct sql_stmt *s = sql_prepare(db,
		"SELECT id, blob, size, prefix FROM email WHERE id > $1 AND id < $2"
		" ORDER BY id LIMIT $3",
		e);
	struct mailbox_email *v = ARENA_ARRAY(a, struct mailbox_email, most);
	size_t n = 0;
	int r;
	if (!s)
		return -1;
	sql_bind_int(s, 1, after > first_id(account_id) ? after : first_id(account_id));
	sql_bind_int(s, 2, first_id(account_id + 1));
	sql_bind_int(s, 3, (int64_t)most);
	while ((r = sql_step(s, e)) == 1 && n < most)
		v[n++] = (struct mailbox_email){sql_int(s, 0), (blob_id)sql_int(s, 1),
			(uint64_t)sql_int(s, 2), arena_dup(a, sql_text(s, 3))};
	sql_reset(s);
	*ret = v;
	*ret_n = n;
	return r < 0 ? -1 : 0;
}

int mailbox_emails_above(
	struct sql *db, int64_t account_id, int64_t after, uint64_t *ret, struct err *e)
{
	struct sql_stmt *s =
		sql_prepare(db, "SELECT COUNT(*) FROM email WHERE id > $1 AND id < $2", e);
	if (!s)
		return -1;
	sql_bind_int(s, 1, after > first_id(account_id) ? after : first_id(account_id));
	sql_bind_int(s, 2, first_id(account_id + 1));
	int r = sql_step(s, e);
	if (r == 1)
		*ret = (uint64_t)sql_int(s, 0);
	sql_reset(s);
	return r < 0 ? -1 : 0;
}

int mailbox_email_there(struct sql *db, int64_t email_id, struct err *e)
{
	struct sql_stmt *s = sql_prepare(db, "SELECT 1 FROM email WHERE id = $1", e);
	if (!s)
		return -1;
	sql_bind_int(s, 1, email_id);
	int r = sql_step(s, e);
	sql_reset(s);
	return r;
}

/* ---- where they are ---- */

struct spots {
	struct arena *a;
	struct mailbox_spot *v;
	size_t n, cap;
};

static void add(struct spots *o, int64_t email_id, int64_t folder_id, uint32_t uid)
{
	if (o->n == o->cap) {
		size_t cap = o->cap ? 2 * o->cap : FIRST_ROOM;
		struct mailbox_spot *v = ARENA_ARRAY(o->a, struct mailbox_spot, cap);
		if (o->n)
			memcpy(v, o->v, o->n * sizeof *v);
		o->v = v;
		o->cap = cap;
	}
	o->v[o->n++] = (struct mailbox_spot){email_id, folder_id, uid};
}

/* Steps to the end: email, folder, uid. */
static int take_rows(struct sql_stmt *s, struct spots *o, struct err *e)
{
	int r;
	while ((r = sql_step(s, e)) == 1)
		add(o, sql_int(s, 0), sql_int(s, 1), (uint32_t)sql_int(s, 2));
	return r;
}

static int look_up(struct sql *db, const struct mailbox_spots *q, struct spots *o, struct err *e)
{
	static const char one[] = "SELECT email_id, folder_id, uid FROM message WHERE email_id = $1"
				  " AND account_id = $2 AND ($3 = 0 OR folder_id = $3)";
	for (size_t i = 0; i < q->n; i++) {
		struct sql_stmt *s = sql_prepare(db, one, e);
		if (!s)
			return -1;
		sql_bind_int(s, 1, q->ids[i]);
		sql_bind_int(s, 2, q->account_id);
		sql_bind_int(s, 3, q->folder_id);
		if (take_rows(s, o, e) < 0)
			return -1;
	}
	struct sql_stmt *s = sql_prepare(db,
		"SELECT email_id, folder_id, uid FROM message WHERE email_id > $1 AND email_id < $2"
		" AND account_id = $3 AND ($4 = 0 OR folder_id = $4)",
		e);
	if (!s)
		return -1;
	sql_bind_int(s, 1, q->above);
	sql_bind_int(s, 2, first_id(q->account_id + 1));
	sql_bind_int(s, 3, q->account_id);
	sql_bind_int(s, 4, q->folder_id);
	return take_rows(s, o, e);
}

/* Of ids that descend. */
static bool has(const struct mailbox_spots *q, int64_t id)
{
	size_t lo = 0, hi = q->n;
	while (lo < hi) {
		size_t mid = (lo + hi) / 2;
		if (q->ids[mid] > id)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < q->n && q->ids[lo] == id;
}

static int walk(struct sql *db, const struct mailbox_spots *q, struct spots *o, struct err *e)
{
	struct sql_stmt *s = q->folder_id ? sql_prepare(db,
						    "SELECT email_id, folder_id, uid FROM message"
						    " WHERE account_id = $1 AND folder_id = $2",
						    e)
					  : sql_prepare(db,
						    "SELECT email_id, folder_id, uid FROM message"
						    " WHERE account_id = $1",
						    e);
	int r;
	if (!s)
		return -1;
	sql_bind_int(s, 1, q->account_id);
	if (q->folder_id)
		sql_bind_int(s, 2, q->folder_id);
	while ((r = sql_step(s, e)) == 1) {
		int64_t id = sql_int(s, 0);
		if (id > q->above || has(q, id))
			add(o, id, sql_int(s, 1), (uint32_t)sql_int(s, 2));
	}
	return r;
}

int mailbox_spots(struct sql *db, const struct mailbox_spots *q, struct arena *a,
	struct mailbox_spot **ret, size_t *ret_n, struct err *e)
{
	struct spots o = {.a = a};
	bool few = q->n * WALK_SHARE < q->messages;
	if ((few ? look_up : walk)(db, q, &o, e) < 0)
		return -1;
	*ret = o.v;
	*ret_n = o.n;
	return 0;
}

int mailbox_spots_of(struct sql *db, int64_t email_id, struct arena *a, struct mailbox_spot **ret,
	size_t *ret_n, struct err *e)
{
	struct spots o = {.a = a};
	struct sql_stmt *s = sql_prepare(
		db, "SELECT email_id, folder_id, uid FROM message WHERE email_id = $1", e);
	if (!s)
		return -1;
	sql_bind_int(s, 1, email_id);
	if (take_rows(s, &o, e) < 0)
		return -1;
	*ret = o.v;
	*ret_n = o.n;
	return 0;
}
