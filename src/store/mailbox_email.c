/*
 * Emails of an account (mailbox_email.h). Called by the indexer and by box_search. Few emails are looked for one by one in the index of
 * messages by email; when they are a large part of a folder, its rows are walked instead.
 */
#include "store/mailbox_email.h"

#include "base/mem.h"
#include "base/must.h"

enum {
	WALK_SHARE = 6, /* looking for one costs as much as walking over so many */
	WALK_DATED_SHARE = 12, /* likewise, when most of them are of other times */
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

static void add(struct spots *o, struct sql_stmt *s, bool rows)
{
	if (o->n == o->cap) {
		size_t cap = o->cap ? 2 * o->cap : FIRST_ROOM;
		struct mailbox_spot *v = ARENA_ARRAY(o->a, struct mailbox_spot, cap);
		if (o->n)
			memcpy(v, o->v, o->n * sizeof *v);
		o->v = v;
		o->cap = cap;
	}
	struct mailbox_spot *m = &o->v[o->n++];
	*m = (struct mailbox_spot){.email_id = sql_int(s, 0),
		.folder_id = sql_int(s, 1),
		.uid = (uint32_t)sql_int(s, 2)};
	if (!rows)
		return;
	m->flags = (uint32_t)sql_int(s, 3);
	m->modseq = (uint64_t)sql_int(s, 4);
	m->size = (uint64_t)sql_int(s, 5);
	m->received_at = sql_int(s, 6);
	m->saved_at = sql_int(s, 7);
}

#define PLACE "SELECT email_id, folder_id, uid FROM message"
#define ROW                                                                                        \
	"SELECT email_id, folder_id, uid, flags, modseq, size, received_at, saved_at FROM message"

/* Steps to the end. */
static int take_rows(struct sql_stmt *s, struct spots *o, bool rows, struct err *e)
{
	int r;
	while ((r = sql_step(s, e)) == 1)
		add(o, s, rows);
	return r;
}

static int look_up(struct sql *db, const struct mailbox_spots *q, struct spots *o, struct err *e)
{
#define ONE " WHERE email_id = $1 AND account_id = $2 AND ($3 = 0 OR folder_id = $3)"
/* A sum, so that SQLite does not take all rows of the account by its key for the few of this range. */
#define ABOVE                                                                                      \
	" WHERE email_id > $1 AND email_id < $2 AND account_id + 0 = $3"                           \
	" AND ($4 = 0 OR folder_id = $4)"
	for (size_t i = 0; i < q->n; i++) {
		struct sql_stmt *s =
			q->rows ? sql_prepare(db, ROW ONE, e) : sql_prepare(db, PLACE ONE, e);
		if (!s)
			return -1;
		sql_bind_int(s, 1, q->ids[i]);
		sql_bind_int(s, 2, q->account_id);
		sql_bind_int(s, 3, q->folder_id);
		if (take_rows(s, o, q->rows, e) < 0)
			return -1;
	}
	struct sql_stmt *s =
		q->rows ? sql_prepare(db, ROW ABOVE, e) : sql_prepare(db, PLACE ABOVE, e);
	if (!s)
		return -1;
	sql_bind_int(s, 1, q->above);
	sql_bind_int(s, 2, first_id(q->account_id + 1));
	sql_bind_int(s, 3, q->account_id);
	sql_bind_int(s, 4, q->folder_id);
	return take_rows(s, o, q->rows, e);
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

/* In the order of the table. */
static struct sql_stmt *prepare_walk(struct sql *db, const struct mailbox_spots *q, struct err *e)
{
#define FOLDER " WHERE account_id = $1 AND folder_id = $2"
#define ACCOUNT " WHERE account_id = $1"
	if (q->folder_id && q->dated)
		return sql_prepare(db, ROW FOLDER " AND received_at BETWEEN $3 AND $4", e);
	if (q->dated)
		return sql_prepare(db, ROW ACCOUNT " AND received_at BETWEEN $2 AND $3", e);
	if (q->folder_id)
		return q->rows ? sql_prepare(db, ROW FOLDER, e) : sql_prepare(db, PLACE FOLDER, e);
	return q->rows ? sql_prepare(db, ROW ACCOUNT, e) : sql_prepare(db, PLACE ACCOUNT, e);
}

static int walk(struct sql *db, const struct mailbox_spots *q, struct spots *o, struct err *e)
{
	struct sql_stmt *s = prepare_walk(db, q, e);
	int r, n = 2;
	if (!s)
		return -1;
	sql_bind_int(s, 1, q->account_id);
	if (q->folder_id)
		sql_bind_int(s, n++, q->folder_id);
	if (q->dated) {
		sql_bind_int(s, n++, q->received_from);
		sql_bind_int(s, n, q->received_to);
	}
	while ((r = sql_step(s, e)) == 1) {
		int64_t id = sql_int(s, 0);
		if (id > q->above || has(q, id))
			add(o, s, q->rows);
	}
	return r;
}

int mailbox_spots(struct sql *db, const struct mailbox_spots *q, struct arena *a,
	struct mailbox_spot **ret, size_t *ret_n, struct err *e)
{
	struct spots o = {.a = a};
	bool few = q->n * (q->dated ? WALK_DATED_SHARE : WALK_SHARE) < q->messages;
	must(q->rows || !q->dated);
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
	struct sql_stmt *s = sql_prepare(db, PLACE " WHERE email_id = $1", e);
	if (!s)
		return -1;
	sql_bind_int(s, 1, email_id);
	if (take_rows(s, &o, false, e) < 0)
		return -1;
	*ret = o.v;
	*ret_n = o.n;
	return 0;
}
