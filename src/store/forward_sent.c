/*
 * Whom automatic answers were sent to (forward.h; RFC 3834 2: one sender is answered once in a while). In the queue's
 * database: a row is written in the transaction that ends the delivery and hands in the answer.
 */
#include "store/forward.h"

#include "base/time.h"

const char autoreply_sent_up[] =
	"CREATE TABLE autoreply_sent ("
	"account_id BIGINT NOT NULL, sender TEXT NOT NULL, at BIGINT NOT NULL,"
	"PRIMARY KEY (account_id, sender)) {{WITHOUT_ROWID}};"
	"CREATE INDEX autoreply_sent_at ON autoreply_sent (at);";
const char autoreply_sent_down[] = "DROP TABLE autoreply_sent;";

enum { SWEEP = 4 /* rows that are too old, with each new one */ };

/* A time in the future is that of a wrong clock. */
static int was_answered(
	struct sql *db, int64_t account_id, slice sender, int64_t now, int64_t quiet, struct err *e)
{
	struct sql_stmt *s = sql_prepare(
		db, "SELECT at FROM autoreply_sent WHERE account_id = $1 AND sender = $2", e);
	if (!s)
		return -1;
	sql_bind_int(s, 1, account_id);
	sql_bind_text(s, 2, sender);
	int r = sql_step(s, e);
	if (r <= 0)
		return r;
	int64_t at = sql_int(s, 0);
	sql_reset(s);
	return at <= now && now - at < quiet;
}

int autoreply_note_tx(
	struct sql *db, int64_t account_id, slice sender, int64_t now, int64_t quiet, struct err *e)
{
	int r = was_answered(db, account_id, sender, now, quiet, e);
	if (r)
		return r < 0 ? -1 : 0;
	if (sql_run(db, e,
		    "DELETE FROM autoreply_sent WHERE (account_id, sender) IN (SELECT account_id, "
		    "sender FROM"
		    " autoreply_sent WHERE at < $1 ORDER BY at LIMIT $2)",
		    "ii", now - AUTOREPLY_DAYS_MAX * DAY, (int64_t)SWEEP) < 0 ||
		sql_run(db, e,
			"INSERT INTO autoreply_sent (account_id, sender, at) VALUES ($1, $2, $3)"
			" ON CONFLICT (account_id, sender) DO UPDATE SET at = excluded.at",
			"iti", account_id, sender, now) < 0)
		return -1;
	return 1;
}
