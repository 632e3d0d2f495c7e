/*
 * Jobs of the collect process (collect.h): tables of DATA/db/import.sqlite. Written by the command line and by bin/collect*.c.
 */
#include "store/collect.h"

#include "base/must.h"

static const char first_up[] =
	"CREATE TABLE collect_key (id {{KEY}}, public {{BLOB}} NOT NULL);"
	"CREATE TABLE job ("
	"id {{AUTO_KEY}}, account_id BIGINT NOT NULL, address TEXT NOT NULL, batch TEXT NOT NULL,"
	"protocol BIGINT NOT NULL, host TEXT NOT NULL, port BIGINT NOT NULL,"
	"security BIGINT NOT NULL, fingerprint TEXT NOT NULL, auth BIGINT NOT NULL,"
	"login TEXT NOT NULL, as_whom TEXT NOT NULL, secret {{BLOB}} NOT NULL,"
	"into_folder TEXT NOT NULL, exclude TEXT NOT NULL, map TEXT NOT NULL,"
	"options BIGINT NOT NULL, rate BIGINT NOT NULL, max_message BIGINT NOT NULL,"
	"every BIGINT NOT NULL, delete_after BIGINT NOT NULL, made_at BIGINT NOT NULL,"
	"made_by TEXT NOT NULL, state BIGINT NOT NULL, next_at BIGINT NOT NULL,"
	"started_at BIGINT NOT NULL, ended_at BIGINT NOT NULL, good_at BIGINT NOT NULL,"
	"failures BIGINT NOT NULL, passes BIGINT NOT NULL, why TEXT NOT NULL, box TEXT NOT NULL,"
	"boxes BIGINT NOT NULL, boxes_done BIGINT NOT NULL, messages BIGINT NOT NULL,"
	"bytes BIGINT NOT NULL, copied BIGINT NOT NULL, present BIGINT NOT NULL,"
	"flagged BIGINT NOT NULL, gone BIGINT NOT NULL, refused BIGINT NOT NULL,"
	"mended BIGINT NOT NULL, verified BIGINT NOT NULL, missing BIGINT NOT NULL,"
	"different BIGINT NOT NULL, total_copied BIGINT NOT NULL);"
	"CREATE INDEX job_due ON job (state, next_at);"
	"CREATE INDEX job_account ON job (account_id);";

static const char second_up[] = "ALTER TABLE job ADD COLUMN folders TEXT NOT NULL DEFAULT '';"
				"ALTER TABLE job ADD COLUMN since BIGINT NOT NULL DEFAULT 0;"
				"ALTER TABLE job ADD COLUMN from_has TEXT NOT NULL DEFAULT '';"
				"ALTER TABLE job ADD COLUMN subject_has TEXT NOT NULL DEFAULT '';";

const struct sql_migration collect_migrations[] = {
	{1, "jobs", first_up, "DROP TABLE job; DROP TABLE collect_key;"},
	{2, "which folders and messages", second_up,
		"ALTER TABLE job DROP COLUMN subject_has; ALTER TABLE job DROP COLUMN from_has;"
		"ALTER TABLE job DROP COLUMN since; ALTER TABLE job DROP COLUMN folders;"},
};
const size_t collect_migrations_n = sizeof collect_migrations / sizeof collect_migrations[0];

const char *collect_state_name(enum collect_state s)
{
	static const char *const names[] = {
		"", "waiting", "running", "done", "failed", "paused", "cancelled"};
	return s < sizeof names / sizeof *names ? names[s] : "";
}

/* ---- the key ---- */

int collect_key(struct sql *db, unsigned char ret[32], struct err *e)
{
	struct sql_stmt *s = sql_prepare(db, "SELECT public FROM collect_key WHERE id = 1", e);
	if (!s)
		return -1;
	int r = sql_step(s, e);
	slice key = r == 1 ? sql_text(s, 0) : S("");
	if (key.n == 32)
		memcpy(ret, key.p, 32);
	else if (r >= 0)
		r = err_set(e, ERR_NOTFOUND, "the server was not prepared for collecting mail");
	sql_reset(s);
	return r < 0 ? -1 : 0;
}

