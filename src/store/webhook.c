/* The table of messages to programs of others (webhook.h). Written by mail/settle.c, read by bin/queue_webhook.c. */
#include "store/webhook.h"

#include "base/mem.h"

const char webhook_schema_up[] =
	"CREATE TABLE webhook ("
	"seq {{AUTO_KEY}}, account_id BIGINT NOT NULL, next_at BIGINT NOT NULL,"
	"made_at BIGINT NOT NULL, tries BIGINT NOT NULL, url TEXT NOT NULL, body TEXT NOT NULL);"
	"CREATE INDEX webhook_next ON webhook (next_at);"
	"CREATE INDEX webhook_account ON webhook (account_id);";
const char webhook_schema_down[] = "DROP TABLE webhook;";

struct webhook webhook_copy(const struct webhook *w, struct arena *a)
{
	struct webhook to = *w;
	to.url = arena_dup(a, w->url);
	to.body = arena_dup(a, w->body);
	return to;
}

/* 1, 0, -1; counts no further than the limits. */
static int has_room(struct sql *db, int64_t account_id, struct err *e)
{
	struct sql_stmt *s = sql_prepare(db,
		"SELECT (SELECT COUNT(*) FROM (SELECT 1 FROM webhook LIMIT $2) AS everyone),"
		" (SELECT COUNT(*) FROM (SELECT 1 FROM webhook WHERE account_id = $1 LIMIT $3) AS "
		"one)",
		e);
	if (!s)
		return -1;
	sql_bind_int(s, 1, account_id);
	sql_bind_int(s, 2, WEBHOOK_WAITING_MAX);
	sql_bind_int(s, 3, WEBHOOK_ACCOUNT_MAX);
	int r = sql_step(s, e);
	if (r < 0)
		return -1;
	bool room = sql_int(s, 0) < WEBHOOK_WAITING_MAX && sql_int(s, 1) < WEBHOOK_ACCOUNT_MAX;
	sql_reset(s);
	return room;
}

int webhook_add_tx(struct sql *db, const struct webhook *w, struct err *e)
{
	if (w->url.n > WEBHOOK_URL_MAX || w->body.n > WEBHOOK_BODY_MAX)
		return err_set(e, ERR_LIMIT, "a webhook of %zu bytes", w->body.n);
	int room = has_room(db, w->account_id, e);
	if (room <= 0)
		return room;
	return sql_run(db, e,
		       "INSERT INTO webhook (account_id, next_at, made_at, tries, url, body)"
		       " VALUES ($1, $2, $3, 0, $4, $5)",
		       "iiitt", w->account_id, w->next_at, w->made_at, w->url, w->body) < 0
		       ? -1
		       : 0;
}

int webhook_due(struct sql *db, int64_t now, size_t most, struct arena *a, struct webhook **ret,
	size_t *ret_n, int64_t *ret_next_at, struct err *e)
{
	struct webhook *v = ARENA_ARRAY(a, struct webhook, most);
	size_t n = 0;
	int r = 1;
	struct sql_stmt *s = sql_prepare(db,
		"SELECT seq, account_id, next_at, made_at, tries, url, body FROM webhook"
		" WHERE NOT EXISTS (SELECT 1 FROM webhook AS earlier WHERE earlier.account_id ="
		" webhook.account_id AND earlier.url = webhook.url AND earlier.seq < webhook.seq)"
		" ORDER BY next_at, seq LIMIT $1",
		e);
	if (!s)
		return -1;
	sql_bind_int(s, 1, (int64_t)most + 1);
	*ret_next_at = INT64_MAX;
	while ((r = sql_step(s, e)) == 1) {
		if (n == most || sql_int(s, 2) > now) {
			*ret_next_at = sql_int(s, 2);
			sql_reset(s);
			break;
		}
		v[n++] = (struct webhook){.seq = sql_int(s, 0),
			.account_id = sql_int(s, 1),
			.next_at = sql_int(s, 2),
			.made_at = sql_int(s, 3),
			.tries = sql_int(s, 4),
			.url = arena_dup(a, sql_text(s, 5)),
			.body = arena_dup(a, sql_text(s, 6))};
	}
	*ret = v;
	*ret_n = n;
	return r < 0 ? -1 : 0;
}

int webhook_later_tx(struct sql *db, int64_t seq, int64_t next_at, struct err *e)
{
	return sql_run(db, e, "UPDATE webhook SET next_at = $2, tries = tries + 1 WHERE seq = $1",
		       "ii", seq, next_at) < 0
		       ? -1
		       : 0;
}

int webhook_done_tx(struct sql *db, int64_t seq, struct err *e)
{
	return sql_run(db, e, "DELETE FROM webhook WHERE seq = $1", "i", seq) < 0 ? -1 : 0;
}
