/* `posthouse quarantine show`: everything about one quarantined message, in words. */
#include "bin/cli_quarantine.h"

#include "base/mem.h"
#include "base/time.h"
#include "bin/cli_queue.h"
#include "bin/filter_conf.h"

#include <stdio.h>

const char *held_kind_text(enum quarantine_kind k)
{
	static const char *const en[] = {"", "held: accepted, not delivered",
		"copy of what was refused: the sender was told", "original of what was changed",
		"delivered, kept for another look"};
	static const char *const zh[] = {"", "扣留：已接收，未投递", "拒收邮件的副本：已告知发件人",
		"改动前的原件", "已投递，留待复查"};
	k = k >= QUARANTINE_HELD && k <= QUARANTINE_RECENT ? k : 0;
	return tr_lang == LANG_ZH ? zh[k] : en[k];
}

const char *held_state_text(enum quarantine_state s)
{
	static const char *const zh[] = {
		"等待", "已请求放行", "已放行", "已删除", "已拒绝", "已过期", "已丢弃"};
	return tr_lang == LANG_ZH && s <= QUARANTINE_DISCARDED ? zh[s] : quarantine_state_name(s);
}

slice held_reasons(struct signal_words *w, slice signals, unsigned most, struct arena *a)
{
	slice out = S(""), name, detail;
	double score;
	for (unsigned n = 0; n < most && signals_next(&signals, &name, &score, &detail);) {
		if (score <= 0)
			continue;
		const char *words = signal_in_words(w, name);
		slice one = words ? slice_z(words) : name;
		out = arena_printf(a, "%.*s%s%.*s", SFMT(out), n ? T("; ", "；") : "", SFMT(one));
		n++;
	}
	return out;
}

static void line(const char *label, slice value)
{
	if (value.n == 0)
		return;
	fputs(label, stdout);
	out_safe(value);
	putchar('\n');
}

static void print_signals(slice list, struct signal_words *w)
{
	slice name, detail;
	double score;
	while (signals_next(&list, &name, &score, &detail)) {
		const char *words = signal_in_words(w, name);
		printf("    %+5.1f  %.*s", score, SFMT(name));
		if (words)
			printf(T(": %s", "：%s"), words);
		if (detail.n) {
			fputs(T(" (", "（"), stdout);
			out_safe(detail);
			fputs(T(")", "）"), stdout);
		}
		putchar('\n');
	}
}

static void show_rcpt(const struct quarantine_rcpt *r, struct signal_words *w)
{
	char text[OUT_TEXT], id[MSG_ID_TEXT];
	printf(T("\nRecipient %d: ", "\n收件人 %d："), r->idx);
	out_safe(r->address);
	printf(T("\n  State:     %s, since %s", "\n  状态：    %s，自 %s"),
		held_state_text(r->state), out_time(r->changed_at, text));
	if (r->by.n) {
		fputs(T(", by ", "，操作人 "), stdout);
		out_safe(r->by);
	}
	putchar('\n');
	if (r->released_as) {
		msg_id_print(r->released_as, id);
		printf(T("  Queued as: %s (posthouse trace %s)\n",
			       "  入队编号：%s（posthouse trace %s）\n"),
			id, id);
	}
	timeline_print(r->log, "  ", w);
}

static slice told(const struct quarantine_msg *m)
{
	if (m->kind == QUARANTINE_REJECTED)
		return slice_z(T("yes: it was refused (5xx)", "已告知：邮件被拒收（5xx）"));
	if (m->kind != QUARANTINE_HELD)
		return S("");
	return slice_z(quarantine_told_sender(m)
			       ? T("yes: that it waits", "已告知：邮件正在等待处理")
			       : T("no: to him it looks delivered", "未告知：在他看来邮件已送达"));
}

/* Lines of the letter become one. */
static void show_beginning(slice text)
{
	AUTO(buf) struct buf out = BUF(4 * text.n + 1);
	while (text.n) {
		size_t n = slice_index(text, '\n');
		buf_put(&out, slice_trim(slice_first(text, n)));
		text = slice_skip(text, n < text.n ? n + 1 : text.n);
		if (text.n && out.n)
			buf_u8(&out, ' ');
	}
	line(T("  Begins:    ", "  正文开头："), buf_slice(&out));
}