int collect_key_tx(struct sql *db, const unsigned char key[32], struct err *e)
{
	if (sql_run(db, e, "DELETE FROM collect_key", "") < 0)
		return -1;
	return sql_run(db, e, "INSERT INTO collect_key (id, public) VALUES (1, $1)", "b",
		       slice_of(key, 32)) < 0
		       ? -1
		       : 0;
}

slice collect_about(const struct collect_job *j, struct arena *a)
{
	return arena_printf(a, "%lld %d %d %d\n%.*s\n%u\n%.*s\n%.*s\n%.*s",
		(long long)j->account_id, j->protocol, j->security, j->auth, SFMT(j->host),
		(unsigned)j->port, SFMT(j->fingerprint), SFMT(j->user), SFMT(j->as));
}

/* ---- rows ---- */

#define COLUMNS                                                                                    \
	"id, account_id, address, batch, protocol, host, port, security, fingerprint, auth, "      \
	"login, as_whom, secret, into_folder, exclude, map, options, rate, max_message, every, "   \
	"delete_after, made_at, made_by, state, next_at, started_at, ended_at, good_at, "          \
	"failures, passes, why, box, boxes, boxes_done, messages, bytes, copied, present, "        \
	"flagged, gone, refused, mended, verified, missing, different, total_copied, "             \
	"folders, since, from_has, subject_has"

static void read_counts(struct sql_stmt *s, int from, struct collect_counts *n)
{
	uint64_t *const to[] = {&n->boxes, &n->boxes_done, &n->messages, &n->bytes, &n->copied,
		&n->present, &n->flagged, &n->gone, &n->refused, &n->mended, &n->verified,
		&n->missing, &n->different};
	for (size_t i = 0; i < sizeof to / sizeof *to; i++)
		*to[i] = (uint64_t)sql_int(s, from + (int)i);
}

static void read_job(struct sql_stmt *s, struct arena *a, struct collect_job *j)
{
	*j = (struct collect_job){.id = sql_int(s, 0),
		.account_id = sql_int(s, 1),
		.address = arena_dup(a, sql_text(s, 2)),
		.batch = arena_dup(a, sql_text(s, 3)),
		.protocol = (enum collect_protocol)sql_int(s, 4),
		.host = arena_dup(a, sql_text(s, 5)),
		.port = (uint16_t)sql_int(s, 6),
		.security = (enum collect_security)sql_int(s, 7),
		.fingerprint = arena_dup(a, sql_text(s, 8)),
		.auth = (enum collect_auth)sql_int(s, 9),
		.user = arena_dup(a, sql_text(s, 10)),
		.as = arena_dup(a, sql_text(s, 11)),
		.secret = arena_dup(a, sql_text(s, 12)),
		.into = arena_dup(a, sql_text(s, 13)),
		.exclude = arena_dup(a, sql_text(s, 14)),
		.map = arena_dup(a, sql_text(s, 15)),
		.options = (unsigned)sql_int(s, 16),
		.rate = sql_int(s, 17),
		.max_message = (uint64_t)sql_int(s, 18),
		.every = sql_int(s, 19),
		.delete_after = sql_int(s, 20),
		.made_at = sql_int(s, 21),
		.made_by = arena_dup(a, sql_text(s, 22)),
		.state = (enum collect_state)sql_int(s, 23),
		.next_at = sql_int(s, 24),
		.started_at = sql_int(s, 25),
		.ended_at = sql_int(s, 26),
		.good_at = sql_int(s, 27),
		.failures = (unsigned)sql_int(s, 28),
		.passes = (uint64_t)sql_int(s, 29),
		.why = arena_dup(a, sql_text(s, 30)),
		.box = arena_dup(a, sql_text(s, 31)),
		.total_copied = (uint64_t)sql_int(s, 45),
		.folders = arena_dup(a, sql_text(s, 46)),
		.since = sql_int(s, 47),
		.from_has = arena_dup(a, sql_text(s, 48)),
		.subject_has = arena_dup(a, sql_text(s, 49))};
	read_counts(s, 32, &j->n);
}

