/*
 * What the timeline says about a decision (edge_policy.h, doc/en/trace.md): the event `policy`. Called by
 * edge_policy.c where a message is one group or refused, by edge_policy_rows.c for each group else.
 */
#include "bin/edge_policy.h"

#include "base/mem.h"
#include "store/trace.h"
#include <inttypes.h>

enum { REASONS_SHOWN = 6, NAMED_RCPTS = 10 };

/* What spoke against it most: signals_print has the largest first. */
static slice reasons(const struct edge_plan *p, struct arena *a)
{
	AUTO(buf) struct buf all = BUF(TRACE_VALUE_MAX * 8), some = BUF(TRACE_VALUE_MAX);
	signals_print(&all, p->signals);
	slice rest = buf_slice(&all), name, detail;
	double score;
	for (int n = 0;
		n < REASONS_SHOWN && signals_next(&rest, &name, &score, &detail) && score > 0; n++)
		buf_printf(&some, "%s%.*s=%.1f", n ? " " : "", SFMT(name), score);
	return arena_dup(a, buf_slice(&some));
}

static slice names(const slice *v, size_t n, const char *between, struct arena *a)
{
	AUTO(buf) struct buf b = BUF(TRACE_VALUE_MAX);
	for (size_t i = 0; i < n && buf_ok(&b); i++)
		buf_printf(&b, "%s%.*s", i ? between : "", SFMT(v[i]));
	return arena_dup(a, slice_of(b.p, b.n));
}

static slice rcpts_of(const struct edge_group *g, const struct queue_msg *m, struct arena *a)
{
	slice v[NAMED_RCPTS];
	size_t n = g->n < NAMED_RCPTS ? g->n : NAMED_RCPTS;
	for (size_t i = 0; i < n; i++)
		v[i] = m->rcpts[g->at[i]].address;
	return names(v, n, " ", a);
}

void edge_policy_event(const struct edge_plan *p, const struct edge_group *g,
	const struct queue_msg *m, struct buf *log)
{
	AUTO(arena) struct arena a = {0};
	const struct policy_decision *d = &g->d;
	static const char *const ways[] = {
		[POLICY_IN] = "in", [POLICY_OUT] = "out", [POLICY_INTERNAL] = "internal"};
	AUTO(buf) struct buf done = BUF(TRACE_VALUE_MAX);
	if (g->taken_in)
		return;
	policy_decision_print(&done, d);
	trace_event(log, wall_now(), "policy", "disposition", slice_z(policy_end_name(d->end)),
		"class", d->class ? slice_z(quarantine_class_name(d->class)) : S(""), "policy",
		d->policy, "version", p->version ? arena_printf(&a, "%" PRId64, p->version) : S(""),
		"direction", slice_z(ways[g->direction]), "does", buf_slice(&done), "why",
		d->reason, "policies", names(d->why, d->nwhy, ", ", &a), "signals", reasons(p, &a),
		"instead_of", g->turned ? S("reject") : S(""), "virus", p->facts.virus, "for",
		g->n < m->nrcpts ? rcpts_of(g, m, &a) : S(""), NULL);
}
