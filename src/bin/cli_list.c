/*
 * `posthouse list`: allow and block lists of the system, of organisations and of users
 * (store/list.h tells what decides).
 */
#include "bin/cli_verbs.h"

#include "base/mem.h"
#include "base/time.h"
#include "store/directory.h"
#include "store/list.h"

#include <errno.h>
#include <stdio.h>

enum { IMPORT_MAX = 256 << 20, FAULTS_SHOWN = 20 };

/* ---- options that several verbs have ---- */

/* --org and --user. */
static int scope_options(const struct cli_call *c, struct lists_entry *entry)
{
	slice org = cli_option_text(c, "org"), user = cli_option_text(c, "user");
	if (org.n && user.n)
		return out_usage(
			T("--org and --user exclude each other", "--org 与 --user 不能同时使用"));
	if (org.n)
		entry->level = LISTS_ORG;
	else if (user.n)
		entry->level = LISTS_USER;
	entry->scope = org.n ? org : user;
	return CLI_OK;
}

static int kind_option(const struct cli_call *c, bool *ret_given, enum lists_kind *ret)
{
	slice kind = cli_option_text(c, "kind");
	*ret_given = kind.n > 0;
	if (kind.n && !lists_kind_parse(kind, ret))
		return out_usage(T("--kind is ip, host, helo, domain, address or pattern",
			"--kind 的取值为 ip、host、helo、domain、address 或 pattern"));
	return CLI_OK;
}

static int verdict_word(slice word, bool *ret_allow)
{
	if (!slice_eq(word, S("allow")) && !slice_eq(word, S("block")))
		return out_usage(
			T("%.*s: allow or block?", "%.*s：应为 allow 或 block"), SFMT(word));
	*ret_allow = slice_eq(word, S("allow"));
	return CLI_OK;
}

/* What new entries have in common, by the options of add and import. */
static int defaults_of(struct cli_call *c, struct cli_env *env, struct lists_entry *ret)
{
	slice expires = cli_option_text(c, "expires");
	*ret = (struct lists_entry){
		.insist = cli_flag(c, "insist"),
		.created_at = wall_now(),
		.created_by = cli_env_who(&env->mem),
		.comment = cli_option_text(c, "comment"),
	};
	int code = scope_options(c, ret);
	if (code != CLI_OK || expires.n == 0)
		return code;
	/* By the reader of lines, so that both understand the same. */
	const struct lists_entry plain = {.created_at = ret->created_at};
	struct lists_entry parsed;
	bool guess;
	struct err e;
	if (!lists_line_parse(arena_printf(&env->mem, "x.test expires=%.*s", SFMT(expires)), &plain,
		    &env->mem, &parsed, &guess, &e))
		return out_usage(
			T("--expires is a date (2026-12-31), a time from now (30d) or never",
				"--expires 为日期（2026-12-31）、从现在起的时长（30d）或 never"));
	ret->expires_at = parsed.expires_at;
	return CLI_OK;
}

/* ---- add, import ---- */

struct entries {
	struct lists_entry *v;
	size_t n, cap;
};

static void append(struct entries *list, const struct lists_entry *entry)
{
	if (list->n == list->cap) {
		list->cap = list->cap ? list->cap * 2 : 64;
		list->v = mem_grow(list->v, list->cap * sizeof *list->v);
	}
	list->v[list->n++] = *entry;
}

static int save(struct cli_env *env, const struct entries *list)
{
	struct err e;
	size_t bad;
	struct sql *db = cli_env_db(env, DB_DIRECTORY, &e);
	int64_t fresh = db ? lists_add(db, list->v, list->n, &bad, &e) : -1;
	if (fresh < 0)
		return out_fail(&e);
	printf(T("Entries added: %lld, replaced: %lld.\n", "新增 %lld 条，替换 %lld 条。\n"),
		(long long)fresh, (long long)list->n - (long long)fresh);
	return CLI_OK;
}

static int run_add(struct cli_call *c)
{
	AUTO(cli_env) struct cli_env env = {0};
	struct entries list = {0};
	struct lists_entry entry;
	bool kind_given;
	struct err e;
	int code;
	if (cli_env_open(c->cli, &env, &code) < 0)
		return code;
	if ((code = defaults_of(c, &env, &entry)) != CLI_OK ||
		(code = kind_option(c, &kind_given, &entry.kind)) != CLI_OK ||
		(code = verdict_word(cli_arg(c, 0), &entry.allow)) != CLI_OK)
		return code;
	for (int i = 1; i < c->nargs && code == CLI_OK; i++) {
		struct lists_entry one = entry;
		one.what = cli_arg(c, i);
		if (lists_canonical(&one, !kind_given, &env.mem, &e) < 0)
			code = out_fail(&e);
		append(&list, &one);
	}
	if (code == CLI_OK)
		code = save(&env, &list);
	free(list.v);
	return code;
}

