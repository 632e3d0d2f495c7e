/*
 * Sending reports (queue_reports.h). Every few minutes: windows whose day has ended are closed;
 * those that are due are built, signed and queued one after the other; old ones are removed.
 *
 * A report is queued once: its message's id is written into the window (claim), then the message is
 * queued, then the window goes on. After a crash in between the queue and the trace are asked
 * whether that message was there. Report ids are made of window and row, so even where this fails
 * (the trace has been removed) a receiver sees the same report, not another one.
 */
#include "bin/queue_reports.h"

#include "base/mem.h"
#include "bin/queue.h"
#include "mail/report.h"
#include "mail/report_conf.h"
#include "mail/sign.h"
#include "run/log.h"
#include "run/metrics.h"
#include "run/pool.h"
#include "store/trace.h"

METRIC_COUNTER(queued_dmarc, "posthouse_reports_queued_total", "kind=\"dmarc\"", "Reports queued.");
METRIC_COUNTER(queued_tls, "posthouse_reports_queued_total", "kind=\"tls\"", "Reports queued.");

struct queue_reports {
	struct queue *q;
	struct sql *db;
	struct cond wake;
	bool asked;
	int64_t expired_at; /* when old ones were last removed */
	bool nameless; /* told that the host has no name to report under */
};

/* ---- calls that block ---- */

/* One step of work in the pool, inside a transaction or not. */
struct job {
	struct queue_reports *r;
	int (*run)(struct job *j, struct err *e);
	bool tx;
	int status;
	struct err err;
	/* in and out, as the step needs them */
	struct arena *a;
	struct report_window w;
	struct report_sender sender;
	struct report_to to;
	struct report_parts *parts;
	struct queue_settings *settings;
	int64_t n, wall, sent, id;
	unsigned i;
	bool done, there;
	slice outcome, subject, message_id;
	struct buf *text;
};

static void in_pool(void *arg)
{
	struct job *j = arg;
	struct sql *db = j->r->db;
	j->status = j->tx ? sql_begin(db, &j->err) : 0;
	if (j->status < 0)
		return;
	j->status = j->run(j, &j->err);
	if (!j->tx)
		return;
	if (j->status == 0)
		j->status = sql_commit(db, &j->err);
	else
		sql_rollback(db);
}

static int run(struct job *j, int (*fn)(struct job *, struct err *), bool tx, struct err *e)
{
	j->run = fn;
	j->tx = tx;
	pool_call(in_pool, j);
	if (j->status < 0)
		*e = j->err;
	return j->status;
}

static int do_close(struct job *j, struct err *e)
{
	j->n = report_close_tx(
		j->r->db, j->wall, j->settings->config.reports->window, REPORTS_CLOSE_BATCH, e);
	return j->n < 0 ? -1 : 0;
}

static int do_expire(struct job *j, struct err *e)
{
	j->n = report_expire_tx(
		j->r->db, j->wall - j->settings->config.reports->keep, REPORTS_EXPIRE_BATCH, e);
	return j->n < 0 ? -1 : 0;
}

static int do_find(struct job *j, struct err *e)
{
	return report_due(j->r->db, j->wall, j->id, j->a, &j->w, e);
}

static int do_parts(struct job *j, struct err *e)
{
	return report_parts_new(j->r->db, &j->w, &j->sender, &j->to, &j->parts, e);
}

static int do_build(struct job *j, struct err *e)
{
	return report_parts_build(
		j->parts, j->i, j->wall, j->text, j->a, &j->subject, &j->message_id, e);
}

static int do_claim(struct job *j, struct err *e)
{
	return report_claim_tx(j->r->db, j->w.id, j->id, e);
}

static int do_progress(struct job *j, struct err *e)
{
	return report_progress_tx(j->r->db, j->w.id, j->sent, j->done, j->outcome, j->wall, e);
}

static int do_postpone(struct job *j, struct err *e)
{
	return report_postpone_tx(j->r->db, j->w.id, j->wall, j->outcome, e);
}

static bool saw_row(void *arg, const struct trace_row *row)
{
	(void)row;
	*(bool *)arg = true;
	return false;
}

/* Is, or was, this message in the queue? Connections of its own: it happens after a crash. */
static int do_look(struct job *j, struct err *e)
{
	slice data = j->settings->config.server->data;
	struct sql *queue = NULL, *trace = NULL;
	const struct trace_filter f = {.id = j->id, .status = -1};
	int r = sql_open_read(data, "queue", &queue, e);
	if (r == 0)
		r = sql_open_read(data, "trace", &trace, e);
	j->there = false;
	if (r == 0)
		r = trace_find(trace, queue, &f, 1, saw_row, &j->there, e);
	sql_close(queue);
	sql_close(trace);
	return r;
}

