/*
 * `posthouse report list | show | send-now`: what was counted for other domains, and what was sent
 * to them. `report received` is in cli_report_received.c.
 */
#include "bin/cli_report.h"
#include "bin/cli_verbs.h"
#include "bin/serve.h"

#include "base/mem.h"
#include "base/time.h"
#include "store/report.h"

#include <stdio.h>

static const char *kind_name(enum report_kind k)
{
	return k == REPORT_DMARC ? "dmarc" : "tls";
}

/* ---- options ---- */

static int parse_kind(struct cli_call *c, int *ret)
{
	slice kind = cli_option_text(c, "kind");
	*ret = -1;
	if (slice_eq(kind, S("dmarc")))
		*ret = REPORT_DMARC;
	else if (slice_eq(kind, S("tls")))
		*ret = REPORT_TLS;
	else if (kind.n)
		return out_usage(T("--kind is dmarc or tls", "--kind 为 dmarc 或 tls"));
	return CLI_OK;
}

/* ---- list ---- */

static slice state_text(const struct report_window *w, struct arena *a)
{
	if (!w->end_at)
		return slice_z(T("counting", "统计中"));
	if (!w->sent_at)
		return w->outcome.n ? arena_printf(a, "%s: %.*s", T("waiting", "等待发送"),
					      SFMT(w->outcome))
				    : slice_z(T("waiting", "等待发送"));
	return w->sent ? arena_printf(a, "%s %lld", T("sent", "已发送"), (long long)w->sent)
		       : arena_printf(a, "%s: %.*s", T("not sent", "未发送"), SFMT(w->outcome));
}

static void window_json(struct json *j, const struct report_window *w)
{
	json_open_object(j, NULL);
	json_int(j, "number", w->id);
	json_text(j, "kind", slice_z(kind_name(w->kind)));
	json_text(j, "domain", w->domain);
	if (w->policy.n)
		json_text(j, "policy", w->policy);
	json_time(j, "begin", w->begin_at);
	json_time(j, "end", w->end_at);
	json_int(j, "messages", w->messages);
	json_int(j, "failed", w->failed);
	json_int(j, "rows", w->rows);
	json_int(j, "dropped", w->dropped);
	json_time(j, "finished_at", w->sent_at);
	json_int(j, "sent", w->sent);
	json_text(j, "outcome", w->outcome);
	json_close(j, '}');
}

struct listed {
	struct listing l;
	struct arena mem;
	uint64_t n;
};

static bool show_window(void *arg, const struct report_window *w)
{
	struct listed *t = arg;
	char text[OUT_TEXT];
	t->n++;
	if (t->l.json) {
		window_json(&t->l.j, w);
		return true;
	}
	table_cellf(t->l.table, "%lld", (long long)w->id);
	table_cell(t->l.table, slice_z(kind_name(w->kind)));
	table_cell(t->l.table, w->domain);
	table_cell(t->l.table, slice_z(out_time(w->begin_at, text)));
	table_cellf(t->l.table, "%lld", (long long)w->messages);
	table_cellf(t->l.table, "%lld", (long long)w->failed);
	table_cell(t->l.table, state_text(w, &t->mem));
	arena_reset(&t->mem);
	return true;
}

static int parse_filter(struct cli_call *c, struct report_filter *f)
{
	*f = (struct report_filter){.sent = -1, .domain = cli_arg(c, 0)};
	int code = parse_kind(c, &f->kind);
	return code ? code : cli_report_since(c, &f->since);
}

