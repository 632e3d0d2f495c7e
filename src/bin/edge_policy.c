/*
 * Deciding what happens to a message (edge_policy.h): the recipients' decisions, the groups they
 * make, what is answered. Called by edge_session.c at the end of each message.
 */
#include "bin/edge_policy.h"

#include "base/mem.h"
#include "base/must.h"
#include "bin/edge_learn.h"
#include "bin/edge_scan.h"
#include "bin/filter_conf.h"
#include "bin/policies.h"
#include "run/metrics.h"
#include <stdio.h>

METRIC_COUNTER(delivered, "posthouse_policy_recipients_total", "end=\"deliver\"",
	"Recipients by what policies decided.");
METRIC_COUNTER(junked, "posthouse_policy_recipients_total", "end=\"junk\"",
	"Recipients by what policies decided.");
METRIC_COUNTER(quarantined, "posthouse_policy_recipients_total", "end=\"quarantine\"",
	"Recipients by what policies decided.");
METRIC_COUNTER(to_approve, "posthouse_policy_recipients_total", "end=\"approve\"",
	"Recipients by what policies decided.");
METRIC_COUNTER(rejected, "posthouse_policy_recipients_total", "end=\"reject\"",
	"Recipients by what policies decided.");
METRIC_COUNTER(bounced, "posthouse_policy_recipients_total", "end=\"bounce\"",
	"Recipients by what policies decided.");
METRIC_COUNTER(discarded, "posthouse_policy_recipients_total", "end=\"discard\"",
	"Recipients by what policies decided.");
METRIC_COUNTER(forwarded, "posthouse_policy_recipients_total", "end=\"forward\"",
	"Recipients by what policies decided.");
METRIC_COUNTER(deferred, "posthouse_policy_recipients_total", "end=\"defer\"",
	"Recipients by what policies decided.");

enum { MEMORY_KEPT = 64 * 1024 };

/* ---- the plan's life ---- */

static void forget(struct edge_plan *p)
{
	policy_release(take(&p->set));
	map_done(&p->belonging);
	p->belonging = (struct map){0};
	p->header = S("");
	p->facts = (struct policy_facts){0};
	p->groups = NULL;
	p->n = p->room = 0;
	p->version = 0;
	p->signals = NULL;
	if (p->mem.total > MEMORY_KEPT)
		arena_done(&p->mem);
	else
		arena_reset(&p->mem);
}

void edge_policy_header(struct edge_session *s, const struct smtpd_header *h)
{
	if (!s->plan)
		s->plan = NEW(struct edge_plan);
	forget(s->plan);
	if (!h->headless)
		s->plan->header = arena_dup(&s->plan->mem, h->block);
}

void edge_policy_end(struct edge_session *s)
{
	struct edge_plan *p = take(&s->plan);
	if (!p)
		return;
	forget(p);
	arena_done(&p->mem);
	free(p);
}

/* ---- deciding ---- */

static bool is_taken_in(const struct queue_rcpt *r)
{
	enum route_kind kind;
	slice name;
	return route_parse(r->dest, &kind, &name) &&
	       (kind == ROUTE_HONEYPOT || kind == ROUTE_REPORT);
}

/* It went round: to whoever it was forwarded to, and back. */
static void end_loop(struct policy_decision *d)
{
	d->end = POLICY_REJECT;
	d->code = 554;
	d->status = S("5.4.6");
	d->reply = S("Mail loop: it has been forwarded from here before");
	d->reason = S("mail loop");
}

static void decide(struct edge_session *s, struct edge_plan *p, const struct queue_rcpt *r,
	const struct policy_thresholds *t, struct edge_group *ret)
{
	*ret = (struct edge_group){.direction = edge_policy_direction(s, s->msg, r->address),
		.taken_in = is_taken_in(r)};
	if (ret->taken_in)
		return;
	p->facts.direction = ret->direction;
	policy_decide(p->set, t, &p->facts, r->address, &p->mem, &ret->d);
	if (ret->d.end == POLICY_FORWARD && edge_policy_came_back(p, r->address))
		end_loop(&ret->d);
}

static struct edge_group *find_group(struct edge_plan *p, const struct edge_group *like)
{
	for (size_t i = 0; i < p->n; i++) {
		struct edge_group *g = &p->groups[i];
		if (g->taken_in == like->taken_in && g->direction == like->direction &&
			(g->taken_in || policy_same(&g->d, &like->d)))
			return g;
	}
	return NULL;
}

