/*
 * Rows of the quarantine (edge_policy.h): what is held, discarded, kept beside what was changed, kept of what
 * was refused; and who is told that something waits. Called by edge_policy_rows.c, and before a refusal by
 * edge_policy.c.
 */
#include "bin/edge_policy.h"

#include "base/mem.h"
#include "base/utf8.h"
#include "bin/edge_scan.h"
#include "bin/edge_verify.h"
#include "bin/quarantine_conf.h"
#include "mail/notice.h"
#include "mail/route.h"
#include "store/trace.h"
#include <jansson.h>

enum { PREFIX_MAX = 256 * 1024, FROM_MAX = 300 };

static slice from_of(const struct edge_part *p)
{
	const struct edge_scan *x = edge_scan_found(p->s);
	slice address = p->plan->facts.from;
	if (!x || !x->report || !x->report->from_name.n)
		return address;
	return arena_printf(p->rows->mem, "%.*s <%.*s>",
		SFMT(utf8_first(x->report->from_name, FROM_MAX)), SFMT(address));
}

static slice signals_of(const struct edge_part *p)
{
	AUTO(buf) struct buf b = BUF(SIGNALS_MAX * (SIGNAL_DETAIL_MAX + 100));
	signals_print(&b, p->plan->signals);
	return arena_dup(p->rows->mem, slice_first(buf_slice(&b), QUARANTINE_SIGNALS_MAX));
}

/* Held without a class of its own: because a policy said so. */
static enum quarantine_class class_of(const struct edge_part *p, enum quarantine_kind kind)
{
	const struct policy_decision *d = &p->g->d;
	if (kind == QUARANTINE_HELD && d->end == POLICY_APPROVE)
		return QUARANTINE_APPROVAL;
	return kind == QUARANTINE_HELD && d->class == QUARANTINE_NONE ? QUARANTINE_POLICY
								      : d->class;
}

static struct quarantine_rcpt *rcpts_of(const struct edge_part *p, enum quarantine_kind kind)
{
	struct quarantine_rcpt *v =
		ARENA_ARRAY(p->rows->mem, struct quarantine_rcpt, p->own.nrcpts + 1);
	bool discarded = kind == QUARANTINE_HELD && p->g->d.end == POLICY_DISCARD;
	for (size_t i = 0; i < p->own.nrcpts; i++) {
		const struct queue_rcpt *r = &p->own.rcpts[i];
		v[i] = (struct quarantine_rcpt){.idx = r->idx,
			.address = r->address,
			.orcpt = r->orcpt,
			.notify = r->notify,
			.dest = r->dest,
			.state = discarded ? QUARANTINE_DISCARDED : QUARANTINE_WAITS,
			.changed_at = p->plan->facts.at,
			.released_as = kind == QUARANTINE_RECENT ? p->own.id : 0};
	}
	return v;
}

static struct queue_msg as_it_came(const struct edge_part *p, msg_id id)
{
	struct queue_msg m = *p->m;
	m.id = id;
	m.rcpts = NULL;
	m.nrcpts = 0;
	return m;
}

static struct quarantine_msg *add(struct edge_part *p, enum quarantine_kind kind, slice virus)
{
	const struct edge_scan *x = edge_scan_found(p->s);
	const struct policy_decision *d = &p->g->d;
	struct quarantine_msg *q = edge_rows_keep(p->rows);
	int64_t now = wall_now();
	bool beside = kind == QUARANTINE_ORIGINAL || kind == QUARANTINE_RECENT;
	*q = (struct quarantine_msg){
		.msg = as_it_came(p, beside ? msg_id_new() : p->own.id),
		.origin = p->m->id,
		.kind = kind,
		.class = class_of(p, kind),
		.direction = (int)p->g->direction,
		.probability = d->probability,
		.score = d->score,
		.from = from_of(p),
		.policy = d->policy,
		.policy_version = p->plan->version,
		.signals = signals_of(p),
		.virus = virus.n ? virus : p->plan->facts.virus,
		.text = x && x->report ? utf8_first(x->report->text, QUARANTINE_TEXT_MAX) : S(""),
		.approvers = d->approvers,
		.napprovers = d->end == POLICY_APPROVE ? d->napprovers : 0,
		.held_at = now,
		.rcpts = rcpts_of(p, kind),
		.nrcpts = p->own.nrcpts,
	};
	q->expires_at = quarantine_expires_at(p->s->edge->quarantine, kind, q->class, now);
	return q;
}

