/* What the commands about the directory share (cli_directory.h). */
#include "bin/cli_directory.h"

#include "base/mem.h"
#include "run/conf.h"

#include <stdio.h>

/* ---- sheets ---- */

void sheet_begin(struct sheet *s, bool json)
{
	*s = (struct sheet){.json = json, .heads = {T("WHAT", "项目"), T("VALUE", "值")}};
	if (json)
		json_begin(&s->j);
	else
		s->table = table_new(s->heads, 2);
}

static void row(struct sheet *s, const char *label, slice v)
{
	table_cell(s->table, slice_z(label));
	table_cell(s->table, v);
}

void sheet_text(struct sheet *s, const char *key, const char *label, slice v)
{
	if (s->json)
		json_text(&s->j, key, v);
	else if (v.n)
		row(s, label, v);
}

void sheet_int(struct sheet *s, const char *key, const char *label, int64_t v)
{
	if (s->json) {
		json_int(&s->j, key, v);
		return;
	}
	table_cell(s->table, slice_z(label));
	table_cellf(s->table, "%lld", (long long)v);
}

void sheet_limit(struct sheet *s, const char *key, const char *label, uint64_t v)
{
	if (s->json || v)
		sheet_int(s, key, label, (int64_t)v);
	else
		row(s, label, slice_z(T("no limit", "不限")));
}

void sheet_size(struct sheet *s, const char *key, const char *label, uint64_t v)
{
	char text[OUT_TEXT];
	if (s->json)
		json_int(&s->j, key, (int64_t)v);
	else
		row(s, label, slice_z(v ? out_size(v, text) : T("no limit", "不限")));
}

void sheet_bool(struct sheet *s, const char *key, const char *label, bool v)
{
	if (s->json)
		json_bool(&s->j, key, v);
	else
		row(s, label, slice_z(v ? T("yes", "是") : T("no", "否")));
}

void sheet_time(struct sheet *s, const char *key, const char *label, int64_t v)
{
	char text[OUT_TEXT];
	if (s->json)
		json_time(&s->j, key, v);
	else if (v)
		row(s, label, slice_z(out_time(v, text)));
}

void sheet_list(struct sheet *s, const char *key, const char *label, const slice *v, size_t n)
{
	if (s->json)
		json_open_array(&s->j, key);
	for (size_t i = 0; i < n; i++)
		if (s->json)
			json_text(&s->j, NULL, v[i]);
		else
			row(s, i ? "" : label, v[i]);
	if (s->json)
		json_close(&s->j, ']');
}

void sheet_end(struct sheet *s)
{
	if (s->json)
		json_end(&s->j);
	else
		table_end(s->table);
}

/* ---- options ---- */

int cli_size_option(struct cli_call *c, const char *name, uint64_t *ret)
{
	slice s = cli_option_text(c, name);
	int64_t v = 0;
	if (!cli_option(c, name))
		return CLI_OK;
	if (!slice_ieq(s, S("none")) && (!conf_size_parse(s, &v) || v <= 0))
		return out_usage(T("--%s is a size such as 500m or 2g, or none: %.*s",
					 "--%s 应为大小（如 500m、2g）或 none：%.*s"),
			name, SFMT(s));
	*ret = (uint64_t)v;
	return CLI_OK;
}

int cli_count_option(struct cli_call *c, const char *name, uint64_t *ret)
{
	slice s = cli_option_text(c, name);
	uint64_t v = 0;
	if (!cli_option(c, name))
		return CLI_OK;
	if (!slice_ieq(s, S("none")) && (!slice_u64(s, &v) || v == 0 || v > INT64_MAX))
		return out_usage(T("--%s is a number or none: %.*s", "--%s 应为数字或 none：%.*s"),
			name, SFMT(s));
	*ret = v;
	return CLI_OK;
}

static int own(struct cli_call *c, const char *name,
	int (*parse)(struct cli_call *c, const char *name, uint64_t *ret), int64_t *ret)
{
	uint64_t v = 0;
	if (!cli_option(c, name))
		return CLI_OK;
	if (slice_ieq(cli_option_text(c, name), S("class"))) {
		*ret = 0;
		return CLI_OK;
	}
	int code = parse(c, name, &v);
	if (code == CLI_OK)
		*ret = v ? (int64_t)v : (int64_t)DIRECTORY_UNLIMITED;
	return code;
}

int cli_own_size_option(struct cli_call *c, const char *name, int64_t *ret)
{
	return own(c, name, cli_size_option, ret);
}

int cli_own_count_option(struct cli_call *c, const char *name, int64_t *ret)
{
	return own(c, name, cli_count_option, ret);
}

