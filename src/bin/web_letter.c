/*
 * One held letter behind a link (web.h): GET shows what it is and a button, POST does what the link is for. Pressing twice,
 * or after somebody else has decided, is told as what it is and changes nothing. An approver's page has both answers.
 */
#include "bin/web.h"

#include "base/mem.h"
#include "bin/keys_client.h"
#include "codec/signal.h"
#include "defence/rate.h"
#include "mail/notice.h"
#include "run/log.h"
#include "run/metrics.h"

METRIC_COUNTER(acted, "posthouse_web_acts_total", "", "Held letters decided on by pages.");

/* ---- words ---- */

static const struct {
	enum quarantine_verb verb;
	const char *ask_en, *ask_zh; /* title of the page and button */
	const char *done_en, *done_zh;
	const char *means_en, *means_zh;
	bool danger;
} verbs[] = {
	{QUARANTINE_RELEASE, "Release this letter", "放行这封邮件",
		"The letter is on its way to the mailbox.", "邮件已放行，正在投递到信箱。",
		"It will be delivered exactly as it came.", "邮件将原样投递。", false},
	{QUARANTINE_ALLOW, "Release and allow the sender", "放行并信任发件人",
		"The letter is on its way to the mailbox, and its sender is allowed.",
		"邮件已放行，正在投递到信箱；发件人已列入信任名单。",
		"It will be delivered, and mail that is proven to come from this sender will not "
		"be "
		"taken for spam any more. Viruses are still looked for.",
		"邮件将投递；今后经验证确实来自该发件人的邮件不再判为垃圾邮件，但仍检查病毒。",
		false},
	{QUARANTINE_BLOCK, "Delete and block the sender", "删除并屏蔽发件人",
		"The letter is deleted, and its sender is blocked.", "邮件已删除，发件人已屏蔽。",
		"Mail of this sender to you will be refused from now on.",
		"今后该发件人发给您的邮件将被拒收。", true},
	{QUARANTINE_DELETE, "Delete this letter", "删除这封邮件", "The letter is deleted.",
		"邮件已删除。", "Until it expires, the administrator can take that back.",
		"在保留期内，管理员仍可恢复。", true},
	{QUARANTINE_ASK, "Ask for this letter", "申请放行这封邮件",
		"The administrator was told that you want this letter.",
		"已将您的放行申请通知管理员。", "The administrator will look at it and decide.",
		"管理员将查看并决定。", false},
	{QUARANTINE_APPROVE_IT, "Approve this letter", "批准这封邮件",
		"The letter is approved and on its way.", "邮件已批准，正在投递。",
		"It will be delivered exactly as it came.", "邮件将原样投递。", false},
	{QUARANTINE_REFUSE_IT, "Refuse this letter", "拒绝这封邮件", "The letter is refused.",
		"邮件已拒绝。", "It will not be delivered.", "邮件将不投递。", true},
	{QUARANTINE_UNDO, "Take it back", "撤销", "The letter waits again.",
		"邮件已恢复为等待处理。", "The letter will wait again.", "邮件将恢复为等待处理。",
		false},
	{QUARANTINE_PREVIEW, "Held letter", "被隔离的邮件", "", "", "", "", false},
};
enum { VERBS = sizeof verbs / sizeof *verbs };

static size_t row_of(enum quarantine_verb verb)
{
	size_t i = 0;
	while (i < VERBS - 1 && verbs[i].verb != verb)
		i++;
	return i;
}

const char *web_verb_word(struct http *h, enum quarantine_verb verb)
{
	size_t i = row_of(verb);
	return web_word(h, verbs[i].ask_en, verbs[i].ask_zh);
}

const char *web_done_word(struct http *h, enum quarantine_verb verb)
{
	size_t i = row_of(verb);
	return web_word(h, verbs[i].done_en, verbs[i].done_zh);
}

