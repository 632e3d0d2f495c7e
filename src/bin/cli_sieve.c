/*
 * `posthouse sieve`: rules for incoming mail, of accounts and, with --system, of the administrator: put, listed, shown, switched on
 * and off, removed; what went wrong with them. A script is compiled before it is stored (mail/scripts.h). What one would do with a
 * letter: cli_sieve_try.c.
 */
#include "bin/cli_sieve.h"

#include "base/mem.h"
#include "base/time.h"
#include "bin/cli_verbs.h"
#include "mail/scripts.h"
#include "store/directory_org.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

int cli_sieve_read(struct cli_env *env, slice path, size_t most, struct buf *out, struct err *e)
{
	enum { PIECE = 64 * 1024 };
	ssize_t n = 1;
	cli_env_as_caller(env);
	AUTO(fd)
	int fd = slice_eq(path, S("-")) ? dup(0)
					: open(arena_strz(&env->mem, path), O_RDONLY | O_CLOEXEC);
	cli_env_as_server(env);
	*out = BUF(most);
	while (fd >= 0 && n > 0) {
		char *room = buf_room(out, out->n + PIECE <= most ? PIECE : most - out->n);
		if (!room || out->n == most)
			return err_set(e, ERR_LIMIT, "larger than %zu bytes", most);
		n = read(fd, room, out->n + PIECE <= most ? PIECE : most - out->n);
		buf_commit(out, n > 0 ? (size_t)n : 0);
	}
	return fd < 0 || n < 0 ? err_sys(e, errno, "%.*s", SFMT(path)) : 0;
}

/* ---- whose ---- */

struct whose {
	struct cli_env env;
	struct sql *db;
	struct account account;
	bool system;
	int next; /* argument behind the address */
};

static void auto_whose(struct whose *w)
{
	cli_env_close(&w->env);
}

/* CLI_OK, or a complaint was made. */
static int open_whose(struct cli_call *c, struct whose *w)
{
	struct err e;
	int code = CLI_OK;
	w->system = cli_flag(c, "system");
	w->next = w->system ? 0 : 1;
	if (c->nargs < w->next)
		return out_usage(
			T("an address is needed, or --system", "需要帐号地址，或 --system"));
	w->db = cli_env_directory(c->cli, &w->env, &code);
	if (!w->db)
		return code;
	if (!w->system && directory_account(w->db, cli_arg(c, 0), &w->env.mem, &w->account, &e) < 0)
		return out_fail(&e);
	return CLI_OK;
}

static int need_args(struct cli_call *c, const struct whose *w, int n)
{
	return c->nargs == w->next + n
		       ? CLI_OK
		       : out_usage(T("`posthouse sieve %s --help` says which arguments are needed",
					   "参数见 `posthouse sieve %s --help`"),
				 c->verb->name);
}

/* ---- lists ---- */

static const char *place_word(enum script_place p)
{
	return p == SCRIPT_BEFORE  ? T("before", "之前")
	       : p == SCRIPT_AFTER ? T("after", "之后")
				   : T("library", "库");
}

static const char *place_name(enum script_place p)
{
	return p == SCRIPT_BEFORE ? "before" : p == SCRIPT_AFTER ? "after" : "library";
}

static slice scope_text(const struct script *s, struct arena *a)
{
	if (s->scope == SCRIPT_ALL)
		return slice_z(T("all", "全部"));
	return arena_printf(a, "%s %.*s",
		s->scope == SCRIPT_ORG ? T("organisation", "组织") : T("domain", "域"),
		SFMT(s->scope_name));
}

static void script_json(struct json *j, const struct script *s)
{
	json_text(j, "name", s->name);
	json_bool(j, "active", s->active);
	json_int(j, "size", (int64_t)s->size);
	if (!s->account_id) {
		json_text(j, "place", slice_z(place_name(s->place)));
		json_text(j, "scope",
			slice_z(s->scope == SCRIPT_ALL   ? "all"
				: s->scope == SCRIPT_ORG ? "org"
							 : "domain"));
		json_text(j, "of", s->scope_name);
		json_int(j, "order", s->order);
	}
	json_text(j, "warnings", s->warnings);
	json_bool(j, "form", s->form.n > 0);
	json_text(j, "changed_by", s->changed_by);
	json_time(j, "changed_at", s->changed_at);
}

