/*
 * The letters behind the outbox (notice.h), one function each: held mail that somebody is to decide about, what became
 * of it, alarms. Short, in plain words; what strangers wrote is shown by notice_page, which makes it harmless. The
 * answer to a report is in notice_report.c.
 */
#include "mail/notice_impl.h"

#include "base/mem.h"
#include "mail/maillist.h"

/* ---- what all of them show ---- */

slice notice_or(slice a, slice b)
{
	return a.n ? a : b;
}

static slice subject_of(const struct notice_job *j)
{
	slice s = notice_or(j->f->subject, json_read_text(j->data, "subject"));
	return s.n ? s : notice_word(&j->page, "(no subject)", "（无主题）");
}

void notice_finish(struct notice_job *j, slice subject, const char *kind)
{
	j->ret->subject = notice_safe(subject, 200, j->a);
	j->ret->kind = kind;
}

static slice with_subject(struct notice_job *j, const char *en, const char *zh)
{
	bool chinese = j->page.chinese;
	return arena_printf(j->a, chinese ? "%s：%.*s" : "%s: %.*s", chinese ? zh : en,
		SFMT(notice_safe(subject_of(j), 80, j->a)));
}

static slice id_text(const struct notice_job *j)
{
	char id[MSG_ID_TEXT];
	msg_id_print(j->f->about, id);
	return arena_dup(j->a, slice_z(id));
}

static void tell_facts(struct notice_job *j)
{
	const struct notice_facts *f = j->f;
	struct notice_page *p = &j->page;
	slice sender = notice_safe_address(f->sender, 200, j->a);
	slice from = notice_or(f->from, json_read_text(j->data, "from"));
	notice_page_fact(p, notice_word(p, "Subject", "主题"), subject_of(j));
	notice_page_fact(p, notice_word(p, "From", "发件人"), notice_or(from, sender));
	if (from.n && slice_find(from, f->sender) == from.n)
		notice_page_fact(p, notice_word(p, "Sent by", "实际发信地址"), sender);
	notice_page_fact(
		p, notice_word(p, "To", "收件人"), notice_or(f->to, json_read_text(j->data, "to")));
	notice_page_fact(p, notice_word(p, "Class", "类别"), f->class_text);
	notice_page_fact(p, notice_word(p, "Policy", "策略"), f->policy);
	notice_page_fact(p, notice_word(p, "Reasons", "原因"), f->reasons);
	if (f->held_at)
		notice_page_fact(p, notice_word(p, "Held since", "拦截时间"),
			notice_time(f->held_at, f->zone, p->chinese, j->a));
	if (f->expires_at)
		notice_page_fact(p, notice_word(p, "Kept until", "保留至"),
			notice_time(f->expires_at, f->zone, p->chinese, j->a));
	if (f->about)
		notice_page_fact(p, notice_word(p, "Number", "编号"), id_text(j));
	notice_page_facts_end(p);
	notice_page_para(p, json_read_text(j->data, "text"));
}

static void tell_who(struct notice_job *j)
{
	slice by = json_read_text(j->data, "by");
	if (by.n)
		notice_page_fact(&j->page, notice_word(&j->page, "Decided by", "处理人"), by);
}

/* ---- please decide ---- */

static void tell_command(struct notice_job *j, const char *verb)
{
	notice_page_code(&j->page,
		arena_printf(j->a, "posthouse quarantine %s %.*s", verb, SFMT(id_text(j))));
}

static void write_approve(struct notice_job *j)
{
	struct notice_page *p = &j->page;
	slice title = with_subject(j, "Please approve", "请审批");
	notice_page_begin(p, j->f->chinese, title, j->a);
	notice_page_para(
		p, notice_word(p,
			   "This message waits for your decision. It is delivered only after you "
			   "approve it.",
			   "这封邮件正在等待您审批，批准之后才会投递。"));
	tell_facts(j);
	if (j->f->approve_url.n) {
		notice_page_button(
			p, notice_word(p, "Approve", "批准"), j->f->approve_url, NOTICE_GOOD);
		notice_page_button(
			p, notice_word(p, "Refuse", "拒绝"), j->f->refuse_url, NOTICE_BAD);
		notice_page_button(
			p, notice_word(p, "View", "查看内容"), j->f->preview_url, NOTICE_PLAIN);
		notice_page_buttons_end(p);
		notice_page_para(p, notice_word(p, "Each link opens a page on which you confirm.",
					    "点击后会打开确认页面，在页面上确认后才生效。"));
	} else {
		notice_page_para(p,
			notice_word(p,
				"The administrator decides on the server by one of these commands:",
				"请由管理员在服务器上执行以下命令之一："));
		tell_command(j, "approve");
		tell_command(j, "refuse");
	}
	notice_finish(j, title, "approve");
}