static const char *state_word(struct http *h, enum quarantine_state s)
{
	switch (s) {
	case QUARANTINE_WAITS:
		return web_word(h, "held", "隔离中");
	case QUARANTINE_ASKED:
		return web_word(h, "held; its release was asked for", "隔离中，已申请放行");
	case QUARANTINE_RELEASED:
		return web_word(h, "released", "已放行");
	case QUARANTINE_DELETED:
		return web_word(h, "deleted", "已删除");
	case QUARANTINE_REFUSED:
		return web_word(h, "refused", "已拒绝");
	case QUARANTINE_EXPIRED:
		return web_word(h, "expired", "已过期");
	default:
		return web_word(h, "not delivered", "未投递");
	}
}

/* ---- what it is ---- */

slice web_reasons(struct http *h, slice signals, unsigned most)
{
	AUTO(buf) struct buf out = BUF(4000);
	slice name, detail;
	double score;
	for (unsigned n = 0; n < most && signals_next(&signals, &name, &score, &detail);) {
		const struct signal_def *d =
			score > 0 ? signal_words_def(&web_of(h)->words, name) : NULL;
		if (!d)
			continue;
		buf_printf(&out, "%s%s", n++ ? web_word(h, "; ", "；") : "",
			web_word(h, d->en, d->zh));
	}
	return arena_dup(h->a, buf_slice(&out));
}

static void put_state(struct http *h, const struct quarantine_rcpt *r)
{
	const char *class = r->state == QUARANTINE_RELEASED ? "good"
			    : r->state <= QUARANTINE_ASKED  ? ""
							    : "bad";
	buf_printf(&h->out, "<dt>%s</dt><dd><span class=\"%s\">%s</span>",
		web_word(h, "State", "状态"), class, state_word(h, r->state));
	if (r->changed_at && r->state != QUARANTINE_WAITS)
		buf_printf(&h->out, " <span class=\"soft\">%.*s</span>",
			SFMT(web_time(h, r->changed_at)));
	buf_put(&h->out, S("</dd>\n"));
}

static slice all_rcpts(struct http *h, const struct quarantine_msg *m)
{
	enum { SHOWN = 10 };
	AUTO(buf) struct buf out = BUF(4000);
	for (size_t i = 0; i < m->nrcpts && i < SHOWN; i++)
		buf_printf(&out, "%s%.*s", i ? ", " : "", SFMT(m->rcpts[i].address));
	if (m->nrcpts > SHOWN)
		buf_printf(&out, " … (%zu)", m->nrcpts);
	return arena_dup(h->a, buf_slice(&out));
}

void web_letter_facts(struct http *h, const struct web_item *i)
{
	const struct quarantine_msg *m = &i->m;
	web_facts_begin(h);
	web_fact(h, web_word(h, "From", "发件人"), m->from.n ? m->from : m->msg.sender);
	if (m->msg.sender.n && slice_find(m->from, m->msg.sender) == m->from.n)
		web_fact(h, web_word(h, "Sent by", "实际发信地址"), m->msg.sender);
	web_fact(h, web_word(h, "To", "收件人"), i->rcpt ? i->rcpt->address : all_rcpts(h, m));
	web_fact(h, web_word(h, "Subject", "主题"),
		m->msg.subject.n ? m->msg.subject : slice_z(web_word(h, "(none)", "（无主题）")));
	web_fact(h, web_word(h, "Arrived", "到达时间"), web_time(h, m->msg.arrived_at));
	web_fact(h, web_word(h, "Size", "大小"), notice_size(m->msg.size, h->a));
	web_fact(h, web_word(h, "Held as", "隔离类别"),
		slice_z(quarantine_class_text(m->class, web_chinese(h))));
	web_fact(h, web_word(h, "Why", "原因"), web_reasons(h, m->signals, 4));
	if (i->rcpt)
		put_state(h, i->rcpt);
	web_fact(h, web_word(h, "Kept until", "保留至"), web_time(h, m->expires_at));
	web_facts_end(h);
}

/* ---- the page ---- */

/* May the verb still change something? */
static bool open_for(const struct web_item *i, enum quarantine_verb verb)
{
	if (!i->rcpt) {
		for (size_t k = 0; k < i->m.nrcpts; k++)
			if (i->m.rcpts[k].state <= QUARANTINE_ASKED)
				return true;
		return false;
	}
	enum quarantine_state s = i->rcpt->state;
	if (verb == QUARANTINE_UNDO)
		return s == QUARANTINE_DELETED || s == QUARANTINE_REFUSED || s == QUARANTINE_ASKED;
	return s == QUARANTINE_WAITS || (s == QUARANTINE_ASKED && verb != QUARANTINE_ASK);
}

