/* `posthouse lookup dkim` and `dmarc`: what a domain publishes so that its mail can be believed. */
#include "bin/cli_lookup.h"

#include "base/mem.h"
#include "codec/dkim_record.h"
#include "senderauth/dmarc.h"
#include "senderauth/psl.h"
#include "senderauth/pubkey.h"

#include <stdio.h>

/* ---- dkim ---- */

static const char *record_problem(enum dkim_record_fault f)
{
	switch (f) {
	case DKIM_RECORD_VERSION:
		return T("The record does not begin with v=DKIM1.", "记录不以 v=DKIM1 开头。");
	case DKIM_RECORD_TYPE:
		return T("The key is of an unknown type (k=).", "公钥类型（k=）未知。");
	case DKIM_RECORD_REVOKED:
		return T("The key is revoked (p= is empty): signatures with it do not count.",
			"公钥已撤销（p= 为空）：用它的签名无效。");
	case DKIM_RECORD_DATA:
		return T("p= holds no readable key: not base64, or of the wrong length.",
			"p= 中没有可读的公钥：不是 base64，或长度不对。");
	case DKIM_RECORD_SERVICE:
		return T("The key is not meant for mail (s=).", "该公钥不用于邮件（s=）。");
	default:
		return T("The record is malformed: it is a list of tag=value; with a p=.",
			"记录格式有误：应为含 p= 的“标签=值;”列表。");
	}
}

static bool tell_rsa(struct looking *l, enum pubkey_fault fault, unsigned bits)
{
	if (fault == PUBKEY_BAD)
		say(l, T("p= holds no RSA key.", "p= 中不是 RSA 公钥。"));
	else if (fault == PUBKEY_SMALL)
		say(l,
			T("%u bits are too few: verifiers refuse keys below 1024 (RFC 8301).",
				"%u 位太短：验证者拒绝 1024 位以下的公钥（RFC 8301）。"),
			bits);
	else if (fault == PUBKEY_LARGE)
		say(l,
			T("%u bits, or its exponent, are too many: verifiers refuse such keys.",
				"%u 位或其指数过大：验证者拒绝这样的公钥。"),
			bits);
	else if (bits < 2048)
		say(l,
			T("%u bits are accepted today; new keys have 2048.",
				"%u 位目前可用；新公钥应为 2048 位。"),
			bits);
	return fault == PUBKEY_FINE;
}

static int show_key(struct looking *l, const struct dkim_record *r)
{
	const struct pubkey *key;
	unsigned bits = 0;
	enum pubkey_fault fault = pubkey_get(r, &key, &bits);
	bool rsa = r->type == DKIM_KEY_RSA, good = fault == PUBKEY_FINE;
	show(l, "type", T("type", "类型"), rsa ? S("rsa") : S("ed25519"));
	show_number(l, "bits", T("bits", "位数"), rsa ? bits : 256);
	show_bool(l, "sha256", T("for SHA-256", "用于 SHA-256"), r->sha256);
	show_bool(l, "testing", T("testing (t=y)", "测试中（t=y）"), r->testing);
	show_bool(l, "same_domain", T("only for the very domain (t=s)", "只限该域本身（t=s）"),
		r->same_domain);
	if (rsa)
		good = tell_rsa(l, fault, bits);
	else if (!good)
		say(l, T("p= holds no Ed25519 key.", "p= 中不是 Ed25519 公钥。"));
	if (!r->sha256) {
		say(l, T("h= leaves out sha256: no signature that is valid today fits (RFC 8301).",
			       "h= 不含 sha256：今日有效的签名都不符合（RFC 8301）。"));
		good = false;
	}
	if (!r->mail) {
		say(l, T("s= allows TLS reports alone: it verifies no other mail (RFC 8460).",
			       "s= 只允许 TLS 报告：不能验证其他邮件（RFC 8460）。"));
		good = false;
	}
	if (r->testing)
		say(l, T("t=y asks verifiers to treat failures as if there were no signature.",
			       "t=y 要求验证者把失败当作没有签名。"));
	if (good)
		say(l, T("The key can be used.", "该公钥可用。"));
	return good ? CLI_OK : CLI_FAILED;
}

