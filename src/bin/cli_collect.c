/*
 * `posthouse migrate` and `posthouse collect`: tables of their verbs, the database of jobs, orders (cli_collect.h).
 */
#include "bin/cli_collect.h"

#include "base/mem.h"
#include "bin/cli_verbs.h"
#include "run/control.h"

#include <stdio.h>

int cli_collect_open(struct cli_call *c, struct cli_collect *ret)
{
	struct err e;
	int code;
	*ret = (struct cli_collect){
		.call = c, .repeated = strcmp(c->command->name, "collect") == 0};
	if (cli_env_open(c->cli, &ret->env, &code) < 0)
		return code;
	if (sql_open(ret->env.config.server->data, COLLECT_DB, &ret->db, &e) < 0 ||
		sql_migrate(ret->db, collect_migrations, collect_migrations_n, &e) < 0)
		return out_fail(&e);
	return CLI_OK;
}

void cli_collect_close(struct cli_collect *x)
{
	sql_close(x->db);
	x->db = NULL;
	cli_env_close(&x->env);
}

void cli_collect_wake(const struct cli_env *env, bool *ret_running)
{
	AUTO(buf) struct buf reply = BUF(CONTROL_REPLY_MAX);
	struct err e;
	*ret_running = control_call(env->config.server->run, S("wake-collect"), &reply, &e) == 0;
}

bool cli_collect_size(slice s, int64_t *ret)
{
	int64_t by = 1;
	uint64_t n;
	if (s.n) {
		char c = ascii_lower(s.p[s.n - 1]);
		by = c == 'k' ? 1 << 10 : c == 'm' ? 1 << 20 : c == 'g' ? 1 << 30 : 1;
		if (by > 1)
			s.n--;
	}
	if (!slice_u64(s, &n) || n > (uint64_t)(INT64_C(1) << 30))
		return false;
	*ret = (int64_t)n * by;
	return true;
}

/* ---- orders ---- */

struct order {
	enum collect_order what;
	bool remove;
	int64_t n;
	struct err e;
};

static int carry_out(struct cli_collect *x, const struct collect_query *q, void *arg)
{
	struct order *o = arg;
	if (o->remove)
		return collect_remove_tx(x->db, q->id, &o->e) < 0 ? -1 : (o->n++, 0);
	int64_t n = collect_order_tx(x->db, q, o->what, wall_now(), &o->e);
	o->n += n > 0 ? n : 0;
	return n < 0 ? -1 : 0;
}

int cli_collect_each(struct cli_collect *x, int from,
	int (*fn)(struct cli_collect *x, const struct collect_query *q, void *arg), void *arg)
{
	struct cli_call *c = x->call;
	struct collect_query q = {.repeated = x->repeated, .most = 1000};
	if (!x->repeated && cli_option(c, "batch")) {
		q.batch = cli_option_text(c, "batch");
		return fn(x, &q, arg);
	}
	if (cli_flag(c, "all"))
		return fn(x, &q, arg);
	for (int i = from; i < c->nargs; i++) {
		uint64_t id;
		if (!slice_u64(cli_arg(c, i), &id) || id == 0 || id > INT64_MAX)
			return -2;
		q.id = (int64_t)id;
		if (fn(x, &q, arg) < 0)
			return -1;
	}
	return 0;
}

static int order(struct cli_call *c, enum collect_order what, bool removing)
{
	AUTO(cli_collect) struct cli_collect x = {0};
	struct order o = {.what = what, .remove = removing};
	bool running;
	int code = cli_collect_open(c, &x);
	if (code)
		return code;
	if (c->nargs == 0 && !cli_flag(c, "all") && (x.repeated || !cli_option(c, "batch")))
		return out_usage("%s", T("which jobs? numbers, --batch or --all",
					       "哪些任务？请给出编号、--batch 或 --all"));
	if (sql_begin(x.db, &o.e) < 0)
		return out_fail(&o.e);
	int r = cli_collect_each(&x, 0, carry_out, &o);
	if (r < 0 || sql_commit(x.db, &o.e) < 0) {
		sql_rollback(x.db);
		return r == -2 ? out_usage("%s", T("no number of a job", "不是任务编号"))
			       : out_fail(&o.e);
	}
	cli_collect_wake(&x.env, &running);
	if (!c->cli->json)
		printf(T("%lld jobs\n", "%lld 个任务\n"), (long long)o.n);
	return o.n ? CLI_OK : CLI_NOTHING;
}

