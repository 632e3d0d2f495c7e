/*
 * What a verified ARC chain is worth: whether hosts that the administrator trusts say that the
 * message was authentic when it came to them (RFC 8617 section 7.2.1), and the result for our own
 * Authentication-Results. Pure.
 *
 * Results of a host are believed only when every host after it is trusted, too: anyone can seal a
 * made-up first hop and send it through an honest forwarder, whose seal then says "pass".
 */
#include "senderauth/arc.h"

#include "base/mem.h"
#include "codec/address.h"

static slice domain_of(slice value)
{
	size_t at = slice_rindex(value, '@');
	return at < value.n ? slice_skip(value, at + 1) : value;
}

static bool has_prop(
	const struct authres_method *m, const char *ptype, const char *property, slice *ret)
{
	const struct authres_prop *p = authres_prop_of(m, slice_z(ptype), slice_z(property));
	if (p)
		*ret = domain_of(p->value);
	return p != NULL;
}

/* "dmarc=pass header.from=DOMAIN"; some write it without the domain. */
static bool says_dmarc(const struct authres_method *m, slice from, bool *pass)
{
	slice domain;
	if (!slice_ieq(m->method, S("dmarc")))
		return false;
	*pass = slice_ieq(m->result, S("pass")) &&
		(!has_prop(m, "header", "from", &domain) || slice_ieq(domain, from));
	return true;
}

static bool says_pass(const struct authres_method *m, slice from)
{
	slice domain;
	if (!slice_ieq(m->result, S("pass")))
		return false;
	if (slice_ieq(m->method, S("dkim")))
		return (has_prop(m, "header", "d", &domain) ||
			       has_prop(m, "header", "i", &domain)) &&
		       slice_ieq(domain, from);
	return slice_ieq(m->method, S("spf")) && has_prop(m, "smtp", "mailfrom", &domain) &&
	       slice_ieq(domain, from);
}

static const char *believed_method(const struct authres *r, slice from)
{
	bool pass = false;
	const char *other = NULL;
	for (size_t i = 0; i < r->n; i++) {
		if (says_dmarc(&r->v[i], from, &pass))
			return pass ? "dmarc" : NULL;
		if (!other && says_pass(&r->v[i], from))
			other = slice_ieq(r->v[i].method, S("dkim")) ? "dkim" : "spf";
	}
	return other;
}

bool arc_vouches(const struct arc_result *r, const slice *trusted, size_t ntrusted,
	slice from_domain, struct arc_word *ret)
{
	unsigned first = r->n;
	if (r->result != AUTH_PASS || !from_domain.n)
		return false;
	while (first > 0 && domain_listed(r->hops[first - 1].domain, trusted, ntrusted))
		first--;
	if (first == r->n || !r->hops[r->n - 1].covers_from)
		return false;
	const struct arc_hop *hop = &r->hops[first];
	const char *method = believed_method(&hop->authres, from_domain);
	if (!method)
		return false;
	*ret = (struct arc_word){hop->domain, first + 1, method};
	return true;
}

void arc_authres(
	const struct arc_result *r, slice client_ip, struct arena *a, struct authres_method *ret)
{
	struct authres_method m = {
		.method = S("arc"),
		.result = slice_z(auth_result_name(r->result)),
		.comment = r->result == AUTH_NONE ? S("") : r->reason,
	};
	if (r->result == AUTH_PASS)
		m.props[m.nprops++] = (struct authres_prop){
			S("header"), S("oldest-pass"), arena_printf(a, "%u", r->oldest_pass)};
	if (r->result != AUTH_NONE && client_ip.n)
		m.props[m.nprops++] = (struct authres_prop){S("smtp"), S("remote-ip"), client_ip};
	*ret = m;
}
