/*
 * Requests to join or leave a list (maillist.h): one for each address and wish, so that asking often costs nothing; each has a letter
 * at most once an hour, and an address few of all lists, so that nobody can have a stranger's mailbox filled. They end by confirmation, decision, or time.
 */
#include "base/mem.h"
#include "base/time.h"
#include "base/utf8.h"
#include "store/maillist_impl.h"

#define REQUEST_COLUMNS "id, list_id, address, want, name, confirmed, at, until, asked_at"

static struct maillist_request read_request(struct sql_stmt *s, struct arena *a)
{
	return (struct maillist_request){
		.id = sql_int(s, 0),
		.list_id = sql_int(s, 1),
		.address = arena_dup(a, sql_text(s, 2)),
		.want = (enum maillist_want)sql_int(s, 3),
		.name = arena_dup(a, sql_text(s, 4)),
		.confirmed = sql_int(s, 5) != 0,
		.at = sql_int(s, 6),
		.until = sql_int(s, 7),
		.asked_at = sql_int(s, 8),
	};
}

static int count(struct sql *db, int64_t list_id, int64_t *ret, struct err *e)
{
	struct sql_stmt *s =
		sql_prepare(db, "SELECT COUNT(*) FROM maillist_request WHERE list_id = $1", e);
	if (!s)
		return -1;
	sql_bind_int(s, 1, list_id);
	if (sql_step(s, e) != 1)
		return -1;
	*ret = sql_int(s, 0);
	sql_reset(s);
	return 0;
}

static int find(struct sql *db, const struct maillist_request *r, struct arena *a,
	struct maillist_request *ret, struct err *e)
{
	struct sql_stmt *s = sql_prepare(db,
		"SELECT " REQUEST_COLUMNS
		" FROM maillist_request WHERE list_id = $1 AND address = $2 AND want = $3",
		e);
	if (!s)
		return -1;
	sql_bind_int(s, 1, r->list_id);
	sql_bind_text(s, 2, r->address);
	sql_bind_int(s, 3, (int64_t)r->want);
	int n = sql_step(s, e);
	if (n == 1) {
		*ret = read_request(s, a);
		sql_reset(s);
	}
	return n;
}

/* Letters that this address got of all lists within the hour. */
static int count_letters(struct sql *db, slice address, int64_t now, int64_t *ret, struct err *e)
{
	struct sql_stmt *s = sql_prepare(db,
		"SELECT COUNT(*) FROM maillist_request WHERE address = $1 AND asked_at > $2", e);
	if (!s)
		return -1;
	sql_bind_text(s, 1, address);
	sql_bind_int(s, 2, now - HOUR);
	if (sql_step(s, e) != 1)
		return -1;
	*ret = sql_int(s, 0);
	sql_reset(s);
	return 0;
}

int maillist_request_tx(struct sql *db, const struct maillist_request *r, int64_t *ret_id,
	bool *ret_ask, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	struct maillist_request had = {0};
	int64_t n, letters;
	int there = find(db, r, &a, &had, e);
	if (there < 0 || count(db, r->list_id, &n, e) < 0 ||
		count_letters(db, r->address, r->at, &letters, e) < 0)
		return -1;
	if (!there && n >= MAILLIST_REQUESTS_MAX)
		return err_set(e, ERR_LIMIT, "too many requests wait for this list (%d)",
			MAILLIST_REQUESTS_MAX);
	*ret_ask = (!there || r->at - had.asked_at >= HOUR || r->at < had.asked_at) &&
		   letters < MAILLIST_LETTERS_HOUR;
	if (sql_run(db, e,
		    "INSERT INTO maillist_request (list_id, address, want, name, confirmed, at, "
		    "until, asked_at)"
		    " VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (list_id, address, want) "
		    "DO UPDATE SET"
		    " until = $7, asked_at = $8, name = $4,"
		    " confirmed = CASE WHEN $5 > maillist_request.confirmed THEN $5 ELSE "
		    "maillist_request.confirmed END",
		    "ititiiii", r->list_id, r->address, (int64_t)r->want, utf8_first(r->name, 200),
		    (int64_t)r->confirmed, r->at, r->until, *ret_ask ? r->at : had.asked_at) < 0 ||
		find(db, r, &a, &had, e) < 0)
		return -1;
	*ret_id = had.id;
	return 0;
}

int maillist_request_get(
	struct sql *db, int64_t id, struct arena *a, struct maillist_request *ret, struct err *e)
{
	struct sql_stmt *s = sql_prepare(
		db, "SELECT " REQUEST_COLUMNS " FROM maillist_request WHERE id = $1", e);
	if (!s)
		return -1;
	sql_bind_int(s, 1, id);
	int r = sql_step(s, e);
	if (r <= 0)
		return r < 0 ? -1
			     : err_set(e, ERR_NOTFOUND,
				       "this request was carried out, or its time is over");
	*ret = read_request(s, a);
	sql_reset(s);
	return 0;
}

int maillist_request_confirm_tx(struct sql *db, int64_t id, int64_t until, struct err *e)
{
	return sql_run(db, e, "UPDATE maillist_request SET confirmed = 1, until = $1 WHERE id = $2",
		       "ii", until, id) < 0
		       ? -1
		       : 0;
}

int maillist_request_done_tx(struct sql *db, int64_t id, struct err *e)
{
	int64_t n = sql_run(db, e, "DELETE FROM maillist_request WHERE id = $1", "i", id);
	return n == 0  ? err_set(e, ERR_NOTFOUND,
				 "this request was carried out, or its time is over")
	       : n < 0 ? -1
		       : 0;
}

int maillist_requests(struct sql *db, int64_t list_id, bool confirmed, struct arena *a,
	struct maillist_request **ret, size_t *ret_n, struct err *e)
{
	struct sql_stmt *s = sql_prepare(db,
		"SELECT " REQUEST_COLUMNS
		" FROM maillist_request WHERE list_id = $1 AND confirmed = $2"
		" ORDER BY at LIMIT $3",
		e);
	if (!s)
		return -1;
	sql_bind_int(s, 1, list_id);
	sql_bind_int(s, 2, confirmed);
	sql_bind_int(s, 3, MAILLIST_REQUESTS_MAX);
	struct maillist_request *v = ARENA_ARRAY(a, struct maillist_request, MAILLIST_REQUESTS_MAX);
	size_t n = 0;
	int r;
	while ((r = sql_step(s, e)) == 1)
		v[n++] = read_request(s, a);
	if (r < 0)
		return -1;
	*ret = v;
	*ret_n = n;
	return 0;
}

int maillist_requests_expire_tx(struct sql *db, int64_t now, struct err *e)
{
	return sql_run(db, e, "DELETE FROM maillist_request WHERE until < $1", "i", now) < 0 ? -1
											     : 0;
}
