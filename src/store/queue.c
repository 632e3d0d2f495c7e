/*
 * The queue's tables and its one-message operations. Sweeping is in queue_sweep.c, lists and totals
 * in queue_list.c.
 *
 * A message is one row of msg and one small row of rcpt per recipient; rcpt_due holds the waiting
 * ones in the order in which the sweep takes them: destination, priority, lane (senders share),
 * time. The common life, one recipient delivered at once, is two inserts and two deletes.
 */
#include "store/queue.h"

#include "base/hash.h"
#include "base/mem.h"
#include "base/must.h"
#include "base/time.h"
#include "store/forward.h"
#include "store/maillist.h"
#include "store/quarantine.h"
#include "store/script.h"
#include "store/trace.h"
#include "store/webhook.h"

const struct sql_migration queue_migrations[] = {
	{1, "queue",
		"CREATE TABLE msg ("
		"id {{KEY}}, sender TEXT NOT NULL, blob BIGINT NOT NULL, size BIGINT NOT NULL,"
		"prefix {{BLOB}} NOT NULL, flags BIGINT NOT NULL, priority BIGINT NOT NULL,"
		"arrived_at BIGINT NOT NULL, expires_at BIGINT NOT NULL, envid TEXT NOT NULL,"
		"auth TEXT NOT NULL, client TEXT NOT NULL, log TEXT NOT NULL,"
		"message_id TEXT NOT NULL, subject TEXT NOT NULL);"
		"CREATE INDEX msg_blob ON msg (blob);"
		"CREATE TABLE rcpt ("
		"msg BIGINT NOT NULL, idx BIGINT NOT NULL, priority BIGINT NOT NULL, lane BIGINT "
		"NOT NULL,"
		"dest TEXT NOT NULL, state BIGINT NOT NULL, next_at BIGINT NOT NULL,"
		"attempts BIGINT NOT NULL, warned BIGINT NOT NULL, notify BIGINT NOT NULL,"
		"address TEXT NOT NULL, orcpt TEXT NOT NULL, reason TEXT NOT NULL, log TEXT NOT "
		"NULL,"
		"PRIMARY KEY (msg, idx)) {{WITHOUT_ROWID}};"
		"CREATE INDEX rcpt_due ON rcpt (dest, priority, lane, next_at, msg, idx) WHERE "
		"state = 0;",
		"DROP TABLE rcpt; DROP TABLE msg;"},
	{2, "notice", /* notice.c; digest.c */
		"CREATE TABLE notice ("
		"seq {{AUTO_KEY}}, kind BIGINT NOT NULL, recipient TEXT NOT NULL, about BIGINT NOT "
		"NULL,"
		"idx BIGINT NOT NULL, name TEXT NOT NULL, data TEXT NOT NULL, at BIGINT NOT NULL,"
		"more BIGINT NOT NULL);"
		"CREATE TABLE notice_told (name TEXT PRIMARY KEY, at BIGINT NOT NULL,"
		" more BIGINT NOT NULL) {{WITHOUT_ROWID}};"
		"CREATE INDEX notice_told_at ON notice_told (at);"
		"CREATE TABLE digest_due (name TEXT PRIMARY KEY, since BIGINT NOT NULL,"
		" due_at BIGINT NOT NULL) {{WITHOUT_ROWID}};"
		"CREATE INDEX digest_due_at ON digest_due (due_at);"
		"CREATE TABLE digest_last (name TEXT PRIMARY KEY, sent_at BIGINT NOT NULL,"
		" seen_at BIGINT NOT NULL, msg BIGINT NOT NULL, listed BIGINT NOT NULL)"
		" {{WITHOUT_ROWID}};"
		"CREATE TABLE digest_mark (id {{KEY}}, read_at BIGINT NOT NULL,"
		" settings TEXT NOT NULL);",
		"DROP TABLE digest_mark; DROP TABLE digest_last; DROP TABLE digest_due;"
		"DROP TABLE notice_told; DROP TABLE notice;"},
	{3, "quarantine", quarantine_schema_up, quarantine_schema_down},
	{4, "suspension", /* defence/outbound.h */
		"CREATE TABLE suspension (who TEXT PRIMARY KEY, why BIGINT NOT NULL,"
		" detail TEXT NOT NULL, since BIGINT NOT NULL, until_at BIGINT NOT NULL,"
		" by_whom TEXT NOT NULL) {{WITHOUT_ROWID}};"
		"CREATE INDEX msg_auth ON msg (auth) WHERE auth <> '';",
		"DROP INDEX msg_auth; DROP TABLE suspension;"},
	{5, "quarantine counts", quarantine_counts_up, quarantine_counts_down},
	{6, "summary", "ALTER TABLE msg ADD COLUMN summary {{BLOB}};",
		"ALTER TABLE msg DROP COLUMN summary;"},
	{7, "autoreply", autoreply_sent_up, autoreply_sent_down}, /* forward_sent.c */
	{8, "sieve", script_fault_up, script_fault_down}, /* script_fault.c */
	{9, "maillist", maillist_queue_up, maillist_queue_down}, /* maillist_post.c */
	{10, "webhooks", webhook_schema_up, webhook_schema_down},
};
const size_t queue_migrations_n = sizeof queue_migrations / sizeof queue_migrations[0];

