/* `posthouse account set`, `show`, `own`: the settings of an account. */
#include "bin/cli_account.h"

#include "base/mem.h"

#include <stdio.h>

/* ---- options ---- */

/* "title=Director". An exit code. */
static int take_field(slice word, struct account_draft *d)
{
	size_t eq = slice_index(word, '=');
	slice key = slice_first(word, eq);
	for (int f = 1; f < FIELD_COUNT; f++)
		if (eq < word.n && slice_ieq(key, slice_z(person_fields[f].key))) {
			slice v = slice_skip(word, eq + 1);
			d->field[f] = v.n ? v : S("");
			return CLI_OK;
		}
	return out_usage(T("--field is KEY=TEXT, with a key of `posthouse account fields`: %.*s",
				 "--field 应为 字段=内容，字段见 `posthouse account fields`：%.*s"),
		SFMT(word));
}

static int take_places(struct cli_call *c, struct sql *db, struct account_draft *d, struct arena *a)
{
	struct err e;
	struct service_class class;
	int64_t org;
	if (cli_option(c, "class")) {
		if (directory_class(db, cli_option_text(c, "class"), a, &class, &e) < 0)
			return out_fail(&e);
		d->account.class_id = class.id;
	}
	if (cli_option(c, "department") &&
		(cli_org_of(db, d->account.address, a, &org, &e) < 0 ||
			cli_department_id(db, org, cli_option_text(c, "department"), a,
				&d->account.department_id, &e) < 0))
		return out_fail(&e);
	return CLI_OK;
}

int account_options(struct cli_call *c, struct sql *db, struct account_draft *d, struct arena *a)
{
	struct account *v = &d->account;
	const char *word;
	if (cli_option(c, "name"))
		v->name = cli_option_text(c, "name");
	if (cli_option(c, "language"))
		v->language = cli_option_text(c, "language");
	int code = cli_own_size_option(c, "quota", &v->own_quota);
	if (!code)
		code = cli_own_count_option(c, "messages", &v->own_quota_messages);
	if (!code)
		code = cli_services_option(c, "allow", &v->services_on);
	if (!code)
		code = cli_services_option(c, "deny", &v->services_off);
	for (int at = 0; !code && (word = cli_word(c, "field", &at));)
		code = take_field(slice_z(word), d);
	return code ? code : take_places(c, db, d, a);
}

int account_set(struct cli_call *c)
{
	AUTO(cli_env) struct cli_env env = {0};
	struct err e;
	int code;
	struct sql *db = cli_env_directory(c->cli, &env, &code);
	if (!db)
		return code;
	for (int i = 0; i < c->nargs; i++) {
		struct account_draft d = {0};
		if (directory_account(db, cli_arg(c, i), &env.mem, &d.account, &e) < 0)
			return out_fail(&e);
		code = account_options(c, db, &d, &env.mem);
		if (code)
			return code;
		if (directory_account_save(db, &d, &e) < 0)
			return out_fail(&e);
		printf(T("Account %.*s changed.\n", "已修改帐号 %.*s。\n"),
			SFMT(d.account.address));
	}
	return CLI_OK;
}

int account_fields(struct cli_call *c)
{
	struct listing l;
	const char *const heads[] = {T("KEY", "字段"), T("MEANING", "含义")};
	listing_begin(&l, c->cli->json, "fields", heads, 2);
	for (int f = 1; f < FIELD_COUNT; f++) {
		slice label = slice_z(T(person_fields[f].en, person_fields[f].zh));
		if (l.json) {
			json_open_object(&l.j, NULL);
			json_text(&l.j, "key", slice_z(person_fields[f].key));
			json_text(&l.j, "label", label);
			json_close(&l.j, '}');
			continue;
		}
		table_cell(l.table, slice_z(person_fields[f].key));
		table_cell(l.table, label);
	}
	listing_end_rows(&l);
	listing_end(&l);
	return CLI_OK;
}

/* ---- show ---- */

static void show_limits(struct sheet *s, const struct login_facts *f, struct arena *a)
{
	sheet_size(s, "quota", T("quota", "邮箱容量"), f->limits.quota);
	sheet_limit(s, "quota_messages", T("messages", "邮件数上限"), f->limits.quota_messages);
	sheet_size(
		s, "max_message", T("largest message sent", "单封邮件上限"), f->limits.max_message);
	sheet_limit(s, "max_rcpts", T("recipients of a message", "单封收件人上限"),
		f->limits.max_rcpts);
	sheet_limit(
		s, "rcpts_hour", T("recipients an hour", "每小时收件人上限"), f->limits.rcpts_hour);
	sheet_limit(s, "rcpts_day", T("recipients a day", "每日收件人上限"), f->limits.rcpts_day);
	sheet_text(s, "services", T("services", "服务"), services_print(f->limits.services, a));
}