static void show_text(const struct quarantine_msg *m, struct signal_words *w)
{
	char text[OUT_TEXT], id[MSG_ID_TEXT], origin[MSG_ID_TEXT];
	msg_id_print(m->msg.id, id);
	msg_id_print(m->origin, origin);
	printf(T("Message %s: %s\n", "邮件 %s：%s\n"), id, held_kind_text(m->kind));
	if (m->origin != m->msg.id)
		printf(T("  Part of:   %s, the id that the sender was told\n",
			       "  来自：    %s（告知发件人的编号）\n"),
			origin);
	line(T("  From:      ", "  发件人：  "), m->from);
	line(T("  Envelope:  ", "  信封：    "), m->msg.sender.n ? m->msg.sender : S("<>"));
	line(T("  Subject:   ", "  主题：    "), m->msg.subject);
	line("  Message-ID: ", m->msg.message_id);
	line(T("  Client:    ", "  来自主机："), m->msg.client);
	line(T("  Login:     ", "  登录名：  "), m->msg.auth);
	printf(T("  Size:      %s\n", "  大小：    %s\n"), out_size(m->msg.size, text));
	printf(T("  Arrived:   %s\n", "  到达时间：%s\n"), out_time(m->msg.arrived_at, text));
	printf(T("  Leaves:    %s\n", "  保留至：  %s\n"), out_time(m->expires_at, text));
	printf(T("  Class:     %s\n", "  类别：    %s\n"),
		quarantine_class_text(m->class, tr_lang == LANG_ZH));
	printf(T("  Verdict:   unwanted with probability %.3f, score %.1f\n",
		       "  判定：    不受欢迎的概率 %.3f，总分 %.1f\n"),
		m->probability, m->score);
	line(T("  Engines:   ", "  引擎：    "), m->virus);
	if (m->policy.n)
		printf(T("  Policy:    %.*s (version %lld)\n", "  策略：    %.*s（版本 %lld）\n"),
			SFMT(m->policy), (long long)m->policy_version);
	else
		puts(T("  Policy:    thresholds of [filter]", "  策略：    [filter] 的阈值"));
	line(T("  Sender told: ", "  发件人：  "), told(m));
	for (size_t i = 0; i < m->napprovers; i++)
		line(T("  Approver:  ", "  审批人：  "), m->approvers[i]);
	show_beginning(m->text);
	if (m->signals.n)
		puts(T("  What spoke for and against it:", "  判断依据："));
	print_signals(m->signals, w);
	timeline_print(m->msg.log, "  ", w);
	for (size_t i = 0; i < m->nrcpts; i++)
		show_rcpt(&m->rcpts[i], w);
}

static void rcpt_json(struct json *j, const struct quarantine_rcpt *r)
{
	char id[MSG_ID_TEXT];
	json_open_object(j, NULL);
	json_int(j, "recipient", r->idx);
	json_text(j, "to", r->address);
	json_text(j, "state", slice_z(quarantine_state_name(r->state)));
	json_time(j, "changed_at", r->changed_at);
	json_text(j, "by", r->by);
	msg_id_print(r->released_as, id);
	json_text(j, "released_as", r->released_as ? slice_z(id) : S(""));
	timeline_json(j, "timeline", r->log);
	json_close(j, '}');
}

static void show_json(const struct quarantine_msg *m)
{
	struct json j = {0};
	char id[MSG_ID_TEXT], text[OUT_TEXT];
	json_begin(&j);
	msg_id_print(m->msg.id, id);
	json_text(&j, "id", slice_z(id));
	msg_id_print(m->origin, id);
	json_text(&j, "origin", slice_z(id));
	json_text(&j, "kind", slice_z(held_kind_name(m->kind)));
	json_text(&j, "class", slice_z(quarantine_class_name(m->class)));
	json_text(&j, "sender", m->msg.sender);
	json_text(&j, "from", m->from);
	json_text(&j, "subject", m->msg.subject);
	json_text(&j, "message_id", m->msg.message_id);
	json_text(&j, "client", m->msg.client);
	json_text(&j, "login", m->msg.auth);
	json_int(&j, "size", (int64_t)m->msg.size);
	snprintf(text, sizeof text, "%.6f", m->probability);
	json_text(&j, "probability", slice_z(text));
	snprintf(text, sizeof text, "%.3f", m->score);
	json_text(&j, "score", slice_z(text));
	json_text(&j, "policy", m->policy);
	json_int(&j, "policy_version", m->policy_version);
	json_text(&j, "signals", m->signals);
	json_text(&j, "virus", m->virus);
	json_text(&j, "text", m->text);
	json_bool(&j, "sender_told", m->kind == QUARANTINE_REJECTED || quarantine_told_sender(m));
	json_time(&j, "arrived_at", m->msg.arrived_at);
	json_time(&j, "held_at", m->held_at);
	json_time(&j, "expires_at", m->expires_at);
	json_open_array(&j, "approvers");
	for (size_t i = 0; i < m->napprovers; i++)
		json_text(&j, NULL, m->approvers[i]);
	json_close(&j, ']');
	timeline_json(&j, "timeline", m->msg.log);
	json_open_array(&j, "recipients");
	for (size_t i = 0; i < m->nrcpts; i++)
		rcpt_json(&j, &m->rcpts[i]);
	json_close(&j, ']');
	json_end(&j);
}

int held_show(struct cli_call *c)
{
	AUTO(cli_env) struct cli_env env = {0};
	AUTO(signal_words) struct signal_words words = {0};
	struct quarantine_msg m;
	struct err e;
	msg_id id;
	int32_t idx;
	int code = held_parse_id(cli_arg(c, 0), &id, &idx);
	if (code || cli_env_open(c->cli, &env, &code) < 0)
		return code;
	words.dir = env.config.filter->rules;
	words.data = env.config.server->data;
	struct sql *db = cli_env_db(&env, DB_QUEUE, &e);
	if (!db || quarantine_load(db, id, &env.mem, &m, &e) < 0)
		return out_fail(&e);
	if (c->cli->json)
		show_json(&m);
	else
		show_text(&m, &words);
	return CLI_OK;
}
