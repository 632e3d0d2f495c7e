/*
 * How safe the queue's connections must be (mail/tls_policy.h) and what became of it: which rules
 * hold for a destination, the words for the trace and for the sender, and the counts for TLS
 * reports (RFC 8460). Called by queue_smtp.c around every connection.
 */
#include "bin/queue_tls.h"

#include "run/co.h"
#include "run/metrics.h"
#include "store/report.h"
#include <stdio.h>

METRIC_COUNTER(by_dane, "posthouse_queue_dane_connections_total", "",
	"Connections whose host was verified by TLSA records.");
METRIC_COUNTER(by_sts, "posthouse_queue_mta_sts_connections_total", "",
	"Connections whose host was verified because of an MTA-STS policy.");
METRIC_COUNTER(refused, "posthouse_queue_tls_refused_total", "",
	"Hosts not used because they were not as safe as DANE, MTA-STS or the configuration "
	"demand.");

const struct tls_domain *queue_tls_domain(struct queue_session *s, const struct way *w)
{
	const struct delivery_conf *c = s->settings->config.delivery;
	struct tls_rules *r = ARENA_NEW(&s->mem, struct tls_rules);
	struct tls_domain *d = ARENA_NEW(&s->mem, struct tls_domain);
	*r = way_rules(w, s->q->dns);
	r->mx = w->hosts.n == 0;
	r->dane = c->dane && dns_validates(s->q->dns);
	r->sts = c->mta_sts ? s->q->sts : NULL;
	r->require = s->letter->m.flags & MSG_REQUIRETLS;
	r->exceptions = c->tls_exceptions.v;
	r->nexceptions = c->tls_exceptions.n;
	tls_policy_domain(r, s->name, instant_in(MINUTE), &s->mem, d);
	return d;
}

/* ---- for people */

static const char *policy_words(const struct tls_policy *p)
{
	switch (p->source) {
	case TLS_POLICY_DANE:
		return "DANE: ";
	case TLS_POLICY_STS:
		return p->testing ? "" : "MTA-STS: ";
	default:
		return "";
	}
}

slice queue_tls_reason(struct arena *a, const struct tls_policy *p, slice text)
{
	return arena_printf(a, "%s%.*s", policy_words(p), SFMT(text));
}

/* Why a connection would not have done, had the policy not been lenient. */
static enum tls_failure doubt_of(const struct tls_policy *p, const struct smtpc_info *info)
{
	if (p->doubt)
		return p->doubt;
	if (!info->tls)
		return TLS_FAIL_STARTTLS;
	return p->testing ? info->tls_info.failure : TLS_FAIL_NONE;
}

static const char *trust(const struct smtpc_info *info)
{
	return !info->tls_info.verified ? "" : info->tls_info.dane ? " dane" : " verified";
}

/* "TLSv1.3 TLS_AES_256_GCM_SHA384 dane", "... verified mta-sts", "none mta-sts-testing (...)" */
static void describe(struct queue_session *s, const struct tls_policy *p,
	const struct smtpc_info *info, enum tls_failure doubt)
{
	bool said = info->tls && info->tls_info.dane;
	const char *name = said ? "" : tls_policy_name(p);
	if (!info->tls && !*name)
		return; /* in clear, as before; perhaps with the reason of a failed handshake */
	snprintf(s->tls_text, sizeof s->tls_text, "%s%s%s%s%s%s%s%s%s",
		info->tls ? info->tls_info.version : "none", info->tls ? " " : "",
		info->tls ? info->tls_info.cipher : "", info->tls ? trust(info) : "",
		*name ? " " : "", name, *name && doubt ? " (" : "",
		*name && doubt ? tls_failure_name(doubt) : "", *name && doubt ? ")" : "");
}

static void describe_failure(
	struct queue_session *s, const struct tls_policy *p, enum tls_failure failure)
{
	const char *name = tls_policy_name(p);
	snprintf(s->tls_text, sizeof s->tls_text, "failed%s%s: %s", *name ? " " : "", name,
		tls_failure_name(failure));
}

/* ---- for reports */

static void add_string(struct tls_stat *t, slice text)
{
	if (text.n && t->nstrings < REPORT_STRINGS_MAX)
		t->strings[t->nstrings++] = text;
}

