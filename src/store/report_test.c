/* Counting for reports, windows, their life, received reports. */
#include "base/mem.h"
#include "base/time.h"
#include "run/co.h"
#include "run/loop.h"
#include "run/pool.h"
#include "store/report.h"
#include "store/report_received.h"
#include "store/store_testing.h"

#define NOON (20000 * DAY + 12 * HOUR)

static struct sql *open_reports(slice dir)
{
	struct sql *db;
	struct err e;
	OK(sql_open(dir, REPORT_DB, &db, &e));
	OK(sql_migrate(db, report_migrations, report_migrations_n, &e));
	return db;
}

static struct dmarc_stat one(const char *from)
{
	return (struct dmarc_stat){
		.at = NOON,
		.policy_domain = slice_z(from),
		.record = S("v=DMARC1; p=none; rua=mailto:r@example.com"),
		.client_ip = S("192.0.2.1"),
		.header_from = slice_z(from),
		.envelope_to = S("here.test"),
		.spf_domain = S("mail.example.com"),
		.spf_helo = true,
		.spf = AUTH_PASS,
		.dkim = {{S("example.com"), S("sel 1"), AUTH_FAIL},
			{S("x.test"), S(""), AUTH_PASS}},
		.ndkim = 2,
		.spf_aligned = true,
		.disposition = DMARC_QUARANTINE,
		.reasons = {{REPORT_LOCAL_POLICY, S("arc=pass\nas[1]")}},
		.nreasons = 1,
	};
}

struct seen {
	struct arena *a;
	struct buf *out;
};

static bool show_window(void *arg, const struct report_window *w)
{
	buf_printf(((struct seen *)arg)->out,
		"%.*s n=%lld failed=%lld rows=%lld dropped=%lld %lld-%lld%s\n", SFMT(w->domain),
		(long long)w->messages, (long long)w->failed, (long long)w->rows,
		(long long)w->dropped, (long long)(w->begin_at - 20000 * DAY) / HOUR,
		(long long)(w->end_at ? (w->end_at - 20000 * DAY) / HOUR : -1),
		w->sent_at ? " sent" : "");
	return true;
}

static slice windows(struct sql *db, const struct report_filter *f, struct buf *out)
{
	struct seen s = {.out = out};
	struct err e;
	buf_reset(out);
	OK(report_windows(db, f, 100, show_window, &s, &e));
	return buf_slice(out);
}

static bool show_row(void *arg, const struct dmarc_row *r)
{
	struct buf *out = ((struct seen *)arg)->out;
	const struct dmarc_stat *s = &r->stat;
	buf_printf(out, "%.*s %.*s>%.*s %.*s x%lld %d%d %s %s:%.*s=%s", SFMT(s->client_ip),
		SFMT(s->envelope_from), SFMT(s->envelope_to), SFMT(s->header_from),
		(long long)r->count, s->spf_aligned, s->dkim_aligned,
		dmarc_policy_name(s->disposition), s->spf_helo ? "helo" : "mfrom",
		SFMT(s->spf_domain), auth_result_name(s->spf));
	for (unsigned i = 0; i < s->ndkim; i++)
		buf_printf(out, " %.*s/%.*s=%s", SFMT(s->dkim[i].domain), SFMT(s->dkim[i].selector),
			auth_result_name(s->dkim[i].result));
	for (unsigned i = 0; i < s->nreasons; i++)
		buf_printf(out, " %s(%.*s)", report_override_name(s->reasons[i].type),
			SFMT(s->reasons[i].comment));
	buf_byte(out, '\n');
	return true;
}

TEST(report_counts_come_back)
{
	AUTO(testdir) struct testdir d = testdir_make();
	AUTO(buf) struct buf out = BUF(10000);
	struct sql *db = open_reports(testdir_slice(&d));
	struct err e;
	struct dmarc_stat s = one("example.com");
	OK(report_add_dmarc_tx(db, &s, 1, &e));
	OK(report_add_dmarc_tx(db, &s, 2, &e));
	CHECK_STR(windows(db, &(struct report_filter){.kind = -1, .sent = -1}, &out),
		S("example.com n=3 failed=0 rows=1 dropped=0 0--1\n"));
	buf_reset(&out);
	OK(report_dmarc_rows(db, 1, show_row, &(struct seen){.out = &out}, &e));
	CHECK_STR(buf_slice(&out),
		S("192.0.2.1 >here.test example.com x3 10 quarantine helo:mail.example.com=pass"
		  " example.com/sel?1=fail x.test/=pass local_policy(arc=pass as[1])\n"));
	s.spf_aligned = false;
	s.ndkim = 0;
	OK(report_add_dmarc_tx(db, &s, 5, &e));
	CHECK_STR(windows(db, &(struct report_filter){.kind = REPORT_DMARC, .sent = -1}, &out),
		S("example.com n=8 failed=5 rows=2 dropped=0 0--1\n"));
	CHECK_STR(
		windows(db, &(struct report_filter){.kind = REPORT_TLS, .sent = -1}, &out), S(""));
	sql_close(db);
}

