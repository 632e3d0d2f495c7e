/*
 * All that is held for somebody (web.h): the page behind "see all" of a digest, with boxes to tick and a few buttons. What
 * a class does not allow its recipients is not offered, and is refused again when it is asked for.
 */
#include "bin/web.h"

#include "base/mem.h"
#include "mail/notice.h"
#include "run/log.h"

static const enum quarantine_verb offered[] = {
	QUARANTINE_RELEASE, QUARANTINE_ALLOW, QUARANTINE_ASK, QUARANTINE_DELETE, QUARANTINE_BLOCK};
enum { OFFERED = sizeof offered / sizeof *offered };

static const char *short_word(struct http *h, enum quarantine_verb verb)
{
	switch (verb) {
	case QUARANTINE_RELEASE:
		return web_word(h, "Release", "放行");
	case QUARANTINE_ALLOW:
		return web_word(h, "Release and allow sender", "放行并信任发件人");
	case QUARANTINE_ASK:
		return web_word(h, "Ask for release", "申请放行");
	case QUARANTINE_BLOCK:
		return web_word(h, "Delete and block sender", "删除并屏蔽发件人");
	default:
		return web_word(h, "Delete", "删除");
	}
}

/* As much of it as quarantine_may looks at. */
static struct web_item item_of(
	const struct web_item *list, const struct quarantine_row *r, struct quarantine_rcpt *rcpt)
{
	struct web_item i = *list;
	*rcpt = (struct quarantine_rcpt){.idx = r->idx, .address = r->rcpt, .state = r->state};
	i.m = (struct quarantine_msg){.kind = r->kind,
		.class = r->class,
		.direction = r->direction,
		.rcpts = rcpt,
		.nrcpts = 1};
	i.m.msg.id = r->id;
	i.rcpt = rcpt;
	i.idx = r->idx;
	if (i.scope.group)
		i.who.name = r->rcpt;
	return i;
}

static unsigned put_row(struct http *h, const struct web_item *list, const struct quarantine_row *r)
{
	struct quarantine_rcpt rcpt;
	struct web_item i = item_of(list, r, &rcpt);
	unsigned may = 0;
	const char *en, *zh;
	char id[MSG_ID_TEXT];
	slice reasons = web_reasons(h, r->signals, 3);
	msg_id_print(r->id, id);
	for (size_t k = 0; k < OFFERED; k++)
		may |= web_may(web_of(h), &i, offered[k], &en, &zh) ? offered[k] : 0u;
	buf_printf(&h->out,
		"<li><label><input type=\"checkbox\" name=\"pick\" value=\"%s.%d\"%s "
		"aria-label=\"%s\"></label><div><div class=\"title\">",
		id, r->idx, may ? "" : " disabled", web_word(h, "choose", "选择"));
	bool view = web_may(web_of(h), &i, QUARANTINE_PREVIEW, &en, &zh);
	if (view)
		buf_printf(&h->out, "<a href=\"/d/%.*s/view?lang=%s&amp;item=%s.%d\">",
			SFMT(list->text), web_chinese(h) ? "zh" : "en", id, r->idx);
	web_strange(
		h, r->subject.n ? r->subject : slice_z(web_word(h, "(no subject)", "（无主题）")));
	buf_printf(&h->out, "%s</div><div>", view ? "</a>" : "");
	web_strange(h, r->from.n ? r->from : r->sender);
	if (list->scope.group) {
		buf_put(&h->out, S(" → "));
		web_strange(h, r->rcpt);
	}
	buf_printf(&h->out, "</div><div class=\"soft\">%.*s · %.*s · %s%s%.*s</div></div></li>\n",
		SFMT(web_time(h, r->held_at)), SFMT(notice_size(r->size, h->a)),
		quarantine_class_text(r->class, web_chinese(h)),
		reasons.n ? web_word(h, ": ", "：") : "", SFMT(reasons));
	return may;
}

static void put_bar(struct http *h, unsigned may)
{
	buf_put(&h->out, S("</ul>\n<div class=\"bar\"><div class=\"buttons\">\n"));
	for (size_t k = 0; k < OFFERED; k++)
		if (may & offered[k])
			buf_printf(&h->out,
				"<button name=\"verb\" value=\"%d\" class=\"%s\">%s</button>\n",
				(int)offered[k], offered[k] == QUARANTINE_RELEASE ? "main" : "",
				short_word(h, offered[k]));
	buf_put(&h->out, S("</div></div></form>\n"));
}

static void put_digest_form(struct http *h, const struct web_item *i)
{
	if (web_form_begin(h, i->text, "/digest") < 0)
		return;
	buf_printf(&h->out, "<p><button>%s</button></p></form>\n",
		web_word(h, "Send me a new digest", "给我发送新的隔离邮件清单"));
}

