/*
 * Deciding what follows from an attempt (settle.h): pure, from results to rows. Called by settle.c.
 */
#include "base/mem.h"
#include "mail/settle_impl.h"
#include "run/log.h"
#include "run/metrics.h"

METRIC_COUNTER(delivered, "posthouse_queue_delivered_total", "", "Recipients delivered.");
METRIC_COUNTER(
	deferred, "posthouse_queue_deferred_total", "", "Recipients deferred, each attempt.");
METRIC_COUNTER(failed, "posthouse_queue_failed_total", "", "Recipients that failed for good.");
METRIC_COUNTER(
	expired, "posthouse_queue_expired_total", "", "Recipients given up after their lifetime.");
METRIC_COUNTER(doubles, "posthouse_queue_double_bounces_total", "",
	"Bounces that could not be delivered.");
METRIC_DURATION(latency, "posthouse_queue_delivery_seconds", "", "From acceptance to delivery.");

struct plan {
	struct docket *k;
	const struct settle_config *c;
	const struct attempt *attempt;
	int64_t now;
	uint64_t random;
	slice events; /* of the present recipient */
};

static slice status_text(struct arena *a, struct status_code s)
{
	return s.cls ? arena_printf(a, "%u.%u.%u", s.cls, s.subject, s.detail) : (slice){0};
}

static void log_attempt(struct buf *log, const struct attempt *t)
{
	if (!t || !t->started_at)
		return;
	trace_event(log, t->started_at, "attempt", "host", t->host, "ip", t->ip, "tls", t->tls,
		"reused", t->reused ? S("yes") : (slice){0}, NULL);
}

/* The timeline of a recipient with what happened now. */
static void log_result(
	struct buf *log, struct plan *p, const struct result *r, const char *event, slice next)
{
	log_attempt(log, p->attempt);
	trace_event(log, p->now, event, "status", status_text(&p->k->mem, r->status), "by", r->mta,
		"reply", r->text, "next", next, NULL);
}

static void tell(struct plan *p, const struct queue_rcpt *r, const struct result *res,
	enum dsn_action action, int ended)
{
	struct docket *k = p->k;
	const struct queue_msg *m = &k->l->m;
	bool postmaster = action == DSN_FAILED && bounce_to_postmaster(p->c->bounce, m, r);
	if (!postmaster && !bounce_wanted(m, r, action))
		return;
	k->told_ended[k->ntold] = ended;
	k->told[k->ntold++] = (struct dsn_rcpt){
		.action = action,
		.address = r->address,
		.orcpt = r->orcpt,
		.status = res->status,
		.cause = res->cause,
		.remote_mta = arena_dup(&k->mem, res->mta),
		.diagnostic = arena_dup(&k->mem, res->text),
		.last_attempt =
			p->attempt && p->attempt->started_at ? p->attempt->started_at : p->now,
		.retry_until = action == DSN_DELAYED ? m->expires_at : 0,
	};
}

static void report_line(
	struct plan *p, const struct queue_rcpt *r, const struct result *res, const char *event)
{
	char id[MSG_ID_TEXT];
	msg_id_print(p->k->l->m.id, id);
	log_info(NULL, event, F("id", id), F("rcpt", r->address),
		F("host", p->attempt ? p->attempt->host : S("")),
		F("ip", p->attempt ? p->attempt->ip : S("")), F("reply", res->text),
		F_USEC("age", p->now - p->k->l->m.arrived_at));
}

/* The recipient leaves the queue. Returns its position among the ended. */
static int end(struct plan *p, const struct queue_rcpt *r, const struct result *res,
	enum trace_status status, const char *event)
{
	struct docket *k = p->k;
	const struct queue_msg *m = &k->l->m;
	AUTO(buf) struct buf log = BUF(TRACE_LOG_MAX);
	buf_put(&log, m->log);
	buf_put(&log, r->log);
	trace_append(&log, p->events);
	log_result(&log, p, res, event, (slice){0});
	k->end_idx[k->nended] = r->idx;
	k->ended[k->nended] = (struct trace_row){
		.id = m->id,
		.idx = r->idx,
		.arrived_at = m->arrived_at,
		.ended_at = p->now,
		.sender = m->sender,
		.rcpt = r->address,
		.client = m->client,
		.message_id = m->message_id,
		.subject = m->subject,
		.size = m->size,
		.status = status,
		.log = arena_dup(&k->mem, buf_slice(&log)),
	};
	return (int)k->nended++;
}

static void settle_delivered(struct plan *p, const struct queue_rcpt *r, const struct result *res)
{
	bool passed_on = res->dsn && (r->notify & NOTIFY_SUCCESS);
	int at = end(p, r, res, passed_on ? TRACE_RELAYED_DSN : TRACE_DELIVERED, "delivered");
	if (!res->dsn)
		tell(p, r, res, res->relayed ? DSN_RELAYED : DSN_DELIVERED, at);
	metric_add(&delivered, 1);
	metric_observe(&latency, (uint64_t)(p->now - p->k->l->m.arrived_at));
	report_line(p, r, res, "queue.delivered");
}

