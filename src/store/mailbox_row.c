/*
 * Reading messages (mailbox.h): rows by UID in pieces, sets of UIDs, what vanished. Lists touch the
 * table of messages alone unless a summary or the email is wanted. Each call is a few short
 * statements, so that no reader keeps the log of the database from being folded.
 */
#include "store/mailbox_impl.h"

#include "base/mem.h"

enum {
	GAP_MAX = 8, /* so few rows between two ranges are read over */
	LIST_PIECE = 200,
	CHANGES_FACTOR =
		4, /* so many times the rows wanted are looked up by the index of changes */
};

/* ---- a range ---- */

#define ROWS                                                                                       \
	"SELECT m.uid, m.email_id, m.flags, m.keywords, m.modseq, m.size, m.received_at, "         \
	"m.saved_at"
#define OF_FOLDER                                                                                  \
	" WHERE m.account_id = $1 AND m.folder_id = $2 AND m.uid >= $3 AND m.uid <= $4"            \
	" AND m.modseq > $5 ORDER BY m.uid LIMIT $6"
#define WITH_EMAIL " FROM message m LEFT JOIN email e ON e.id = m.email_id" OF_FOLDER

static struct sql_stmt *prepare_rows(struct sql *db, unsigned want, struct err *e)
{
	switch (want & (MAILBOX_WANT_SUMMARY | MAILBOX_WANT_EMAIL)) {
	case 0:
		return sql_prepare(db, ROWS " FROM message m" OF_FOLDER, e);
	case MAILBOX_WANT_SUMMARY:
		return sql_prepare(db, ROWS ", e.summary" WITH_EMAIL, e);
	case MAILBOX_WANT_EMAIL:
		return sql_prepare(db, ROWS ", e.blob, e.prefix, e.thread_id" WITH_EMAIL, e);
	default:
		return sql_prepare(
			db, ROWS ", e.summary, e.blob, e.prefix, e.thread_id" WITH_EMAIL, e);
	}
}

static void read_row(struct sql_stmt *s, const struct mailbox_query *q, struct arena *a,
	struct mailbox_message *m)
{
	m->account_id = q->account_id;
	m->folder_id = q->folder_id;
	m->uid = (uint32_t)sql_int(s, 0);
	m->email_id = sql_int(s, 1);
	m->flags = (unsigned)sql_int(s, 2);
	slice keywords = sql_text(s, 3);
	if (keywords.n)
		m->keywords = arena_dup(a, keywords);
	m->modseq = (uint64_t)sql_int(s, 4);
	m->size = (uint64_t)sql_int(s, 5);
	m->received_at = sql_int(s, 6);
	m->saved_at = sql_int(s, 7);
	int col = 8;
	if (q->want & MAILBOX_WANT_SUMMARY)
		m->summary = arena_dup(a, sql_text(s, col++));
	if (q->want & MAILBOX_WANT_EMAIL) {
		m->blob = (blob_id)sql_int(s, col);
		m->prefix = arena_dup(a, sql_text(s, col + 1));
		m->thread_id = sql_int(s, col + 2);
	}
}

struct rows {
	struct mailbox_message *v;
	size_t n, most;
};

/* Rows of v[i] .. v[until - 1], which lie close together. */
static int read_ranges(struct sql *db, const struct mailbox_query *q, const struct uidrange *v,
	size_t n, struct arena *a, struct rows *out, struct err *e)
{
	struct sql_stmt *s = prepare_rows(db, q->want, e);
	if (!s)
		return -1;
	uint32_t last = v[n - 1].last;
	uint64_t over = 0;
	for (size_t i = 1; i < n; i++)
		over += v[i].first - v[i - 1].last - 1;
	sql_bind_int(s, 1, q->account_id);
	sql_bind_int(s, 2, q->folder_id);
	sql_bind_int(s, 3, v[0].first > q->after ? v[0].first : (int64_t)q->after + 1);
	sql_bind_int(s, 4, last);
	sql_bind_int(s, 5, (int64_t)(q->since > INT64_MAX ? INT64_MAX : q->since));
	sql_bind_int(s, 6, (int64_t)(out->most - out->n + over));
	int r = 0;
	size_t i = 0;
	while (out->n < out->most && (r = sql_step(s, e)) == 1) {
		uint32_t uid = (uint32_t)sql_int(s, 0);
		while (v[i].last < uid)
			i++;
		if (uid >= v[i].first)
			read_row(s, q, a, &out->v[out->n++]);
	}
	if (r == 1)
		sql_reset(s);
	return r < 0 ? -1 : 0;
}

