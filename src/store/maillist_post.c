/*
 * Posts under way (maillist.h), in the queue's database, so that what is noted here is true in the same transaction as the queue's
 * rows that it is about: how far a post was sent out, who decided about one that waits, which ones the next digest has. Called by
 * the queue process, the pages and the command line.
 */
#include "base/hash.h"
#include "base/mem.h"
#include "base/time.h"
#include "base/utf8.h"
#include "store/maillist_impl.h"

const char maillist_queue_up[] =
	"CREATE TABLE maillist_done (msg BIGINT NOT NULL, idx BIGINT NOT NULL, PRIMARY KEY (msg, "
	"idx)) {{WITHOUT_ROWID}};"
	"CREATE TABLE maillist_cursor ("
	"msg {{KEY}}, address TEXT NOT NULL, made BIGINT NOT NULL, done BIGINT NOT NULL);"
	"CREATE TABLE maillist_seen ("
	"list_id BIGINT NOT NULL, hash BIGINT NOT NULL, msg BIGINT NOT NULL, author BIGINT NOT "
	"NULL, at BIGINT NOT NULL,"
	"PRIMARY KEY (list_id, hash)) {{WITHOUT_ROWID}};"
	"CREATE INDEX maillist_seen_at ON maillist_seen (list_id, at);"
	"CREATE TABLE maillist_held ("
	"msg BIGINT NOT NULL, idx BIGINT NOT NULL, list_id BIGINT NOT NULL, author TEXT NOT NULL,"
	"subject TEXT NOT NULL, reason TEXT NOT NULL, proven BIGINT NOT NULL, at BIGINT NOT NULL, "
	"until BIGINT NOT NULL,"
	"verdict BIGINT NOT NULL, by_whom TEXT NOT NULL, told BIGINT NOT NULL,"
	"PRIMARY KEY (msg, idx)) {{WITHOUT_ROWID}};"
	"CREATE INDEX maillist_held_list ON maillist_held (list_id, at);"
	"CREATE INDEX maillist_held_told ON maillist_held (list_id) WHERE told = 0;"
	"CREATE TABLE maillist_told (list_id {{KEY}}, at BIGINT NOT NULL);"
	"CREATE TABLE maillist_item ("
	"list_id BIGINT NOT NULL, msg BIGINT NOT NULL, at BIGINT NOT NULL, PRIMARY KEY (list_id, "
	"msg)) {{WITHOUT_ROWID}};"
	"CREATE TABLE maillist_issue (list_id {{KEY}}, number BIGINT NOT NULL, sent_at BIGINT NOT "
	"NULL);";
/* Going back loses no post: what waits for a moderator or a digest is a held recipient of the queue, and stays one (`posthouse queue
 * list`); but nobody knows any more how far a post was sent out that is under way, or what was posted already. */
const char maillist_queue_down[] =
	"DROP TABLE maillist_issue; DROP TABLE maillist_item; DROP TABLE maillist_told; DROP TABLE "
	"maillist_held;"
	"DROP TABLE maillist_seen; DROP TABLE maillist_cursor; DROP TABLE maillist_done;";

/* One number of a query with up to three numbers; 0 without a row. */
static int number(
	struct sql *db, const char *text, const int64_t *v, int n, int64_t *ret, struct err *e)
{
	struct sql_stmt *s = sql_prepare(db, text, e);
	for (int i = 0; s && i < n; i++)
		sql_bind_int(s, i + 1, v[i]);
	int r = s ? sql_step(s, e) : -1;
	*ret = r == 1 ? sql_int(s, 0) : 0;
	if (r == 1)
		sql_reset(s);
	return r < 0 ? -1 : 0;
}

/* ---- handled, and how far ---- */

int maillist_done(struct sql *db, msg_id id, int32_t idx, struct err *e)
{
	const int64_t v[] = {id, idx};
	int64_t n;
	return number(db, "SELECT COUNT(*) FROM maillist_done WHERE msg = $1 AND idx = $2", v, 2,
		       &n, e) < 0
		       ? -1
		       : n > 0;
}

