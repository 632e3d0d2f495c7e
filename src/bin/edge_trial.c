/*
 * A sample of mail for the version that is tried (edge_trial.h). The request is made before the message is examined, as
 * the other one is: what is known of it is the same then. Everything that does not depend on the packs (lookups, the
 * caller, the recipient's own layer) counts as it did for the verdict.
 */
#include "bin/edge_trial.h"

#include "base/mem.h"
#include "bin/features.h"
#include "run/link.h"
#include <fcntl.h>
#include <jansson.h>
#include <math.h>

struct edge_trial {
	struct edge *edge;
	struct arena mem;
	struct buf request;
	slice lead;
	bool in_file;
	int fd;
	/* Of the verdict. */
	double others; /* score of everything that the content did not give */
	float in[LEARN_INPUTS];
	double spam_from;
	slice *names;
	unsigned nnames;
	struct features_result result;
};

/* ---- before ---- */

struct edge_trial *edge_trial_begin(struct edge *e, const struct scans_asked *q)
{
	if (!scans_trial_up(e->scans))
		return NULL;
	struct edge_trial *t = NEW(struct edge_trial);
	t->edge = e;
	t->fd = -1;
	t->request = BUF(SCAN_WIRE_MAX);
	t->in_file = !scan_letter_is_small(q->letter, q->lead);
	t->lead = arena_dup(&t->mem, q->lead);
	const struct scan_request r = {.job = SCAN_MESSAGE,
		.wishes = q->wishes & ~(unsigned)(CONTENT_EXPLAIN | CONTENT_FEATURES | CONTENT_SUMMARY),
		.context = *q->context,
		.in_file = t->in_file,
		.lead_n = (uint32_t)q->lead.n,
		.from = (uint32_t)(SCAN_LEAD_MAX - q->lead.n),
		.lead = q->lead,
		.message = buf_slice(&q->letter->bytes)};
	scan_request_encode(&t->request, &r);
	if (buf_ok(&t->request))
		return t;
	edge_trial_drop(t);
	return NULL;
}

void edge_trial_drop(struct edge_trial *t)
{
	if (!t)
		return;
	if (t->fd >= 0)
		close(t->fd);
	buf_done(&t->request);
	arena_done(&t->mem);
	free(t);
}

/* ---- after ---- */

static bool has(const struct signals *s, slice name)
{
	for (unsigned i = 0; i < s->n; i++)
		if (slice_eq(slice_z(s->v[i].def->name), name))
			return true;
	return false;
}

static bool had(const struct edge_trial *t, slice name)
{
	for (unsigned i = 0; i < t->nnames; i++)
		if (slice_eq(t->names[i], name))
			return true;
	return false;
}

static void put_name(struct buf *out, char sign, slice name)
{
	if (out->n + name.n + 2 <= out->limit)
		buf_printf(out, "%s%c%.*s", out->n ? " " : "", sign, SFMT(name));
}

static void compare(struct edge_trial *t, struct content_report *r, struct buf *names)
{
	r->in[LEARN_USER] = t->in[LEARN_USER];
	r->in[LEARN_BAYES_USER] = t->in[LEARN_BAYES_USER];
	double p = content_probability(r, t->others + signals_score(&r->signals));
	t->result.p_trial = (float)p;
	t->result.spam_trial = p >= t->spam_from;
	for (unsigned i = 0; i < r->signals.n; i++)
		if (!had(t, slice_z(r->signals.v[i].def->name)))
			put_name(names, '+', slice_z(r->signals.v[i].def->name));
	for (unsigned i = 0; i < t->nnames; i++)
		if (!has(&r->signals, t->names[i]))
			put_name(names, '-', t->names[i]);
}

static void ask(void *arg)
{
	struct edge_trial *t = arg;
	AUTO(buf) struct buf names = BUF(FEATURES_RULES_MAX);
	AUTO(buf) struct buf message = BUF(4096);
	struct content_report *r = ARENA_NEW(&t->mem, struct content_report);
	json_t *json = NULL;
	struct err e;
	instant began = instant_now();
	if (scans_try(t->edge->scans, buf_slice(&t->request), t->fd, &t->mem, r, &json, &e) == 0)
		compare(t, r, &names);
	else if (e.kind == ERR_CLOSED) { /* this process ends */
		edge_trial_drop(t);
		return;
	} else
		t->result.failed = true;
	t->result.took_trial = (uint32_t)(instant_now() - began);
	t->result.rules = buf_slice(&names);
	features_result_encode(&message, &t->result);
	link_send(t->edge->features_link, buf_slice(&message));
	json_decref(json);
	edge_trial_drop(t);
}

static void keep_verdict(struct edge_trial *t, const struct edge_scan *x)
{
	const struct signals *found = &x->report->signals;
	t->spam_from = edge_scan_spam_from(x);
	t->others = signals_score(x->signals) - signals_score(found);
	memcpy(t->in, x->report->in, sizeof t->in);
	t->names = ARENA_ARRAY(&t->mem, slice, found->n + 1);
	for (unsigned i = 0; i < found->n; i++)
		t->names[t->nnames++] = arena_dup(&t->mem, slice_z(found->v[i].def->name));
	t->result.p = (float)x->probability;
	t->result.spam = x->probability >= t->spam_from;
}

/* The file as it was sent the first time: the answer behind the message is gone. */
static bool take_file(struct edge_trial *t, struct edge_scan *x)
{
	uint32_t from;
	struct err e;
	if (!t->in_file)
		return true;
	if (x->letter.fd < 0 || scan_letter_file(&x->letter, t->lead, &from, &e) < 0)
		return false;
	t->fd = fcntl(x->letter.fd, F_DUPFD_CLOEXEC, 0);
	return t->fd >= 0;
}

void edge_trial_go(struct edge_trial *t, struct edge_scan *x, msg_id id, int64_t took)
{
	if (!t)
		return;
	if (!scans_trial_up(t->edge->scans) || !take_file(t, x)) {
		edge_trial_drop(t);
		return;
	}
	keep_verdict(t, x);
	t->result.id = id;
	t->result.took = (uint32_t)took;
	co_go("edge.trial", ask, t);
}