static void show_memberships(struct sheet *s, const struct memberships *m, struct arena *a)
{
	slice *v = ARENA_ARRAY(a, slice, m->ngroups + 1);
	for (size_t i = 0; i < m->ngroups; i++)
		v[i] = m->groups[i].address;
	sheet_list(s, "groups", T("groups", "所属组"), v, m->ngroups);
	v = ARENA_ARRAY(a, slice, m->nshared + 1);
	for (size_t i = 0; i < m->nshared; i++)
		v[i] = arena_printf(a, "%.*s %s%s", SFMT(m->shared[i].address),
			shared_level_name(m->shared[i].level),
			m->shared[i].send_as ? " send-as" : "");
	sheet_list(s, "shared", T("shared mailboxes", "共享邮箱"), v, m->nshared);
}

/* Everything that a sheet tells. */
struct whole {
	struct account v;
	struct login_facts f;
	struct org org;
	struct service_class class;
	struct memberships m;
	slice field[FIELD_COUNT], *own;
	size_t nown;
};

static int read_whole(
	struct sql *db, slice address, struct arena *a, struct whole *w, struct err *e)
{
	if (directory_account(db, address, a, &w->v, e) < 0 ||
		directory_account_facts(db, w->v.id, a, &w->f, e) < 0 ||
		directory_org_by_id(db, w->f.org_id, a, &w->org, e) < 0 ||
		directory_class_by_id(db, w->v.class_id, a, &w->class, e) < 0 ||
		directory_find_memberships(db, address, a, &w->m, e) < 0 ||
		directory_account_fields(db, w->v.id, a, w->field, e) < 0 ||
		directory_own(db, w->v.id, a, &w->own, &w->nown, e) < 0)
		return -1;
	return 0;
}

static void show_fields(struct sheet *s, const slice field[FIELD_COUNT])
{
	if (s->json)
		json_open_object(&s->j, "fields");
	for (int f = 1; f < FIELD_COUNT; f++)
		if (field[f].n)
			sheet_text(s, person_fields[f].key,
				T(person_fields[f].en, person_fields[f].zh), field[f]);
	if (s->json)
		json_close(&s->j, '}');
}

int account_show(struct cli_call *c)
{
	AUTO(cli_env) struct cli_env env = {0};
	struct err e;
	struct whole w;
	struct sheet s;
	int code;
	struct sql *db = cli_env_directory(c->cli, &env, &code);
	if (!db)
		return code;
	if (read_whole(db, cli_arg(c, 0), &env.mem, &w, &e) < 0)
		return out_fail(&e);
	sheet_begin(&s, c->cli->json);
	sheet_text(&s, "address", T("address", "地址"), w.v.address);
	sheet_text(&s, "name", T("name", "姓名"), w.v.name);
	sheet_text(&s, "kind", T("kind", "类型"), slice_z(account_kind_name(w.v.kind)));
	sheet_bool(&s, "disabled", T("disabled", "停用"), w.v.disabled);
	sheet_text(&s, "organisation", T("organisation", "组织"), w.org.name);
	sheet_text(&s, "department", T("department", "部门"),
		w.m.ndepartments ? w.m.department_paths[0] : S(""));
	sheet_text(&s, "class", T("class", "服务等级"), w.class.name);
	show_limits(&s, &w.f, &env.mem);
	sheet_text(&s, "language", T("language", "语言"), w.v.language);
	sheet_time(&s, "created_at", T("created", "创建时间"), w.v.created_at);
	sheet_list(&s, "own_addresses", T("further addresses", "其他地址"), w.own, w.nown);
	show_memberships(&s, &w.m, &env.mem);
	show_fields(&s, w.field);
	sheet_end(&s);
	return CLI_OK;
}

/* ---- further addresses ---- */

int account_own(struct cli_call *c)
{
	AUTO(cli_env) struct cli_env env = {0};
	struct err e;
	struct account v;
	bool remove = cli_flag(c, "remove");
	int code;
	struct sql *db = cli_env_directory(c->cli, &env, &code);
	if (!db)
		return code;
	if (directory_account(db, cli_arg(c, 0), &env.mem, &v, &e) < 0)
		return out_fail(&e);
	for (int i = 1; i < c->nargs; i++) {
		if ((remove ? directory_own_remove(db, v.id, cli_arg(c, i), &e)
			    : directory_own_add(db, v.id, cli_arg(c, i), &e)) < 0)
			return out_fail(&e);
		printf(remove ? T("%.*s no longer belongs to %.*s.\n",
					"地址 %.*s 不再属于 %.*s。\n")
			      : T("%.*s belongs to %.*s now.\n", "地址 %.*s 现在属于 %.*s。\n"),
			SFMT(cli_arg(c, i)), SFMT(v.address));
	}
	return CLI_OK;
}
