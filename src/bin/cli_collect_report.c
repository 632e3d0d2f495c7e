/*
 * `posthouse migrate report | forget`: what came of the jobs, account by account, for people, as JSON or CSV; each message that was not taken, with
 * the reason; and forgetting where mail came from.
 */
#include "bin/cli_collect.h"

#include "base/mem.h"
#include "codec/csv.h"
#include "store/directory.h"
#include "store/mailbox.h"
#include "store/moved.h"

#include <stdio.h>

enum { PIECE = 500 };

static const struct number {
	const char *key, *en, *zh;
	size_t at;
} numbers[] = {
	{"folders", ">FOLDERS", ">文件夹", offsetof(struct collect_counts, boxes_done)},
	{"messages", ">THERE", ">对方邮件", offsetof(struct collect_counts, messages)},
	{"copied", ">COPIED", ">新取", offsetof(struct collect_counts, copied)},
	{"present", ">BEFORE", ">原有", offsetof(struct collect_counts, present)},
	{"flagged", ">FLAGS", ">标记", offsetof(struct collect_counts, flagged)},
	{"gone", ">GONE", ">删除", offsetof(struct collect_counts, gone)},
	{"refused", ">REFUSED", ">未取", offsetof(struct collect_counts, refused)},
	{"verified", ">SAME", ">一致", offsetof(struct collect_counts, verified)},
	{"missing", ">MISSING", ">缺少", offsetof(struct collect_counts, missing)},
	{"different", ">DIFFERENT", ">不同", offsetof(struct collect_counts, different)},
};
enum { NUMBERS = sizeof numbers / sizeof *numbers };

static uint64_t number_of(const struct collect_job *j, size_t i)
{
	uint64_t v;
	memcpy(&v, (const char *)&j->n + numbers[i].at, sizeof v);
	return v;
}

struct reporting {
	struct cli_collect *x;
	struct listing l;
	bool csv, refused;
	struct buf text;
	bool bad;
	struct err e;
};

static void flush(struct buf *text)
{
	fwrite(text->p, 1, text->n, stdout);
	buf_reset(text);
}

static void csv_job(struct reporting *r, const struct collect_job *j)
{
	char n[32];
	csv_put(&r->text, j->address, true);
	csv_put(&r->text, j->host, false);
	csv_put(&r->text, slice_z(collect_state_name(j->state)), false);
	for (size_t i = 0; i < NUMBERS; i++)
		csv_put(&r->text,
			slice_of(n, (size_t)snprintf(n, sizeof n, "%llu",
					    (unsigned long long)number_of(j, i))),
			false);
	csv_put(&r->text, j->why, false);
	csv_end_row(&r->text);
	flush(&r->text);
}

static void tell_job(struct reporting *r, const struct collect_job *j)
{
	r->bad |= j->state != COLLECT_DONE || j->n.missing || j->n.different;
	if (r->csv) {
		csv_job(r, j);
		return;
	}
	if (r->l.json) {
		json_open_object(&r->l.j, NULL);
		json_int(&r->l.j, "job", j->id);
		json_text(&r->l.j, "address", j->address);
		json_text(&r->l.j, "host", j->host);
		json_text(&r->l.j, "state", slice_z(collect_state_name(j->state)));
		for (size_t i = 0; i < NUMBERS; i++)
			json_int(&r->l.j, numbers[i].key, (int64_t)number_of(j, i));
		json_text(&r->l.j, "why", j->why);
		json_close(&r->l.j, '}');
		return;
	}
	table_cell(r->l.table, j->address);
	table_cell(r->l.table, slice_z(cli_collect_state(j->state)));
	for (size_t i = 0; i < NUMBERS; i++)
		table_cellf(r->l.table, "%llu", (unsigned long long)number_of(j, i));
}

/* ---- messages that were not taken ---- */

static void tell_refused(
	struct reporting *r, const struct collect_job *j, const struct moved_refused *m)
{
	if (r->csv) {
		csv_put(&r->text, j->address, true);
		csv_put(&r->text, m->box, false);
		csv_put(&r->text, m->key, false);
		csv_put(&r->text, m->why, false);
		csv_end_row(&r->text);
		flush(&r->text);
	} else if (r->l.json) {
		json_open_object(&r->l.j, NULL);
		json_text(&r->l.j, "address", j->address);
		json_text(&r->l.j, "folder", m->box);
		json_text(&r->l.j, "key", m->key);
		json_text(&r->l.j, "why", m->why);
		json_close(&r->l.j, '}');
	} else {
		table_cell(r->l.table, j->address);
		table_cell(r->l.table, m->box);
		table_cell(r->l.table, m->key);
		table_cell(r->l.table, m->why);
	}
}

static int refused_of(struct reporting *r, const struct collect_job *j)
{
	AUTO(arena) struct arena a = {0};
	slice who = j->as.n ? j->as : j->user;
	slice source =
		arena_printf(&a, "%s:%.*s@%.*s:%u", j->protocol == COLLECT_POP3 ? "pop3" : "imap",
			SFMT(who), SFMT(j->host), (unsigned)j->port);
	struct sql *db = cli_env_shard(&r->x->env, j->account_id, &r->e);
	struct moved_refused *v;
	int64_t id, after = 0;
	size_t n = 0;
	if (!db)
		return -1;
	int result = moved_source_find(db, j->account_id, source, &id, &r->e);
	if (result < 0 && r->e.kind == ERR_NOTFOUND) {
		sql_close(db);
		return 0;
	}
	do {
		if (result == 0)
			result = moved_refused_list(db, id, &after, PIECE, &a, &v, &n, &r->e);
		for (size_t i = 0; result == 0 && i < n; i++)
			tell_refused(r, j, &v[i]);
	} while (result == 0 && n == PIECE);
	sql_close(db);
	return result;
}

