/*
 * `posthouse policy`: the document of policies: shown, checked, put into force, its versions. Works
 * on the directory's database; running servers notice a new version within a second or two, so it
 * needs no server. Nothing with a mistake is ever put into force.
 */
#include "bin/cli_policy.h"

#include "base/mem.h"
#include "base/time.h"
#include "bin/cli_verbs.h"
#include "bin/policies.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

/* ---- documents ---- */

static int read_fd(int fd, struct buf *text, struct err *e)
{
	enum { PIECE = 64 * 1024 };
	for (;;) {
		char *room = buf_room(text, PIECE);
		if (!room)
			return err_set(e, ERR_LIMIT, "the policies are longer than %d bytes",
				POLICY_DOCUMENT_MAX);
		ssize_t n = read(fd, room, PIECE);
		if (n < 0)
			return err_sys(e, errno, "read");
		if (n == 0)
			return 0;
		buf_commit(text, (size_t)n);
	}
}

int policy_file_read(struct cli_env *env, slice path, struct buf *text)
{
	struct err e;
	bool input = slice_eq(path, S("-"));
	cli_env_as_caller(env);
	AUTO(fd) int file = input ? -1 : open(path.p, O_RDONLY | O_CLOEXEC);
	int r = input || file >= 0 ? read_fd(input ? 0 : file, text, &e)
				   : err_sys(&e, errno, "%.*s", SFMT(path));
	cli_env_as_server(env);
	return r < 0 ? out_fail(&e) : CLI_OK;
}

static void tell(const struct conf_errors *lines, const char *before)
{
	for (size_t i = 0; i < lines->n; i++)
		fprintf(stderr, "%s%.*s\n", before, SFMT(lines->v[i]));
}

int policy_text_parse(
	slice text, slice name, bool quiet, struct arena *a, const struct policy_set **ret)
{
	struct conf_errors mistakes = {0};
	struct policy_set *set;
	struct err e;
	if (policy_parse(text, name, cli_conf_lang(), a, &set, &mistakes, &e) < 0) {
		tell(&mistakes, "");
		return CLI_USAGE;
	}
	const struct conf_errors warnings = policy_warnings(set);
	if (!quiet)
		tell(&warnings, T("warning: ", "警告："));
	*ret = set;
	return CLI_OK;
}

static int document_of_version(struct cli_env *env, int64_t version, const struct policy_set **ret)
{
	struct policies_version v;
	struct err e;
	struct sql *db = cli_env_db(env, DB_DIRECTORY, &e);
	if (!db || policies_get(db, version, &env->mem, &v, &e) < 0)
		return out_fail(&e);
	slice name = arena_printf(&env->mem, "policies-%lld", (long long)v.version);
	return policy_text_parse(v.text, name, true, &env->mem, ret);
}

int policy_document(struct cli_env *env, slice what, const struct policy_set **ret)
{
	AUTO(buf) struct buf text = BUF(POLICY_DOCUMENT_MAX + 65536);
	uint64_t version;
	int64_t newest;
	struct err e;
	if (what.n == 0) {
		struct sql *db = cli_env_db(env, DB_DIRECTORY, &e);
		if (!db || policies_newest(db, ret, &newest, &e) < 0)
			return out_fail(&e);
		return CLI_OK;
	}
	if (slice_u64(what, &version) && version > 0 && version < INT64_MAX)
		return document_of_version(env, (int64_t)version, ret);
	int code = policy_file_read(env, what, &text);
	return code != CLI_OK ? code
			      : policy_text_parse(buf_slice(&text), what, true, &env->mem, ret);
}

/* ---- check, set ---- */

static int run_check(struct cli_call *c)
{
	AUTO(cli_env) struct cli_env env = {0};
	AUTO(buf) struct buf text = BUF(POLICY_DOCUMENT_MAX + 65536);
	AUTO(policy_set) const struct policy_set *set = NULL;
	int code;
	if (cli_env_config(c->cli, &env, &code) < 0)
		return code;
	code = policy_file_read(&env, cli_arg(c, 0), &text);
	if (code == CLI_OK)
		code = policy_text_parse(buf_slice(&text), cli_arg(c, 0), false, &env.mem, &set);
	if (code == CLI_OK)
		printf(T("No mistakes. Policies: %zu.\n", "没有错误。策略 %zu 条。\n"),
			policy_count(set));
	return code;
}

/* The version in force; an empty one with the number 0 when there is none. */
static int current(struct cli_env *env, struct policies_version *ret, struct err *e)
{
	struct sql *db = cli_env_db(env, DB_DIRECTORY, e);
	*ret = (struct policies_version){0};
	if (db && (policies_get(db, 0, &env->mem, ret, e) == 0 || e->kind == ERR_NOTFOUND))
		return 0;
	return -1;
}