void web_list_page(struct http *h, const struct web_item *i)
{
	struct quarantine_row *v;
	size_t n;
	uint64_t total;
	struct err e;
	unsigned may = 0;
	if (web_list_rows(web_of(h), &i->scope, h->a, &v, &n, &total, &e) < 0) {
		web_failed(h, &e);
		return;
	}
	web_page_begin(h, web_word(h, "Held mail", "被隔离的邮件"));
	buf_put(&h->out, S("<p class=\"soft\">"));
	web_strange(h, i->who.name);
	buf_printf(&h->out, " · %zu</p>\n", n);
	if (n < total)
		web_text(h, "warn",
			web_word(h,
				"There is more than fits here: what looks most like a mistake is "
				"shown.",
				"数量较多，这里先列出最可能误判的邮件。"));
	if (!n) {
		web_text(h, "good", web_word(h, "Nothing is held.", "没有被隔离的邮件。"));
	} else {
		if (web_form_begin(h, i->text, "") < 0)
			return;
		buf_put(&h->out, S("<ul class=\"rows\">\n"));
		for (size_t k = 0; k < n; k++)
			may |= put_row(h, i, &v[k]);
		put_bar(h, may);
		if (!i->scope.group)
			put_digest_form(h, i);
	}
	web_page_end(h);
}

/* ---- what was ticked ---- */

struct ticked {
	struct http *h;
	const struct web_item *list;
	enum quarantine_verb verb;
	unsigned done, already, failed;
	bool temporary;
};

/* One letter; its own name on the list is looked up first. */
static void act_on(struct ticked *t, slice pick)
{
	struct http *h = t->h;
	struct web *w = web_of(h);
	struct quarantine_done done = {0};
	struct quarantine_msg m;
	const struct quarantine_rcpt *rcpt = NULL;
	size_t dot = slice_index(pick, '.');
	uint64_t idx;
	msg_id id;
	struct err e = {0};
	int r = -1;
	if (msg_id_parse(slice_first(pick, dot), &id) &&
		slice_u64(slice_skip(pick, dot + 1), &idx) && idx <= INT32_MAX &&
		web_load(w, id, h->a, &m, &e) == 0)
		for (size_t k = 0; k < m.nrcpts; k++)
			if (m.rcpts[k].idx == (int32_t)idx)
				rcpt = &m.rcpts[k];
	struct quarantine_actor who = t->list->who;
	if (rcpt && t->list->scope.group)
		who.name = rcpt->address;
	if (rcpt && m.kind == QUARANTINE_HELD && web_in_scope(&t->list->scope, rcpt->address, h->a))
		r = web_act(w, &who, t->verb, id, (int32_t)idx, h->a, &done, &e);
	log_info(NULL, "web.acted", F("id", pick), F("verb", (int)t->verb),
		F("by", t->list->who.name), F("ip", (const char *)h->ip), F("fine", r == 0),
		F("already", done.already), F("error", r < 0 ? e.text : ""));
	t->temporary |= r < 0 && (e.kind == ERR_TEMP || e.kind == ERR_TIMEOUT);
	if (r < 0)
		t->failed++;
	else if (done.already)
		t->already++;
	else
		t->done++;
}

static void put_count(struct http *h, const char *class, unsigned n, const char *en, const char *zh)
{
	if (n)
		buf_printf(&h->out, "<p class=\"%s\">%s %u</p>\n", class, web_word(h, en, zh), n);
}

static void say(struct ticked *t)
{
	struct http *h = t->h;
	if (t->temporary && !t->done && !t->already) {
		http_fail(h, 503);
		return;
	}
	web_page_begin(h, short_word(h, t->verb));
	put_count(h, "good", t->done, "Done:", "已完成：");
	put_count(h, "", t->already, "Had been done before:", "此前已完成：");
	put_count(h, "bad", t->failed, "Not possible (decided already, or not allowed):",
		"无法处理（已有决定，或不允许）：");
	if (t->temporary)
		web_text(h, "warn",
			web_word(h, "Some could not be done at the moment; please try again.",
				"部分暂时无法处理，请再试一次。"));
	if (!t->done && !t->already && !t->failed)
		web_text(h, "warn", web_word(h, "Nothing was chosen.", "没有选择任何邮件。"));
	buf_printf(&h->out, "<p><a class=\"button\" href=\"/d/%.*s?lang=%s\">%s</a></p>\n",
		SFMT(t->list->text), web_chinese(h) ? "zh" : "en",
		web_word(h, "Back to the list", "返回列表"));
	web_page_end(h);
}

void web_list_act(struct http *h, const struct web_item *i, slice form)
{
	struct ticked t = {.h = h, .list = i};
	slice verb, rest = form, pick;
	uint64_t number = 0;
	if (web_form_check(h, i->text, form) < 0)
		return;
	if (http1_form_get(form, S("verb"), h->a, &verb))
		slice_u64(verb, &number);
	for (size_t k = 0; k < OFFERED; k++)
		if ((uint64_t)offered[k] == number)
			t.verb = offered[k];
	if (!t.verb) {
		http_fail(h, 400);
		return;
	}
	for (int k = 0; k < WEB_LIST_MAX && http1_form_next(&rest, S("pick"), h->a, &pick); k++)
		act_on(&t, pick);
	say(&t);
}
