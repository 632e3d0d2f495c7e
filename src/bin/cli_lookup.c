/*
 * `posthouse lookup`: what the DNS says about an address or a domain, explained. Here is what the
 * verbs share and their table; the verbs are in cli_lookup_*.c. They ask through the configured
 * resolver ([dns]), so they see what the server sees. Nothing is stored.
 */
#include "bin/cli_lookup.h"
#include "bin/cli_verbs.h"

#include "base/mem.h"
#include "base/utf8.h"
#include "codec/address.h"
#include "run/loop.h"
#include "run/pool.h"

#include <stdio.h>

enum { SAID_MAX = 1 << 20, SENTENCE_MAX = 4096 };

/* ---- printing ---- */

void say(struct looking *l, const char *fmt, ...)
{
	AUTO(buf) struct buf text = BUF(SENTENCE_MAX);
	va_list ap;
	va_start(ap, fmt);
	buf_vprintf(&text, fmt, ap);
	va_end(ap);
	if (l->j) {
		buf_put(&l->said, buf_slice(&text));
		buf_byte(&l->said, '\n');
		return;
	}
	out_safe(buf_slice(&text));
	putchar('\n');
}

void show(struct looking *l, const char *key, const char *label, slice value)
{
	if (l->j) {
		json_text(l->j, key, value);
		return;
	}
	printf(T("%s: ", "%s："), label);
	out_safe(value);
	putchar('\n');
}

void show_number(struct looking *l, const char *key, const char *label, int64_t value)
{
	if (l->j)
		json_int(l->j, key, value);
	else
		printf(T("%s: %lld\n", "%s：%lld\n"), label, (long long)value);
}

void show_bool(struct looking *l, const char *key, const char *label, bool value)
{
	if (l->j)
		json_bool(l->j, key, value);
	else
		printf(T("%s: %s\n", "%s：%s\n"), label, value ? T("yes", "是") : T("no", "否"));
}

void show_answer(struct looking *l, const struct dns_answer *a)
{
	if (l->j)
		json_text(l->j, "status", slice_z(dns_status_name(a->status)));
	if (l->env->config.dns->trust_anchor.n || l->j)
		show_bool(l, "secure", T("proven by DNSSEC", "经 DNSSEC 验证"), a->secure);
}

static void print_said(struct looking *l)
{
	slice rest = buf_slice(&l->said), line;
	json_open_array(l->j, "explanation");
	while (rest.n && slice_cut(&rest, '\n', &line))
		json_text(l->j, NULL, line);
	json_close(l->j, ']');
}

slice looking_addresses(struct looking *l, const struct net_addr *v, size_t n)
{
	AUTO(buf) struct buf out = BUF(DNS_RECORDS_MAX * NET_TEXT_MAX);
	char text[NET_TEXT_MAX];
	for (size_t i = 0; i < n; i++) {
		net_print_ip(&v[i], text);
		buf_printf(&out, "%s%s", i ? " " : "", text);
	}
	return arena_dup(l->mem, buf_slice(&out));
}

slice looking_name(struct looking *l, slice name)
{
	return domain_to_utf8(name, l->mem);
}

int looking_failed(struct looking *l, const struct err *e)
{
	if (l->j)
		say(l, "%s", e->text);
	return out_fail(e);
}

/* ---- arguments ---- */

bool looking_domain(struct looking *l, int i, slice *ret)
{
	slice name = cli_arg(l->call, i);
	if (slice_ends(name, S(".")))
		name.n--;
	if (!utf8_is_ascii(name) && domain_to_ascii(name, l->mem, ret))
		return true;
	char *z = arena_strz(l->mem, name);
	bool good = utf8_is_ascii(name) && name.n && name.n <= DNS_NAME_MAX;
	for (size_t k = 0; k < name.n; k++) {
		z[k] = ascii_lower(z[k]);
		good = good && z[k] > ' ' && z[k] != 0x7f && z[k] != '@' && z[k] != '\\';
	}
	*ret = slice_of(z, name.n);
	if (!good)
		out_usage(T("\"%.*s\" is not a domain name", "“%.*s”不是域名"), SFMT(name));
	return good;
}

