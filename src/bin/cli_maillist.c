/*
 * `posthouse maillist`: mailing lists: making, changing and removing them. Settings are words KEY=VALUE, by the table of
 * store/maillist_setting.c. Who is on them is in cli_maillist_member.c, who looks after them in cli_maillist_work.c.
 */
#include "bin/cli_maillist.h"
#include "bin/cli_verbs.h"

#include "base/mem.h"
#include "bin/cli_directory.h"
#include "bin/serve.h"
#include <inttypes.h>
#include <stdio.h>

void cli_lists_done(struct cli_lists *x)
{
	sql_close(x->h.lists);
	cli_env_close(&x->env);
}

bool cli_maillist_begin(struct cli_call *c, struct cli_lists *x, bool list)
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

int cli_maillist_end(struct sql *db, int r, struct err *e)
{
	if (r == 0)
		return sql_commit(db, e);
	sql_rollback(db);
	return -1;
}

/* ---- lists ---- */

static int read_settings(struct cli_call *c, struct cli_lists *x)
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
static int check_archive(struct cli_lists *x)
{
	struct account a;
	struct err e;
	if (x->l.c.archive.n &&
		directory_account(x->h.directory, x->l.c.archive, &x->env.mem, &a, &e) < 0)
		return out_fail(&e);
	return CLI_OK;
}

static int cli_maillist_add(struct cli_call *c)
{
	AUTO(cli_lists) struct cli_lists x = {0};
	struct err e;
	int64_t id;
	if (!cli_maillist_begin(c, &x, false))
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

static int cli_maillist_set(struct cli_call *c)
{
	AUTO(cli_lists) struct cli_lists x = {0};
	struct err e;
	if (!cli_maillist_begin(c, &x, true))
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

static int show_people(struct cli_lists *x, struct sheet *s, struct err *e)
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

static int cli_maillist_show(struct cli_call *c)
{
	AUTO(cli_lists) struct cli_lists x = {0};
	struct sheet s;
	struct err e;
	uint64_t active, all;
	if (!cli_maillist_begin(c, &x, true))
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

static int cli_maillist_settings(struct cli_call *c)
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

static int cli_maillist_list(struct cli_call *c)
{
	AUTO(cli_lists) struct cli_lists x = {0};
	struct listing l;
	struct maillist *v;
	struct err e = {0};
	size_t n = MAILLIST_PAGE_MAX;
	slice after = S("");
	int r = 0;
	if (!cli_maillist_begin(c, &x, false))
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
static int forget(struct cli_lists *x, struct err *e)
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
		cli_maillist_end(x->h.lists, maillist_forget_tx(x->h.lists, x->l.id, e), e) < 0)
		return -1;
	if (sql_begin(x->h.queue, e) < 0)
		return -1;
	return cli_maillist_end(x->h.queue, maillist_post_forget_tx(x->h.queue, x->l.id, e), e);
}

static int cli_maillist_remove(struct cli_call *c)
{
	AUTO(cli_lists) struct cli_lists x = {0};
	struct err e;
	if (!cli_maillist_begin(c, &x, true))
		return x.code;
	if (forget(&x, &e) < 0 || maillist_remove(x.h.directory, x.l.address, &e) < 0)
		return out_fail(&e);
	serve_wake_queue(x.env.config.server->run);
	printf(T("Mailing list %.*s removed.\n", "已删除邮件列表 %.*s。\n"), SFMT(x.l.address));
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
	{"add", cli_maillist_add, "LIST [KEY=VALUE...]", 1, -1, false, add_options,
		"Makes a mailing list.", "创建邮件列表。",
		"  posthouse maillist add dev@example.org posting=members subject_tag='[dev]' "
		"--owner ann@example.org",
		"  posthouse maillist add dev@example.org posting=members subject_tag='[dev]' "
		"--owner ann@example.org"},
	{"set", cli_maillist_set, "LIST [KEY=VALUE...]", 1, -1, false, set_options,
		"Changes settings of a list.", "修改列表设置。", NULL, NULL},
	{"settings", cli_maillist_settings, "", 0, 0, true, NULL, "Explains the settings.",
		"列出所有设置及其含义。", NULL, NULL},
	{"show", cli_maillist_show, "LIST", 1, 1, true, NULL, "Shows a list.", "显示列表。", NULL,
		NULL},
	{"list", cli_maillist_list, "", 0, 0, true, NULL, "Lists the lists.", "列出所有邮件列表。",
		NULL, NULL},
	{"remove", cli_maillist_remove, "LIST", 1, 1, false, NULL,
		"Removes a list and its members.", "删除列表及其成员。", NULL, NULL},
	{"members", cli_maillist_members, "LIST", 1, 1, true, NULL, "Lists members.", "列出成员。",
		NULL, NULL},
	{"join", cli_maillist_join, "LIST ADDRESS...", 2, -1, false, NULL,
		"Makes addresses members.", "加入成员。", NULL, NULL},
	{"leave", cli_maillist_leave, "LIST ADDRESS...", 2, -1, false, NULL, "Removes members.",
		"移出成员。", NULL, NULL},
	{"member", cli_maillist_member, "LIST ADDRESS...", 2, -1, false, member_options,
		"Changes how members get mail.", "修改成员的接收方式。", NULL, NULL},
	{"import", cli_maillist_import, "LIST [FILE]", 1, 2, false, NULL,
		"Makes the addresses of a file (one a line) members.",
		"从文件导入成员，每行一个地址。", NULL, NULL},
	{"export", cli_maillist_export, "LIST", 1, 1, false, NULL,
		"Prints everybody who would get a post.", "输出会收到邮件的所有地址。", NULL, NULL},
	{"include", cli_maillist_include, "LIST SOURCE...", 2, -1, false, NULL,
		"Lets everybody of a source get the list: department:PATH, org:NAME, "
		"group:ADDRESS, list:ADDRESS.",
		"包含来源的所有人：department:路径、org:名称、group:地址、list:地址。", NULL, NULL},
	{"exclude", cli_maillist_exclude, "LIST SOURCE...", 2, -1, false, NULL,
		"Takes sources out again.", "移除来源。", NULL, NULL},
	{"role", cli_maillist_role, "LIST owner|moderator|sender ADDRESS...", 3, -1, false, NULL,
		"Lets people look after a list.", "指定所有者、管理员或发件人。", NULL, NULL},
	{"unrole", cli_maillist_unrole, "LIST owner|moderator|sender ADDRESS...", 3, -1, false,
		NULL, "Takes a role away.", "取消角色。", NULL, NULL},
	{"pending", cli_maillist_pending, "LIST", 1, 1, true, NULL,
		"Lists what waits for a moderator.", "列出待审核的内容。", NULL, NULL},
	{"approve", cli_maillist_approve, "LIST ID...", 2, -1, false, NULL, "Posts what waits.",
		"批准。", NULL, NULL},
	{"reject", cli_maillist_reject, "LIST ID...", 2, -1, false, NULL,
		"Refuses it; its author is told.", "拒绝并通知作者。", NULL, NULL},
	{"discard", cli_maillist_discard, "LIST ID...", 2, -1, false, NULL, "Discards it silently.",
		"丢弃，不通知。", NULL, NULL},
	{"bounces", cli_maillist_bounces, "LIST", 1, 1, true, NULL,
		"Lists members whose mail came back.", "列出有退信的成员。", NULL, NULL},
	{"digest", cli_maillist_digest, "LIST", 1, 1, false, NULL, "Sends the digest now.",
		"立即发送汇总。", NULL, NULL},
	CLI_VERBS_END,
};