static int read_all(struct cli_env *env, slice path, struct buf *text, struct err *e)
{
	bool is_stdin = slice_eq(path, S("-"));
	cli_env_as_caller(env); /* the file belongs to who runs the command */
	FILE *f = is_stdin ? stdin : fopen(arena_strz(&env->mem, path), "re");
	int r = f ? 0 : err_sys(e, errno, "%.*s", SFMT(path));
	while (f) {
		char *room = buf_room(text, 1 << 16);
		size_t n = room ? fread(room, 1, 1 << 16, f) : 0;
		if (!room)
			r = err_set(e, ERR_LIMIT, "%.*s is too large", SFMT(path));
		if (n == 0)
			break;
		buf_commit(text, n);
	}
	if (f && !is_stdin)
		fclose(f);
	cli_env_as_server(env);
	return r;
}

/* Tells each line that is wrong; how many. */
static size_t parse_lines(struct cli_call *c, struct cli_env *env, slice text,
	const struct lists_entry *defaults, struct entries *list)
{
	size_t number = 0, faults = 0;
	slice line;
	for (slice rest = text; slice_cut(&rest, '\n', &line);) {
		struct lists_entry entry;
		bool guess;
		struct err e;
		number++;
		if (lists_line_parse(line, defaults, &env->mem, &entry, &guess, &e) &&
			lists_canonical(&entry, guess, &env->mem, &e) == 0) {
			append(list, &entry);
			continue;
		}
		if (e.kind == ERR_NONE)
			continue;
		AUTO(buf) struct buf why = BUF(4096);
		out_err_text(&e, &why);
		if (faults++ < FAULTS_SHOWN)
			fprintf(stderr, "%s:%zu: %.*s\n", c->args[0], number,
				SFMT(buf_slice(&why)));
	}
	return faults;
}

static int run_import(struct cli_call *c)
{
	AUTO(cli_env) struct cli_env env = {0};
	AUTO(buf) struct buf text = BUF(IMPORT_MAX);
	struct entries list = {0};
	struct lists_entry defaults;
	struct err e;
	int code;
	if (cli_env_open(c->cli, &env, &code) < 0)
		return code;
	if ((code = defaults_of(c, &env, &defaults)) != CLI_OK)
		return code;
	defaults.allow = cli_flag(c, "allow");
	if (read_all(&env, cli_arg(c, 0), &text, &e) < 0)
		return out_fail(&e);
	size_t faults = parse_lines(c, &env, buf_slice(&text), &defaults, &list);
	if (faults)
		code = out_usage(T("%zu lines are wrong: nothing was imported",
					 "有 %zu 行错误：未导入任何条目"),
			faults);
	else
		code = save(&env, &list);
	free(list.v);
	return code;
}

/* ---- show, export, remove ---- */

static int filter_of(struct cli_call *c, struct arena *a, struct lists_filter *ret)
{
	struct lists_entry scope = {0};
	slice id = cli_option_text(c, "id");
	uint64_t number = 0;
	*ret = (struct lists_filter){.what = cli_arg(c, 0), .expired = cli_flag(c, "expired")};
	int code = kind_option(c, &ret->has_kind, &ret->kind);
	if (code == CLI_OK)
		code = scope_options(c, &scope);
	if (code != CLI_OK)
		return code;
	if (id.n && (!slice_u64(id, &number) || number == 0 || number > INT64_MAX))
		return out_usage(T("--id is a number", "--id 应为数字"));
	ret->id = (int64_t)number;
	ret->has_level = scope.level != LISTS_SYSTEM || cli_flag(c, "system");
	ret->level = scope.level;
	ret->scope = scope.scope;
	ret->has_allow = cli_flag(c, "allow") || cli_flag(c, "block");
	ret->allow = cli_flag(c, "allow");
	/* As it is kept: "Example.ORG." finds example.org. */
	struct lists_entry as = {.what = ret->what, .kind = ret->kind};
	struct err e;
	if (ret->what.n && slice_index(ret->what, '*') == ret->what.n &&
		lists_canonical(&as, !ret->has_kind, a, &e) == 0)
		ret->what = as.what;
	return CLI_OK;
}