static void write_release_asked(struct notice_job *j)
{
	struct notice_page *p = &j->page;
	slice title = with_subject(j, "Release asked", "申请放行");
	notice_page_begin(p, j->f->chinese, title, j->a);
	notice_page_para(
		p, notice_word(p, "The recipient asks for this held message to be released.",
			   "收件人申请放行这封被拦截的邮件。"));
	tell_facts(j);
	tell_who(j);
	if (j->f->release_url.n || j->f->refuse_url.n) {
		notice_page_button(
			p, notice_word(p, "Release", "放行"), j->f->release_url, NOTICE_GOOD);
		notice_page_button(
			p, notice_word(p, "Refuse", "拒绝"), j->f->refuse_url, NOTICE_BAD);
		notice_page_button(
			p, notice_word(p, "View", "查看内容"), j->f->preview_url, NOTICE_PLAIN);
		notice_page_buttons_end(p);
	} else {
		notice_page_para(p, notice_word(p, "To release it:", "放行请在服务器上执行："));
		tell_command(j, "release");
	}
	notice_finish(j, title, "release-asked");
}

/* ---- what happens to it ---- */

static void write_held_sender(struct notice_job *j)
{
	struct notice_page *p = &j->page;
	slice title = with_subject(j, "Your message is held", "您的邮件暂未送达");
	notice_page_begin(p, j->f->chinese, title, j->a);
	notice_page_para(
		p, notice_word(p,
			   "Your message was received but is not delivered yet: a rule of the "
			   "organisation holds it. You need not send it again.",
			   "您的邮件已收到，但尚未投递：它被本单位的规则拦截，等待处理。请勿重复发"
			   "送。"));
	tell_facts(j);
	notice_finish(j, title, "held");
}

static void write_held_rcpt(struct notice_job *j)
{
	struct notice_page *p = &j->page;
	slice title = with_subject(j, "A message for you is held", "有一封发给您的邮件被拦截");
	notice_page_begin(p, j->f->chinese, title, j->a);
	notice_page_para(p, notice_word(p, "A message to you was not delivered but is kept.",
				    "一封发给您的邮件没有投递，已保存在隔离区。"));
	tell_facts(j);
	notice_page_button(p, notice_word(p, "Release", "放行"), j->f->release_url, NOTICE_GOOD);
	notice_page_button(p, notice_word(p, "View", "查看内容"), j->f->preview_url, NOTICE_PLAIN);
	if (j->f->release_url.n || j->f->preview_url.n)
		notice_page_buttons_end(p);
	notice_finish(j, title, "held");
}

static void write_approved(struct notice_job *j)
{
	struct notice_page *p = &j->page;
	slice title = with_subject(j, "Approved", "已批准");
	notice_page_begin(p, j->f->chinese, title, j->a);
	notice_page_para(
		p, notice_word(p, "The message that was held is on its way to its recipients.",
			   "此前被拦截的邮件已放行，正在投递。"));
	tell_who(j);
	tell_facts(j);
	notice_finish(j, title, "approved");
}

static void write_refused(struct notice_job *j)
{
	struct notice_page *p = &j->page;
	slice title = with_subject(j, "Refused", "未获批准");
	notice_page_begin(p, j->f->chinese, title, j->a);
	notice_page_para(p, notice_word(p, "The message that was held will not be delivered.",
				    "此前被拦截的邮件未获批准，不会投递。"));
	tell_who(j);
	tell_facts(j);
	notice_finish(j, title, "refused");
}

/* ---- alarms ---- */

static slice in_words(const struct notice_job *j, const char *name)
{
	char key[16];
	snprintf(key, sizeof key, "%s_%s", name, j->page.chinese ? "zh" : "en");
	slice s = json_read_text(j->data, key);
	snprintf(key, sizeof key, "%s_%s", name, j->page.chinese ? "en" : "zh");
	return notice_or(s, json_read_text(j->data, key));
}

static void tell_alarm_part(struct notice_job *j, const char *name, const char *en, const char *zh)
{
	slice text = in_words(j, name);
	if (text.n == 0)
		return;
	notice_page_heading(&j->page, notice_word(&j->page, en, zh));
	notice_page_para(&j->page, text);
}