int policy_put_text(struct cli_env *env, slice text, slice note, int64_t based_on)
{
	struct policies_version now;
	const struct policies_version v = {
		.at = wall_now(), .by = cli_env_who(&env->mem), .note = note, .text = text};
	struct err e;
	int64_t version;
	if (current(env, &now, &e) < 0)
		return out_fail(&e);
	if (now.version && slice_eq(now.text, text)) {
		printf(T("Version %lld in force is the same; nothing has changed.\n",
			       "与生效的第 %lld 版相同，没有改变。\n"),
			(long long)now.version);
		return CLI_OK;
	}
	if (policies_put(cli_env_db(env, DB_DIRECTORY, &e), &v, based_on, &version, &e) < 0)
		return out_fail(&e);
	printf(T("Version %lld is in force.\n", "第 %lld 版已生效。\n"), (long long)version);
	return CLI_OK;
}

static int based_on(const struct cli_call *c, int64_t *ret)
{
	slice text = cli_option_text(c, "based-on");
	uint64_t v = 0;
	if (text.n && (!slice_u64(text, &v) || v == 0 || v > INT64_MAX))
		return out_usage(T("--based-on is the number of a version", "--based-on 为版本号"));
	*ret = (int64_t)v;
	return CLI_OK;
}

static int run_set(struct cli_call *c)
{
	AUTO(cli_env) struct cli_env env = {0};
	AUTO(buf) struct buf text = BUF(POLICY_DOCUMENT_MAX + 65536);
	AUTO(policy_set) const struct policy_set *set = NULL;
	int64_t base = 0;
	int code = based_on(c, &base);
	if (code != CLI_OK || cli_env_open(c->cli, &env, &code) < 0)
		return code;
	code = policy_file_read(&env, cli_arg(c, 0), &text);
	if (code == CLI_OK)
		code = policy_text_parse(buf_slice(&text), cli_arg(c, 0), false, &env.mem, &set);
	return code == CLI_OK
		       ? policy_put_text(&env, buf_slice(&text), cli_option_text(c, "note"), base)
		       : code;
}

/* ---- versions ---- */

static bool version_arg(const struct cli_call *c, int i, int64_t *ret)
{
	uint64_t v;
	if (!slice_u64(cli_arg(c, i), &v) || v == 0 || v > INT64_MAX) {
		out_usage(T("%s is no number of a version; see posthouse policy history",
				  "%s 不是版本号；见 posthouse policy history"),
			c->args[i]);
		return false;
	}
	*ret = (int64_t)v;
	return true;
}

static int run_show(struct cli_call *c)
{
	AUTO(cli_env) struct cli_env env = {0};
	struct policies_version v;
	struct json j = {0};
	struct err e;
	int64_t version = 0;
	int code;
	if (c->nargs && !version_arg(c, 0, &version))
		return CLI_USAGE;
	struct sql *db = cli_env_directory(c->cli, &env, &code);
	if (!db)
		return code;
	if (policies_get(db, version, &env.mem, &v, &e) < 0)
		return out_fail(&e);
	if (!c->cli->json) {
		fwrite(v.text.p, 1, v.text.n, stdout);
		return CLI_OK;
	}
	json_begin(&j);
	json_int(&j, "version", v.version);
	json_time(&j, "at", v.at);
	json_text(&j, "by", v.by);
	json_text(&j, "note", v.note);
	json_bool(&j, "current", v.current);
	json_text(&j, "text", v.text);
	json_end(&j);
	return CLI_OK;
}

static bool history_row(void *arg, const struct policies_version *v)
{
	struct listing *l = arg;
	char at[OUT_TEXT];
	if (l->json) {
		json_open_object(&l->j, NULL);
		json_int(&l->j, "version", v->version);
		json_time(&l->j, "at", v->at);
		json_text(&l->j, "by", v->by);
		json_text(&l->j, "note", v->note);
		json_bool(&l->j, "current", v->current);
		json_close(&l->j, '}');
		return true;
	}
	table_cellf(l->table, "%lld%s", (long long)v->version, v->current ? " *" : "");
	table_cell(l->table, slice_z(out_time(v->at, at)));
	table_cell(l->table, v->by);
	table_cell(l->table, v->note);
	return true;
}

static int run_history(struct cli_call *c)
{
	AUTO(cli_env) struct cli_env env = {0};
	struct listing l;
	struct err e;
	const char *const heads[] = {
		T("VERSION", "版本"), T("SINCE", "生效时间"), T("BY", "操作者"), T("NOTE", "说明")};
	int code;
	struct sql *db = cli_env_directory(c->cli, &env, &code);
	if (!db)
		return code;
	listing_begin(&l, c->cli->json, "versions", heads, sizeof heads / sizeof *heads);
	int r = policies_history(db, UINT64_MAX, history_row, &l, &e);
	listing_end_rows(&l);
	listing_end(&l);
	return r < 0 ? out_fail(&e) : CLI_OK;
}

