/*
 * Verification at the edge: what is started when, and what waits for what (see edge_verify.h).
 * Called by edge_session.c for each step of a session. Lookups about the client and SPF run in
 * coroutines of their own while the session goes on; everything else is done when the message has
 * come, within verify.time_limit.
 */
#include "bin/edge_verify.h"

#include "base/mem.h"
#include "base/rand.h"
#include "bin/edge_door.h"
#include "bin/edge_verify_impl.h"
#include "codec/address.h"
#include "run/metrics.h"

METRIC_COUNTER(verified, "posthouse_verify_messages_total", "", "Messages verified.");
METRIC_DURATION(verify_seconds, "posthouse_verify_seconds", "",
	"From the end of a message to the end of its verification.");

bool edge_verify_wanted(const struct edge_session *s)
{
	return s->service->verify && s->client && !s->client->trusted && !s->client->login.n;
}

bool edge_verify_listed(const struct conf_list *list, slice domain)
{
	return domain_listed(domain, list->v, list->n);
}

/* ---- beginning and end ---- */

static struct edge_verify *verify_new(struct edge_session *s)
{
	struct edge_verify *v = NEW(struct edge_verify);
	v->session = s;
	v->conf = s->edge->config->verify;
	group_init(&v->client);
	group_init(&v->message);
	return v;
}

static void forget_message(struct edge_verify *v)
{
	group_cancel(&v->message);
	group_join(&v->message);
	body_hashes_free(v->hashes);
	v->hashes = NULL;
	v->dkim = NULL;
	v->arc = NULL;
	v->signals = NULL;
	v->active = v->judged = false;
	v->found = (struct edge_verified){0};
	if (v->msg.total > VERIFY_KEEP)
		arena_done(&v->msg);
	else
		arena_reset(&v->msg);
}

void edge_verify_end(struct edge_session *s)
{
	struct edge_verify *v = take(&s->verify);
	if (!v)
		return;
	group_cancel(&v->client);
	forget_message(v);
	group_join(&v->client);
	arena_done(&v->msg);
	arena_done(&v->mem);
	free(v);
}

void edge_verify_connect(struct edge_session *s)
{
	edge_verify_end(s);
}

/* ---- MAIL: lookups begin ---- */

static void look_up_name(void *arg)
{
	struct edge_verify *v = arg;
	v->iprev = iprev_check(&v->session->edge->lookup, &v->session->client->peer,
		instant_in(v->conf->time_limit), &v->mem);
}

static void check_sender(void *arg)
{
	struct edge_verify *v = arg;
	spf_check(&v->session->edge->lookup, &v->query, &v->msg, &v->found.spf);
}

static void check_helo(void *arg)
{
	struct edge_verify *v = arg;
	spf_check(&v->session->edge->lookup, &v->helo_query, &v->mem, &v->helo);
}

/* What a stranger's own DNS may take of the time, for SPF and keys: the rest is for the policy of
 * From:, so that nobody escapes it by being slow. */
static int64_t evidence_time(const struct edge_verify *v)
{
	return v->conf->time_limit / 3 * 2;
}

static void begin_spf(struct edge_verify *v, slice sender)
{
	const struct edge_session *s = v->session;
	v->query = (struct spf_query){
		.ip = s->client->peer,
		.helo = arena_dup(&v->msg, s->client->helo),
		.mail_from = arena_dup(&v->msg, sender),
		.scope = SPF_MFROM,
		.receiver = s->service->hostname,
		.deadline = instant_in(evidence_time(v)),
	};
	group_go(&v->message, "verify.spf", check_sender, v);
	/* Once for each name; that of a null sender is its identity anyway (RFC 7208 2.4). */
	if (!v->conf->spf_helo || !sender.n || v->helos >= VERIFY_HELOS_MAX ||
		slice_ieq(s->client->helo, v->helo_query.helo))
		return;
	group_join(&v->client);
	v->helos++;
	v->helo_query = v->query;
	v->helo_query.scope = SPF_HELO;
	v->helo_query.helo = arena_dup(&v->mem, s->client->helo);
	v->helo_query.mail_from = S("");
	group_go(&v->client, "verify.helo", check_helo, v);
}