bool looking_ip(struct looking *l, int i, struct net_addr *ret)
{
	struct err e;
	slice text = cli_arg(l->call, i);
	if (net_from_ip(text, 0, ret, &e) == 0)
		return true;
	out_usage(T("\"%.*s\" is not an IP address", "“%.*s”不是 IP 地址"), SFMT(text));
	return false;
}

/* ---- running ---- */

struct running {
	struct looking *l;
	int (*fn)(struct looking *l);
	int code;
};

static void run(void *arg)
{
	struct running *r = arg;
	struct looking *l = r->l;
	struct err e;
	l->deadline = instant_in(LOOKUP_SECONDS * SECOND);
	if (dns_open(l->env->config.dns, &l->dns, &e) < 0) {
		r->code = out_fail(&e);
		return;
	}
	r->code = r->fn(l);
	dns_close(l->dns);
}

int looking_run(struct cli_call *c, int (*fn)(struct looking *l))
{
	AUTO(cli_env) struct cli_env env = {0};
	struct json j = {0};
	struct looking l = {.call = c, .env = &env, .said = BUF(SAID_MAX)};
	struct running r = {&l, fn, CLI_FAILED};
	int code;
	if (cli_env_config(c->cli, &env, &code) < 0)
		return code;
	l.mem = &env.mem;
	l.j = c->cli->json ? &j : NULL;
	if (l.j)
		json_begin(l.j);
	loop_init();
	pool_init(2);
	loop_main(run, &r);
	pool_done();
	loop_done();
	if (l.j) {
		print_said(&l);
		json_end(l.j);
	}
	buf_done(&l.said);
	return r.code;
}

/* ---- table ---- */

