/* `posthouse department`: the tree of an organisation. */
#include "bin/cli_directory.h"
#include "bin/cli_verbs.h"

#include "base/mem.h"

#include <stdio.h>

/* The directory, the organisation and, with a path, the department. NULL after a complaint. */
static struct sql *open_at(struct cli_call *c, struct cli_env *env, struct org *org, slice path,
	struct department *ret, int *ret_code)
{
	struct err e;
	struct sql *db = cli_env_directory(c->cli, env, ret_code);
	if (!db)
		return NULL;
	if (cli_org_option(c, db, &env->mem, org, &e) < 0 ||
		(path.p && directory_department(db, org->id, path, &env->mem, ret, &e) < 0)) {
		*ret_code = out_fail(&e);
		return NULL;
	}
	return db;
}

static int department_add(struct cli_call *c)
{
	AUTO(cli_env) struct cli_env env = {0};
	struct err e;
	struct org org;
	int code;
	struct sql *db = open_at(c, &env, &org, (slice){0}, NULL, &code);
	if (!db)
		return code;
	for (int i = 0; i < c->nargs; i++) {
		if (directory_department_add(db, org.id, cli_arg(c, i), &e) < 0)
			return out_fail(&e);
		printf(T("Department %.*s added.\n", "已添加部门 %.*s。\n"), SFMT(cli_arg(c, i)));
	}
	return CLI_OK;
}

static int department_list(struct cli_call *c)
{
	AUTO(cli_env) struct cli_env env = {0};
	struct err e;
	struct org org;
	struct department *v;
	struct listing l;
	size_t n;
	int code;
	struct sql *db = open_at(c, &env, &org, (slice){0}, NULL, &code);
	if (!db)
		return code;
	if (directory_departments(db, org.id, &env.mem, &v, &n, &e) < 0)
		return out_fail(&e);
	const char *const heads[] = {T("DEPARTMENT", "部门"), T(">ACCOUNTS", ">帐号数")};
	listing_begin(&l, c->cli->json, "departments", heads, 2);
	for (size_t i = 0; i < n; i++) {
		if (l.json) {
			json_open_object(&l.j, NULL);
			json_int(&l.j, "id", v[i].id);
			json_int(&l.j, "parent_id", v[i].parent_id);
			json_text(&l.j, "path", v[i].path);
			json_int(&l.j, "accounts", (int64_t)v[i].accounts);
			json_close(&l.j, '}');
			continue;
		}
		table_cell(l.table, v[i].path);
		table_cellf(l.table, "%llu", (unsigned long long)v[i].accounts);
	}
	listing_end_rows(&l);
	listing_end(&l);
	return CLI_OK;
}

static int department_rename(struct cli_call *c)
{
	AUTO(cli_env) struct cli_env env = {0};
	struct err e;
	struct org org;
	struct department d;
	int code;
	struct sql *db = open_at(c, &env, &org, cli_arg(c, 0), &d, &code);
	if (!db)
		return code;
	if (directory_department_rename(db, d.id, cli_arg(c, 1), &e) < 0)
		return out_fail(&e);
	printf(T("Department %.*s is now %.*s.\n", "部门 %.*s 已更名为 %.*s。\n"), SFMT(d.path),
		SFMT(cli_arg(c, 1)));
	return CLI_OK;
}

static int department_move(struct cli_call *c)
{
	AUTO(cli_env) struct cli_env env = {0};
	struct err e;
	struct org org;
	struct department d;
	int64_t parent = 0;
	int code;
	slice to = cli_arg(c, 1);
	struct sql *db = open_at(c, &env, &org, cli_arg(c, 0), &d, &code);
	if (!db)
		return code;
	if ((!slice_eq(to, S("/")) &&
		    cli_department_id(db, org.id, to, &env.mem, &parent, &e) < 0) ||
		directory_department_move(db, d.id, parent, &e) < 0)
		return out_fail(&e);
	printf(T("Department %.*s moved.\n", "已移动部门 %.*s。\n"), SFMT(d.path));
	return CLI_OK;
}

static int department_remove(struct cli_call *c)
{
	AUTO(cli_env) struct cli_env env = {0};
	struct err e;
	struct org org;
	struct department d;
	int code;
	struct sql *db = open_at(c, &env, &org, cli_arg(c, 0), &d, &code);
	if (!db)
		return code;
	if (directory_department_remove(db, d.id, &e) < 0)
		return out_fail(&e);
	printf(T("Department %.*s removed.\n", "已删除部门 %.*s。\n"), SFMT(d.path));
	return CLI_OK;
}

static void member_row(struct listing *l, const struct account *v, struct arena *a)
{
	if (l->json) {
		json_open_object(&l->j, NULL);
		json_text(&l->j, "address", v->address);
		json_text(&l->j, "name", v->name);
		json_text(&l->j, "kind", slice_z(account_kind_name(v->kind)));
		json_close(&l->j, '}');
		return;
	}
	table_cell(l->table, out_address(v->address, a));
	table_cell(l->table, v->name);
}

static int department_members(struct cli_call *c)
{
	AUTO(cli_env) struct cli_env env = {0};
	AUTO(arena) struct arena page = {0};
	struct err e;
	struct org org;
	struct department d;
	struct account *v;
	struct listing l;
	size_t n;
	int code;
	struct sql *db = open_at(c, &env, &org, cli_arg(c, 0), &d, &code);
	if (!db)
		return code;
	const char *const heads[] = {T("ADDRESS", "地址"), T("NAME", "姓名")};
	struct account_query q = {.department_id = d.id};
	listing_begin(&l, c->cli->json, "members", heads, 2);
	do {
		AUTO(arena) __attribute__((unused)) struct arena former = page;
		page = (struct arena){0};
		if (directory_accounts_page(db, &q, &page, &v, &n, &e) < 0)
			return out_fail(&e);
		for (size_t i = 0; i < n; i++)
			member_row(&l, &v[i], &page);
		if (n)
			q.after = v[n - 1].address;
	} while (n == DIRECTORY_PAGE_MAX);
	listing_end_rows(&l);
	listing_end(&l);
	return CLI_OK;
}

static const struct cli_option org_option[] = {
	{"org", "NAME", "the organisation (default: the first)", "组织（默认：第一个）"},
	{NULL, NULL, NULL, NULL},
};

const struct cli_verb department_verbs[] = {
	{"add", department_add, "PATH...", 1, -1, false, org_option,
		"Makes departments, with those above them.", "创建部门及其上级部门。",
		"  posthouse department add \"Sales/East\" \"Sales/West\"",
		"  posthouse department add \"销售部/华东\" \"销售部/华南\""},
	{"list", department_list, "", 0, 0, true, org_option, "Lists the tree.", "列出部门树。",
		NULL, NULL},
	{"members", department_members, "PATH", 1, 1, true, org_option,
		"Lists the accounts in a department and below.", "列出部门及下级部门的帐号。",
		"Accounts are put in with `posthouse account set --department`.",
		"帐号以 `posthouse account set --department` 归入部门。"},
	{"rename", department_rename, "PATH NAME", 2, 2, false, org_option,
		"Gives a department another name.", "为部门更名。", NULL, NULL},
	{"move", department_move, "PATH PARENT|/", 2, 2, false, org_option,
		"Moves a department, with all below it, into another one or to the top.",
		"将部门连同下级移入另一部门或移到顶层。", NULL, NULL},
	{"remove", department_remove, "PATH", 1, 1, false, org_option,
		"Removes an empty department.", "删除空部门。", NULL, NULL},
	CLI_VERBS_END,
};