/* All rows of a statement that is bound; at most `most`. */
static int read_jobs(struct sql_stmt *s, size_t most, struct arena *a, struct collect_job **ret,
	size_t *ret_n, struct err *e)
{
	struct collect_job *v = NULL;
	size_t n = 0, cap = 0;
	int r;
	while ((r = sql_step(s, e)) == 1) {
		if (n == cap) {
			struct collect_job *old = v;
			cap = cap ? 2 * cap : 16;
			v = ARENA_ARRAY(a, struct collect_job, cap);
			if (n)
				memcpy(v, old, n * sizeof *v);
		}
		must(n < most);
		read_job(s, a, &v[n++]);
	}
	if (r < 0)
		return -1;
	*ret = v;
	*ret_n = n;
	return 0;
}

int collect_get(struct sql *db, int64_t id, struct arena *a, struct collect_job *ret, struct err *e)
{
	struct sql_stmt *s = sql_prepare(db, "SELECT " COLUMNS " FROM job WHERE id = $1", e);
	if (!s)
		return -1;
	sql_bind_int(s, 1, id);
	int r = sql_step(s, e);
	if (r == 1)
		read_job(s, a, ret);
	sql_reset(s);
	return r == 1 ? 0 : r < 0 ? -1 : err_set(e, ERR_NOTFOUND, "no such job");
}

#define PICKED                                                                                     \
	" WHERE ($1 = 0 OR id = $1) AND ($2 = 0 OR account_id = $2) AND ($3 = '' OR batch = $3)"   \
	" AND ($4 < 0 OR ($4 = 0 AND every = 0) OR ($4 = 1 AND every > 0))"                        \
	" AND ($5 = 0 OR state = $5) AND id > $6"

static void bind_query(struct sql_stmt *s, const struct collect_query *q)
{
	sql_bind_int(s, 1, q->id);
	sql_bind_int(s, 2, q->account_id);
	sql_bind_text(s, 3, q->batch.p ? q->batch : S(""));
	sql_bind_int(s, 4, q->repeated);
	sql_bind_int(s, 5, q->state);
	sql_bind_int(s, 6, q->after);
}

int collect_list(struct sql *db, const struct collect_query *q, struct arena *a,
	struct collect_job **ret, size_t *ret_n, struct err *e)
{
	struct sql_stmt *s =
		sql_prepare(db, "SELECT " COLUMNS " FROM job" PICKED " ORDER BY id LIMIT $7", e);
	if (!s)
		return -1;
	bind_query(s, q);
	sql_bind_int(s, 7, (int64_t)q->most);
	return read_jobs(s, q->most, a, ret, ret_n, e);
}

/* ---- adding ---- */

static int check(const struct collect_job *j, struct err *e)
{
	const slice names[] = {j->address, j->batch, j->host, j->user, j->as, j->into,
		j->fingerprint, j->from_has, j->subject_has};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (names[i].n > COLLECT_TEXT_MAX)
			return err_set(e, ERR_PROTO, "a text of a job has at most %d bytes",
				COLLECT_TEXT_MAX);
	if (j->exclude.n > COLLECT_LIST_MAX || j->map.n > COLLECT_LIST_MAX ||
		j->folders.n > COLLECT_LIST_MAX)
		return err_set(
			e, ERR_PROTO, "a list of folders has at most %d bytes", COLLECT_LIST_MAX);
	if (!j->host.n || !j->user.n || !j->port)
		return err_set(e, ERR_PROTO, "a job needs a server and a login");
	return 0;
}

static int one_number(struct sql_stmt *s, int64_t *ret, struct err *e)
{
	int r = sql_step(s, e);
	if (r == 1)
		*ret = sql_int(s, 0);
	sql_reset(s);
	return r < 0 ? -1 : 0;
}

