/*
 * `posthouse why`: one page about one letter, in plain words: what it is, what spoke for and against it, which
 * policy decided, where it is now, who did what, what its sender was told, and which command changes that. From
 * the quarantine, the queue and the trace together.
 */
#include "bin/cli_quarantine.h"
#include "bin/cli_verbs.h"

#include "base/mem.h"
#include "base/time.h"
#include "bin/cli_queue.h"
#include "bin/filter_conf.h"
#include "codec/signal.h"
#include "store/trace.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { PAGES_MAX = 5, REASONS_MAX = 12 };

struct page {
	struct trace_row row; /* its strings in the arena */
	bool in_quarantine;
	struct quarantine_msg held;
};
struct why {
	struct cli_env env;
	struct sql *trace, *queue;
	struct signal_words words;
	struct page pages[PAGES_MAX];
	unsigned n;
	bool more;
};

static bool keep_page(void *arg, const struct trace_row *r)
{
	struct why *w = arg;
	if (w->n == PAGES_MAX) {
		w->more = true;
		return false;
	}
	struct trace_row *k = &w->pages[w->n++].row;
	*k = *r;
	slice *const texts[] = {
		&k->sender, &k->rcpt, &k->client, &k->message_id, &k->subject, &k->log};
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
		*texts[i] = arena_dup(&w->env.mem, *texts[i]);
	return true;
}

/* ---- what the timeline says ---- */

/* The last value of that field of that event. */
static slice said(slice log, const char *event, const char *field, struct arena *a)
{
	slice name, fields, key, value, found = S("");
	int64_t wall;
	while (trace_next_event(&log, &wall, &name, &fields))
		while (slice_eq(name, slice_z(event)) && trace_field(&fields, a, &key, &value))
			if (slice_eq(key, slice_z(field)))
				found = arena_dup(a, value);
	return found;
}

static void line(const char *en, const char *zh, slice value)
{
	if (value.n == 0)
		return;
	printf(T("%-14s ", "%s"), T(en, zh));
	out_safe(value);
	putchar('\n');
}

static void linez(const char *en, const char *zh, const char *value)
{
	line(en, zh, slice_z(value));
}

/* ---- the parts of the page ---- */

struct reason {
	slice name, detail;
	double score;
};

static int heavier(const void *pa, const void *pb)
{
	double a = fabs(((const struct reason *)pa)->score);
	double b = fabs(((const struct reason *)pb)->score);
	return a < b ? 1 : a > b ? -1 : 0;
}

static void say_reasons(struct why *w, slice signals)
{
	struct reason v[64];
	size_t n = 0;
	while (n < 64 && signals_next(&signals, &v[n].name, &v[n].score, &v[n].detail))
		n++;
	if (n == 0)
		return;
	qsort(v, n, sizeof *v, heavier);
	puts(T("Why, by weight (+ against it, - for it):",
		"判断依据，按权重排列（+ 不利，- 有利）："));
	for (size_t i = 0; i < n && i < REASONS_MAX; i++) {
		const char *words = signal_in_words(&w->words, v[i].name);
		printf("  %+5.1f  ", v[i].score);
		out_safe(words ? slice_z(words) : v[i].name);
		if (v[i].detail.n) {
			fputs(T(" (", "（"), stdout);
			out_safe(v[i].detail);
			fputs(T(")", "）"), stdout);
		}
		putchar('\n');
	}
	if (n > REASONS_MAX)
		printf(T("  ... and %zu lighter ones\n", "  ……另有 %zu 项权重较小\n"),
			n - REASONS_MAX);
}

