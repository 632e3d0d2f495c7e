/* `posthouse quarantine`: the list, and the table of all verbs (cli_quarantine.h). */
#include "bin/cli_quarantine.h"

#include "base/mem.h"
#include "base/time.h"
#include "bin/cli_verbs.h"
#include "bin/filter_conf.h"

#include <stdio.h>

enum { LIST_DEFAULT = 100 };

struct listed {
	struct listing l;
	struct signal_words words;
	struct arena a;
	uint64_t rows, most;
};

static void row_json(struct json *j, const struct quarantine_row *r)
{
	char id[MSG_ID_TEXT], text[OUT_TEXT];
	json_open_object(j, NULL);
	msg_id_print(r->id, id);
	json_text(j, "id", slice_z(id));
	json_int(j, "recipient", r->idx);
	msg_id_print(r->origin, id);
	json_text(j, "origin", slice_z(id));
	json_text(j, "kind", slice_z(held_kind_name(r->kind)));
	json_text(j, "class", slice_z(quarantine_class_name(r->class)));
	json_text(j, "state", slice_z(quarantine_state_name(r->state)));
	json_text(j, "sender", r->sender);
	json_text(j, "from", r->from);
	json_text(j, "to", r->rcpt);
	json_text(j, "subject", r->subject);
	json_text(j, "client", r->client);
	snprintf(text, sizeof text, "%.6f", r->probability);
	json_text(j, "probability", slice_z(text));
	json_text(j, "policy", r->policy);
	json_text(j, "signals", r->signals);
	json_text(j, "virus", r->virus);
	json_text(j, "text", r->text);
	json_text(j, "by", r->by);
	msg_id_print(r->released_as, id);
	json_text(j, "released_as", r->released_as ? slice_z(id) : S(""));
	json_int(j, "size", (int64_t)r->size);
	json_time(j, "held_at", r->held_at);
	json_time(j, "changed_at", r->changed_at);
	json_time(j, "expires_at", r->expires_at);
	json_close(j, '}');
}

static void row_text(struct listed *l, const struct quarantine_row *r)
{
	struct table *t = l->l.table;
	char text[OUT_TEXT], id[MSG_ID_TEXT];
	msg_id_print(r->id, id);
	table_cellf(t, r->idx ? "%s/%d" : "%s", id, r->idx);
	table_cell(t, slice_z(out_time(r->held_at, text)));
	table_cell(t, slice_z(quarantine_class_text(r->class, tr_lang == LANG_ZH)));
	table_cell(t, slice_z(held_state_text(r->state)));
	table_cellf(t, "%.2f", r->probability);
	table_cell(t, r->from.n ? r->from : r->sender.n ? r->sender : S("<>"));
	table_cell(t, r->rcpt);
	table_cell(t, r->subject);
	arena_reset(&l->a);
	slice why = held_reasons(&l->words, r->signals, 1, &l->a);
	table_cell(t, r->virus.n ? r->virus : why);
}

static bool list_row(void *arg, const struct quarantine_row *r)
{
	struct listed *l = arg;
	if (l->rows++ == l->most)
		return false;
	if (l->l.json)
		row_json(&l->l.j, r);
	else
		row_text(l, r);
	return true;
}

static int print_totals(struct listed *l, struct sql *db, struct err *e)
{
	struct quarantine_totals t;
	char size[OUT_TEXT];
	if (quarantine_totals(db, &t, e) < 0)
		return -1;
	if (l->l.json) {
		json_bool(&l->l.j, "more", l->rows > l->most);
		json_int(&l->l.j, "messages", (int64_t)t.messages);
		json_int(&l->l.j, "bytes", (int64_t)t.bytes);
		return 0;
	}
	if (l->rows > l->most)
		printf(T("... more: the first %llu are shown (--limit)\n",
			       "……还有更多：只显示前 %llu 个（--limit）\n"),
			(unsigned long long)l->most);
	printf(T("Whole quarantine: %llu messages, %s.\n", "整个隔离区：%llu 封邮件，共 %s。\n"),
		(unsigned long long)t.messages, out_size(t.bytes, size));
	return 0;
}