static int check_room(struct sql *db, const struct collect_job *j, struct err *e)
{
	int64_t n = 0;
	struct sql_stmt *s = sql_prepare(db, "SELECT COUNT(*) FROM job", e);
	if (!s || one_number(s, &n, e) < 0)
		return -1;
	if (n >= COLLECT_JOBS_MAX)
		return err_set(e, ERR_LIMIT, "at most %d jobs", COLLECT_JOBS_MAX);
	if (j->every) {
		s = sql_prepare(
			db, "SELECT COUNT(*) FROM job WHERE account_id = $1 AND every > 0", e);
		if (!s)
			return -1;
		sql_bind_int(s, 1, j->account_id);
		if (one_number(s, &n, e) < 0)
			return -1;
		if (n >= COLLECT_OWN_MAX)
			return err_set(e, ERR_LIMIT, "an account collects from %d others at most",
				COLLECT_OWN_MAX);
	}
	s = sql_prepare(db,
		"SELECT COUNT(*) FROM job WHERE account_id = $1 AND protocol = $2 AND host = $3"
		" AND port = $4 AND login = $5 AND as_whom = $6 AND (every > 0) = ($7 > 0)",
		e);
	if (!s)
		return -1;
	sql_bind_int(s, 1, j->account_id);
	sql_bind_int(s, 2, j->protocol);
	sql_bind_text(s, 3, j->host);
	sql_bind_int(s, 4, j->port);
	sql_bind_text(s, 5, j->user);
	sql_bind_text(s, 6, j->as.p ? j->as : S(""));
	sql_bind_int(s, 7, j->every);
	if (one_number(s, &n, e) < 0)
		return -1;
	return n ? err_set(e, ERR_EXISTS, "this account has such a job from there already") : 0;
}

static slice text(slice s)
{
	return s.p ? s : S("");
}

int collect_add_tx(struct sql *db, const struct collect_job *j, int64_t *ret_id, struct err *e)
{
	if (check(j, e) < 0 || check_room(db, j, e) < 0)
		return -1;
	if (sql_run(db, e,
		    "INSERT INTO job (account_id, address, batch, protocol, host, port, security,"
		    " fingerprint, auth, login, as_whom, secret, into_folder, exclude, map,"
		    " options, rate, max_message, every, delete_after, made_at, made_by, state,"
		    " next_at, started_at, ended_at, good_at, failures, passes, why, box, boxes,"
		    " boxes_done, messages, bytes, copied, present, flagged, gone, refused, mended,"
		    " verified, missing, different, total_copied, folders, since, from_has,"
		    " subject_has) VALUES ($1, $2, $3, $4, $5, $6,"
		    " $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22,"
		    " 1, $21, 0, 0, 0, 0, 0, '', '', 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,"
		    " $23, $24, $25, $26)",
		    "ittitiitittbttt"
		    "iiiiiittitt",
		    j->account_id, text(j->address), text(j->batch), (int64_t)j->protocol, j->host,
		    (int64_t)j->port, (int64_t)j->security, text(j->fingerprint), (int64_t)j->auth,
		    j->user, text(j->as), text(j->secret), text(j->into), text(j->exclude),
		    text(j->map), (int64_t)j->options, j->rate, (int64_t)j->max_message, j->every,
		    j->delete_after, j->made_at, text(j->made_by), text(j->folders), j->since,
		    text(j->from_has), text(j->subject_has)) < 0)
		return -1;
	struct sql_stmt *s = sql_prepare(db, "SELECT MAX(id) FROM job", e);
	return s ? one_number(s, ret_id, e) : -1;
}

int collect_remove_tx(struct sql *db, int64_t id, struct err *e)
{
	int64_t n = sql_run(db, e, "DELETE FROM job WHERE id = $1", "i", id);
	return n < 0 ? -1 : n ? 0 : err_set(e, ERR_NOTFOUND, "no such job");
}

/* ---- the process ---- */

int collect_due(struct sql *db, int64_t now, size_t most, struct arena *a, struct collect_job **ret,
	size_t *ret_n, struct err *e)
{
	struct sql_stmt *s = sql_prepare(db,
		"SELECT " COLUMNS " FROM job WHERE state = 1 AND next_at <= $1"
		" ORDER BY next_at, id LIMIT $2",
		e);
	if (!s)
		return -1;
	sql_bind_int(s, 1, now);
	sql_bind_int(s, 2, (int64_t)most);
	return read_jobs(s, most, a, ret, ret_n, e);
}

int64_t collect_resume_tx(struct sql *db, struct err *e)
{
	return sql_run(db, e, "UPDATE job SET state = 1, next_at = 0 WHERE state = 2", "");
}