int maillist_done_tx(struct sql *db, msg_id id, int32_t idx, struct err *e)
{
	return sql_run(db, e, "INSERT INTO maillist_done (msg, idx) VALUES ($1, $2)", "ii", id,
		       (int64_t)idx) < 0
		       ? -1
		       : 0;
}

int maillist_cursor(struct sql *db, msg_id id, struct arena *a, slice *ret, uint64_t *ret_n,
	bool *ret_done, struct err *e)
{
	struct sql_stmt *s = sql_prepare(
		db, "SELECT address, made, done FROM maillist_cursor WHERE msg = $1", e);
	if (!s)
		return -1;
	sql_bind_int(s, 1, id);
	int r = sql_step(s, e);
	*ret = S("");
	*ret_n = 0;
	*ret_done = false;
	if (r == 1) {
		*ret = arena_dup(a, sql_text(s, 0));
		*ret_n = (uint64_t)sql_int(s, 1);
		*ret_done = sql_int(s, 2) != 0;
		sql_reset(s);
	}
	return r < 0 ? -1 : 0;
}

int maillist_cursor_tx(
	struct sql *db, msg_id id, slice from, slice to, uint64_t n, bool done, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	slice at;
	uint64_t had;
	bool was_done;
	if (maillist_cursor(db, id, &a, &at, &had, &was_done, e) < 0)
		return -1;
	if (was_done || !slice_eq(at, from))
		return err_set(e, ERR_EXISTS, "this part of the post was sent out already");
	return sql_run(db, e,
		       "INSERT INTO maillist_cursor (msg, address, made, done) VALUES ($1, $2, $3, "
		       "$4)"
		       " ON CONFLICT (msg) DO UPDATE SET address = $2, made = $3, done = $4",
		       "itii", id, to, (int64_t)n, (int64_t)done) < 0
		       ? -1
		       : 0;
}

int maillist_sweep_tx(struct sql *db, struct err *e)
{
	static const char *const queries[] = {
		"DELETE FROM maillist_done WHERE NOT EXISTS (SELECT 1 FROM msg WHERE msg.id = "
		"maillist_done.msg)",
		"DELETE FROM maillist_cursor WHERE NOT EXISTS (SELECT 1 FROM msg WHERE msg.id = "
		"maillist_cursor.msg)",
		"DELETE FROM maillist_held WHERE NOT EXISTS (SELECT 1 FROM msg WHERE msg.id = "
		"maillist_held.msg)",
		"DELETE FROM maillist_item WHERE NOT EXISTS (SELECT 1 FROM msg WHERE msg.id = "
		"maillist_item.msg)",
	};
	for (size_t i = 0; i < sizeof queries / sizeof *queries; i++)
		if (sql_run(db, e, queries[i], "") < 0)
			return -1;
	return 0;
}

/* ---- the same again ---- */

static int64_t hash_of(slice s)
{
	static const uint64_t key[2] = {
		0x6d61696c6c697374, 0x73656e74}; /* stored: the same for ever */
	return (int64_t)(hash_with(key, s) >> 1);
}

int maillist_seen_tx(struct sql *db, int64_t list_id, slice message_id, slice author, msg_id id,
	int64_t now, struct err *e)
{
	const int64_t v[] = {list_id, hash_of(message_id), now - 7 * DAY};
	int64_t had;
	if (sql_run(db, e, "DELETE FROM maillist_seen WHERE list_id = $1 AND at < $2", "ii",
		    list_id, v[2]) < 0 ||
		number(db,
			"SELECT msg FROM maillist_seen WHERE list_id = $1 AND hash = $2 AND at >= "
			"$3",
			v, 3, &had, e) < 0)
		return -1;
	if (had)
		return had != id;
	return sql_run(db, e,
		       "INSERT INTO maillist_seen (list_id, hash, msg, author, at) VALUES ($1, $2, "
		       "$3, $4, $5)",
		       "iiiii", list_id, v[1], id, hash_of(author), now) < 0
		       ? -1
		       : 0;
}

