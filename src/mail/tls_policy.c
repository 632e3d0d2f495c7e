/*
 * Which TLS a host must offer (tls_policy.h). Called by the queue's SMTP transport for each host
 * before it connects, and by callouts. RFC 7672 2.2 (when TLSA records are looked for, and under
 * which name), 2.1.3 (a lookup that fails is no "there are none"), 3.1.3 (unusable records); RFC
 * 8461 4.1, 5; RFC 8689 4.2.1.
 */
#include "mail/tls_policy.h"

#include "base/mem.h"
#include "codec/address.h"

/* ---- the domain */

static bool is_excepted(const struct tls_rules *r, slice domain)
{
	return domain_listed(domain, r->exceptions, r->nexceptions);
}

void tls_policy_domain(const struct tls_rules *r, slice domain, instant deadline, struct arena *a,
	struct tls_domain *ret)
{
	*ret = (struct tls_domain){
		.rules = r, .domain = domain, .excepted = is_excepted(r, domain)};
	bool none = r->least == TLS_LEVEL_NEVER && !r->require;
	if (none || ret->excepted || !r->mx || !r->sts || !domain.n || domain.p[0] == '[')
		return;
	sts_get(r->sts, domain, deadline, a, &ret->sts);
}

/* ---- one host */

/* A decision in the making. */
struct making {
	const struct tls_domain *d;
	const struct tls_rules *r;
	const struct host *h;
	instant deadline;
	struct arena *a;
	struct tls_policy p;
	struct result why;
	enum tls_failure failure;
};

static int refuse(struct making *k, enum result_kind kind, struct status_code status,
	enum tls_failure failure, slice text)
{
	k->why = (struct result){.kind = kind, .status = status, .text = text};
	k->failure = failure;
	return -1;
}

static void raise_to(struct making *k, enum tls_level level)
{
	if (k->p.level < level)
		k->p.level = level;
}

/* ---- DANE */

enum { BASES_MAX = 2 };

/* RFC 7672 2.2.2, 2.2.3: the names under which the host's records may be: where its CNAMEs end,
 * then itself. Without validated addresses only when its CNAME record is validated, else none: a
 * zone that is not signed has no TLSA records, and some of its servers choke on the question. */
static int find_bases(struct making *k, slice v[BASES_MAX], size_t *ret_n, struct err *e)
{
	const struct host *h = k->h;
	bool alias = h->canon.n && !slice_ieq(h->canon, h->name);
	*ret_n = 0;
	if (!h->canon.n || (k->r->mx && !h->mx_secure) || (!h->secure && !alias))
		return 0;
	if (h->secure) {
		if (alias)
			v[(*ret_n)++] = h->canon;
		v[(*ret_n)++] = h->name;
		return 0;
	}
	struct dns_names_answer cname;
	if (dns_query(k->r->dns, h->name, DNS_TYPE_CNAME, k->deadline, k->a, &cname, e) < 0)
		return -1;
	if (cname.dns.secure)
		v[(*ret_n)++] = h->name;
	return 0;
}

/* 1 with records, 0 when there are none for certain, -1. */
static int find_records(
	struct making *k, slice *ret_base, struct dns_tlsa_answer *ret, struct err *e)
{
	slice bases[BASES_MAX];
	size_t n;
	if (find_bases(k, bases, &n, e) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		if (dns_tlsa(k->r->dns, bases[i], net_port(&k->h->addr), k->deadline, k->a, ret,
			    e) < 0)
			return -1;
		if (ret->dns.secure && ret->dns.status == DNS_OK) {
			*ret_base = bases[i];
			return 1;
		}
	}
	return 0;
}

static bool any_usable(const struct dns_tlsa_answer *t)
{
	for (size_t i = 0; i < t->n; i++)
		if (tls_tlsa_usable(&t->v[i]))
			return true;
	return false;
}

static void add_name(struct tls_want *w, slice name)
{
	for (size_t i = 0; i < w->nnames; i++)
		if (slice_ieq(w->names[i], name))
			return;
	if (name.n && !slice_ieq(name, w->host) && w->nnames < TLS_NAMES_MAX)
		w->names[w->nnames++] = name;
}

static int take_records(struct making *k, slice base, const struct dns_tlsa_answer *t)
{
	struct tls_want *w = &k->p.want;
	k->p.source = TLS_POLICY_DANE;
	k->p.authentic = true;
	if (!any_usable(t)) {
		if (k->r->least == TLS_LEVEL_DANE)
			return refuse(k, RESULT_DEFERRED, STATUS(4, 7, 5), TLS_FAIL_TLSA,
				arena_printf(k->a, "DANE: no TLSA record of %.*s is usable",
					SFMT(base)));
		k->p.unusable = true;
		k->p.doubt = TLS_FAIL_TLSA;
		raise_to(k, TLS_LEVEL_ALWAYS);
		return 0;
	}
	k->p.level = TLS_LEVEL_DANE;
	w->host = base;
	w->tlsa = t->v;
	w->ntlsa = t->n;
	if (k->r->mx) { /* RFC 7672 3.2.2 */
		add_name(w, k->d->domain);
		add_name(w, k->h->domain_canon);
	}
	return 0;
}

