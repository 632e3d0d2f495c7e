/* `posthouse group`, `posthouse shared`: addresses of several people, and mailboxes they share. */
#include "bin/cli_directory.h"
#include "bin/cli_verbs.h"

#include "base/mem.h"

#include <stdio.h>

/* ---- members ---- */

typedef int (*change_fn)(struct sql *db, int64_t id, const struct member *m, struct err *e);

/* The arguments behind the first one, each a member. An exit code. */
static int change_members(struct cli_call *c, struct sql *db, int64_t id, slice address,
	enum shared_level level, change_fn fn, struct arena *a)
{
	struct err e;
	struct member m;
	int64_t org;
	if (cli_org_of(db, address, a, &org, &e) < 0)
		return out_fail(&e);
	for (int i = 1; i < c->nargs; i++) {
		if (directory_member_parse(db, org, cli_arg(c, i), a, &m, &e) < 0)
			return out_fail(&e);
		m.level = level;
		m.send_as = level && cli_flag(c, "send-as");
		if (fn(db, id, &m, &e) < 0)
			return out_fail(&e);
	}
	return CLI_OK;
}

/* ---- groups ---- */

static struct sql *open_group(
	struct cli_call *c, struct cli_env *env, struct mail_group *ret, int *ret_code)
{
	struct err e;
	struct sql *db = cli_env_directory(c->cli, env, ret_code);
	if (db && directory_group(db, cli_arg(c, 0), &env->mem, ret, &e) < 0) {
		*ret_code = out_fail(&e);
		return NULL;
	}
	return db;
}

static int group_join(struct cli_call *c)
{
	AUTO(cli_env) struct cli_env env = {0};
	struct mail_group g;
	int code;
	struct sql *db = open_group(c, &env, &g, &code);
	if (!db)
		return code;
	code = change_members(c, db, g.id, g.address, SHARED_READ, directory_group_put, &env.mem);
	if (code == CLI_OK)
		printf(T("Group %.*s has them.\n", "已加入组 %.*s。\n"), SFMT(g.address));
	return code;
}

static int group_leave(struct cli_call *c)
{
	AUTO(cli_env) struct cli_env env = {0};
	struct mail_group g;
	int code;
	struct sql *db = open_group(c, &env, &g, &code);
	if (!db)
		return code;
	code = change_members(c, db, g.id, g.address, 0, directory_group_take, &env.mem);
	if (code == CLI_OK)
		printf(T("Group %.*s has them no more.\n", "已移出组 %.*s。\n"), SFMT(g.address));
	return code;
}

static int group_add(struct cli_call *c)
{
	AUTO(cli_env) struct cli_env env = {0};
	struct err e;
	struct mail_group g;
	int code;
	struct sql *db = cli_env_directory(c->cli, &env, &code);
	if (!db)
		return code;
	if (directory_group_add(db, cli_arg(c, 0), cli_option_text(c, "name"), &e) < 0 ||
		directory_group(db, cli_arg(c, 0), &env.mem, &g, &e) < 0)
		return out_fail(&e);
	printf(T("Group %.*s added.\n", "已添加组 %.*s。\n"), SFMT(g.address));
	return change_members(c, db, g.id, g.address, SHARED_READ, directory_group_put, &env.mem);
}

static int group_show(struct cli_call *c)
{
	AUTO(cli_env) struct cli_env env = {0};
	struct err e;
	struct mail_group g;
	struct member *v;
	size_t n;
	int code;
	struct sql *db = open_group(c, &env, &g, &code);
	if (!db)
		return code;
	if (directory_group_members(db, g.id, &env.mem, &v, &n, &e) < 0)
		return out_fail(&e);
	cli_print_members(c, v, n, false, &env.mem);
	return CLI_OK;
}

static int group_members(struct cli_call *c)
{
	AUTO(cli_env) struct cli_env env = {0};
	struct err e;
	struct listing l;
	slice *v;
	size_t n;
	int code;
	struct sql *db = cli_env_directory(c->cli, &env, &code);
	if (!db)
		return code;
	if (directory_group_expand(db, cli_arg(c, 0), &env.mem, &v, &n, &e) < 0)
		return out_fail(&e);
	const char *const heads[] = {T("ADDRESS", "地址")};
	listing_begin(&l, c->cli->json, "addresses", heads, 1);
	for (size_t i = 0; i < n; i++)
		if (l.json)
			json_text(&l.j, NULL, v[i]);
		else
			table_cell(l.table, out_address(v[i], &env.mem));
	listing_end_rows(&l);
	listing_end(&l);
	return CLI_OK;
}

