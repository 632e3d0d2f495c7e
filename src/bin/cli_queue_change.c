/*
 * `posthouse queue hold | release | retry | bounce | delete`: finds what is meant, says how much
 * that is and asks, then changes it in small transactions, so that the server is never kept
 * waiting, and tells a running server.
 */
#include "bin/cli_queue.h"
#include "bin/cli_tty.h"
#include "bin/serve.h"

#include "base/mem.h"
#include "base/time.h"
#include "store/trace.h"

#include <stdio.h>

enum { CHANGES_A_TRANSACTION = 200 };
enum { DELETE = -1 }; /* beside enum queue_change */

struct target {
	msg_id id;
	int32_t idx;
};

struct targets {
	struct target *v;
	size_t n, cap;
	uint64_t messages; /* rows of one message come together */
};

static bool collect(void *arg, const struct queue_row *r)
{
	struct targets *t = arg;
	if (t->n == t->cap) {
		t->cap = t->cap ? t->cap * 2 : 256;
		t->v = mem_grow(t->v, t->cap * sizeof *t->v);
	}
	t->messages += t->n == 0 || t->v[t->n - 1].id != r->id;
	t->v[t->n++] = (struct target){r->id, r->idx};
	return true;
}

struct work {
	struct cli_env *env;
	struct sql *queue, *trace;
	int change; /* enum queue_change, or DELETE */
	slice by, reason;
	uint64_t done, gone;
};

/* The trace row of one recipient that is about to be deleted. */
static int trace_deleted(struct work *w, const struct target *t, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	AUTO(buf) struct buf log = BUF(TRACE_LOG_MAX);
	struct queue_msg m;
	if (queue_load(w->queue, t->id, &a, &m, e) < 0)
		return -1;
	for (size_t i = 0; i < m.nrcpts; i++) {
		struct queue_rcpt *r = &m.rcpts[i];
		if (r->idx != t->idx)
			continue;
		buf_put(&log, r->log);
		trace_event(&log, wall_now(), "deleted", "by", w->by, "reason", w->reason, NULL);
		r->log = buf_slice(&log);
		struct trace_row row = trace_row_of(&m, r, TRACE_DELETED, wall_now(), &a);
		return trace_add_tx(w->trace, &row, e);
	}
	return err_set(e, ERR_NOTFOUND, "recipient has left the queue");
}

static int change_one(struct work *w, const struct target *t, struct err *e)
{
	if (w->change != DELETE)
		return queue_change_tx(
			w->queue, t->id, t->idx, (enum queue_change)w->change, w->by, w->reason, e);
	if (trace_deleted(w, t, e) < 0)
		return -1;
	return queue_end_tx(w->queue, t->id, &t->idx, 1, e);
}

static int change_in_tx(struct work *w, const struct target *v, size_t n, struct err *e)
{
	uint64_t done = 0, gone = 0;
	for (size_t i = 0; i < n; i++) {
		if (change_one(w, &v[i], e) == 0)
			done++;
		else if (e->kind == ERR_NOTFOUND)
			gone++;
		else
			return -1;
	}
	w->done += done;
	w->gone += gone;
	return 0;
}

/* The trace is written while the queue is locked, and is on disk before anything leaves the queue.
 */
static int change_some(struct work *w, const struct target *v, size_t n, struct err *e)
{
	bool both = w->change == DELETE;
	if (sql_begin(w->queue, e) < 0)
		return -1;
	if (both && sql_begin(w->trace, e) < 0) {
		sql_rollback(w->queue);
		return -1;
	}
	int r = change_in_tx(w, v, n, e);
	if (both && r == 0)
		r = sql_commit(w->trace, e);
	else if (both)
		sql_rollback(w->trace);
	if (r == 0)
		return sql_commit(w->queue, e);
	sql_rollback(w->queue);
	return -1;
}

static int change_all(struct work *w, const struct targets *t, struct err *e)
{
	for (size_t at = 0; at < t->n; at += CHANGES_A_TRANSACTION) {
		size_t n = t->n - at < CHANGES_A_TRANSACTION ? t->n - at : CHANGES_A_TRANSACTION;
		if (change_some(w, t->v + at, n, e) < 0)
			return -1;
	}
	return 0;
}