/* ---- one message ---- */

static int add(struct sql *db, void *arg, struct err *e)
{
	return queue_add_tx(db, arg, e);
}

/* Builds part j->i, claims it, queues it. */
static int send_part(struct job *j, struct err *e)
{
	struct queue *q = j->r->q;
	AUTO(buf) struct buf text = BUF(REPORT_MAIL_MAX);
	struct queue_msg m;
	slice signature;
	j->text = &text;
	j->wall = wall_now();
	if (run(j, do_build, false, e) < 0)
		return -1;
	if (sign_text(&j->settings->signing, buf_slice(&text), j->wall, j->a, &signature, e) < 0)
		return -1;
	if (report_queue(&j->sender, &q->routes, q->blobs, j->to.address, buf_slice(&text),
		    signature, j->subject, j->message_id, j->wall, j->a, &m, e) < 0)
		return -1;
	j->id = m.id;
	if (run(j, do_claim, true, e) < 0) {
		blob_settle(q->blobs, m.blob);
		return -1;
	}
	if (commit_run_blob(q->queue_commit, m.blob, add, &m, e) < 0)
		return -1;
	struct letter *l = letter_copy(&m);
	queue_feed_letter(q, l);
	letter_unref(l);
	metric_add(j->w.kind == REPORT_DMARC ? &queued_dmarc : &queued_tls, 1);
	log_info(NULL, "reports.queued", F("kind", j->w.kind == REPORT_DMARC ? "dmarc" : "tls"),
		F("domain", j->w.domain), F("to", j->to.address), F("messages", j->w.messages),
		F("bytes", m.size));
	return 0;
}

/* ---- one window ---- */

static int progress(struct job *j, bool done, slice outcome, struct err *e)
{
	j->wall = wall_now();
	j->done = done;
	j->outcome = outcome;
	return run(j, do_progress, true, e);
}

/* Not now; in the end not at all. */
static int postpone(struct job *j, slice why, struct err *e)
{
	int64_t now = wall_now();
	if (now - j->w.end_at > REPORTS_GIVE_UP_S * SECOND)
		return progress(j, true, why, e);
	j->wall = now + REPORTS_LATER_S * SECOND;
	j->outcome = why;
	return run(j, do_postpone, true, e);
}

/* The message claimed before a crash counts when it was queued. */
static int settle_claim(struct job *j, struct err *e)
{
	if (!j->w.claim)
		return 0;
	j->id = j->w.claim;
	if (run(j, do_look, false, e) < 0)
		return -1;
	if (!j->there)
		return 0;
	j->sent = ++j->w.sent;
	return progress(j, false, j->w.outcome, e);
}

/* All parts for one address. *ret_index counts parts over all addresses. */
static int send_to(struct job *j, int64_t *ret_index, struct err *e)
{
	if (run(j, do_parts, false, e) < 0)
		return -1;
	int r = 0;
	for (j->i = 0; r == 0 && j->i < report_parts_count(j->parts); j->i++) {
		if ((*ret_index)++ < j->w.sent)
			continue;
		r = send_part(j, e);
		if (r < 0 && e->kind == ERR_NOTFOUND) /* nowhere: passed over for good */
			r = 0;
		j->sent = *ret_index;
		if (r == 0)
			r = progress(j, false, S(""), e);
	}
	report_parts_free(take(&j->parts));
	return r;
}

static int send_all(struct job *j, const struct report_to *v, unsigned n, struct err *e)
{
	int64_t index = 0;
	slice outcome =
		arena_printf(j->a, "sent to %.*s%s", SFMT(v[0].address), n > 1 ? " ..." : "");
	if (settle_claim(j, e) < 0)
		return -1;
	for (unsigned i = 0; i < n; i++) {
		j->to = v[i];
		if (send_to(j, &index, e) == 0)
			continue;
		if (e->kind != ERR_LIMIT && e->kind != ERR_NOTFOUND)
			return -1;
		outcome = arena_printf(j->a, "%.*s: %s", SFMT(v[i].address), e->text);
	}
	j->sent = index;
	return progress(j, true, outcome, e);
}

/* Addresses, or a reason why there are none. */
static enum report_to_status find_addresses(
	struct job *j, struct report_to v[REPORT_TO_MAX], unsigned *ret_n, slice *ret_why)
{
	const struct reports_conf *c = j->settings->config.reports;
	struct lookup l = lookup_dns(j->r->q->dns);
	instant deadline = instant_in(REPORTS_LOOKUP_S * SECOND);
	if (j->w.kind == REPORT_DMARC ? !c->dmarc : !c->tls) {
		*ret_why = S("sending is switched off");
		return REPORT_TO_NOBODY;
	}
	if (j->w.kind == REPORT_TLS)
		return report_to_tls(&l, j->w.domain, deadline, j->a, v, ret_n, ret_why);
	return report_to_dmarc(&l, j->w.domain, j->w.policy, false,
		j->w.by_suffix ? DMARC_PUBLIC_SUFFIX : DMARC_TREE_WALK, deadline, j->a, v, ret_n,
		ret_why);
}

