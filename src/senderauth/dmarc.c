/*
 * DMARC evaluation (dmarc.h): which identifiers that SPF and DKIM authenticated are aligned with
 * From (RFC 9989 section 4.4, 5.3), which policy its owner has (4.7, 4.10.1), what follows. Called
 * by the edges at the end of the data.
 *
 * A message with several domains in From is judged for each, and the worst result counts: the
 * reader may be shown any of them. What to do with a result (refuse, mark, override for a known
 * forwarder) is not decided here.
 */
#include "senderauth/dmarc_int.h"

#include "codec/address.h"

/* ---- alignment ---- */

enum answer { NO, UNSURE, YES };

struct judging {
	struct dmarc_asker *k;
	const struct dmarc_query *q;
	slice from;
	struct dmarc_found found;
};

/* Relaxed: the same organisational domain (RFC 9989 section 4.10.2). Its walk is made only when
 * that can be. */
static enum answer same_org(struct judging *j, slice domain)
{
	struct dmarc_found other;
	if (!domain_within(domain, j->found.org_domain))
		return j->found.temporary ? UNSURE : NO;
	dmarc_find_by(j->k, domain, &other);
	if (other.temporary || j->found.temporary)
		return UNSURE; /* an unanswered name may divide them */
	return slice_eq(other.org_domain, j->found.org_domain) ? YES : NO;
}

static enum answer aligned(struct judging *j, slice domain, bool strict)
{
	if (domain.n == 0 || !domain_to_ascii(domain, j->k->a, &domain))
		return NO;
	if (slice_eq(domain, j->from))
		return YES;
	return strict ? NO : same_org(j, domain);
}

/* What one authenticated identifier says: YES it passed and is aligned. */
static enum answer judge(struct judging *j, slice domain, bool strict, enum auth_result result)
{
	if (result != AUTH_PASS && result != AUTH_TEMPERROR)
		return NO;
	enum answer a = aligned(j, domain, strict);
	return result == AUTH_PASS || a == NO ? a : UNSURE;
}

/* Signatures in the name of exactly this domain first: they need no walk. */
static enum answer judge_dkim(struct judging *j, bool strict, slice *ret_domain)
{
	enum answer best = NO;
	for (int exact = 1; exact >= 0; exact--)
		for (size_t i = 0; i < j->q->ndkim && best != YES; i++) {
			const struct dmarc_dkim *d = &j->q->dkim[i];
			if (slice_ieq(d->domain, j->from) != (bool)exact)
				continue;
			enum answer a = judge(j, d->domain, strict, d->result);
			if (a == YES)
				*ret_domain = d->domain;
			best = a > best ? a : best;
		}
	return best;
}

/* ---- policy ---- */

static enum dmarc_policy lower(enum dmarc_policy p)
{
	return p == DMARC_NONE ? DMARC_NONE : (enum dmarc_policy)(p - 1);
}

static void take_policy(struct judging *j, struct dmarc_result *r)
{
	r->subdomain = !slice_eq(r->record_domain, j->from);
	r->policy = r->subdomain ? r->record->sp : r->record->p;
}

/* np takes the place of sp; asked only when it makes a difference for a message that failed. */
static void take_np(struct judging *j, struct dmarc_result *r)
{
	if (!r->subdomain || r->record->np == r->record->sp)
		return;
	r->nonexistent = dmarc_nonexistent(j->k, j->from);
	if (r->nonexistent)
		r->policy = r->record->np;
}

/* RFC 9989 section 4.8 (t): one step lower. RFC 7489 section 6.6.4 (pct): the same for those that
 * are not in the sample; a record that has a t no longer means its pct. */
static void dispose(const struct dmarc_query *q, struct dmarc_result *r)
{
	const struct dmarc_record *rec = r->record;
	r->disposition = r->policy;
	if (r->policy == DMARC_NONE)
		return;
	r->testing = rec->testing;
	r->sampled_out = !rec->has_t && q->sample >= rec->pct;
	if (r->testing || r->sampled_out)
		r->disposition = lower(r->policy);
}

/* ---- one domain of From ---- */

static void no_record(struct judging *j, struct dmarc_result *r)
{
	const struct dmarc_found *f = &j->found;
	r->result = AUTH_NONE;
	r->reason = arena_printf(j->k->a, "%.*s publishes no DMARC policy", SFMT(j->from));
	for (unsigned i = 0; i < f->n; i++) {
		if (f->steps[i].records == 0 || f->steps[i].valid)
			continue;
		r->result = AUTH_PERMERROR;
		r->reason = arena_printf(j->k->a, "the DMARC record of %.*s %s",
			SFMT(f->steps[i].name),
			f->steps[i].records > 1 ? "is there more than once" : "cannot be read");
	}
	if (f->temporary) {
		r->result = AUTH_TEMPERROR;
		r->reason = arena_printf(
			j->k->a, "the DMARC record of %.*s cannot be looked up now", SFMT(j->from));
	}
}

static const char *lowered(const struct dmarc_result *r)
{
	return r->testing ? ", lowered by t=y" : r->sampled_out ? ", lowered by pct" : "";
}