/* Whose mail shares with whom: by login, else by sender. Stable across processes and versions. */
static int64_t lane_of(const struct queue_msg *m)
{
	return crc32c(0, m->auth.n ? m->auth : m->sender) % QUEUE_LANES;
}

static int add_rcpt(
	struct sql *db, const struct queue_msg *m, const struct queue_rcpt *r, struct err *e)
{
	int64_t n = sql_run(db, e,
		"INSERT INTO rcpt (msg, idx, priority, lane, dest, state, next_at, attempts, "
		"warned, notify,"
		" address, orcpt, reason, log)"
		" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)",
		"iiiitiiiiitttt", m->id, (int64_t)r->idx, (int64_t)m->priority, lane_of(m), r->dest,
		(int64_t)r->state, r->next_at, (int64_t)r->attempts, (int64_t)r->warned,
		(int64_t)r->notify, r->address, r->orcpt, r->reason, r->log);
	return n < 0 ? -1 : 0;
}

int queue_add_tx(struct sql *db, const struct queue_msg *m, struct err *e)
{
	int64_t n = sql_run(db, e,
		"INSERT INTO msg (id, sender, blob, size, prefix, flags, priority, arrived_at, "
		"expires_at,"
		" envid, auth, client, log, message_id, subject, summary)"
		" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)",
		"itiibiiiittttttb", m->id, m->sender, (int64_t)m->blob, (int64_t)m->size, m->prefix,
		(int64_t)m->flags, (int64_t)m->priority, m->arrived_at, m->expires_at, m->envid,
		m->auth, m->client, m->log, m->message_id, m->subject, m->summary);
	for (size_t i = 0; n >= 0 && i < m->nrcpts; i++)
		n = add_rcpt(db, m, &m->rcpts[i], e);
	return n < 0 ? -1 : 0;
}

static int load_msg(struct sql *db, msg_id id, struct arena *a, struct queue_msg *m, struct err *e)
{
	struct sql_stmt *s = sql_prepare(db,
		"SELECT sender, blob, size, prefix, flags, priority, arrived_at, expires_at, "
		"envid, auth,"
		" client, log, message_id, subject, summary,"
		" (SELECT COUNT(*) FROM rcpt WHERE rcpt.msg = msg.id) FROM msg WHERE id = $1",
		e);
	if (!s)
		return -1;
	sql_bind_int(s, 1, id);
	int r = sql_step(s, e);
	if (r <= 0)
		return r < 0 ? -1 : err_set(e, ERR_NOTFOUND, "message has left the queue");
	*m = (struct queue_msg){
		.id = id,
		.sender = arena_dup(a, sql_text(s, 0)),
		.blob = (blob_id)sql_int(s, 1),
		.size = (uint64_t)sql_int(s, 2),
		.prefix = arena_dup(a, sql_text(s, 3)),
		.flags = (unsigned)sql_int(s, 4),
		.priority = (enum queue_priority)sql_int(s, 5),
		.arrived_at = sql_int(s, 6),
		.expires_at = sql_int(s, 7),
		.envid = arena_dup(a, sql_text(s, 8)),
		.auth = arena_dup(a, sql_text(s, 9)),
		.client = arena_dup(a, sql_text(s, 10)),
		.log = arena_dup(a, sql_text(s, 11)),
		.message_id = arena_dup(a, sql_text(s, 12)),
		.subject = arena_dup(a, sql_text(s, 13)),
		.summary = arena_dup(a, sql_text(s, 14)),
		.nrcpts = (size_t)sql_int(s, 15),
	};
	sql_reset(s);
	m->rcpts = ARENA_ARRAY(a, struct queue_rcpt, m->nrcpts);
	return 0;
}

