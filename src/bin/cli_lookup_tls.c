/* `posthouse lookup tlsa`, `mta-sts`, `tlsrpt`, `dnssec`: what a domain publishes about safe
 * transport, and whether the resolver lets it be believed. */
#include "bin/cli_anchor.h"
#include "bin/cli_lookup.h"

#include "base/hex.h"
#include "base/mem.h"
#include "codec/tags.h"
#include "mail/sts.h"

#include <stdio.h>

/* ---- tlsa ---- */

/* RFC 7218's names, and what they say. */
static const char *usage_words(unsigned usage)
{
	switch (usage) {
	case 0:
		return T("PKIX-TA: an authority that everybody trusts, named here",
			"PKIX-TA：公认的证书颁发机构，在此指定");
	case 1:
		return T("PKIX-EE: the host's certificate, from an authority that everybody trusts",
			"PKIX-EE：主机证书，由公认的机构颁发");
	case 2:
		return T("DANE-TA: the authority that issued the host's certificate",
			"DANE-TA：颁发该主机证书的机构");
	case 3:
		return T("DANE-EE: the host's own certificate or key",
			"DANE-EE：主机自己的证书或公钥");
	}
	return T("unknown usage", "未知用途");
}

static const char *selector_words(unsigned selector)
{
	return selector == 0   ? T("whole certificate", "整张证书")
	       : selector == 1 ? T("public key", "公钥")
			       : T("unknown selector", "未知选择器");
}

static const char *matching_words(unsigned matching)
{
	return matching == 0   ? T("itself", "原文")
	       : matching == 1 ? "SHA-256"
	       : matching == 2 ? "SHA-512"
			       : T("unknown matching type", "未知匹配方式");
}

/* NULL: mail servers can use it (RFC 7672 section 3.1). */
static const char *tlsa_problem(const struct dns_tlsa *t)
{
	if (t->usage < 2)
		return T("not for mail: SMTP uses DANE-TA and DANE-EE alone (RFC 7672 section "
			 "3.1.3)",
			"不能用于邮件：SMTP 只用 DANE-TA 和 DANE-EE（RFC 7672 第 3.1.3 节）");
	if (t->usage > 3 || t->selector > 1 || t->matching > 2)
		return T("not understood by anybody", "无人能识别");
	if ((t->matching == 1 && t->data.n != 32) || (t->matching == 2 && t->data.n != 64))
		return T("the digest has the wrong length", "摘要长度不对");
	return NULL;
}

static void tlsa_row(struct looking *l, const struct dns_tlsa *t)
{
	AUTO(buf) struct buf hex = BUF(128 << 10);
	const char *problem = tlsa_problem(t);
	hex_encode(&hex, t->data);
	if (l->j) {
		json_open_object(l->j, NULL);
		json_int(l->j, "usage", t->usage);
		json_int(l->j, "selector", t->selector);
		json_int(l->j, "matching", t->matching);
		json_text(l->j, "data", buf_slice(&hex));
		json_bool(l->j, "usable", !problem);
		json_close(l->j, '}');
		return;
	}
	printf("%u %u %u %.*s\n    %s%s%s%s%s\n", t->usage, t->selector, t->matching,
		SFMT(buf_slice(&hex)), usage_words(t->usage), T("; ", "；"),
		selector_words(t->selector), T(", ", "，"), matching_words(t->matching));
	if (problem)
		printf("    %s\n", problem);
}

static bool split_host(struct looking *l, slice *ret_host, uint16_t *ret_port)
{
	slice arg = cli_arg(l->call, 0);
	size_t colon = slice_rindex(arg, ':');
	uint64_t port = 25;
	if (colon < arg.n &&
		(!slice_u64(slice_skip(arg, colon + 1), &port) || port < 1 || port > 65535)) {
		out_usage(T("\"%.*s\": a port is 1 to 65535", "“%.*s”：端口应为 1 到 65535"),
			SFMT(arg));
		return false;
	}
	l->call->args[0] = arena_strz(l->mem, slice_first(arg, colon));
	*ret_port = (uint16_t)port;
	return looking_domain(l, 0, ret_host);
}

