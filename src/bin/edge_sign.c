/*
 * Signing what our users send (edge_sign.h). The domain of From: signs, and that of the envelope's
 * sender when it is another one with keys (for reports of abuse, and so that bounces can be told).
 * A login signs as nobody else: From: must be an address that it may use, or of its own domain.
 */
#include "bin/edge_sign.h"

#include "base/mem.h"
#include "bin/keys_client.h"
#include "codec/address.h"
#include "codec/header.h"
#include "mail/sign.h"
#include "run/metrics.h"
#include "senderauth/bodyhash.h"
#include "senderauth/dkim.h"
#include "store/trace.h"

METRIC_COUNTER(signed_messages, "posthouse_edge_signed_total", "", "Messages signed by DKIM.");
METRIC_COUNTER(unsigned_messages, "posthouse_edge_unsigned_total", "",
	"Messages that should have been signed, but the keys could not be reached.");

struct edge_sign {
	struct signing signing;
	struct arena *mem; /* of the message */
	slice domains[SIGN_DOMAINS_MAX];
	size_t ndomains;
	bool headless;
	struct buf header; /* as stored */
	struct body_hashes *hashes;
	int digest;
	slice added, made; /* fields of ours below Received:; the signatures */
};

/* ---- who signs ---- */

static slice ascii_domain(slice address, struct arena *a)
{
	slice local, domain, out;
	return address_split(address, &local, &domain) && domain_to_ascii(domain, a, &out)
		       ? out
		       : (slice){0};
}

/* May the mail's sender have this address's domain sign? */
static int may_speak_for(struct edge_session *s, slice address, slice domain, struct arena *a,
	bool *ret, struct err *e)
{
	slice login = s->client->login;
	if (!login.n || slice_ieq(ascii_domain(login, a), domain)) {
		*ret = true; /* a trusted network, or one of the domain's own */
		return 0;
	}
	return directory_may_send_as(s->edge->directory, login, address, ret, e);
}

static int consider(
	struct edge_session *s, struct edge_sign *g, slice address, slice domain, struct err *e)
{
	bool may = false;
	if (!address.n || !domain.n || (g->ndomains && slice_eq(g->domains[0], domain)))
		return 0;
	int has = sign_has_keys(&g->signing, domain, g->mem, e);
	if (has <= 0)
		return has;
	if (may_speak_for(s, address, domain, g->mem, &may, e) < 0)
		return -1;
	if (may)
		g->domains[g->ndomains++] = domain;
	return 0;
}

/* Without From: the one that smtpd adds. */
static int choose_domains(
	struct edge_session *s, struct edge_sign *g, const struct smtpd_header *h, struct err *e)
{
	slice author, domain, sender = s->msg->sender;
	if (h->headless || !sign_author(h->block, g->mem, &author, &domain)) {
		author = sender.n ? sender : s->client->login;
		domain = ascii_domain(author, g->mem);
	}
	if (consider(s, g, author, domain, e) < 0)
		return -1;
	if (!g->signing.conf->mail_from)
		return 0;
	return consider(s, g, sender, ascii_domain(sender, g->mem), e);
}

/* ---- the keys are away ---- */

/* 0: the message goes without; -1. */
static int unreachable(struct edge_session *s, const struct signing_conf *c, const struct err *e,
	struct smtpd_refusal *no)
{
	metric_add(&unsigned_messages, 1);
	log_warn(&s->log, "smtp.unsigned", F("error", e));
	if (c->if_unreachable == SIGNING_UNSIGNED)
		return 0;
	no->err = *e;
	smtpd_refuse(no, 451, "4.3.0", "The message cannot be signed now, try later");
	no->err = *e;
	return -1;
}

/* ---- the message passes ---- */

