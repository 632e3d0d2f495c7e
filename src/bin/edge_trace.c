/*
 * Refusals in the trace: what was not accepted can be looked up, too. Written in the background by
 * group commit, at most TRACES_MAX at a time: under attack the rest is only counted.
 */
#include "bin/edge.h"

#include "base/mem.h"
#include "run/metrics.h"
#include "store/trace.h"

enum { TRACES_MAX = 1000 };

METRIC_COUNTER(untraced, "posthouse_edge_refusals_untraced_total", "", "Refusals not written to the trace: too many at once.");

struct refusal {
	struct edge *edge;
	struct arena mem;
	struct trace_row row;
};

static int write_row(struct sql *db, void *arg, struct err *e)
{
	struct refusal *r = arg;
	return trace_add_tx(db, &r->row, e);
}

static void written(void *arg, const struct err *e)
{
	struct refusal *r = arg;
	if (e)
		log_warn(NULL, "smtp.trace", F("error", e));
	r->edge->traces_waiting--;
	struct arena mem = r->mem;
	arena_done(&mem);
}

void edge_refused(void *arg, const struct smtpd_refused *what)
{
	struct edge_session *s = arg;
	struct edge *e = s->edge;
	const struct queue_msg *m = what->msg;
	log_info(&s->log, "smtp.refused", F("stage", what->stage), F("code", what->code), F("from", m->sender),
		F("to", what->rcpt), F("reply", what->reply), F("why", what->why));
	if (e->traces_waiting >= TRACES_MAX) {
		metric_add(&untraced, 1);
		return;
	}
	struct arena mem = {0};
	struct refusal *r = ARENA_NEW(&mem, struct refusal);
	r->edge = e;
	r->row = (struct trace_row){
		.id = m->id,
		.idx = what->idx,
		.arrived_at = m->arrived_at,
		.ended_at = wall_now(),
		.sender = arena_dup(&mem, m->sender),
		.rcpt = arena_dup(&mem, what->rcpt),
		.client = arena_dup(&mem, m->client),
		.message_id = arena_dup(&mem, m->message_id),
		.subject = arena_dup(&mem, m->subject),
		.size = m->size,
		.status = TRACE_REFUSED,
		.log = arena_dup(&mem, m->log),
	};
	r->mem = mem;
	e->traces_waiting++;
	commit_post(e->trace, write_row, written, r);
}
