/*
 * `posthouse maillist`: mailing lists: making and changing them, who is on them and looks after them, what waits for a moderator.
 * Settings are words KEY=VALUE, by the table of store/maillist_setting.c.
 */
#include "base/mem.h"
#include "base/time.h"
#include "bin/cli_directory.h"
#include "bin/cli_verbs.h"
#include "bin/maillist_act.h"
#include "bin/serve.h"
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

enum { LINE_BYTES = 2000 };

/* What a command works with. */
struct lists {
	struct cli_env env;
	struct maillist_hands h;
	struct maillist l;
	int code;
	uint64_t room; /* members that it may have besides, once counted */
	bool counted;
};

static void lists_done(struct lists *x)
{
	sql_close(x->h.lists);
	cli_env_close(&x->env);
}
static inline void auto_lists(struct lists *x)
{
	lists_done(x);
}

/* False: complained, x->code. The list of the first argument, where there is one. */
static bool begin(struct cli_call *c, struct lists *x, bool list)
{
	struct err e;
	x->h.directory = cli_env_directory(c->cli, &x->env, &x->code);
	if (!x->h.directory)
		return false;
	x->h.queue = cli_env_db(&x->env, DB_QUEUE, &e);
	if (!x->h.queue || sql_open(x->env.config.server->data, MAILLIST_DB, &x->h.lists, &e) < 0 ||
		(list && maillist_get(x->h.directory, cli_arg(c, 0), &x->env.mem, &x->l, &e) < 0)) {
		x->code = out_fail(&e);
		return false;
	}
	return true;
}

static int end(struct sql *db, int r, struct err *e)
{
	if (r == 0)
		return sql_commit(db, e);
	sql_rollback(db);
	return -1;
}

/* ---- lists ---- */

static int read_settings(struct cli_call *c, struct lists *x)
{
	struct err e;
	for (int i = 1; i < c->nargs; i++) {
		slice word = cli_arg(c, i);
		size_t at = slice_index(word, '=');
		if (at == word.n)
			return out_usage(
				T("settings are KEY=VALUE: %.*s", "设置的格式为 键=值：%.*s"),
				SFMT(word));
		if (maillist_conf_set(
			    &x->l.c, slice_first(word, at), slice_skip(word, at + 1), &e) < 0)
			return out_fail(&e);
	}
	if (cli_option(c, "name"))
		x->l.name = cli_option_text(c, "name");
	return CLI_OK;
}

/* Folder and mailbox must be there when the first post comes. */
static int check_archive(struct lists *x)
{
	struct account a;
	struct err e;
	if (x->l.c.archive.n &&
		directory_account(x->h.directory, x->l.c.archive, &x->env.mem, &a, &e) < 0)
		return out_fail(&e);
	return CLI_OK;
}

static int maillist_cli_add(struct cli_call *c)
{
	AUTO(lists) struct lists x = {0};
	struct err e;
	int64_t id;
	if (!begin(c, &x, false))
		return x.code;
	x.l.address = cli_arg(c, 0);
	maillist_conf_usual(&x.l.c);
	int code = read_settings(c, &x);
	if (!code)
		code = check_archive(&x);
	if (code)
		return code;
	if (maillist_add(x.h.directory, &x.l, &id, &e) < 0)
		return out_fail(&e);
	if (cli_option(c, "owner") &&
		maillist_role_put(x.h.directory, id, cli_option_text(c, "owner"),
			MAILLIST_OWNER_ROLE, &e) < 0)
		return out_fail(&e);
	printf(T("Mailing list %.*s added.\n", "已添加邮件列表 %.*s。\n"), SFMT(cli_arg(c, 0)));
	return CLI_OK;
}

static int maillist_cli_set(struct cli_call *c)
{
	AUTO(lists) struct lists x = {0};
	struct err e;
	if (!begin(c, &x, true))
		return x.code;
	int code = read_settings(c, &x);
	if (!code)
		code = check_archive(&x);
	if (code)
		return code;
	if (maillist_save(x.h.directory, &x.l, &e) < 0)
		return out_fail(&e);
	printf(T("Mailing list %.*s changed.\n", "已修改邮件列表 %.*s。\n"), SFMT(x.l.address));
	return CLI_OK;
}