static struct queue_rcpt read_rcpt(struct sql_stmt *s, struct arena *a)
{
	return (struct queue_rcpt){
		.idx = (int32_t)sql_int(s, 0),
		.dest = arena_dup(a, sql_text(s, 1)),
		.state = (enum rcpt_state)sql_int(s, 2),
		.next_at = sql_int(s, 3),
		.attempts = (int32_t)sql_int(s, 4),
		.warned = sql_int(s, 5) != 0,
		.notify = (unsigned)sql_int(s, 6),
		.address = arena_dup(a, sql_text(s, 7)),
		.orcpt = arena_dup(a, sql_text(s, 8)),
		.reason = arena_dup(a, sql_text(s, 9)),
		.log = arena_dup(a, sql_text(s, 10)),
	};
}

/* At most the number that load_msg counted: another process may change rows between the two. */
static int load_rcpts(struct sql *db, struct arena *a, struct queue_msg *m, struct err *e)
{
	struct sql_stmt *s = sql_prepare(db,
		"SELECT idx, dest, state, next_at, attempts, warned, notify, address, orcpt, "
		"reason, log"
		" FROM rcpt WHERE msg = $1 ORDER BY idx",
		e);
	if (!s)
		return -1;
	sql_bind_int(s, 1, m->id);
	size_t n = 0;
	int r;
	while ((r = sql_step(s, e)) == 1 && n < m->nrcpts)
		m->rcpts[n++] = read_rcpt(s, a);
	if (r == 1)
		sql_reset(s);
	m->nrcpts = n;
	if (r < 0)
		return -1;
	return n ? 0 : err_set(e, ERR_NOTFOUND, "message has left the queue");
}

int queue_load(struct sql *db, msg_id id, struct arena *a, struct queue_msg *ret, struct err *e)
{
	struct queue_msg m;
	if (load_msg(db, id, a, &m, e) < 0 || load_rcpts(db, a, &m, e) < 0)
		return -1;
	*ret = m;
	return 0;
}

int queue_update_tx(struct sql *db, msg_id id, const struct queue_rcpt *r, size_t n, struct err *e)
{
	for (size_t i = 0; i < n; i++)
		if (sql_run(db, e,
			    "UPDATE rcpt SET attempts = $3, warned = $4, log = $5,"
			    " state = CASE WHEN state = 1 THEN state ELSE $6 END,"
			    " dest = CASE WHEN dest = 'bounce' THEN dest ELSE $7 END,"
			    " next_at = CASE WHEN dest = 'bounce' THEN next_at ELSE $8 END,"
			    " reason = CASE WHEN dest = 'bounce' OR state = 1 THEN reason ELSE $9 "
			    "END"
			    " WHERE msg = $1 AND idx = $2",
			    "iiiititit", id, (int64_t)r[i].idx, (int64_t)r[i].attempts,
			    (int64_t)r[i].warned, r[i].log, (int64_t)r[i].state, r[i].dest,
			    r[i].next_at, r[i].reason) < 0)
			return -1;
	return 0;
}

/* Lane by lane: so the index leads behind those that are due already, of which there may be many.
 */
int64_t queue_hasten_tx(struct sql *db, slice dest, int64_t now, int64_t most, struct err *e)
{
	int64_t done = 0;
	for (int head = 0; head < QUEUE_PRIORITIES * QUEUE_LANES && done < most; head++) {
		int64_t n = sql_run(db, e,
			"UPDATE rcpt SET next_at = $2 WHERE (msg, idx) IN"
			" (SELECT msg, idx FROM rcpt WHERE state = 0 AND dest = $1 AND priority = "
			"$3"
			" AND lane = $4 AND next_at > $2 LIMIT $5)",
			"tiiii", dest, now, (int64_t)head / QUEUE_LANES,
			(int64_t)head % QUEUE_LANES, most - done);
		if (n < 0)
			return -1;
		done += n;
	}
	return done;
}

int queue_dated_beyond(struct sql *db, int64_t wall, bool *ret, struct err *e)
{
	struct sql_stmt *s =
		sql_prepare(db, "SELECT 1 FROM rcpt WHERE state = 0 AND next_at > $1 LIMIT 1", e);
	if (!s)
		return -1;
	sql_bind_int(s, 1, wall);
	int r = sql_step(s, e);
	if (r < 0)
		return -1;
	*ret = r;
	if (r)
		sql_reset(s);
	return 0;
}