static const char *where_now(const struct page *p)
{
	if (p->in_quarantine && p->row.status == TRACE_QUARANTINED)
		for (size_t i = 0; i < p->held.nrcpts; i++)
			if (p->held.rcpts[i].idx == p->row.idx)
				switch (p->held.rcpts[i].state) {
				case QUARANTINE_WAITS:
					return T("in quarantine", "在隔离区");
				case QUARANTINE_ASKED:
					return T("in quarantine; its recipient asked for it",
						"在隔离区；收件人已请求放行");
				case QUARANTINE_RELEASED:
					return T("released from quarantine", "已从隔离区放行");
				case QUARANTINE_DELETED:
					return T("deleted, but can be taken back until it expires",
						"已删除，到期前可恢复");
				case QUARANTINE_REFUSED:
					return T("refused by whoever was to approve it",
						"审批人已拒绝");
				case QUARANTINE_EXPIRED:
					return T("expired in quarantine", "已在隔离区过期");
				case QUARANTINE_DISCARDED:
					return T("discarded by policy; nobody was told",
						"按策略丢弃，未告知任何人");
				}
	switch (p->row.status) {
	case 0:
		return T("in the queue, waiting for delivery", "在队列中等待投递");
	case TRACE_DELIVERED:
		return T("delivered", "已投递");
	case TRACE_RELAYED_DSN:
		return T("handed on to the next server", "已转交下一服务器");
	case TRACE_BOUNCED:
		return T("returned to its sender", "已退回发件人");
	case TRACE_EXPIRED:
		return T("could not be delivered in time; returned", "逾期未能投递，已退回");
	case TRACE_DELETED:
		return T("deleted from the queue by an administrator", "已被管理员从队列中删除");
	case TRACE_REFUSED:
		return T("never accepted: refused while its sender was connected",
			"未接收：在发送方连接期间被拒绝");
	case TRACE_QUARANTINED:
		return T("was in quarantine and has left it", "曾在隔离区，现已离开");
	}
	return T("unknown", "未知");
}

static const char *sender_told(const struct page *p)
{
	switch (p->row.status) {
	case TRACE_REFUSED:
		return T("yes: his server was told (5xx or 4xx)",
			"已告知：拒绝答复发给了对方服务器");
	case TRACE_BOUNCED:
	case TRACE_EXPIRED:
		return T("yes: a report was sent, unless there was nobody to send it to",
			"已告知：已发退信（无人可退时除外）");
	case TRACE_QUARANTINED:
		if (p->in_quarantine && p->held.kind == QUARANTINE_REJECTED)
			return T("yes: it was refused (5xx)", "已告知：邮件被拒收（5xx）");
		if (p->in_quarantine && quarantine_told_sender(&p->held))
			return T("yes: that it waits", "已告知：邮件正在等待处理");
		return T("no: to him it looks accepted (250)", "未告知：在他看来已被接收（250）");
	case 0:
		return T("nothing yet: accepted (250)", "暂无：已接收（250）");
	}
	return T("nothing: accepted (250)", "无：已接收（250）");
}

static void say_deeds(const struct page *p)
{
	static const char *const names[] = {"released", "deleted", "refused", "asked", "restored",
		"recalled", "reclassed", "expired", "forwarded", "held", "retry"};
	AUTO(arena) struct arena a = {0};
	slice log = p->row.log, event, fields, key, value;
	int64_t wall;
	while (trace_next_event(&log, &wall, &event, &fields)) {
		char when[OUT_TEXT];
		bool known = false;
		for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
			known |= slice_eq(event, slice_z(names[i]));
		if (!known)
			continue;
		printf("  %s  %.*s", out_time(wall, when), SFMT(event));
		while (trace_field(&fields, &a, &key, &value)) {
			printf("  %.*s=", SFMT(key));
			out_safe(value);
		}
		putchar('\n');
	}
}

static void say_held(struct why *w, const struct page *p)
{
	const struct quarantine_msg *m = &p->held;
	AUTO(buf) struct buf text = BUF(1000);
	linez("Class:", "类别：　　", quarantine_class_text(m->class, tr_lang == LANG_ZH));
	buf_printf(&text,
		T("unwanted with probability %.3f, score %.1f", "不受欢迎的概率 %.3f，总分 %.1f"),
		m->probability, m->score);
	line("Verdict:", "判定：　　", buf_slice(&text));
	line("Engines:", "引擎：　　", m->virus);
	buf_reset(&text);
	if (m->policy.n)
		buf_printf(&text,
			T("\"%.*s\", version %lld of the policies", "“%.*s”，策略第 %lld 版"),
			SFMT(m->policy), (long long)m->policy_version);
	else
		buf_put(&text, slice_z(T("no policy: the thresholds of [filter]",
				       "没有策略适用：按 [filter] 的阈值")));
	line("Decided by:", "决定依据：", buf_slice(&text));
	linez("What was done:", "处置：　　", held_kind_text(m->kind));
	say_reasons(w, m->signals);
}

static void say_passed(struct why *w, const struct page *p)
{
	slice policy = said(p->row.log, "policy", "policy", &w->env.mem);
	line("Decided by:", "决定依据：", policy);
	line("Reply:", "答复：　　", said(p->row.log, "refused", "reply", &w->env.mem));
	slice why = said(p->row.log, "refused", "why", &w->env.mem);
	line("Reason:", "原因：　　", why);
	line("Last failure:", "最近失败：", said(p->row.log, "deferred", "reply", &w->env.mem));
	say_reasons(w, said(p->row.log, "signals", "list", &w->env.mem));
}