static int tlsa_verdict(struct looking *l, const struct dns_tlsa_answer *a)
{
	size_t usable = 0;
	for (size_t i = 0; i < a->n; i++)
		usable += !tlsa_problem(&a->v[i]);
	if (l->env->config.dns->trust_anchor.n == 0)
		say(l, T("This server does not validate answers ([dns] trust_anchor is empty), so "
			 "it cannot tell whether the records are genuine, and does not use them.",
			       "本服务器不验证应答（[dns] trust_anchor "
			       "为空），无法判断记录的真伪，因此不使用它们。"));
	else if (!a->dns.secure)
		say(l, T("The zone is not signed: anybody on the way could have changed this, so "
			 "the records are ignored (RFC 7672 section 2.2).",
			       "该区域未签名：途中任何人都能改动，因此忽略这些记录（RFC 7672 第 "
			       "2.2 节）。"));
	else if (usable)
		say(l, T("Mail servers that use DANE demand TLS with a certificate that one of "
			 "these matches.",
			       "使用 DANE 的邮件服务器要求 TLS，且证书须与其中一条相符。"));
	else
		say(l, T("None can be used: mail servers that use DANE demand TLS, but check no "
			 "certificate.",
			       "没有可用的记录：使用 DANE 的邮件服务器要求 TLS，但不检查证书。"));
	return usable && a->dns.secure ? CLI_OK : CLI_FAILED;
}

int lookup_tlsa(struct looking *l)
{
	struct dns_tlsa_answer a = {0};
	struct err e;
	slice host;
	uint16_t port;
	if (!split_host(l, &host, &port))
		return CLI_USAGE;
	if (dns_tlsa(l->dns, host, port, l->deadline, l->mem, &a, &e) < 0)
		return looking_failed(l, &e);
	show(l, "name", T("name", "名称"), arena_printf(l->mem, "_%u._tcp.%.*s", port, SFMT(host)));
	show_answer(l, &a.dns);
	if (l->j)
		json_open_array(l->j, "records");
	for (size_t i = 0; i < a.n; i++)
		tlsa_row(l, &a.v[i]);
	if (l->j)
		json_close(l->j, ']');
	if (a.n)
		return tlsa_verdict(l, &a);
	say(l, T("%.*s announces no certificate for port %u.", "%.*s 没有为端口 %u 公布证书。"),
		SFMT(host), port);
	return CLI_NOTHING;
}

/* ---- mta-sts ---- */

static void say_mode(struct looking *l, enum mta_sts_mode mode)
{
	if (mode == MTA_STS_ENFORCE)
		say(l, T("enforce: mail is delivered only to hosts named here, over TLS with a "
			 "certificate that proves the name.",
			       "enforce：只投递到这里列出的主机，且须用 TLS，证书须证明主机名。"));
	else if (mode == MTA_STS_TESTING)
		say(l, T("testing: nothing is refused; failures are only reported.",
			       "testing：不拒绝任何投递，只报告失败。"));
	else
		say(l, T("none: the domain withdraws its policy.", "none：该域撤回其策略。"));
}

/* Hosts of the domain that its own policy forbids: its mail would not arrive. */
static int compare_hosts(struct looking *l, slice domain, const struct mta_sts_policy *p)
{
	struct dns_hosts_answer h = {0};
	struct err e;
	int bad = 0;
	if (p->mode == MTA_STS_MODE_NONE ||
		dns_mail_hosts(l->dns, domain, l->deadline, l->mem, &h, &e) < 0)
		return 0;
	for (size_t i = 0; i < h.n; i++) {
		if (mta_sts_mx_matches(p, h.v[i].host))
			continue;
		say(l,
			T("The mail host %.*s is not in the policy: mail is not delivered to it.",
				"邮件主机 %.*s 不在策略中：不会向它投递。"),
			SFMT(h.v[i].host));
		bad++;
	}
	return bad;
}

static int show_policy(struct looking *l, slice domain, const struct sts_asked *s)
{
	const struct mta_sts_policy *p = &s->policy;
	show(l, "mode", T("mode", "模式"), slice_z(mta_sts_mode_name(p->mode)));
	show_number(l, "max_age", T("remembered for seconds", "记住的秒数"), p->max_age);
	if (l->j)
		json_open_array(l->j, "mx");
	for (size_t i = 0; i < p->nmx; i++) {
		if (l->j)
			json_text(l->j, NULL, p->mx[i]);
		else
			show(l, "mx", T("host", "主机"), p->mx[i]);
	}
	if (l->j)
		json_close(l->j, ']');
	say_mode(l, p->mode);
	return compare_hosts(l, domain, p) ? CLI_FAILED : CLI_OK;
}

int lookup_mta_sts(struct looking *l)
{
	struct sts_asked s = {0};
	struct err e;
	slice domain;
	if (!looking_domain(l, 0, &domain))
		return CLI_USAGE;
	if (sts_ask(l->dns, l->env->config.tls->ca, domain, l->deadline, l->mem, &s, &e) < 0)
		return looking_failed(l, &e);
	if (l->j)
		json_text(l->j, "domain", domain);
	if (s.record == MTA_STS_NONE) {
		say(l,
			T("%.*s has no MTA-STS record at _mta-sts.%.*s.",
				"%.*s 在 _mta-sts.%.*s 没有 MTA-STS 记录。"),
			SFMT(domain), SFMT(domain));
		return CLI_NOTHING;
	}
	if (s.record == MTA_STS_BAD) {
		say(l,
			T("The record at _mta-sts.%.*s is malformed, or there are several: it "
			  "counts as none.",
				"_mta-sts.%.*s 的记录格式有误，或有多条：视为没有。"),
			SFMT(domain));
		return CLI_FAILED;
	}
	show(l, "id", "id", s.id);
	if (s.has_policy)
		return show_policy(l, domain, &s);
	say(l, T("The policy cannot be used: %.*s", "策略不可用：%.*s"), SFMT(s.why));
	return CLI_FAILED;
}