static int read_set(struct sql *db, const struct mailbox_query *q, const struct uidset *uids,
	struct arena *a, struct rows *out, struct err *e)
{
	for (size_t i = 0, next; i < uids->n && out->n < out->most; i = next) {
		next = i + 1;
		if (uids->v[i].last <= q->after)
			continue;
		while (next < uids->n && uids->v[next].first - uids->v[next - 1].last <= GAP_MAX)
			next++;
		if (read_ranges(db, q, &uids->v[i], next - i, a, out, e) < 0)
			return -1;
	}
	return 0;
}

/* ---- what changed ---- */

/* UIDs of the folder whose rows are newer than `since`, by the index of changes: 1; 0: they are so many in the
 * account that walking through the folder is cheaper. */
static int changed_uids(
	struct sql *db, const struct mailbox_query *q, struct uidset *ret, struct err *e)
{
	int64_t most = CHANGES_FACTOR * (int64_t)(q->most < 100 ? 100 : q->most), n = 0;
	struct sql_stmt *s = sql_prepare(db,
		"SELECT folder_id, uid FROM message WHERE account_id = $1 AND modseq > $2"
		" ORDER BY modseq LIMIT $3",
		e);
	if (!s)
		return -1;
	sql_bind_int(s, 1, q->account_id);
	sql_bind_int(s, 2, (int64_t)(q->since > INT64_MAX ? INT64_MAX : q->since));
	sql_bind_int(s, 3, most);
	int r;
	while ((r = sql_step(s, e)) == 1) {
		uint32_t uid = (uint32_t)sql_int(s, 1);
		if (sql_int(s, 0) == q->folder_id)
			uidset_add(ret, uid, uid);
		n++;
	}
	return r < 0 ? -1 : n < most;
}

static int rows_since(struct sql *db, const struct mailbox_query *q, const struct uidset *uids,
	struct arena *a, struct rows *out, struct err *e)
{
	AUTO(uidset) struct uidset changed = {0};
	int r = changed_uids(db, q, &changed, e);
	if (r <= 0)
		return r < 0 ? -1 : read_set(db, q, uids, a, out, e);
	uidset_keep(&changed, uids);
	return read_set(db, q, &changed, a, out, e);
}

int mailbox_rows(struct sql *db, const struct mailbox_query *q, struct arena *a,
	struct mailbox_message **ret, size_t *ret_n, struct err *e)
{
	struct uidrange every = {1, UINT32_MAX};
	const struct uidset all = {.v = &every, .n = 1, .count = UINT32_MAX};
	const struct uidset *uids = q->uids ? q->uids : &all;
	struct rows out = {.most = q->most < uids->count ? q->most : (size_t)uids->count};
	if (out.most) {
		out.v = ARENA_ARRAY(a, struct mailbox_message, out.most);
		if ((q->since ? rows_since : read_set)(db, q, uids, a, &out, e) < 0)
			return -1;
	}
	*ret = out.v;
	*ret_n = out.n;
	return 0;
}

/* ---- sets ---- */

static int collect(struct sql_stmt *s, struct uidset *ret, struct err *e)
{
	int r;
	while ((r = sql_step(s, e)) == 1) {
		uint32_t uid = (uint32_t)sql_int(s, 0);
		uidset_add(ret, uid, uid);
	}
	return r;
}

static struct sql_stmt *of_folder(
	struct sql *db, const char *text, int64_t account_id, int64_t folder_id, struct err *e)
{
	struct sql_stmt *s = sql_prepare(db, text, e);
	if (s) {
		sql_bind_int(s, 1, account_id);
		sql_bind_int(s, 2, folder_id);
	}
	return s;
}

/* Ends and number of a folder's UIDs, from its row and two looks into the tree. 1, 0: no folder, -1. */
static int bounds(struct sql *db, int64_t account_id, int64_t folder_id, int64_t *ret_first,
	int64_t *ret_last, int64_t *ret_n, struct err *e)
{
	struct sql_stmt *s = of_folder(db,
		"SELECT f.messages,"
		" (SELECT MIN(uid) FROM message WHERE account_id = $1 AND folder_id = $2),"
		" (SELECT MAX(uid) FROM message WHERE account_id = $1 AND folder_id = $2)"
		" FROM folder f WHERE f.account_id = $1 AND f.id = $2",
		account_id, folder_id, e);
	int r = s ? sql_step(s, e) : -1;
	if (r <= 0)
		return r;
	*ret_n = sql_is_null(s, 1) ? 0 : sql_int(s, 0);
	*ret_first = sql_int(s, 1);
	*ret_last = sql_int(s, 2);
	sql_reset(s);
	return 1;
}