static void json_entry(struct json *j, const char *key, const struct lists_entry *v)
{
	json_open_object(j, key);
	json_int(j, "id", v->id);
	json_text(j, "verdict", slice_z(v->allow ? "allow" : "block"));
	json_text(j, "kind", slice_z(lists_kind_name(v->kind)));
	json_text(j, "what", v->what);
	json_text(j, "level", slice_z(lists_level_name(v->level)));
	json_text(j, "scope", v->scope);
	json_bool(j, "insist", v->insist);
	json_time(j, "expires_at", v->expires_at);
	json_time(j, "created_at", v->created_at);
	json_text(j, "created_by", v->created_by);
	json_text(j, "comment", v->comment);
	json_close(j, '}');
}

static slice level_text(const struct lists_entry *v)
{
	switch (v->level) {
	case LISTS_ORG:
	case LISTS_USER:
		return v->scope;
	default:
		return slice_z(T("system", "系统"));
	}
}

static bool show_row(void *arg, const struct lists_entry *v)
{
	struct listing *l = arg;
	char when[OUT_TEXT];
	if (l->json) {
		json_entry(&l->j, NULL, v);
		return true;
	}
	table_cellf(l->table, "%lld", (long long)v->id);
	table_cellf(l->table, "%s%s", v->allow ? T("allow", "允许") : T("block", "阻止"),
		v->insist ? T(" (insist)", "（坚持）") : "");
	table_cell(l->table, slice_z(lists_kind_name(v->kind)));
	table_cell(l->table, v->what);
	table_cell(l->table, level_text(v));
	table_cell(l->table, slice_z(out_time(v->expires_at, when)));
	table_cell(l->table, v->created_by);
	table_cell(l->table, v->comment);
	return true;
}

static int run_show(struct cli_call *c)
{
	AUTO(cli_env) struct cli_env env = {0};
	struct lists_filter f;
	struct listing l;
	struct err e;
	int code;
	struct sql *db = cli_env_directory(c->cli, &env, &code);
	if (!db || (code = filter_of(c, &env.mem, &f)) != CLI_OK)
		return code;
	const char *const heads[] = {">ID", T("VERDICT", "动作"), T("KIND", "类型"),
		T("WHAT", "内容"), T("LEVEL", "层级"), T("EXPIRES", "到期"), T("BY", "添加者"),
		T("COMMENT", "备注")};
	listing_begin(&l, c->cli->json, "entries", heads, 8);
	int r = lists_each(db, &f, show_row, &l, &e);
	listing_end_rows(&l);
	listing_end(&l);
	return r < 0 ? out_fail(&e) : CLI_OK;
}

static bool export_row(void *arg, const struct lists_entry *v)
{
	struct buf *line = arg;
	buf_reset(line);
	lists_line_print(line, v);
	return fwrite(line->p, 1, line->n, stdout) == line->n;
}

static int run_export(struct cli_call *c)
{
	AUTO(cli_env) struct cli_env env = {0};
	AUTO(buf) struct buf line = BUF(1 << 16);
	struct lists_filter f;
	struct err e;
	int code;
	struct sql *db = cli_env_directory(c->cli, &env, &code);
	if (!db || (code = filter_of(c, &env.mem, &f)) != CLI_OK)
		return code;
	return lists_each(db, &f, export_row, &line, &e) < 0 ? out_fail(&e) : CLI_OK;
}

static int run_remove(struct cli_call *c)
{
	AUTO(cli_env) struct cli_env env = {0};
	struct lists_filter f;
	struct err e;
	int code;
	struct sql *db = cli_env_directory(c->cli, &env, &code);
	if (!db || (code = filter_of(c, &env.mem, &f)) != CLI_OK)
		return code;
	/* Beside a name the level must be meant: a user's entry is not the system's. */
	if (f.what.n && !f.has_level && !f.id)
		f.has_level = true;
	int64_t n = lists_remove(db, &f, &e);
	if (n < 0)
		return out_fail(&e);
	printf(T("Entries removed: %lld.\n", "已删除 %lld 条。\n"), (long long)n);
	return n ? CLI_OK : CLI_NOTHING;
}

/* ---- test ---- */

static void say_entry(const char *what, const struct lists_entry *v)
{
	AUTO(buf) struct buf line = BUF(1 << 16);
	lists_line_print(&line, v);
	printf("%s%lld: ", what, (long long)v->id);
	out_safe(slice_first(buf_slice(&line), line.n - 1));
	putchar('\n');
}