/* "3 1 1 0123ABCD...", as in a zone. */
static slice print_tlsa(struct arena *a, const struct dns_tlsa *r)
{
	static const char digits[] = "0123456789ABCDEF";
	char *hex = arena_alloc(a, 2 * r->data.n + 1);
	for (size_t i = 0; i < r->data.n; i++) {
		hex[2 * i] = digits[(unsigned char)r->data.p[i] >> 4];
		hex[2 * i + 1] = digits[r->data.p[i] & 15];
	}
	return arena_printf(
		a, "%u %u %u %.*s", r->usage, r->selector, r->matching, (int)(2 * r->data.n), hex);
}

static void add_policy(struct queue_session *s, const struct tls_domain *d,
	const struct tls_policy *p, struct tls_stat *t)
{
	static const slice types[] = {[TLS_POLICY_OWN] = S_INIT("no-policy-found"),
		[TLS_POLICY_DANE] = S_INIT("tlsa"),
		[TLS_POLICY_STS] = S_INIT("sts")};
	t->policy_type = types[p->source];
	for (size_t i = 0; p->source == TLS_POLICY_DANE && i < p->want.ntlsa; i++)
		add_string(t, print_tlsa(&s->mem, &p->want.tlsa[i]));
	if (p->source != TLS_POLICY_STS || !d->sts.found)
		return;
	for (slice rest = d->sts.text, line; slice_cut(&rest, '\n', &line);)
		add_string(t, line);
	for (size_t i = 0; i < d->sts.policy.nmx && t->nmx < REPORT_STRINGS_MAX; i++)
		t->mx[t->nmx++] = d->sts.policy.mx[i];
}

/* One try to have TLS with a domain's host; info NULL: it was not even connected to. */
static void count(struct queue_session *s, const struct tls_domain *d, const struct host *h,
	const struct tls_policy *p, const struct smtpc_info *info, enum tls_failure failure)
{
	char ip[NET_TEXT_MAX];
	bool may = p->level != TLS_LEVEL_NEVER || p->source != TLS_POLICY_OWN;
	if (!s->q->reports || !d->rules->mx || d->domain.p[0] == '[' || !may)
		return;
	struct tls_stat *t = ARENA_NEW(&s->mem, struct tls_stat);
	*t = (struct tls_stat){
		.at = wall_now(), .policy_domain = d->domain, .ok = failure == TLS_FAIL_NONE};
	add_policy(s, d, p, t);
	if (!t->ok) {
		t->result_type = slice_z(tls_failure_name(failure));
		t->receiving_mx = h->name;
		t->receiving_ip = arena_dup(&s->mem, slice_of(ip, net_print_ip(&h->addr, ip)));
	}
	if (!t->ok && info) {
		t->sending_ip = slice_z(info->local_ip);
		t->receiving_helo = info->ehlo;
	}
	report_count_tls(s->q->reports, t);
}

/* ---- what queue_smtp.c tells */

void queue_tls_refused(struct queue_session *s, const struct tls_domain *d, const struct host *h,
	const struct tls_policy *p, enum tls_failure failure)
{
	metric_add(&refused, 1);
	describe_failure(s, p, failure);
	count(s, d, h, p, NULL, failure);
}

void queue_tls_failed(struct queue_session *s, const struct tls_domain *d, const struct host *h,
	const struct tls_policy *p, const struct smtpc_info *info)
{
	enum tls_failure failure = info->tls_failure ? info->tls_failure : TLS_FAIL_VALIDATION;
	if (!info->tls_failed)
		return; /* it did not come to TLS */
	if (p->level > TLS_LEVEL_MAYBE)
		metric_add(&refused, 1);
	describe_failure(s, p, failure);
	count(s, d, h, p, info, failure);
}

void queue_tls_connected(struct queue_session *s, const struct tls_domain *d, const struct host *h,
	const struct tls_policy *p, const struct smtpc_info *info)
{
	enum tls_failure doubt = doubt_of(p, info);
	if (info->tls && info->tls_info.dane)
		metric_add(&by_dane, 1);
	else if (p->source == TLS_POLICY_STS && !p->testing)
		metric_add(&by_sts, 1);
	describe(s, p, info, doubt);
	if (!(p->level == TLS_LEVEL_NEVER && s->tls_text[0])) /* a second try was counted before */
		count(s, d, h, p, info, doubt);
}
