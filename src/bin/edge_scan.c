/*
 * Examining the content of a message (edge_scan.h). Called by edge_session.c for
 * each step of a session. Waits for a scan process at most [filter] wait.
 */
#include "bin/edge_scan.h"

#include "base/mem.h"
#include "bin/edge_door.h"
#include "bin/edge_learn.h"
#include "bin/edge_trial.h"
#include "bin/edge_verify.h"
#include "codec/address.h"
#include "codec/summary.h"
#include "defence/names.h"
#include "defence/reputation.h"
#include "run/metrics.h"
#include "store/trace.h"
#include <jansson.h>
#include <math.h>

METRIC_COUNTER(accepted, "posthouse_filter_messages_total", "verdict=\"accept\"",
	"Messages by what their content led to.");
METRIC_COUNTER(marked, "posthouse_filter_messages_total", "verdict=\"mark\"",
	"Messages by what their content led to.");
METRIC_COUNTER(rejected, "posthouse_filter_messages_total", "verdict=\"reject\"",
	"Messages by what their content led to.");
METRIC_COUNTER(held, "posthouse_filter_messages_total", "verdict=\"hold\"",
	"Messages by what their content led to.");
METRIC_COUNTER(mixed, "posthouse_filter_messages_total", "verdict=\"mixed\"",
	"Messages by what their content led to.");
METRIC_COUNTER(other, "posthouse_filter_messages_total", "verdict=\"other\"",
	"Messages by what their content led to.");
METRIC_COUNTER(deferred, "posthouse_filter_messages_total", "verdict=\"defer\"",
	"Messages by what their content led to.");
METRIC_COUNTER(unexamined, "posthouse_filter_unexamined_total", "",
	"Messages accepted without having been examined.");
METRIC_DURATION(seconds, "posthouse_filter_seconds", "",
	"From the end of a message to the end of its examination.");

enum { CONTEXT_RCPTS = 20, MEMORY_KEPT = 64 * 1024 };
#define DOUBTFUL 0.4 /* from this probability on nobody earns a good name by it */

/* ---- the message passes ---- */

static bool wanted(const struct edge_session *s)
{
	if (!s->edge->config->filter->enabled)
		return false;
	return !s->visit || door_source(s->visit)->checks & CHECK_CONTENT;
}

static void forget(struct edge_scan *x)
{
	scan_letter_done(&x->letter);
	json_decref(x->json);
	x->json = NULL;
	x->report = NULL;
	x->signals = NULL;
	x->context = (struct content_context){0};
	x->engines = (struct engines_answer){.none = true};
	x->why = x->layer = x->summary = S("");
	x->probability = x->alone = 0;
	x->active = x->headless = x->spam = x->unavailable = false;
	if (x->mem.total > MEMORY_KEPT)
		arena_done(&x->mem);
	else
		arena_reset(&x->mem);
}

void edge_scan_begin(struct edge_session *s)
{
	if (s->scan)
		forget(s->scan);
	if (!wanted(s))
		return;
	if (!s->scan) {
		s->scan = NEW(struct edge_scan);
		s->scan->letter.fd = -1;
	}
	s->scan->conf = s->edge->config->filter;
	scan_letter_init(&s->scan->letter, (uint64_t)s->edge->config->scan->max_size);
	s->scan->active = true;
}

void edge_scan_end(struct edge_session *s)
{
	struct edge_scan *x = take(&s->scan);
	if (!x)
		return;
	forget(x);
	arena_done(&x->mem);
	free(x);
}

void edge_scan_cancel(struct edge_session *s)
{
	if (s->scan)
		forget(s->scan);
}

void edge_scan_header(struct edge_session *s, struct smtpd_header *h, struct arena *a)
{
	if (s->scan && s->scan->active)
		s->scan->headless = h->headless;
	if (s->edge->config->filter->strip_forged && !s->client->trusted && !s->client->login.n)
		edge_scan_strip(h, a);
}