/* As configured, without what the rules for this kind of caller turn off. */
static struct verify_checks checks_of(const struct edge_session *s, const struct verify_conf *c)
{
	unsigned on = s->visit ? door_source(s->visit)->checks : CHECKS_ALL;
	bool network = s->client->peer.ss.ss_family != AF_UNIX;
	return (struct verify_checks){
		.iprev = c->iprev && network && (on & CHECK_IPREV),
		.spf = c->spf && network && (on & CHECK_SPF),
		.dkim = c->dkim && (on & CHECK_DKIM),
		.arc = c->arc && (on & CHECK_DKIM),
		.dmarc = c->dmarc && (on & CHECK_DMARC),
	};
}

static void begin_iprev(struct edge_verify *v)
{
	struct edge_session *s = v->session;
	if (s->visit && door_iprev(s->visit)->result != AUTH_NONE) {
		v->iprev = *door_iprev(s->visit); /* asked once a connection */
		return;
	}
	if (v->iprev_begun)
		return;
	v->iprev_begun = true;
	group_go(&v->client, "verify.iprev", look_up_name, v);
}

void edge_verify_mail(struct edge_session *s, slice sender, struct signals *signals)
{
	if (s->verify)
		forget_message(s->verify);
	if (!edge_verify_wanted(s))
		return;
	if (!s->verify)
		s->verify = verify_new(s);
	struct edge_verify *v = s->verify;
	v->active = true;
	v->signals = signals;
	if (!signals) {
		v->signals = ARENA_NEW(&v->msg, struct signals);
		v->signals->mem = &v->msg;
	}
	v->checks = checks_of(s, v->conf);
	if (v->checks.spf)
		begin_spf(v, sender);
	if (v->checks.iprev)
		begin_iprev(v);
}

const struct spf_result *edge_verify_spf(struct edge_session *s)
{
	struct edge_verify *v = s->verify;
	if (!v || !v->active || !v->checks.spf)
		return NULL;
	group_join(&v->message);
	edge_verify_signal_spf(v);
	return &v->found.spf;
}

/* ---- the message ---- */

static slice first_text(slice header, slice name, struct arena *a)
{
	struct header_field f;
	return header_find(header, name, 0, &f) ? header_text(f.value, a) : S("");
}

int edge_verify_header(
	struct edge_session *s, struct smtpd_header *h, struct arena *a, struct smtpd_refusal *no)
{
	struct edge_verify *v = s->verify;
	(void)no;
	unsigned forged = edge_verify_forged(s, h, a);
	if (!v || !v->active)
		return 0;
	const struct dkim_policy policy = {
		.signatures = (unsigned)v->conf->max_signatures,
		.clock_skew = DKIM_POLICY_DEFAULT.clock_skew,
		.partial_body = v->conf->dkim_partial_body,
	};
	slice header = arena_dup(&v->msg, h->block); /* the session's goes when it is stored */
	v->found.forged = forged;
	v->found.header = header;
	v->found.list_id = first_text(header, S("List-Id"), &v->msg);
	dmarc_from(header, &v->msg, &v->found.from);
	v->hashes = body_hashes_new(&v->msg);
	if (v->checks.dkim)
		v->dkim = dkim_verify_new(&v->msg, header, v->hashes, &policy, wall_now() / SECOND);
	if (v->checks.arc)
		v->arc = arc_begin(header, (unsigned)v->conf->max_arc_sets, v->hashes, &v->msg);
	return 0;
}

void edge_verify_body(struct edge_session *s, slice bytes)
{
	if (s->verify && s->verify->hashes)
		body_hashes_add(s->verify->hashes, bytes);
}

