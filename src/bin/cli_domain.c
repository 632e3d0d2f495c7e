/* `posthouse domain`: the domains this installation answers for. */
#include "bin/cli_directory.h"
#include "bin/cli_dkim.h"
#include "bin/cli_domain_dns.h"
#include "bin/cli_rename.h"
#include "bin/cli_verbs.h"

#include "base/mem.h"
#include "codec/address.h"
#include "store/directory_org.h"

#include <stdio.h>

/* Every domain of ours signs from the start, unless it is told not to. */
static int add_keys(struct cli_call *c, struct cli_env *env, slice domain, struct err *e)
{
	struct keyring_key keys[2];
	if (cli_flag(c, "no-keys"))
		return 0;
	int n = dkim_make_usual(env->config.server->data, domain, &env->mem, keys, e);
	if (n > 0)
		printf(T("Its mail is signed from now on; records to publish: posthouse domain "
			 "dns %.*s\n",
			       "其邮件即刻起签名；应发布的记录见：posthouse domain dns %.*s\n"),
			SFMT(domain));
	return n < 0 ? -1 : 0;
}

static int domain_add(struct cli_call *c)
{
	AUTO(cli_env) struct cli_env env = {0};
	struct err e;
	int code;
	struct org org = {0};
	slice backend = cli_option_text(c, "backend"), real = cli_option_text(c, "stands-for");
	if (cli_flag(c, "callout") && backend.n == 0)
		return out_usage(T("--callout needs --backend", "--callout 需要 --backend"));
	if (real.n && backend.n)
		return out_usage(T("a domain that stands for another one has no backend",
			"代表其他域的域不能有后端"));
	if (cli_env_open(c->cli, &env, &code) < 0)
		return code;
	struct sql *db = cli_env_db(&env, DB_DIRECTORY, &e);
	if (!db || (cli_option(c, "org") &&
			   directory_org(db, cli_option_text(c, "org"), &env.mem, &org, &e) < 0))
		return out_fail(&e);
	for (int i = 0; i < c->nargs; i++) {
		struct domain d = {
			.name = cli_arg(c, i),
			.kind = real.n      ? DOMAIN_ALIAS
				: backend.n ? DOMAIN_BACKEND
					    : DOMAIN_LOCAL,
			.backend = backend,
			.callout = cli_flag(c, "callout"),
			.org_id = org.id,
			.stands_for = real,
		};
		if (directory_domain_add(db, &d, &e) < 0)
			return out_fail(&e);
		if (backend.n)
			printf(T("Domain %.*s added; its mail goes by route %.*s.\n",
				       "已添加域 %.*s；其邮件经路由 %.*s 投递。\n"),
				SFMT(d.name), SFMT(backend));
		else if (real.n)
			printf(T("Domain %.*s added; its addresses are those of %.*s.\n",
				       "已添加域 %.*s；其地址即 %.*s 的地址。\n"),
				SFMT(d.name), SFMT(real));
		else
			printf(T("Domain %.*s added; its mailboxes are here.\n",
				       "已添加域 %.*s；其邮箱在本机。\n"),
				SFMT(d.name));
		if (add_keys(c, &env, d.name, &e) < 0)
			return out_fail(&e);
	}
	return CLI_OK;
}

static const char *kind_word(enum domain_kind k)
{
	return k == DOMAIN_LOCAL ? "local" : k == DOMAIN_ALIAS ? "alias" : "backend";
}

static void print_domain(struct listing *l, const struct domain *d, struct arena *a)
{
	char when[OUT_TEXT];
	if (l->json) {
		json_open_object(&l->j, NULL);
		json_text(&l->j, "name", d->name);
		json_text(&l->j, "unicode", domain_to_utf8(d->name, a));
		json_text(&l->j, "kind", slice_z(kind_word(d->kind)));
		json_text(&l->j, "backend", d->backend);
		json_text(&l->j, "stands_for", d->stands_for);
		json_int(&l->j, "organisation_id", d->org_id);
		json_bool(&l->j, "callout", d->callout);
		json_bool(&l->j, "disabled", d->disabled);
		json_time(&l->j, "created_at", d->created_at);
		json_close(&l->j, '}');
		return;
	}
	table_cell(l->table, domain_to_utf8(d->name, a));
	table_cell(l->table, slice_z(d->kind == DOMAIN_LOCAL   ? T("local", "本机")
				     : d->kind == DOMAIN_ALIAS ? T("alias of", "等同于")
							       : T("backend", "后端")));
	table_cell(
		l->table, d->kind == DOMAIN_ALIAS ? domain_to_utf8(d->stands_for, a) : d->backend);
	table_cell(l->table, slice_z(d->disabled  ? T("disabled", "停用")
				     : d->callout ? T("callout", "回呼验证")
						  : ""));
	table_cell(l->table, slice_z(out_time(d->created_at, when)));
}