void edge_scan_body(struct edge_session *s, slice bytes)
{
	if (s->scan && s->scan->active)
		scan_letter_add(&s->scan->letter, bytes);
}

/* ---- what is known besides ---- */

static bool is_ours(const struct edge_session *s, slice address)
{
	slice local, domain;
	return address_split(address, &local, &domain) && edge_is_ours(s->edge, domain);
}

/* From trusted networks comes mail of our own users, and mail that other gateways of ours took in.
 */
static enum content_direction direction(const struct edge_session *s, const struct queue_msg *m)
{
	if (!(m->flags & MSG_SUBMITTED))
		return CONTENT_INBOUND;
	for (size_t i = 0; i < m->nrcpts; i++)
		if (!is_ours(s, m->rcpts[i].address))
			return CONTENT_OUTBOUND;
	return s->client->login.n || is_ours(s, m->sender) ? CONTENT_INTERNAL : CONTENT_INBOUND;
}

static void name_rcpts(const struct queue_msg *m, struct edge_scan *x)
{
	size_t n = m->nrcpts < CONTEXT_RCPTS ? m->nrcpts : CONTEXT_RCPTS;
	slice *v = ARENA_ARRAY(&x->mem, slice, n + 1);
	for (size_t i = 0; i < n; i++)
		v[i] = m->rcpts[i].address;
	x->context.rcpts = v;
	x->context.nrcpts = n;
	x->context.rcpts_total = m->nrcpts;
}

/* Did mail of this proven sender come before? */
static bool wrote_before(struct edge_session *s, struct edge_scan *x, const struct queue_msg *m)
{
	struct reputation *r = s->edge->door ? s->edge->door->reputation : NULL;
	const struct rep_subjects who = {
		.ip = &s->client->peer, .sender = m->sender, .sender_proven = true};
	struct rep_answer answer;
	if (!r || !x->context.proven || !m->sender.n)
		return false;
	slice name = reputation_name(r, &who, REP_SENDER, 0, &x->mem);
	return name.n && reputation_ask(r, REP_SENDER, name, &answer) && answer.messages >= 1;
}

static void fill_context(struct edge_session *s, struct edge_scan *x, const struct queue_msg *m)
{
	const struct edge_verified *found = edge_verify_found(s);
	struct content_context *c = &x->context;
	bool own = s->client->login.n > 0;
	*c = (struct content_context){
		.direction = direction(s, m),
		.client_ip =
			s->client->peer.ss.ss_family == AF_UNIX ? S("") : slice_z(s->client->ip),
		.client_name = s->client->name,
		.helo = s->client->helo,
		.sender = m->sender,
		.login = s->client->login,
		.proven = own || (found && found->dmarc.result == AUTH_PASS),
		.verified = own || found,
		.now = (uint64_t)(wall_now() / SECOND),
		.known = x->signals,
	};
	name_rcpts(m, x);
	if (s->visit)
		c->written_to = door_friends(s->visit).written_to;
	c->wrote_before = wrote_before(s, x, m);
}

/* The door's, those of verification, or (LMTP, trusted networks) some of its own. */
static struct signals *signals_of(struct edge_session *s, struct edge_scan *x)
{
	struct signals *all = s->visit ? door_signals(s->visit) : edge_verify_signals(s);
	if (all)
		return all;
	all = ARENA_NEW(&x->mem, struct signals);
	all->mem = &x->mem;
	return all;
}

struct signals *edge_scan_signals(const struct edge_session *s)
{
	return s->scan && s->scan->active ? s->scan->signals : NULL;
}

const struct edge_scan *edge_scan_found(const struct edge_session *s)
{
	return s->scan && s->scan->active ? s->scan : NULL;
}

/* ---- what it is ---- */