static int list(struct cli_call *c)
{
	AUTO(cli_env) struct cli_env env = {0};
	AUTO(arena) struct arena a = {0};
	struct held_pick pick;
	struct listed l = {.most = LIST_DEFAULT};
	struct err e;
	bool any;
	int code = held_pick_parse(c, -1, &a, &pick, &any, NULL);
	if (code == CLI_OK)
		code = cli_limit_or_all_option(c, &l.most);
	pick.likely = cli_flag(c, "likely");
	if (code || cli_env_open(c->cli, &env, &code) < 0)
		return code;
	struct sql *db = cli_env_db(&env, DB_QUEUE, &e);
	if (!db)
		return out_fail(&e);
	l.words.dir = env.config.filter->rules;
	l.words.data = env.config.server->data;
	const char *const heads[] = {T("ID", "编号"), T("HELD", "扣留时间"), T("CLASS", "类别"),
		T("STATE", "状态"), T(">P", ">概率"), T("FROM", "发件人"), T("TO", "收件人"),
		T("SUBJECT", "主题"), T("REASON", "原因")};
	listing_begin(&l.l, c->cli->json, "recipients", heads, 9);
	int r = held_pick_each(db, &pick, l.most + 1, list_row, &l, &e);
	listing_end_rows(&l.l);
	if (r == 0)
		r = print_totals(&l, db, &e);
	listing_end(&l.l);
	signal_words_done(&l.words);
	arena_done(&l.a);
	if (r < 0)
		return out_fail(&e);
	return l.rows == 0 && !any ? CLI_NOTHING : CLI_OK;
}

/* ---- tables ---- */

#define OPTIONS_END                                                                                \
	{                                                                                          \
		NULL, NULL, NULL, NULL                                                             \
	}
#define CHANGE_OPTIONS                                                                             \
	HELD_OPTIONS, {"all", NULL, "everything that waits", "所有等待处理的邮件"},                \
	{                                                                                          \
		"yes", NULL, "do it without asking", "不经询问直接执行"                    \
	}
#define TEACH                                                                                      \
	{                                                                                          \
		"teach", NULL, "the filter learns from it", "供过滤器学习"                   \
	}

static const struct cli_option list_options[] = {HELD_OPTIONS,
	{"likely", NULL, "likely mistakes of the filter first", "最可能误判的在前"},
	{"limit", "N", "at most so many (default 100, 0: all)",
		"最多显示多少个（默认 100，0 为全部）"},
	OPTIONS_END};
static const struct cli_option export_options[] = {HELD_OPTIONS,
	{"likely", NULL, "likely mistakes of the filter first", "最可能误判的在前"},
	{"output", "FILE", "a file *.csv or *.xlsx", "输出文件，*.csv 或 *.xlsx"}, OPTIONS_END};
static const struct cli_option change_options[] = {CHANGE_OPTIONS, OPTIONS_END};
static const struct cli_option release_options[] = {CHANGE_OPTIONS, TEACH,
	{"allow", NULL, "put the sender on the recipients' allow lists",
		"把发件人加入收件人的白名单"},
	{"to-address", "ADDRESS", "deliver there instead", "改投递到此地址"}, OPTIONS_END};
static const struct cli_option delete_options[] = {CHANGE_OPTIONS, TEACH,
	{"block", NULL, "put the sender on the recipients' block lists",
		"把发件人加入收件人的黑名单"},
	OPTIONS_END};
static const struct cli_option forward_options[] = {
	CHANGE_OPTIONS, {"to-address", "ADDRESS", "who gets a copy", "副本收件人"}, OPTIONS_END};
static const struct cli_option download_options[] = {
	{"output", "FILE", "write there instead of to standard output", "写到此文件"}, OPTIONS_END};

#define CHANGE_EN                                                                                  \
	"Give ids (ID, or ID/N for one recipient), filters, or --all. More than one recipient "    \
	"is\ncounted first and asked about, unless --yes. Every operation has a number; "          \
	"posthouse\nquarantine undo NUMBER takes it back."