static void group_row(struct listing *l, const struct mail_group *g, struct arena *a)
{
	if (l->json) {
		json_open_object(&l->j, NULL);
		json_text(&l->j, "address", g->address);
		json_text(&l->j, "name", g->name);
		json_int(&l->j, "members", (int64_t)g->members);
		json_time(&l->j, "created_at", g->created_at);
		json_close(&l->j, '}');
		return;
	}
	table_cell(l->table, out_address(g->address, a));
	table_cell(l->table, g->name);
	table_cellf(l->table, "%llu", (unsigned long long)g->members);
}

static int group_list(struct cli_call *c)
{
	AUTO(cli_env) struct cli_env env = {0};
	AUTO(arena) struct arena page = {0};
	struct err e;
	struct org org = {0};
	struct mail_group *v;
	struct listing l;
	size_t n;
	slice after = S("");
	int code;
	struct sql *db = cli_env_directory(c->cli, &env, &code);
	if (!db)
		return code;
	if (cli_option(c, "org") && cli_org_option(c, db, &env.mem, &org, &e) < 0)
		return out_fail(&e);
	const char *const heads[] = {T("GROUP", "组"), T("NAME", "名称"), T(">MEMBERS", ">成员")};
	listing_begin(&l, c->cli->json, "groups", heads, 3);
	do {
		AUTO(arena) __attribute__((unused)) struct arena former = page;
		page = (struct arena){0};
		if (directory_groups(db, org.id, after, 0, &page, &v, &n, &e) < 0)
			return out_fail(&e);
		for (size_t i = 0; i < n; i++)
			group_row(&l, &v[i], &page);
		if (n)
			after = v[n - 1].address;
	} while (n == DIRECTORY_PAGE_MAX);
	listing_end_rows(&l);
	listing_end(&l);
	return CLI_OK;
}

static int group_set(struct cli_call *c)
{
	AUTO(cli_env) struct cli_env env = {0};
	struct err e;
	struct mail_group g;
	int code;
	if (!cli_option(c, "name"))
		return out_usage(
			T("nothing to change: --name TEXT", "没有要修改的内容：--name 名称"));
	struct sql *db = open_group(c, &env, &g, &code);
	if (!db)
		return code;
	if (directory_group_rename(db, g.id, cli_option_text(c, "name"), &e) < 0)
		return out_fail(&e);
	printf(T("Group %.*s changed.\n", "已修改组 %.*s。\n"), SFMT(g.address));
	return CLI_OK;
}

static int group_remove(struct cli_call *c)
{
	return cli_directory_each(c, directory_group_remove,
		T("Group %.*s removed.\n", "已删除组 %.*s。\n"));
}

static const struct cli_option group_add_options[] = {
	{"name", "TEXT", "its name for people", "显示名称"},
	{"send-as", NULL, "these members may send as the group", "这些成员可以组的地址发信"},
	{NULL, NULL, NULL, NULL},
};
static const struct cli_option join_options[] = {
	{"send-as", NULL, "these members may send as the group", "这些成员可以组的地址发信"},
	{NULL, NULL, NULL, NULL},
};
static const struct cli_option group_set_options[] = {
	{"name", "TEXT", "its name for people", "显示名称"},
	{NULL, NULL, NULL, NULL},
};
static const struct cli_option group_list_options[] = {
	{"org", "NAME", "of this organisation alone", "仅此组织"},
	{NULL, NULL, NULL, NULL},
};

const struct cli_verb group_verbs[] = {
	{"add", group_add, "ADDRESS [MEMBER...]", 1, -1, false, group_add_options, "Makes a group.",
		"创建组。",
		"Members are addresses of accounts, of groups or elsewhere; department:PATH stands "
		"for everybody\nin a department and below, org:NAME for everybody in an "
		"organisation.\n\n"
		"  posthouse group add staff@example.org department:Sales bob@example.org",
		"成员可以是帐号、组或外部地址；department:路径 代表部门及下级部门的所有人，"
		"org:名称 代表组织的所有人。\n\n"
		"  posthouse group add staff@example.org department:销售部 bob@example.org"},
	{"list", group_list, "", 0, 0, true, group_list_options, "Lists the groups.", "列出组。",
		NULL, NULL},
	{"show", group_show, "ADDRESS", 1, 1, true, NULL, "Lists what a group consists of.",
		"列出组的成员。", NULL, NULL},
	{"members", group_members, "ADDRESS", 1, 1, true, NULL,
		"Lists everybody who would get a message to it.", "列出会收到其邮件的所有地址。",
		NULL, NULL},
	{"join", group_join, "ADDRESS MEMBER...", 2, -1, false, join_options,
		"Puts members into a group; those that are there get the new setting.",
		"加入成员；已有成员按新设置修改。", NULL, NULL},
	{"leave", group_leave, "ADDRESS MEMBER...", 2, -1, false, NULL,
		"Takes members out of a group.", "移出成员。", NULL, NULL},
	{"set", group_set, "ADDRESS", 1, 1, false, group_set_options, "Changes a group's name.",
		"修改组的名称。", NULL, NULL},
	{"remove", group_remove, "ADDRESS", 1, 1, false, NULL, "Removes a group; its members stay.",
		"删除组，成员保留。", NULL, NULL},
	CLI_VERBS_END,
};