static int domain_list(struct cli_call *c)
{
	AUTO(cli_env) struct cli_env env = {0};
	struct err e;
	struct domain *v;
	struct listing l;
	size_t n;
	int code;
	if (cli_env_open(c->cli, &env, &code) < 0)
		return code;
	struct sql *db = cli_env_db(&env, DB_DIRECTORY, &e);
	if (!db || directory_domains(db, &env.mem, &v, &n, &e) < 0)
		return out_fail(&e);
	const char *const heads[] = {T("DOMAIN", "域"), T("KIND", "类型"), T("ROUTE", "路由"),
		T("NOTE", "说明"), T("CREATED", "创建时间")};
	listing_begin(&l, c->cli->json, "domains", heads, 5);
	for (size_t i = 0; i < n; i++)
		print_domain(&l, &v[i], &env.mem);
	listing_end_rows(&l);
	listing_end(&l);
	return CLI_OK;
}

static int domain_remove(struct cli_call *c)
{
	AUTO(cli_env) struct cli_env env = {0};
	struct err e;
	int code;
	if (cli_env_open(c->cli, &env, &code) < 0)
		return code;
	struct sql *db = cli_env_db(&env, DB_DIRECTORY, &e);
	if (!db || directory_domain_remove(db, cli_arg(c, 0), &e) < 0)
		return out_fail(&e);
	if (dkim_retire_all(env.config.server->data, cli_arg(c, 0), &env.mem, &e) < 0)
		return out_fail(&e);
	printf(T("Domain %.*s removed.\n", "已删除域 %.*s。\n"), SFMT(cli_arg(c, 0)));
	return CLI_OK;
}

static int domain_move(struct cli_call *c)
{
	AUTO(cli_env) struct cli_env env = {0};
	struct err e;
	int code;
	struct sql *db = cli_env_directory(c->cli, &env, &code);
	if (!db)
		return code;
	if (directory_domain_move(db, cli_arg(c, 0), cli_arg(c, 1), &e) < 0)
		return out_fail(&e);
	printf(T("Domain %.*s is in organisation %.*s now.\n", "域 %.*s 现归属组织 %.*s。\n"),
		SFMT(cli_arg(c, 0)), SFMT(cli_arg(c, 1)));
	return CLI_OK;
}

static int disable(struct sql *db, slice name, struct err *e)
{
	return directory_domain_disable(db, name, true, e);
}

static int enable(struct sql *db, slice name, struct err *e)
{
	return directory_domain_disable(db, name, false, e);
}

static int domain_disable(struct cli_call *c)
{
	return cli_directory_each(
		c, disable, T("Domain %.*s disabled.\n", "已停用域 %.*s。\n"));
}

static int domain_enable(struct cli_call *c)
{
	return cli_directory_each(c, enable, T("Domain %.*s enabled.\n", "已启用域 %.*s。\n"));
}

static int run_check(struct cli_call *c)
{
	return looking_run(c, domain_check);
}

#define OPTION_ADDRESS                                                                             \
	{                                                                                          \
		"address", "IPS",                                                                  \
			"public addresses that mail comes from, \"192.0.2.1 2001:db8::1\"",        \
			"发信所用的公网地址，如 \"192.0.2.1 2001:db8::1\""              \
	}
#define OPTION_NEXT_KEY                                                                            \
	{                                                                                          \
		"next-key", "FILE", "PEM file of the key that will follow the certificate's",      \
			"证书下一个密钥的 PEM 文件"                                      \
	}
#define OPTION_ENFORCE                                                                             \
	{                                                                                          \
		"enforce", NULL, "the MTA-STS policy in mode enforce (default: testing)",          \
			"MTA-STS 策略使用 enforce 模式（默认 testing）"                  \
	}
static const struct cli_option dns_options[] = {
	OPTION_ADDRESS,
	OPTION_NEXT_KEY,
	OPTION_ENFORCE,
	{NULL, NULL, NULL, NULL},
};
static const struct cli_option check_options[] = {
	{"all", NULL, "every domain of this installation", "本系统的所有域"},
	OPTION_ADDRESS,
	OPTION_NEXT_KEY,
	OPTION_ENFORCE,
	{NULL, NULL, NULL, NULL},
};
static const struct cli_option add_options[] = {
	{"backend", "ROUTE", "the mail system behind us: its mail takes this route",
		"后端邮件系统：其邮件经此路由投递"},
	{"callout", NULL, "ask the backend whether a recipient exists, at RCPT",
		"收件时向后端查询收件人是否存在"},
	{"stands-for", "DOMAIN", "every address in it is the same one in that local domain",
		"域别名：其每个地址即该本机域的同名地址"},
	{"org", "NAME", "the organisation that it belongs to (default: the first)",
		"所属组织（默认：第一个）"},
	{"no-keys", NULL, "make no signing keys (posthouse dkim)",
		"不生成签名密钥（posthouse dkim）"},
	{NULL, NULL, NULL, NULL},
};