TEST(report_windows_have_limits)
{
	AUTO(testdir) struct testdir d = testdir_make();
	AUTO(buf) struct buf out = BUF(10000);
	AUTO(arena) struct arena a = {0};
	struct sql *db = open_reports(testdir_slice(&d));
	struct err e;
	struct dmarc_stat s = one("example.com");
	/* A record that changes with every message. */
	for (int i = 0; i < REPORT_POLICIES_MAX + 3; i++) {
		s.record = arena_printf(&a, "v=DMARC1; p=none; x=%d", i);
		OK(report_add_dmarc_tx(db, &s, 1, &e));
	}
	slice got = windows(db, &(struct report_filter){.kind = -1, .sent = -1}, &out);
	CHECK_STR(slice_first(got, slice_index(got, 10) + 1),
		S("example.com n=4 failed=0 rows=1 dropped=3 0--1\n"));
	unsigned n = 0;
	for (size_t i = 0; i < got.n; i++)
		n += got.p[i] == '\n';
	CHECK_INT(n, REPORT_POLICIES_MAX);
	/* As many domains as a day may have. */
	CHECK(sql_run(db, &e, "UPDATE report_day SET windows = $1", "i",
		      (int64_t)REPORT_WINDOWS_MAX) == 1);
	s.policy_domain = S("other.example");
	OK(report_add_dmarc_tx(db, &s, 1, &e));
	CHECK_STR(windows(db,
			  &(struct report_filter){
				  .kind = -1, .sent = -1, .domain = S("other.example")},
			  &out),
		S(""));
	/* As many rows as a window may have. */
	CHECK(sql_run(db, &e, "UPDATE report_window SET row_count = $1", "i",
		      (int64_t)REPORT_ROWS_MAX) > 0);
	s = one("example.com");
	s.record = S("v=DMARC1; p=none; x=0");
	OK(report_add_dmarc_tx(db, &s, 1, &e));
	s.client_ip = S("192.0.2.99");
	OK(report_add_dmarc_tx(db, &s, 1, &e));
	got = windows(db, &(struct report_filter){.kind = -1, .sent = -1, .id = 1}, &out);
	CHECK_STR(got, S("example.com n=3 failed=0 rows=20000 dropped=1 0--1\n"));
	sql_close(db);
}

TEST(report_window_lives)
{
	AUTO(testdir) struct testdir d = testdir_make();
	AUTO(buf) struct buf out = BUF(10000);
	AUTO(arena) struct arena a = {0};
	struct sql *db = open_reports(testdir_slice(&d));
	struct err e;
	struct report_window w;
	const struct report_filter all = {.kind = -1, .sent = -1};
	struct dmarc_stat s = one("example.com");
	int64_t midnight = 20001 * DAY;
	OK(report_add_dmarc_tx(db, &s, 1, &e));
	/* Closed when its day has been over for a while, due at its own time. */
	CHECK_INT(report_close_tx(db, midnight, HOUR, 10, &e), 0);
	CHECK_INT(report_close_tx(db, midnight + REPORT_GRACE_MIN * MINUTE, HOUR, 10, &e), 1);
	CHECK_STR(windows(db, &all, &out), S("example.com n=1 failed=0 rows=1 dropped=0 0-24\n"));
	CHECK(report_due(db, midnight - 1, 0, &a, &w, &e) < 0 && e.kind == ERR_NOTFOUND);
	OK(report_due(db, midnight + HOUR, 0, &a, &w, &e));
	CHECK_INT(w.id, 1);
	CHECK_STR(w.policy, s.record);
	CHECK(report_due(db, midnight + HOUR, w.id, &a, &w, &e) < 0);
	OK(report_postpone_tx(db, 1, midnight + 2 * HOUR, S("later"), &e));
	CHECK(report_due(db, midnight + HOUR, 0, &a, &w, &e) < 0);
	OK(report_due(db, midnight + 2 * HOUR, 0, &a, &w, &e));
	CHECK_STR(w.outcome, S("later"));
	OK(report_claim_tx(db, 1, 77, &e));
	OK(report_due(db, midnight + 2 * HOUR, 0, &a, &w, &e));
	CHECK_INT(w.claim, 77);
	OK(report_progress_tx(db, 1, 1, false, S("one"), midnight, &e));
	OK(report_due(db, midnight + 2 * HOUR, 0, &a, &w, &e));
	CHECK_INT(w.sent, 1);
	CHECK_INT(w.claim, 0);
	OK(report_progress_tx(db, 1, 2, true, S("all"), midnight, &e));
	CHECK(report_due(db, midnight + 2 * HOUR, 0, &a, &w, &e) < 0);
	/* A late count for that day opens another window, behind the first. */
	OK(report_add_dmarc_tx(db, &s, 1, &e));
	CHECK_STR(windows(db, &all, &out),
		S("example.com n=1 failed=0 rows=1 dropped=0 24--1\n"
		  "example.com n=1 failed=0 rows=1 dropped=0 0-24 sent\n"));
	CHECK_INT(report_expire_tx(db, midnight + 1, 10, &e), 1);
	CHECK_STR(windows(db, &all, &out), S("example.com n=1 failed=0 rows=1 dropped=0 24--1\n"));
	CHECK_INT(sql_run(db, &e, "DELETE FROM report_dmarc", ""), 1);
	sql_close(db);
}

