/*
 * `posthouse quarantine release | delete | approve | refuse | ask | forward`: one message or all that a query
 * finds. A query first says how much it found. Then it is done in transactions of CHANGES_A_TRANSACTION
 * recipients, so that mail that comes in waits for one of them at most; each is one durable step, with a list of what it
 * changed under the number of the operation. Killed in between, the same command does the rest: what is
 * done is not found any more.
 */
#include "bin/cli_quarantine.h"
#include "bin/cli_tty.h"

#include "base/mem.h"
#include "base/time.h"

#include <stdio.h>
#include <unistd.h>

enum { CHANGES_A_TRANSACTION = 200 };

struct target {
	msg_id id;
	int32_t idx;
};
struct targets {
	struct target *v;
	size_t n, cap, messages; /* rows of one message come together */
	bool open; /* only those for whom nothing was decided yet */
	bool whole; /* messages, not their recipients */
};

static bool collect(void *arg, const struct quarantine_row *r)
{
	struct targets *t = arg;
	bool same = t->n && t->v[t->n - 1].id == r->id;
	if ((t->open && r->state != QUARANTINE_WAITS && r->state != QUARANTINE_ASKED) ||
		(t->whole && same))
		return true;
	if (t->n == t->cap) {
		t->cap = t->cap ? t->cap * 2 : 256;
		t->v = mem_grow(t->v, t->cap * sizeof *t->v);
	}
	t->messages += !same;
	t->v[t->n++] = (struct target){r->id, t->whole ? -1 : r->idx};
	return true;
}

struct work {
	struct cli_call *c;
	struct quarantine_hands hands;
	struct quarantine_request request; /* but for id and idx */
	struct arena a; /* of a transaction */
	uint64_t done, already, gone, unfit, notes;
	slice note;
	bool tty;
};

struct outcomes {
	struct quarantine_request r[CHANGES_A_TRANSACTION];
	struct quarantine_outcome o[CHANGES_A_TRANSACTION];
	size_t n;
	uint64_t already, gone, unfit;
};

/* What has left or changed meanwhile is counted, and no reason to stop. */
static int change_in_tx(
	struct work *w, const struct target *v, size_t n, struct outcomes *out, struct err *e)
{
	for (size_t i = 0; i < n; i++) {
		struct quarantine_request *r = &out->r[out->n];
		struct quarantine_outcome *o = &out->o[out->n];
		*r = w->request;
		r->id = v[i].id;
		r->idx = v[i].idx;
		if (quarantine_act_tx(&w->hands, r, &w->a, o, e) == 0) {
			out->already += o->done.already;
			out->n++;
		} else if (e->kind == ERR_NOTFOUND) {
			out->gone++;
		} else if (e->kind == ERR_PERM) {
			out->unfit++;
		} else {
			return -1;
		}
	}
	return 0;
}

static int change_some(struct work *w, const struct target *v, size_t n, struct err *e)
{
	struct outcomes *out = NEW(struct outcomes);
	arena_reset(&w->a);
	int r = sql_begin(w->hands.queue_db, e);
	if (r == 0 && change_in_tx(w, v, n, out, e) < 0) {
		sql_rollback(w->hands.queue_db);
		r = -1;
	} else if (r == 0) {
		r = sql_commit(w->hands.queue_db, e);
	}
	for (size_t i = 0; r == 0 && i < out->n; i++) {
		struct quarantine_done *d = &out->o[i].done;
		quarantine_act_after(&w->hands, &out->r[i], &out->o[i], &w->a);
		w->done += d->changed;
		w->notes += d->note.n > 0;
		if (d->note.n && !w->note.n)
			w->note = slice_of(mem_dup(d->note.p, d->note.n), d->note.n);
	}
	if (r == 0) {
		w->already += out->already;
		w->gone += out->gone;
		w->unfit += out->unfit;
	}
	free(out);
	return r;
}

