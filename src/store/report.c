/*
 * The tables of reports, and counted rows on their way into them (report.h). Written by the edges
 * and the queue process through report_count.c; what is read and sent is in report_read.c,
 * report_due.c.
 *
 * Everything that strangers can drive has a limit: windows of a day, policies of a domain, rows of
 * a window. Beyond it messages are still counted, as dropped, so that a report can say that it is
 * not whole.
 */
#include "store/report_int.h"

#include "base/cur.h"
#include "base/mem.h"
#include "base/time.h"

const struct sql_migration report_migrations[] = {
	{1, "report",
		"CREATE TABLE report_day ("
		"kind BIGINT NOT NULL, day BIGINT NOT NULL, windows BIGINT NOT NULL,"
		"PRIMARY KEY (kind, day)) {{WITHOUT_ROWID}};"
		"CREATE TABLE report_window ("
		"id {{AUTO_KEY}}, kind BIGINT NOT NULL, domain TEXT NOT NULL, policy TEXT NOT NULL,"
		"policy_key TEXT NOT NULL, by_suffix BIGINT NOT NULL, day BIGINT NOT NULL,"
		"begin_at BIGINT NOT NULL, end_at BIGINT NOT NULL, messages BIGINT NOT NULL,"
		"failed BIGINT NOT NULL, row_count BIGINT NOT NULL, dropped BIGINT NOT NULL,"
		"due_at BIGINT NOT NULL, sent_at BIGINT NOT NULL, sent BIGINT NOT NULL,"
		"claim BIGINT NOT NULL, outcome TEXT NOT NULL);"
		"CREATE UNIQUE INDEX report_window_open ON report_window"
		" (day, kind, domain, policy_key) WHERE end_at = 0;"
		"CREATE INDEX report_window_due ON report_window (due_at, id)"
		" WHERE end_at > 0 AND sent_at = 0;"
		"CREATE INDEX report_window_domain ON report_window (domain, kind, day);"
		"CREATE INDEX report_window_end ON report_window (end_at);"
		"CREATE TABLE report_dmarc ("
		"report BIGINT NOT NULL, digest TEXT NOT NULL, ip TEXT NOT NULL,"
		"header_from TEXT NOT NULL, envelope_from TEXT NOT NULL, envelope_to TEXT NOT NULL,"
		"spf_aligned BIGINT NOT NULL, dkim_aligned BIGINT NOT NULL,"
		"disposition BIGINT NOT NULL, auth TEXT NOT NULL, reasons TEXT NOT NULL,"
		"messages BIGINT NOT NULL, PRIMARY KEY (report, digest)) {{WITHOUT_ROWID}};"
		"CREATE TABLE report_tls ("
		"report BIGINT NOT NULL, policy TEXT NOT NULL, digest TEXT NOT NULL,"
		"type TEXT NOT NULL, strings TEXT NOT NULL, mx TEXT NOT NULL, ok BIGINT NOT NULL,"
		"result TEXT NOT NULL, sending_ip TEXT NOT NULL, receiving_mx TEXT NOT NULL,"
		"helo TEXT NOT NULL, receiving_ip TEXT NOT NULL, reason TEXT NOT NULL,"
		"sessions BIGINT NOT NULL, PRIMARY KEY (report, policy, digest)) "
		"{{WITHOUT_ROWID}};",
		"DROP TABLE report_tls; DROP TABLE report_dmarc; DROP TABLE report_window;"
		"DROP TABLE report_day;"},
	{2, "received",
		"CREATE TABLE received ("
		"id {{AUTO_KEY}}, kind TEXT NOT NULL, digest TEXT NOT NULL, received_at BIGINT NOT "
		"NULL,"
		"org TEXT NOT NULL, contact TEXT NOT NULL, report_id TEXT NOT NULL,"
		"domain TEXT NOT NULL, begin_at BIGINT NOT NULL, end_at BIGINT NOT NULL,"
		"messages BIGINT NOT NULL, failed BIGINT NOT NULL, sender TEXT NOT NULL,"
		"body TEXT NOT NULL);"
		"CREATE UNIQUE INDEX received_digest ON received (digest);"
		"CREATE INDEX received_at ON received (received_at);"
		"CREATE INDEX received_domain ON received (domain, received_at);",
		"DROP TABLE received;"},
};
const size_t report_migrations_n = sizeof report_migrations / sizeof report_migrations[0];