static slice role_words(unsigned roles, struct arena *a)
{
	slice out = S("");
	for (unsigned r = 1; r <= MAILLIST_SENDER; r <<= 1)
		if (roles & r)
			out = arena_printf(a, "%.*s%s%s", SFMT(out), out.n ? "," : "",
				maillist_role_name((enum maillist_role)r));
	return out;
}

static int show_people(struct lists *x, struct sheet *s, struct err *e)
{
	struct arena *a = &x->env.mem;
	struct maillist_person *v;
	struct maillist_source *src;
	size_t n, nsrc;
	if (maillist_people(x->h.directory, x->l.id, a, &v, &n, e) < 0 ||
		maillist_sources(x->h.directory, x->l.id, a, &src, &nsrc, e) < 0)
		return -1;
	slice *lines = ARENA_ARRAY(a, slice, n + nsrc + 1);
	for (size_t i = 0; i < n; i++)
		lines[i] = arena_printf(
			a, "%.*s (%.*s)", SFMT(v[i].address), SFMT(role_words(v[i].roles, a)));
	sheet_list(s, "people", T("looked after by", "管理人员"), lines, n);
	for (size_t i = 0; i < nsrc; i++)
		lines[i] = src[i].text;
	sheet_list(s, "sources", T("includes", "包含"), lines, nsrc);
	return 0;
}

static int maillist_cli_show(struct cli_call *c)
{
	AUTO(lists) struct lists x = {0};
	struct sheet s;
	struct err e;
	uint64_t active, all;
	if (!begin(c, &x, true))
		return x.code;
	if (maillist_count(x.h.lists, x.l.id, &active, &all, &e) < 0)
		return out_fail(&e);
	sheet_begin(&s, c->cli->json);
	sheet_text(&s, "address", T("address", "地址"), x.l.address);
	sheet_text(&s, "name", T("name", "名称"), x.l.name);
	sheet_int(&s, "members", T("members", "成员"), (int64_t)all);
	sheet_int(&s, "active", T("of these active", "其中正常接收"), (int64_t)active);
	int r = show_people(&x, &s, &e);
	for (size_t i = 0; i < maillist_settings_n; i++)
		sheet_text(&s, maillist_settings[i].key, maillist_settings[i].key,
			maillist_conf_get(&x.l.c, &maillist_settings[i], &x.env.mem));
	sheet_time(&s, "created_at", T("created", "创建时间"), x.l.created_at);
	sheet_end(&s);
	return r < 0 ? out_fail(&e) : CLI_OK;
}

static int maillist_cli_settings(struct cli_call *c)
{
	AUTO(arena) struct arena a = {0};
	struct maillist_conf usual;
	struct listing l;
	const char *const heads[] = {
		T("SETTING", "设置"), T("USUAL", "默认"), T("MEANING", "含义")};
	maillist_conf_usual(&usual);
	listing_begin(&l, c->cli->json, "settings", heads, 3);
	for (size_t i = 0; i < maillist_settings_n; i++) {
		const struct maillist_setting *s = &maillist_settings[i];
		slice v = maillist_conf_get(&usual, s, &a), means = slice_z(T(s->en, s->zh));
		if (l.json) {
			json_open_object(&l.j, NULL);
			json_text(&l.j, "key", slice_z(s->key));
			json_text(&l.j, "usual", v);
			json_text(&l.j, "meaning", means);
			json_close(&l.j, '}');
			continue;
		}
		table_cell(l.table, slice_z(s->key));
		table_cell(l.table, v);
		table_cell(l.table, means);
	}
	listing_end_rows(&l);
	listing_end(&l);
	return CLI_OK;
}

