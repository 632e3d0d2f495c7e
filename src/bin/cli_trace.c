/* `posthouse trace`: what happened to messages, from the queue and the trace together. */
#include "bin/cli_queue.h"
#include "bin/cli_verbs.h"

#include "base/mem.h"
#include "base/time.h"
#include "bin/filter_conf.h"
#include "store/trace.h"

#include <stdio.h>

enum { DETAILED = 5, MOST_DEFAULT = 100, MOST_MAX = 1000000 };

struct traced {
	struct listing l;
	bool detailed;
	uint64_t rows, most;
	struct arena kept; /* the rows of a short answer, shown with their timelines */
	struct trace_row *row;
	struct signal_words words;
};

static const char *status_text(int status)
{
	static const char *const zh[] = {
		"排队中", "已投递", "已退信", "超期", "已删除", "已拒绝", "已转交", "已隔离"};
	return tr_lang == LANG_ZH && status >= 0 && status < (int)(sizeof zh / sizeof zh[0])
		       ? zh[status]
		       : trace_status_name(status);
}

static void row_json(struct json *j, const struct trace_row *r)
{
	char id[MSG_ID_TEXT];
	msg_id_print(r->id, id);
	json_open_object(j, NULL);
	json_text(j, "id", slice_z(id));
	if (r->idx >= 0)
		json_int(j, "recipient", r->idx);
	json_text(j, "status", slice_z(trace_status_name(r->status)));
	json_text(j, "from", r->sender);
	json_text(j, "to", r->rcpt);
	json_text(j, "client", r->client);
	json_text(j, "subject", r->subject);
	json_text(j, "message_id", r->message_id);
	json_int(j, "size", (int64_t)r->size);
	json_time(j, "arrived_at", r->arrived_at);
	json_time(j, "ended_at", r->ended_at);
	timeline_json(j, "timeline", r->log);
	json_close(j, '}');
}

static void row_table(struct table *t, const struct trace_row *r)
{
	char id[MSG_ID_TEXT], text[OUT_TEXT];
	msg_id_print(r->id, id);
	table_cellf(t, r->idx > 0 ? "%s/%d" : "%s", id, r->idx);
	table_cell(t, slice_z(out_time(r->arrived_at, text)));
	table_cell(t, slice_z(status_text(r->status)));
	table_cell(t, r->sender.n ? r->sender : S("<>"));
	table_cell(t, r->rcpt);
	table_cell(t, slice_z(out_size(r->size, text)));
	table_cell(t, r->subject);
}

static void line(const char *label, slice value)
{
	if (value.n == 0)
		return;
	fputs(label, stdout);
	out_safe(value);
	putchar('\n');
}

static void row_detailed(const struct trace_row *r, bool first, struct signal_words *w)
{
	char id[MSG_ID_TEXT], text[OUT_TEXT], took[OUT_TEXT];
	msg_id_print(r->id, id);
	fputs(first ? "" : "\n", stdout);
	if (r->idx >= 0)
		printf(T("Message %s, recipient %d: %s\n", "邮件 %s，收件人 %d：%s\n"), id, r->idx,
			status_text(r->status));
	else /* refused before it had a number */
		printf(T("Message %s: %s\n", "邮件 %s：%s\n"), id, status_text(r->status));
	line(T("  From:     ", "  发件人： "), r->sender.n ? r->sender : S("<>"));
	line(T("  To:       ", "  收件人： "), r->rcpt);
	line(T("  Subject:  ", "  主题：   "), r->subject);
	line("  Message-ID: ", r->message_id);
	line(T("  Client:   ", "  来自：   "), r->client);
	if (r->size)
		printf(T("  Size:     %s\n", "  大小：   %s\n"), out_size(r->size, text));
	if (r->status == TRACE_QUARANTINED && !r->ended_at)
		printf(T("  Arrived:  %s, kept in quarantine (posthouse quarantine show %s)\n",
			       "  到达：   %s，在隔离区中（posthouse quarantine show %s）\n"),
			out_time(r->arrived_at, text), id);
	else if (r->ended_at)
		printf(T("  Arrived:  %s, ended after %s\n", "  到达：   %s，历时 %s\n"),
			out_time(r->arrived_at, text), out_age(r->ended_at - r->arrived_at, took));
	else
		printf(T("  Arrived:  %s, still queued\n", "  到达：   %s，仍在排队\n"),
			out_time(r->arrived_at, text));
	timeline_print(r->log, "  ", w);
}

/* Rows are kept until there are too many of them to be shown in detail. */
static void keep_or_print(struct traced *t, const struct trace_row *r)
{
	if (t->rows <= DETAILED || t->detailed) {
		struct trace_row *k = &t->row[t->rows - 1];
		*k = *r;
		slice *const texts[] = {
			&k->sender, &k->rcpt, &k->client, &k->message_id, &k->subject, &k->log};
		for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
			*texts[i] = arena_dup(&t->kept, *texts[i]);
		return;
	}
	for (uint64_t i = 0; t->rows == DETAILED + 1 && i < DETAILED; i++)
		row_table(t->l.table, &t->row[i]);
	row_table(t->l.table, r);
}

static bool show_row(void *arg, const struct trace_row *r)
{
	struct traced *t = arg;
	if (t->rows == t->most) {
		t->rows++;
		return false;
	}
	t->rows++;
	if (t->l.json)
		row_json(&t->l.j, r);
	else
		keep_or_print(t, r);
	return true;
}

static void print_kept(struct traced *t)
{
	uint64_t n = t->rows > t->most ? t->most : t->rows;
	if (n > DETAILED && !t->detailed)
		return;
	for (uint64_t i = 0; i < n; i++)
		row_detailed(&t->row[i], i == 0, &t->words);
}

/* ---- arguments ---- */

