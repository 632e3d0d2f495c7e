/*
 * `posthouse lookup spf`: the evaluation of a sender's record as a tree, one line a term, and its
 * result in words. The evaluation is the server's own (senderauth/spf).
 */
#include "bin/cli_lookup.h"

#include "base/mem.h"
#include "senderauth/spf.h"

#include <stdio.h>

/* ---- words ---- */

static slice reason_words(const struct spf_problem *p, struct arena *a)
{
	static const char *const zh[SPF_REASONS] = {
		[SPF_REASON_NONE] = "",
		[SPF_NO_DOMAIN] = "没有可以发布记录的域",
		[SPF_NO_RECORD] = "没有 SPF 记录",
		[SPF_LOOKUP_FAILED] = "DNS 查询失败",
		[SPF_TOO_LATE] = "查询耗时过长",
		[SPF_RECORDS_MANY] = "有多条 SPF 记录",
		[SPF_RECORD_BROKEN] = "语法错误",
		[SPF_TARGET_NONE] = "所引用的域没有 SPF 记录",
		[SPF_LOOKUPS_MANY] = "需要查询 DNS 的项超过 10 个",
		[SPF_VOIDS_MANY] = "没有结果的查询超过 2 次",
		[SPF_NAMES_MANY] = "邮件主机超过 10 个",
		[SPF_EXPANSION_LONG] = "宏展开后过长",
		[SPF_STEPS_MANY] = "项数过多",
	};
	static const char *const faults_zh[] = {
		[SPF_FINE] = "",
		[SPF_CHARACTER] = "含有可打印 ASCII 以外的字符",
		[SPF_TERMS_MANY] = "超过 4000 项",
		[SPF_UNKNOWN] = "没有这种机制",
		[SPF_ARGUMENT_MISSING] = "缺少参数",
		[SPF_ARGUMENT_EXTRA] = "不接受这样的参数",
		[SPF_DOMAIN_BAD] = "不是域名",
		[SPF_MACRO_BAD] = "% 之后不是宏",
		[SPF_MACRO_FORBIDDEN] = "只有解释文字可用的宏",
		[SPF_ADDRESS_BAD] = "不是 IP 地址",
		[SPF_PREFIX_BAD] = "不是前缀长度",
		[SPF_MODIFIER_BAD] = "修饰符的值有误",
		[SPF_MODIFIER_TWICE] = "重复出现",
	};
	if (tr_lang != LANG_ZH || p->reason == SPF_REASON_NONE)
		return spf_problem_text(p, a);
	const char *why = p->reason == SPF_RECORD_BROKEN ? faults_zh[p->fault] : zh[p->reason];
	if (p->term.n == 0)
		return arena_printf(a, "%.*s：%s", SFMT(p->domain), why);
	return arena_printf(a, "%.*s：%.*s：%s", SFMT(p->domain), SFMT(p->term), why);
}

static const char *result_words(enum auth_result r)
{
	switch (r) {
	case AUTH_PASS:
		return T(
			"pass: the domain allows this address to send", "pass：该域授权此地址发信");
	case AUTH_FAIL:
		return T("fail: the domain forbids this address to send",
			"fail：该域不允许此地址发信");
	case AUTH_SOFTFAIL:
		return T("softfail: the domain doubts that this address may send",
			"softfail：该域不认可此地址，但不断言");
	case AUTH_NEUTRAL:
		return T("neutral: the domain says nothing about this address",
			"neutral：该域对此地址不作表示");
	case AUTH_TEMPERROR:
		return T("temperror: not known now, a lookup failed",
			"temperror：查询失败，暂时未知");
	case AUTH_PERMERROR:
		return T("permerror: the record cannot be evaluated; its owner has to mend it",
			"permerror：记录无法求值，须由域的所有者改正");
	default:
		return T("none: the domain says nothing about who may send",
			"none：该域没有说明谁可以发信");
	}
}

/* ---- steps ---- */

static const char *event_name(enum spf_event e)
{
	static const char *const names[] = {
		[SPF_RECORD] = "record",
		[SPF_MATCH] = "match",
		[SPF_NO_MATCH] = "no-match",
		[SPF_DESCEND] = "descend",
		[SPF_RETURN] = "return",
		[SPF_PROBLEM] = "problem",
	};
	return names[e];
}

static void step_json(struct json *j, const struct spf_step *s)
{
	json_open_object(j, NULL);
	json_text(j, "event", slice_z(event_name(s->event)));
	json_int(j, "depth", s->depth);
	json_text(j, "domain", s->domain);
	json_text(j, "term", s->term);
	json_text(j, "target", s->target);
	json_text(j, "text", s->text);
	if (s->event == SPF_MATCH || s->event == SPF_RETURN)
		json_text(j, "result", slice_z(auth_result_name(s->result)));
	json_int(j, "lookups", s->lookups);
	json_close(j, '}');
}