/* How the recipient whose page this is stands in the quarantine. */
static const struct quarantine_rcpt *held_rcpt(const struct page *p)
{
	for (size_t i = 0; p->in_quarantine && i < p->held.nrcpts; i++)
		if (p->held.rcpts[i].idx == p->row.idx)
			return &p->held.rcpts[i];
	return NULL;
}

static void say_held_commands(const struct page *p, const char *id)
{
	const struct quarantine_rcpt *r = held_rcpt(p);
	printf(T("  posthouse quarantine preview %s            look at it\n",
		       "  posthouse quarantine preview %s            查看内容\n"),
		id);
	if (r && r->state == QUARANTINE_RELEASED) {
		char as[MSG_ID_TEXT];
		msg_id_print(r->released_as, as);
		printf(T("  posthouse why %s                           what became of it\n",
			       "  posthouse why %s                           放行后的去向\n"),
			as);
		return;
	}
	printf(T("  posthouse quarantine release %s            deliver it\n",
		       "  posthouse quarantine release %s            放行投递\n"),
		id);
	printf(T("  posthouse quarantine release %s --allow --teach\n"
		 "                             ... and allow its sender and teach the filter\n",
		       "  posthouse quarantine release %s --allow --teach\n"
		       "                             ……并信任发件人、供过滤器学习\n"),
		id);
}

static void say_commands(const struct page *p, const char *id)
{
	const struct trace_row *r = &p->row;
	puts(T("What to do about it:", "可以做什么："));
	if (p->in_quarantine)
		say_held_commands(p, id);
	else if (r->status == 0)
		printf(T("  posthouse queue show %s                    why it waits\n"
			 "  posthouse queue retry %s                   try now\n",
			       "  posthouse queue show %s                    查看等待原因\n"
			       "  posthouse queue retry %s                   立即重试\n"),
			id, id);
	else if (r->status == TRACE_REFUSED)
		puts(T("  posthouse list add allow ADDRESS                       let this sender "
		       "in",
			"  posthouse list add allow ADDRESS                       放行此发件人"));
	printf(T("  posthouse trace %s                         every step\n",
		       "  posthouse trace %s                         全部经过\n"),
		id);
}

static void say_page(struct why *w, struct page *p)
{
	const struct trace_row *r = &p->row;
	char id[MSG_ID_TEXT], text[OUT_TEXT];
	msg_id_print(r->id, id);
	printf(T("Message %s\n", "邮件 %s\n"), id);
	line("From:", "发件人：　",
		p->in_quarantine && p->held.from.n ? p->held.from
		: r->sender.n                      ? r->sender
						   : S("<>"));
	line("To:", "收件人：　", r->rcpt);
	line("Subject:", "主题：　　", r->subject);
	linez("Arrived:", "到达：　　", out_time(r->arrived_at, text));
	line("Came from:", "来自：　　", r->client);
	linez("Where it is:", "现在何处：", where_now(p));
	linez("Sender told:", "告知发件人：", sender_told(p));
	if (p->in_quarantine)
		say_held(w, p);
	else
		say_passed(w, p);
	puts(T("What was done since:", "此后的操作："));
	say_deeds(p);
	say_commands(p, id);
}

static void page_json(struct json *j, const struct page *p)
{
	char id[MSG_ID_TEXT];
	msg_id_print(p->row.id, id);
	json_open_object(j, NULL);
	json_text(j, "id", slice_z(id));
	json_text(j, "from", p->row.sender);
	json_text(j, "to", p->row.rcpt);
	json_text(j, "subject", p->row.subject);
	json_time(j, "arrived_at", p->row.arrived_at);
	json_text(j, "status", slice_z(trace_status_name(p->row.status)));
	json_text(j, "where", slice_z(where_now(p)));
	json_text(j, "sender_told", slice_z(sender_told(p)));
	json_bool(j, "in_quarantine", p->in_quarantine);
	if (p->in_quarantine) {
		json_text(j, "class", slice_z(quarantine_class_name(p->held.class)));
		json_text(j, "policy", p->held.policy);
		json_int(j, "policy_version", p->held.policy_version);
		json_text(j, "signals", p->held.signals);
		json_text(j, "virus", p->held.virus);
	}
	timeline_json(j, "timeline", p->row.log);
	json_close(j, '}');
}

