/*
 * Reading what was counted (report.h): lists of windows for the command line, rows for the reports.
 */
#include "store/report_int.h"

#include "base/time.h"
#include "store/wildcard.h"

struct report_window report_read_window(struct sql_stmt *s)
{
	return (struct report_window){
		.id = sql_int(s, 0),
		.kind = (enum report_kind)sql_int(s, 1),
		.domain = sql_text(s, 2),
		.policy = sql_text(s, 3),
		.by_suffix = sql_int(s, 4) != 0,
		.day = sql_int(s, 5),
		.begin_at = sql_int(s, 6),
		.end_at = sql_int(s, 7),
		.messages = sql_int(s, 8),
		.failed = sql_int(s, 9),
		.rows = sql_int(s, 10),
		.dropped = sql_int(s, 11),
		.sent_at = sql_int(s, 12),
		.sent = sql_int(s, 13),
		.claim = sql_int(s, 14),
		.outcome = sql_text(s, 15),
	};
}

static bool matches(const struct report_filter *f, const struct report_window *w)
{
	return (f->kind < 0 || (int)w->kind == f->kind) &&
	       (f->domain.n == 0 || wildcard_match(f->domain, w->domain)) &&
	       (f->until == 0 || w->begin_at < f->until) &&
	       (f->sent < 0 || (w->sent_at != 0) == (f->sent != 0));
}

int report_windows(struct sql *db, const struct report_filter *f, uint64_t most,
	bool (*row)(void *arg, const struct report_window *w), void *arg, struct err *e)
{
	struct sql_stmt *s = sql_prepare(db,
		"SELECT " REPORT_WINDOW_COLUMNS " FROM report_window WHERE (id = $1 OR $1 = 0)"
		" AND day >= $2 ORDER BY id DESC",
		e);
	int r = 0;
	if (!s)
		return -1;
	sql_bind_int(s, 1, f->id);
	sql_bind_int(s, 2, f->since / DAY);
	for (uint64_t n = 0; n < most && (r = sql_step(s, e)) == 1;) {
		struct report_window w = report_read_window(s);
		if (!matches(f, &w))
			continue;
		n++;
		if (!row(arg, &w))
			break;
	}
	if (r == 1)
		sql_reset(s);
	return r < 0 ? -1 : 0;
}

static struct dmarc_row read_dmarc(struct sql_stmt *s)
{
	struct dmarc_row r = {.count = sql_int(s, 9)};
	r.stat.client_ip = sql_text(s, 0);
	r.stat.header_from = sql_text(s, 1);
	r.stat.envelope_from = sql_text(s, 2);
	r.stat.envelope_to = sql_text(s, 3);
	r.stat.spf_aligned = sql_int(s, 4) != 0;
	r.stat.dkim_aligned = sql_int(s, 5) != 0;
	r.stat.disposition = (enum dmarc_policy)sql_int(s, 6);
	report_auth_parse(sql_text(s, 7), &r.stat);
	report_reasons_parse(sql_text(s, 8), &r.stat);
	return r;
}

int report_dmarc_rows(struct sql *db, int64_t window,
	bool (*row)(void *arg, const struct dmarc_row *r), void *arg, struct err *e)
{
	struct sql_stmt *s = sql_prepare(db,
		"SELECT ip, header_from, envelope_from, envelope_to, spf_aligned, dkim_aligned,"
		" disposition, auth, reasons, messages FROM report_dmarc WHERE report = $1"
		" ORDER BY digest",
		e);
	int r;
	if (!s)
		return -1;
	sql_bind_int(s, 1, window);
	while ((r = sql_step(s, e)) == 1) {
		struct dmarc_row one = read_dmarc(s);
		if (!row(arg, &one)) {
			sql_reset(s);
			break;
		}
	}
	return r < 0 ? -1 : 0;
}

/* ---- TLS ---- */

static struct tls_row read_tls(struct sql_stmt *s)
{
	struct tls_row r = {.policy = sql_int(s, 0) != 0};
	r.stat.policy_type = sql_text(s, 2);
	r.stat.nstrings = report_list_parse(sql_text(s, 3), r.stat.strings);
	r.stat.nmx = report_list_parse(sql_text(s, 4), r.stat.mx);
	r.stat.ok = r.policy;
	if (r.policy) {
		r.ok = sql_int(s, 5);
		r.failed = sql_int(s, 6);
		return r;
	}
	r.count = sql_int(s, 6);
	r.stat.result_type = sql_text(s, 7);
	r.stat.sending_ip = sql_text(s, 8);
	r.stat.receiving_mx = sql_text(s, 9);
	r.stat.receiving_helo = sql_text(s, 10);
	r.stat.receiving_ip = sql_text(s, 11);
	r.stat.reason_code = sql_text(s, 12);
	return r;
}

int report_tls_rows(struct sql *db, int64_t window, bool (*row)(void *arg, const struct tls_row *r),
	void *arg, struct err *e)
{
	struct sql_stmt *s = sql_prepare(db,
		"SELECT 1 AS head, policy, MIN(type), MIN(strings), MIN(mx),"
		" SUM(CASE WHEN ok = 1 THEN sessions ELSE 0 END),"
		" SUM(CASE WHEN ok = 1 THEN 0 ELSE sessions END), '', '', '', '', '', '',"
		" '' AS digest FROM report_tls WHERE report = $1 GROUP BY policy"
		" UNION ALL SELECT 0 AS head, policy, type, strings, mx, 0, sessions, result,"
		" sending_ip, receiving_mx, helo, receiving_ip, reason, digest FROM report_tls"
		" WHERE report = $1 AND ok = 0 ORDER BY policy, head DESC, digest",
		e);
	int r;
	if (!s)
		return -1;
	sql_bind_int(s, 1, window);
	while ((r = sql_step(s, e)) == 1) {
		struct tls_row one = read_tls(s);
		if (!row(arg, &one)) {
			sql_reset(s);
			break;
		}
	}
	return r < 0 ? -1 : 0;
}