static int maillist_cli_list(struct cli_call *c)
{
	AUTO(lists) struct lists x = {0};
	struct listing l;
	struct maillist *v;
	struct err e = {0};
	size_t n = MAILLIST_PAGE_MAX;
	slice after = S("");
	int r = 0;
	if (!begin(c, &x, false))
		return x.code;
	const char *const heads[] = {
		T("LIST", "列表"), T("NAME", "名称"), T("POSTING", "发帖"), T(">MEMBERS", ">成员")};
	listing_begin(&l, c->cli->json, "lists", heads, 4);
	while (r == 0 && n == MAILLIST_PAGE_MAX) {
		r = maillist_each(x.h.directory, 0, after, 0, &x.env.mem, &v, &n, &e);
		for (size_t i = 0; r == 0 && i < n; i++) {
			uint64_t active = 0, all = 0;
			r = maillist_count(x.h.lists, v[i].id, &active, &all, &e);
			slice posting =
				maillist_conf_get(&v[i].c, &maillist_settings[0], &x.env.mem);
			after = v[i].address;
			if (l.json) {
				json_open_object(&l.j, NULL);
				json_text(&l.j, "address", v[i].address);
				json_text(&l.j, "name", v[i].name);
				json_text(&l.j, "posting", posting);
				json_int(&l.j, "members", (int64_t)all);
				json_close(&l.j, '}');
				continue;
			}
			table_cell(l.table, out_address(v[i].address, &x.env.mem));
			table_cell(l.table, v[i].name);
			table_cell(l.table, posting);
			table_cellf(l.table, "%" PRIu64, all);
		}
	}
	listing_end_rows(&l);
	listing_end(&l);
	return r < 0 ? out_fail(&e) : CLI_OK;
}