static void settle_failed(struct plan *p, const struct queue_rcpt *r, const struct result *res)
{
	int at = end(p, r, res, TRACE_BOUNCED, "failed");
	tell(p, r, res, DSN_FAILED, at);
	metric_add(&failed, 1);
	report_line(p, r, res, "queue.failed");
	if (bounce_is_double(&p->k->l->m, r))
		metric_add(&doubles, 1);
}

/* RFC 3463: a delivery time that expired is 5.4.7 towards the sender; the last reply stays. */
static void settle_expired(struct plan *p, const struct queue_rcpt *r, const struct result *res)
{
	struct result final = *res;
	final.status = STATUS(5, 4, 7);
	final.cause = res->status;
	int at = end(p, r, &final, TRACE_EXPIRED, "expired");
	tell(p, r, &final, DSN_FAILED, at);
	metric_add(&expired, 1);
	report_line(p, r, res, "queue.expired");
	if (bounce_is_double(&p->k->l->m, r))
		metric_add(&doubles, 1);
}

static struct queue_rcpt *update(struct plan *p, const struct queue_rcpt *r)
{
	struct queue_rcpt *u = &p->k->updated[p->k->nupdated++];
	*u = *r;
	return u;
}

static void settle_deferred(struct plan *p, const struct queue_rcpt *r, const struct result *res)
{
	const struct queue_msg *m = &p->k->l->m;
	if (retry_expired(m, p->now)) {
		settle_expired(p, r, res);
		return;
	}
	struct arena *a = &p->k->mem;
	struct queue_rcpt *u = update(p, r);
	if (res->skipped)
		u->next_at = retry_next_skipped(p->c->retry, u->attempts, p->now, m, p->random);
	else
		u->next_at = retry_next(
			p->c->retry, ++u->attempts, p->now, m->expires_at, res->status, p->random);
	if (!p->k->next_at || u->next_at < p->k->next_at)
		p->k->next_at = u->next_at;
	u->reason = arena_dup(a, slice_first(res->text, TRACE_VALUE_MAX));
	if (retry_warning_due(p->c->retry, m, r, p->now)) {
		tell(p, r, res, DSN_DELAYED, -1);
		u->warned = true; /* also when nobody wants to know */
	}
	char next[TIME_ISO_MAX];
	AUTO(buf) struct buf log = BUF(TRACE_LOG_MAX);
	buf_put(&log, r->log);
	log_result(&log, p, res, "deferred", slice_of(next, time_iso(u->next_at, next)));
	u->log = arena_dup(a, buf_slice(&log));
	metric_add(&deferred, 1);
	report_line(p, r, res, "queue.deferred");
}

static void settle_rerouted(struct plan *p, const struct queue_rcpt *r, const struct result *res)
{
	struct queue_rcpt *u = update(p, r);
	u->dest = arena_dup(&p->k->mem, res->dest);
	u->next_at = p->now;
	AUTO(buf) struct buf log = BUF(TRACE_LOG_MAX);
	buf_put(&log, r->log);
	trace_event(&log, p->now, "route", "dest", res->dest, NULL);
	u->log = arena_dup(&p->k->mem, buf_slice(&log));
	p->k->rerouted = true;
}

/* By whoever has to decide; the queue leaves it alone. */
static void settle_held(struct plan *p, const struct queue_rcpt *r, const struct result *res)
{
	struct queue_rcpt *u = update(p, r);
	u->state = RCPT_HELD;
	u->reason = arena_dup(&p->k->mem, slice_first(res->text, TRACE_VALUE_MAX));
	AUTO(buf) struct buf log = BUF(TRACE_LOG_MAX);
	buf_put(&log, r->log);
	trace_event(&log, p->now, "held", "reason", res->text, NULL);
	u->log = arena_dup(&p->k->mem, buf_slice(&log));
}

static void settle_expanded(struct plan *p, const struct queue_rcpt *r, const struct result *res)
{
	int at = end(p, r, res, TRACE_DELIVERED, "expanded");
	if (!res->dsn)
		tell(p, r, res, DSN_EXPANDED, at);
	report_line(p, r, res, "queue.expanded");
}

static void settle_one(struct plan *p, const struct queue_rcpt *r, const struct result *res)
{
	switch (res->kind) {
	case RESULT_DEFERRED:
		settle_deferred(p, r, res);
		break;
	case RESULT_DELIVERED:
		settle_delivered(p, r, res);
		break;
	case RESULT_FAILED:
		settle_failed(p, r, res);
		break;
	case RESULT_EXPANDED:
		settle_expanded(p, r, res);
		break;
	case RESULT_REROUTED:
		settle_rerouted(p, r, res);
		break;
	case RESULT_HELD:
		settle_held(p, r, res);
		break;
	case RESULT_UNTRIED:
		break;
	}
}

static void keep_answer(struct docket *k, const struct settle_rcpt *v)
{
	enum result_kind kind = v->result.kind;
	if (!v->answer || (kind != RESULT_DELIVERED && kind != RESULT_EXPANDED))
		return;
	struct settle_answer *a = &k->answers[k->nanswers++];
	*a = *v->answer;
	a->data = arena_dup(&k->mem, a->data);
}