bool edge_scan_only_complaints(const struct queue_msg *m)
{
	for (size_t i = 0; i < m->nrcpts; i++) {
		slice address = m->rcpts[i].address;
		slice local = slice_first(address, slice_rindex(address, '@'));
		if (!slice_ieq(local, S("postmaster")) && !slice_ieq(local, S("abuse")))
			return false;
	}
	return m->nrcpts > 0;
}

static bool is_spared(const struct edge_session *s, const struct queue_msg *m)
{
	return (s->visit && door_friends(s->visit).allowed) || edge_scan_only_complaints(m) ||
	       edge_learn_only_traps(m);
}

static double by_what_all_share(struct content_report *r)
{
	float user = r->in[LEARN_USER], bayes = r->in[LEARN_BAYES_USER];
	r->in[LEARN_USER] = r->in[LEARN_BAYES_USER] = 0;
	double p = content_probability(r, signals_score(&r->signals));
	r->in[LEARN_USER] = user;
	r->in[LEARN_BAYES_USER] = bayes;
	return p;
}

double edge_scan_spam_from(const struct edge_scan *x)
{
	struct policy_thresholds t = filter_thresholds(x->conf);
	if (x->context.direction != CONTENT_INBOUND)
		return fmin(fmin(t.own_mark, t.own_junk), fmin(t.own_quarantine, t.own_reject));
	return fmin(fmin(t.mark, t.junk), fmin(t.quarantine, t.reject));
}

static void judge(struct edge_session *s, struct edge_scan *x, const struct queue_msg *m)
{
	x->probability = content_probability(x->report, signals_score(x->signals));
	x->alone = by_what_all_share(x->report);
	x->spam = !is_spared(s, m) && x->probability >= edge_scan_spam_from(x);
}

bool edge_scan_is_spam(const struct edge_scan *x)
{
	return x->spam && x->alone >= edge_scan_spam_from(x);
}

/* What is learnt about the caller and the sender. */
static enum door_content what_it_was(
	struct edge_session *s, const struct edge_scan *x, const struct queue_msg *m)
{
	if (edge_learn_trapped(m))
		return edge_learn_vouched(s) ? DOOR_CONTENT_DOUBTFUL : DOOR_CONTENT_SPAM;
	if (!x->report || scan_letter_cut(&x->letter))
		return DOOR_CONTENT_DOUBTFUL; /* who knows */
	if (edge_scan_is_spam(x))
		return DOOR_CONTENT_SPAM;
	return x->probability >= DOUBTFUL ? DOOR_CONTENT_DOUBTFUL : DOOR_CONTENT_GOOD;
}

static void take_signals(struct edge_scan *x)
{
	const struct signals *found = &x->report->signals;
	for (unsigned i = 0; i < found->n; i++)
		signals_add_def(x->signals, found->v[i].def, found->v[i].score, found->v[i].detail);
}

static void on_examined(struct edge_session *s, struct edge_scan *x, const struct queue_msg *m)
{
	take_signals(x);
	if (scan_letter_cut(&x->letter))
		signals_add(x->signals, SIGNAL_NOT_EXAMINED_SIZE, 1, S(""));
	edge_engines_look_inside(s, x);
	edge_scan_look_up(s, x);
	edge_scan_prints_look(s, x);
	edge_learn_layers(s, x);
	judge(s, x, m);
	edge_scan_prints_note(s, x, m);
	if (scan_letter_cut(&x->letter) && x->conf->too_large == FILTER_LARGE_HOLD)
		x->why = S("too large to be examined whole");
}

static void on_unavailable(struct edge_scan *x, const struct err *e)
{
	x->why = arena_dup(&x->mem, slice_z(e->text));
	x->unavailable = true;
	if (x->conf->unavailable == FILTER_DEFER)
		return;
	metric_add(&unexamined, 1);
	signals_add(x->signals, SIGNAL_NOT_EXAMINED, 1, x->why);
}

