/* `posthouse org`, `posthouse class`: organisations and what accounts may use. */
#include "bin/cli_directory.h"
#include "bin/cli_verbs.h"

#include "base/mem.h"
#include "store/script.h"

#include <stdio.h>

/* ---- organisations ---- */

/* Options of add and set. An exit code. */
static int org_options(struct cli_call *c, struct org *o)
{
	if (cli_option(c, "title"))
		o->title = cli_option_text(c, "title");
	int code = cli_count_option(c, "max-accounts", &o->max_accounts);
	return code ? code : cli_size_option(c, "max-size", &o->max_bytes);
}

static int org_add(struct cli_call *c)
{
	AUTO(cli_env) struct cli_env env = {0};
	struct err e;
	struct org o = {.name = cli_arg(c, 0), .title = S("")};
	int code = org_options(c, &o);
	if (code)
		return code;
	struct sql *db = cli_env_directory(c->cli, &env, &code);
	if (!db)
		return code;
	if (directory_org_add(db, &o, &e) < 0)
		return out_fail(&e);
	printf(T("Organisation %.*s added.\n", "已添加组织 %.*s。\n"), SFMT(o.name));
	return CLI_OK;
}

static int org_list(struct cli_call *c)
{
	AUTO(cli_env) struct cli_env env = {0};
	struct err e;
	struct org *v;
	struct listing l;
	char text[OUT_TEXT];
	size_t n;
	int code;
	struct sql *db = cli_env_directory(c->cli, &env, &code);
	if (!db)
		return code;
	if (directory_orgs(db, &env.mem, &v, &n, &e) < 0)
		return out_fail(&e);
	const char *const heads[] = {T("NAME", "名称"), T("TITLE", "全称"), T(">DOMAINS", ">域"),
		T(">ACCOUNTS", ">帐号"), T(">MOST", ">上限"), T(">QUOTAS", ">已分配容量"),
		T(">MOST", ">上限"), T("STATE", "状态")};
	listing_begin(&l, c->cli->json, "organisations", heads, 8);
	for (size_t i = 0; i < n; i++) {
		if (l.json) {
			json_open_object(&l.j, NULL);
			json_int(&l.j, "id", v[i].id);
			json_text(&l.j, "name", v[i].name);
			json_text(&l.j, "title", v[i].title);
			json_int(&l.j, "domains", (int64_t)v[i].domains);
			json_int(&l.j, "accounts", (int64_t)v[i].accounts);
			json_int(&l.j, "max_accounts", (int64_t)v[i].max_accounts);
			json_int(&l.j, "bytes", (int64_t)v[i].bytes);
			json_int(&l.j, "max_bytes", (int64_t)v[i].max_bytes);
			json_bool(&l.j, "disabled", v[i].disabled);
			json_close(&l.j, '}');
			continue;
		}
		table_cell(l.table, v[i].name);
		table_cell(l.table, v[i].title);
		table_cellf(l.table, "%llu", (unsigned long long)v[i].domains);
		table_cellf(l.table, "%llu", (unsigned long long)v[i].accounts);
		cell_limit(l.table, v[i].max_accounts);
		table_cell(l.table, slice_z(out_size(v[i].bytes, text)));
		cell_limit_size(l.table, v[i].max_bytes);
		cell_disabled(l.table, v[i].disabled);
	}
	listing_end_rows(&l);
	listing_end(&l);
	return CLI_OK;
}

static int org_set(struct cli_call *c)
{
	AUTO(cli_env) struct cli_env env = {0};
	struct err e;
	struct org o;
	int code;
	struct sql *db = cli_env_directory(c->cli, &env, &code);
	if (!db)
		return code;
	if (directory_org(db, cli_arg(c, 0), &env.mem, &o, &e) < 0)
		return out_fail(&e);
	code = org_options(c, &o);
	if (code)
		return code;
	if (cli_option(c, "name"))
		o.name = cli_option_text(c, "name");
	o.disabled = (o.disabled || cli_flag(c, "disable")) && !cli_flag(c, "enable");
	if (directory_org_save(db, &o, &e) < 0)
		return out_fail(&e);
	printf(T("Organisation %.*s changed.\n", "已修改组织 %.*s。\n"), SFMT(o.name));
	return CLI_OK;
}