/* ---- what scripts want ---- */

static struct script_fault copy_fault(const struct script_fault *f, struct arena *a)
{
	struct script_fault to = *f;
	to.script = arena_dup(a, f->script);
	to.en = arena_dup(a, f->en);
	to.zh = arena_dup(a, f->zh);
	return to;
}

static void copy_extra(struct docket *k, const struct settle_extra *x)
{
	struct arena *a = &k->mem;
	struct settle_extra *to = &k->extra;
	for (size_t i = 0; i < x->nmade; i++)
		to->made[to->nmade++] = letter_copy_msg(&x->made[i], a);
	for (size_t i = 0; i < x->nanswers; i++) {
		struct settle_answer *v = &to->answers[to->nanswers++];
		*v = x->answers[i];
		v->key = arena_dup(a, v->key);
		v->data = arena_dup(a, v->data);
	}
	for (size_t i = 0; i < x->nhooks; i++)
		to->hooks[to->nhooks++] = webhook_copy(&x->hooks[i], a);
	for (size_t i = 0; i < x->nfaults; i++)
		to->faults[to->nfaults++] = (struct settle_fault){
			copy_fault(&x->faults[i].fault, a), arena_dup(a, x->faults[i].owner)};
}

static void keep_extras(struct docket *k, const struct settle_rcpt *v, size_t n)
{
	struct settle_extra most = {0}, *to = &k->extra;
	for (size_t i = 0; i < n; i++) {
		const struct settle_extra *x = v[i].extra;
		if (!x || !settle_takes(v[i].result.kind))
			continue;
		most.nmade += x->nmade;
		most.nanswers += x->nanswers;
		most.nhooks += x->nhooks;
		most.nfaults += x->nfaults;
	}
	if (!(most.nmade + most.nanswers + most.nhooks + most.nfaults))
		return;
	to->made = ARENA_ARRAY(&k->mem, struct queue_msg, most.nmade + 1);
	to->answers = ARENA_ARRAY(&k->mem, struct settle_answer, most.nanswers + 1);
	to->hooks = ARENA_ARRAY(&k->mem, struct webhook, most.nhooks + 1);
	to->faults = ARENA_ARRAY(&k->mem, struct settle_fault, most.nfaults + 1);
	for (size_t i = 0; i < n; i++)
		if (v[i].extra && settle_takes(v[i].result.kind))
			copy_extra(k, v[i].extra);
}

static void copy_expansion(struct docket *k, const struct queue_msg *m)
{
	struct letter *l = letter_copy(m); /* then its arena is ours */
	k->expansion_mem[k->expansions.n] = l->mem;
	k->expansions.v[k->expansions.n++] = l->m;
	l->mem = (struct arena){0};
	letter_unref(l);
}

void settle_plan(struct docket *k, const struct settle_config *c, const struct settle_rcpt *v,
	size_t n, const struct attempt *attempt, const struct expansions *expansions, int64_t now,
	uint64_t random)
{
	struct plan p = {.k = k, .c = c, .attempt = attempt, .now = now, .random = random};
	k->ended = ARENA_ARRAY(&k->mem, struct trace_row, n);
	k->end_idx = ARENA_ARRAY(&k->mem, int32_t, n);
	k->updated = ARENA_ARRAY(&k->mem, struct queue_rcpt, n);
	k->told = ARENA_ARRAY(&k->mem, struct dsn_rcpt, n);
	k->told_ended = ARENA_ARRAY(&k->mem, int, n);
	k->answers = ARENA_ARRAY(&k->mem, struct settle_answer, n);
	for (size_t i = 0; i < n; i++) {
		p.events = v[i].events;
		settle_one(&p, &k->l->m.rcpts[v[i].at], &v[i].result);
	}
	keep_extras(k, v, n);
	for (size_t i = 0; i < n; i++)
		keep_answer(k, &v[i]);
	for (size_t i = 0; expansions && i < expansions->n; i++)
		copy_expansion(k, &expansions->v[i]);
}

void settle_note_report(struct docket *k, msg_id report, int64_t now)
{
	char id[MSG_ID_TEXT];
	msg_id_print(report, id);
	if (!k->plain) {
		k->plain = ARENA_ARRAY(&k->mem, slice, k->nended);
		for (size_t i = 0; i < k->nended; i++)
			k->plain[i] = k->ended[i].log;
	}
	for (size_t i = 0; i < k->ntold; i++) {
		if (k->told_ended[i] < 0)
			continue;
		struct trace_row *row = &k->ended[k->told_ended[i]];
		AUTO(buf) struct buf log = BUF(TRACE_LOG_MAX);
		buf_put(&log, k->plain[k->told_ended[i]]);
		trace_event(&log, now, k->told[i].action == DSN_FAILED ? "bounced" : "reported",
			"report", slice_z(id), "to", k->report.rcpts[0].address, NULL);
		row->log = arena_dup(&k->mem, buf_slice(&log));
	}
}