/* ---- shared mailboxes ---- */

static int parse_level(struct cli_call *c, enum shared_level *ret)
{
	slice s = cli_option_text(c, "level");
	*ret = SHARED_WRITE;
	if (!cli_option(c, "level") || shared_level_parse(s, ret))
		return CLI_OK;
	return out_usage(T("--level is read, write or manage: %.*s",
				 "--level 应为 read、write 或 manage：%.*s"),
		SFMT(s));
}

static struct sql *open_shared(
	struct cli_call *c, struct cli_env *env, struct account *ret, int *ret_code)
{
	struct err e;
	struct sql *db = cli_env_directory(c->cli, env, ret_code);
	if (!db)
		return NULL;
	int r = directory_account(db, cli_arg(c, 0), &env->mem, ret, &e);
	if (r == 0 && ret->kind == ACCOUNT_PERSON)
		r = err_set(&e, ERR_PROTO, "%.*s is a person's mailbox", SFMT(ret->address));
	if (r < 0) {
		*ret_code = out_fail(&e);
		return NULL;
	}
	return db;
}

static int shared_add(struct cli_call *c)
{
	AUTO(cli_env) struct cli_env env = {0};
	struct err e;
	enum shared_level level;
	struct account_draft d = {.account = {.address = cli_arg(c, 0), .kind = ACCOUNT_SHARED}};
	int64_t id;
	d.account.name = cli_option_text(c, "name");
	int code = parse_level(c, &level);
	if (!code)
		code = cli_own_size_option(c, "quota", &d.account.own_quota);
	if (code)
		return code;
	if (cli_option(c, "kind") &&
		(!account_kind_parse(cli_option_text(c, "kind"), &d.account.kind) ||
			d.account.kind == ACCOUNT_PERSON))
		return out_usage(T("--kind is shared, room or equipment",
			"--kind 应为 shared、room 或 equipment"));
	struct sql *db = cli_env_directory(c->cli, &env, &code);
	if (!db)
		return code;
	if (directory_account_make(db, &d, &id, &e) < 0)
		return out_fail(&e);
	printf(T("Shared mailbox %.*s added.\n", "已添加共享邮箱 %.*s。\n"), SFMT(cli_arg(c, 0)));
	return change_members(c, db, id, cli_arg(c, 0), level, directory_shared_put, &env.mem);
}

static int shared_grant(struct cli_call *c)
{
	AUTO(cli_env) struct cli_env env = {0};
	enum shared_level level;
	struct account v;
	int code = parse_level(c, &level);
	if (code)
		return code;
	struct sql *db = open_shared(c, &env, &v, &code);
	if (!db)
		return code;
	code = change_members(c, db, v.id, v.address, level, directory_shared_put, &env.mem);
	if (code == CLI_OK)
		printf(T("Shared mailbox %.*s is theirs.\n", "已授权使用共享邮箱 %.*s。\n"),
			SFMT(v.address));
	return code;
}

static int shared_revoke(struct cli_call *c)
{
	AUTO(cli_env) struct cli_env env = {0};
	struct account v;
	int code;
	struct sql *db = open_shared(c, &env, &v, &code);
	if (!db)
		return code;
	code = change_members(c, db, v.id, v.address, 0, directory_shared_take, &env.mem);
	if (code == CLI_OK)
		printf(T("Shared mailbox %.*s is theirs no more.\n",
			       "已取消对共享邮箱 %.*s 的授权。\n"),
			SFMT(v.address));
	return code;
}

static int shared_show(struct cli_call *c)
{
	AUTO(cli_env) struct cli_env env = {0};
	struct err e;
	struct account v;
	struct member *m;
	size_t n;
	int code;
	struct sql *db = open_shared(c, &env, &v, &code);
	if (!db)
		return code;
	if (directory_shared_members(db, v.id, &env.mem, &m, &n, &e) < 0)
		return out_fail(&e);
	cli_print_members(c, m, n, true, &env.mem);
	return CLI_OK;
}

