/* `posthouse queue list | show`, and the table of all queue verbs. Changes are in
 * cli_queue_change.c. */
#include "bin/cli_queue.h"

#include "base/mem.h"
#include "base/time.h"
#include "bin/filter_conf.h"

#include <stdio.h>

enum { LIST_DEFAULT = 1000 };

static const char *state_name(const struct queue_row *r)
{
	if (r->state == RCPT_HELD)
		return "held";
	return r->attempts || r->reason.n ? "deferred" : "waiting";
}

static const char *state_text(const char *name)
{
	if (strcmp(name, "held") == 0)
		return T("held", "暂停");
	return strcmp(name, "deferred") == 0 ? T("deferred", "延后") : T("waiting", "等待");
}

struct listed {
	struct listing l;
	int64_t now;
	uint64_t rows, most;
};

static void row_json(struct json *j, const struct queue_row *r)
{
	char id[MSG_ID_TEXT];
	msg_id_print(r->id, id);
	json_open_object(j, NULL);
	json_text(j, "id", slice_z(id));
	json_int(j, "recipient", r->idx);
	json_text(j, "from", r->sender);
	json_text(j, "to", r->rcpt);
	json_text(j, "destination", r->dest);
	json_text(j, "state", slice_z(state_name(r)));
	json_text(j, "priority", slice_z(queue_priority_name(r->priority)));
	json_text(j, "reason", r->reason);
	json_text(j, "client", r->client);
	json_int(j, "attempts", r->attempts);
	json_int(j, "size", (int64_t)r->size);
	json_time(j, "arrived_at", r->arrived_at);
	json_time(j, "next_at", r->next_at);
	json_time(j, "expires_at", r->expires_at);
	json_close(j, '}');
}

static void row_text(struct table *t, const struct queue_row *r, int64_t now)
{
	char text[OUT_TEXT], id[MSG_ID_TEXT];
	msg_id_print(r->id, id);
	table_cellf(t, r->idx ? "%s/%d" : "%s", id, r->idx);
	table_cell(t, slice_z(out_age(now - r->arrived_at, text)));
	table_cell(t, slice_z(out_size(r->size, text)));
	table_cell(t, r->sender.n ? r->sender : S("<>"));
	table_cell(t, r->rcpt);
	table_cell(t, slice_z(state_text(state_name(r))));
	bool due = r->next_at <= now;
	table_cell(t, slice_z(r->state == RCPT_HELD ? "-"
			      : due                 ? T("now", "现在")
						    : out_age(now - r->next_at, text)));
	table_cell(t, r->dest);
	table_cell(t, r->reason);
}

static bool list_row(void *arg, const struct queue_row *r)
{
	struct listed *l = arg;
	if (l->rows++ == l->most)
		return false;
	if (l->l.json)
		row_json(&l->l.j, r);
	else
		row_text(l->l.table, r, l->now);
	return true;
}

static int print_totals(struct listed *l, struct sql *db, struct err *e)
{
	struct queue_totals t;
	char size[OUT_TEXT], age[OUT_TEXT];
	if (queue_totals(db, &t, e) < 0)
		return -1;
	if (l->l.json) {
		json_bool(&l->l.j, "more", l->rows > l->most);
		json_int(&l->l.j, "messages", (int64_t)t.messages);
		json_int(&l->l.j, "recipients_in_queue", (int64_t)t.recipients);
		json_int(&l->l.j, "held", (int64_t)t.held);
		json_int(&l->l.j, "deferred", (int64_t)t.deferred);
		json_int(&l->l.j, "bytes", (int64_t)t.bytes);
		json_time(&l->l.j, "oldest_at", t.oldest_at);
		return 0;
	}
	if (l->rows > l->most)
		printf(T("... more: the first %llu are shown (--limit)\n",
			       "……还有更多：只显示前 %llu 个（--limit）\n"),
			(unsigned long long)l->most);
	if (t.messages == 0)
		puts(T("The queue is empty.", "队列为空。"));
	else
		printf(T("Whole queue: %llu messages, %llu recipients (%llu deferred, %llu held), "
			 "%s, the oldest %s old.\n",
			       "整个队列：%llu 封邮件，%llu 个收件人（延后 %llu，暂停 %llu），共 "
			       "%s，最早的已等待 %s。\n"),
			(unsigned long long)t.messages, (unsigned long long)t.recipients,
			(unsigned long long)t.deferred, (unsigned long long)t.held,
			out_size(t.bytes, size), out_age(l->now - t.oldest_at, age));
	return 0;
}