const struct cli_verb domain_verbs[] = {
	{"add", domain_add, "DOMAIN...", 1, -1, false, add_options,
		"Adds domains that this installation answers for.", "添加本系统负责的域。",
		"Without --backend the mailboxes are here. With --backend mail for the domain is "
		"passed\n"
		"on by a route (posthouse route add) to the mail system that has the mailboxes.\n\n"
		"  posthouse domain add example.org 例子.中国\n"
		"  posthouse route add exchange --hosts \"mail1.lan:25 mail2.lan:25\"\n"
		"  posthouse domain add example.com --backend exchange --callout",
		"不带 --backend 时邮箱在本机；带 --backend 时邮件经路由（posthouse route "
		"add）转交给\n"
		"后端邮件系统。\n\n"
		"  posthouse domain add example.org 例子.中国\n"
		"  posthouse route add exchange --hosts \"mail1.lan:25 mail2.lan:25\"\n"
		"  posthouse domain add example.com --backend exchange --callout"},
	{"rename", domain_rename, "DOMAIN NEW", 2, 2, false, rename_options,
		"Gives a domain another name, with all that is in it; the former one stands for it.",
		"更改域名及其中的所有地址；原域名成为其别名域。",
		"For organisations that are renamed. All accounts, aliases, groups and lists have their addresses in the\n"
		"new domain, and people log in by these; mail to the former addresses still arrives.\n\n"
		"  posthouse domain rename example.com example.org",
		"用于更名的单位。所有帐号、别名、组和列表的地址改为新域，并以新地址登录；\n"
		"发往原地址的邮件照常送达。\n\n"
		"  posthouse domain rename example.com example.org"},
	{"dns", domain_dns, "DOMAIN", 1, 1, true, dns_options,
		"Prints every DNS record to publish for a domain.", "输出域应发布的所有 DNS 记录。",
		"In zone-file form, with the reasons as comments: addresses, MX, SPF, DKIM, DMARC, "
		"MTA-STS, TLS-RPT,\nTLSA, services, reverse names. Behind NAT give the public "
		"addresses.\n\n"
		"  posthouse domain dns example.org --address \"203.0.113.5 2001:db8::5\"",
		"以区域文件格式输出，注释说明用途：地址、MX、SPF、DKIM、DMARC、MTA-STS、TLS-"
		"RPT、TLSA、\n"
		"服务记录、反向解析。在 NAT 之后时请给出公网地址。\n\n"
		"  posthouse domain dns example.org --address \"203.0.113.5 2001:db8::5\""},
	{"check", run_check, "[DOMAIN...]", 0, -1, true, check_options,
		"Compares what is published with what should be.",
		"比较已发布的记录与应发布的记录。",
		"Each record is right, missing, different or unknown, with the reason and how to "
		"mend "
		"it. Exit code 0:\nall that is needed is right; 1: something must be mended; 75: "
		"something could not be looked up.\n\n"
		"  posthouse domain check example.org\n"
		"  posthouse domain check --all --json",
		"每条记录为正确、缺少、不同或未知，并说明原因与修正办法。退出码 "
		"0：必需的都正确；1：有需要修正的；\n"
		"75：有的暂时无法查询。\n\n"
		"  posthouse domain check example.org\n"
		"  posthouse domain check --all --json"},
	{"list", domain_list, "", 0, 0, true, NULL, "Lists the domains.", "列出所有域。", NULL,
		NULL},
	{"move", domain_move, "DOMAIN ORG", 2, 2, false, NULL,
		"Puts a domain, with its accounts, into another organisation.",
		"将域及其帐号移入另一组织。",
		"Departments stay behind: its accounts are in none afterwards.",
		"部门不随之移动：移动后其帐号不属于任何部门。"},
	{"disable", domain_disable, "DOMAIN...", 1, -1, false, NULL,
		"Refuses mail for the domain and logins in it; everything stays.",
		"停用域：拒收其邮件和登录，内容保留。", NULL, NULL},
	{"enable", domain_enable, "DOMAIN...", 1, -1, false, NULL, "Undoes disable.",
		"重新启用域。", NULL, NULL},
	{"remove", domain_remove, "DOMAIN", 1, 1, false, NULL,
		"Removes a domain that has no accounts and aliases any more.",
		"删除已没有帐号和别名的域。", NULL, NULL},
	CLI_VERBS_END,
};
