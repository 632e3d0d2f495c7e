/*
 * Refusals in the trace: what was not accepted can be looked up, too. Written in the background by
 * group commit, at most TRACES_MAX at a time: under attack the rest is only counted.
 */
#include "bin/edge.h"

#include "base/mem.h"
#include "bin/edge_door.h"
#include "run/metrics.h"
#include "store/trace.h"

enum { TRACES_MAX = 1000 };

METRIC_COUNTER(untraced, "posthouse_edge_refusals_untraced_total", "",
	"Refusals not written to the trace: too many at once.");

/* One refusal: a row for the recipient refused, or for each recipient of a refused message. */
struct refusal {
	struct edge *edge;
	struct arena mem;
	struct trace_row row; /* what the rows have in common */
	struct refused_rcpt {
		int32_t idx;
		slice address;
	} * rcpts;
	size_t n;
};

static int write_rows(struct sql *db, void *arg, struct err *e)
{
	struct refusal *r = arg;
	for (size_t i = 0; i < r->n; i++) {
		r->row.idx = r->rcpts[i].idx;
		r->row.rcpt = r->rcpts[i].address;
		if (trace_add_tx(db, &r->row, e) < 0)
			return -1;
	}
	return 0;
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

static void name_rcpts(struct refusal *r, const struct smtpd_refused *what, struct arena *mem)
{
	const struct queue_msg *m = what->msg;
	bool all = !what->rcpt.n && m->nrcpts;
	r->n = all ? m->nrcpts : 1;
	r->rcpts = ARENA_ARRAY(mem, struct refused_rcpt, r->n);
	r->rcpts[0] = (struct refused_rcpt){what->idx, arena_dup(mem, what->rcpt)};
	for (size_t i = 0; all && i < r->n; i++)
		r->rcpts[i] =
			(struct refused_rcpt){m->rcpts[i].idx, arena_dup(mem, m->rcpts[i].address)};
}

void edge_refused(void *arg, const struct smtpd_refused *what)
{
	struct edge_session *s = arg;
	struct edge *e = s->edge;
	const struct queue_msg *m = what->msg;
	log_info(&s->log, "smtp.refused", F("stage", what->stage), F("code", what->code),
		F("from", m->sender), F("to", what->rcpt), F("reply", what->reply),
		F("why", what->why));
	if (!edge_brake_passes(s, what))
		return;
	if (e->traces_waiting >= TRACES_MAX) {
		metric_add(&untraced, 1);
		return;
	}
	struct arena mem = {0};
	struct refusal *r = ARENA_NEW(&mem, struct refusal);
	r->edge = e;
	name_rcpts(r, what, &mem);
	r->row = (struct trace_row){
		.id = m->id,
		.arrived_at = m->arrived_at,
		.ended_at = wall_now(),
		.sender = arena_dup(&mem, m->sender),
		.client = arena_dup(&mem, m->client),
		.message_id = arena_dup(&mem, m->message_id),
		.subject = arena_dup(&mem, m->subject),
		.size = m->size,
		.status = TRACE_REFUSED,
		.log = arena_dup(&mem, m->log),
	};
	r->mem = mem;
	e->traces_waiting++;
	commit_post(e->trace, write_rows, written, r);
}