static void write_alarm(struct notice_job *j)
{
	struct notice_page *p = &j->page;
	const json_t *lines = json_object_get(j->data, "lines"), *line;
	size_t i;
	p->chinese = j->f->chinese;
	slice what = in_words(j, "what");
	notice_page_begin(p, j->f->chinese, what, j->a);
	notice_page_fact(p, notice_word(p, "Server", "服务器"), j->f->hostname);
	notice_page_fact(p, notice_word(p, "Time", "时间"),
		notice_time(j->f->held_at, j->f->zone, p->chinese, j->a));
	if (j->f->more > 0)
		notice_page_fact(p, notice_word(p, "Happened again", "期间重复"),
			arena_printf(j->a, p->chinese ? "%lld 次" : "%lld times",
				(long long)j->f->more));
	notice_page_facts_end(p);
	tell_alarm_part(j, "why", "Why", "原因");
	tell_alarm_part(j, "done", "What was done", "已采取的措施");
	tell_alarm_part(j, "todo", "What to do", "建议处理");
	json_array_foreach(lines, i, line) if (json_is_string(line))
		notice_page_code(p, slice_of(json_string_value(line), json_string_length(line)));
	notice_finish(j,
		arena_printf(j->a, p->chinese ? "[%.*s] 告警：%.*s" : "[%.*s] Alarm: %.*s",
			SFMT(j->f->hostname), SFMT(notice_safe(what, 120, j->a))),
		"alarm");
}

/* To the owner of an account, in the same form. */
static void write_login(struct notice_job *j)
{
	write_alarm(j);
	notice_finish(j, in_words(j, "what"), "login");
}

static void write_collect(struct notice_job *j)
{
	write_alarm(j);
	notice_finish(j, in_words(j, "what"), "collect");
}

static void set(json_t *to, const char *key, slice text, struct arena *a)
{
	slice s = notice_safe(text, NOTICE_ALARM_TEXT_MAX, a);
	if (s.n)
		json_object_set_new(to, key, json_stringn(s.p, s.n));
}

slice notice_alarm_data(const struct notice_alarm *w, struct arena *a)
{
	json_t *o = json_object(), *lines = json_array();
	set(o, "what_en", w->what_en, a);
	set(o, "what_zh", w->what_zh, a);
	set(o, "why_en", w->why_en, a);
	set(o, "why_zh", w->why_zh, a);
	set(o, "done_en", w->done_en, a);
	set(o, "done_zh", w->done_zh, a);
	set(o, "todo_en", w->todo_en, a);
	set(o, "todo_zh", w->todo_zh, a);
	for (size_t i = 0; i < w->nlines && i < NOTICE_ALARM_LINES_MAX; i++) {
		slice s = notice_safe(w->lines[i], 150, a);
		json_array_append_new(lines, json_stringn(s.p, s.n));
	}
	json_object_set_new(o, "lines", lines);
	AUTO(free) char *text = json_dumps(o, JSON_COMPACT);
	json_decref(o);
	return arena_dup(a, slice_z(text));
}

/* ---- the table ---- */

static slice footer(const struct notice_job *j)
{
	return j->page.chinese
		       ? arena_printf(j->a, "本邮件由 %.*s 的邮件系统自动发出，请勿回复。",
				 SFMT(j->f->hostname))
		       : arena_printf(j->a,
				 "Sent automatically by the mail server %.*s; please do not "
				 "answer.",
				 SFMT(j->f->hostname));
}

bool notice_write(const struct notice_facts *f, struct arena *a, struct notice_letter *ret)
{
	static void (*const letters[NOTICE_KINDS])(struct notice_job *) = {
		[NOTICE_APPROVE] = write_approve,
		[NOTICE_HELD_SENDER] = write_held_sender,
		[NOTICE_HELD_RCPT] = write_held_rcpt,
		[NOTICE_APPROVED] = write_approved,
		[NOTICE_REFUSED] = write_refused,
		[NOTICE_RELEASE_ASKED] = write_release_asked,
		[NOTICE_REPORT] = notice_write_report,
		[NOTICE_ALARM] = write_alarm,
		[NOTICE_LOGIN] = write_login,
		[NOTICE_COLLECT] = write_collect,
		[NOTICE_SCRIPT] = notice_write_script,
		[NOTICE_FORWARD] = notice_write_forward,
	};
	if (f->kind < NOTICE_APPROVE || f->kind >= NOTICE_KINDS)
		return false;
	if (f->kind == NOTICE_AUTOREPLY)
		return notice_write_answer(f, a, ret);
	if (f->kind == NOTICE_MAILLIST)
		return notice_write_maillist(f, a, ret);
	struct notice_job j = {.f = f, .a = a, .ret = ret, .page.chinese = f->chinese};
	j.data = json_loadb(f->data.p ? f->data.p : "", f->data.n, 0, NULL);
	letters[f->kind](&j);
	bool fits = notice_page_end(&j.page, footer(&j));
	ret->chinese = f->chinese;
	ret->automatic_reply = f->kind == NOTICE_HELD_SENDER || f->kind == NOTICE_REPORT;
	ret->text = arena_dup(a, buf_slice(&j.page.text));
	ret->html = arena_dup(a, buf_slice(&j.page.html));
	notice_page_done(&j.page);
	json_decref(j.data);
	return fits;
}