int cli_services_option(struct cli_call *c, const char *name, unsigned *ret)
{
	slice s = cli_option_text(c, name);
	if (!cli_option(c, name) || services_parse(s, ret))
		return CLI_OK;
	return out_usage(
		T("--%s: services are smtp, imap, pop3, web, dav, eas, sieve, collect, all or none: %.*s",
			"--%s：服务为 smtp、imap、pop3、web、dav、eas、sieve、collect、all 或 none：%.*s"),
		name, SFMT(s));
}

/* ---- verbs and lists ---- */

int cli_directory_each(struct cli_call *c,
	int (*fn)(struct sql *db, slice name, struct err *e), const char *done)
{
	AUTO(cli_env) struct cli_env env = {0};
	struct err e;
	int code;
	struct sql *db = cli_env_directory(c->cli, &env, &code);
	if (!db)
		return code;
	for (int i = 0; i < c->nargs; i++) {
		if (fn(db, cli_arg(c, i), &e) < 0)
			return out_fail(&e);
		printf(done, SFMT(cli_arg(c, i)));
	}
	return CLI_OK;
}

void cell_limit(struct table *t, uint64_t v)
{
	table_cellf(t, v ? "%llu" : "-", (unsigned long long)v);
}

void cell_limit_size(struct table *t, uint64_t v)
{
	char text[OUT_TEXT];
	table_cell(t, slice_z(v ? out_size(v, text) : "-"));
}

void cell_disabled(struct table *t, bool disabled)
{
	table_cell(t, slice_z(disabled ? T("disabled", "停用") : T("active", "正常")));
}

/* ---- what is meant ---- */

int cli_org_option(
	struct cli_call *c, struct sql *db, struct arena *a, struct org *ret, struct err *e)
{
	slice name = cli_option_text(c, "org");
	return name.n ? directory_org(db, name, a, ret, e)
		      : directory_org_by_id(db, DIRECTORY_FIRST, a, ret, e);
}

int cli_org_of(struct sql *db, slice address, struct arena *a, int64_t *ret, struct err *e)
{
	struct domain d;
	slice name = slice_skip(address, slice_rindex(address, '@') + 1);
	if (directory_domain(db, name, a, &d, e) < 0)
		return -1;
	*ret = d.org_id;
	return 0;
}

int cli_department_id(
	struct sql *db, int64_t org_id, slice path, struct arena *a, int64_t *ret, struct err *e)
{
	struct department d = {0};
	if (path.n && !slice_ieq(path, S("none")) &&
		directory_department(db, org_id, path, a, &d, e) < 0)
		return -1;
	*ret = d.id;
	return 0;
}

/* ---- members ---- */

static const char *kind_text(enum member_kind k)
{
	switch (k) {
	case MEMBER_ACCOUNT:
		return T("account", "帐号");
	case MEMBER_GROUP:
		return T("group", "组");
	case MEMBER_DEPARTMENT:
		return T("department", "部门");
	case MEMBER_ADDRESS:
		return T("elsewhere", "外部");
	case MEMBER_ORG:
		return T("organisation", "组织");
	}
	return "?";
}

static const char *const kind_words[] = {
	"", "account", "group", "department", "address", "organisation"};

void cli_print_members(
	struct cli_call *c, const struct member *v, size_t n, bool levels, struct arena *a)
{
	struct listing l;
	const char *const heads[] = {T("MEMBER", "成员"), T("KIND", "类型"), T("LEVEL", "权限"),
		T("SENDS AS IT", "代表发信")};
	const char *const few[] = {heads[0], heads[1], heads[3]};
	listing_begin(&l, c->cli->json, "members", levels ? heads : few, levels ? 4 : 3);
	for (size_t i = 0; i < n; i++) {
		if (l.json) {
			json_open_object(&l.j, NULL);
			json_text(&l.j, "member", v[i].text);
			json_text(&l.j, "kind", slice_z(kind_words[v[i].kind]));
			if (levels)
				json_text(&l.j, "level", slice_z(shared_level_name(v[i].level)));
			json_bool(&l.j, "send_as", v[i].send_as);
			json_close(&l.j, '}');
			continue;
		}
		bool address = v[i].kind != MEMBER_DEPARTMENT && v[i].kind != MEMBER_ORG;
		table_cell(l.table, address ? out_address(v[i].text, a) : v[i].text);
		table_cell(l.table, slice_z(kind_text(v[i].kind)));
		if (levels)
			table_cell(l.table, slice_z(shared_level_name(v[i].level)));
		table_cell(l.table, slice_z(v[i].send_as ? T("yes", "是") : ""));
	}
	listing_end_rows(&l);
	listing_end(&l);
}