static int list(struct cli_call *c)
{
	AUTO(cli_env) struct cli_env env = {0};
	struct listed t = {0};
	struct report_filter f;
	struct err e;
	uint64_t most;
	int code = parse_filter(c, &f);
	if (code == CLI_OK)
		code = cli_report_limit(c, &most);
	if (code || cli_env_open(c->cli, &env, &code) < 0)
		return code;
	struct sql *db = cli_env_db(&env, DB_REPORT, &e);
	if (!db)
		return out_fail(&e);
	const char *const heads[] = {T(">NO", ">编号"), T("KIND", "类型"), T("DOMAIN", "域"),
		T("BEGIN", "开始时间"), T(">MESSAGES", ">数量"), T(">FAILED", ">未通过"),
		T("STATE", "状态")};
	listing_begin(&t.l, c->cli->json, "reports", heads, 7);
	int r = report_windows(db, &f, most, show_window, &t, &e);
	listing_end_rows(&t.l);
	listing_end(&t.l);
	arena_done(&t.mem);
	if (r < 0)
		return out_fail(&e);
	return t.n ? CLI_OK : cli_report_nothing();
}

/* ---- show ---- */

static bool keep_window(void *arg, const struct report_window *w)
{
	struct listed *t = arg;
	t->n++;
	if (t->l.json) {
		window_json(&t->l.j, w);
		return false;
	}
	char begin[OUT_TEXT], end[OUT_TEXT];
	printf(T("Report %lld, %s, about %.*s\n", "报告 %lld，%s，关于 %.*s\n"), (long long)w->id,
		kind_name(w->kind), SFMT(w->domain));
	printf(T("  From %s to %s\n", "  时间：%s 至 %s\n"), out_time(w->begin_at, begin),
		w->end_at ? out_time(w->end_at, end) : T("now (counting)", "现在（统计中）"));
	printf(T("  Counted: %lld, failed: %lld, without details: %lld\n",
		       "  数量：%lld，未通过：%lld，无明细：%lld\n"),
		(long long)w->messages, (long long)w->failed, (long long)w->dropped);
	slice state = state_text(w, &t->mem);
	printf(T("  State: ", "  状态："));
	out_safe(state);
	putchar('\n');
	if (w->policy.n) {
		fputs(T("  Policy: ", "  策略："), stdout);
		out_safe(w->policy);
		putchar('\n');
	}
	return false;
}

static slice results_text(const struct dmarc_stat *s, struct arena *a)
{
	slice out = arena_printf(a, "spf=%s %.*s", auth_result_name(s->spf), SFMT(s->spf_domain));
	for (unsigned i = 0; i < s->ndkim; i++)
		out = arena_printf(a, "%.*s, dkim=%s %.*s/%.*s", SFMT(out),
			auth_result_name(s->dkim[i].result), SFMT(s->dkim[i].domain),
			SFMT(s->dkim[i].selector));
	return out;
}

static const char *aligned_text(const struct dmarc_stat *s)
{
	if (s->spf_aligned && s->dkim_aligned)
		return "spf dkim";
	return s->spf_aligned ? "spf" : s->dkim_aligned ? "dkim" : "-";
}

static void dmarc_json(struct json *j, const struct dmarc_row *r)
{
	const struct dmarc_stat *s = &r->stat;
	json_open_object(j, NULL);
	json_int(j, "count", r->count);
	json_text(j, "ip", s->client_ip);
	json_text(j, "header_from", s->header_from);
	json_text(j, "envelope_from", s->envelope_from);
	json_text(j, "envelope_to", s->envelope_to);
	json_bool(j, "spf_aligned", s->spf_aligned);
	json_bool(j, "dkim_aligned", s->dkim_aligned);
	json_text(j, "disposition", slice_z(dmarc_policy_name(s->disposition)));
	json_text(j, "spf", slice_z(auth_result_name(s->spf)));
	json_text(j, "spf_domain", s->spf_domain);
	json_text(j, "spf_scope", s->spf_helo ? S("helo") : S("mfrom"));
	json_open_array(j, "dkim");
	for (unsigned i = 0; i < s->ndkim; i++) {
		json_open_object(j, NULL);
		json_text(j, "domain", s->dkim[i].domain);
		json_text(j, "selector", s->dkim[i].selector);
		json_text(j, "result", slice_z(auth_result_name(s->dkim[i].result)));
		json_close(j, '}');
	}
	json_close(j, ']');
	json_open_array(j, "reasons");
	for (unsigned i = 0; i < s->nreasons; i++) {
		json_open_object(j, NULL);
		json_text(j, "type", slice_z(report_override_name(s->reasons[i].type)));
		json_text(j, "comment", s->reasons[i].comment);
		json_close(j, '}');
	}
	json_close(j, ']');
	json_close(j, '}');
}

