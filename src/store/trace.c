/*
 * The table of the trace, adding to it and letting old rows go. Searching is in trace_find.c, the
 * timeline's text in trace_event.c.
 *
 * Rows lie in the order of their ids, which is the order of arrival. Senders and recipients are
 * found by indexes led by the hour of arrival: writing then touches only this hour's small part of
 * each index, however large the table is, and a search goes back hour by hour, newest first. Their
 * keys put the domain first ("example.com/alice"), so that one index serves addresses and whole
 * domains.
 */
#include "base/mem.h"
#include "base/time.h"
#include "store/trace_rows.h"

const struct sql_migration trace_migrations[] = {
	{1, "trace",
		"CREATE TABLE trace ("
		"id BIGINT NOT NULL, idx BIGINT NOT NULL, hour BIGINT NOT NULL,"
		"arrived_at BIGINT NOT NULL, ended_at BIGINT NOT NULL,"
		"sender TEXT NOT NULL, rcpt TEXT NOT NULL,"
		"sender_key TEXT NOT NULL, rcpt_key TEXT NOT NULL,"
		"client TEXT NOT NULL, message_id TEXT NOT NULL, subject TEXT NOT NULL,"
		"size BIGINT NOT NULL, status BIGINT NOT NULL, log TEXT NOT NULL,"
		"PRIMARY KEY (id, idx));"
		"CREATE INDEX trace_sender ON trace (hour, sender_key);"
		"CREATE INDEX trace_rcpt ON trace (hour, rcpt_key);",
		"DROP TABLE trace;"},
	{2, "facts", /* policies.c: on which new policies are tried */
		"CREATE TABLE fact ("
		"id {{KEY}}, at BIGINT NOT NULL, facts TEXT NOT NULL, decided TEXT NOT NULL);"
		"CREATE INDEX fact_at ON fact (at);",
		"DROP TABLE fact;"},
};
const size_t trace_migrations_n = sizeof trace_migrations / sizeof trace_migrations[0];

static const char *const status_names[] = {
	[0] = "queued",
	[TRACE_DELIVERED] = "delivered",
	[TRACE_BOUNCED] = "bounced",
	[TRACE_EXPIRED] = "expired",
	[TRACE_DELETED] = "deleted",
	[TRACE_REFUSED] = "refused",
	[TRACE_RELAYED_DSN] = "relayed",
	[TRACE_QUARANTINED] = "quarantined",
};
enum { STATUS_N = sizeof status_names / sizeof status_names[0] };

const char *trace_status_name(int status)
{
	return status >= 0 && status < STATUS_N ? status_names[status] : "unknown";
}

bool trace_status_parse(slice s, int *ret)
{
	for (int i = 0; i < STATUS_N; i++)
		if (slice_ieq(s, slice_z(status_names[i]))) {
			*ret = i;
			return true;
		}
	return false;
}

int64_t trace_hour(msg_id id)
{
	return msg_id_wall(id) / HOUR;
}

slice trace_key(slice address, struct arena *a)
{
	size_t at = slice_rindex(address, '@');
	char *out = arena_alloc(a, address.n + 2), *to = out;
	for (size_t i = at + 1; i < address.n; i++)
		*to++ = ascii_lower(address.p[i]);
	*to++ = '/';
	for (size_t i = 0; i < at; i++)
		*to++ = ascii_lower(address.p[i]);
	return slice_of(out, (size_t)(to - out));
}

struct trace_row trace_row_of(const struct queue_msg *m, const struct queue_rcpt *r, int status,
	int64_t ended_at, struct arena *a)
{
	return (struct trace_row){
		.id = m->id,
		.idx = r->idx,
		.arrived_at = m->arrived_at,
		.ended_at = ended_at,
		.sender = m->sender,
		.rcpt = r->address,
		.client = m->client,
		.message_id = m->message_id,
		.subject = m->subject,
		.size = m->size,
		.status = status,
		.log = arena_printf(a, "%.*s%.*s", SFMT(m->log), SFMT(r->log)),
	};
}

int trace_add_tx(struct sql *db, const struct trace_row *r, struct err *e)
{
	struct arena a = {0};
	int64_t n = sql_run(db, e,
		"INSERT INTO trace (id, idx, hour, arrived_at, ended_at, sender, rcpt, sender_key, "
		"rcpt_key,"
		" client, message_id, subject, size, status, log)"
		" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)"
		" ON CONFLICT (id, idx) DO UPDATE SET ended_at = excluded.ended_at, status = "
		"excluded.status,"
		" log = excluded.log",
		"iiiiitttttttiit", r->id, (int64_t)r->idx, trace_hour(r->id), r->arrived_at,
		r->ended_at, r->sender, r->rcpt, trace_key(r->sender, &a), trace_key(r->rcpt, &a),
		r->client, r->message_id, r->subject, (int64_t)r->size, (int64_t)r->status, r->log);
	arena_done(&a);
	return n < 0 ? -1 : 0;
}

int trace_note_tx(struct sql *db, msg_id id, int32_t idx, slice more, struct err *e)
{
	AUTO(buf) struct buf log = BUF(TRACE_LOG_MAX);
	struct sql_stmt *s = sql_prepare(db, "SELECT log FROM trace WHERE id = $1 AND idx = $2", e);
	if (!s)
		return -1;
	sql_bind_int(s, 1, id);
	sql_bind_int(s, 2, idx);
	int r = sql_step(s, e);
	if (r < 0)
		return -1;
	if (r == 0)
		return err_set(e, ERR_NOTFOUND, "no such row in the trace");
	buf_put(&log, sql_text(s, 0));
	sql_reset(s);
	trace_append(&log, more);
	return sql_run(db, e, "UPDATE trace SET log = $3 WHERE id = $1 AND idx = $2", "iit", id,
		       (int64_t)idx, buf_slice(&log)) < 0
		       ? -1
		       : 0;
}

/* By id, that is oldest arrivals first, so no index on the end is needed: what arrived long ago has
 * ended, but for the few that wait for days. */
int64_t trace_expire_tx(struct sql *db, int64_t wall, uint64_t most, struct err *e)
{
	return sql_run(db, e,
		"DELETE FROM trace WHERE (id, idx) IN"
		" (SELECT id, idx FROM trace WHERE hour <= $1 AND ended_at < $2 ORDER BY hour "
		"LIMIT $3)",
		"iii", wall / HOUR, wall, (int64_t)(most < INT64_MAX ? most : INT64_MAX));
}
