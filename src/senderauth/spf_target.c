/*
 * Names in SPF: a domain-spec with its macros replaced (RFC 7208 section 7), the validated names of
 * the client (5.5), and the explanation of a fail (6.2). Called by spf.c and spf_match.c.
 *
 * RFC 7208 leaves open what becomes of names that the DNS cannot hold (4.8, 7.3): here a mechanism
 * with such a name does not match.
 */
#include "senderauth/spf_internal.h"

#include "base/mem.h"
#include "base/utf8.h"
#include "codec/address.h"
#include <netinet/in.h>

/* ---- lookups ---- */

enum lookup_status spf_ask_txt(
	struct spf_run *r, slice name, struct arena *a, slice **ret, size_t *ret_n)
{
	if (instant_now() >= r->deadline)
		return LOOKUP_TEMP;
	return r->dns->txt(r->dns->arg, name, r->deadline, a, ret, ret_n);
}

enum lookup_status spf_ask_addr(struct spf_run *r, slice name, int family, struct arena *a,
	struct net_addr **ret, size_t *ret_n)
{
	if (instant_now() >= r->deadline)
		return LOOKUP_TEMP;
	return r->dns->addr(r->dns->arg, name, family, r->deadline, a, ret, ret_n);
}

bool spf_name_valid(slice name)
{
	if (name.n == 0 || name.n > SPF_DOMAIN_MAX)
		return false;
	for (slice label; slice_cut(&name, '.', &label);)
		if (label.n == 0 || label.n > 63)
			return false;
	return true;
}

/* ---- validated names ---- */

static bool name_is_theirs(struct spf_run *r, slice name)
{
	AUTO(arena) struct arena scratch = {0};
	struct net_addr *v;
	size_t n;
	if (spf_ask_addr(r, name, r->ip.ss.ss_family, &scratch, &v, &n) != LOOKUP_OK)
		return false;
	for (size_t i = 0; i < n; i++)
		if (spf_same_ip(&v[i], &r->ip))
			return true;
	return false;
}

void spf_learn_names(struct spf_run *r)
{
	AUTO(arena) struct arena scratch = {0};
	slice *v;
	size_t n;
	if (r->names_known || instant_now() >= r->deadline)
		return;
	r->names_known = true;
	enum lookup_status status = r->dns->ptr(r->dns->arg, &r->ip, r->deadline, &scratch, &v, &n);
	if (status == LOOKUP_NODATA || status == LOOKUP_NXDOMAIN)
		r->voids++;
	if (status != LOOKUP_OK)
		return; /* 5.5: an error is no match */
	for (size_t i = 0; i < n && i < SPF_NAMES_MAX; i++)
		if (name_is_theirs(r, v[i]))
			r->names[r->nnames++] = arena_dup(r->a, v[i]);
}

/* Section 7.3, %{p}: the domain itself, else a name below it, else any. */
static slice best_name(const struct spf_run *r, slice domain)
{
	for (unsigned i = 0; i < r->nnames; i++)
		if (slice_ieq(r->names[i], domain))
			return r->names[i];
	for (unsigned i = 0; i < r->nnames; i++)
		if (domain_within(r->names[i], domain))
			return r->names[i];
	return r->nnames ? r->names[0] : S("unknown");
}

/* ---- macros ---- */

/* %{i}: dotted, IPv6 by nibbles. In capitals, as other implementations and their common test suite
 * have it; RFC 7208's examples use small letters, and the DNS knows no difference. */
static slice dotted_ip(const struct net_addr *ip, struct arena *a)
{
	char text[64];
	if (ip->ss.ss_family == AF_INET) {
		char readable[NET_TEXT_MAX];
		return arena_dup(a, slice_of(readable, net_print_ip(ip, readable)));
	}
	const uint8_t *b = (const uint8_t *)&((const struct sockaddr_in6 *)&ip->ss)->sin6_addr;
	for (int i = 0; i < 32; i++) {
		text[2 * i] = "0123456789ABCDEF"[b[i / 2] >> (i % 2 ? 0 : 4) & 15];
		text[2 * i + 1] = '.';
	}
	return arena_dup(a, slice_of(text, sizeof text - 1));
}