/* ---- the window that is open ---- */

struct window {
	int64_t id; /* 0: there is none, and no room for one */
	int64_t rows; /* there before */
	bool sums; /* rows are of another policy: nothing but sums */
	int64_t messages, failed, dropped, added; /* to be added */
};

/* A question with one row of two numbers: 1, 0 (no row), -1. */
static int ask(struct sql_stmt *s, int64_t *ret_a, int64_t *ret_b, struct err *e)
{
	int r = sql_step(s, e);
	if (r <= 0)
		return r;
	*ret_a = sql_int(s, 0);
	*ret_b = sql_int(s, 1);
	sql_reset(s);
	return 1;
}

static int find_open(
	struct sql *db, const struct report_place *p, slice key, struct window *w, struct err *e)
{
	struct sql_stmt *s = sql_prepare(db,
		"SELECT id, row_count FROM report_window WHERE day = $1 AND kind = $2"
		" AND domain = $3 AND policy_key = $4 AND end_at = 0",
		e);
	if (!s)
		return -1;
	sql_bind_int(s, 1, p->day);
	sql_bind_int(s, 2, p->kind);
	sql_bind_text(s, 3, p->domain);
	sql_bind_text(s, 4, key);
	return ask(s, &w->id, &w->rows, e);
}

/* How many windows of this domain are open today, and one of them. */
static int find_others(struct sql *db, const struct report_place *p, int64_t *ret_n,
	struct window *w, struct err *e)
{
	struct sql_stmt *s = sql_prepare(db,
		"SELECT COUNT(*), COALESCE(MAX(id), 0) FROM report_window WHERE day = $1"
		" AND kind = $2 AND domain = $3 AND end_at = 0",
		e);
	if (!s)
		return -1;
	sql_bind_int(s, 1, p->day);
	sql_bind_int(s, 2, p->kind);
	sql_bind_text(s, 3, p->domain);
	return ask(s, ret_n, &w->id, e);
}

/* One more window today: 1, 0 when the limit is reached. */
static int count_window(struct sql *db, const struct report_place *p, struct err *e)
{
	if (sql_run(db, e,
		    "INSERT INTO report_day (kind, day, windows) VALUES ($1, $2, 0)"
		    " ON CONFLICT (kind, day) DO NOTHING",
		    "ii", (int64_t)p->kind, p->day) < 0)
		return -1;
	return (int)sql_run(db, e,
		"UPDATE report_day SET windows = windows + 1 WHERE kind = $1 AND day = $2"
		" AND windows < $3",
		"iii", (int64_t)p->kind, p->day, (int64_t)REPORT_WINDOWS_MAX);
}

/* It begins where the one before it (closed early) ended, else with the day. */
static int insert(
	struct sql *db, const struct report_place *p, slice key, struct window *w, struct err *e)
{
	struct sql_stmt *s = sql_prepare(db,
		"INSERT INTO report_window (kind, domain, policy, policy_key, by_suffix, day,"
		" begin_at, end_at, messages, failed, row_count, dropped, due_at, sent_at, sent,"
		" claim, outcome) VALUES ($1, $2, $3, $4, $5, $6, (SELECT COALESCE(MAX(end_at), $7)"
		" FROM report_window WHERE domain = $2 AND kind = $1 AND day = $6"
		" AND policy_key = $4), 0, 0, 0, 0, 0, 0, 0, 0, 0, '') RETURNING id, row_count",
		e);
	if (!s)
		return -1;
	sql_bind_int(s, 1, p->kind);
	sql_bind_text(s, 2, p->domain);
	sql_bind_text(s, 3, p->policy);
	sql_bind_text(s, 4, key);
	sql_bind_int(s, 5, p->by_suffix);
	sql_bind_int(s, 6, p->day);
	sql_bind_int(s, 7, p->day * DAY);
	int r = sql_step(s, e);
	if (r == 1) {
		w->id = sql_int(s, 0);
		sql_reset(s);
	}
	return r < 0 ? -1 : 0;
}