static void say_answer(const struct lists_answer *got)
{
	static const char *const words[][2] = {
		[LISTS_NONE] = {"no entry decides", "没有条目起作用"},
		[LISTS_ALLOW] = {"allow", "允许"},
		[LISTS_BLOCK] = {"block", "阻止"},
	};
	printf("%s", words[got->verdict][tr_lang == LANG_ZH]);
	if (got->by)
		printf(": %.*s", SFMT(got->fact));
	putchar('\n');
	if (got->by)
		say_entry(T("by entry ", "条目 "), got->by);
	if (got->waiting)
		say_entry(T("would count if the sender were proven: entry ",
				  "如果发件人通过认证则会起作用：条目 "),
			got->waiting);
}

static void json_answer(const struct lists_answer *got)
{
	static const char *const names[] = {"none", "allow", "block"};
	struct json j;
	json_begin(&j);
	json_text(&j, "verdict", slice_z(names[got->verdict]));
	json_text(&j, "fact", got->fact);
	if (got->by)
		json_entry(&j, "by", got->by);
	if (got->waiting)
		json_entry(&j, "waiting", got->waiting);
	json_end(&j);
}

static int facts_of(struct cli_call *c, struct arena *a, struct net_addr *ip, struct lists_facts *f)
{
	struct err e;
	slice text = cli_option_text(c, "ip"), rest = cli_option_text(c, "proven"), word;
	slice *proven = ARENA_ARRAY(a, slice, LISTS_PROVEN_MAX);
	if (text.n && net_from_ip(text, 0, ip, &e) < 0)
		return out_fail(&e);
	*f = (struct lists_facts){
		.ip = text.n ? ip : NULL,
		.host = cli_option_text(c, "host"),
		.helo = cli_option_text(c, "helo"),
		.helo_verified = cli_flag(c, "helo-verified"),
		.sender = cli_option_text(c, "sender"),
		.from = cli_option_text(c, "from"),
		.proven = proven,
		.rcpt = cli_option_text(c, "rcpt"),
	};
	while (rest.n && slice_cut(&rest, ',', &word))
		if (slice_trim(word).n && f->nproven < LISTS_PROVEN_MAX)
			proven[f->nproven++] = slice_trim(word);
	return CLI_OK;
}

static int run_test(struct cli_call *c)
{
	AUTO(cli_env) struct cli_env env = {0};
	struct lists_table *t;
	struct lists_answer got;
	struct lists_facts f;
	struct net_addr ip;
	struct err e;
	int code;
	struct sql *db = cli_env_directory(c->cli, &env, &code);
	if (!db || (code = facts_of(c, &env.mem, &ip, &f)) != CLI_OK)
		return code;
	if (lists_table_read(db, &t, &e) < 0)
		return out_fail(&e);
	lists_table_match(t, &f, wall_now(), &env.mem, &got);
	if (c->cli->json)
		json_answer(&got);
	else
		say_answer(&got);
	lists_table_free(t);
	return got.verdict == LISTS_NONE ? CLI_NOTHING : CLI_OK;
}

/* ---- the table ---- */

#define OPTION_KIND                                                                                \
	{                                                                                          \
		"kind", "KIND", "ip, host, helo, domain, address or pattern",                      \
			"ip、host、helo、domain、address 或 pattern"                          \
	}
#define OPTION_ORG                                                                                           \
	{                                                                                                    \
		"org", "DOMAIN", "of an organisation, a domain of ours", "某个组织（本系统的域）" \
	}
#define OPTION_USER                                                                                \
	{                                                                                          \
		"user", "ADDRESS", "of a user", "某个用户"                                     \
	}
#define OPTION_INSIST                                                                              \
	{                                                                                          \
		"insist", NULL, "an allow entry counts without proof of the sender",               \
			"允许条目无需发件人认证即生效"                               \
	}
#define OPTION_EXPIRES                                                                             \
	{                                                                                          \
		"expires", "WHEN", "date (2026-12-31) or time from now (30d)",                     \
			"日期（2026-12-31）或从现在起的时长（30d）"                  \
	}
#define OPTION_COMMENT                                                                             \
	{                                                                                          \
		"comment", "TEXT", "for those who read the list", "备注"                         \
	}

static const struct cli_option add_options[] = {OPTION_KIND, OPTION_ORG, OPTION_USER, OPTION_INSIST,
	OPTION_EXPIRES, OPTION_COMMENT, {NULL, NULL, NULL, NULL}};
static const struct cli_option import_options[] = {
	{"allow", NULL, "lines without a word for it are allow entries; else block",
		"未写明动作的行为允许条目；否则为阻止"},
	OPTION_ORG, OPTION_USER, OPTION_INSIST, OPTION_EXPIRES, OPTION_COMMENT,
	{NULL, NULL, NULL, NULL}};