int maillist_posts(struct sql *db, int64_t list_id, slice author, int64_t now, uint64_t *ret_author,
	uint64_t *ret_all, struct err *e)
{
	const int64_t v[] = {list_id, now - HOUR, hash_of(author)};
	int64_t all, one;
	if (number(db, "SELECT COUNT(*) FROM maillist_seen WHERE list_id = $1 AND at > $2", v, 2,
		    &all, e) < 0 ||
		number(db,
			"SELECT COUNT(*) FROM maillist_seen WHERE list_id = $1 AND at > $2 AND "
			"author = $3",
			v, 3, &one, e) < 0)
		return -1;
	*ret_all = (uint64_t)all;
	*ret_author = (uint64_t)one;
	return 0;
}

/* ---- waiting for a moderator ---- */

#define HELD_COLUMNS                                                                               \
	"msg, idx, list_id, author, subject, reason, proven, at, until, verdict, by_whom"

static struct maillist_held read_held(struct sql_stmt *s, struct arena *a)
{
	return (struct maillist_held){
		.id = sql_int(s, 0),
		.idx = (int32_t)sql_int(s, 1),
		.list_id = sql_int(s, 2),
		.author = arena_dup(a, sql_text(s, 3)),
		.subject = arena_dup(a, sql_text(s, 4)),
		.reason = arena_dup(a, sql_text(s, 5)),
		.proven = sql_int(s, 6) != 0,
		.at = sql_int(s, 7),
		.until = sql_int(s, 8),
		.verdict = (enum maillist_verdict)sql_int(s, 9),
		.by = arena_dup(a, sql_text(s, 10)),
	};
}

int maillist_hold_tx(struct sql *db, const struct maillist_held *h, struct err *e)
{
	int64_t n;
	if (number(db, "SELECT COUNT(*) FROM maillist_held WHERE list_id = $1 AND verdict = 0",
		    &h->list_id, 1, &n, e) < 0)
		return -1;
	if (n >= MAILLIST_HELD_MAX)
		return err_set(e, ERR_LIMIT, "%d posts wait for the moderators already",
			MAILLIST_HELD_MAX);
	return sql_run(db, e,
		       "INSERT INTO maillist_held (" HELD_COLUMNS ", told)"
		       " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 0, '', 0) ON CONFLICT (msg, "
		       "idx) DO NOTHING",
		       "iiitttiii", h->id, (int64_t)h->idx, h->list_id, utf8_first(h->author, 300),
		       utf8_first(h->subject, 300), h->reason, (int64_t)h->proven, h->at,
		       h->until) < 0
		       ? -1
		       : 0;
}

int maillist_held_get(struct sql *db, msg_id id, int32_t idx, struct arena *a,
	struct maillist_held *ret, struct err *e)
{
	struct sql_stmt *s = sql_prepare(
		db, "SELECT " HELD_COLUMNS " FROM maillist_held WHERE msg = $1 AND idx = $2", e);
	if (!s)
		return -1;
	sql_bind_int(s, 1, id);
	sql_bind_int(s, 2, idx);
	int r = sql_step(s, e);
	if (r <= 0)
		return r < 0 ? -1
			     : err_set(e, ERR_NOTFOUND,
				       "this post does not wait for a moderator any more");
	*ret = read_held(s, a);
	sql_reset(s);
	return 0;
}