/* A domain that changes its record again and again: with the last one nothing but sums is counted.
 */
static int open_window(
	struct sql *db, const struct report_place *p, struct window *w, struct err *e)
{
	char key[REPORT_DIGEST + 1] = "";
	int64_t others = 0;
	if (p->policy.n)
		report_digest(p->policy, key);
	int r = find_open(db, p, slice_z(key), w, e);
	if (r != 0)
		return r < 0 ? -1 : 0;
	if (find_others(db, p, &others, w, e) < 0)
		return -1;
	if (others >= REPORT_POLICIES_MAX) {
		w->sums = true;
		return 0;
	}
	w->id = 0;
	r = count_window(db, p, e);
	return r <= 0 ? r : insert(db, p, slice_z(key), w, e);
}

static int close_window(struct sql *db, const struct window *w, struct err *e)
{
	return sql_run(db, e,
		       "UPDATE report_window SET messages = messages + $2, failed = failed + $3,"
		       " row_count = row_count + $4, dropped = dropped + $5 WHERE id = $1",
		       "iiiii", w->id, w->messages, w->failed, w->added, w->dropped) < 0
		       ? -1
		       : 0;
}

/* ---- rows ---- */

struct dmarc_columns {
	slice ip, header_from, envelope_from, envelope_to, auth, reasons;
	int64_t spf, dkim, disposition;
};

static struct dmarc_columns unpack_dmarc(slice row)
{
	struct cur c = cur_of(row);
	struct dmarc_columns d;
	d.ip = cur_str(&c);
	d.header_from = cur_str(&c);
	d.envelope_from = cur_str(&c);
	d.envelope_to = cur_str(&c);
	d.spf = cur_u8(&c);
	d.dkim = cur_u8(&c);
	d.disposition = cur_u8(&c);
	d.auth = cur_str(&c);
	d.reasons = cur_str(&c);
	return d;
}

static int64_t insert_dmarc(
	struct sql *db, int64_t window, slice digest, slice row, int64_t count, struct err *e)
{
	struct dmarc_columns d = unpack_dmarc(row);
	return sql_run(db, e,
		"INSERT INTO report_dmarc (report, digest, ip, header_from, envelope_from,"
		" envelope_to, spf_aligned, dkim_aligned, disposition, auth, reasons, messages)"
		" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
		"ittttt"
		"iiitti",
		window, digest, d.ip, d.header_from, d.envelope_from, d.envelope_to, d.spf, d.dkim,
		d.disposition, d.auth, d.reasons, count);
}

static int add_dmarc(struct sql *db, struct window *w, const struct report_packed *p, struct err *e)
{
	char digest[REPORT_DIGEST + 1];
	struct dmarc_columns d = unpack_dmarc(p->row);
	report_digest(p->row, digest);
	w->failed += d.spf || d.dkim ? 0 : p->count;
	int64_t n = sql_run(db, e,
		"UPDATE report_dmarc SET messages = messages + $3 WHERE report = $1"
		" AND digest = $2",
		"iti", w->id, slice_z(digest), p->count);
	if (n != 0)
		return n < 0 ? -1 : 0;
	if (w->rows + w->added >= REPORT_ROWS_MAX) {
		w->dropped += p->count;
		return 0;
	}
	w->added++;
	return insert_dmarc(db, w->id, slice_z(digest), p->row, p->count, e) < 0 ? -1 : 0;
}