static void script_row(struct listing *l, const struct script *s, struct arena *a)
{
	char text[OUT_TEXT];
	if (l->json) {
		json_open_object(&l->j, NULL);
		script_json(&l->j, s);
		json_close(&l->j, '}');
		return;
	}
	table_cell(l->table, s->name);
	table_cell(l->table, slice_z(s->active ? T("yes", "是") : T("no", "否")));
	if (!s->account_id) {
		table_cell(l->table, slice_z(place_word(s->place)));
		table_cell(l->table, scope_text(s, a));
		table_cellf(l->table, "%d", s->order);
	}
	table_cell(l->table, slice_z(out_size(s->size, text)));
	table_cell(l->table, slice_z(s->warnings.n ? T("yes", "有") : "-"));
	table_cell(l->table, slice_z(out_time(s->changed_at, text)));
	table_cell(l->table, s->changed_by);
}

static int sieve_list(struct cli_call *c)
{
	AUTO(whose) struct whose w = {0};
	struct script *v;
	struct listing l;
	struct err e;
	size_t n;
	int code = open_whose(c, &w);
	if (code || (code = need_args(c, &w, 0)))
		return code;
	if ((w.system ? script_system_list(w.db, &w.env.mem, &v, &n, &e)
		      : script_list(w.db, w.account.id, &w.env.mem, &v, &n, &e)) < 0)
		return out_fail(&e);
	const char *const own[] = {T("NAME", "名称"), T("ACTIVE", "启用"), T(">SIZE", ">大小"),
		T("WARNINGS", "警告"), T("CHANGED", "修改时间"), T("BY", "修改人")};
	const char *const all[] = {T("NAME", "名称"), T("ON", "启用"), T("RUNS", "运行"),
		T("FOR", "适用"), T(">ORDER", ">次序"), T(">SIZE", ">大小"), T("WARNINGS", "警告"),
		T("CHANGED", "修改时间"), T("BY", "修改人")};
	listing_begin(&l, c->cli->json, "scripts", w.system ? all : own, w.system ? 9 : 6);
	for (size_t i = 0; i < n; i++)
		script_row(&l, &v[i], &w.env.mem);
	listing_end_rows(&l);
	listing_end(&l);
	return CLI_OK;
}

/* Named, or the active one. */
static int find_script(struct cli_call *c, struct whose *w, struct script *ret, struct err *e)
{
	slice name = cli_arg(c, w->next);
	if (w->system)
		return script_system_get(w->db, name, &w->env.mem, ret, e);
	return name.n ? script_get(w->db, w->account.id, name, &w->env.mem, ret, e)
		      : script_active(w->db, w->account.id, &w->env.mem, ret, e);
}

/* The simple rules that made it. */
static int show_form(const struct script *s)
{
	if (!s->form.n)
		return out_usage(T("%.*s was written by hand", "%.*s 是手写的脚本"), SFMT(s->name));
	out_safe(s->form);
	printf("\n");
	return CLI_OK;
}

static int sieve_show(struct cli_call *c)
{
	AUTO(whose) struct whose w = {0};
	struct script s;
	struct err e;
	int code = open_whose(c, &w);
	if (code)
		return code;
	if (find_script(c, &w, &s, &e) < 0)
		return out_fail(&e);
	if (cli_flag(c, "form"))
		return show_form(&s);
	if (c->cli->json) {
		struct json j = {0};
		json_begin(&j);
		script_json(&j, &s);
		json_text(&j, "text", s.text);
		json_end(&j);
		return CLI_OK;
	}
	for (slice line, rest = s.text; slice_cut(&rest, '\n', &line);) {
		if (slice_ends(line, S("\r")))
			line.n--;
		out_safe(line);
		if (rest.p)
			printf("\n");
	}
	return CLI_OK;
}

/* ---- changes ---- */

static void tell_mistakes(const struct sieve_mistakes *m, struct arena *a)
{
	slice text = scripts_mistakes(m, cli_conf_lang() == CONF_ZH, a), line;
	while (slice_cut(&text, '\n', &line))
		if (line.n)
			fprintf(stderr, "%.*s\n", SFMT(line));
}

static int read_place(struct cli_call *c, struct script *s)
{
	slice place = cli_option_text(c, "place"), order = cli_option_text(c, "order");
	uint64_t n = 0;
	s->place = SCRIPT_BEFORE;
	if (slice_eq(place, S("after")))
		s->place = SCRIPT_AFTER;
	else if (slice_eq(place, S("library")))
		s->place = SCRIPT_LIBRARY;
	else if (place.n && !slice_eq(place, S("before")))
		return out_usage(T("--place is before, after or library",
			"--place 为 before、after 或 library"));
	if (order.n && (!slice_u64(order, &n) || n > 1000000))
		return out_usage(T("--order is a number", "--order 为数字"));
	s->order = (int)n;
	return CLI_OK;
}