static int list(struct cli_call *c)
{
	AUTO(cli_env) struct cli_env env = {0};
	AUTO(arena) struct arena a = {0};
	struct queue_pick pick;
	struct listed l = {.now = wall_now(), .most = LIST_DEFAULT};
	struct err e;
	bool any;
	int code = queue_pick_parse(c, &a, &pick, &any);
	if (code == CLI_OK)
		code = cli_limit_or_all_option(c, &l.most);
	if (code || cli_env_open(c->cli, &env, &code) < 0)
		return code;
	struct sql *db = cli_env_db(&env, DB_QUEUE, &e);
	if (!db)
		return out_fail(&e);
	const char *const heads[] = {T("ID", "编号"), T(">AGE", ">时长"), T(">SIZE", ">大小"),
		T("FROM", "发件人"), T("TO", "收件人"), T("STATE", "状态"), T("NEXT", "下次"),
		T("DESTINATION", "目的地"), T("REASON", "原因")};
	listing_begin(&l.l, c->cli->json, "recipients", heads, 9);
	int r = queue_pick_each(db, &pick, l.most + 1, list_row, &l, &e);
	listing_end_rows(&l.l);
	if (r == 0)
		r = print_totals(&l, db, &e);
	listing_end(&l.l);
	if (r < 0)
		return out_fail(&e);
	return l.rows == 0 && !any ? CLI_NOTHING : CLI_OK;
}

/* ---- show ---- */

static void show_flags(struct json *j, unsigned flags)
{
	static const struct {
		unsigned bit;
		const char *name;
	} names[] = {{MSG_8BIT, "8bit"}, {MSG_BINARY, "binary"}, {MSG_SMTPUTF8, "smtputf8"},
		{MSG_REQUIRETLS, "requiretls"}, {MSG_RET_HDRS, "ret=hdrs"},
		{MSG_RET_FULL, "ret=full"}, {MSG_BOUNCE, "report"}, {MSG_SUBMITTED, "submitted"}};
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		if (!(flags & names[i].bit))
			continue;
		if (j)
			json_text(j, NULL, slice_z(names[i].name));
		else
			printf(" %s", names[i].name);
	}
}

static void show_json(const struct queue_msg *m, const char *id)
{
	struct json j = {0};
	json_begin(&j);
	json_text(&j, "id", slice_z(id));
	json_text(&j, "from", m->sender);
	json_text(&j, "subject", m->subject);
	json_text(&j, "message_id", m->message_id);
	json_int(&j, "size", (int64_t)m->size);
	json_text(&j, "priority", slice_z(queue_priority_name(m->priority)));
	json_open_array(&j, "flags");
	show_flags(&j, m->flags);
	json_close(&j, ']');
	json_text(&j, "client", m->client);
	json_text(&j, "login", m->auth);
	json_text(&j, "envid", m->envid);
	json_time(&j, "arrived_at", m->arrived_at);
	json_time(&j, "expires_at", m->expires_at);
	timeline_json(&j, "timeline", m->log);
	json_open_array(&j, "recipients");
	for (size_t i = 0; i < m->nrcpts; i++) {
		const struct queue_rcpt *r = &m->rcpts[i];
		json_open_object(&j, NULL);
		json_int(&j, "recipient", r->idx);
		json_text(&j, "to", r->address);
		json_text(&j, "destination", r->dest);
		json_text(&j, "state",
			slice_z(state_name(&(struct queue_row){
				.state = r->state, .attempts = r->attempts, .reason = r->reason})));
		json_int(&j, "attempts", r->attempts);
		json_time(&j, "next_at", r->next_at);
		json_bool(&j, "warned", r->warned);
		json_text(&j, "reason", r->reason);
		timeline_json(&j, "timeline", r->log);
		json_close(&j, '}');
	}
	json_close(&j, ']');
	json_end(&j);
}