int mailbox_uids(
	struct sql *db, int64_t account_id, int64_t folder_id, struct uidset *ret, struct err *e)
{
	int64_t first, last, n;
	int r = bounds(db, account_id, folder_id, &first, &last, &n, e);
	if (r <= 0)
		return r < 0 ? -1 : err_set(e, ERR_NOTFOUND, "no such folder");
	if (n == 0)
		return 0;
	if (last - first + 1 == n) {
		uidset_add(ret, (uint32_t)first, (uint32_t)last);
		return 0;
	}
	struct sql_stmt *s = of_folder(db,
		"SELECT uid FROM message WHERE account_id = $1 AND folder_id = $2 ORDER BY uid",
		account_id, folder_id, e);
	return s ? collect(s, ret, e) : -1;
}

/* UIDs of rows in descending order, at most n of them: added the other way round. */
static int collect_last(struct sql_stmt *s, size_t n, struct uidset *ret, struct err *e)
{
	AUTO(free) uint32_t *v = mem_alloc(n * sizeof *v);
	size_t found = 0;
	int r = 0;
	while (found < n && (r = sql_step(s, e)) == 1)
		v[found++] = (uint32_t)sql_int(s, 0);
	if (r == 1)
		sql_reset(s);
	while (found--)
		uidset_add(ret, v[found], v[found]);
	return r < 0 ? -1 : 0;
}

/* The folder knows how many there are, and they are mostly the newest: from the end until all are found. */
static int unseen(
	struct sql *db, int64_t account_id, int64_t folder_id, struct uidset *ret, struct err *e)
{
	int64_t n = 0;
	struct sql_stmt *s =
		of_folder(db, "SELECT unseen FROM folder WHERE account_id = $1 AND id = $2",
			account_id, folder_id, e);
	if (!s || mailbox_returned(s, &n, e) < 0)
		return -1;
	if (n <= 0)
		return 0;
	s = of_folder(db,
		"SELECT uid FROM message WHERE account_id = $1 AND folder_id = $2"
		" AND (flags & 1) = 0 ORDER BY uid DESC",
		account_id, folder_id, e);
	return s ? collect_last(s, (size_t)n, ret, e) : -1;
}

static int seen(
	struct sql *db, int64_t account_id, int64_t folder_id, struct uidset *ret, struct err *e)
{
	AUTO(uidset) struct uidset others = {0};
	if (mailbox_uids(db, account_id, folder_id, ret, e) < 0 ||
		unseen(db, account_id, folder_id, &others, e) < 0)
		return -1;
	uidset_drop(ret, &others);
	return 0;
}

int mailbox_uids_flagged(struct sql *db, int64_t account_id, int64_t folder_id, unsigned flags,
	bool set, struct uidset *ret, struct err *e)
{
	struct sql_stmt *s;
	if (flags == MAILBOX_SEEN)
		return (set ? seen : unseen)(db, account_id, folder_id, ret, e);
	if (flags == MAILBOX_DELETED && set) {
		s = of_folder(db,
			"SELECT uid FROM message WHERE account_id = $1 AND folder_id = $2"
			" AND (flags & 8) <> 0 ORDER BY uid",
			account_id, folder_id, e);
		return s ? collect(s, ret, e) : -1;
	}
	s = of_folder(db,
		"SELECT uid FROM message WHERE account_id = $1 AND folder_id = $2"
		" AND (flags & $3) = $4 ORDER BY uid",
		account_id, folder_id, e);
	if (!s)
		return -1;
	sql_bind_int(s, 3, flags);
	sql_bind_int(s, 4, set ? flags : 0);
	return collect(s, ret, e);
}

static int check_floor(
	struct sql *db, int64_t account_id, int64_t folder_id, uint64_t since, struct err *e)
{
	int64_t floor = 0;
	struct sql_stmt *s =
		of_folder(db, "SELECT removed_floor FROM folder WHERE account_id = $1 AND id = $2",
			account_id, folder_id, e);
	int r = s ? mailbox_returned(s, &floor, e) : -1;
	if (r < 0)
		return -1;
	if (r == 0 || since < (uint64_t)floor)
		return err_set(e, ERR_NOTFOUND, "what left then is not known any more");
	return 0;
}

