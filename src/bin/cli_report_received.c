/*
 * `posthouse report received`: what others reported about our domains; and the options that it
 * shares with the other verbs of `report` (cli_report.c).
 */
#include "bin/cli_report.h"

#include "base/mem.h"
#include "base/time.h"
#include "store/report_received.h"

#include <stdio.h>

enum { MOST_DEFAULT = 100, MOST_MAX = 1000000 };

/* ---- shared ---- */

int cli_report_since(struct cli_call *c, int64_t *ret)
{
	const char *text = cli_option(c, "since");
	*ret = 0;
	if (!text || time_parse(slice_z(text), wall_now(), ret))
		return CLI_OK;
	return out_usage(
		T("--since: \"%s\" is neither an age (15m, 2h, 3d) nor a time (2026-11-22T09:00)",
			"--since：\"%s\" 既不是时长（15m、2h、3d）也不是时间（2026-11-22T09:00）"),
		text);
}

int cli_report_limit(struct cli_call *c, uint64_t *ret)
{
	*ret = MOST_DEFAULT;
	return cli_limit_option(c, MOST_MAX, ret);
}

int cli_report_number(struct cli_call *c, int64_t *ret)
{
	uint64_t n;
	if (!slice_u64(cli_arg(c, 0), &n) || n == 0 || n > INT64_MAX)
		return out_usage(
			T("not a number of `report list`: %.*s", "不是 report list 中的编号：%.*s"),
			SFMT(cli_arg(c, 0)));
	*ret = (int64_t)n;
	return CLI_OK;
}

int cli_report_nothing(void)
{
	fputs(T("posthouse: no report matches\n", "posthouse: 没有匹配的报告\n"), stderr);
	return CLI_NOTHING;
}

/* ---- received ---- */

static void received_json(struct json *j, const struct report_received *r)
{
	json_int(j, "number", r->id);
	json_text(j, "kind", r->kind);
	json_time(j, "received_at", r->received_at);
	json_text(j, "org", r->org);
	json_text(j, "contact", r->contact);
	json_text(j, "report_id", r->report_id);
	json_text(j, "domain", r->domain);
	json_time(j, "begin", r->begin_at);
	json_time(j, "end", r->end_at);
	json_int(j, "messages", r->messages);
	json_int(j, "failed", r->failed);
	json_text(j, "sender", r->sender);
}

struct listed {
	struct listing l;
	uint64_t n;
};

static bool show_received(void *arg, const struct report_received *r)
{
	struct listed *t = arg;
	char text[OUT_TEXT];
	t->n++;
	if (t->l.json) {
		json_open_object(&t->l.j, NULL);
		received_json(&t->l.j, r);
		json_close(&t->l.j, '}');
		return true;
	}
	table_cellf(t->l.table, "%lld", (long long)r->id);
	table_cell(t->l.table, r->kind);
	table_cell(t->l.table, slice_z(out_time(r->received_at, text)));
	table_cell(t->l.table, r->org);
	table_cell(t->l.table, r->domain);
	table_cellf(t->l.table, "%lld", (long long)r->messages);
	table_cellf(t->l.table, "%lld", (long long)r->failed);
	table_cell(t->l.table, r->sender);
	return true;
}

/* Its body is JSON already: what codec/report_in.h describes. */
static int show_body(struct sql *db, int64_t id)
{
	AUTO(arena) struct arena a = {0};
	struct report_received r;
	struct err e;
	if (report_received_load(db, id, &a, &r, &e) < 0)
		return e.kind == ERR_NOTFOUND ? cli_report_nothing() : out_fail(&e);
	fwrite(r.body.p, 1, r.body.n, stdout);
	putchar('\n');
	return CLI_OK;
}

static int list_received(struct cli_call *c, struct sql *db, uint64_t most)
{
	struct listed t = {0};
	struct err e;
	struct report_received_filter f = {
		.kind = cli_option_text(c, "kind"), .domain = cli_option_text(c, "domain")};
	int code = cli_report_since(c, &f.since);
	if (code)
		return code;
	const char *const heads[] = {T(">NO", ">编号"), T("KIND", "类型"),
		T("RECEIVED", "收到时间"), T("BY", "来自"), T("DOMAIN", "域"),
		T(">MESSAGES", ">数量"), T(">FAILED", ">未通过"), T("SIGNED BY", "签名域")};
	listing_begin(&t.l, c->cli->json, "reports", heads, 8);
	int r = report_received_list(db, &f, most, show_received, &t, &e);
	listing_end_rows(&t.l);
	listing_end(&t.l);
	if (r < 0)
		return out_fail(&e);
	return t.n ? CLI_OK : cli_report_nothing();
}

int cli_report_received(struct cli_call *c)
{
	AUTO(cli_env) struct cli_env env = {0};
	struct err e;
	uint64_t most;
	int64_t id = 0;
	int code = cli_report_limit(c, &most);
	if (code == CLI_OK && c->nargs)
		code = cli_report_number(c, &id);
	if (code || cli_env_open(c->cli, &env, &code) < 0)
		return code;
	struct sql *db = cli_env_db(&env, DB_REPORT, &e);
	if (!db)
		return out_fail(&e);
	return id ? show_body(db, id) : list_received(c, db, most);
}

const struct cli_option cli_report_received_options[] = {
	{"kind", "KIND", "dmarc, tls or feedback", "dmarc、tls 或 feedback"},
	{"domain", "DOMAIN", "about this domain; \"*\" is a wildcard", "关于此域；\"*\" 为通配符"},
	{"since", "WHEN", "received since: 2h, 3d, 2026-11-22", "此后收到：2h、3d、2026-11-22"},
	{"limit", "N", "at most so many, the newest (default 100)",
		"最多显示多少条，最新优先（默认 100）"},
	{NULL, NULL, NULL, NULL},
};