static void show_line(const char *label, slice value)
{
	if (value.n == 0)
		return;
	fputs(label, stdout);
	out_safe(value);
	putchar('\n');
}

static void show_text(const struct queue_msg *m, const char *id, struct signal_words *w)
{
	char text[OUT_TEXT];
	printf(T("Message %s\n", "邮件 %s\n"), id);
	show_line(T("  From:      ", "  发件人：  "), m->sender.n ? m->sender : S("<>"));
	show_line(T("  Subject:   ", "  主题：    "), m->subject);
	show_line("  Message-ID: ", m->message_id);
	printf(T("  Size:      %s\n", "  大小：    %s\n"), out_size(m->size, text));
	printf(T("  Priority:  %s\n", "  优先级：  %s\n"), queue_priority_name(m->priority));
	fputs(T("  Flags:    ", "  标志：   "), stdout);
	show_flags(NULL, m->flags);
	putchar('\n');
	show_line(T("  Client:    ", "  来自：    "), m->client);
	show_line(T("  Login:     ", "  登录名：  "), m->auth);
	printf(T("  Arrived:   %s\n", "  到达时间：%s\n"), out_time(m->arrived_at, text));
	printf(T("  Expires:   %s\n", "  超期时间：%s\n"), out_time(m->expires_at, text));
	timeline_print(m->log, "  ", w);
	for (size_t i = 0; i < m->nrcpts; i++) {
		const struct queue_rcpt *r = &m->rcpts[i];
		const char *state = state_name(&(struct queue_row){
			.state = r->state, .attempts = r->attempts, .reason = r->reason});
		printf(T("\nRecipient %d: ", "\n收件人 %d:"), r->idx);
		out_safe(r->address);
		printf(T("\n  State:     %s, %d attempts\n", "\n  状态：    %s，已尝试 %d 次\n"),
			state_text(state), r->attempts);
		show_line(T("  Goes to:   ", "  目的地：  "), r->dest);
		if (r->state == RCPT_WAITING)
			printf(T("  Next try:  %s\n", "  下次尝试：%s\n"),
				out_time(r->next_at, text));
		show_line(T("  Reason:    ", "  原因：    "), r->reason);
		timeline_print(r->log, "  ", w);
	}
}

int queue_show(struct cli_call *c)
{
	AUTO(cli_env) struct cli_env env = {0};
	AUTO(signal_words) struct signal_words words = {0};
	struct queue_msg m;
	struct err e;
	msg_id id;
	char text[MSG_ID_TEXT];
	int code;
	if (!msg_id_parse(cli_arg(c, 0), &id))
		return out_usage(
			T("not a message id: %.*s", "不是邮件编号：%.*s"), SFMT(cli_arg(c, 0)));
	if (cli_env_open(c->cli, &env, &code) < 0)
		return code;
	words.dir = env.config.filter->rules;
	words.data = env.config.server->data;
	struct sql *db = cli_env_db(&env, DB_QUEUE, &e);
	if (!db || queue_load(db, id, &env.mem, &m, &e) < 0)
		return out_fail(&e);
	msg_id_print(id, text);
	if (c->cli->json)
		show_json(&m, text);
	else
		show_text(&m, text, &words);
	return CLI_OK;
}

/* ---- tables ---- */