int lookup_dkim(struct looking *l)
{
	struct dns_names_answer a = {0};
	struct dkim_record r;
	struct err e;
	slice selector, domain;
	if (!looking_domain(l, 0, &selector) || !looking_domain(l, 1, &domain))
		return CLI_USAGE;
	slice name = arena_printf(l->mem, "%.*s._domainkey.%.*s", SFMT(selector), SFMT(domain));
	if (dns_txt(l->dns, name, l->deadline, l->mem, &a, &e) < 0)
		return looking_failed(l, &e);
	show(l, "name", T("name", "名称"), name);
	show_answer(l, &a.dns);
	if (a.n == 0) {
		say(l, T("There is no key at %.*s.", "%.*s 没有公钥。"), SFMT(name));
		return CLI_NOTHING;
	}
	show(l, "record", T("record", "记录"), a.v[0]);
	if (a.n > 1)
		say(l,
			T("There are %zu text records; verifiers take any of them: leave one.",
				"有 %zu 条文本记录；验证者任取其一：请只保留一条。"),
			a.n);
	enum dkim_record_fault fault = dkim_record_parse(a.v[0], l->mem, &r);
	if (fault == DKIM_RECORD_FINE)
		return show_key(l, &r);
	say(l, "%s", record_problem(fault));
	return CLI_FAILED;
}

/* ---- dmarc ---- */

static const char *policy_words(enum dmarc_policy p)
{
	switch (p) {
	case DMARC_REJECT:
		return T("reject: mail that fails is to be refused", "reject：未通过的邮件应拒收");
	case DMARC_QUARANTINE:
		return T("quarantine: mail that fails is to be treated as suspicious",
			"quarantine：未通过的邮件应视为可疑");
	default:
		return T("none: mail that fails is only reported", "none：未通过的邮件只作报告");
	}
}

static const char *step_words(const struct dmarc_step *s)
{
	if (s->status == LOOKUP_TEMP)
		return T("not answered", "没有应答");
	if (s->records > 1)
		return T("several records: none counts", "有多条记录：都不算");
	if (s->records == 0)
		return T("no record", "没有记录");
	return s->valid ? ""
			: T("a record that cannot be read: does not count", "记录无法读取：不算");
}

static void show_steps(struct looking *l, const struct dmarc_found *f)
{
	if (l->j)
		json_open_array(l->j, "steps");
	for (unsigned i = 0; i < f->n; i++) {
		const struct dmarc_step *s = &f->steps[i];
		if (l->j) {
			json_open_object(l->j, NULL);
			json_text(l->j, "name", s->name);
			json_int(l->j, "records", s->records);
			json_text(l->j, "text", s->text);
			json_bool(l->j, "valid", s->valid);
			json_close(l->j, '}');
			continue;
		}
		printf("_dmarc.%.*s: %s", SFMT(s->name), step_words(s));
		out_safe(s->text);
		putchar('\n');
	}
	if (l->j)
		json_close(l->j, ']');
}

static void show_addresses(struct looking *l, const char *key, const char *label,
	const struct dmarc_uri *v, unsigned n)
{
	if (l->j)
		json_open_array(l->j, key);
	for (unsigned i = 0; i < n; i++) {
		if (l->j)
			json_text(l->j, NULL, v[i].text);
		else
			show(l, key, label, v[i].text);
	}
	if (l->j)
		json_close(l->j, ']');
}