/* ---- the end ---- */

static void verify_arc(void *arg)
{
	struct edge_verify *v = arg;
	arc_verify(v->arc, v->hashes, &v->session->edge->lookup, v->deadline, wall_now(), &v->msg,
		&v->found.arc);
}

/* Domains that are proven by a signature, each once. */
static void list_domains(struct edge_verified *f, struct arena *a)
{
	f->domains = ARENA_ARRAY(a, slice, f->dkim.n);
	for (size_t i = 0; i < f->dkim.n; i++) {
		slice domain = f->dkim.v[i].field.domain;
		bool seen = f->dkim.v[i].result != AUTH_PASS;
		for (size_t k = 0; k < f->ndomains && !seen; k++)
			seen = slice_eq(f->domains[k], domain);
		if (!seen)
			f->domains[f->ndomains++] = domain;
	}
}

static void verify_signatures(struct edge_verify *v)
{
	body_hashes_end(v->hashes);
	if (v->arc && arc_is_there(v->arc))
		group_go(&v->message, "verify.arc", verify_arc, v);
	if (v->dkim)
		dkim_verify_finish(v->dkim, &v->session->edge->lookup, v->deadline, &v->found.dkim);
	group_join(&v->message);
	list_domains(&v->found, &v->msg);
}

static void evaluate_dmarc(struct edge_verify *v)
{
	struct edge_verified *f = &v->found;
	struct dmarc_dkim *dkim = ARENA_ARRAY(&v->msg, struct dmarc_dkim, f->dkim.n);
	for (size_t i = 0; i < f->dkim.n; i++)
		dkim[i] = (struct dmarc_dkim){f->dkim.v[i].field.domain,
			f->dkim.v[i].field.selector, f->dkim.v[i].result};
	const struct dmarc_query q = {
		.from = &f->from,
		.spf_domain = f->spf.domain,
		.spf = f->spf.result,
		.dkim = dkim,
		.ndkim = f->dkim.n,
		.method = (enum dmarc_method)v->conf->dmarc_method,
		.sample = (unsigned)rand_below(100),
		.deadline = v->deadline,
	};
	if (v->checks.dmarc)
		dmarc_check(&v->session->edge->lookup, &q, &v->msg, &f->dmarc);
	f->from_domain = f->dmarc.from_domain.n ? f->dmarc.from_domain
			 : f->from.n            ? f->from.domains[0]
						: S("");
}

/* What was found about the client becomes the message's, and the name goes into Received:. */
static void take_client(struct edge_verify *v)
{
	struct smtpd_client *c = v->session->client;
	group_join(&v->client);
	v->found.iprev = v->iprev;
	if (slice_ieq(v->helo_query.helo, v->query.helo))
		v->found.spf_helo = v->helo;
	if (!c->name.n && v->iprev.result == AUTH_PASS)
		c->name = v->iprev.name;
}

int edge_verify_verdict(struct edge_session *s, struct smtpd_verdict *out, struct smtpd_refusal *no)
{
	struct edge_verify *v = s->verify;
	if (!v || !v->active)
		return 0;
	instant began = instant_now();
	v->deadline = began + evidence_time(v);
	verify_signatures(v);
	v->deadline = began + v->conf->time_limit;
	evaluate_dmarc(v);
	take_client(v);
	v->judged = true;
	int r = edge_verify_decide(v, no);
	edge_verify_tell(v, out);
	metric_add(&verified, 1);
	metric_observe(&verify_seconds, (uint64_t)(instant_now() - began));
	return r;
}

const struct edge_verified *edge_verify_found(const struct edge_session *s)
{
	return s->verify && s->verify->judged ? &s->verify->found : NULL;
}

struct signals *edge_verify_signals(const struct edge_session *s)
{
	return s->verify && s->verify->active ? s->verify->signals : NULL;
}