static int read_scope(struct cli_call *c, struct whose *w, struct script *s)
{
	slice org = cli_option_text(c, "org"), name = cli_option_text(c, "domain");
	struct domain domain;
	struct org found;
	struct err e;
	s->scope = SCRIPT_ALL;
	if (org.n && name.n)
		return out_usage(
			T("--org or --domain, not both", "--org 和 --domain 只能给出一个"));
	if (org.n && directory_org(w->db, org, &w->env.mem, &found, &e) < 0)
		return out_fail(&e);
	if (name.n && directory_domain(w->db, name, &w->env.mem, &domain, &e) < 0)
		return out_fail(&e);
	if (org.n || name.n) {
		s->scope = org.n ? SCRIPT_ORG : SCRIPT_DOMAIN;
		s->scope_id = org.n ? found.id : domain.id;
	}
	return CLI_OK;
}

static int put_system(
	struct cli_call *c, struct whose *w, struct script *s, struct sieve_mistakes *m)
{
	struct err e;
	int code = read_place(c, s);
	if (!code)
		code = read_scope(c, w, s);
	if (code)
		return code;
	s->active = !cli_flag(c, "inactive");
	if (scripts_put_system(w->db, s, &w->env.mem, m, &e) < 0) {
		tell_mistakes(m, &w->env.mem);
		return out_fail(&e);
	}
	printf(T("Stored: %.*s runs %s what people have set, for %.*s%s.\n",
		       "已保存：%.*s 在用户脚本%s运行，适用于%.*s%s。\n"),
		SFMT(s->name), place_word(s->place), SFMT(scope_text(s, &w->env.mem)),
		s->active ? "" : T(" (switched off)", "（未启用）"));
	return CLI_OK;
}

static int put_own(struct cli_call *c, struct whose *w, struct script *s, struct sieve_mistakes *m)
{
	struct err e;
	bool activate = cli_flag(c, "activate");
	s->account_id = w->account.id;
	int (*put)(struct sql *, const struct script *, bool, struct arena *,
		struct sieve_mistakes *, struct err *) = s->form.n ? scripts_put_form : scripts_put;
	if (put(w->db, s, activate, &w->env.mem, m, &e) < 0) {
		tell_mistakes(m, &w->env.mem);
		return out_fail(&e);
	}
	printf(activate ? T("Stored and active: %.*s\n", "已保存并启用：%.*s\n")
			: T("Stored: %.*s\n", "已保存：%.*s\n"),
		SFMT(s->name));
	return CLI_OK;
}

static int sieve_put(struct cli_call *c)
{
	AUTO(whose) struct whose w = {0};
	AUTO(buf) struct buf text = {0};
	struct sieve_mistakes mistakes = {0};
	struct err e;
	int code = open_whose(c, &w);
	if (code || (code = need_args(c, &w, 2)))
		return code;
	if (cli_sieve_read(&w.env, cli_arg(c, w.next + 1), SCRIPT_TEXT_MAX + 1, &text, &e) < 0)
		return out_fail(&e);
	struct script s = {.name = cli_arg(c, w.next), .changed_by = cli_env_administrator(&w.env)};
	if (!cli_flag(c, "form"))
		s.text = buf_slice(&text);
	else if (w.system)
		return out_usage(T("forms are for people's scripts", "表单只用于用户的脚本"));
	else
		s.form = buf_slice(&text);
	code = w.system ? put_system(c, &w, &s, &mistakes) : put_own(c, &w, &s, &mistakes);
	if (code == CLI_OK && mistakes.n)
		tell_mistakes(&mistakes, &w.env.mem);
	return code;
}