int collect_start_tx(struct sql *db, int64_t id, int64_t now, struct err *e)
{
	int64_t n = sql_run(db, e,
		"UPDATE job SET state = 2, started_at = $2, passes = passes + 1, box = '', why = "
		"'',"
		" boxes = 0, boxes_done = 0, messages = 0, bytes = 0, copied = 0, present = 0,"
		" flagged = 0, gone = 0, refused = 0, mended = 0, verified = 0, missing = 0,"
		" different = 0 WHERE id = $1 AND state = 1",
		"ii", id, now);
	return n < 0 ? -1 : n ? 0 : err_set(e, ERR_NOTFOUND, "the job does not wait any more");
}

int collect_progress_tx(struct sql *db, const struct collect_job *j, struct err *e)
{
	const struct collect_counts *n = &j->n;
	return sql_run(db, e,
		       "UPDATE job SET box = $2, boxes = $3, boxes_done = $4, messages = $5,"
		       " bytes = $6, copied = $7, present = $8, flagged = $9, gone = $10,"
		       " refused = $11, mended = $12, verified = $13, missing = $14,"
		       " different = $15 WHERE id = $1",
		       "itiiiiiiiiiiiii", j->id, text(j->box), (int64_t)n->boxes,
		       (int64_t)n->boxes_done, (int64_t)n->messages, (int64_t)n->bytes,
		       (int64_t)n->copied, (int64_t)n->present, (int64_t)n->flagged,
		       (int64_t)n->gone, (int64_t)n->refused, (int64_t)n->mended,
		       (int64_t)n->verified, (int64_t)n->missing, (int64_t)n->different) < 0
		       ? -1
		       : 0;
}

int collect_wanted(struct sql *db, int64_t id, enum collect_state *ret, struct err *e)
{
	int64_t state = 0;
	struct sql_stmt *s = sql_prepare(db, "SELECT state FROM job WHERE id = $1", e);
	if (!s)
		return -1;
	sql_bind_int(s, 1, id);
	if (one_number(s, &state, e) < 0)
		return -1;
	*ret = (enum collect_state)state;
	return 0;
}

int collect_end_tx(struct sql *db, const struct collect_job *j, struct err *e)
{
	if (collect_progress_tx(db, j, e) < 0)
		return -1;
	return sql_run(db, e,
		       "UPDATE job SET state = CASE WHEN state = 2 THEN $2 ELSE state END,"
		       " next_at = $3, ended_at = $4, good_at = $5, failures = $6, why = $7,"
		       " total_copied = total_copied + $8, options = $9 WHERE id = $1",
		       "iiiiiitii", j->id, (int64_t)j->state, j->next_at, j->ended_at, j->good_at,
		       (int64_t)j->failures, text(j->why), (int64_t)j->n.copied,
		       (int64_t)j->options) < 0
		       ? -1
		       : 0;
}

/* ---- people ---- */

int64_t collect_order_tx(struct sql *db, const struct collect_query *q, enum collect_order o,
	int64_t now, struct err *e)
{
	/* $7: now */
	static const char *const orders[] = {
		[COLLECT_PAUSE] =
			"UPDATE job SET state = 5" PICKED " AND state IN (1, 2, 4) AND $7 > 0",
		[COLLECT_RESUME] =
			"UPDATE job SET state = 1, next_at = $7" PICKED " AND state IN (4, 5, 6)",
		[COLLECT_CANCEL] =
			"UPDATE job SET state = 6" PICKED " AND state IN (1, 2, 4, 5) AND $7 > 0",
		[COLLECT_AGAIN] = "UPDATE job SET state = 1, next_at = $7, failures = 0" PICKED
				  " AND state IN (1, 3, 4, 5, 6)",
		[COLLECT_CHECK] =
			"UPDATE job SET state = 1, next_at = $7, failures = 0, options = options | "
			"4" PICKED " AND state IN (1, 3, 4, 5, 6)",
	};
	return sql_run(db, e, orders[o], "iitiiii", q->id, q->account_id, text(q->batch),
		(int64_t)q->repeated, (int64_t)q->state, q->after, now);
}
