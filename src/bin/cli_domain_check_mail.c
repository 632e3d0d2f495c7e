/* Checks of a domain: our addresses and their names, MX, SPF (cli_domain_dns.h). */
#include "bin/cli_domain_dns.h"

#include "base/mem.h"
#include "senderauth/spf.h"

static slice address_text(struct looking *l, const struct net_addr *a)
{
	return looking_addresses(l, a, 1);
}

static bool among(const struct net_addr *v, size_t n, struct looking *l, const struct net_addr *a)
{
	slice text = address_text(l, a);
	for (size_t i = 0; i < n; i++)
		if (slice_eq(address_text(l, &v[i]), text))
			return true;
	return false;
}

/* ---- A, AAAA ---- */

/* Where mail comes from is not known here (behind NAT): then it is where the name leads. */
static void learn_own(struct checking *k, const struct dns_addr_answer *a)
{
	for (size_t i = 0; i < a->n && k->nown == i && k->nown < PLAN_ADDRESSES_MAX; i++)
		k->own[k->nown++] = a->v[i];
}

void check_addresses(struct checking *k)
{
	struct looking *l = k->l;
	const struct plan *p = k->plan;
	struct finding f = {.type = "A",
		.name = p->hostname,
		.wanted = looking_addresses(l, p->own, p->nown),
		.why = T("Without an address nobody finds the server.",
			"没有地址，其他系统就找不到本服务器。")};
	struct dns_addr_answer a;
	struct err e;
	if (dns_addr(l->dns, p->hostname, l->deadline, l->mem, &a, &e) < 0) {
		check_unknown(k, &f, &e);
		return;
	}
	f.found = looking_addresses(l, a.v, a.n);
	f.state = a.n ? FOUND_RIGHT : FOUND_MISSING;
	for (size_t i = 0; i < p->nown && a.n; i++)
		if (!among(a.v, a.n, l, &p->own[i]))
			f.state = FOUND_DIFFERENT;
	if (f.state == FOUND_DIFFERENT && !p->own_told) /* the machine's own, perhaps unused */
		f.optional = true;
	check_tell(k, &f);
	if (p->nown == 0)
		learn_own(k, &a);
}

/* ---- PTR ---- */

/* Does a name of the address lead back to it, and is it our name? */
static enum finding_state judge_names(
	struct checking *k, const struct net_addr *own, const struct dns_names_answer *names)
{
	struct looking *l = k->l;
	enum finding_state state = FOUND_DIFFERENT;
	for (size_t i = 0; i < names->n; i++) {
		struct dns_addr_answer back;
		struct err e;
		if (dns_addr(l->dns, names->v[i], l->deadline, l->mem, &back, &e) == 0 &&
			among(back.v, back.n, l, own) && slice_ieq(names->v[i], k->plan->hostname))
			state = FOUND_RIGHT;
	}
	return names->n ? state : FOUND_MISSING;
}

static void check_ptr(struct checking *k, const struct net_addr *own)
{
	struct looking *l = k->l;
	struct finding f = {.type = "PTR",
		.name = address_text(l, own),
		.wanted = k->plan->hostname,
		.why = T("Large receivers refuse mail from an address whose name does not lead "
			 "back to it; it should be the name that the server calls itself.",
			"大型邮件系统拒收反向解析与正向解析不一致的地址发来的邮件；反向名称应与服务"
			"器自称的"
			"名称相同。"),
		.mend = arena_printf(l->mem,
			T("ask whoever gave you the address to set its reverse name to %.*s",
				"请提供该地址的服务商把反向解析设为 %.*s"),
			SFMT(k->plan->hostname))};
	struct dns_names_answer names;
	struct err e;
	AUTO(buf) struct buf found = BUF(4096);
	if (dns_ptr(l->dns, own, l->deadline, l->mem, &names, &e) < 0) {
		check_unknown(k, &f, &e);
		return;
	}
	for (size_t i = 0; i < names.n; i++)
		buf_printf(&found, "%s%.*s", i ? " " : "", SFMT(names.v[i]));
	f.found = arena_dup(l->mem, buf_slice(&found));
	f.state = judge_names(k, own, &names);
	check_tell(k, &f);
}

void check_reverse(struct checking *k)
{
	for (size_t i = 0; i < k->nown; i++)
		check_ptr(k, &k->own[i]);
}