/* Most messages have one. */
static struct edge_group *add_group(struct edge_plan *p, const struct edge_group *one, size_t rcpts)
{
	if (p->n == p->room) {
		p->room = p->room ? 4 * p->room : 1;
		struct edge_group *grown = ARENA_ARRAY(&p->mem, struct edge_group, p->room);
		if (p->n)
			memcpy(grown, p->groups, p->n * sizeof *grown);
		p->groups = grown;
	}
	struct edge_group *g = &p->groups[p->n++];
	*g = *one;
	g->at = ARENA_ARRAY(&p->mem, uint32_t, rcpts);
	return g;
}

static int too_many(struct smtpd_refusal *no)
{
	smtpd_refuse(no, 452, "4.5.3",
		"Policies differ too much for so many recipients: send to fewer at once");
	return err_set(&no->err, ERR_LIMIT, "more than %d different decisions", EDGE_GROUPS_MAX);
}

static int decide_all(struct edge_session *s, struct edge_plan *p, const struct queue_msg *m,
	struct smtpd_refusal *no)
{
	struct policy_thresholds t = filter_thresholds(s->edge->config->filter);
	for (size_t i = 0; i < m->nrcpts; i++) {
		struct edge_group one, *g;
		if (i % EDGE_POLICY_YIELD == EDGE_POLICY_YIELD - 1)
			co_yield();
		decide(s, p, &m->rcpts[i], &t, &one);
		g = find_group(p, &one);
		if (!g && p->n == EDGE_GROUPS_MAX)
			return too_many(no);
		if (!g)
			g = add_group(p, &one, m->nrcpts);
		g->at[g->n++] = (uint32_t)i;
	}
	return 0;
}

/* ---- the answer ---- */

static const struct edge_group *first_that(const struct edge_plan *p, enum policy_end end)
{
	for (size_t i = 0; i < p->n; i++)
		if (!p->groups[i].taken_in && p->groups[i].d.end == end)
			return &p->groups[i];
	return NULL;
}

static bool all_reject(const struct edge_plan *p)
{
	bool any = false;
	for (size_t i = 0; i < p->n; i++) {
		const struct edge_group *g = &p->groups[i];
		if (!g->taken_in && g->d.end != POLICY_REJECT)
			return false;
		any |= !g->taken_in;
	}
	return any;
}

static int refuse(const struct edge_plan *p, const struct edge_group *g, const struct queue_msg *m,
	struct smtpd_refusal *no)
{
	const struct policy_decision *d = &g->d;
	bool later = d->end == POLICY_DEFER;
	char id[MSG_ID_TEXT], status[12];
	msg_id_print(m->id, id);
	snprintf(status, sizeof status, "%.*s",
		SFMT(d->status.n ? d->status
			: later  ? S("4.7.1")
				 : S("5.7.1")));
	int code = d->code ? d->code : later ? 451 : 550;
	if (d->reply.n)
		smtpd_refuse(no, code, status, "%.*s (message %s)", SFMT(d->reply), id);
	else if (later && p->facts.unavailable && !d->policy.n)
		smtpd_refuse(no, 451, "4.3.0", "The message cannot be examined now, try later");
	else if (later)
		smtpd_refuse(no, code, status, "Message %s is not accepted now, try later", id);
	else if (d->policy.n)
		smtpd_refuse(no, code, status, "Message %s is not accepted by policy [policy]", id);
	else
		smtpd_refuse(no, code, status,
			"Message %s is not accepted for its content [content]", id);
	return err_set(&no->err, later ? ERR_TEMP : ERR_DENIED, "%s%.*s: %.*s",
		d->policy.n ? "policy " : "", SFMT(d->policy.n ? d->policy : S("content")),
		SFMT(p->facts.unavailable ? p->facts.why_unexamined : d->reason));
}

static bool is_own(const struct edge_session *s, const struct edge_group *g)
{
	return s->client->login.n > 0 || g->direction == POLICY_INTERNAL;
}

/* Refused by some: one answer for all, so these are held, or their sender hears it by a bounce. */
static void turn(struct edge_session *s, struct edge_plan *p)
{
	for (size_t i = 0; i < p->n; i++) {
		struct edge_group *g = &p->groups[i];
		if (g->taken_in || g->d.end != POLICY_REJECT)
			continue;
		g->turned = true;
		g->d.end = is_own(s, g) ? POLICY_BOUNCE : POLICY_QUARANTINE;
		if (g->d.class == QUARANTINE_NONE)
			g->d.class = QUARANTINE_POLICY;
	}
}

/* ---- in a word ---- */