/* ---- who is told ---- */

static slice data_for(const struct edge_part *p, slice to)
{
	struct arena *a = p->rows->mem;
	json_t *j = json_object();
	const struct {
		const char *key;
		slice value;
	} v[] = {{"text", p->g->d.reply}, {"subject", p->plan->facts.subject},
		{"from", p->plan->facts.from}, {"to", to}};
	for (size_t i = 0; i < sizeof v / sizeof *v; i++)
		if (v[i].value.n)
			json_object_set_new(j, v[i].key,
				json_stringn(v[i].value.p, utf8_first(v[i].value, 1000).n));
	char *text = json_dumps(j, JSON_COMPACT);
	json_decref(j);
	slice out = text ? arena_dup(a, slice_z(text)) : S("");
	free(text);
	return out.n <= NOTICE_DATA_MAX ? out : S("");
}

static void tell(struct edge_part *p, enum notice_kind kind, slice to, int32_t idx)
{
	slice whom = idx >= 0             ? p->own.rcpts[idx].address
		     : p->own.nrcpts == 1 ? p->own.rcpts[0].address
					  : S("");
	edge_rows_notice(p->rows, &(struct notice){.kind = kind,
					  .to = to,
					  .about = p->own.id,
					  .idx = idx,
					  .data = data_for(p, whom),
					  .at = wall_now()});
}

/* Whoever is not proven to be its sender must not get letters for it. Machines do not read them. */
static bool may_tell_sender(const struct edge_part *p)
{
	const struct edge_verified *found = edge_verify_found(p->s);
	if (!p->m->sender.n || p->s->message.automatic)
		return false;
	return p->s->client->login.n || p->g->direction != POLICY_IN ||
	       (found && (found->spf.result == AUTH_PASS || found->dmarc.result == AUTH_PASS));
}

/* Without anybody named it is the administrator's to approve. */
static void tell_approvers(struct edge_part *p)
{
	const struct policy_decision *d = &p->g->d;
	if (d->napprovers == 0)
		tell(p, NOTICE_APPROVE, S(""), -1);
	for (size_t i = 0; i < d->napprovers; i++)
		tell(p, NOTICE_APPROVE, d->approvers[i], -1);
}

struct told { /* who is */
	bool approvers, sender, rcpts;
};

static struct told who_is_told(const struct edge_part *p, enum quarantine_kind kind)
{
	const struct policy_decision *d = &p->g->d;
	if (kind != QUARANTINE_HELD || d->end == POLICY_DISCARD)
		return (struct told){0};
	return (struct told){
		d->end == POLICY_APPROVE, d->tell_sender && may_tell_sender(p), d->tell_rcpt};
}

static slice held_log(const struct edge_part *p, const struct quarantine_msg *q, struct told t)
{
	static const char *const kinds[] = {[QUARANTINE_HELD] = "held",
		[QUARANTINE_REJECTED] = "rejected",
		[QUARANTINE_ORIGINAL] = "original",
		[QUARANTINE_RECENT] = "recent"};
	bool discarded = q->nrcpts && q->rcpts[0].state == QUARANTINE_DISCARDED;
	AUTO(buf) struct buf log = BUF(TRACE_LOG_MAX);
	struct arena *a = p->rows->mem;
	buf_put(&log, p->own.log);
	trace_event(&log, wall_now(), "quarantined", "class",
		q->class ? slice_z(quarantine_class_name(q->class)) : S(""), "policy", q->policy,
		"kind", discarded ? S("discarded") : slice_z(kinds[q->kind]), "virus", q->virus,
		NULL);
	if (t.approvers || t.sender || t.rcpts)
		trace_event(&log, wall_now(), "told", "approvers",
			t.approvers ? arena_printf(a, "%zu", p->g->d.napprovers) : S(""), "sender",
			t.sender ? p->m->sender : S(""), "rcpt",
			t.rcpts ? arena_printf(a, "%zu", p->own.nrcpts) : S(""), NULL);
	return arena_dup(a, buf_slice(&log));
}