static int parse(struct cli_call *c, struct trace_filter *f, uint64_t *ret_most)
{
	*f = (struct trace_filter){
		.from = cli_option_text(c, "from"),
		.to = cli_option_text(c, "to"),
		.client = cli_option_text(c, "client"),
		.message_id = cli_option_text(c, "message-id"),
		.subject = cli_option_text(c, "subject"),
		.status = -1,
	};
	if (c->nargs && !msg_id_parse(cli_arg(c, 0), &f->id))
		return out_usage(
			T("not a message id: %.*s", "不是邮件编号：%.*s"), SFMT(cli_arg(c, 0)));
	if (cli_option(c, "status") &&
		!trace_status_parse(cli_option_text(c, "status"), &f->status))
		return out_usage(T("--status is queued, delivered, relayed, bounced, expired, "
				   "deleted, refused or quarantined",
			"--status 为 "
			"queued、delivered、relayed、bounced、expired、deleted、refused "
			"或 quarantined"));
	int r = cli_time_option(c, "since", &f->since);
	if (r == CLI_OK)
		r = cli_time_option(c, "until", &f->until);
	*ret_most = MOST_DEFAULT;
	return r == CLI_OK ? cli_limit_option(c, MOST_MAX, ret_most) : r;
}

static int finish(struct cli_call *c, struct traced *t)
{
	bool more = t->rows > t->most;
	listing_end_rows(&t->l);
	if (c->cli->json)
		json_bool(&t->l.j, "more", more);
	else
		print_kept(t);
	listing_end(&t->l);
	if (more && !c->cli->json)
		printf(T("... more: the newest %llu are shown (--limit)\n",
			       "……还有更多：只显示最新的 %llu 条（--limit）\n"),
			(unsigned long long)t->most);
	if (t->rows == 0)
		fputs(T("posthouse: nothing in the trace matches\n",
			      "posthouse: 没有匹配的跟踪记录\n"),
			stderr);
	return t->rows ? CLI_OK : CLI_NOTHING;
}

static int trace(struct cli_call *c)
{
	AUTO(cli_env) struct cli_env env = {0};
	struct traced t = {.detailed = cli_flag(c, "details")};
	struct trace_filter f;
	struct err e;
	int code = parse(c, &f, &t.most);
	if (code || cli_env_open(c->cli, &env, &code) < 0)
		return code;
	struct sql *db = cli_env_db(&env, DB_TRACE, &e),
		   *queue = db ? cli_env_db(&env, DB_QUEUE, &e) : NULL;
	if (!queue)
		return out_fail(&e);
	t.words.dir = env.config.filter->rules;
	t.words.data = env.config.server->data;
	t.detailed = t.detailed || f.id;
	t.row = mem_alloc((t.detailed ? t.most : DETAILED) * sizeof *t.row);
	const char *const heads[] = {T("ID", "编号"), T("ARRIVED", "到达时间"), T("STATUS", "状态"),
		T("FROM", "发件人"), T("TO", "收件人"), T(">SIZE", ">大小"), T("SUBJECT", "主题")};
	listing_begin(&t.l, c->cli->json, "rows", heads, 7);
	int r = trace_find(db, queue, &f, t.most + 1, show_row, &t, &e);
	if (r == 0) {
		code = finish(c, &t);
	} else {
		listing_end_rows(&t.l);
		listing_end(&t.l);
		code = out_fail(&e);
	}
	arena_done(&t.kept);
	signal_words_done(&t.words);
	free(t.row);
	return code;
}

static const struct cli_option options[] = {
	{"from", "ADDRESS", "sender; \"*\" is a wildcard, a bare domain means all of it",
		"发件人；\"*\" 为通配符，只写域名表示整个域"},
	{"to", "ADDRESS", "recipient, likewise", "收件人，同上"},
	{"since", "WHEN", "arrived since: 2h, 3d, 2026-11-22, 2026-11-22T09:00",
		"此后到达：2h、3d、2026-11-22、2026-11-22T09:00"},
	{"until", "WHEN", "arrived before", "此前到达"},
	{"status", "STATUS",
		"queued, delivered, relayed, bounced, expired, deleted, refused or quarantined",
		"queued、delivered、relayed、bounced、expired、deleted、refused 或 quarantined"},
	{"subject", "TEXT", "the subject contains this", "主题包含此文字"},
	{"message-id", "ID", "the Message-ID header", "邮件头中的 Message-ID"},
	{"client", "IP", "the host it came from", "来源主机"},
	{"limit", "N", "at most so many, the newest (default 100)",
		"最多显示多少条，最新优先（默认 100）"},
	{"details", NULL, "timelines also when there are many", "条数较多时也显示经过"},
	{NULL, NULL, NULL, NULL},
};

const struct cli_verb trace_verbs[] = {
	{NULL, trace, "[ID]", 0, 1, true, options,
		"Tells what happened to messages, recipient by recipient, newest first.",
		"逐个收件人说明邮件的经过，最新的在前。",
		"ID is the number that the server gave when it took the message (250 Kept as "
		"ID) and that\n"
		"stands in its Received line. Up to five rows are shown with their whole "
		"timeline.\n\n"
		"  posthouse trace 0G3K5N2M1P0QR\n"
		"  posthouse trace --to bob@example.com --since 2h\n"
		"  posthouse trace --from example.org --status bounced --json",
		"ID 是服务器收下邮件时给出的编号（250 … Kept as ID），也写在邮件的 Received "
		"行中。\n"
		"不超过五条时显示完整经过。\n\n"
		"  posthouse trace 0G3K5N2M1P0QR\n"
		"  posthouse trace --to bob@example.com --since 2h\n"
		"  posthouse trace --from example.org --status bounced --json"},
	CLI_VERBS_END,
};