static int sieve_check(struct cli_call *c)
{
	AUTO(cli_env) struct cli_env env = {0};
	AUTO(buf) struct buf text = {0};
	struct sieve_mistakes mistakes;
	struct err e;
	int code;
	if (cli_env_config(c->cli, &env, &code) < 0)
		return code;
	if (cli_sieve_read(&env, cli_arg(c, 0), SCRIPT_TEXT_MAX + 1, &text, &e) < 0)
		return out_fail(&e);
	bool fine = scripts_check(cli_arg(c, 0), buf_slice(&text), cli_flag(c, "system"),
		SCRIPT_TEXT_MAX, &env.mem, &mistakes);
	if (c->cli->json) {
		struct listing l;
		listing_begin(&l, true, "mistakes", NULL, 0);
		for (size_t i = 0; i < mistakes.n; i++) {
			json_open_object(&l.j, NULL);
			json_int(&l.j, "line", mistakes.v[i].line);
			json_int(&l.j, "column", mistakes.v[i].column);
			json_bool(&l.j, "warning", mistakes.v[i].warning);
			json_text(&l.j, "text",
				cli_conf_lang() == CONF_ZH ? mistakes.v[i].zh : mistakes.v[i].en);
			json_close(&l.j, '}');
		}
		listing_end_rows(&l);
		json_bool(&l.j, "good", fine);
		listing_end(&l);
		return fine ? CLI_OK : CLI_FAILED;
	}
	tell_mistakes(&mistakes, &env.mem);
	if (fine)
		printf("%s", T("The script is good.\n", "脚本正确。\n"));
	return fine ? CLI_OK : CLI_FAILED;
}

static int sieve_activate(struct cli_call *c)
{
	AUTO(whose) struct whose w = {0};
	struct err e;
	bool off = cli_flag(c, "none");
	int code = open_whose(c, &w);
	if (code || (code = need_args(c, &w, off && !w.system ? 0 : 1)))
		return code;
	slice name = cli_arg(c, w.next);
	int r = w.system ? script_system_enable(w.db, name, !off, cli_env_administrator(&w.env), &e)
			 : script_activate(
				   w.db, w.account.id, name, cli_env_administrator(&w.env), &e);
	if (r < 0)
		return out_fail(&e);
	if (off)
		printf("%s", w.system ? T("Switched off.\n", "已停用。\n")
				      : T("No script is active any more.\n", "已停用脚本。\n"));
	else
		printf(T("Active: %.*s\n", "已启用：%.*s\n"), SFMT(name));
	return CLI_OK;
}

static int sieve_remove(struct cli_call *c)
{
	AUTO(whose) struct whose w = {0};
	struct err e;
	int code = open_whose(c, &w);
	if (code || (code = need_args(c, &w, 1)))
		return code;
	slice name = cli_arg(c, w.next);
	if ((w.system ? script_system_remove(w.db, name, &e)
		      : script_remove(w.db, w.account.id, name, &e)) < 0)
		return out_fail(&e);
	printf(T("Removed: %.*s\n", "已删除：%.*s\n"), SFMT(name));
	return CLI_OK;
}

/* ---- what went wrong ---- */

static void fault_row(struct listing *l, const struct script_fault *f, slice whose)
{
	char text[OUT_TEXT];
	slice what = cli_conf_lang() == CONF_ZH ? f->zh : f->en;
	if (l->json) {
		json_open_object(&l->j, NULL);
		json_text(&l->j, "account", whose);
		json_text(&l->j, "script", f->script);
		json_bool(&l->j, "system", f->system);
		json_int(&l->j, "line", f->line);
		json_text(&l->j, "error", what);
		json_int(&l->j, "times", f->times);
		json_time(&l->j, "first_at", f->first_at);
		json_time(&l->j, "last_at", f->last_at);
		json_close(&l->j, '}');
		return;
	}
	table_cell(l->table, slice_z(out_time(f->last_at, text)));
	table_cellf(l->table, "%lld", (long long)f->times);
	table_cell(l->table, whose);
	table_cell(l->table, f->script);
	table_cellf(l->table, f->line ? "%u" : "-", f->line);
	table_cell(l->table, what);
}

static int sieve_log(struct cli_call *c)
{
	AUTO(cli_env) struct cli_env env = {0};
	struct account account = {0};
	struct script_fault *v;
	struct listing l;
	struct err e;
	size_t n;
	int code;
	struct sql *db = cli_env_directory(c->cli, &env, &code), *queue;
	if (!db)
		return code;
	if (c->nargs && directory_account(db, cli_arg(c, 0), &env.mem, &account, &e) < 0)
		return out_fail(&e);
	if (!(queue = cli_env_db(&env, DB_QUEUE, &e)) ||
		script_faults(queue, account.id, &env.mem, &v, &n, &e) < 0)
		return out_fail(&e);
	const char *const heads[] = {T("LAST", "最近"), T(">TIMES", ">次数"), T("ACCOUNT", "帐号"),
		T("SCRIPT", "脚本"), T(">LINE", ">行"), T("ERROR", "错误")};
	listing_begin(&l, c->cli->json, "errors", heads, 6);
	for (size_t i = 0; i < n; i++) {
		slice whose = v[i].system ? S("--system") : account.address;
		if (!whose.n &&
			directory_account_by_id(db, v[i].account_id, &env.mem, &account, &e) == 0)
			whose = account.address;
		fault_row(&l, &v[i], whose);
		if (!c->nargs)
			account = (struct account){0};
	}
	listing_end_rows(&l);
	listing_end(&l);
	return CLI_OK;
}