static const struct cli_option filter_options[] = {OPTION_KIND, OPTION_ORG, OPTION_USER,
	{"system", NULL, "of the system alone", "仅系统层级"},
	{"allow", NULL, "allow entries", "仅允许条目"},
	{"block", NULL, "block entries", "仅阻止条目"},
	{"expired", NULL, "whose time is up", "仅已到期条目"},
	{"id", "NUMBER", "this one", "仅此条目"}, {NULL, NULL, NULL, NULL}};
static const struct cli_option test_options[] = {{"ip", "ADDRESS", "of the client", "客户端地址"},
	{"host", "NAME", "verified host name of the client", "客户端经验证的主机名"},
	{"helo", "NAME", "in HELO or EHLO", "HELO/EHLO 名称"},
	{"helo-verified", NULL, "that name leads to the address", "该名称可解析到客户端地址"},
	{"sender", "ADDRESS", "of the envelope", "信封发件人"},
	{"from", "ADDRESS", "in From:", "From: 中的地址"},
	{"proven", "DOMAINS", "domains proven by SPF, DKIM, DMARC, with commas between",
		"通过 SPF、DKIM、DMARC 认证的域，逗号分隔"},
	{"rcpt", "ADDRESS", "whose lists count, beside the system's",
		"收件人：除系统列表外，其组织与个人列表也生效"},
	{NULL, NULL, NULL, NULL}};

const struct cli_verb list_verbs[] = {
	{"add", run_add, "allow|block WHAT...", 2, -1, false, add_options,
		"Adds entries; one that is there already is replaced.",
		"添加条目；已有的相同条目被替换。",
		"The kind follows from what it looks like: 192.0.2.0/24 is a network, "
		"a@example.org an address,\n"
		"example.org a domain with all below it, *@*.example.org a pattern. Host and HELO "
		"names need --kind.\n\n"
		"  posthouse list add block 192.0.2.0/24 --comment \"attack of May\" --expires "
		"30d\n"
		"  posthouse list add allow partner.example\n"
		"  posthouse list add block shop.example --user ann@example.org",
		"类型由内容推断：192.0.2.0/24 为网段，a@example.org 为地址，example.org "
		"为域及其所有子域，\n"
		"*@*.example.org 为通配模式。主机名和 HELO 名称须用 --kind 指明。\n\n"
		"  posthouse list add block 192.0.2.0/24 --comment \"五月的攻击\" --expires 30d\n"
		"  posthouse list add allow partner.example\n"
		"  posthouse list add block shop.example --user ann@example.org"},
	{"remove", run_remove, "[WHAT]", 0, 1, false, filter_options,
		"Removes what fits; WHAT alone means the system's entry.",
		"删除符合条件的条目；只给出内容时指系统层级的条目。", NULL, NULL},
	{"show", run_show, "[WHAT]", 0, 1, true, filter_options,
		"Shows entries; * in WHAT stands for anything.", "显示条目；内容中的 * 为通配符。",
		NULL, NULL},
	{"test", run_test, "", 0, 0, true, test_options,
		"Tells which entry would decide about a message.", "说明哪一条会对某封邮件起作用。",
		"Exit code 3 when none does.\n\n"
		"  posthouse list test --ip 192.0.2.7 --sender a@partner.example --rcpt "
		"ann@example.org",
		"没有条目起作用时退出码为 3。\n\n"
		"  posthouse list test --ip 192.0.2.7 --sender a@partner.example --rcpt "
		"ann@example.org"},
	{"import", run_import, "FILE|-", 1, 1, false, import_options,
		"Adds the entries of a file, one a line; all or none.",
		"导入文件中的条目，每行一条；要么全部成功，要么不导入。",
		"A line is what `export` prints, or only what is to be blocked (with --allow: "
		"allowed):\n\n"
		"  block ip 192.0.2.0/24 level=organisation:example.org expires=2026-12-31 "
		"comment=\"a b\"\n"
		"  192.0.2.7\n"
		"  # comment",
		"每行为 export 输出的格式，或仅为要阻止的内容（带 --allow 则为允许）：\n\n"
		"  block ip 192.0.2.0/24 level=organisation:example.org expires=2026-12-31 "
		"comment=\"a b\"\n"
		"  192.0.2.7\n"
		"  # 注释"},
	{"export", run_export, "[WHAT]", 0, 1, false, filter_options,
		"Prints entries as `import` reads them.", "以 import 可读的格式输出条目。", NULL,
		NULL},
	CLI_VERBS_END,
};