int maillist_held(struct sql *db, int64_t list_id, struct arena *a, struct maillist_held **ret,
	size_t *ret_n, struct err *e)
{
	struct sql_stmt *s = sql_prepare(db,
		"SELECT " HELD_COLUMNS
		" FROM maillist_held WHERE (list_id = $1 OR $1 = 0) AND verdict = 0"
		" ORDER BY at LIMIT $2",
		e);
	if (!s)
		return -1;
	sql_bind_int(s, 1, list_id);
	sql_bind_int(s, 2, MAILLIST_HELD_MAX);
	struct maillist_held *v = ARENA_ARRAY(a, struct maillist_held, MAILLIST_HELD_MAX);
	size_t n = 0;
	int r;
	while ((r = sql_step(s, e)) == 1)
		v[n++] = read_held(s, a);
	if (r < 0)
		return -1;
	*ret = v;
	*ret_n = n;
	return 0;
}

int maillist_decide_tx(
	struct sql *db, msg_id id, int32_t idx, enum maillist_verdict v, slice by, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	struct maillist_held h;
	if (maillist_held_get(db, id, idx, &a, &h, e) < 0)
		return -1;
	if (h.verdict != MAILLIST_WAITS)
		return err_set(
			e, ERR_EXISTS, "%.*s has decided about this post already", SFMT(h.by));
	if (sql_run(db, e,
		    "UPDATE maillist_held SET verdict = $1, by_whom = $2 WHERE msg = $3 AND idx = "
		    "$4",
		    "itii", (int64_t)v, by, id, (int64_t)idx) < 0)
		return -1;
	return queue_change_tx(db, id, idx, QUEUE_RELEASE, by, S("moderated"), e);
}

int maillist_held_end_tx(struct sql *db, msg_id id, int32_t idx, struct err *e)
{
	return sql_run(db, e, "DELETE FROM maillist_held WHERE msg = $1 AND idx = $2", "ii", id,
		       (int64_t)idx) < 0
		       ? -1
		       : 0;
}

int maillist_held_expire_tx(struct sql *db, int64_t now, uint64_t *ret_n, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	struct maillist_held *v;
	size_t n;
	*ret_n = 0;
	if (maillist_held(db, 0, &a, &v, &n, e) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		if (v[i].until > now)
			continue;
		if (maillist_decide_tx(db, v[i].id, v[i].idx, MAILLIST_EXPIRED, S("time"), e) == 0)
			++*ret_n;
		else if (e->kind != ERR_NOTFOUND)
			return -1;
	}
	return 0;
}

int maillist_untold(struct sql *db, int64_t now, int64_t quiet, int64_t *ret, size_t most,
	size_t *ret_n, struct err *e)
{
	struct sql_stmt *s = sql_prepare(db,
		"SELECT DISTINCT maillist_held.list_id FROM maillist_held LEFT JOIN maillist_told"
		" ON maillist_told.list_id = maillist_held.list_id WHERE maillist_held.told = 0 "
		"AND verdict = 0"
		" AND COALESCE(maillist_told.at, 0) <= $1 LIMIT $2",
		e);
	if (!s)
		return -1;
	sql_bind_int(s, 1, now - quiet);
	sql_bind_int(s, 2, (int64_t)most);
	size_t n = 0;
	int r;
	while ((r = sql_step(s, e)) == 1 && n < most)
		ret[n++] = sql_int(s, 0);
	if (r == 1)
		sql_reset(s);
	*ret_n = n;
	return r < 0 ? -1 : 0;
}

int maillist_told_tx(struct sql *db, int64_t list_id, int64_t now, struct err *e)
{
	if (sql_run(db, e, "UPDATE maillist_held SET told = 1 WHERE list_id = $1 AND told = 0", "i",
		    list_id) < 0)
		return -1;
	return sql_run(db, e,
		       "INSERT INTO maillist_told (list_id, at) VALUES ($1, $2) ON CONFLICT "
		       "(list_id) DO UPDATE SET at = $2",
		       "ii", list_id, now) < 0
		       ? -1
		       : 0;
}

/* ---- digests ---- */

int maillist_digest_add_tx(struct sql *db, int64_t list_id, msg_id id, int64_t now, struct err *e)
{
	return sql_run(db, e, "INSERT INTO maillist_item (list_id, msg, at) VALUES ($1, $2, $3)",
		       "iii", list_id, id, now) < 0
		       ? -1
		       : 0;
}