int edge_sign_header(struct edge_session *s, const struct smtpd_header *h, struct arena *a,
	struct smtpd_refusal *no)
{
	struct edge *e = s->edge;
	const struct signing_conf *c = e->config->signing;
	struct err err;
	if (!c->sign || !(s->msg->flags & MSG_SUBMITTED))
		return 0;
	struct edge_sign *g = ARENA_NEW(a, struct edge_sign);
	g->signing = (struct signing){c, keys_client_signer(e->keys)};
	g->mem = a;
	g->headless = h->headless;
	if (choose_domains(s, g, h, &err) < 0)
		return unreachable(s, c, &err, no);
	if (g->ndomains == 0)
		return 0;
	g->header = BUF((size_t)s->service->conf->max_header);
	g->hashes = body_hashes_new(a);
	g->digest = dkim_sign_want(g->hashes);
	s->sign = g;
	return 0;
}

void edge_sign_add(struct edge_session *s, slice bytes, bool behind)
{
	struct edge_sign *g = s->sign;
	if (!g)
		return;
	if (behind || g->headless)
		body_hashes_add(g->hashes, bytes);
	else
		buf_put(&g->header, bytes);
}

static slice names_of(const struct edge_sign *g)
{
	return g->ndomains == 1 ? g->domains[0]
				: arena_printf(g->mem, "%.*s %.*s", SFMT(g->domains[0]),
					  SFMT(g->domains[1]));
}

int edge_sign_verdict(struct edge_session *s, struct smtpd_verdict *v, struct smtpd_refusal *no)
{
	struct edge_sign *g = s->sign;
	struct err err;
	if (!g)
		return 0;
	AUTO(buf) struct buf out = BUF(SIGN_FIELDS_MAX);
	body_hashes_end(g->hashes);
	struct sign_what w = {.ndomains = g->ndomains,
		.before = v->added,
		.header = buf_slice(&g->header),
		.digest = body_hashes_get(g->hashes, g->digest),
		.wall = wall_now()};
	memcpy(w.domains, g->domains, sizeof w.domains);
	int n = sign_fields(&g->signing, &w, g->mem, &out, &err);
	if (n < 0)
		return unreachable(s, g->signing.conf, &err, no);
	g->added = arena_dup(g->mem, v->added);
	g->made = arena_dup(g->mem, buf_slice(&out));
	if (n == 0) /* the keys were retired meanwhile */
		return 0;
	buf_put(v->top, buf_slice(&out));
	trace_event(v->log, w.wall, "signed", "by", names_of(g), NULL);
	metric_add(&signed_messages, 1);
	return 0;
}

int edge_sign_again(struct edge_session *s, slice message, struct arena *a, slice *ret_old,
	slice *ret_new, struct err *e)
{
	struct edge_sign *g = s->sign;
	*ret_old = *ret_new = S("");
	if (!g || !g->made.n)
		return 0;
	AUTO(buf) struct buf out = BUF(SIGN_FIELDS_MAX);
	size_t header = header_length(message);
	struct body_hashes *b = body_hashes_new(a);
	int digest = dkim_sign_want(b);
	body_hashes_add(b, slice_skip(message, header));
	body_hashes_end(b);
	struct sign_what w = {.ndomains = g->ndomains,
		.before = g->added,
		.header = slice_first(message, header),
		.digest = body_hashes_get(b, digest),
		.wall = wall_now()};
	memcpy(w.domains, g->domains, sizeof w.domains);
	int n = sign_fields(&g->signing, &w, a, &out, e);
	body_hashes_free(b);
	if (n < 0 && g->signing.conf->if_unreachable != SIGNING_UNSIGNED)
		return -1;
	if (n < 0)
		metric_add(&unsigned_messages, 1);
	*ret_old = g->made;
	*ret_new = n > 0 ? arena_dup(a, buf_slice(&out)) : S("");
	return 0;
}

void edge_sign_end(struct edge_session *s)
{
	struct edge_sign *g = take(&s->sign);
	if (!g)
		return;
	body_hashes_free(g->hashes);
	buf_done(&g->header);
}
