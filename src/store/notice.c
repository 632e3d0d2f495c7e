/*
 * The outbox of notices (notice.h): tables `notice` and `notice_told` of the queue's database, made by
 * its migrations (queue.c). Rows are added by whoever finds something out (edge, keeper, command line,
 * pages), read and removed by the queue process (bin/queue_notice.c).
 */
#include "store/notice.h"

#include "base/time.h"

static int check(const struct notice *n, struct err *e)
{
	if (n->kind < NOTICE_APPROVE || n->kind >= NOTICE_KINDS)
		return err_set(e, ERR_BUG, "a notice of kind %d", (int)n->kind);
	if (n->data.n > NOTICE_DATA_MAX || n->key.n > NOTICE_KEY_MAX)
		return err_set(e, ERR_LIMIT, "a notice of %zu bytes", n->data.n);
	return 0;
}

/* The span of row numbers is never less than their count, and is known at once; only when that is large
 * are they counted. */
int notice_has_room(struct sql *db, struct err *e)
{
	struct sql_stmt *s = sql_prepare(db,
		"SELECT CASE WHEN COALESCE((SELECT MAX(seq) FROM notice)"
		" - (SELECT MIN(seq) FROM notice), 0) < $1 THEN 0 ELSE"
		" (SELECT COUNT(*) FROM (SELECT 1 FROM notice LIMIT $1) AS some) END",
		e);
	if (!s)
		return -1;
	sql_bind_int(s, 1, NOTICE_WAITING_MAX);
	int r = sql_step(s, e);
	if (r < 0)
		return -1;
	bool full = r == 1 && sql_int(s, 0) >= NOTICE_WAITING_MAX;
	sql_reset(s);
	return !full;
}

static int check_room(struct sql *db, struct err *e)
{
	int room = notice_has_room(db, e);
	return room == 0 ? err_set(e, ERR_TEMP, "%d notices wait to be sent", NOTICE_WAITING_MAX) : room < 0 ? -1 : 0;
}

/* 1: told within the hour; 0: not, and how often it was kept back since; -1. A time in the future is
 * that of a wrong clock. */
static int was_told(struct sql *db, const struct notice *n, int64_t *ret_more, struct err *e)
{
	struct sql_stmt *s = sql_prepare(db, "SELECT at, more FROM notice_told WHERE name = $1", e);
	if (!s)
		return -1;
	sql_bind_text(s, 1, n->key);
	int r = sql_step(s, e);
	if (r <= 0)
		return r;
	int64_t at = sql_int(s, 0);
	*ret_more = sql_int(s, 1);
	sql_reset(s);
	return at <= n->at && n->at - at < NOTICE_KEY_QUIET_S * SECOND;
}

static int note_told(struct sql *db, const struct notice *n, struct err *e)
{
	if (sql_run(db, e, "DELETE FROM notice_told WHERE at < $1", "i", n->at - 7 * DAY) < 0)
		return -1;
	return sql_run(db, e,
		       "INSERT INTO notice_told (name, at, more) VALUES ($1, $2, 0)"
		       " ON CONFLICT (name) DO UPDATE SET at = excluded.at, more = 0",
		       "ti", n->key, n->at) < 0
		       ? -1
		       : 0;
}

int notice_add_tx(struct sql *db, const struct notice *n, struct err *e)
{
	int64_t more = 0;
	if (check(n, e) < 0)
		return -1;
	int told = n->key.n ? was_told(db, n, &more, e) : 0;
	if (told == 1)
		return sql_run(db, e, "UPDATE notice_told SET more = more + 1 WHERE name = $1", "t",
			       n->key) < 0
			       ? -1
			       : 0;
	if (told < 0 || (n->key.n && note_told(db, n, e) < 0) || check_room(db, e) < 0)
		return -1;
	return sql_run(db, e,
		       "INSERT INTO notice (kind, recipient, about, idx, name, data, at, more)"
		       " VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
		       "itiittii", (int64_t)n->kind, n->to, n->about, (int64_t)n->idx, n->key,
		       n->data, n->at, more) < 0
		       ? -1
		       : 0;
}

static struct notice read_row(struct sql_stmt *s)
{
	return (struct notice){
		.seq = sql_int(s, 0),
		.kind = (enum notice_kind)sql_int(s, 1),
		.to = sql_text(s, 2),
		.about = sql_int(s, 3),
		.idx = (int32_t)sql_int(s, 4),
		.key = sql_text(s, 5),
		.data = sql_text(s, 6),
		.at = sql_int(s, 7),
		.more = sql_int(s, 8),
	};
}

int notice_each(struct sql *db, int64_t after, uint64_t most,
	bool (*fn)(void *arg, const struct notice *n), void *arg, struct err *e)
{
	struct sql_stmt *s = sql_prepare(db,
		"SELECT seq, kind, recipient, about, idx, name, data, at, more FROM notice"
		" WHERE seq > $1 ORDER BY seq LIMIT $2",
		e);
	int r;
	if (!s)
		return -1;
	sql_bind_int(s, 1, after);
	sql_bind_int(s, 2, most < INT64_MAX ? (int64_t)most : INT64_MAX);
	while ((r = sql_step(s, e)) == 1) {
		struct notice n = read_row(s);
		if (!fn(arg, &n)) {
			sql_reset(s);
			return 0;
		}
	}
	return r;
}

int notice_done_tx(struct sql *db, int64_t seq, struct err *e)
{
	int64_t n = sql_run(db, e, "DELETE FROM notice WHERE seq = $1", "i", seq);
	return n > 0 ? 0 : n < 0 ? -1 : err_set(e, ERR_NOTFOUND, "the notice has left");
}