static int do_pause(struct cli_call *c)
{
	return order(c, COLLECT_PAUSE, false);
}

static int do_resume(struct cli_call *c)
{
	return order(c, COLLECT_RESUME, false);
}

static int do_cancel(struct cli_call *c)
{
	return order(c, COLLECT_CANCEL, false);
}

static int do_again(struct cli_call *c)
{
	return order(c, COLLECT_AGAIN, false);
}

static int do_verify(struct cli_call *c)
{
	return order(c, COLLECT_CHECK, false);
}

static int do_remove(struct cli_call *c)
{
	if (c->nargs == 0)
		return out_usage("%s", T("which jobs? numbers", "哪些任务？请给出编号"));
	return order(c, COLLECT_CANCEL, true);
}

/* ---- tables ---- */

static const struct cli_option which_migrate[] = {
	{"batch", "NAME", "all of that batch", "该批次的全部任务"},
	{"all", NULL, "all", "全部任务"},
	{NULL, NULL, NULL, NULL},
};
static const struct cli_option which_collect[] = {
	{"all", NULL, "all", "全部任务"},
	{NULL, NULL, NULL, NULL},
};
static const struct cli_option list_migrate[] = {
	{"batch", "NAME", "of that batch", "该批次"},
	{"state", "WORD", "waiting, running, done, failed, paused, cancelled",
		"waiting、running、done、failed、paused 或 cancelled"},
	{NULL, NULL, NULL, NULL},
};
static const struct cli_option list_collect[] = {
	{"state", "WORD", "waiting, running, failed, paused, cancelled",
		"waiting、running、failed、paused 或 cancelled"},
	{NULL, NULL, NULL, NULL},
};
static const struct cli_option watch_options[] = {
	{"batch", "NAME", "of that batch", "该批次"},
	{NULL, NULL, NULL, NULL},
};
static const struct cli_option report_options[] = {
	{"batch", "NAME", "of that batch", "该批次"},
	{"csv", NULL, "as a table", "输出表格（CSV）"},
	{"refused", NULL, "a line for each message that was not taken", "列出每封未取的邮件"},
	{NULL, NULL, NULL, NULL},
};