static int report_some(struct cli_collect *x, const struct collect_query *given, void *arg)
{
	AUTO(arena) struct arena a = {0};
	struct reporting *r = arg;
	struct collect_query q = *given;
	struct collect_job *v;
	size_t n;
	q.most = PIECE;
	do {
		arena_reset(&a);
		if (collect_list(x->db, &q, &a, &v, &n, &r->e) < 0)
			return -1;
		for (size_t i = 0; i < n; i++) {
			if (!r->refused)
				tell_job(r, &v[i]);
			else if (refused_of(r, &v[i]) < 0)
				return -1;
		}
		if (n)
			q.after = v[n - 1].id;
	} while (n == PIECE);
	return 0;
}

static void begin(struct reporting *r)
{
	const char *heads[2 + NUMBERS] = {T("ACCOUNT", "帐号"), T("STATE", "状态")};
	const char *const lines[] = {T("ACCOUNT", "帐号"), T("FOLDER", "文件夹"),
		T("MESSAGE", "邮件"), T("WHY", "原因")};
	for (size_t i = 0; i < NUMBERS; i++)
		heads[2 + i] = T(numbers[i].en, numbers[i].zh);
	bool json = r->x->call->cli->json;
	if (r->csv && r->refused)
		fputs("address,folder,message,why\r\n", stdout);
	else if (r->csv)
		fputs("address,host,state,folders,messages,copied,present,flagged,gone,refused,"
		      "verified,missing,different,why\r\n",
			stdout);
	else if (r->refused)
		listing_begin(&r->l, json, "refused", lines, 4);
	else
		listing_begin(&r->l, json, "accounts", heads, 2 + NUMBERS);
}

int cli_collect_report(struct cli_call *c)
{
	AUTO(cli_collect) struct cli_collect x = {0};
	struct reporting r = {.x = &x,
		.csv = cli_flag(c, "csv"),
		.refused = cli_flag(c, "refused"),
		.text = BUF(1 << 20)};
	struct collect_query all = {.repeated = 0, .batch = cli_option_text(c, "batch")};
	int code = cli_collect_open(c, &x), result = 0;
	if (code)
		return code;
	begin(&r);
	if (c->nargs == 0)
		result = report_some(&x, &all, &r);
	for (int i = 0; result == 0 && i < c->nargs; i++) {
		uint64_t id;
		if (!slice_u64(cli_arg(c, i), &id) || id == 0 || id > INT64_MAX)
			return out_usage("%s", T("no number of a job", "不是任务编号"));
		all.id = (int64_t)id;
		result = report_some(&x, &all, &r);
	}
	if (!r.csv) {
		listing_end_rows(&r.l);
		listing_end(&r.l);
	}
	buf_done(&r.text);
	if (result < 0)
		return out_fail(&r.e);
	return r.bad ? CLI_FAILED : CLI_OK;
}

/* ---- forgetting ---- */

static int list_sources(struct cli_call *c, const struct moved_source *v, size_t n)
{
	const char *const heads[] = {
		T("SOURCE", "来源"), T(">MAILS", ">邮件数"), T("SINCE", "自"), T("LAST", "最近")};
	struct listing l;
	char text[OUT_TEXT];
	listing_begin(&l, c->cli->json, "sources", heads, 4);
	for (size_t i = 0; i < n; i++) {
		if (l.json) {
			json_open_object(&l.j, NULL);
			json_text(&l.j, "source", v[i].name);
			json_int(&l.j, "messages", (int64_t)v[i].keys);
			json_time(&l.j, "since", v[i].first_at);
			json_time(&l.j, "last", v[i].last_at);
			json_close(&l.j, '}');
			continue;
		}
		table_cell(l.table, v[i].name);
		table_cellf(l.table, "%llu", (unsigned long long)v[i].keys);
		table_cell(l.table, slice_z(out_time(v[i].first_at, text)));
		table_cell(l.table, slice_z(out_time(v[i].last_at, text)));
	}
	listing_end_rows(&l);
	listing_end(&l);
	return CLI_OK;
}

static int forget(struct sql *db, int64_t source_id, struct err *e)
{
	int64_t n;
	do {
		if (sql_begin(db, e) < 0)
			return -1;
		n = moved_source_forget_tx(db, source_id, PIECE, e);
		if (n < 0 || sql_commit(db, e) < 0) {
			sql_rollback(db);
			return -1;
		}
	} while (n == PIECE);
	return 0;
}

int cli_collect_forget(struct cli_call *c)
{
	AUTO(cli_env) struct cli_env env = {0};
	struct account account;
	struct moved_source *v;
	struct err e;
	size_t n;
	int code, result = CLI_NOTHING;
	struct sql *dir = cli_env_directory(c->cli, &env, &code);
	if (!dir)
		return code;
	if (directory_account(dir, cli_arg(c, 0), &env.mem, &account, &e) < 0)
		return out_fail(&e);
	struct sql *db = cli_env_shard(&env, account.id, &e);
	if (!db)
		return out_fail(&e);
	if (moved_sources(db, account.id, &env.mem, &v, &n, &e) < 0)
		result = out_fail(&e);
	else if (c->nargs < 2)
		result = list_sources(c, v, n);
	for (size_t i = 0; c->nargs == 2 && i < n; i++)
		if (slice_eq(v[i].name, cli_arg(c, 1)))
			result = forget(db, v[i].id, &e) < 0 ? out_fail(&e) : CLI_OK;
	sql_close(db);
	return result;
}