struct tls_columns {
	slice type, strings, mx, result, sending_ip, receiving_mx, helo, receiving_ip, reason;
	slice policy; /* the bytes of the first three */
	int64_t ok;
};

static struct tls_columns unpack_tls(slice row)
{
	struct cur c = cur_of(row);
	struct tls_columns t;
	t.type = cur_str(&c);
	t.strings = cur_str(&c);
	t.mx = cur_str(&c);
	t.policy = slice_first(row, row.n - cur_rest(&c).n);
	t.ok = cur_u8(&c);
	t.result = cur_str(&c);
	t.sending_ip = cur_str(&c);
	t.receiving_mx = cur_str(&c);
	t.helo = cur_str(&c);
	t.receiving_ip = cur_str(&c);
	t.reason = cur_str(&c);
	return t;
}

static int64_t insert_tls(struct sql *db, int64_t window, slice policy, slice digest,
	const struct tls_columns *t, int64_t count, struct err *e)
{
	return sql_run(db, e,
		"INSERT INTO report_tls (report, policy, digest, type, strings, mx, ok, result,"
		" sending_ip, receiving_mx, helo, receiving_ip, reason, sessions)"
		" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)",
		"ittttti"
		"tttttti",
		window, policy, digest, t->type, t->strings, t->mx, t->ok, t->result, t->sending_ip,
		t->receiving_mx, t->helo, t->receiving_ip, t->reason, count);
}

static int add_tls(struct sql *db, struct window *w, const struct report_packed *p, struct err *e)
{
	char digest[REPORT_DIGEST + 1], policy[REPORT_DIGEST + 1];
	struct tls_columns t = unpack_tls(p->row);
	report_digest(p->row, digest);
	report_digest(t.policy, policy);
	w->failed += t.ok ? 0 : p->count;
	int64_t n = sql_run(db, e,
		"UPDATE report_tls SET sessions = sessions + $4 WHERE report = $1"
		" AND policy = $2 AND digest = $3",
		"itti", w->id, slice_z(policy), slice_z(digest), p->count);
	if (n != 0)
		return n < 0 ? -1 : 0;
	if (w->rows + w->added >= REPORT_ROWS_MAX) {
		w->dropped += p->count;
		return 0;
	}
	w->added++;
	return insert_tls(db, w->id, slice_z(policy), slice_z(digest), &t, p->count, e) < 0 ? -1
											    : 0;
}

static int add(struct sql *db, enum report_kind kind, struct window *w,
	const struct report_packed *p, struct err *e)
{
	return kind == REPORT_DMARC ? add_dmarc(db, w, p, e) : add_tls(db, w, p, e);
}

int report_write_tx(struct sql *db, const struct report_place *p, const struct report_packed *v,
	size_t n, struct err *e)
{
	struct window w = {0};
	if (open_window(db, p, &w, e) < 0)
		return -1;
	if (w.id == 0)
		return 0; /* no window today: report_day tells that the limit was reached */
	for (size_t i = 0; i < n; i++) {
		w.messages += v[i].count;
		if (w.sums)
			w.dropped += v[i].count;
		else if (add(db, p->kind, &w, &v[i], e) < 0)
			return -1;
	}
	return close_window(db, &w, e);
}

int report_add_dmarc_tx(struct sql *db, const struct dmarc_stat *s, int64_t count, struct err *e)
{
	AUTO(buf) struct buf row = BUF(REPORT_ROW_MAX);
	struct report_place place = report_place_dmarc(s);
	report_pack_dmarc(&row, s);
	const struct report_packed packed = {buf_slice(&row), count};
	return report_write_tx(db, &place, &packed, 1, e);
}

int report_add_tls_tx(struct sql *db, const struct tls_stat *s, int64_t count, struct err *e)
{
	AUTO(buf) struct buf row = BUF(REPORT_ROW_MAX);
	struct report_place place = report_place_tls(s);
	report_pack_tls(&row, s);
	const struct report_packed packed = {buf_slice(&row), count};
	return report_write_tx(db, &place, &packed, 1, e);
}