void edge_policy_hold(struct edge_part *p, enum quarantine_kind kind, slice virus)
{
	struct quarantine_msg *q = add(p, kind, virus);
	struct told t = who_is_told(p, kind);
	q->msg.log = held_log(p, q, t);
	if (t.approvers)
		tell_approvers(p);
	if (t.sender)
		tell(p, NOTICE_HELD_SENDER, p->m->sender, -1);
	for (size_t i = 0; t.rcpts && i < p->own.nrcpts; i++)
		tell(p, NOTICE_HELD_RCPT, p->own.rcpts[i].address, (int32_t)i);
}

/* ---- what is delivered elsewhere ---- */

/* Those of a group whose mail goes on to a backend: what is in mailboxes here can be looked at there. */
static size_t only_backends(const struct quarantine_msg *q)
{
	size_t n = 0;
	for (size_t i = 0; i < q->nrcpts; i++) {
		enum route_kind kind;
		slice name;
		if (route_parse(q->rcpts[i].dest, &kind, &name) && kind == ROUTE_BACKEND)
			q->rcpts[n++] = q->rcpts[i];
	}
	return n;
}

void edge_policy_keep_recent(struct edge_part *p)
{
	const struct edge_scan *x = edge_scan_found(p->s);
	int64_t keep = engines_keep(p->s->edge->engines);
	if (!keep || p->g->direction == POLICY_OUT || p->plan->facts.virus.n ||
		(x && x->engines.infected))
		return;
	struct quarantine_msg *q = add(p, QUARANTINE_RECENT, S(""));
	q->nrcpts = only_backends(q);
	if (q->nrcpts == 0) {
		p->rows->nkept--;
		return;
	}
	q->expires_at = q->held_at + keep;
	q->msg.log = held_log(p, q, (struct told){0});
}

void edge_policy_hold_copy(
	struct edge_part *p, const struct queue_msg *c, enum quarantine_class class)
{
	struct edge_part copy = *p;
	copy.m = c;
	copy.own = *c;
	struct quarantine_msg *q = add(&copy, QUARANTINE_HELD, S(""));
	q->origin = p->m->id;
	q->class = class;
	q->napprovers = 0;
	q->rcpts[0].state = QUARANTINE_WAITS;
	q->expires_at =
		quarantine_expires_at(p->s->edge->quarantine, QUARANTINE_HELD, class, q->held_at);
	q->msg.log = held_log(&copy, q, (struct told){0});
}

/* ---- what is refused ---- */

static bool any_copy(const struct edge_plan *p)
{
	for (size_t i = 0; i < p->n; i++)
		if (!p->groups[i].taken_in && p->groups[i].d.keep_copy)
			return true;
	return false;
}

/* The message as it would have been stored, but for signatures. */
static int refused_message(
	struct edge_session *s, const struct smtpd_verdict *v, struct queue_msg *ret, struct err *e)
{
	AUTO(buf) struct buf prefix = BUF(PREFIX_MAX);
	*ret = *v->msg;
	if (blob_finish(take(&s->body), &ret->blob, &ret->size, e) < 0)
		return -1;
	buf_put(&prefix, buf_slice(v->top));
	buf_put(&prefix, v->received);
	buf_put(&prefix, v->added);
	if (!s->plan->header.n)
		buf_put(&prefix, S("\r\n"));
	ret->prefix = arena_dup(&s->plan->mem, buf_slice(&prefix));
	ret->log = arena_dup(&s->plan->mem, buf_slice(v->log));
	ret->priority = QUEUE_NORMAL;
	ret->expires_at = ret->arrived_at + s->edge->config->queue->lifetime;
	return 0;
}

int edge_policy_keep_refused(struct edge_session *s, const struct smtpd_verdict *v, struct err *e)
{
	struct edge_plan *plan = s->plan;
	struct edge_rows rows = {.mem = &plan->mem};
	struct queue_msg m;
	if (!any_copy(plan))
		return 0;
	if (refused_message(s, v, &m, e) < 0)
		return edge_policy_put_off(e);
	edge_rows_fresh(&rows, m.blob);
	for (size_t k = 0; k < plan->n; k++) {
		struct edge_part p;
		if (plan->groups[k].taken_in || !plan->groups[k].d.keep_copy)
			continue;
		edge_part_begin(&p, s, &rows, &m, k);
		edge_policy_hold(&p, QUARANTINE_REJECTED, S(""));
	}
	return edge_rows_commit(s, &rows, e) < 0 ? edge_policy_put_off(e) : 0;
}