int mailbox_vanished(struct sql *db, int64_t account_id, int64_t folder_id, uint64_t since,
	struct uidset *ret, struct err *e)
{
	if (check_floor(db, account_id, folder_id, since, e) < 0)
		return -1;
	struct sql_stmt *s = of_folder(db,
		"SELECT uid FROM removed WHERE account_id = $1 AND modseq > $3 AND folder_id = $2"
		" AND how <> 6 ORDER BY modseq, uid",
		account_id, folder_id, e);
	if (!s)
		return -1;
	sql_bind_int(s, 3, (int64_t)(since > INT64_MAX ? INT64_MAX : since));
	return collect(s, ret, e);
}

/* ---- one message, and lists for the command line ---- */

static int find_folder(
	struct sql *db, int64_t account_id, slice folder, int64_t *ret, struct err *e)
{
	struct sql_stmt *s =
		sql_prepare(db, "SELECT id FROM folder WHERE account_id = $1 AND name = $2", e);
	if (!s)
		return -1;
	sql_bind_int(s, 1, account_id);
	sql_bind_text(s, 2, known_name(folder));
	int r = mailbox_returned(s, ret, e);
	return r ? (r < 0 ? -1 : 0)
		 : err_set(e, ERR_NOTFOUND, "no such folder: %.*s", SFMT(folder));
}

int mailbox_list(struct sql *db, int64_t account_id, slice folder, uint32_t after_uid,
	uint64_t most, bool (*row)(void *arg, const struct mailbox_message *m), void *arg,
	struct err *e)
{
	AUTO(arena) struct arena a = {0};
	struct mailbox_query q = {.account_id = account_id,
		.after = after_uid,
		.want = MAILBOX_WANT_EMAIL | MAILBOX_WANT_SUMMARY,
		.most = LIST_PIECE};
	struct mailbox_message *v;
	size_t n;
	if (find_folder(db, account_id, folder, &q.folder_id, e) < 0)
		return -1;
	while (most) {
		arena_reset(&a);
		if (mailbox_rows(db, &q, &a, &v, &n, e) < 0)
			return -1;
		for (size_t i = 0; i < n && most; i++, most--) {
			v[i].folder = known_name(folder);
			if (!row(arg, &v[i]))
				return 0;
		}
		if (n < LIST_PIECE)
			return 0;
		q.after = v[n - 1].uid;
	}
	return 0;
}

int mailbox_get(struct sql *db, int64_t account_id, slice folder, uint32_t uid, struct arena *a,
	struct mailbox_message *ret, struct err *e)
{
	struct uidrange one = {uid, uid};
	const struct uidset uids = {.v = &one, .n = 1, .count = 1};
	struct mailbox_query q = {.account_id = account_id,
		.uids = &uids,
		.want = MAILBOX_WANT_EMAIL | MAILBOX_WANT_SUMMARY,
		.most = 1};
	struct mailbox_message *v;
	size_t n;
	if (find_folder(db, account_id, folder, &q.folder_id, e) < 0 ||
		mailbox_rows(db, &q, a, &v, &n, e) < 0)
		return -1;
	if (n == 0)
		return err_set(e, ERR_NOTFOUND, "no message %u in %.*s", uid, SFMT(folder));
	*ret = v[0];
	ret->folder = arena_dup(a, known_name(folder));
	return 0;
}

int mailbox_find(struct sql *db, int64_t account_id, msg_id queue_id, struct arena *a,
	struct mailbox_message *ret, struct err *e)
{
	struct sql_stmt *s = sql_prepare(db,
		"SELECT f.name, m.uid FROM email e JOIN message m ON m.email_id = e.id"
		" JOIN folder f ON f.account_id = m.account_id AND f.id = m.folder_id"
		" WHERE e.account_id = $1 AND e.queue_id = $2 AND e.queue_id <> 0"
		" ORDER BY e.rcpt_idx, m.folder_id, m.uid LIMIT 1",
		e);
	if (!s)
		return -1;
	sql_bind_int(s, 1, account_id);
	sql_bind_int(s, 2, queue_id);
	int r = sql_step(s, e);
	if (r <= 0)
		return r < 0 ? -1 : err_set(e, ERR_NOTFOUND, "not in this mailbox");
	slice folder = arena_dup(a, sql_text(s, 0));
	uint32_t uid = (uint32_t)sql_int(s, 1);
	sql_reset(s);
	return mailbox_get(db, account_id, folder, uid, a, ret, e);
}
