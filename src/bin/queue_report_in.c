/*
 * Mail to the addresses that take reports ([reports] addresses): it is read by a scan process and
 * kept in the database of reports instead of being delivered. Called by queue_session.c for groups
 * with the destination "report".
 *
 * What is no report is returned to its sender, unless it has none: nobody writes there by hand
 * without wondering where it went.
 */
#include "bin/queue.h"

#include "base/mem.h"
#include "bin/scan.h"
#include "codec/authres.h"
#include "codec/header.h"
#include "codec/json_read.h"
#include "codec/report_in.h"
#include "run/log.h"
#include "run/metrics.h"
#include "run/pool.h"
#include "store/report.h"
#include "store/report_received.h"
#include <inttypes.h>

METRIC_COUNTER(reports_dmarc, "posthouse_reports_received_total", "kind=\"dmarc\"",
	"Reports of others about our mail.");
METRIC_COUNTER(reports_tls, "posthouse_reports_received_total", "kind=\"tls\"",
	"Reports of others about our mail.");
METRIC_COUNTER(reports_feedback, "posthouse_reports_received_total", "kind=\"feedback\"",
	"Reports of others about our mail.");
METRIC_COUNTER(reports_unread, "posthouse_reports_received_total", "kind=\"unreadable\"",
	"Reports of others about our mail.");

struct queue_report_in {
	struct sql *db;
	struct commit *commit;
};

struct queue_report_in *queue_report_in_new(void)
{
	return NEW(struct queue_report_in);
}

int queue_report_in_open(struct queue_report_in *r, slice data, struct err *e)
{
	if (sql_open(data, REPORT_DB, &r->db, e) < 0)
		return -1;
	r->commit = commit_new(r->db, NULL);
	return 0;
}

void queue_report_in_free(struct queue_report_in *r)
{
	if (r->commit)
		commit_drain(r->commit);
	commit_free(r->commit);
	sql_close(r->db);
	free(r);
}

/* ---- who sent it ---- */

static slice prop(const struct authres_method *m, slice ptype, slice property)
{
	const struct authres_prop *p = authres_prop_of(m, ptype, property);
	return p ? p->value : S("");
}

/* The domain that proved to have sent the message, as our own results in its prefix say: of DMARC,
 * else of a signature. */
static slice proven_sender(const struct queue_msg *m, struct arena *a)
{
	struct header_field f;
	struct authres results;
	slice signer = S("");
	if (!header_find(m->prefix, S("Authentication-Results"), 0, &f) ||
		!authres_parse(f.value, a, &results))
		return S("");
	for (size_t i = 0; i < results.n; i++) {
		const struct authres_method *v = &results.v[i];
		if (!slice_ieq(v->result, S("pass")))
			continue;
		if (slice_ieq(v->method, S("dmarc")))
			return prop(v, S("header"), S("from"));
		if (slice_ieq(v->method, S("dkim")) && !signer.n)
			signer = prop(v, S("header"), S("d"));
	}
	return signer;
}

/* ---- keeping it ---- */

static int64_t wall_of(const json_t *o, const char *key)
{
	int64_t v = json_read_count(o, key);
	return v < INT64_MAX / SECOND ? v * SECOND : 0;
}

static int add(struct sql *db, void *arg, struct err *e)
{
	struct report_received *r = arg;
	return report_received_add_tx(db, r, &r->id, e);
}

static struct result outcome(enum result_kind kind, struct status_code status, slice text)
{
	return (struct result){.kind = kind, .status = status, .text = text};
}

static void count(slice kind)
{
	bool dmarc = slice_eq(kind, S("dmarc")), tls = slice_eq(kind, S("tls"));
	metric_add(dmarc ? &reports_dmarc : tls ? &reports_tls : &reports_feedback, 1);
}

/* It may have megabytes. */
struct printing {
	const json_t *report;
	char *text;
};

static void print_in_pool(void *arg)
{
	struct printing *p = arg;
	p->text = json_dumps(p->report, JSON_COMPACT);
}

static struct result keep(struct queue_report_in *in, const struct queue_msg *m,
	const json_t *report, struct arena *a)
{
	struct printing body = {.report = report};
	pool_call(print_in_pool, &body);
	AUTO(free) char *text = body.text;
	bool complaint = slice_eq(json_read_text(report, "kind"), S("feedback"));
	struct report_received r = {
		.kind = json_read_text(report, "kind"),
		.received_at = m->arrived_at,
		.org = complaint ? json_read_text(report, "agent") : json_read_text(report, "org"),
		.contact = json_read_text(report, "contact"),
		.report_id = json_read_text(report, "id"),
		.domain = json_read_text(report, "domain"),
		.begin_at = wall_of(report, "begin"),
		.end_at = wall_of(report, "end"),
		.messages = complaint ? json_read_count(report, "incidents")
				      : json_read_count(report, "messages"),
		.failed = json_read_count(report, "failed"),
		.sender = proven_sender(m, a),
		.body = slice_z(text),
	};
	struct err e;
	if (commit_run(in->commit, add, &r, &e) == 0) {
		count(r.kind);
		return outcome(RESULT_DELIVERED, STATUS(2, 0, 0),
			arena_printf(a, "kept as %.*s report %" PRId64, SFMT(r.kind), r.id));
	}
	if (e.kind == ERR_EXISTS)
		return outcome(
			RESULT_DELIVERED, STATUS(2, 0, 0), S("the same report was kept before"));
	if (e.kind == ERR_LIMIT)
		return outcome(RESULT_FAILED, STATUS(5, 3, 4), arena_dup(a, slice_z(e.text)));
	return outcome(RESULT_DEFERRED, STATUS(4, 3, 0), arena_dup(a, slice_z(e.text)));
}

/* ---- one group ---- */

static struct result unread(const struct err *e, struct arena *a)
{
	slice text = arena_dup(a, slice_z(e->text));
	if (e->kind == ERR_TEMP || e->kind == ERR_TIMEOUT || e->kind == ERR_CLOSED)
		return outcome(RESULT_DEFERRED, STATUS(4, 3, 0), text);
	metric_add(&reports_unread, 1);
	return outcome(RESULT_FAILED, STATUS(5, 6, 0), text);
}

static struct result read_report(struct queue_session *s)
{
	struct queue_report_in *in = s->q->report_in;
	struct result r;
	json_t *report;
	struct err e;
	if (scan_ask(queue_scan_pick(s->q->scan), SCAN_REPORT, s->settings->config.scan,
		    s->q->blobs, &s->letter->m, &report, &e) < 0)
		return unread(&e, &s->mem);
	slice kind = json_read_text(report, "kind");
	if (slice_eq(kind, S("none"))) {
		metric_add(&reports_unread, 1);
		r = outcome(RESULT_FAILED, STATUS(5, 6, 0),
			S("this address takes DMARC, TLS and feedback reports only, and there is "
			  "none in the message"));
	} else if (slice_eq(kind, S("unreadable"))) {
		metric_add(&reports_unread, 1);
		r = outcome(RESULT_FAILED, STATUS(5, 6, 0),
			arena_printf(&s->mem, "the report cannot be read: %.*s",
				SFMT(json_read_text(report, "error"))));
	} else {
		r = keep(in, &s->letter->m, report, &s->mem);
	}
	json_decref(report);
	return r;
}

void queue_report_in_deliver(struct queue_session *s)
{
	struct result r = read_report(s);
	for (size_t i = 0; i < s->n; i++)
		s->v[i].result = r;
}