static void expand(struct spf_run *r, const struct spf_place *p, slice s, struct buf *out)
{
	AUTO(arena) struct arena scratch = {0};
	char readable[NET_TEXT_MAX];
	struct spf_macro_values v = {
		.sender = r->sender,
		.local = r->local,
		.sender_domain = r->sender_domain,
		.domain = p->domain,
		.helo = r->q->helo.n ? r->q->helo : S("unknown"),
		.ip = dotted_ip(&r->ip, &scratch),
		.ip_readable = slice_of(readable, net_print_ip(&r->ip, readable)),
		.family = r->ip.ss.ss_family == AF_INET ? S("in-addr") : S("ip6"),
		.receiver = r->q->receiver.n ? r->q->receiver : S("unknown"),
		.now = wall_now() / SECOND,
	};
	if (spf_macro_uses(s, 'p')) {
		spf_learn_names(r);
		v.validated = best_name(r, p->domain);
	}
	spf_macro_expand(s, &v, out);
}

/* Section 7.3: a name that is too long loses labels on its left. */
static slice shorten(slice name)
{
	while (name.n > SPF_DOMAIN_MAX)
		name = slice_skip(name, slice_index(name, '.') + 1);
	return name;
}

bool spf_needs_utf8(const struct spf_run *r, slice spec)
{
	return !utf8_is_ascii(r->local) && (spf_macro_uses(spec, 's') || spf_macro_uses(spec, 'l'));
}

enum spf_verdict spf_target(
	struct spf_run *r, const struct spf_place *p, slice term, slice spec, slice *ret)
{
	AUTO(buf) struct buf out = BUF(SPF_EXPANSION_MAX);
	if (spec.n == 0) {
		*ret = p->domain;
		return SPF_YES;
	}
	if (spf_needs_utf8(r, spec))
		return SPF_NO;
	/* %{p} asks the DNS and counts as a term that does (4.6.4), the first time. */
	if (!r->names_known && spf_macro_uses(spec, 'p') && !spf_count_lookup(r))
		return spf_give_up(r, p, term, SPF_PERM, SPF_LOOKUPS_MANY);
	expand(r, p, spec, &out);
	if (!buf_ok(&out))
		return spf_give_up(r, p, term, SPF_PERM, SPF_EXPANSION_LONG);
	slice name = buf_slice(&out);
	if (slice_ends(name, S(".")))
		name.n--;
	name = shorten(name);
	if (!spf_name_valid(name))
		return SPF_NO;
	*ret = arena_dup(r->a, name);
	return SPF_YES;
}

/* ---- explanations ---- */

static bool is_printable(slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] < ' ' || s.p[i] > '~')
			return false;
	return true;
}

/* Any mistake means that there is no explanation, never another result (6.2). */
slice spf_explain(struct spf_run *r, const struct spf_place *p, slice spec)
{
	AUTO(buf) struct buf name = BUF(SPF_EXPANSION_MAX), text = BUF(SPF_EXPLANATION_MAX);
	AUTO(arena) struct arena scratch = {0};
	slice *v;
	size_t n;
	if (spf_needs_utf8(r, spec))
		return (slice){0};
	expand(r, p, spec, &name);
	slice target = buf_slice(&name);
	if (slice_ends(target, S(".")))
		target.n--;
	target = shorten(target);
	if (!buf_ok(&name) || !spf_name_valid(target) ||
		spf_ask_txt(r, target, &scratch, &v, &n) != LOOKUP_OK || n != 1 ||
		!spf_explain_valid(v[0]))
		return (slice){0};
	expand(r, p, v[0], &text);
	if (!buf_ok(&text) || !is_printable(buf_slice(&text)))
		return (slice){0};
	return arena_dup(r->a, buf_slice(&text));
}