static void put_term(const struct spf_step *s)
{
	out_safe(s->term);
	if (s->target.n && !slice_ieq(s->target, s->domain) &&
		slice_find(s->term, s->target) == s->term.n) {
		fputs(" (", stdout);
		out_safe(s->target);
		putchar(')');
	}
}

static void step_text(const struct spf_step *s)
{
	const char *result = auth_result_name(s->result);
	if (s->event == SPF_RETURN)
		return; /* the lines of its record have shown it */
	printf("%*s", (int)(4 * s->depth + (s->event == SPF_RECORD ? 0 : 2)), "");
	switch (s->event) {
	case SPF_RECORD:
		out_safe(s->domain);
		fputs(T(": ", "："), stdout);
		out_safe(s->text);
		break;
	case SPF_MATCH:
		put_term(s);
		printf(T("  matches: %s", "  匹配：%s"), result);
		break;
	case SPF_NO_MATCH:
		put_term(s);
		fputs(T("  no", "  不匹配"), stdout);
		break;
	case SPF_DESCEND:
		put_term(s);
		fputs(T("  leads to", "  转到"), stdout);
		break;
	case SPF_RETURN:
		break;
	case SPF_PROBLEM:
		put_term(s);
		fputs(T("  cannot be evaluated", "  无法求值"), stdout);
		break;
	}
	putchar('\n');
}

static void on_step(void *arg, const struct spf_step *s)
{
	struct looking *l = arg;
	if (l->j)
		step_json(l->j, s);
	else if (s->event != SPF_PROBLEM || s->term.n)
		step_text(s);
}

/* ---- the verb ---- */

static void tell_result(struct looking *l, const struct spf_result *r)
{
	slice why = reason_words(&r->problem, l->mem);
	show(l, "identity",
		r->scope == SPF_HELO ? T("checked (HELO)", "检查对象（HELO）")
				     : T("checked (MAIL FROM)", "检查对象（MAIL FROM）"),
		r->identity);
	if (l->j) {
		json_text(l->j, "scope", slice_z(r->scope == SPF_HELO ? "helo" : "mailfrom"));
		json_text(l->j, "result", slice_z(auth_result_name(r->result)));
		json_text(l->j, "mechanism", r->mechanism);
		json_text(l->j, "record_domain", r->record_domain);
		json_text(l->j, "problem", spf_problem_text(&r->problem, l->mem));
		json_text(l->j, "owner_explanation", r->explanation);
		json_int(l->j, "lookups", r->lookups);
		json_int(l->j, "void_lookups", r->voids);
	}
	say(l, "%s", result_words(r->result));
	if (why.n)
		say(l, "%.*s", SFMT(why));
	if (r->mechanism.n)
		say(l,
			T("Decided by %.*s in the record of %.*s.",
				"由 %4$.*3$s 的记录中的 %2$.*1$s 决定。"),
			SFMT(r->mechanism), SFMT(r->record_domain));
	else if (r->result == AUTH_NEUTRAL)
		say(l, T("No term matched.", "没有匹配的项。"));
	if (r->explanation.n)
		say(l, T("The domain's owner says: %.*s", "域所有者的说明：%.*s"),
			SFMT(r->explanation));
	say(l,
		T("Terms that asked the DNS: %u of %d; without an answer: %u of %d.",
			"查询 DNS 的项：%u，上限 %d；没有结果的：%u，上限 %d。"),
		r->lookups, SPF_LOOKUPS_MAX, r->voids, SPF_VOID_MAX);
}

static int exit_code(enum auth_result r)
{
	switch (r) {
	case AUTH_PASS:
		return CLI_OK;
	case AUTH_NONE:
		return CLI_NOTHING;
	case AUTH_TEMPERROR:
		return CLI_TEMPORARY;
	default:
		return CLI_FAILED;
	}
}

int lookup_spf(struct looking *l)
{
	struct spf_query q = {.receiver = l->env->config.hostname,
		.helo = cli_option_text(l->call, "helo"),
		.mail_from = cli_arg(l->call, 1),
		.deadline = l->deadline,
		.step = on_step,
		.arg = l};
	struct lookup dns = lookup_dns(l->dns);
	struct spf_result r;
	if (!looking_ip(l, 0, &q.ip))
		return CLI_USAGE;
	if (slice_eq(q.mail_from, S("<>")))
		q.mail_from = S("");
	else if (slice_index(q.mail_from, '@') == q.mail_from.n)
		q.mail_from = arena_printf(l->mem, "postmaster@%.*s", SFMT(q.mail_from));
	if (q.mail_from.n == 0 && q.helo.n == 0)
		return out_usage(T("a null sender needs --helo NAME", "空发件人需要 --helo 名称"));
	if (l->j)
		json_open_array(l->j, "steps");
	spf_check(&dns, &q, l->mem, &r);
	if (l->j)
		json_close(l->j, ']');
	else
		putchar('\n');
	tell_result(l, &r);
	return exit_code(r.result);
}