static bool show_dmarc(void *arg, const struct dmarc_row *r)
{
	struct listed *t = arg;
	const struct dmarc_stat *s = &r->stat;
	if (t->l.json) {
		dmarc_json(&t->l.j, r);
		return true;
	}
	table_cellf(t->l.table, "%lld", (long long)r->count);
	table_cell(t->l.table, s->client_ip);
	table_cell(t->l.table, s->header_from);
	table_cell(t->l.table, slice_z(aligned_text(s)));
	table_cell(t->l.table, slice_z(dmarc_policy_name(s->disposition)));
	table_cell(t->l.table, results_text(s, &t->mem));
	arena_reset(&t->mem);
	return true;
}

static bool show_tls(void *arg, const struct tls_row *r)
{
	struct listed *t = arg;
	const struct tls_stat *s = &r->stat;
	if (t->l.json) {
		json_open_object(&t->l.j, NULL);
		json_bool(&t->l.j, "policy", r->policy);
		json_text(&t->l.j, "type", s->policy_type);
		json_int(&t->l.j, "ok", r->ok);
		json_int(&t->l.j, "failed", r->policy ? r->failed : r->count);
		json_text(&t->l.j, "result", s->result_type);
		json_text(&t->l.j, "mx", s->receiving_mx);
		json_text(&t->l.j, "ip", s->receiving_ip);
		json_text(&t->l.j, "sending_ip", s->sending_ip);
		json_text(&t->l.j, "reason", s->reason_code);
		json_close(&t->l.j, '}');
		return true;
	}
	table_cell(t->l.table, s->policy_type);
	table_cell(t->l.table, r->policy ? S("") : s->result_type);
	table_cell(t->l.table, s->receiving_mx);
	table_cell(t->l.table, s->receiving_ip);
	if (r->policy)
		table_cellf(t->l.table, "%lld", (long long)r->ok);
	else
		table_cell(t->l.table, S(""));
	table_cellf(t->l.table, "%lld", (long long)(r->policy ? r->failed : r->count));
	table_cell(t->l.table, s->reason_code);
	return true;
}

static bool take_kind(void *arg, const struct report_window *w)
{
	*(int *)arg = (int)w->kind;
	return false;
}

static int show_rows(struct sql *db, int64_t id, int kind, struct listed *t, struct err *e)
{
	const char *const dmarc[] = {T(">COUNT", ">数量"), T("IP", "IP"), T("FROM", "发件域"),
		T("ALIGNED", "一致"), T("DISPOSITION", "处置"), T("RESULTS", "结果")};
	const char *const tls[] = {T("POLICY", "策略"), T("RESULT", "结果"), T("MX", "MX"),
		T("IP", "IP"), T(">OK", ">成功"), T(">FAILED", ">失败"), T("REASON", "原因")};
	if (t->l.json)
		json_open_array(&t->l.j, "rows");
	else
		t->l.table = kind == REPORT_DMARC ? table_new(dmarc, 6) : table_new(tls, 7);
	int r = kind == REPORT_DMARC ? report_dmarc_rows(db, id, show_dmarc, t, e)
				     : report_tls_rows(db, id, show_tls, t, e);
	if (t->l.json)
		json_close(&t->l.j, ']');
	else
		table_end(t->l.table);
	return r;
}