/* ---- tlsrpt ---- */

/* RFC 8460 section 3: exactly one record, "v=TLSRPTv1; rua=...". */
static bool find_tlsrpt(const struct dns_names_answer *r, struct tags *ret, size_t *ret_n)
{
	bool good = false;
	*ret_n = 0;
	for (size_t i = 0; i < r->n; i++) {
		struct tags *t = ret;
		if (!slice_starts(r->v[i], S("v=TLSRPTv1")))
			continue;
		++*ret_n;
		good = tags_parse(r->v[i], t) && t->n && slice_eq(t->v[0].value, S("TLSRPTv1")) &&
		       tags_get(t, S("rua"));
	}
	return good && *ret_n == 1;
}

static void show_destinations(struct looking *l, slice rua)
{
	slice one;
	if (l->j)
		json_open_array(l->j, "rua");
	while (tags_item(&rua, ',', &one)) {
		if (l->j)
			json_text(l->j, NULL, one);
		else
			show(l, "rua", T("reports go to", "报告发往"), one);
		if (!slice_istarts(one, S("mailto:")) && !slice_istarts(one, S("https:")))
			say(l,
				T("%.*s: neither mailto: nor https:, nobody can use it.",
					"%.*s：既不是 mailto: 也不是 https:，无法使用。"),
				SFMT(one));
	}
	if (l->j)
		json_close(l->j, ']');
}

int lookup_tlsrpt(struct looking *l)
{
	struct dns_names_answer r = {0};
	struct tags *tags = ARENA_NEW(l->mem, struct tags);
	struct err e;
	slice domain;
	size_t n;
	if (!looking_domain(l, 0, &domain))
		return CLI_USAGE;
	slice name = arena_printf(l->mem, "_smtp._tls.%.*s", SFMT(domain));
	if (dns_txt(l->dns, name, l->deadline, l->mem, &r, &e) < 0)
		return looking_failed(l, &e);
	show(l, "name", T("name", "名称"), name);
	show_answer(l, &r.dns);
	if (find_tlsrpt(&r, tags, &n)) {
		show_destinations(l, tags_get(tags, S("rua"))->value);
		return CLI_OK;
	}
	if (n == 0) {
		say(l,
			T("%.*s wants no reports about TLS: no record there.",
				"%.*s 不接收 TLS 报告：没有记录。"),
			SFMT(domain));
		return CLI_NOTHING;
	}
	if (n > 1)
		say(l,
			T("There are %zu records; only one may be: they count as none.",
				"有 %zu 条记录；只能有一条：视为没有。"),
			n);
	else
		say(l, T("The record is malformed (\"v=TLSRPTv1; rua=mailto:...\").",
			       "记录格式有误（应为“v=TLSRPTv1; rua=mailto:...”）。"));
	return CLI_FAILED;
}

/* ---- dnssec ---- */

int lookup_dnssec(struct looking *l)
{
	static const int codes[] = {[ANCHOR_WORKS] = CLI_OK,
		[ANCHOR_NO_FILE] = CLI_NOTHING,
		[ANCHOR_SILENT] = CLI_TEMPORARY,
		[ANCHOR_DROPPED] = CLI_FAILED};
	const struct dns_config *c = l->env->config.dns;
	struct err why = {0};
	enum anchor_state s = anchor_probe(c, &why);
	if (s != ANCHOR_WORKS)
		show(l, "error", T("error", "错误"), slice_z(why.text));
	if (l->j)
		json_bool(l->j, "works", s == ANCHOR_WORKS);
	say(l, "%s", anchor_sentence(s));
	if (s == ANCHOR_WORKS && c->trust_anchor.n == 0)
		say(l, T("To do so: [dns] trust_anchor = %s", "启用方法：[dns] trust_anchor = %s"),
			ANCHOR_FILE);
	if (s != ANCHOR_WORKS && s != ANCHOR_NO_FILE && c->trust_anchor.n)
		say(l, "%s",
			T("Now [dns] trust_anchor is set: as long as this is so, no mail can "
			  "leave.",
				"当前已设置 [dns] trust_anchor：在此期间邮件无法发出。"));
	return codes[s];
}