#define CHANGE_OPTIONS                                                                             \
	PICK_OPTIONS, {"all", NULL, "everything in the queue", "队列中的全部邮件"},                \
		{"yes", NULL, "do not ask", "不经询问直接执行"},                                   \
	{                                                                                          \
		"because", "TEXT", "a reason, for the list, the trace and reports",                \
			"原因，记入列表、跟踪和退信"                                    \
	}
#define OPTIONS_END                                                                                \
	{                                                                                          \
		NULL, NULL, NULL, NULL                                                             \
	}

static const struct cli_option list_options[] = {PICK_OPTIONS,
	{"limit", "N", "at most so many (default 1000, 0: all)",
		"最多显示多少个（默认 1000，0 为全部）"},
	OPTIONS_END};
static const struct cli_option change_options[] = {CHANGE_OPTIONS, OPTIONS_END};

#define CHANGE_EN                                                                                  \
	"Give ids (ID, or ID/N for one recipient), filters, or --all. More than one recipient "    \
	"is\n"                                                                                     \
	"counted first and asked about, unless --yes. A running server notices at once."
#define CHANGE_ZH                                                                                  \
	"请给出编号（ID，或 ID/N 表示其中一个收件人）、筛选条件，或 "             \
	"--all。多于一个收件人时先显示数量并询问，\n"                              \
	"除非使用 --yes。运行中的服务器会立即生效。"

const struct cli_verb queue_verbs[] = {
	{"list", list, "[ID...]", 0, -1, true, list_options,
		"Lists what waits, a line for each recipient, oldest first.",
		"列出等待投递的邮件，每个收件人一行，最早的在前。",
		"  posthouse queue list --domain example.com --state deferred\n"
		"  posthouse queue list --from \"*@spam.example\" --older 2h --json",
		"  posthouse queue list --domain example.com --state deferred\n"
		"  posthouse queue list --from \"*@spam.example\" --older 2h --json"},
	{"show", queue_show, "ID", 1, 1, true, NULL,
		"Shows one message: envelope, recipients, timeline.",
		"显示一封邮件的信封、收件人和经过。", NULL, NULL},
	{"retry", queue_retry, "[ID...]", 0, -1, true, change_options, "Has it tried now.",
		"立即重试。", CHANGE_EN "\n\n  posthouse queue retry --domain example.com --yes",
		CHANGE_ZH "\n\n  posthouse queue retry --domain example.com --yes"},
	{"hold", queue_hold, "[ID...]", 0, -1, true, change_options,
		"Keeps it from being delivered.", "暂停投递。",
		CHANGE_EN "\n\n  posthouse queue hold --from \"*@example.com\" --because \"looks "
			  "like a leak\"",
		CHANGE_ZH
		"\n\n  posthouse queue hold --from \"*@example.com\" --because \"疑似泄密\""},
	{"release", queue_release, "[ID...]", 0, -1, true, change_options,
		"Lets held mail go on, now.", "恢复投递被暂停的邮件。",
		CHANGE_EN "\n\n  posthouse queue release --state held --all",
		CHANGE_ZH "\n\n  posthouse queue release --state held --all"},
	{"bounce", queue_bounce, "[ID...]", 0, -1, true, change_options,
		"Returns it to the sender with a report.", "附报告退回发件人。",
		CHANGE_EN "\n\n  posthouse queue bounce --dest smtp:gone.example --because \"this "
			  "server is no more\"",
		CHANGE_ZH "\n\n  posthouse queue bounce --dest smtp:gone.example --because "
			  "\"该服务器已停用\""},
	{"delete", queue_delete, "[ID...]", 0, -1, true, change_options,
		"Deletes it for good; nobody is told.", "永久删除，不通知任何人。",
		CHANGE_EN " The trace keeps what is known about it.\n\n  posthouse queue delete "
			  "0G3K5N2M1P0QR",
		CHANGE_ZH "跟踪记录仍会保留。\n\n  posthouse queue delete 0G3K5N2M1P0QR"},
	CLI_VERBS_END,
};