static int send_window(struct job *j, struct err *e)
{
	struct report_to v[REPORT_TO_MAX];
	unsigned n = 0;
	slice why = {0};
	j->sent = j->w.sent;
	report_sender_of(
		j->settings->config.reports, j->settings->config.hostname, j->a, &j->sender);
	switch (find_addresses(j, v, &n, &why)) {
	case REPORT_TO_LATER:
		return postpone(j, S("the DNS did not answer"), e);
	case REPORT_TO_NOBODY:
		return progress(j, true, why, e);
	case REPORT_TO_FOUND:
		break;
	}
	if (send_all(j, v, n, e) == 0)
		return 0;
	log_warn(NULL, "reports.failed", F("domain", j->w.domain), F("error", e));
	return postpone(j, arena_printf(j->a, "%s", e->text), e);
}

/* ---- all that is due ---- */

/* 1 one was handled, 0 none is due, -1 the database. */
static int send_next(struct queue_reports *r, int64_t *cursor, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	struct queue_settings *s = r->q->settings;
	struct job *j = ARENA_NEW(&a, struct job);
	*j = (struct job){.r = r, .settings = s, .a = &a, .wall = wall_now(), .id = *cursor};
	s->refs++; /* through a reload */
	int status = run(j, do_find, false, e);
	if (status == 0) {
		*cursor = j->w.id;
		status = send_window(j, e) < 0 ? -1 : 1;
	} else if (e->kind == ERR_NOTFOUND) {
		status = 0;
	}
	queue_settings_unref(s);
	return status;
}

/* Repeats a step in small transactions until it finds nothing more. */
static int repeat(struct queue_reports *r, int (*fn)(struct job *, struct err *), int64_t batch,
	struct err *e)
{
	struct job j = {.r = r, .wall = wall_now()};
	do {
		j.settings = r->q->settings;
		j.settings->refs++;
		int status = run(&j, fn, true, e);
		queue_settings_unref(j.settings);
		if (status < 0)
			return -1;
	} while (j.n >= batch && co_sleep(instant_in(REPORTS_PAUSE_MS * MSEC), e) == 0);
	return 0;
}

/* A machine without a name of its own does not report: nobody could know who it is. */
static bool has_name(struct queue_reports *r)
{
	slice name = r->q->settings->config.hostname;
	bool has = slice_index(name, '.') < name.n;
	if (!has && !r->nameless)
		log_info(NULL, "reports.nameless", F("hostname", name));
	r->nameless = !has;
	return has;
}

static int work(struct queue_reports *r, struct err *e)
{
	int64_t cursor = 0;
	int status = 1;
	if (repeat(r, do_close, REPORTS_CLOSE_BATCH, e) < 0)
		return -1;
	while (status == 1 && !r->q->stopping && has_name(r)) {
		status = send_next(r, &cursor, e);
		if (status == 1 && co_sleep(instant_in(REPORTS_PAUSE_MS * MSEC), e) < 0)
			return 0;
	}
	if (status < 0 || wall_now() - r->expired_at < DAY)
		return status < 0 ? -1 : 0;
	r->expired_at = wall_now();
	return repeat(r, do_expire, REPORTS_EXPIRE_BATCH, e);
}

void queue_reports_run(void *arg)
{
	struct queue_reports *r = arg;
	instant next = instant_in(REPORTS_FIRST_S * SECOND);
	struct err e;
	for (;;) {
		while (!r->asked && instant_now() < next)
			if (cond_wait(&r->wake, next, &e) < 0 && e.kind != ERR_TIMEOUT)
				return;
		r->asked = false;
		if (work(r, &e) < 0 && e.kind != ERR_CLOSED)
			log_warn(NULL, "reports.failed", F("error", &e));
		next = instant_in(REPORTS_EVERY_S * SECOND);
	}
}

void queue_reports_wake(struct queue_reports *r)
{
	r->asked = true;
	cond_wake_all(&r->wake);
}

int queue_reports_open(struct queue *q, struct queue_reports **ret, struct err *e)
{
	struct sql *db;
	if (sql_open(q->settings->config.server->data, REPORT_DB, &db, e) < 0)
		return -1;
	struct queue_reports *r = NEW(struct queue_reports);
	r->q = q;
	r->db = db;
	cond_init(&r->wake);
	*ret = r;
	return 0;
}

void queue_reports_close(struct queue_reports *r)
{
	if (!r)
		return;
	sql_close(r->db);
	free(r);
}
