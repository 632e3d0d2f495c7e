/* Checks of a domain: MTA-STS, TLS-RPT, TLSA (cli_domain_dns.h). */
#include "bin/cli_domain_dns.h"

#include "base/hex.h"
#include "base/mem.h"
#include "codec/mta_sts.h"
#include "mail/sts.h"

static const struct plan_record *planned(const struct plan *p, enum plan_kind kind)
{
	for (size_t i = 0; i < p->n; i++)
		if (p->v[i].kind == kind)
			return &p->v[i];
	return NULL;
}

/* ---- MTA-STS ---- */

static void judge_policy(struct checking *k, const struct sts_asked *s, struct finding *f)
{
	struct arena *a = k->l->mem;
	slice host = k->plan->hostname;
	f->found = s->text;
	if (!s->has_policy) {
		f->state = FOUND_DIFFERENT;
		f->found = s->why;
		f->why = T("The record promises a policy that cannot be fetched: others deliver as "
			   "if there were none, and tell about it.",
			"记录声明有策略，但取不到：其他系统会当作没有策略，并报告失败。");
		f->mend = arena_printf(a, "https://mta-sts.%.*s/.well-known/mta-sts.txt: %.*s",
			SFMT(k->plan->domain), SFMT(k->plan->sts_policy));
	} else if (!mta_sts_mx_matches(&s->policy, host)) {
		f->optional = s->policy.mode != MTA_STS_ENFORCE;
		f->state = FOUND_DIFFERENT;
		f->why = T("The policy does not name this server: with mode enforce others refuse "
			   "to deliver here.",
			"策略中没有本服务器：模式为 enforce 时，其他系统会拒绝投递。");
		f->mend = arena_printf(a, "mx: %.*s", SFMT(host));
	} else {
		f->state = FOUND_RIGHT;
	}
}

void check_sts(struct checking *k)
{
	struct looking *l = k->l;
	const struct plan_record *r = planned(k->plan, PLAN_MTA_STS);
	struct finding f = {.type = "STS",
		.name = r->name,
		.wanted = r->value,
		.optional = true,
		.why = r->why};
	struct sts_asked s;
	struct err e;
	if (sts_ask(l->dns, l->env->config.tls->ca, k->plan->domain, l->deadline, l->mem, &s, &e) <
		0) {
		check_unknown(k, &f, &e);
		return;
	}
	if (s.record == MTA_STS_NONE)
		f.state = FOUND_MISSING;
	else if (s.record == MTA_STS_BAD)
		f.state = FOUND_DIFFERENT;
	else {
		f.optional = false;
		judge_policy(k, &s, &f);
	}
	check_tell(k, &f);
}

/* ---- TLS-RPT ---- */

void check_tlsrpt(struct checking *k)
{
	struct looking *l = k->l;
	const struct plan_record *r = planned(k->plan, PLAN_TLSRPT);
	struct finding f = {.type = "RPT",
		.name = r->name,
		.wanted = r->value,
		.optional = true,
		.state = FOUND_MISSING,
		.why = r->why};
	struct dns_names_answer txt;
	struct err e;
	if (dns_txt(l->dns, r->name, l->deadline, l->mem, &txt, &e) < 0) {
		check_unknown(k, &f, &e);
		return;
	}
	unsigned n = 0;
	for (size_t i = 0; i < txt.n; i++) {
		if (!slice_starts(txt.v[i], S("v=TLSRPTv1")))
			continue;
		f.found = txt.v[i];
		n++;
	}
	if (n)
		f.state = n == 1 && slice_find(f.found, S("rua=")) < f.found.n ? FOUND_RIGHT
									       : FOUND_DIFFERENT;
	check_tell(k, &f);
}

/* ---- TLSA ---- */

static bool matches_key(const struct checking *k, const struct dns_tlsa *t)
{
	return t->usage == 3 && t->selector == 1 && t->matching == 1 &&
	       slice_eq(t->data, slice_of(k->plan->digest, PLAN_DIGEST));
}

static slice tlsa_text(struct looking *l, const struct dns_tlsa_answer *a)
{
	AUTO(buf) struct buf out = BUF(4096);
	for (size_t i = 0; i < a->n && buf_ok(&out); i++) {
		buf_printf(&out, "%s%u %u %u ", i ? ", " : "", a->v[i].usage, a->v[i].selector,
			a->v[i].matching);
		hex_encode(&out, slice_first(a->v[i].data, 64));
	}
	return arena_dup(l->mem, buf_slice(&out));
}

/* Records of other forms may fit all the same; of ours one must. */
static enum finding_state judge_tlsa(const struct checking *k, const struct dns_tlsa_answer *a)
{
	bool ours = false, other = false;
	for (size_t i = 0; i < a->n; i++) {
		ours = ours || matches_key(k, &a->v[i]);
		other = other || a->v[i].usage != 3 || a->v[i].selector != 1 ||
			a->v[i].matching != 1;
	}
	return a->n == 0 ? FOUND_MISSING
	       : ours    ? FOUND_RIGHT
	       : other   ? FOUND_UNKNOWN
			 : FOUND_DIFFERENT;
}

void check_tlsa(struct checking *k)
{
	struct looking *l = k->l;
	const struct plan_record *r = planned(k->plan, PLAN_TLSA);
	struct dns_tlsa_answer a;
	struct err e;
	if (!r)
		return;
	struct finding f = {.type = "TLSA",
		.name = r->name,
		.wanted = r->value,
		.optional = true,
		.why = r->why};
	if (dns_tlsa(l->dns, k->plan->hostname, 25, l->deadline, l->mem, &a, &e) < 0) {
		check_unknown(k, &f, &e);
		return;
	}
	f.state = judge_tlsa(k, &a);
	f.found = tlsa_text(l, &a);
	if (f.state == FOUND_DIFFERENT) {
		f.optional = false;
		f.why = T("No record fits our key: whoever checks DANE refuses to deliver here.",
			"没有与本机密钥相符的记录：检查 DANE 的系统会拒绝向这里投递。");
	} else if (f.state == FOUND_RIGHT && !a.dns.secure && l->env->config.dns->trust_anchor.n) {
		f.state = FOUND_DIFFERENT;
		f.why = T("The zone is not signed by DNSSEC: the record counts for nobody.",
			"该区域没有 DNSSEC 签名：此记录不起作用。");
		f.mend = slice_z(T("sign the zone", "为区域启用 DNSSEC"));
	}
	check_tell(k, &f);
}