static int change_all(struct work *w, const struct targets *t, struct err *e)
{
	for (size_t at = 0; at < t->n; at += CHANGES_A_TRANSACTION) {
		size_t n = t->n - at < CHANGES_A_TRANSACTION ? t->n - at : CHANGES_A_TRANSACTION;
		if (change_some(w, t->v + at, n, e) < 0)
			return -1;
		if (w->tty && t->n > CHANGES_A_TRANSACTION)
			fprintf(stderr, "\r%zu / %zu", at + n, t->n);
	}
	if (w->tty && t->n > CHANGES_A_TRANSACTION)
		fputc('\n', stderr);
	return 0;
}

/* More than one is counted and asked about. */
static bool agreed(struct cli_call *c, const struct targets *t, const char *doing)
{
	char question[400];
	if (cli_flag(c, "yes") || t->n == 1)
		return true;
	snprintf(question, sizeof question,
		T("%zu recipients of %zu messages: %s?", "共 %zu 个收件人，%zu 封邮件：%s？"), t->n,
		t->messages, doing);
	if (tty_confirm(question))
		return true;
	printf(T("This would %s: %zu recipients of %zu messages. Nothing was changed; --yes does "
		 "it.\n",
		       "将%s：%zu 个收件人，%zu 封邮件。未作任何更改；加 --yes 执行。\n"),
		doing, t->n, t->messages);
	return false;
}

static int begin_deed(struct work *w, slice verb, slice query, struct err *e)
{
	struct quarantine_deed d = {
		.at = w->request.now, .by = w->request.who.name, .verb = verb, .query = query};
	if (sql_begin(w->hands.queue_db, e) < 0)
		return -1;
	if (quarantine_deed_new_tx(w->hands.queue_db, &d, &w->request.deed, e) < 0) {
		sql_rollback(w->hands.queue_db);
		return -1;
	}
	return sql_commit(w->hands.queue_db, e);
}

static int finish(struct work *w, const char *done)
{
	if (w->c->cli->json) {
		struct json j = {0};
		json_begin(&j);
		json_int(&j, "operation", w->request.deed);
		json_int(&j, "changed", (int64_t)w->done);
		json_int(&j, "already", (int64_t)w->already);
		json_int(&j, "gone", (int64_t)w->gone);
		json_int(&j, "unfit", (int64_t)w->unfit);
		json_text(&j, "note", w->note);
		json_end(&j);
	} else {
		printf("%s: %llu\n", done, (unsigned long long)w->done);
		if (w->already)
			printf(T("it was so before: %llu\n", "此前已是如此：%llu\n"),
				(unsigned long long)w->already);
		if (w->gone)
			printf(T("left the quarantine meanwhile: %llu\n",
				       "期间已离开隔离区：%llu\n"),
				(unsigned long long)w->gone);
		if (w->unfit)
			printf(T("not possible in their state (deleted, expired ...): %llu\n",
				       "当前状态不允许（已删除、已过期等）：%llu\n"),
				(unsigned long long)w->unfit);
		if (w->done && !w->request.copy)
			printf(T("operation %lld: posthouse quarantine undo %lld takes it back\n",
				       "操作编号 %lld：posthouse quarantine undo %lld 可撤销\n"),
				(long long)w->request.deed, (long long)w->request.deed);
		if (w->notes)
			printf(T("note (%llu): %.*s\n", "注意（%llu）：%.*s\n"),
				(unsigned long long)w->notes, SFMT(w->note));
	}
	return w->done || w->already ? CLI_OK : CLI_FAILED;
}

struct verb {
	const char *name;
	enum quarantine_verb verb;
	const char *doing, *done;
	bool copy;
};

/* Everything is found and asked; the exit code. */
static int carry_out(struct work *w, const struct verb *v, const struct targets *t, slice query)
{
	struct err e;
	if (t->n == 0) {
		fputs(T("posthouse: nothing in quarantine matches\n",
			      "posthouse: 隔离区中没有匹配的邮件\n"),
			stderr);
		return CLI_NOTHING;
	}
	if (!agreed(w->c, t, v->doing))
		return CLI_USAGE;
	if (begin_deed(w, slice_z(v->name), query, &e) < 0 || change_all(w, t, &e) < 0) {
		if (w->done)
			finish(w, v->done);
		return out_fail(&e);
	}
	return finish(w, v->done);
}