static void shared_row(struct listing *l, const struct account *v, struct arena *a)
{
	if (l->json) {
		json_open_object(&l->j, NULL);
		json_text(&l->j, "address", v->address);
		json_text(&l->j, "name", v->name);
		json_text(&l->j, "kind", slice_z(account_kind_name(v->kind)));
		json_bool(&l->j, "disabled", v->disabled);
		json_int(&l->j, "quota", (int64_t)v->quota);
		json_close(&l->j, '}');
		return;
	}
	table_cell(l->table, out_address(v->address, a));
	table_cell(l->table, v->name);
	table_cell(l->table, slice_z(account_kind_name(v->kind)));
	cell_disabled(l->table, v->disabled);
}

static int list_kind(
	struct sql *db, struct listing *l, int64_t org, enum account_kind kind, struct err *e)
{
	AUTO(arena) struct arena page = {0};
	struct account_query q = {.org_id = org, .kind = kind};
	struct account *v;
	size_t n;
	do {
		AUTO(arena) __attribute__((unused)) struct arena former = page;
		page = (struct arena){0};
		if (directory_accounts_page(db, &q, &page, &v, &n, e) < 0)
			return -1;
		for (size_t i = 0; i < n; i++)
			shared_row(l, &v[i], &page);
		if (n)
			q.after = v[n - 1].address;
	} while (n == DIRECTORY_PAGE_MAX);
	return 0;
}

static int shared_list(struct cli_call *c)
{
	AUTO(cli_env) struct cli_env env = {0};
	struct err e;
	struct org org = {0};
	struct listing l;
	int code, r = 0;
	struct sql *db = cli_env_directory(c->cli, &env, &code);
	if (!db)
		return code;
	if (cli_option(c, "org") && cli_org_option(c, db, &env.mem, &org, &e) < 0)
		return out_fail(&e);
	const char *const heads[] = {
		T("MAILBOX", "邮箱"), T("NAME", "名称"), T("KIND", "类型"), T("STATE", "状态")};
	listing_begin(&l, c->cli->json, "mailboxes", heads, 4);
	for (int k = ACCOUNT_SHARED; k <= ACCOUNT_EQUIPMENT && r == 0; k++)
		r = list_kind(db, &l, org.id, (enum account_kind)k, &e);
	listing_end_rows(&l);
	listing_end(&l);
	return r < 0 ? out_fail(&e) : CLI_OK;
}

#define LEVEL_OPTIONS                                                                              \
	{"level", "LEVEL", "read; write (default): file, flag, delete; manage: also give rights",  \
		"read 只读；write（默认）可归档、标记、删除；manage 还可授权"},                    \
	{                                                                                          \
		"send-as", NULL, "they may send as the mailbox", "可以该邮箱的地址发信"  \
	}
static const struct cli_option shared_add_options[] = {
	LEVEL_OPTIONS,
	{"name", "TEXT", "its name for people", "显示名称"},
	{"kind", "KIND", "shared (default), room or equipment",
		"shared（默认）、room 会议室、equipment 设备"},
	{"quota", "SIZE|none|class", "the most that it may hold", "邮箱容量"},
	{NULL, NULL, NULL, NULL},
};
static const struct cli_option grant_options[] = {LEVEL_OPTIONS, {NULL, NULL, NULL, NULL}};

const struct cli_verb shared_verbs[] = {
	{"add", shared_add, "ADDRESS [MEMBER...]", 1, -1, false, shared_add_options,
		"Makes a mailbox that several people use.", "创建多人使用的共享邮箱。",
		"Nobody logs in as the mailbox: its members find it among their own folders, and "
		"what they send\nas it is kept in its folder Sent. Members are accounts, groups, "
		"department:PATH, org:NAME.\n\n"
		"  posthouse shared add sales@example.org department:Sales --send-as",
		"没有人以共享邮箱登录：成员在自己的文件夹中看到它，以其名义发出的邮件保存在它的"
		"“已发送”中。\n成员可以是帐号、组、department:路径、org:名称。\n\n"
		"  posthouse shared add sales@example.org department:销售部 --send-as"},
	{"list", shared_list, "", 0, 0, true, group_list_options,
		"Lists shared mailboxes, rooms and equipment.", "列出共享邮箱、会议室和设备。",
		NULL, NULL},
	{"show", shared_show, "ADDRESS", 1, 1, true, NULL, "Lists who uses it, and how.",
		"列出使用者及其权限。", NULL, NULL},
	{"grant", shared_grant, "ADDRESS MEMBER...", 2, -1, false, grant_options,
		"Lets members use it; those that do get the new level.",
		"授权成员使用；已有成员按新权限修改。", NULL, NULL},
	{"revoke", shared_revoke, "ADDRESS MEMBER...", 2, -1, false, NULL,
		"Members use it no more.", "取消成员的使用权。",
		"A mailbox as a whole is removed with `posthouse account delete`.",
		"整个邮箱以 `posthouse account delete` 删除。"},
	CLI_VERBS_END,
};