/* Reports to another organisation need its consent (RFC 9990 section 4). */
static void check_destinations(struct looking *l, slice domain, const struct dmarc_record *r)
{
	struct lookup dns = lookup_dns(l->dns);
	for (unsigned i = 0; i < r->nrua; i++) {
		slice rua, to = r->rua[i].address;
		size_t at = slice_rindex(to, '@');
		if (at == to.n)
			continue;
		to = slice_skip(to, at + 1);
		if (dmarc_report_allowed(
			    &dns, domain, to, DMARC_TREE_WALK, l->deadline, l->mem, &rua) == 0)
			say(l,
				T("%.*s has not agreed to take reports about %.*s: nobody sends "
				  "them there (it needs a record at %.*s._report._dmarc.%.*s).",
					"%.*s 未同意接收关于 %.*s 的报告：无人会发往那里（需要记录 "
					"%.*s._report._dmarc.%.*s）。"),
				SFMT(to), SFMT(domain), SFMT(domain), SFMT(to));
	}
}

static enum dmarc_policy policy_for(const struct dmarc_found *f, slice domain)
{
	const struct dmarc_record *r = &f->policy->record;
	return slice_ieq(f->record_domain, domain) ? r->p : r->sp;
}

static void show_record(struct looking *l, slice domain, const struct dmarc_found *f)
{
	const struct dmarc_record *r = &f->policy->record;
	enum dmarc_policy p = policy_for(f, domain);
	slice problem = {0};
	struct dmarc_record again;
	dmarc_record_parse(f->policy->text, l->mem, &again, &problem);
	show(l, "policy", T("policy", "策略"), slice_z(dmarc_policy_name(p)));
	show(l, "subdomains", T("for subdomains (sp)", "子域（sp）"),
		slice_z(dmarc_policy_name(r->sp)));
	show(l, "nonexistent", T("for names that do not exist (np)", "不存在的名称（np）"),
		slice_z(dmarc_policy_name(r->np)));
	show(l, "dkim_alignment", T("alignment of DKIM", "DKIM 对齐"),
		slice_z(r->strict_dkim ? "strict" : "relaxed"));
	show(l, "spf_alignment", T("alignment of SPF", "SPF 对齐"),
		slice_z(r->strict_spf ? "strict" : "relaxed"));
	show_bool(l, "testing", T("testing (t=y)", "测试中（t=y）"), r->testing);
	show_addresses(l, "rua", T("aggregate reports to", "汇总报告发往"), r->rua, r->nrua);
	show_addresses(l, "ruf", T("failure reports to", "失败报告发往"), r->ruf, r->nruf);
	say(l, "%s", policy_words(p));
	if (problem.n)
		say(l, T("In the record: %.*s", "记录中：%.*s"), SFMT(problem));
	if (r->testing)
		say(l, T("t=y: while it tests, the policy one step milder applies.",
			       "t=y：测试期间按宽一级的策略处理。"));
	check_destinations(l, f->record_domain, r);
}

int lookup_dmarc(struct looking *l)
{
	struct lookup dns = lookup_dns(l->dns);
	struct dmarc_found f;
	slice domain;
	if (!looking_domain(l, 0, &domain))
		return CLI_USAGE;
	psl_warm_up();
	dmarc_find(&dns, domain, DMARC_TREE_WALK, l->deadline, l->mem, &f);
	if (l->j)
		json_text(l->j, "domain", domain);
	show_steps(l, &f);
	show(l, "organisational_domain", T("organisational domain", "组织域"), f.org_domain);
	if (l->j)
		json_text(l->j, "record_domain", f.record_domain);
	slice by_list = psl_org_domain(domain);
	if (!slice_ieq(by_list, f.org_domain))
		say(l,
			T("Receivers that go by the list of public suffixes take %.*s as the "
			  "organisational domain.",
				"按公共后缀列表判断的接收方以 %.*s 为组织域。"),
			SFMT(by_list));
	if (f.temporary)
		say(l, T("A question was not answered: this may not be all.",
			       "有查询没有应答：结果可能不完整。"));
	if (!f.policy) {
		say(l, T("No DMARC policy applies to %.*s.", "没有适用于 %.*s 的 DMARC 策略。"),
			SFMT(domain));
		return f.temporary ? CLI_TEMPORARY : CLI_NOTHING;
	}
	show_record(l, domain, &f);
	return f.temporary ? CLI_TEMPORARY : CLI_OK;
}