static int take_to(struct work *w, struct cli_env *env, slice to, struct err *e)
{
	if (!to.n)
		return 0;
	w->request.to = to;
	return held_route(env, to, &env->mem, &w->request.to_dest, e);
}

static int change(struct cli_call *c, const struct verb *v, slice to, bool teach)
{
	AUTO(cli_env) struct cli_env env = {0};
	AUTO(arena) struct arena a = {0};
	struct held_tools tools = {.env = &env};
	struct targets t = {.whole = v->copy};
	struct held_pick pick;
	struct err e;
	slice query;
	bool any;
	int code = held_pick_parse(c, -1, &a, &pick, &any, &query);
	if (code)
		return code;
	if (any && !cli_flag(c, "all"))
		return out_usage(T("which? Give ids or filters, or --all",
			"指哪些？请给出编号或筛选条件，或使用 --all"));
	/* Ids mean what they name, whatever its state: the answer says why not. */
	t.open = !c->nargs && !cli_option(c, "state") && !v->copy;
	if (cli_env_open(c->cli, &env, &code) < 0)
		return code;
	struct sql *db = cli_env_db(&env, DB_QUEUE, &e);
	if (!db)
		return out_fail(&e);
	struct work w = {.c = c, .hands = held_hands(&tools, db), .tty = isatty(2)};
	w.request = (struct quarantine_request){.who = {QUARANTINE_ADMIN, cli_env_who(&a)},
		.verb = v->verb,
		.teach = teach,
		.now = wall_now(),
		.copy = v->copy};
	if (take_to(&w, &env, to, &e) < 0 ||
		held_pick_each(db, &pick, UINT64_MAX, collect, &t, &e) < 0)
		code = out_fail(&e);
	else
		code = carry_out(&w, v, &t, query);
	held_tools_done(&tools);
	arena_done(&w.a);
	free((char *)w.note.p);
	free(t.v);
	return code;
}

int held_release(struct cli_call *c)
{
	bool allow = cli_flag(c, "allow");
	struct verb v = {"release", allow ? QUARANTINE_ALLOW : QUARANTINE_RELEASE,
		T("release them", "放行这些邮件"), T("released", "已放行"), false};
	return change(c, &v, cli_option_text(c, "to-address"), cli_flag(c, "teach"));
}

int held_delete(struct cli_call *c)
{
	bool block = cli_flag(c, "block");
	struct verb v = {"delete", block ? QUARANTINE_BLOCK : QUARANTINE_DELETE,
		T("delete them", "删除这些邮件"), T("deleted", "已删除"), false};
	return change(c, &v, S(""), cli_flag(c, "teach"));
}

int held_approve(struct cli_call *c)
{
	struct verb v = {"approve", QUARANTINE_APPROVE_IT, T("approve them", "批准这些邮件"),
		T("approved", "已批准"), false};
	return change(c, &v, S(""), false);
}

int held_refuse(struct cli_call *c)
{
	struct verb v = {"refuse", QUARANTINE_REFUSE_IT, T("refuse them", "拒绝这些邮件"),
		T("refused", "已拒绝"), false};
	return change(c, &v, S(""), false);
}

int held_ask(struct cli_call *c)
{
	struct verb v = {"ask", QUARANTINE_ASK,
		T("ask the administrator for their release", "请求管理员放行这些邮件"),
		T("asked for", "已请求放行"), false};
	return change(c, &v, S(""), false);
}

int held_forward(struct cli_call *c)
{
	struct verb v = {"forward", QUARANTINE_RELEASE,
		T("send copies of them", "转发这些邮件的副本"), T("forwarded", "已转发"), true};
	slice to = cli_option_text(c, "to-address");
	if (!to.n)
		return out_usage(T("whom to? --to-address ADDRESS", "转发给谁？--to-address 地址"));
	return change(c, &v, to, false);
}