static enum edge_scan_verdict verdict_of(const struct edge_group *g)
{
	switch (g->d.end) {
	case POLICY_DELIVER:
		return g->d.mark ? EDGE_SCAN_MARK : EDGE_SCAN_ACCEPT;
	case POLICY_REJECT:
		return EDGE_SCAN_REJECT;
	case POLICY_QUARANTINE:
	case POLICY_APPROVE:
		return EDGE_SCAN_HOLD;
	case POLICY_DEFER:
		return EDGE_SCAN_DEFER;
	case POLICY_JUNK:
	case POLICY_BOUNCE:
	case POLICY_DISCARD:
	case POLICY_FORWARD:
		break;
	}
	return EDGE_SCAN_OTHER;
}

static enum edge_scan_verdict verdict_of_all(const struct edge_plan *p)
{
	const struct edge_group *first = NULL;
	for (size_t i = 0; i < p->n; i++) {
		const struct edge_group *g = &p->groups[i];
		if (g->taken_in)
			continue;
		if (first && verdict_of(g) != verdict_of(first))
			return EDGE_SCAN_MIXED;
		first = g;
	}
	return first ? verdict_of(first) : EDGE_SCAN_ACCEPT;
}

static void count(const struct edge_plan *p)
{
	static struct metric *const by_end[] = {[POLICY_DELIVER] = &delivered,
		[POLICY_JUNK] = &junked,
		[POLICY_QUARANTINE] = &quarantined,
		[POLICY_APPROVE] = &to_approve,
		[POLICY_REJECT] = &rejected,
		[POLICY_BOUNCE] = &bounced,
		[POLICY_DISCARD] = &discarded,
		[POLICY_FORWARD] = &forwarded,
		[POLICY_DEFER] = &deferred};
	for (size_t i = 0; i < p->n; i++)
		metric_add(by_end[p->groups[i].d.end], (int64_t)p->groups[i].n);
}

/* ---- all of it ---- */

/* The group whose answer is everybody's; NULL: it is accepted. */
static const struct edge_group *refusing(const struct edge_plan *p)
{
	const struct edge_group *g = first_that(p, POLICY_DEFER);
	return g ? g : all_reject(p) ? first_that(p, POLICY_REJECT) : NULL;
}

static int put_off(struct edge_session *s, struct edge_plan *p, const struct edge_group *g,
	struct smtpd_verdict *v, struct smtpd_refusal *no)
{
	metric_add(&deferred, (int64_t)v->msg->nrcpts);
	edge_scan_decided(s, EDGE_SCAN_DEFER, v->log);
	edge_policy_event(p, g, v->msg, v->log);
	return refuse(p, g, v->msg, no);
}

static int obey(struct edge_session *s, struct edge_plan *p, struct smtpd_verdict *v,
	struct smtpd_refusal *no)
{
	const struct edge_group *g = refusing(p);
	if (g && g->d.end == POLICY_DEFER)
		return put_off(s, p, g, v, no);
	edge_policy_note(s, v->msg);
	if (!g)
		turn(s, p);
	count(p);
	edge_scan_decided(s, verdict_of_all(p), v->log);
	if (g || p->n == 1)
		edge_policy_event(p, g ? g : p->groups, v->msg, v->log);
	if (!g)
		return 0;
	if (edge_policy_keep_refused(s, v, &no->err) < 0)
		return -1;
	return refuse(p, g, v->msg, no);
}

int edge_policy_verdict(struct edge_session *s, struct smtpd_verdict *v, struct smtpd_refusal *no)
{
	struct edge_plan *p = s->plan;
	must(p);
	if (policies_current(s->edge->policies, &p->set, &p->version, &no->err) < 0) {
		p->set = NULL;
		return -1;
	}
	p->top = v->top->n;
	edge_policy_gather(s, p, v);
	if (edge_policy_ask_directory(s, p, v->msg, &no->err) < 0)
		return -1;
	return decide_all(s, p, v->msg, no) < 0 ? -1 : obey(s, p, v, no);
}

bool edge_policy_refused_bad(const struct edge_session *s)
{
	const struct edge_plan *p = s->plan;
	const struct edge_group *g = p && p->n ? first_that(p, POLICY_REJECT) : NULL;
	if (!g) /* not by policy: verification, the door */
		return true;
	return g->d.class != QUARANTINE_NONE && g->d.class != QUARANTINE_POLICY &&
	       g->d.class != QUARANTINE_APPROVAL && g->d.class != QUARANTINE_UNEXAMINED &&
	       g->d.class != QUARANTINE_BULK;
}