/* ---- the command ---- */

static int find(struct why *w, const struct trace_filter *f, struct err *e)
{
	if (trace_find(w->trace, w->queue, f, PAGES_MAX + 1, keep_page, w, e) < 0)
		return -1;
	for (unsigned i = 0; i < w->n; i++) {
		struct page *p = &w->pages[i];
		int r = quarantine_load(w->queue, p->row.id, &w->env.mem, &p->held, e);
		if (r < 0 && e->kind != ERR_NOTFOUND)
			return -1;
		p->in_quarantine = r == 0;
	}
	return 0;
}

static int show(struct cli_call *c, struct why *w)
{
	struct json j = {0};
	if (c->cli->json) {
		json_begin(&j);
		json_open_array(&j, "messages");
	}
	for (unsigned i = 0; i < w->n; i++) {
		if (c->cli->json)
			page_json(&j, &w->pages[i]);
		else {
			fputs(i ? "\n" : "", stdout);
			say_page(w, &w->pages[i]);
		}
	}
	if (c->cli->json) {
		json_close(&j, ']');
		json_bool(&j, "more", w->more);
		json_end(&j);
	} else if (w->more) {
		printf(T("\n... there are more: narrow the search (--since, --subject), or "
			 "posthouse "
			 "trace\n",
			"\n……还有更多：请缩小范围（--since、--subject），或使用 posthouse "
			"trace\n"));
	}
	if (w->n == 0)
		fputs(T("posthouse: no such message is known\n", "posthouse: 没有这封邮件的记录\n"),
			stderr);
	return w->n ? CLI_OK : CLI_NOTHING;
}

static int why(struct cli_call *c)
{
	struct trace_filter f = {.from = cli_option_text(c, "from"),
		.to = cli_option_text(c, "to"),
		.subject = cli_option_text(c, "subject"),
		.status = -1};
	struct err e;
	int code = CLI_OK, idx;
	const char *since = cli_option(c, "since");
	if (c->nargs && (code = held_parse_id(cli_arg(c, 0), &f.id, &idx)))
		return code;
	if (since && !time_parse(slice_z(since), wall_now(), &f.since))
		return out_usage(T("--since is 2h, 3d or 2026-11-22T09:00",
			"--since 为 2h、3d 或 2026-11-22T09:00"));
	if (!f.id && !f.from.n && !f.to.n && !f.subject.n)
		return out_usage(T("which message? Its id, or --from, --to, --subject",
			"哪封邮件？请给出编号，或 --from、--to、--subject"));
	struct why *w = NEW(struct why);
	if (cli_env_open(c->cli, &w->env, &code) == 0) {
		w->words.dir = w->env.config.filter->rules;
		w->words.data = w->env.config.server->data;
		w->trace = cli_env_db(&w->env, DB_TRACE, &e);
		w->queue = w->trace ? cli_env_db(&w->env, DB_QUEUE, &e) : NULL;
		code = !w->queue || find(w, &f, &e) < 0 ? out_fail(&e) : show(c, w);
	}
	signal_words_done(&w->words);
	cli_env_close(&w->env);
	free(w);
	return code;
}

static const struct cli_option options[] = {
	{"from", "ADDRESS", "sender; \"*\" is a wildcard, a bare domain means all of it",
		"发件人；\"*\" 为通配符，只写域名表示整个域"},
	{"to", "ADDRESS", "recipient, likewise", "收件人，同上"},
	{"subject", "TEXT", "the subject contains this", "主题包含此文字"},
	{"since", "WHEN", "arrived since: 2h, 3d, 2026-11-22T09:00",
		"此后到达：2h、3d、2026-11-22T09:00"},
	{NULL, NULL, NULL, NULL},
};

const struct cli_verb why_verbs[] = {
	{NULL, why, "[ID]", 0, 1, true, options,
		"Says what happened to a letter and why, on one page, and what can be done about "
		"it.",
		"用一页说明一封邮件发生了什么、为什么，以及可以怎么办。",
		"  posthouse why 0G3K5N2M1P0QR\n"
		"  posthouse why --from partner.example --to bob@example.com --subject invoice",
		"  posthouse why 0G3K5N2M1P0QR\n"
		"  posthouse why --from partner.example --to bob@example.com --subject 发票"},
	CLI_VERBS_END,
};