int64_t queue_clock_tx(struct sql *db, int64_t now, int64_t horizon, int64_t most, struct err *e)
{
	int64_t n = sql_run(db, e,
		"UPDATE rcpt SET next_at = $1 WHERE (msg, idx) IN"
		" (SELECT msg, idx FROM rcpt WHERE state = 0 AND next_at > $2 LIMIT $3)",
		"iii", now, now + horizon, most);
	if (n < 0)
		return -1;
	int64_t m = sql_run(db, e,
		"UPDATE msg SET arrived_at = $1, expires_at = $1 + expires_at - arrived_at WHERE "
		"id IN"
		" (SELECT id FROM msg WHERE id >= $2 AND arrived_at > $3 LIMIT $4)",
		"iiii", now, msg_id_floor(now + horizon), now + horizon, most);
	return m < 0 ? -1 : n > m ? n : m;
}

int queue_end_tx(struct sql *db, msg_id id, const int32_t *idx, size_t n, struct err *e)
{
	for (size_t i = 0; i < n; i++)
		if (sql_run(db, e, "DELETE FROM rcpt WHERE msg = $1 AND idx = $2", "ii", id,
			    (int64_t)idx[i]) < 0)
			return -1;
	int64_t gone = sql_run(db, e,
		"DELETE FROM msg WHERE id = $1 AND NOT EXISTS (SELECT 1 FROM rcpt WHERE msg = $1)",
		"i", id);
	return gone < 0 ? -1 : 0;
}

/* Reads what a change needs to know: the timeline, to append to it. */
static int read_log(struct sql *db, msg_id id, int32_t idx, struct buf *log, struct err *e)
{
	struct sql_stmt *s = sql_prepare(db, "SELECT log FROM rcpt WHERE msg = $1 AND idx = $2", e);
	if (!s)
		return -1;
	sql_bind_int(s, 1, id);
	sql_bind_int(s, 2, idx);
	int r = sql_step(s, e);
	if (r <= 0)
		return r < 0 ? -1 : err_set(e, ERR_NOTFOUND, "recipient has left the queue");
	buf_put(log, sql_text(s, 0));
	sql_reset(s);
	return 0;
}

static int64_t apply_change(struct sql *db, msg_id id, int32_t idx, enum queue_change change,
	slice reason, int64_t now, slice log, struct err *e)
{
	switch (change) {
	case QUEUE_RETRY: /* a held one stays held */
		return sql_run(db, e,
			"UPDATE rcpt SET next_at = $3, log = $4 WHERE msg = $1 AND idx = $2",
			"iiit", id, (int64_t)idx, now, log);
	case QUEUE_HOLD:
		return sql_run(db, e,
			"UPDATE rcpt SET state = 1, reason = $3, log = $4 WHERE msg = $1 AND idx = "
			"$2",
			"iitt", id, (int64_t)idx, reason, log);
	case QUEUE_RELEASE:
		return sql_run(db, e,
			"UPDATE rcpt SET reason = CASE WHEN state = 1 THEN '' ELSE reason END,"
			" state = 0, next_at = $3, log = $4 WHERE msg = $1 AND idx = $2",
			"iiit", id, (int64_t)idx, now, log);
	case QUEUE_BOUNCE:
		return sql_run(db, e,
			"UPDATE rcpt SET state = 0, dest = 'bounce', next_at = $3, reason = $4, "
			"log = $5"
			" WHERE msg = $1 AND idx = $2",
			"iiitt", id, (int64_t)idx, now, reason, log);
	}
	must(!"a queue_change");
	return -1;
}

int queue_change_tx(struct sql *db, msg_id id, int32_t idx, enum queue_change change, slice by,
	slice reason, struct err *e)
{
	static const char *const events[] = {[QUEUE_RETRY] = "retry",
		[QUEUE_HOLD] = "held",
		[QUEUE_RELEASE] = "released",
		[QUEUE_BOUNCE] = "failed"};
	AUTO(buf) struct buf log = BUF(TRACE_LOG_MAX);
	if (read_log(db, id, idx, &log, e) < 0)
		return -1;
	int64_t now = wall_now();
	trace_event(&log, now, events[change], "by", by, "reason", reason, NULL);
	int64_t n = apply_change(db, id, idx, change, reason, now, buf_slice(&log), e);
	return n < 0 ? -1 : 0;
}
