/* `posthouse account list`: accounts in pages, with what is in their mailboxes when asked. */
#include "bin/cli_account.h"

#include "base/mem.h"
#include "store/mailbox.h"

#include <stdio.h>

struct usage {
	struct cli_env *env;
	struct sql *shard[MAILBOX_SHARDS];
	bool wanted;
};

static int usage_of(
	struct usage *u, int64_t id, uint64_t *ret_bytes, uint64_t *ret_messages, struct err *e)
{
	struct sql **db = &u->shard[mailbox_shard(id)];
	*ret_bytes = *ret_messages = 0;
	if (!u->wanted)
		return 0;
	if (!*db && !(*db = cli_env_shard(u->env, id, e)))
		return -1;
	return mailbox_usage(*db, id, ret_bytes, ret_messages, e);
}

static const char *state(const struct account *a)
{
	return a->deleted_at ? T("deleted", "已删除")
	       : a->disabled ? T("disabled", "停用")
			     : T("active", "正常");
}

static void account_json(struct json *j, const struct account *a)
{
	json_int(j, "id", a->id);
	json_text(j, "address", a->address);
	json_text(j, "name", a->name);
	json_text(j, "kind", slice_z(account_kind_name(a->kind)));
	json_bool(j, "disabled", a->disabled);
	json_int(j, "quota", (int64_t)a->quota);
	json_time(j, "created_at", a->created_at);
	if (a->deleted_at)
		json_time(j, "deleted_at", a->deleted_at);
}

static int print_account(struct listing *l, struct usage *u, const struct account *a,
	struct arena *mem, struct err *e)
{
	char text[OUT_TEXT];
	uint64_t bytes, messages;
	if (usage_of(u, a->id, &bytes, &messages, e) < 0)
		return -1;
	if (l->json) {
		json_open_object(&l->j, NULL);
		account_json(&l->j, a);
		if (u->wanted) {
			json_int(&l->j, "messages", (int64_t)messages);
			json_int(&l->j, "bytes", (int64_t)bytes);
		}
		json_close(&l->j, '}');
		return 0;
	}
	table_cell(l->table, out_address(a->address, mem));
	table_cell(l->table, a->name);
	table_cell(l->table, slice_z(state(a)));
	if (u->wanted) {
		table_cellf(l->table, "%llu", (unsigned long long)messages);
		table_cell(l->table, slice_z(out_size(bytes, text)));
		table_cell(l->table,
			a->quota ? slice_z(out_size(a->quota, text)) : slice_z(T("none", "无")));
	}
	table_cell(
		l->table, slice_z(out_time(a->deleted_at ? a->deleted_at : a->created_at, text)));
	return 0;
}

/* What is to be listed. An exit code. */
static int query_options(
	struct cli_call *c, struct sql *db, struct account_query *q, struct arena *a)
{
	struct err e;
	struct domain d = {0};
	struct org org = {0};
	struct service_class class = {0};
	if (c->nargs && directory_domain(db, cli_arg(c, 0), a, &d, &e) < 0)
		return out_fail(&e);
	if (((cli_option(c, "org") || cli_option(c, "department")) &&
		    cli_org_option(c, db, a, &org, &e) < 0) ||
		(cli_option(c, "class") &&
			directory_class(db, cli_option_text(c, "class"), a, &class, &e) < 0) ||
		(cli_option(c, "department") &&
			cli_department_id(db, org.id, cli_option_text(c, "department"), a,
				&q->department_id, &e) < 0))
		return out_fail(&e);
	if (cli_option(c, "kind") && !account_kind_parse(cli_option_text(c, "kind"), &q->kind))
		return out_usage(T("--kind is person, shared, room or equipment",
			"--kind 应为 person、shared、room 或 equipment"));
	q->org_id = org.id;
	q->domain_id = d.id;
	q->class_id = class.id;
	q->text = cli_option_text(c, "find");
	q->deleted = cli_flag(c, "deleted");
	return CLI_OK;
}

static int print_pages(
	struct sql *db, struct account_query *q, struct listing *l, struct usage *u, struct err *e)
{
	AUTO(arena) struct arena page = {0};
	struct account *v;
	size_t n;
	do {
		AUTO(arena) __attribute__((unused)) struct arena former = page; /* q->after is in it */
		page = (struct arena){0};
		if (directory_accounts_page(db, q, &page, &v, &n, e) < 0)
			return -1;
		for (size_t i = 0; i < n; i++)
			if (print_account(l, u, &v[i], &page, e) < 0)
				return -1;
		if (n)
			q->after = v[n - 1].address;
	} while (n == DIRECTORY_PAGE_MAX);
	return 0;
}

int account_list(struct cli_call *c)
{
	AUTO(cli_env) struct cli_env env = {0};
	struct err e;
	struct listing l;
	struct account_query q = {0};
	struct usage u = {.env = &env, .wanted = cli_flag(c, "usage")};
	int code;
	struct sql *db = cli_env_directory(c->cli, &env, &code);
	if (!db)
		return code;
	code = query_options(c, db, &q, &env.mem);
	if (code)
		return code;
	const char *const when = q.deleted ? T("DELETED", "删除时间") : T("CREATED", "创建时间");
	const char *const heads[] = {
		T("ADDRESS", "地址"), T("NAME", "姓名"), T("STATE", "状态"), when};
	const char *const wide[] = {heads[0], heads[1], heads[2], T(">MAILS", ">邮件数"),
		T(">SIZE", ">大小"), T(">QUOTA", ">限额"), when};
	listing_begin(&l, c->cli->json, "accounts", u.wanted ? wide : heads, u.wanted ? 7 : 4);
	int r = print_pages(db, &q, &l, &u, &e);
	listing_end_rows(&l);
	listing_end(&l);
	for (int i = 0; i < MAILBOX_SHARDS; i++)
		sql_close(u.shard[i]);
	return r < 0 ? out_fail(&e) : CLI_OK;
}
