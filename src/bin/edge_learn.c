/* The edges' part in learning (edge_learn.h). */
#include "bin/edge_learn.h"

#include "base/mem.h"
#include "bin/learn_client.h"
#include "run/metrics.h"
#include "training/conf.h"
#include "training/pack.h"
#include "training/user.h"

METRIC_COUNTER(layered, "posthouse_filter_user_layers_total", "",
	"Messages that the recipient's own layer judged along.");

enum { SAMPLE_EVERY_MS = 2000 }; /* by each edge: features cost something */

static bool has_layer(struct edge_session *s, const struct queue_msg *m)
{
	return m->nrcpts == 1 && training_user_has(s->edge->users, m->rcpts[0].address);
}

static bool sample_due(struct edge_session *s)
{
	struct edge *e = s->edge;
	if (!e->config->learning->sample || instant_now() < e->next_sample ||
		!link_up(e->learn_link))
		return false;
	e->next_sample = instant_in(SAMPLE_EVERY_MS * MSEC);
	return true;
}

unsigned edge_learn_wishes(struct edge_session *s, const struct queue_msg *m)
{
	return has_layer(s, m) || sample_due(s) ? CONTENT_FEATURES : 0;
}

void edge_learn_layers(struct edge_session *s, struct edge_scan *x, const struct queue_msg *m)
{
	struct training_user_says says;
	struct content_report *r = x->report;
	if (!r->nfeatures || m->nrcpts != 1 ||
		!training_user_ask(
			s->edge->users, m->rcpts[0].address, r->features, r->nfeatures, &says))
		return;
	r->in[LEARN_USER] = says.linear;
	r->in[LEARN_BAYES_USER] = says.bayes;
	metric_add(&layered, 1);
}

static size_t traps(const struct queue_msg *m)
{
	size_t n = 0;
	for (size_t i = 0; i < m->nrcpts; i++)
		n += slice_eq(m->rcpts[i].dest, S("honeypot"));
	return n;
}

bool edge_learn_trapped(const struct queue_msg *m)
{
	return traps(m) > 0;
}

bool edge_learn_only_traps(const struct queue_msg *m)
{
	return m->nrcpts > 0 && traps(m) == m->nrcpts;
}

void edge_learn_sample(struct edge_session *s, struct edge_scan *x)
{
	const struct content_report *r = x->report;
	if (!r || !r->nfeatures)
		return;
	AUTO(buf) struct buf packed = BUF(TRAINING_PACKED_MAX);
	training_pack(r->features, r->nfeatures, &packed);
	learn_sample(s->edge->learn_link, r->in, signals_score(x->signals), buf_slice(&packed));
}