static int run_diff(struct cli_call *c)
{
	AUTO(cli_env) struct cli_env env = {0};
	AUTO(buf) struct buf out = BUF(4 * POLICY_DOCUMENT_MAX);
	struct policies_version a, b;
	struct err e;
	int64_t from = 0, to = 0;
	int code;
	if ((c->nargs > 0 && !version_arg(c, 0, &from)) ||
		(c->nargs > 1 && !version_arg(c, 1, &to)))
		return CLI_USAGE;
	struct sql *db = cli_env_directory(c->cli, &env, &code);
	if (!db)
		return code;
	if (policies_get(db, to, &env.mem, &b, &e) < 0)
		return out_fail(&e);
	if (!from && b.version == 1)
		return err_set(&e, ERR_NOTFOUND, "there is no version before the first"),
		       out_fail(&e);
	if (policies_get(db, from ? from : b.version - 1, &env.mem, &a, &e) < 0)
		return out_fail(&e);
	policy_diff(a.text, b.text, &out);
	fwrite(out.p, 1, out.n, stdout);
	return CLI_OK;
}

static int run_rollback(struct cli_call *c)
{
	AUTO(cli_env) struct cli_env env = {0};
	AUTO(policy_set) const struct policy_set *set = NULL;
	struct policies_version v;
	struct err e;
	int64_t version;
	int code;
	if (!version_arg(c, 0, &version))
		return CLI_USAGE;
	struct sql *db = cli_env_directory(c->cli, &env, &code);
	if (!db)
		return code;
	if (policies_get(db, version, &env.mem, &v, &e) < 0)
		return out_fail(&e);
	slice name = arena_printf(&env.mem, "policies-%lld", (long long)version);
	code = policy_text_parse(v.text, name, false, &env.mem, &set);
	if (code != CLI_OK)
		return code;
	slice note = cli_option_text(c, "note");
	return policy_put_text(&env, v.text,
		note.n ? note : arena_printf(&env.mem, "as version %lld", (long long)version), 0);
}

/* ---- the table ---- */

static const struct cli_option set_options[] = {
	{"note", "TEXT", "why, for the history", "修改原因，记入历史"},
	{"based-on", "N", "only when version N is still in force", "仅当第 N 版仍然生效时"},
	{NULL, NULL, NULL, NULL},
};
static const struct cli_option note_options[] = {
	{"note", "TEXT", "why, for the history", "修改原因，记入历史"},
	{NULL, NULL, NULL, NULL},
};

const struct cli_verb policy_verbs[] = {
	{"show", run_show, "[N]", 0, 1, true, NULL, "The policies in force, or version N.",
		"显示生效的策略，或第 N 版。", NULL, NULL},
	{"check", run_check, "FILE", 1, 1, false, NULL, "Looks for mistakes in a document.",
		"检查策略文档中的错误。", NULL, NULL},
	{"set", run_set, "FILE", 1, 1, false, set_options,
		"Puts a document into force, if it has no mistakes.",
		"使策略文档生效（没有错误时）。",
		"Running servers notice it within two seconds.\n\n"
		"  posthouse policy show > policies.conf\n"
		"  posthouse policy set policies.conf --note \"programs wait for approval\"",
		"运行中的服务器两秒内采用。\n\n"
		"  posthouse policy show > policies.conf\n"
		"  posthouse policy set policies.conf --note \"程序附件须审批\""},
	{"edit", policy_edit, "", 0, 0, false, note_options,
		"Opens the policies in an editor, then puts them into force.",
		"用编辑器修改策略并使其生效。", "The editor is $VISUAL or $EDITOR, else vi.",
		"编辑器取自 $VISUAL 或 $EDITOR，否则为 vi。"},
	{"history", run_history, "", 0, 0, true, NULL, "All versions: since when, by whom, why.",
		"所有版本：何时、由谁、为何。", NULL, NULL},
	{"diff", run_diff, "[A [B]]", 0, 2, false, NULL,
		"What changed between versions (without A: the last change).",
		"版本之间的差异（不写 A：最近一次修改）。", NULL, NULL},
	{"rollback", run_rollback, "N", 1, 1, false, note_options,
		"Puts version N into force again, as a new version.", "恢复第 N 版（作为新版本）。",
		NULL, NULL},
	{"test", policy_test, "LETTER", 1, 1, true, policy_test_options,
		"What would happen to a letter, and why.", "某封邮件会如何处置及原因。",
		"The letter is examined as a scan process does, without lookups: pretend what they "
		"would say\n"
		"by options. Nothing is delivered.\n\n"
		"  posthouse policy test letter.eml --from a@b.example --to carol@example.com --ip "
		"192.0.2.1",
		"邮件按解析进程的方式检查，不作网络查询；其结果可用选项假设。不会投递任何邮件。\n\n"
		"  posthouse policy test letter.eml --from a@b.example --to carol@example.com --ip "
		"192.0.2.1"},
	{"dry-run", policy_dry_run, "FILE", 1, 1, true, policy_dry_options,
		"What a document would have changed for recent mail.",
		"某文档对近期邮件会有哪些改变。",
		"FILE may be the number of a version. Nothing is put into force.\n\n"
		"  posthouse policy dry-run policies.conf --since 7d",
		"FILE 也可以是版本号。不会使其生效。\n\n"
		"  posthouse policy dry-run policies.conf --since 7d"},
	CLI_VERBS_END,
};