static int org_remove(struct cli_call *c)
{
	return cli_directory_each(c, directory_org_remove,
		T("Organisation %.*s removed.\n", "已删除组织 %.*s。\n"));
}

#define ORG_OPTIONS                                                                                \
	{"title", "TEXT", "its full name", "全称"},                                                \
		{"max-accounts", "N|none", "the most accounts it may have", "帐号数上限"},         \
	{                                                                                          \
		"max-size", "SIZE|none",                                                           \
			"the most bytes that quotas of its accounts may add up to: all need one",  \
			"所有帐号容量限额之和的上限：每个帐号都须有限额"    \
	}
static const struct cli_option org_add_options[] = {ORG_OPTIONS, {NULL, NULL, NULL, NULL}};
static const struct cli_option org_set_options[] = {ORG_OPTIONS,
	{"name", "NAME", "a new name", "新名称"},
	{"disable", NULL, "nobody in it logs in or gets mail", "停用：其成员不能登录和收信"},
	{"enable", NULL, "undoes disable", "重新启用"}, {NULL, NULL, NULL, NULL}};

const struct cli_verb org_verbs[] = {
	{"add", org_add, "NAME", 1, 1, false, org_add_options, "Makes an organisation.",
		"创建组织。",
		"Domains are put into it with `posthouse domain add --org` or `domain move`.\n\n"
		"  posthouse org add acme --title \"Acme Ltd\" --max-accounts 200 --max-size 500g",
		"域以 `posthouse domain add --org` 或 `domain move` 归入组织。\n\n"
		"  posthouse org add acme --title \"某某公司\" --max-accounts 200 --max-size 500g"},
	{"list", org_list, "", 0, 0, true, NULL, "Lists the organisations.", "列出组织。", NULL,
		NULL},
	{"set", org_set, "NAME", 1, 1, false, org_set_options, "Changes an organisation.",
		"修改组织。", NULL, NULL},
	{"remove", org_remove, "NAME", 1, 1, false, NULL,
		"Removes an organisation without domains and departments.",
		"删除没有域和部门的组织。", NULL, NULL},
	CLI_VERBS_END,
};

/* ---- service classes ---- */

static int class_options(struct cli_call *c, struct service_class *v)
{
	struct limits *l = &v->limits;
	int code = cli_size_option(c, "quota", &l->quota);
	if (!code)
		code = cli_count_option(c, "messages", &l->quota_messages);
	if (!code)
		code = cli_size_option(c, "max-message", &l->max_message);
	if (!code)
		code = cli_count_option(c, "max-rcpts", &l->max_rcpts);
	if (!code)
		code = cli_count_option(c, "rcpts-hour", &l->rcpts_hour);
	if (!code)
		code = cli_count_option(c, "rcpts-day", &l->rcpts_day);
	if (!code)
		code = cli_count_option(c, "sieve-scripts", &l->sieve_scripts);
	if (!code)
		code = cli_size_option(c, "sieve-size", &l->sieve_bytes);
	return code ? code : cli_services_option(c, "services", &l->services);
}

static int class_add(struct cli_call *c)
{
	AUTO(cli_env) struct cli_env env = {0};
	struct err e;
	struct service_class v = {.name = cli_arg(c, 0), .limits.services = SERVICE_ALL};
	int code = class_options(c, &v);
	if (code)
		return code;
	struct sql *db = cli_env_directory(c->cli, &env, &code);
	if (!db)
		return code;
	if (directory_class_add(db, &v, &e) < 0)
		return out_fail(&e);
	printf(T("Class %.*s added.\n", "已添加服务等级 %.*s。\n"), SFMT(v.name));
	return CLI_OK;
}

