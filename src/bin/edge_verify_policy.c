/*
 * What follows from the verification of a message: the policy of the domain in From: (RFC 9989
 * section 5.4, RFC 7489 section 6.6.2), unless a forwarder that we trust vouches for it (RFC 8617
 * section 7.2.1) or the administrator made an exception; and SPF alone where he wants that. A
 * question that the DNS did not answer never refuses a message for good.
 */
#include "bin/edge_verify_impl.h"

#include "codec/address.h"
#include "run/metrics.h"

METRIC_COUNTER(dmarc_refused, "posthouse_verify_refused_total", "reason=\"dmarc\"",
	"Messages refused by verification.");
METRIC_COUNTER(spf_refused, "posthouse_verify_refused_total", "reason=\"spf\"",
	"Messages refused by verification.");
METRIC_COUNTER(dmarc_deferred, "posthouse_verify_deferred_total", "",
	"Messages put off because the DNS did not answer.");
METRIC_COUNTER(forwarded, "posthouse_verify_overridden_total", "by=\"arc\"",
	"DMARC policies not applied.");
METRIC_COUNTER(excepted, "posthouse_verify_overridden_total", "by=\"exception\"",
	"DMARC policies not applied.");

static void look_for_override(struct edge_verify *v)
{
	struct edge_verified *f = &v->found;
	const struct conf_list *trusted = &v->conf->arc_trusted;
	if (!f->from.differ &&
		arc_vouches(&f->arc, trusted->v, trusted->n, f->from_domain, &f->forwarder)) {
		f->override = OVERRIDE_TRUSTED_FORWARDER;
		metric_add(&forwarded, 1);
	} else if (edge_verify_listed(&v->conf->dmarc_exceptions, f->from_domain)) {
		f->override = OVERRIDE_LOCAL_POLICY;
		metric_add(&excepted, 1);
	}
}

/* A chain that could not be verified now, sealed last by somebody whom we trust: later it may speak
 * for the message. */
static bool may_be_vouched_for(const struct edge_verify *v)
{
	const struct arc_result *r = &v->found.arc;
	return r->result == AUTH_FAIL && r->temporary && r->n &&
	       edge_verify_listed(&v->conf->arc_trusted, r->hops[r->n - 1].domain);
}

int edge_verify_decide(struct edge_verify *v, struct smtpd_refusal *no)
{
	struct edge_verified *f = &v->found;
	const struct dmarc_result *d = &f->dmarc;
	if (d->result == AUTH_TEMPERROR && v->conf->dmarc_unknown == VERIFY_DEFER) {
		metric_add(&dmarc_deferred, 1);
		return smtpd_refuse(no, 451, "4.7.1",
			"The DMARC policy of %.*s cannot be looked up now, try later",
			SFMT(f->from_domain));
	}
	if (d->result != AUTH_FAIL || d->disposition == DMARC_NONE)
		return 0;
	look_for_override(v);
	if (f->override)
		return 0;
	f->disposition = d->disposition;
	if (d->disposition != DMARC_REJECT || v->conf->dmarc_fail != VERIFY_REJECT) {
		f->disposition = DMARC_QUARANTINE;
		return 0;
	}
	if (may_be_vouched_for(v)) {
		metric_add(&dmarc_deferred, 1);
		f->disposition = DMARC_NONE;
		return smtpd_refuse(no, 451, "4.7.1",
			"The keys of the ARC chain cannot be looked up now, try later");
	}
	metric_add(&dmarc_refused, 1);
	return smtpd_refuse(no, 550, "5.7.1",
		"Refused by the DMARC policy of %.*s: neither SPF nor DKIM shows that the message "
		"is from there",
		SFMT(f->from_domain));
}

static bool is_postmaster(slice address)
{
	slice local, domain;
	return !address_split(address, &local, &domain) || slice_ieq(local, S("postmaster"));
}

int edge_verify_rcpt(struct edge_session *s, slice address, struct smtpd_refusal *no)
{
	if (!s->verify || s->verify->conf->spf_fail != VERIFY_REJECT || is_postmaster(address))
		return 0;
	const struct spf_result *r = edge_verify_spf(s);
	if (!r || r->result != AUTH_FAIL)
		return 0;
	metric_add(&spf_refused, 1);
	return smtpd_refuse(no, 550, "5.7.23", "SPF of %.*s does not allow %s to send for it%s%.*s",
		SFMT(r->domain), s->client->ip, r->explanation.n ? ": " : "",
		SFMT(slice_first(r->explanation, 200)));
}
