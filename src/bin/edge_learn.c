/* The edges' part in learning (edge_learn.h). */
#include "bin/edge_learn.h"

#include "base/mem.h"
#include "bin/edge_door.h"
#include "bin/edge_verify.h"
#include "bin/learn_client.h"
#include "defence/reputation.h"
#include "run/metrics.h"
#include "training/conf.h"
#include "training/pack.h"
#include "training/user.h"

METRIC_COUNTER(layered, "posthouse_filter_user_layers_total", "",
	"Messages that the recipient's own layer judged along.");

enum { SAMPLE_EVERY_MS = 2000 }; /* by each edge: features cost something */

static const double well_known = 0.5; /* score and confidence of a good name */

/* ---- users' own layers ---- */

static slice without_detail(slice address, struct arena *a)
{
	size_t at = slice_rindex(address, '@');
	size_t plus = slice_index(slice_first(address, at), '+');
	if (plus == 0 || plus >= at)
		return address;
	return arena_printf(
		a, "%.*s%.*s", SFMT(slice_first(address, plus)), SFMT(slice_skip(address, at)));
}

/* The mailbox's own address, whatever the letter calls it: in one case, without a detail, the only
 * one that an alias stands for. */
static slice owner_of(struct edge_session *s, slice address, struct arena *a)
{
	struct rcpt_answer answer;
	struct err e;
	slice name;
	if (directory_canonical(address, a, &name))
		address = name;
	if (training_user_has(s->edge->users, address))
		return address;
	if (directory_rcpt(s->edge->directory, address, a, &answer, &e) == 0 &&
		answer.kind == RCPT_LOCAL && answer.ntargets == 1)
		address = answer.targets[0];
	return without_detail(address, a);
}

/* A message to several is judged without. */
static slice layer_of(struct edge_session *s, const struct queue_msg *m, struct arena *a)
{
	if (m->nrcpts != 1)
		return S("");
	slice owner = owner_of(s, m->rcpts[0].address, a);
	return training_user_has(s->edge->users, owner) ? owner : S("");
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

unsigned edge_learn_wishes(struct edge_session *s, struct edge_scan *x, const struct queue_msg *m)
{
	x->layer = layer_of(s, m, &x->mem);
	return x->layer.n || sample_due(s) ? CONTENT_FEATURES : 0;
}

void edge_learn_layers(struct edge_session *s, struct edge_scan *x)
{
	struct training_user_says says;
	struct content_report *r = x->report;
	if (!r->nfeatures || !x->layer.n ||
		!training_user_ask(s->edge->users, x->layer, r->features, r->nfeatures, &says))
		return;
	r->in[LEARN_USER] = says.linear;
	r->in[LEARN_BAYES_USER] = says.bayes;
	metric_add(&layered, 1);
}

/* ---- traps ---- */

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

/* Spam that our users report is spam in their hands, too. */
bool edge_learn_only_traps(const struct queue_msg *m)
{
	size_t n = traps(m);
	for (size_t i = 0; i < m->nrcpts; i++)
		n += slice_starts(m->rcpts[i].dest, S("report:"));
	return m->nrcpts > 0 && n == m->nrcpts;
}

static bool has_good_name(struct edge_session *s)
{
	const struct edge_verified *found = edge_verify_found(s);
	struct reputation *r = s->edge->door ? s->edge->door->reputation : NULL;
	AUTO(arena) struct arena a = {0};
	struct signals *ignored = ARENA_NEW(&a, struct signals);
	double sure = 0;
	if (!r || !found)
		return false;
	bool proven = found->spf.result == AUTH_PASS || found->dmarc.result == AUTH_PASS;
	if (!proven && !found->ndomains)
		return false;
	ignored->mem = &a;
	const struct rep_subjects who = {.ip = &s->client->peer,
		.sender = s->msg->sender,
		.sender_proven = proven,
		.dkim = found->domains,
		.ndkim = found->ndomains};
	return reputation_message(r, &who, ignored, &sure) >= well_known && sure >= well_known;
}

bool edge_learn_vouched(struct edge_session *s)
{
	struct door_friends known = s->visit ? door_friends(s->visit) : (struct door_friends){0};
	return known.allowed || known.written_to || has_good_name(s);
}

void edge_learn_mark(struct edge_session *s, struct queue_msg *m)
{
	if (edge_learn_trapped(m) && edge_learn_vouched(s))
		m->flags |= MSG_VOUCHED;
}

/* ---- samples ---- */

void edge_learn_sample(struct edge_session *s, struct edge_scan *x)
{
	const struct content_report *r = x->report;
	if (!r || !r->nfeatures)
		return;
	AUTO(buf) struct buf packed = BUF(TRAINING_PACKED_MAX);
	training_pack(r->features, r->nfeatures, &packed);
	learn_sample(s->edge->learn_link, r->in, signals_score(x->signals), buf_slice(&packed));
}