TEST(report_closed_early)
{
	AUTO(testdir) struct testdir d = testdir_make();
	AUTO(buf) struct buf out = BUF(10000);
	AUTO(arena) struct arena a = {0};
	struct sql *db = open_reports(testdir_slice(&d));
	struct err e;
	struct report_window w;
	const struct report_filter all = {.kind = -1, .sent = -1};
	struct dmarc_stat s = one("example.com");
	OK(report_add_dmarc_tx(db, &s, 1, &e));
	CHECK_INT(report_hurry_tx(db, &all, NOON + HOUR, &e), 1);
	OK(report_due(db, NOON + HOUR, 0, &a, &w, &e));
	OK(report_add_dmarc_tx(db, &s, 1, &e));
	CHECK_STR(windows(db, &all, &out), S("example.com n=1 failed=0 rows=1 dropped=0 13--1\n"
					     "example.com n=1 failed=0 rows=1 dropped=0 0-13\n"));
	const struct report_filter other = {.kind = -1, .sent = -1, .domain = S("*.org")};
	CHECK_INT(report_hurry_tx(db, &other, NOON + HOUR, &e), 0);
	sql_close(db);
}

static bool show_tls(void *arg, const struct tls_row *r)
{
	struct buf *out = ((struct seen *)arg)->out;
	if (r->policy)
		buf_printf(out, "%.*s strings=%u mx=%u ok=%lld failed=%lld\n",
			SFMT(r->stat.policy_type), r->stat.nstrings, r->stat.nmx, (long long)r->ok,
			(long long)r->failed);
	else
		buf_printf(out, "  %.*s %.*s %.*s x%lld\n", SFMT(r->stat.result_type),
			SFMT(r->stat.receiving_mx), SFMT(r->stat.sending_ip), (long long)r->count);
	return true;
}

TEST(report_tls_counts_come_back)
{
	AUTO(testdir) struct testdir d = testdir_make();
	AUTO(buf) struct buf out = BUF(10000);
	struct sql *db = open_reports(testdir_slice(&d));
	struct err e;
	struct tls_stat s = {.at = NOON,
		.policy_domain = S("example.com"),
		.policy_type = S("sts"),
		.strings = {S("version: STSv1"), S("mode: enforce")},
		.nstrings = 2,
		.mx = {S("*.example.com")},
		.nmx = 1,
		.ok = true};
	OK(report_add_tls_tx(db, &s, 10, &e));
	s.ok = false;
	s.result_type = S("certificate-expired");
	s.receiving_mx = S("mx.example.com");
	s.sending_ip = S("192.0.2.1");
	OK(report_add_tls_tx(db, &s, 2, &e));
	s.result_type = S("starttls-not-supported");
	OK(report_add_tls_tx(db, &s, 1, &e));
	s = (struct tls_stat){.at = NOON,
		.policy_domain = S("example.com"),
		.policy_type = S("no-policy-found"),
		.ok = true};
	OK(report_add_tls_tx(db, &s, 4, &e));
	CHECK_STR(windows(db, &(struct report_filter){.kind = REPORT_TLS, .sent = -1}, &out),
		S("example.com n=17 failed=3 rows=4 dropped=0 0--1\n"));
	buf_reset(&out);
	OK(report_tls_rows(db, 1, show_tls, &(struct seen){.out = &out}, &e));
	slice sts = S("sts strings=2 mx=1 ok=10 failed=3\n"), none = S("no-policy-found strings=0 "
								       "mx=0 ok=4 failed=0\n");
	CHECK(slice_find(buf_slice(&out), sts) < out.n &&
		slice_find(buf_slice(&out), none) < out.n);
	CHECK(slice_find(buf_slice(&out),
		      S("  certificate-expired mx.example.com 192.0.2.1 x2\n")) < out.n);
	CHECK(slice_find(buf_slice(&out),
		      S("  starttls-not-supported mx.example.com 192.0.2.1 x1\n")) < out.n);
	sql_close(db);
}