/* Mailboxes keep what lists and fetches need, made once, here. */
static unsigned summary_wish(const struct queue_msg *m)
{
	for (size_t i = 0; i < m->nrcpts; i++)
		if (slice_eq(m->rcpts[i].dest, S("local")) || slice_eq(m->rcpts[i].dest, S(ROUTE_SENT)))
			return CONTENT_SUMMARY;
	return 0;
}

/* It comes from a process that hostile mail may have in its hands. */
static void take_summary(struct edge_scan *x, const struct queue_msg *m)
{
	struct summary s;
	bool whole = !scan_letter_cut(&x->letter) && x->report->summary.n <= SUMMARY_MAX;
	if (whole && summary_open(x->report->summary, &s) && s.size == m->size)
		x->summary = x->report->summary;
}

/* Who waits with whom: his own, or those of his network. */
static slice source_of(const struct edge_session *s, struct edge_scan *x)
{
	return s->client->login.n ? s->client->login
				  : name_network(&s->client->peer, 24, 48, &x->mem);
}

static void ask(struct edge_session *s, struct edge_scan *x, const struct smtpd_verdict *v)
{
	struct err e;
	AUTO(buf) struct buf lead = BUF(SCAN_LEAD_MAX - 8);
	buf_put(&lead, v->added);
	if (x->headless)
		buf_put(&lead, S("\r\n"));
	const struct scans_asked q = {.letter = &x->letter,
		.lead = buf_slice(&lead),
		.context = &x->context,
		.wishes = edge_learn_wishes(s, x, v->msg) | edge_engines_wishes(s, x) | summary_wish(v->msg),
		.source = source_of(s, x),
		.deadline = instant_in(x->conf->wait)};
	struct content_report *report = ARENA_NEW(&x->mem, struct content_report);
	edge_engines_look(s, x);
	struct edge_trial *trial = edge_trial_begin(s->edge, &q);
	instant began = instant_now();
	switch (scans_examine(s->edge->scans, &q, &x->mem, report, &x->json, &e)) {
	case SCANS_EXAMINED:
		x->report = report;
		int64_t took = instant_now() - began;
		take_summary(x, v->msg);
		on_examined(s, x, v->msg);
		edge_trial_go(take(&trial), x, v->msg->id, took);
		break;
	case SCANS_CANNOT:
		x->why = S("could not be examined");
		break;
	case SCANS_UNAVAILABLE:
		on_unavailable(x, &e);
	}
	edge_trial_drop(trial);
}

void edge_scan_verdict(struct edge_session *s, const struct smtpd_verdict *v)
{
	struct edge_scan *x = s->scan;
	instant began = instant_now();
	if (!x || !x->active)
		return;
	x->signals = signals_of(s, x);
	fill_context(s, x, v->msg);
	ask(s, x, v);
	if (s->visit)
		door_content(s->visit, what_it_was(s, x, v->msg));
	scan_letter_done(&x->letter);
	x->took = instant_now() - began;
	edge_learn_sample(s, x);
}

static void count(const struct edge_scan *x, enum edge_scan_verdict what)
{
	static struct metric *const by_verdict[] = {[EDGE_SCAN_ACCEPT] = &accepted,
		[EDGE_SCAN_MARK] = &marked,
		[EDGE_SCAN_REJECT] = &rejected,
		[EDGE_SCAN_HOLD] = &held,
		[EDGE_SCAN_DEFER] = &deferred,
		[EDGE_SCAN_MIXED] = &mixed,
		[EDGE_SCAN_OTHER] = &other};
	metric_add(by_verdict[what], 1);
	metric_observe(&seconds, (uint64_t)x->took);
}

void edge_scan_decided(struct edge_session *s, enum edge_scan_verdict what, struct buf *log)
{
	const struct edge_scan *x = edge_scan_found(s);
	if (!x)
		return;
	count(x, what);
	edge_scan_tell(x, what, log);
	edge_engines_tell(x, log);
}