/* ---- the table ---- */

#define SYSTEM_OPTION                                                                              \
	{                                                                                          \
		"system", NULL, "the administrator's scripts; no address then",                    \
			"管理员的脚本；此时不写帐号地址"                            \
	}
static const struct cli_option plain_options[] = {SYSTEM_OPTION, {0}};
static const struct cli_option show_options[] = {SYSTEM_OPTION,
	{"form", NULL, "the simple rules that made it, as JSON", "显示生成它的简单规则（JSON）"},
	{0}};
static const struct cli_option put_options[] = {
	{"form", NULL, "FILE is simple rules, as JSON", "FILE 是简单规则（JSON）"},
	{"activate", NULL, "and make it the active one", "同时启用"}, SYSTEM_OPTION,
	{"place", "PLACE",
		"before (without: this), after what people have set; library: for include alone",
		"before（默认）在用户脚本之前，after 之后；library：只供 include"},
	{"org", "NAME", "for mail of this organisation only", "只适用于该组织的邮件"},
	{"domain", "NAME", "for mail of this domain only", "只适用于该域的邮件"},
	{"order", "N", "among those of one place; lower first (0)",
		"同一位置内的次序，小的在前（0）"},
	{"inactive", NULL, "stored, but switched off", "只保存，不启用"}, {0}};
static const struct cli_option activate_options[] = {
	{"none", NULL, "switches it off", "停用"}, SYSTEM_OPTION, {0}};
static const struct cli_option check_options[] = {
	{"system", NULL, "as one of the administrator's", "按管理员的脚本检查"}, {0}};

const struct cli_verb sieve_verbs[] = {
	{"list", sieve_list, "ADDRESS | --system", 0, 1, true, plain_options, "Lists scripts.",
		"列出脚本。", NULL, NULL},
	{"show", sieve_show, "ADDRESS [NAME] | --system NAME", 1, 2, true, show_options,
		"Prints a script: the active one when no name is given.",
		"显示脚本；不给名称时为启用的脚本。", NULL, NULL},
	{"put", sieve_put, "ADDRESS NAME FILE | --system NAME FILE", 2, 3, false, put_options,
		"Stores a script; it is checked first.", "保存脚本（先检查）。",
		"FILE \"-\" is standard input. A script of that name is replaced.\n\n"
		"  posthouse sieve put ann@example.org main rules.sieve --activate\n"
		"  posthouse sieve put --system archive archive.sieve --place before --domain "
		"example.org",
		"FILE 为“-”时读取标准输入。同名脚本会被替换。\n\n"
		"  posthouse sieve put ann@example.org main rules.sieve --activate\n"
		"  posthouse sieve put --system archive archive.sieve --place before --domain "
		"example.org"},
	{"check", sieve_check, "FILE", 1, 1, true, check_options, "Looks for mistakes in a script.",
		"检查脚本中的错误。", NULL, NULL},
	{"test", cli_sieve_test, "ADDRESS LETTER", 2, 2, true, cli_sieve_test_options,
		"Says what an account's rules would do with a letter, and why.",
		"说明帐号的规则会如何处理一封信，以及原因。",
		"Nothing happens to the mailbox. The administrator's scripts that apply run, "
		"too.\n\n"
		"  posthouse sieve test ann@example.org letter.eml\n"
		"  posthouse sieve test ann@example.org letter.eml --script new.sieve --spam 0.9",
		"不会改动邮箱。适用的管理员脚本也会运行。\n\n"
		"  posthouse sieve test ann@example.org letter.eml\n"
		"  posthouse sieve test ann@example.org letter.eml --script new.sieve --spam 0.9"},
	{"activate", sieve_activate, "ADDRESS NAME | ADDRESS --none | --system NAME", 1, 2, false,
		activate_options, "Makes a script the active one.", "启用脚本。", NULL, NULL},
	{"remove", sieve_remove, "ADDRESS NAME | --system NAME", 1, 2, false, plain_options,
		"Removes a script that is not active.", "删除未启用的脚本。", NULL, NULL},
	{"log", sieve_log, "[ADDRESS]", 0, 1, true, NULL, "What went wrong with scripts lately.",
		"最近脚本出现的错误。", NULL, NULL},
	CLI_VERBS_END,
};