#define VERB(name)                                                                                 \
	static int run_##name(struct cli_call *c)                                                  \
	{                                                                                          \
		return looking_run(c, lookup_##name);                                              \
	}
VERB(rbl)
VERB(ptr)
VERB(mx)
VERB(txt)
VERB(dnssec)
VERB(tlsa)
VERB(mta_sts)
VERB(tlsrpt)
VERB(spf)
VERB(dkim)
VERB(dmarc)

static const struct cli_option rbl_options[] = {
	{"zone", "LIST", "\"zone zone ...\", in place of the lists of the configuration",
		"\"区域 区域 ...\"，代替配置中的名单"},
	{"test", NULL, "ask the test points of each list first (RFC 5782)",
		"先查询每个名单的测试点（RFC 5782）"},
	{NULL, NULL, NULL, NULL},
};
static const struct cli_option spf_options[] = {
	{"helo", "NAME", "what the client says in HELO", "客户端在 HELO 中的自称"},
	{NULL, NULL, NULL, NULL},
};

const struct cli_verb lookup_verbs[] = {
	{"rbl", run_rbl, "IP|DOMAIN", 1, 1, true, rbl_options,
		"Is an address or a domain on block lists?", "某地址或域名是否在黑名单中？",
		"Asks the lists of the configuration ([dnsbl]), or those named. Answers in "
		"127.255.255.0/24 are\n"
		"errors of the list, never listings; a list that does not answer is unknown. Exit "
		"code 0: on no\n"
		"list; 1: listed; 75: not listed where asked, but some list is unknown.\n\n"
		"  posthouse lookup rbl 192.0.2.1 --zone \"zen.example.org bl.example.net\" --test",
		"查询配置中的名单（[dnsbl]），或所给的名单。127.255.255.0/24 "
		"中的应答是名单的错误代码，不算列入；\n"
		"未应答的名单视为未知。退出码 0：不在任何名单；1：在名单中；75："
		"已答复的都未列入，但有名单未知。\n\n"
		"  posthouse lookup rbl 192.0.2.1 --zone \"zen.example.org bl.example.net\" "
		"--test"},
	{"ptr", run_ptr, "IP", 1, 1, true, NULL,
		"The names of an address, and whether they lead back to it.",
		"地址的反向名称，以及能否由名称查回该地址。",
		"Exit code 0: a name leads back (FCrDNS); 1: none does; 3: no name.",
		"退出码 0：有名称可查回（FCrDNS）；1：都不能；3：没有名称。"},
	{"mx", run_mx, "DOMAIN", 1, 1, true, NULL, "Where mail for a domain goes.",
		"发往某域的邮件去向。", "Exit code 3 when the domain takes no mail.",
		"该域不收邮件时退出码为 3。"},
	{"spf", run_spf, "IP SENDER", 2, 2, true, spf_options,
		"May this address send for that sender? Step by step.",
		"该地址能否以此发件人发信？逐步说明。",
		"SENDER is an address, a domain, or <> with --helo. Exit code 0: pass; 1: fail, "
		"softfail, neutral,\n"
		"permerror; 3: no record; 75: temperror.\n\n"
		"  posthouse lookup spf 192.0.2.1 someone@example.com",
		"SENDER 是地址、域名，或 <>（配合 --helo）。退出码 "
		"0：pass；1：fail、softfail、neutral、permerror；\n"
		"3：没有记录；75：temperror。\n\n"
		"  posthouse lookup spf 192.0.2.1 someone@example.com"},
	{"dkim", run_dkim, "SELECTOR DOMAIN", 2, 2, true, NULL,
		"A published DKIM key: type, size, flags, mistakes.",
		"已发布的 DKIM 公钥：类型、长度、标志、错误。",
		"Exit code 0: usable; 1: published, but not usable; 3: not there.",
		"退出码 0：可用；1：已发布但不可用；3：没有。"},
	{"dmarc", run_dmarc, "DOMAIN", 1, 1, true, NULL,
		"The DMARC policy that applies to a domain, and how it is found.",
		"适用于某域的 DMARC 策略及其查找过程。", "Exit code 3 when there is none.",
		"没有策略时退出码为 3。"},
	{"dnssec", run_dnssec, "", 0, 0, true, NULL,
		"Does the resolver hand on what DNSSEC needs? Before [dns] trust_anchor is set.",
		"解析服务器是否传递 DNSSEC 所需的内容？设置 [dns] trust_anchor 之前先查。",
		"Asks about a signed and an unsigned name, with the configured trust anchor or "
		"that of Debian's\n"
		"dns-root-data. Exit code 0: it does; 1: it does not; 3: no trust anchor; 75: no "
		"answer.",
		"用所配置的信任锚（或 Debian dns-root-data 的）查询一个已签名和一个未签名的名称。\n"
		"退出码 0：传递；1：不传递；3：没有信任锚；75：没有应答。"},
	{"tlsa", run_tlsa, "HOST[:PORT]", 1, 1, true, NULL,
		"The certificates that a host announces in the DNS (DANE).",
		"主机在 DNS 中公布的证书（DANE）。",
		"The port is 25 when not given. Exit code 0: usable for mail; 1: not usable; 3: "
		"none.",
		"未给端口时为 25。退出码 0：可用于邮件；1：不可用；3：没有。"},
	{"mta-sts", run_mta_sts, "DOMAIN", 1, 1, true, NULL,
		"The MTA-STS record and policy of a domain.", "某域的 MTA-STS 记录与策略。",
		"Fetches the policy by HTTPS. Exit code 0: a policy; 1: a mistake in it; 3: none.",
		"以 HTTPS 取得策略。退出码 0：有策略；1：策略有误；3：没有。"},
	{"tlsrpt", run_tlsrpt, "DOMAIN", 1, 1, true, NULL,
		"Where a domain wants reports about TLS sent (TLS-RPT).",
		"某域希望接收 TLS 报告的地址（TLS-RPT）。", "Exit code 3 when it wants none.",
		"不接收时退出码为 3。"},
	{"txt", run_txt, "NAME", 1, 1, true, NULL, "The text records of a name.",
		"某名称的文本记录。", "Exit code 3 when there are none.", "没有时退出码为 3。"},
	CLI_VERBS_END,
};