static void put_views(struct http *h, const struct web_item *i)
{
	const char *en, *zh;
	const char *lang = web_chinese(h) ? "zh" : "en";
	bool view = web_may(web_of(h), i, QUARANTINE_PREVIEW, &en, &zh);
	if (view)
		buf_printf(&h->out, "<a class=\"button\" href=\"/d/%.*s/view?lang=%s\">%s</a>\n",
			SFMT(i->text), lang, web_word(h, "Read its text", "查看内容"));
}

static void put_button(struct http *h, enum quarantine_verb verb)
{
	buf_printf(&h->out, "<button class=\"%s\">%s</button>\n",
		verbs[row_of(verb)].danger ? "danger" : "main", web_verb_word(h, verb));
}

/* The approver's other answer: a link of his own, as if it stood in the letter. */
static void put_other_answer(struct http *h, const struct web_item *i)
{
	AUTO(buf) struct buf text = BUF(TOKEN_TEXT_MAX);
	struct token other = i->token;
	struct err e;
	other.verb = i->token.verb == QUARANTINE_APPROVE_IT ? QUARANTINE_REFUSE_IT
							    : QUARANTINE_APPROVE_IT;
	if (token_make(web_of(h)->keys, &other, &text, &e) < 0)
		return;
	buf_printf(&h->out, "<a class=\"button\" href=\"/d/%.*s?lang=%s\">%s …</a>\n",
		SFMT(buf_slice(&text)), web_chinese(h) ? "zh" : "en", web_verb_word(h, other.verb));
}

void web_letter_page(struct http *h, const struct web_item *i)
{
	enum quarantine_verb verb = i->token.verb;
	const char *en = "", *zh = "";
	web_page_begin(h, web_verb_word(h, verb));
	web_letter_facts(h, i);
	bool may = web_may(web_of(h), i, verb, &en, &zh);
	if (!open_for(i, verb)) {
		web_text(h, "warn",
			web_word(h, "It was decided on already; there is nothing left to do.",
				"这封邮件已经处理过，无需再操作。"));
	} else if (!may) {
		web_text(h, "warn", web_word(h, en, zh));
	} else {
		web_text(h, "soft",
			web_word(h, verbs[row_of(verb)].means_en, verbs[row_of(verb)].means_zh));
		if (web_form_begin(h, i->text, "") < 0)
			return;
		buf_put(&h->out, S("<div class=\"buttons\">\n"));
		put_button(h, verb);
		put_views(h, i);
		if (i->token.role == QUARANTINE_APPROVER)
			put_other_answer(h, i);
		buf_put(&h->out, S("</div></form>\n"));
	}
	web_page_end(h);
}

/* ---- the deed ---- */

static void say_done(struct http *h, const struct web_item *i, const struct quarantine_done *d)
{
	web_page_begin(h, d->already ? web_word(h, "Done already", "已经处理过")
				     : web_word(h, "Done", "已完成"));
	if (d->already)
		web_text(h, "",
			web_word(h, "This was done before; nothing was changed now.",
				"此前已经完成，这次没有作任何更改。"));
	web_text(h, "good", web_done_word(h, i->token.verb));
	web_letter_facts(h, i);
	web_page_end(h);
}

/* Somebody has decided differently, or it is too late. */
static void say_impossible(struct http *h, const struct web_item *i)
{
	h->status = 409;
	web_page_begin(h, web_word(h, "Decided already", "已有决定"));
	web_text(h, "warn",
		web_word(h, "Its state does not allow this any more; nothing was changed.",
			"邮件目前的状态已不允许此操作，没有作任何更改。"));
	web_letter_facts(h, i);
	web_page_end(h);
}