/* ---- the counter ---- */

struct counting {
	slice dir;
	int first, second;
};

static void count_some(void *arg)
{
	struct counting *t = arg;
	struct report_counter *c = report_counter_new(t->dir);
	struct dmarc_stat s = one("example.com");
	struct err e;
	for (int i = 0; i < 100; i++) {
		s.client_ip = i % 2 ? S("192.0.2.1") : S("2001:db8::1");
		report_count_dmarc(c, &s);
	}
	s.policy_domain = S("");
	report_count_dmarc(c, &s); /* no record: not counted */
	t->first = report_counter_flush(c, &e); /* there are no tables yet */
	struct sql *db = open_reports(t->dir);
	s = one("example.com");
	report_count_dmarc(c, &s);
	t->second = report_counter_flush(c, &e);
	s.at += DAY;
	report_count_dmarc(c, &s);
	report_counter_stop(c);
	report_counter_free(c);
	sql_close(db);
	loop_stop();
}

TEST(report_counter_keeps_what_it_cannot_write)
{
	AUTO(testdir) struct testdir d = testdir_make();
	AUTO(buf) struct buf out = BUF(10000);
	struct counting t = {.dir = testdir_slice(&d)};
	loop_init();
	pool_init(1);
	co_go("test", count_some, &t);
	loop_run();
	pool_done();
	loop_done();
	CHECK_INT(t.first, -1);
	CHECK_INT(t.second, 0);
	struct sql *db = open_reports(testdir_slice(&d));
	CHECK_STR(windows(db, &(struct report_filter){.kind = -1, .sent = -1}, &out),
		S("example.com n=1 failed=0 rows=1 dropped=0 24--1\n"
		  "example.com n=101 failed=0 rows=2 dropped=0 0--1\n"));
	sql_close(db);
}

/* ---- received ---- */

static bool show_received(void *arg, const struct report_received *r)
{
	buf_printf(((struct seen *)arg)->out, "%.*s %.*s %.*s\n", SFMT(r->kind), SFMT(r->org),
		SFMT(r->domain));
	return true;
}

TEST(report_received_are_kept_once)
{
	AUTO(testdir) struct testdir d = testdir_make();
	AUTO(buf) struct buf out = BUF(10000);
	AUTO(arena) struct arena a = {0};
	struct sql *db = open_reports(testdir_slice(&d));
	struct err e;
	int64_t id, other;
	struct report_received r = {.kind = S("dmarc"),
		.received_at = NOON,
		.org = S("Example"),
		.report_id = S("77"),
		.domain = S("ours.test"),
		.messages = 5,
		.failed = 1,
		.body = S("{}")};
	OK(report_received_add_tx(db, &r, &id, &e));
	r.body = S("{\"changed\": 1}");
	CHECK(report_received_add_tx(db, &r, &other, &e) < 0 && e.kind == ERR_EXISTS);
	r.kind = S("feedback");
	r.report_id = S("");
	r.received_at += 1;
	OK(report_received_add_tx(db, &r, &other, &e));
	CHECK(report_received_add_tx(db, &r, &other, &e) < 0 && e.kind == ERR_EXISTS);
	r.body = S("{\"changed\": 2}");
	r.org = S("Other");
	OK(report_received_add_tx(db, &r, &other, &e));
	struct seen s = {.out = &out};
	OK(report_received_list(db, &(struct report_received_filter){0}, 2, show_received, &s, &e));
	CHECK_STR(buf_slice(&out), S("feedback Other ours.test\nfeedback Example ours.test\n"));
	buf_reset(&out);
	OK(report_received_list(db,
		&(struct report_received_filter){.kind = S("dmarc"), .domain = S("*.test")}, 9,
		show_received, &s, &e));
	CHECK_STR(buf_slice(&out), S("dmarc Example ours.test\n"));
	struct report_received got;
	OK(report_received_load(db, id, &a, &got, &e));
	CHECK_STR(got.body, S("{}"));
	CHECK_INT(got.messages, 5);
	CHECK(report_received_load(db, 99, &a, &got, &e) < 0 && e.kind == ERR_NOTFOUND);
	CHECK_INT(report_expire_tx(db, NOON + 1, 10, &e), 1);
	CHECK(report_received_load(db, id, &a, &got, &e) < 0);
	sql_close(db);
}