static void conclude(struct judging *j, enum answer spf, enum answer dkim, struct dmarc_result *r)
{
	struct arena *a = j->k->a;
	r->spf_aligned = spf == YES;
	r->dkim_aligned = dkim == YES;
	take_policy(j, r);
	if (dkim == YES || spf == YES) {
		r->result = AUTH_PASS;
		r->reason = arena_printf(a, "%.*s is authenticated by %s of %.*s", SFMT(j->from),
			dkim == YES ? "the signature" : "SPF",
			SFMT(dkim == YES ? r->dkim_domain : j->q->spf_domain));
	} else if (dkim == UNSURE || spf == UNSURE) {
		r->result = AUTH_TEMPERROR;
		r->reason = arena_printf(
			a, "whether %.*s is authenticated cannot be looked up now", SFMT(j->from));
	} else {
		r->result = AUTH_FAIL;
		take_np(j, r);
		dispose(j->q, r);
		r->reason = arena_printf(a,
			"neither SPF nor a signature is in the name of %.*s (policy %s of %.*s%s)",
			SFMT(j->from), dmarc_policy_name(r->policy), SFMT(r->record_domain),
			lowered(r));
	}
}

static void check_domain(
	struct dmarc_asker *k, const struct dmarc_query *q, slice from, struct dmarc_result *r)
{
	struct judging j = {.k = k, .q = q, .from = from};
	dmarc_find_by(k, from, &j.found);
	*r = (struct dmarc_result){.from_domain = from,
		.org_domain = j.found.org_domain,
		.method = q->method,
		.from = q->from->state};
	if (!j.found.policy) {
		no_record(&j, r);
		return;
	}
	/* A record further up does not count while nearer ones are not known. */
	if (j.found.steps[0].status == LOOKUP_TEMP) {
		no_record(&j, r);
		return;
	}
	r->record = &j.found.policy->record;
	r->record_text = j.found.policy->text;
	r->record_domain = j.found.record_domain;
	enum answer dkim = judge_dkim(&j, r->record->strict_dkim, &r->dkim_domain);
	enum answer spf = judge(&j, q->spf_domain, r->record->strict_spf, q->spf);
	conclude(&j, spf, dkim, r);
}

/* ---- all of From ---- */

/* Which of two results is worse: failures by what follows, then what is not known, then passes. */
static int badness(const struct dmarc_result *r)
{
	switch (r->result) {
	case AUTH_FAIL:
		return 10 + (int)r->disposition;
	case AUTH_TEMPERROR:
		return 4;
	case AUTH_PERMERROR:
		return 3;
	case AUTH_NONE:
		return 2;
	default:
		return 1;
	}
}

/* A From that cannot be evaluated wholly never passes. */
static void spoil(const struct dmarc_from *f, struct dmarc_result *r)
{
	static const char *const why[] = {
		[DMARC_FROM_NONE] = "there is no From",
		[DMARC_FROM_INVALID] = "From has an address without a usable domain",
		[DMARC_FROM_SEVERAL] = "From is there more than once, or has too many domains",
	};
	bool whole = f->n > 0 && !f->more && !f->differ && f->state != DMARC_FROM_INVALID;
	if (whole || (f->n > 0 && badness(r) >= 3))
		return;
	r->result = AUTH_PERMERROR;
	r->disposition = DMARC_NONE;
	r->from = f->state;
	r->reason = slice_z(why[f->state]);
}

/* One of several domains gets its part of the time: the slow one of them is not the victim. */
static instant share(instant deadline, unsigned parts)
{
	instant now = instant_now();
	return deadline > now ? now + (deadline - now) / parts : deadline;
}

void dmarc_check(const struct lookup *l, const struct dmarc_query *q, struct arena *a,
	struct dmarc_result *ret)
{
	struct dmarc_asker *k = ARENA_NEW(a, struct dmarc_asker);
	struct dmarc_result *one = ARENA_NEW(a, struct dmarc_result);
	struct dmarc_result worst = {.method = q->method, .from = q->from->state};
	*k = (struct dmarc_asker){
		.lookup = l, .method = q->method, .deadline = q->deadline, .a = a};
	for (unsigned i = 0; i < q->from->n; i++) {
		k->deadline = share(q->deadline, q->from->n - i);
		check_domain(k, q, q->from->domains[i], one);
		if (i == 0 || badness(one) > badness(&worst))
			worst = *one;
	}
	spoil(q->from, &worst);
	*ret = worst;
}

/* ---- Authentication-Results ---- */

void dmarc_authres(const struct dmarc_result *r, struct arena *a, struct authres_method *ret)
{
	struct authres_method m = {
		.method = S("dmarc"), .result = slice_z(auth_result_name(r->result))};
	if (r->record)
		m.comment =
			arena_printf(a, "p=%s sp=%s%s%s dis=%s", dmarc_policy_name(r->record->p),
				dmarc_policy_name(r->record->sp), r->record->has_np ? " np=" : "",
				r->record->has_np ? dmarc_policy_name(r->record->np) : "",
				dmarc_policy_name(r->disposition));
	else
		m.comment = r->reason;
	if (r->from_domain.n)
		m.props[m.nprops++] = (struct authres_prop){S("header"), S("from"), r->from_domain};
	if (r->record)
		m.props[m.nprops++] = (struct authres_prop){
			S("policy"), S("dmarc"), slice_z(dmarc_policy_name(r->disposition))};
	*ret = m;
}