static void say_denied(struct http *h, const struct web_item *i)
{
	const char *en = "", *zh = "";
	if (web_may(web_of(h), i, i->token.verb, &en, &zh))
		en = zh = "";
	web_message(h, 403, web_word(h, "Not allowed", "不允许"),
		en[0] ? web_word(h, en, zh)
		      : web_word(h, "Nothing was changed.", "没有作任何更改。"),
		web_word(h, "Please ask the administrator.", "请联系管理员。"));
}

void web_letter_act(struct http *h, const struct web_item *i, slice form)
{
	struct web *w = web_of(h);
	struct quarantine_done done = {0};
	struct web_item now = *i;
	struct err e, ignored;
	char id[MSG_ID_TEXT];
	if (web_form_check(h, i->text, form) < 0)
		return;
	int r = web_act(w, &i->who, i->token.verb, i->m.msg.id, i->idx, h->a, &done, &e);
	msg_id_print(i->m.msg.id, id);
	log_info(NULL, "web.acted", F("id", (const char *)id), F("rcpt", i->idx),
		F("verb", (int)i->token.verb), F("by", i->who.name), F("ip", (const char *)h->ip),
		F("fine", r == 0), F("already", done.already), F("error", r < 0 ? e.text : ""));
	metric_add(&acted, r == 0 && !done.already);
	/* As it is now. */
	now.rcpt = NULL;
	if (web_load(w, i->m.msg.id, h->a, &now.m, &ignored) == 0) {
		for (size_t k = 0; k < now.m.nrcpts; k++)
			if (now.m.rcpts[k].idx == i->idx)
				now.rcpt = &now.m.rcpts[k];
	} else {
		now = *i;
	}
	if (r == 0)
		say_done(h, &now, &done);
	else if (e.kind == ERR_PERM || e.kind == ERR_EXISTS)
		say_impossible(h, &now);
	else if (e.kind == ERR_DENIED)
		say_denied(h, i);
	else
		web_failed(h, &e);
}

/* ---- routes ---- */

void web_token_get(struct http *h)
{
	struct web_item i;
	if (!web_item_read(h, S(""), &i))
		return;
	if (!i.token.id)
		web_list_page(h, &i);
	else if (i.token.verb == QUARANTINE_PREVIEW)
		web_view_page(h, &i);
	else
		web_letter_page(h, &i);
}

void web_token_post(struct http *h)
{
	struct web_item i;
	slice form;
	if (http_body(h, WEB_FORM_MAX, &form) < 0 || !web_item_read(h, S(""), &i))
		return;
	if (!i.token.id)
		web_list_act(h, &i, form);
	else if (i.token.verb == QUARANTINE_PREVIEW)
		http_fail(h, 405);
	else
		web_letter_act(h, &i, form);
}

/* A fresh digest, also by a link whose time is over. */
void web_digest_post(struct http *h)
{
	struct web *w = web_of(h);
	struct token t = {0};
	slice form, text = http_part(h, 1);
	struct err e = {0};
	if (http_body(h, WEB_FORM_MAX, &form) < 0 || web_too_bad(h))
		return;
	int r = token_read(w->keys, text, wall_now(), h->a, &t, &e);
	if ((r < 0 && e.kind != ERR_TIMEOUT) || t.role != QUARANTINE_RECIPIENT) {
		web_count_bad(h);
		http_fail(h, r < 0 && e.kind == ERR_TEMP ? 503 : 404);
		return;
	}
	if (web_form_check(h, text, form) < 0)
		return;
	/* Old links work here for ever: whoever finds one must not fill a mailbox. */
	if (rates_count(w->rates, RATE_WEB_DIGESTS, t.who, 1) > WEB_DIGESTS_PER_HOUR) {
		http_fail(h, 429);
		http_header(h, S("Retry-After"), S("3600"));
		return;
	}
	if (web_ask_digest(w, t.who, &e) < 0) {
		web_failed(h, &e);
		return;
	}
	web_message(h, 200, web_word(h, "A digest is on its way", "隔离邮件清单即将发出"),
		web_word(h, "You will get a new digest in a moment, if mail of yours is held.",
			"如有您的邮件被隔离，稍后您将收到一封新的隔离邮件清单。"),
		NULL);
}