const struct cli_verb migrate_verbs[] = {
	{"add", cli_collect_add, "ADDRESS", 1, 1, true, cli_migrate_add_options,
		"Brings the mail of an account on another server into this one.",
		"将一个帐号的邮件从其他服务器迁入。",
		"The server does the work; jobs survive restarts. Each message comes once, however "
		"often it is\n"
		"repeated (`migrate again`). The password is asked for, or read from "
		"--password-file.\n\n"
		"  posthouse migrate add ann@example.org --from old.example.org --user ann\n"
		"  posthouse migrate add ann@example.org --from old.example.org --user admin --as "
		"ann "
		"--wait",
		"由服务器执行，重启后继续。无论重复多少次（`migrate again`），每封邮件只取一次。\n"
		"密码在终端输入，或由 --password-file 给出。\n\n"
		"  posthouse migrate add ann@example.org --from old.example.org --user ann"},
	{"import", cli_collect_import, "FILE", 1, 1, true, cli_migrate_import_options,
		"The same for a table of accounts (CSV).", "按表格（CSV）批量迁入。",
		"Columns by their heading: address, host, port, protocol, security, user, "
		"password, "
		"as, auth,\n"
		"fingerprint, into, exclude, map (several between semicolons), rate, max-size, "
		"batch. "
		"With --user and\n"
		"--password-file an administrator logs in for all rows.",
		"列名：地址、服务器、端口、协议、加密、帐号、密码、代理、登录方式、指纹、目标文件夹"
		"、"
		"排除、映射（多个以分号分隔）、速率、最大、批次。\n"
		"用 --user 和 --password-file 时由对方管理员代为登录。"},
	{"list", cli_collect_list, "", 0, 0, true, list_migrate, "Lists the jobs.", "列出任务。",
		NULL, NULL},
	{"show", cli_collect_show, "JOB", 1, 1, true, NULL, "One job.", "查看一个任务。", NULL,
		NULL},
	{"watch", cli_collect_watch, "", 0, 0, false, watch_options,
		"Shows how far they are until all have ended.", "显示进度，直到全部结束。",
		"Exit code 1: some failed, or what was verified is not the same.",
		"退出码 1 表示有任务失败或比对不一致。"},
	{"pause", do_pause, "[JOB...]", 0, 1000, true, which_migrate, "They stop where they are.",
		"暂停任务。", NULL, NULL},
	{"resume", do_resume, "[JOB...]", 0, 1000, true, which_migrate, "They go on.", "继续任务。",
		NULL, NULL},
	{"cancel", do_cancel, "[JOB...]", 0, 1000, true, which_migrate,
		"They stop for good; what came stays.", "取消任务；已取回的邮件保留。", NULL, NULL},
	{"again", do_again, "[JOB...]", 0, 1000, true, which_migrate,
		"Another pass: brings what is new and what changed.",
		"再次迁移：只取新的和有变化的。", NULL, NULL},
	{"verify", do_verify, "[JOB...]", 0, 1000, true, which_migrate,
		"Another pass that compares every byte with the other server's.",
		"再次迁移，并与对方逐字节比对。", NULL, NULL},
	{"report", cli_collect_report, "[JOB...]", 0, 1000, true, report_options,
		"What came of it, account by account.", "按帐号列出结果。", NULL, NULL},
	{"remove", do_remove, "JOB...", 1, 1000, true, which_migrate,
		"Removes jobs, and the passwords with them.", "删除任务及其密码。", NULL, NULL},
	{"forget", cli_collect_forget, "ADDRESS [SOURCE]", 1, 2, true, NULL,
		"Forgets where mail came from; the mail stays.", "忘记邮件来源记录；邮件保留。",
		"Without SOURCE they are listed. A later migration from there would bring "
		"everything "
		"again.",
		"不给出来源时列出。之后再从该处迁移会重新取回全部邮件。"},
	CLI_VERBS_END,
};

const struct cli_verb collect_verbs[] = {
	{"add", cli_collect_add, "ADDRESS", 1, 1, true, cli_collect_add_options,
		"An account elsewhere whose new mail is brought here again and again.",
		"定期代收另一个邮箱的新邮件。",
		"  posthouse collect add ann@example.org --from pop.example.com --protocol pop3 "
		"--user "
		"ann.b\n"
		"      --folder Elsewhere --every 10m --delete-after 14d",
		"  posthouse collect add ann@example.org --from pop.example.com --protocol pop3 "
		"--user "
		"ann.b\n"
		"      --folder 外部邮箱 --every 10m --delete-after 14d"},
	{"list", cli_collect_list, "", 0, 0, true, list_collect, "Lists them.", "列出代收任务。",
		NULL, NULL},
	{"show", cli_collect_show, "JOB", 1, 1, true, NULL, "One of them.", "查看一个任务。", NULL,
		NULL},
	{"now", do_again, "[JOB...]", 0, 1000, true, which_collect, "Looks now.", "立即收取。",
		NULL, NULL},
	{"pause", do_pause, "[JOB...]", 0, 1000, true, which_collect, "Stops for a while.",
		"暂停。", NULL, NULL},
	{"resume", do_resume, "[JOB...]", 0, 1000, true, which_collect, "Goes on.", "继续。", NULL,
		NULL},
	{"remove", do_remove, "JOB...", 1, 1000, true, which_collect,
		"Removes them, and the passwords with them; the mail stays.",
		"删除代收任务及其密码；邮件保留。", NULL, NULL},
	CLI_VERBS_END,
};