static int show(struct cli_call *c)
{
	AUTO(cli_env) struct cli_env env = {0};
	struct listed t = {.l = {.json = c->cli->json}};
	struct report_filter f = {.kind = -1, .sent = -1};
	struct err e;
	int kind = -1, code = cli_report_number(c, &f.id);
	if (code || cli_env_open(c->cli, &env, &code) < 0)
		return code;
	struct sql *db = cli_env_db(&env, DB_REPORT, &e);
	if (!db || report_windows(db, &f, 1, take_kind, &kind, &e) < 0)
		return out_fail(&e);
	if (kind < 0)
		return cli_report_nothing();
	if (t.l.json) {
		json_begin(&t.l.j);
		json_open_array(&t.l.j, "reports");
	}
	int r = report_windows(db, &f, 1, keep_window, &t, &e);
	if (t.l.json)
		json_close(&t.l.j, ']');
	if (r == 0)
		r = show_rows(db, f.id, kind, &t, &e);
	if (t.l.json)
		json_end(&t.l.j);
	arena_done(&t.mem);
	return r < 0 ? out_fail(&e) : CLI_OK;
}

/* ---- send-now ---- */

static int send_now(struct cli_call *c)
{
	AUTO(cli_env) struct cli_env env = {0};
	struct report_filter f;
	struct err e;
	int code = parse_filter(c, &f);
	if (code || cli_env_open(c->cli, &env, &code) < 0)
		return code;
	struct sql *db = cli_env_db(&env, DB_REPORT, &e);
	if (!db || sql_begin(db, &e) < 0)
		return out_fail(&e);
	int64_t n = report_hurry_tx(db, &f, wall_now(), &e);
	if (n < 0) {
		sql_rollback(db);
		return out_fail(&e);
	}
	if (sql_commit(db, &e) < 0)
		return out_fail(&e);
	cli_env_as_caller(&env);
	serve_wake_queue(env.config.server->run);
	if (c->cli->json) {
		struct json j = {0};
		json_begin(&j);
		json_int(&j, "due", n);
		json_end(&j);
	} else {
		printf(T("%lld reports will be sent now\n", "%lld 份报告将立即发送\n"),
			(long long)n);
	}
	return n ? CLI_OK : CLI_NOTHING;
}

/* ---- the table ---- */

static const struct cli_option list_options[] = {
	{"kind", "KIND", "dmarc or tls", "dmarc 或 tls"},
	{"since", "WHEN", "of days since: 3d, 2026-11-22", "此后的报告：3d、2026-11-22"},
	{"limit", "N", "at most so many, the newest (default 100)",
		"最多显示多少条，最新优先（默认 100）"},
	{NULL, NULL, NULL, NULL},
};
static const struct cli_option send_options[] = {
	{"kind", "KIND", "dmarc or tls", "dmarc 或 tls"},
	{"since", "WHEN", "of days since: 3d, 2026-11-22", "此后的报告：3d、2026-11-22"},
	{NULL, NULL, NULL, NULL},
};
const struct cli_verb report_verbs[] = {
	{"list", list, "[DOMAIN]", 0, 1, true, list_options,
		"Lists what was counted for other domains and whether they were told.",
		"列出为其他域统计的数据及报告发送情况。",
		"One row is a day (UTC) of one domain with one policy. DOMAIN may have \"*\" as a "
		"wildcard.\n"
		"Counts reach the list within 15 seconds.",
		"每行是一个域在一天（UTC）内、一种策略下的统计。DOMAIN 可用 \"*\" 作通配符。\n"
		"统计数据在 15 秒内进入列表。"},
	{"show", show, "NUMBER", 1, 1, true, NULL, "Shows one of them with all its rows.",
		"显示其中一份的全部明细。", NULL, NULL},
	{"send-now", send_now, "[DOMAIN]", 0, 1, true, send_options,
		"Sends reports now instead of after the end of their day.",
		"立即发送报告，不等当天结束。",
		"What is being counted is closed and sent; counting goes on in a new row. Domains "
		"that "
		"ask for\n"
		"no reports get none.",
		"正在统计的数据立即结束并发送，之后的计入新的一行。没有要求报告的域不会收到。"},
	{"received", cli_report_received, "[NUMBER]", 0, 1, true, cli_report_received_options,
		"Lists reports that others sent about our domains, or prints one (as JSON).",
		"列出其他系统发来的关于本系统各域的报告，或输出其中一份（JSON）。", NULL, NULL},
	CLI_VERBS_END,
};