/* Posts that wait end with the list. */
static int forget(struct lists *x, struct err *e)
{
	struct maillist_held *v;
	size_t n;
	if (maillist_held(x->h.queue, x->l.id, &x->env.mem, &v, &n, e) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		if (maillist_act_decide(
			    &x->h, v[i].id, v[i].idx, MAILLIST_DISCARDED, S("removed"), e) < 0 &&
			e->kind != ERR_NOTFOUND && e->kind != ERR_EXISTS)
			return -1;
	if (sql_begin(x->h.lists, e) < 0 ||
		end(x->h.lists, maillist_forget_tx(x->h.lists, x->l.id, e), e) < 0)
		return -1;
	if (sql_begin(x->h.queue, e) < 0)
		return -1;
	return end(x->h.queue, maillist_post_forget_tx(x->h.queue, x->l.id, e), e);
}

static int maillist_cli_remove(struct cli_call *c)
{
	AUTO(lists) struct lists x = {0};
	struct err e;
	if (!begin(c, &x, true))
		return x.code;
	if (forget(&x, &e) < 0 || maillist_remove(x.h.directory, x.l.address, &e) < 0)
		return out_fail(&e);
	serve_wake_queue(x.env.config.server->run);
	printf(T("Mailing list %.*s removed.\n", "已删除邮件列表 %.*s。\n"), SFMT(x.l.address));
	return CLI_OK;
}

/* ---- members ---- */

static int put_member(struct lists *x, slice address, bool *ret_new, struct err *e)
{
	slice key;
	if (!directory_canonical(address, &x->env.mem, &key))
		return err_set(e, ERR_PROTO, "not an address: %.*s", SFMT(address));
	if (!x->counted && maillist_room(x->h.lists, x->l.id, &x->room, e) < 0)
		return -1;
	x->counted = true;
	return maillist_join_within_tx(
		x->h.lists, x->l.id, key, S(""), wall_now(), &x->room, ret_new, e);
}

static int join_all(struct cli_call *c, struct lists *x, struct err *e)
{
	bool fresh;
	for (int i = 1; i < c->nargs; i++)
		if (put_member(x, cli_arg(c, i), &fresh, e) < 0)
			return -1;
	return 0;
}

static int maillist_cli_join(struct cli_call *c)
{
	AUTO(lists) struct lists x = {0};
	struct err e;
	if (!begin(c, &x, true))
		return x.code;
	if (sql_begin(x.h.lists, &e) < 0 || end(x.h.lists, join_all(c, &x, &e), &e) < 0)
		return out_fail(&e);
	printf(T("They are on %.*s.\n", "已加入 %.*s。\n"), SFMT(x.l.address));
	return CLI_OK;
}

static int maillist_cli_leave(struct cli_call *c)
{
	AUTO(lists) struct lists x = {0};
	struct maillist_source *v;
	size_t n;
	struct err e;
	if (!begin(c, &x, true))
		return x.code;
	if (maillist_sources(x.h.directory, x.l.id, &x.env.mem, &v, &n, &e) < 0 ||
		sql_begin(x.h.lists, &e) < 0)
		return out_fail(&e);
	int r = 0;
	for (int i = 1; r == 0 && i < c->nargs; i++) {
		slice key = cli_arg(c, i);
		directory_canonical(key, &x.env.mem, &key);
		r = maillist_leave_tx(x.h.lists, x.l.id, key, n > 0, wall_now(), &e);
	}
	if (end(x.h.lists, r, &e) < 0)
		return out_fail(&e);
	printf(T("They are on %.*s no more.\n", "已移出 %.*s。\n"), SFMT(x.l.address));
	return CLI_OK;
}

/* One address a line; what stands behind a comma or blank does not count, nor do lines with #. */
static int import_file(
	struct lists *x, FILE *f, unsigned *ret_new, unsigned *ret_bad, struct err *e)
{
	char line[LINE_BYTES];
	while (fgets(line, sizeof line, f)) {
		slice s = slice_trim(slice_z(line));
		bool fresh = false;
		if (!s.n || s.p[0] == '#')
			continue;
		s = slice_trim(slice_first(s, strcspn(s.p, ",; \t\r\n")));
		if (put_member(x, s, &fresh, e) < 0) {
			if (e->kind != ERR_PROTO)
				return -1;
			fprintf(stderr, T("not an address: %.*s\n", "不是地址：%.*s\n"), SFMT(s));
			++*ret_bad;
		}
		*ret_new += fresh;
	}
	return ferror(f) ? err_sys(e, errno, "reading") : 0;
}

static int maillist_cli_import(struct cli_call *c)
{
	AUTO(lists) struct lists x = {0};
	struct err e;
	unsigned fresh = 0, bad = 0;
	FILE *f = stdin;
	if (c->nargs > 1 && !slice_eq(cli_arg(c, 1), S("-")))
		f = fopen(c->args[1], "r");
	if (!f) {
		err_sys(&e, errno, "%s", c->args[1]);
		return out_fail(&e);
	}
	int code = CLI_OK;
	if (!begin(c, &x, true))
		code = x.code;
	else if (sql_begin(x.h.lists, &e) < 0 ||
		 end(x.h.lists, import_file(&x, f, &fresh, &bad, &e), &e) < 0)
		code = out_fail(&e);
	else
		printf(T("%u new members, %u lines that are no addresses.\n",
			       "新增成员 %u 个，%u 行不是地址。\n"),
			fresh, bad);
	if (f != stdin)
		fclose(f);
	return code ? code : bad ? CLI_FAILED : CLI_OK;
}

static void member_row(struct listing *l, const struct maillist_member *m, struct arena *a)
{
	char score[30];
	snprintf(score, sizeof score, "%.2f", (double)m->score / MAILLIST_BOUNCE_HARD);
	if (l->json) {
		json_open_object(&l->j, NULL);
		json_text(&l->j, "address", m->address);
		json_text(&l->j, "name", m->name);
		json_text(&l->j, "state", slice_z(maillist_state_name(m->state)));
		json_bool(&l->j, "own", m->own);
		json_bool(&l->j, "digest", m->digest);
		json_text(&l->j, "bounces", slice_z(score));
		json_text(&l->j, "bounce", m->bounce);
		json_time(&l->j, "joined_at", m->joined_at);
		json_close(&l->j, '}');
		return;
	}
	table_cell(l->table, out_address(m->address, a));
	table_cell(l->table, slice_z(maillist_state_name(m->state)));
	table_cell(l->table, slice_z(m->digest ? T("digest", "汇总") : ""));
	table_cell(l->table, slice_z(score));
	table_cell(l->table, m->bounce);
}

static int list_members(struct cli_call *c, int state, bool bounces)
{
	AUTO(lists) struct lists x = {0};
	struct listing l;
	struct maillist_member *v;
	struct err e = {0};
	size_t n = MAILLIST_PAGE_MAX;
	slice after = S("");
	int r = 0;
	if (!begin(c, &x, true))
		return x.code;
	const char *const heads[] = {T("MEMBER", "成员"), T("STATE", "状态"), T("WISH", "方式"),
		T(">BOUNCES", ">退信"), T("LAST", "最近退信")};
	listing_begin(&l, c->cli->json, "members", heads, 5);
	while (r == 0 && n == MAILLIST_PAGE_MAX) {
		r = maillist_members(x.h.lists, x.l.id, after, state, 0, &x.env.mem, &v, &n, &e);
		for (size_t i = 0; r == 0 && i < n; i++) {
			after = v[i].address;
			if (!bounces || v[i].bounced_at)
				member_row(&l, &v[i], &x.env.mem);
		}
	}
	listing_end_rows(&l);
	listing_end(&l);
	return r < 0 ? out_fail(&e) : CLI_OK;
}

static int maillist_cli_members(struct cli_call *c)
{
	return list_members(c, 0, false);
}

static int maillist_cli_bounces(struct cli_call *c)
{
	return list_members(c, 0, true);
}

/* Who would get a post. */
static int maillist_cli_export(struct cli_call *c)
{
	AUTO(lists) struct lists x = {0};
	struct maillist_reader *v;
	struct err e;
	slice next = S("");
	size_t n;
	bool more = true;
	if (!begin(c, &x, true))
		return x.code;
	while (more) {
		AUTO(arena) struct arena a = {0};
		AUTO(buf) struct buf at = BUF(1000);
		if (maillist_readers(x.h.lists, x.h.directory, x.l.id, next, 0, &a, &v, &n, &next,
			    &more, &e) < 0)
			return out_fail(&e);
		for (size_t i = 0; i < n; i++)
			printf("%.*s\n", SFMT(v[i].address));
		next = arena_dup(&x.env.mem, next);
	}
	return CLI_OK;
}

static int wish(struct cli_call *c, enum maillist_state state, int digest)
{
	AUTO(lists) struct lists x = {0};
	struct maillist_member m;
	struct err e;
	if (!begin(c, &x, true))
		return x.code;
	for (int i = 1; i < c->nargs; i++) {
		slice key = cli_arg(c, i);
		int64_t id;
		directory_canonical(key, &x.env.mem, &key);
		if (sql_begin(x.h.lists, &e) < 0)
			return out_fail(&e);
		int r = maillist_known_tx(x.h.lists, x.l.id, key, wall_now(), &id, &e);
		if (r == 0)
			r = maillist_member_by_id(x.h.lists, id, &x.env.mem, &m, &e);
		if (r == 0)
			r = maillist_wish_tx(
				x.h.lists, id, state, digest < 0 ? m.digest : digest, &e);
		if (end(x.h.lists, r, &e) < 0)
			return out_fail(&e);
	}
	return CLI_OK;
}

static int maillist_cli_member(struct cli_call *c)
{
	int digest = cli_flag(c, "digest") ? 1 : cli_flag(c, "no-digest") ? 0 : -1;
	return wish(c, cli_flag(c, "nomail") ? MAILLIST_NOMAIL : MAILLIST_ACTIVE, digest);
}

/* ---- sources and roles ---- */

static int change_sources(struct cli_call *c,
	int (*fn)(struct sql *, int64_t, const struct maillist_source *, struct err *))
{
	AUTO(lists) struct lists x = {0};
	struct maillist_source s;
	struct err e;
	if (!begin(c, &x, true))
		return x.code;
	for (int i = 1; i < c->nargs; i++)
		if (maillist_source_parse(x.h.directory, &x.l, cli_arg(c, i), &x.env.mem, &s, &e) <
				0 ||
			fn(x.h.directory, x.l.id, &s, &e) < 0)
			return out_fail(&e);
	printf(T("Mailing list %.*s changed.\n", "已修改邮件列表 %.*s。\n"), SFMT(x.l.address));
	return CLI_OK;
}

static int maillist_cli_include(struct cli_call *c)
{
	return change_sources(c, maillist_source_put);
}

static int maillist_cli_exclude(struct cli_call *c)
{
	return change_sources(c, maillist_source_take);
}

static int change_roles(
	struct cli_call *c, int (*fn)(struct sql *, int64_t, slice, unsigned, struct err *))
{
	AUTO(lists) struct lists x = {0};
	enum maillist_role role;
	struct err e;
	if (!maillist_role_parse(cli_arg(c, 1), &role))
		return out_usage(T("a role is owner, moderator or sender: %.*s",
					 "角色应为 owner、moderator 或 sender：%.*s"),
			SFMT(cli_arg(c, 1)));
	if (!begin(c, &x, true))
		return x.code;
	for (int i = 2; i < c->nargs; i++)
		if (fn(x.h.directory, x.l.id, cli_arg(c, i), role, &e) < 0)
			return out_fail(&e);
	printf(T("Mailing list %.*s changed.\n", "已修改邮件列表 %.*s。\n"), SFMT(x.l.address));
	return CLI_OK;
}

static int maillist_cli_role(struct cli_call *c)
{
	return change_roles(c, maillist_role_put);
}

static int maillist_cli_unrole(struct cli_call *c)
{
	return change_roles(c, maillist_role_take);
}

/* ---- moderation ---- */

static void held_row(struct listing *l, const struct maillist_held *h, struct arena *a)
{
	char id[MSG_ID_TEXT];
	msg_id_print(h->id, id);
	slice name = arena_printf(a, "%s/%d", id, h->idx);
	if (l->json) {
		json_open_object(&l->j, NULL);
		json_text(&l->j, "id", name);
		json_text(&l->j, "author", h->author);
		json_text(&l->j, "subject", h->subject);
		json_text(&l->j, "reason", h->reason);
		json_bool(&l->j, "proven", h->proven);
		json_time(&l->j, "at", h->at);
		json_time(&l->j, "until", h->until);
		json_close(&l->j, '}');
		return;
	}
	table_cell(l->table, name);
	table_cell(l->table, out_address(h->author, a));
	table_cell(l->table, h->subject);
	table_cell(l->table, h->reason);
}

static void request_row(struct listing *l, const struct maillist_request *r, struct arena *a)
{
	slice name = arena_printf(a, "request/%" PRId64, r->id);
	if (l->json) {
		json_open_object(&l->j, NULL);
		json_text(&l->j, "id", name);
		json_text(&l->j, "author", r->address);
		json_text(&l->j, "reason", S("asks to join"));
		json_time(&l->j, "at", r->at);
		json_close(&l->j, '}');
		return;
	}
	table_cell(l->table, name);
	table_cell(l->table, out_address(r->address, a));
	table_cell(l->table, r->name);
	table_cell(l->table, slice_z(T("asks to join", "申请加入")));
}

static int maillist_cli_pending(struct cli_call *c)
{
	AUTO(lists) struct lists x = {0};
	struct listing l;
	struct maillist_held *v;
	struct maillist_request *r;
	struct err e;
	size_t n, nr;
	if (!begin(c, &x, true))
		return x.code;
	if (maillist_held(x.h.queue, x.l.id, &x.env.mem, &v, &n, &e) < 0 ||
		maillist_requests(x.h.lists, x.l.id, true, &x.env.mem, &r, &nr, &e) < 0)
		return out_fail(&e);
	const char *const heads[] = {
		T("ID", "编号"), T("FROM", "发件人"), T("SUBJECT", "主题"), T("WHY", "原因")};
	listing_begin(&l, c->cli->json, "pending", heads, 4);
	for (size_t i = 0; i < n; i++)
		held_row(&l, &v[i], &x.env.mem);
	for (size_t i = 0; i < nr; i++)
		request_row(&l, &r[i], &x.env.mem);
	listing_end_rows(&l);
	listing_end(&l);
	return CLI_OK;
}

/* "ID/IDX" of a post, "request/N". */
static int decide_one(struct lists *x, slice name, enum maillist_verdict v, struct err *e)
{
	size_t at = slice_index(name, '/');
	uint64_t n;
	msg_id id;
	if (!slice_u64(slice_skip(name, at + 1), &n) || n > INT64_MAX)
		return err_set(e, ERR_PROTO, "not an id of `pending`: %.*s", SFMT(name));
	if (slice_eq(slice_first(name, at), S("request")))
		return maillist_act_answer(
			&x->h, (int64_t)n, v == MAILLIST_APPROVED, &x->env.mem, e);
	if (!msg_id_parse(slice_first(name, at), &id) || n > INT32_MAX)
		return err_set(e, ERR_PROTO, "not an id of `pending`: %.*s", SFMT(name));
	return maillist_act_decide(&x->h, id, (int32_t)n, v, cli_env_who(&x->env.mem), e);
}

static int decide(struct cli_call *c, enum maillist_verdict v)
{
	AUTO(lists) struct lists x = {0};
	struct err e;
	if (!begin(c, &x, true))
		return x.code;
	for (int i = 1; i < c->nargs; i++)
		if (decide_one(&x, cli_arg(c, i), v, &e) < 0)
			return out_fail(&e);
	serve_wake_queue(x.env.config.server->run);
	puts(T("Decided.", "已处理。"));
	return CLI_OK;
}

static int maillist_cli_approve(struct cli_call *c)
{
	return decide(c, MAILLIST_APPROVED);
}

static int maillist_cli_reject(struct cli_call *c)
{
	return decide(c, MAILLIST_REJECTED);
}

static int maillist_cli_discard(struct cli_call *c)
{
	return decide(c, MAILLIST_DISCARDED);
}

static int maillist_cli_digest(struct cli_call *c)
{
	AUTO(lists) struct lists x = {0};
	struct err e;
	if (!begin(c, &x, true))
		return x.code;
	if (sql_begin(x.h.queue, &e) < 0 ||
		end(x.h.queue, maillist_digest_ask_tx(x.h.queue, x.l.id, &e), &e) < 0)
		return out_fail(&e);
	serve_wake_queue(x.env.config.server->run);
	puts(T("What waits leaves as a digest now.", "待汇总的邮件即将发出。"));
	return CLI_OK;
}

/* ---- the table ---- */

static const struct cli_option add_options[] = {
	{"name", "TEXT", "its name for people", "显示名称"},
	{"owner", "ADDRESS", "who looks after it", "所有者"},
	{NULL, NULL, NULL, NULL},
};
static const struct cli_option set_options[] = {
	{"name", "TEXT", "its name for people", "显示名称"},
	{NULL, NULL, NULL, NULL},
};
static const struct cli_option member_options[] = {
	{"digest", NULL, "gets the daily digest", "接收每日汇总"},
	{"no-digest", NULL, "gets each post", "逐封接收"},
	{"nomail", NULL, "gets nothing, may post; without it: gets mail again",
		"停收但可发帖；不加此项则恢复接收"},
	{NULL, NULL, NULL, NULL},
};

const struct cli_verb maillist_verbs[] = {
	{"add", maillist_cli_add, "LIST [KEY=VALUE...]", 1, -1, false, add_options,
		"Makes a mailing list.", "创建邮件列表。",
		"  posthouse maillist add dev@example.org posting=members subject_tag='[dev]' "
		"--owner ann@example.org",
		"  posthouse maillist add dev@example.org posting=members subject_tag='[dev]' "
		"--owner ann@example.org"},
	{"set", maillist_cli_set, "LIST [KEY=VALUE...]", 1, -1, false, set_options,
		"Changes settings of a list.", "修改列表设置。", NULL, NULL},
	{"settings", maillist_cli_settings, "", 0, 0, true, NULL, "Explains the settings.",
		"列出所有设置及其含义。", NULL, NULL},
	{"show", maillist_cli_show, "LIST", 1, 1, true, NULL, "Shows a list.", "显示列表。", NULL,
		NULL},
	{"list", maillist_cli_list, "", 0, 0, true, NULL, "Lists the lists.", "列出所有邮件列表。",
		NULL, NULL},
	{"remove", maillist_cli_remove, "LIST", 1, 1, false, NULL,
		"Removes a list and its members.", "删除列表及其成员。", NULL, NULL},
	{"members", maillist_cli_members, "LIST", 1, 1, true, NULL, "Lists members.", "列出成员。",
		NULL, NULL},
	{"join", maillist_cli_join, "LIST ADDRESS...", 2, -1, false, NULL,
		"Makes addresses members.", "加入成员。", NULL, NULL},
	{"leave", maillist_cli_leave, "LIST ADDRESS...", 2, -1, false, NULL, "Removes members.",
		"移出成员。", NULL, NULL},
	{"member", maillist_cli_member, "LIST ADDRESS...", 2, -1, false, member_options,
		"Changes how members get mail.", "修改成员的接收方式。", NULL, NULL},
	{"import", maillist_cli_import, "LIST [FILE]", 1, 2, false, NULL,
		"Makes the addresses of a file (one a line) members.",
		"从文件导入成员，每行一个地址。", NULL, NULL},
	{"export", maillist_cli_export, "LIST", 1, 1, false, NULL,
		"Prints everybody who would get a post.", "输出会收到邮件的所有地址。", NULL, NULL},
	{"include", maillist_cli_include, "LIST SOURCE...", 2, -1, false, NULL,
		"Lets everybody of a source get the list: department:PATH, org:NAME, "
		"group:ADDRESS, list:ADDRESS.",
		"包含来源的所有人：department:路径、org:名称、group:地址、list:地址。", NULL, NULL},
	{"exclude", maillist_cli_exclude, "LIST SOURCE...", 2, -1, false, NULL,
		"Takes sources out again.", "移除来源。", NULL, NULL},
	{"role", maillist_cli_role, "LIST owner|moderator|sender ADDRESS...", 3, -1, false, NULL,
		"Lets people look after a list.", "指定所有者、管理员或发件人。", NULL, NULL},
	{"unrole", maillist_cli_unrole, "LIST owner|moderator|sender ADDRESS...", 3, -1, false,
		NULL, "Takes a role away.", "取消角色。", NULL, NULL},
	{"pending", maillist_cli_pending, "LIST", 1, 1, true, NULL,
		"Lists what waits for a moderator.", "列出待审核的内容。", NULL, NULL},
	{"approve", maillist_cli_approve, "LIST ID...", 2, -1, false, NULL, "Posts what waits.",
		"批准。", NULL, NULL},
	{"reject", maillist_cli_reject, "LIST ID...", 2, -1, false, NULL,
		"Refuses it; its author is told.", "拒绝并通知作者。", NULL, NULL},
	{"discard", maillist_cli_discard, "LIST ID...", 2, -1, false, NULL, "Discards it silently.",
		"丢弃，不通知。", NULL, NULL},
	{"bounces", maillist_cli_bounces, "LIST", 1, 1, true, NULL,
		"Lists members whose mail came back.", "列出有退信的成员。", NULL, NULL},
	{"digest", maillist_cli_digest, "LIST", 1, 1, false, NULL, "Sends the digest now.",
		"立即发送汇总。", NULL, NULL},
	CLI_VERBS_END,
};