static bool agreed(struct cli_call *c, const struct targets *t, const char *doing)
{
	char question[400];
	if (cli_flag(c, "yes") || t->n == 1)
		return true;
	snprintf(question, sizeof question,
		T("%zu recipients of %llu messages: %s?", "共 %zu 个收件人，%llu 封邮件：%s?"), t->n,
		(unsigned long long)t->messages, doing);
	if (tty_confirm(question))
		return true;
	out_usage(T("nothing was changed; --yes does it without asking",
		"未作任何更改；--yes 可不经询问直接执行"));
	return false;
}

static int finish(struct cli_call *c, const struct work *w, const char *done)
{
	if (c->cli->json) {
		struct json j = {0};
		json_begin(&j);
		json_int(&j, "changed", (int64_t)w->done);
		json_int(&j, "gone", (int64_t)w->gone);
		json_end(&j);
		return CLI_OK;
	}
	printf("%s: %llu\n", done, (unsigned long long)w->done);
	if (w->gone)
		printf(T("left the queue meanwhile: %llu\n", "期间已离开队列：%llu\n"),
			(unsigned long long)w->gone);
	return CLI_OK;
}

/* What stands in the reports and lists when no --because is given. */
static slice default_reason(int what, slice by, struct arena *a)
{
	if (what == QUEUE_HOLD)
		return arena_printf(a, "held by %.*s", SFMT(by));
	return what == QUEUE_BOUNCE ? S("returned by the administrator of this server") : S("");
}

/* Everything is found and asked; the exit code. */
static int carry_out(struct cli_call *c, struct work *w, const struct targets *t, const char *doing,
	const char *done)
{
	struct err e;
	if (t->n == 0) {
		fputs(T("posthouse: nothing in the queue matches\n",
			      "posthouse: 队列中没有匹配的邮件\n"),
			stderr);
		return CLI_NOTHING;
	}
	if (!agreed(c, t, doing))
		return CLI_USAGE;
	int r = change_all(w, t, &e);
	cli_env_as_caller(w->env);
	serve_wake_queue(w->env->config.server->run);
	return r < 0 ? out_fail(&e) : finish(c, w, done);
}

static int change(struct cli_call *c, int what, const char *doing, const char *done)
{
	AUTO(cli_env) struct cli_env env = {0};
	AUTO(arena) struct arena a = {0};
	struct queue_pick pick;
	struct targets t = {0};
	struct err e;
	bool any;
	int code = queue_pick_parse(c, &a, &pick, &any);
	if (code)
		return code;
	if (any && !cli_flag(c, "all"))
		return out_usage(T("which? Give ids or filters, or --all",
			"指哪些？请给出编号或筛选条件，或使用 --all"));
	if (cli_env_open(c->cli, &env, &code) < 0)
		return code;
	struct work w = {.env = &env,
		.change = what,
		.by = cli_env_who(&a),
		.reason = cli_option_text(c, "because")};
	if (w.reason.n == 0)
		w.reason = default_reason(what, w.by, &a);
	if (!(w.queue = cli_env_db(&env, DB_QUEUE, &e)) ||
		!(w.trace = cli_env_db(&env, DB_TRACE, &e)) ||
		queue_pick_each(w.queue, &pick, UINT64_MAX, collect, &t, &e) < 0)
		code = out_fail(&e);
	else
		code = carry_out(c, &w, &t, doing, done);
	free(t.v);
	return code;
}

int queue_hold(struct cli_call *c)
{
	return change(c, QUEUE_HOLD, T("hold them", "暂停投递"), T("held", "已暂停"));
}

int queue_release(struct cli_call *c)
{
	return change(c, QUEUE_RELEASE, T("release them", "恢复投递"), T("released", "已恢复"));
}

int queue_retry(struct cli_call *c)
{
	return change(c, QUEUE_RETRY, T("try them now", "立即重试"),
		T("will be tried now", "将立即重试"));
}

int queue_bounce(struct cli_call *c)
{
	return change(c, QUEUE_BOUNCE, T("return them to their senders", "退回发件人"),
		T("will be returned", "将退回"));
}

int queue_delete(struct cli_call *c)
{
	return change(c, DELETE, T("delete them for good, nobody is told", "永久删除，不通知任何人"),
		T("deleted", "已删除"));
}