static void class_sheet(struct cli_call *c, const struct service_class *v, struct arena *a)
{
	struct sheet s;
	const struct limits *l = &v->limits;
	sheet_begin(&s, c->cli->json);
	sheet_text(&s, "name", T("name", "名称"), v->name);
	sheet_int(&s, "accounts", T("accounts", "帐号数"), (int64_t)v->accounts);
	sheet_size(&s, "quota", T("quota", "邮箱容量"), l->quota);
	sheet_limit(&s, "quota_messages", T("messages", "邮件数上限"), l->quota_messages);
	sheet_size(&s, "max_message", T("largest message sent", "单封邮件上限"), l->max_message);
	sheet_limit(&s, "max_rcpts", T("recipients of a message", "单封收件人上限"), l->max_rcpts);
	sheet_limit(&s, "rcpts_hour", T("recipients an hour", "每小时收件人上限"), l->rcpts_hour);
	sheet_limit(&s, "rcpts_day", T("recipients a day", "每日收件人上限"), l->rcpts_day);
	sheet_limit(&s, "sieve_scripts", T("Sieve scripts", "Sieve 脚本数上限"),
		l->sieve_scripts ? l->sieve_scripts : SCRIPT_SCRIPTS);
	sheet_size(&s, "sieve_bytes", T("size of Sieve scripts", "Sieve 脚本总大小"),
		l->sieve_bytes ? l->sieve_bytes : SCRIPT_BYTES);
	sheet_text(&s, "services", T("services", "服务"), services_print(l->services, a));
	sheet_end(&s);
}

static struct sql *open_class(
	struct cli_call *c, struct cli_env *env, struct service_class *ret, int *ret_code)
{
	struct err e;
	struct sql *db = cli_env_directory(c->cli, env, ret_code);
	if (db && directory_class(db, cli_arg(c, 0), &env->mem, ret, &e) < 0) {
		*ret_code = out_fail(&e);
		return NULL;
	}
	return db;
}

static int class_show(struct cli_call *c)
{
	AUTO(cli_env) struct cli_env env = {0};
	struct service_class v;
	int code;
	if (!open_class(c, &env, &v, &code))
		return code;
	class_sheet(c, &v, &env.mem);
	return CLI_OK;
}

static void class_row(struct listing *l, const struct service_class *v, struct arena *a)
{
	slice services = services_print(v->limits.services, a);
	if (l->json) {
		json_open_object(&l->j, NULL);
		json_text(&l->j, "name", v->name);
		json_int(&l->j, "accounts", (int64_t)v->accounts);
		json_int(&l->j, "quota", (int64_t)v->limits.quota);
		json_int(&l->j, "quota_messages", (int64_t)v->limits.quota_messages);
		json_int(&l->j, "max_message", (int64_t)v->limits.max_message);
		json_int(&l->j, "max_rcpts", (int64_t)v->limits.max_rcpts);
		json_int(&l->j, "rcpts_hour", (int64_t)v->limits.rcpts_hour);
		json_int(&l->j, "rcpts_day", (int64_t)v->limits.rcpts_day);
		json_int(&l->j, "sieve_scripts", (int64_t)v->limits.sieve_scripts);
		json_int(&l->j, "sieve_bytes", (int64_t)v->limits.sieve_bytes);
		json_text(&l->j, "services", services);
		json_close(&l->j, '}');
		return;
	}
	table_cell(l->table, v->name);
	table_cellf(l->table, "%llu", (unsigned long long)v->accounts);
	cell_limit_size(l->table, v->limits.quota);
	cell_limit_size(l->table, v->limits.max_message);
	cell_limit(l->table, v->limits.rcpts_day);
	table_cell(l->table, services);
}