int maillist_digest_items(struct sql *db, int64_t list_id, struct arena *a,
	struct maillist_item **ret, size_t *ret_n, struct err *e)
{
	struct sql_stmt *s = sql_prepare(db,
		"SELECT msg, at FROM maillist_item WHERE list_id = $1 ORDER BY msg LIMIT $2", e);
	if (!s)
		return -1;
	sql_bind_int(s, 1, list_id);
	sql_bind_int(s, 2, MAILLIST_DIGEST_POSTS_MAX);
	struct maillist_item *v = ARENA_ARRAY(a, struct maillist_item, MAILLIST_DIGEST_POSTS_MAX);
	size_t n = 0;
	int r;
	while ((r = sql_step(s, e)) == 1)
		v[n++] = (struct maillist_item){sql_int(s, 0), sql_int(s, 1)};
	if (r < 0)
		return -1;
	*ret = v;
	*ret_n = n;
	return 0;
}

int maillist_digest_sent_tx(struct sql *db, int64_t list_id, const struct maillist_item *v,
	size_t n, int64_t now, struct err *e)
{
	for (size_t i = 0; i < n; i++)
		if (sql_run(db, e, "DELETE FROM maillist_item WHERE list_id = $1 AND msg = $2",
			    "ii", list_id, v[i].id) < 0)
			return -1;
	return sql_run(db, e,
		       "INSERT INTO maillist_issue (list_id, number, sent_at) VALUES ($1, 1, $2)"
		       " ON CONFLICT (list_id) DO UPDATE SET number = maillist_issue.number + 1, "
		       "sent_at = $2",
		       "ii", list_id, now) < 0
		       ? -1
		       : 0;
}

int maillist_digests(struct sql *db, struct arena *a, struct maillist_digest_due **ret,
	size_t *ret_n, struct err *e)
{
	struct sql_stmt *s = sql_prepare(db,
		"SELECT maillist_item.list_id, MIN(maillist_item.at), "
		"COALESCE(MAX(maillist_issue.sent_at), 0),"
		" COALESCE(MAX(maillist_issue.number), 0) FROM maillist_item LEFT JOIN "
		"maillist_issue"
		" ON maillist_issue.list_id = maillist_item.list_id GROUP BY maillist_item.list_id "
		"LIMIT $1",
		e);
	if (!s)
		return -1;
	sql_bind_int(s, 1, MAILLIST_PAGE_MAX);
	struct maillist_digest_due *v =
		ARENA_ARRAY(a, struct maillist_digest_due, MAILLIST_PAGE_MAX);
	size_t n = 0;
	int r;
	while ((r = sql_step(s, e)) == 1)
		v[n++] = (struct maillist_digest_due){
			sql_int(s, 0), sql_int(s, 2), sql_int(s, 1), sql_int(s, 3)};
	if (r < 0)
		return -1;
	*ret = v;
	*ret_n = n;
	return 0;
}

int maillist_digest_ask_tx(struct sql *db, int64_t list_id, struct err *e)
{
	return sql_run(db, e, "UPDATE maillist_item SET at = 0 WHERE list_id = $1", "i", list_id) <
				       0 ||
			       sql_run(db, e,
				       "UPDATE maillist_issue SET sent_at = 0 WHERE list_id = $1",
				       "i", list_id) < 0
		       ? -1
		       : 0;
}

int maillist_post_forget_tx(struct sql *db, int64_t list_id, struct err *e)
{
	static const char *const queries[] = {
		"DELETE FROM maillist_seen WHERE list_id = $1",
		"DELETE FROM maillist_told WHERE list_id = $1",
		"DELETE FROM maillist_issue WHERE list_id = $1",
	};
	for (size_t i = 0; i < sizeof queries / sizeof *queries; i++)
		if (sql_run(db, e, queries[i], "i", list_id) < 0)
			return -1;
	return 0;
}