#define CHANGE_ZH                                                                                                                       \
	"请给出编号（ID，或 ID/N 表示其中一个收件人）、筛选条件，或 --all。多于一个收件人时先显示" \
	"数量并询问，\n除非使用 --yes。每次操作都有编号，posthouse quarantine undo 编号 可撤销。"

const struct cli_verb quarantine_verbs[] = {
	{"list", list, "[ID...]", 0, -1, true, list_options,
		"Lists what is kept, a line for each recipient, newest first.",
		"列出隔离区中的邮件，每个收件人一行，最新的在前。",
		"  posthouse quarantine list --to bob@example.com --since 2d\n"
		"  posthouse quarantine list --signal bayes-spam --most 0.95 --likely",
		"  posthouse quarantine list --to bob@example.com --since 2d\n"
		"  posthouse quarantine list --signal bayes-spam --most 0.95 --likely"},
	{"show", held_show, "ID", 1, 1, true, NULL,
		"Shows one message: verdict, reasons, policy, who did what.",
		"显示一封邮件：判定、原因、策略，以及谁做过什么。", NULL, NULL},
	{"preview", held_preview, "ID", 1, 1, true, NULL,
		"Shows its text without anything active: no pictures, links as text.",
		"预览正文：不含任何活动内容，不加载图片，链接以文字显示。", NULL, NULL},
	{"download", held_download, "ID", 1, 1, false, download_options,
		"Writes the original as it came.", "下载原始邮件。", NULL, NULL},
	{"release", held_release, "[ID...]", 0, -1, true, release_options,
		"Delivers the original, without filtering it again.", "放行：投递原件，不再过滤。",
		CHANGE_EN "\n\n  posthouse quarantine release 0G3K5N2M1P0QR --allow --teach\n"
			  "  posthouse quarantine release --signal rule-invoice --since 6h --yes",
		CHANGE_ZH "\n\n  posthouse quarantine release 0G3K5N2M1P0QR --allow --teach\n"
			  "  posthouse quarantine release --signal rule-invoice --since 6h --yes"},
	{"delete", held_delete, "[ID...]", 0, -1, true, delete_options,
		"Deletes it; until it expires undo brings it back.", "删除；到期前可撤销。",
		CHANGE_EN, CHANGE_ZH},
	{"approve", held_approve, "[ID...]", 0, -1, true, change_options,
		"Says yes to mail that waits for approval.", "批准等待审批的邮件。", CHANGE_EN,
		CHANGE_ZH},
	{"refuse", held_refuse, "[ID...]", 0, -1, true, change_options,
		"Says no to mail that waits for approval or was asked for.",
		"拒绝等待审批或请求放行的邮件。", CHANGE_EN, CHANGE_ZH},
	{"ask", held_ask, "[ID...]", 0, -1, true, change_options,
		"Asks the administrator for release, in the recipients' stead.",
		"代收件人请求管理员放行。", CHANGE_EN, CHANGE_ZH},
	{"forward", held_forward, "[ID...]", 0, -1, true, forward_options,
		"Sends a copy of the original to an address; nothing else changes.",
		"把原件的副本发到指定地址，状态不变。", CHANGE_EN, CHANGE_ZH},
	{"undo", held_undo, "NUMBER", 1, 1, true, NULL,
		"Takes an operation back; of released mail what is still queued.",
		"撤销一次操作；已放行的邮件只能撤回仍在队列中的部分。", NULL, NULL},
	{"operations", held_operations, "", 0, 0, true, NULL,
		"Lists operations: number, who, what, how many.",
		"列出各次操作：编号、操作人、内容、数量。", NULL, NULL},
	{"export", held_export, "[ID...]", 0, -1, false, export_options,
		"Writes the list as CSV or for Excel (xlsx).", "导出列表为 CSV 或 Excel（xlsx）。",
		"  posthouse quarantine export --since 30d --output held.xlsx",
		"  posthouse quarantine export --since 30d --output held.xlsx"},
	CLI_VERBS_END,
};