/* ---- MX ---- */

/* Our name, or one that leads to our address. */
static bool leads_here(struct checking *k, slice host)
{
	struct looking *l = k->l;
	struct dns_addr_answer a;
	struct err e;
	if (slice_ieq(host, k->plan->hostname))
		return true;
	if (dns_addr(l->dns, host, l->deadline, l->mem, &a, &e) < 0)
		return false;
	for (size_t i = 0; i < a.n; i++)
		if (among(k->own, k->nown, l, &a.v[i]))
			return true;
	return false;
}

static void check_mx_of(struct checking *k, const struct plan_record *r)
{
	struct looking *l = k->l;
	struct finding f = {.type = "MX",
		.name = r->name,
		.wanted = r->value,
		.state = FOUND_DIFFERENT,
		.why = T("Mail for the domain does not come to this server. (Right when another "
			 "gateway stands in front of it.)",
			"该域的邮件不会送到本服务器。（如果前面另有网关，则没有问题。）")};
	AUTO(buf) struct buf found = BUF(8192);
	struct dns_mx_answer mx;
	struct err e;
	if (dns_mx(l->dns, r->name, l->deadline, l->mem, &mx, &e) < 0) {
		check_unknown(k, &f, &e);
		return;
	}
	for (size_t i = 0; i < mx.n; i++) {
		buf_printf(&found, "%s%u %.*s", i ? ", " : "", mx.v[i].pref, SFMT(mx.v[i].host));
		if (f.state != FOUND_RIGHT && leads_here(k, mx.v[i].host))
			f.state = FOUND_RIGHT;
	}
	f.found = arena_dup(l->mem, buf_slice(&found));
	if (mx.n == 0 && !mx.null_mx)
		f.state = FOUND_MISSING;
	check_tell(k, &f);
}

void check_mx(struct checking *k)
{
	for (size_t i = 0; i < k->plan->n; i++)
		if (k->plan->v[i].kind == PLAN_MX)
			check_mx_of(k, &k->plan->v[i]);
}

/* ---- SPF ---- */

static void spf_from(struct checking *k, const struct plan_record *r, const struct net_addr *own)
{
	struct looking *l = k->l;
	const struct lookup lookup = lookup_dns(l->dns);
	const struct spf_query q = {.ip = *own,
		.helo = k->plan->hostname,
		.mail_from = arena_printf(l->mem, "postmaster@%.*s", SFMT(r->name)),
		.scope = SPF_MFROM,
		.receiver = k->plan->hostname,
		.deadline = l->deadline};
	struct spf_result result;
	spf_check(&lookup, &q, l->mem, &result);
	slice problem = spf_problem_text(&result.problem, l->mem);
	struct finding f = {.type = "SPF",
		.name = r->name,
		.wanted = r->value,
		.found = arena_printf(l->mem, "%.*s: %s%s%.*s", SFMT(address_text(l, own)),
			auth_result_name(result.result), problem.n ? ", " : "", SFMT(problem)),
		.state = result.result == AUTH_PASS        ? FOUND_RIGHT
			 : result.result == AUTH_NONE      ? FOUND_MISSING
			 : result.result == AUTH_TEMPERROR ? FOUND_UNKNOWN
							   : FOUND_DIFFERENT,
		.why = T("Receivers refuse or doubt our mail when SPF does not allow its address.",
			"SPF 不允许发信地址时，收件方会拒收或怀疑我们的邮件。")};
	check_tell(k, &f);
}

static void no_address(struct checking *k, const struct plan_record *r)
{
	struct finding f = {.type = "SPF",
		.name = r->name,
		.state = FOUND_UNKNOWN,
		.found = slice_z(T("no address is known that our mail comes from: give --address",
			"不知道我们的邮件从哪个地址发出：请用 --address 给出"))};
	check_tell(k, &f);
}

void check_spf(struct checking *k)
{
	for (size_t i = 0; i < k->plan->n; i++) {
		const struct plan_record *r = &k->plan->v[i];
		if (r->kind != PLAN_SPF && r->kind != PLAN_SPF_SRS)
			continue;
		for (size_t n = 0; n < k->nown; n++)
			spf_from(k, r, &k->own[n]);
		if (k->nown == 0)
			no_address(k, r);
	}
}
