/*
 * Facts of letters that came, kept for a while so that other policies can be tried on true mail
 * (`posthouse policy dry-run`). Best effort, beside the session: what cannot be written now is left out, and
 * under load only a sample is kept. Called by edge_policy.c once it is decided.
 */
#include "bin/edge_policy.h"

#include "base/mem.h"
#include "bin/policy_conf.h"
#include "run/metrics.h"
#include "store/policies.h"

METRIC_COUNTER(left_out, "posthouse_policy_facts_left_out_total", "",
	"Letters whose facts were not kept: too many at once.");

enum {
	KEPT_A_SECOND = 20, /* by each edge, in a row as many */
	WAITING_MAX = 200,
};

/* A letter's facts on their way. */
struct keeping {
	struct edge *edge;
	struct arena mem;
	struct policies_fact fact;
};

/* So many a second, evenly: of more it is a sample. */
static bool may_keep(struct edge *e)
{
	instant now = instant_now();
	instant since = now - SECOND;
	if (e->facts.waiting >= WAITING_MAX)
		return false;
	if (e->facts.next < since)
		e->facts.next = since;
	if (e->facts.next > now)
		return false;
	e->facts.next += SECOND / KEPT_A_SECOND;
	return true;
}

static int write_fact(struct sql *db, void *arg, struct err *e)
{
	const struct keeping *k = arg;
	return policies_fact_add_tx(db, &k->fact, e);
}

static void written(void *arg, const struct err *e)
{
	struct keeping *k = arg;
	if (e)
		log_warn(NULL, "policy.facts", F("error", e));
	k->edge->facts.waiting--;
	struct arena mem = k->mem;
	arena_done(&mem);
}

static slice decided(const struct edge_plan *p, const struct queue_msg *m, struct arena *a)
{
	AUTO(buf) struct buf b = BUF(POLICY_FACTS_MAX);
	for (size_t k = 0; k < p->n; k++) {
		const struct edge_group *g = &p->groups[k];
		for (size_t i = 0; i < g->n && !g->taken_in && buf_ok(&b); i++)
			policy_decided_add(&b, m->rcpts[g->at[i]].address, g->direction, &g->d);
	}
	return buf_ok(&b) ? arena_dup(a, buf_slice(&b)) : S("");
}

void edge_policy_note(struct edge_session *s, const struct queue_msg *m)
{
	struct edge *e = s->edge;
	struct arena mem = {0};
	if (!e->config->policy->facts_keep)
		return;
	if (!may_keep(e)) {
		metric_add(&left_out, 1);
		return;
	}
	AUTO(buf) struct buf facts = BUF(POLICY_FACTS_MAX);
	policy_facts_print(&facts, &s->plan->facts);
	if (!buf_ok(&facts))
		return;
	struct keeping *k = ARENA_NEW(&mem, struct keeping);
	k->edge = e;
	k->fact = (struct policies_fact){.id = m->id,
		.at = m->arrived_at,
		.facts = arena_dup(&mem, buf_slice(&facts)),
		.decided = decided(s->plan, m, &mem)};
	k->mem = mem;
	e->facts.waiting++;
	commit_post(e->trace, write_fact, written, k);
}