static int by_dane(struct making *k)
{
	struct dns_tlsa_answer t = {0};
	slice base;
	struct err e;
	int found = find_records(k, &base, &t, &e);
	if (found < 0 || (!found && k->r->least == TLS_LEVEL_DANE))
		k->p.source = TLS_POLICY_DANE;
	if (found < 0)
		return refuse(k, RESULT_DEFERRED, STATUS(4, 7, 5), TLS_FAIL_DNSSEC,
			arena_printf(k->a, "DANE: TLSA records cannot be looked up: %s", e.text));
	if (found)
		return take_records(k, base, &t);
	if (k->r->least != TLS_LEVEL_DANE)
		return 0;
	return refuse(k, RESULT_DEFERRED, STATUS(4, 7, 5), TLS_FAIL_DANE_REQUIRED,
		arena_printf(k->a, "DANE is required, but %.*s has no secure TLSA records",
			SFMT(k->h->name)));
}

/* ---- MTA-STS */

static int by_sts(struct making *k)
{
	const struct sts_answer *s = &k->d->sts;
	if (!s->found) {
		k->p.doubt = s->failure;
		k->p.testing = s->failure != TLS_FAIL_NONE;
		k->p.source = s->failure ? TLS_POLICY_STS : TLS_POLICY_OWN;
		return 0;
	}
	if (s->policy.mode == MTA_STS_MODE_NONE)
		return 0;
	bool match = mta_sts_mx_matches(&s->policy, k->h->name);
	k->p.source = TLS_POLICY_STS;
	k->p.unusable = false;
	if (s->policy.mode == MTA_STS_TESTING) {
		k->p.testing = true;
		k->p.doubt = match ? TLS_FAIL_NONE : TLS_FAIL_VALIDATION;
		return 0;
	}
	if (!match)
		return refuse(k, RESULT_DEFERRED, STATUS(4, 7, 5), TLS_FAIL_VALIDATION,
			arena_printf(k->a, "MTA-STS: %.*s is not among the hosts of %.*s's policy",
				SFMT(k->h->name), SFMT(k->d->domain)));
	k->p.authentic = true;
	raise_to(k, TLS_LEVEL_HOST);
	return 0;
}

/* ---- all together */

/* RFC 8689 4.2.1: the host must verify, and its name must be one that nobody slipped in. */
static int by_requirement(struct making *k)
{
	if (!k->r->mx || k->h->mx_secure)
		k->p.authentic = true;
	raise_to(k, TLS_LEVEL_HOST);
	if (k->p.authentic)
		return 0;
	return refuse(k, RESULT_FAILED, STATUS(5, 7, 30), TLS_FAIL_VALIDATION,
		arena_printf(k->a,
			"the message requires TLS, and neither DNSSEC nor MTA-STS vouches for %.*s",
			SFMT(k->h->name)));
}

static int decide(struct making *k)
{
	const struct tls_rules *r = k->r;
	if (r->least == TLS_LEVEL_NEVER && !r->require)
		return 0;
	/* A route's hosts are asked for TLSA records only when its administrator says so. */
	bool dane = r->least == TLS_LEVEL_DANE || (r->dane && r->mx && !k->d->excepted);
	if (dane && by_dane(k) < 0)
		return -1;
	bool sts = k->p.source == TLS_POLICY_OWN || (k->p.unusable && k->d->sts.found);
	if (sts && by_sts(k) < 0)
		return -1;
	return r->require ? by_requirement(k) : 0;
}

int tls_policy_host(const struct tls_domain *d, const struct host *h, instant deadline,
	struct arena *a, struct tls_policy *ret, struct result *ret_why,
	enum tls_failure *ret_failure)
{
	struct making k = {.d = d, .r = d->rules, .h = h, .deadline = deadline, .a = a};
	k.p.level = d->rules->least;
	k.p.want.host = h->name;
	int r = decide(&k);
	*ret = k.p; /* its source also tells whose rule refused */
	if (r < 0) {
		*ret_why = k.why;
		*ret_failure = k.failure;
	}
	return r;
}

const char *tls_policy_name(const struct tls_policy *p)
{
	switch (p->source) {
	case TLS_POLICY_DANE:
		return p->unusable ? "dane-unusable" : "dane";
	case TLS_POLICY_STS:
		return p->testing ? "mta-sts-testing" : "mta-sts";
	default:
		return "";
	}
}