static int class_list(struct cli_call *c)
{
	AUTO(cli_env) struct cli_env env = {0};
	struct err e;
	struct service_class *v;
	struct listing l;
	size_t n;
	int code;
	struct sql *db = cli_env_directory(c->cli, &env, &code);
	if (!db)
		return code;
	if (directory_classes(db, &env.mem, &v, &n, &e) < 0)
		return out_fail(&e);
	const char *const heads[] = {T("NAME", "名称"), T(">ACCOUNTS", ">帐号数"),
		T(">QUOTA", ">容量"), T(">MESSAGE", ">单封上限"), T(">RCPTS/DAY", ">每日收件人"),
		T("SERVICES", "服务")};
	listing_begin(&l, c->cli->json, "classes", heads, 6);
	for (size_t i = 0; i < n; i++)
		class_row(&l, &v[i], &env.mem);
	listing_end_rows(&l);
	listing_end(&l);
	return CLI_OK;
}

static int class_set(struct cli_call *c)
{
	AUTO(cli_env) struct cli_env env = {0};
	struct err e;
	struct service_class v;
	int code;
	struct sql *db = open_class(c, &env, &v, &code);
	if (!db)
		return code;
	code = class_options(c, &v);
	if (code)
		return code;
	if (cli_option(c, "name"))
		v.name = cli_option_text(c, "name");
	if (directory_class_save(db, &v, &e) < 0)
		return out_fail(&e);
	printf(T("Class %.*s changed.\n", "已修改服务等级 %.*s。\n"), SFMT(v.name));
	return CLI_OK;
}

static int class_remove(struct cli_call *c)
{
	return cli_directory_each(c, directory_class_remove,
		T("Class %.*s removed.\n", "已删除服务等级 %.*s。\n"));
}

#define CLASS_OPTIONS                                                                              \
	{"quota", "SIZE|none", "the most that a mailbox may hold", "邮箱容量"},                    \
		{"messages", "N|none", "the most messages in a mailbox", "邮箱邮件数上限"},        \
		{"max-message", "SIZE|none", "the largest message that may be sent",               \
			"可发送的单封邮件上限"},                                                   \
		{"max-rcpts", "N|none", "the most recipients of one message",                      \
			"单封邮件收件人上限"},                                                     \
		{"rcpts-hour", "N|none", "the most recipients an hour", "每小时收件人上限"},       \
		{"rcpts-day", "N|none", "the most recipients a day", "每日收件人上限"},            \
		{"sieve-scripts", "N|none", "the most Sieve scripts (none: 16)",                   \
			"Sieve 脚本数上限（none：16）"},                                           \
		{"sieve-size", "SIZE|none", "their size together (none: 1m)",                      \
			"Sieve 脚本总大小（none：1m）"},                                           \
	{                                                                                          \
		"services", "LIST", "smtp, imap, pop3, web, dav, eas, sieve, collect; all, none",           \
			"smtp、imap、pop3、web、dav、eas、sieve、collect；all、none"                \
	}
static const struct cli_option class_add_options[] = {CLASS_OPTIONS, {NULL, NULL, NULL, NULL}};
static const struct cli_option class_set_options[] = {
	CLASS_OPTIONS, {"name", "NAME", "a new name", "新名称"}, {NULL, NULL, NULL, NULL}};

const struct cli_verb class_verbs[] = {
	{"add", class_add, "NAME", 1, 1, false, class_add_options, "Makes a service class.",
		"创建服务等级。",
		"What is not said is not limited, and all services are allowed.\n\n"
		"  posthouse class add student --quota 1g --rcpts-day 200 --services "
		"smtp,imap,web",
		"未指定的不限制，并允许所有服务。\n\n"
		"  posthouse class add student --quota 1g --rcpts-day 200 --services "
		"smtp,imap,web"},
	{"list", class_list, "", 0, 0, true, NULL, "Lists the classes.", "列出服务等级。", NULL,
		NULL},
	{"show", class_show, "NAME", 1, 1, true, NULL, "Shows a class.", "显示服务等级。", NULL,
		NULL},
	{"set", class_set, "NAME", 1, 1, false, class_set_options,
		"Changes a class, for all accounts in it.", "修改服务等级，对其所有帐号生效。",
		NULL, NULL},
	{"remove", class_remove, "NAME", 1, 1, false, NULL, "Removes a class without accounts.",
		"删除没有帐号的服务等级。", NULL, NULL},
	CLI_VERBS_END,
};
