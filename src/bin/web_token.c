/*
 * From a link to what it is about (web.h): the token is read, its item loaded, and what cannot be done is told in
 * words: a link that is none or was altered, one whose time is over, mail that has left. Wrong links count
 * against whoever tries them.
 */
#include "bin/web.h"

#include "base/mem.h"
#include "run/log.h"
#include <inttypes.h>

static void say_altered(struct http *h)
{
	web_count_bad(h);
	web_message(h, 404, web_word(h, "This link is not valid", "链接无效"),
		web_word(h, "It is incomplete or was changed on its way.",
			"链接不完整，或在途中被改动。"),
		web_word(h,
			"Open it from the letter itself, or copy it whole. Some mail programs "
			"break "
			"long links into two lines.",
			"请直接从邮件中打开，或完整复制链接。有些邮件程序会把长链接断成两行。"));
}

/* Whoever was written to may ask for a fresh digest with what he has. */
static void say_over(struct http *h, const struct token *t, slice text)
{
	h->status = 410;
	web_page_begin(h, web_word(h, "The time of this link is over", "链接已过期"));
	web_text(h, "",
		web_word(h, "Links in letters work for a limited time. Nothing was changed.",
			"邮件中的链接只在有限时间内有效。没有作任何更改。"));
	if (t->role == QUARANTINE_RECIPIENT) {
		web_text(h, "soft",
			web_word(h,
				"You can have a new digest sent, with links that work, if mail of "
				"yours is still held.",
				"如果仍有您的邮件被隔离，可以请求发送一封新的隔离邮件清单，其中的链"
				"接有"
				"效。"));
		if (web_form_begin(h, text, "/digest") < 0)
			return;
		buf_printf(&h->out,
			"<div class=\"buttons\"><button "
			"class=\"main\">%s</button></div></form>\n",
			web_word(h, "Send me a new digest", "给我发送新的隔离邮件清单"));
	} else {
		web_text(h, "soft", web_word(h, "Please ask the administrator.", "请联系管理员。"));
	}
	web_page_end(h);
}

static void say_gone(struct http *h)
{
	web_message(h, 410, web_word(h, "This letter is not held any more", "该邮件已不在隔离区"),
		web_word(h, "Its time was over and it has left the quarantine.",
			"其保留期已过，已从隔离区清除。"),
		web_word(h, "If you still need it, ask the sender to send it again.",
			"如仍需要，请让发件人重新发送。"));
}

/* "ID.IDX" */
static bool read_item(slice item, msg_id *ret_id, int32_t *ret_idx)
{
	size_t dot = slice_index(item, '.');
	uint64_t idx;
	if (dot == item.n || !slice_u64(slice_skip(item, dot + 1), &idx) || idx > INT32_MAX)
		return false;
	*ret_idx = (int32_t)idx;
	return msg_id_parse(slice_first(item, dot), ret_id);
}

/* One that the list's reader may see: held, and of his. */
static bool is_his(const struct web_item *i, struct arena *a)
{
	return i->rcpt && i->m.kind == QUARANTINE_HELD && i->rcpt->state != QUARANTINE_DISCARDED &&
	       web_in_scope(&i->scope, i->rcpt->address, a);
}

static bool load(struct http *h, struct web_item *i, msg_id id, int32_t idx)
{
	struct err e;
	if (web_load(web_of(h), id, h->a, &i->m, &e) < 0) {
		if (e.kind == ERR_NOTFOUND)
			say_gone(h);
		else
			web_failed(h, &e);
		return false;
	}
	i->idx = idx;
	for (size_t k = 0; k < i->m.nrcpts; k++)
		if (i->m.rcpts[k].idx == idx)
			i->rcpt = &i->m.rcpts[k];
	if (idx >= 0 && !i->rcpt) {
		say_gone(h);
		return false;
	}
	return true;
}

bool web_item_read(struct http *h, slice form, struct web_item *ret)
{
	struct web *w = web_of(h);
	slice text = http_part(h, 1), item = {0};
	struct err e;
	*ret = (struct web_item){.text = text, .idx = -1};
	if (web_too_bad(h))
		return false;
	if (token_read(w->keys, text, wall_now(), h->a, &ret->token, &e) < 0) {
		if (e.kind == ERR_PROTO)
			say_altered(h);
		else if (e.kind == ERR_TIMEOUT)
			say_over(h, &ret->token, text);
		else
			web_failed(h, &e);
		return false;
	}
	ret->who = (struct quarantine_actor){ret->token.role, ret->token.who};
	if (ret->token.id)
		return load(h, ret, ret->token.id, ret->token.idx);
	/* The list; perhaps one item of it. */
	msg_id id;
	int32_t idx;
	if (web_scope_read(w, ret->token.who, h->a, &ret->scope, &e) < 0) {
		web_failed(h, &e);
		return false;
	}
	if (!http_query(h, S("item"), &item) && !http1_form_get(form, S("item"), h->a, &item))
		return true;
	if (!read_item(item, &id, &idx)) {
		http_fail(h, 400);
		return false;
	}
	if (!load(h, ret, id, idx))
		return false;
	if (!is_his(ret, h->a)) {
		web_count_bad(h);
		http_fail(h, 404);
		return false;
	}
	if (ret->scope.group)
		ret->who.name = ret->rcpt->address; /* as by the digest's own links */
	return true;
}

bool web_may(struct web *w, const struct web_item *i, enum quarantine_verb verb,
	const char **ret_en, const char **ret_zh)
{
	return quarantine_may(w->quarantine, &i->who, verb, &i->m, i->rcpt, ret_en, ret_zh);
}

/* ---- forms: only from a page of ours ---- */

int web_form_begin(struct http *h, slice token, const char *suffix)
{
	AUTO(buf) struct buf proof = BUF(64);
	struct err e;
	if (token_proof(web_of(h)->keys, token, &proof, &e) < 0) {
		web_failed(h, &e);
		return -1;
	}
	buf_printf(&h->out,
		"<form method=\"post\" action=\"/d/%.*s%s?lang=%s\">\n"
		"<input type=\"hidden\" name=\"proof\" value=\"%.*s\">\n",
		SFMT(token), suffix, web_chinese(h) ? "zh" : "en", SFMT(buf_slice(&proof)));
	return 0;
}

int web_form_check(struct http *h, slice token, slice form)
{
	slice proof, origin = http1_field(h->head, S("sec-fetch-site"));
	struct err e;
	bool foreign =
		origin.n && !slice_eq(origin, S("same-origin")) && !slice_eq(origin, S("none"));
	if (!foreign && http1_form_get(form, S("proof"), h->a, &proof)) {
		if (token_proof_check(web_of(h)->keys, token, proof, &e) == 0)
			return 0;
		if (e.kind != ERR_DENIED) {
			web_failed(h, &e);
			return -1;
		}
	}
	web_message(h, 403, web_word(h, "Please confirm on the page", "请在页面上确认"),
		web_word(h, "Nothing was changed.", "没有作任何更改。"),
		web_word(h, "Open the link from the letter and press the button there.",
			"请从邮件中打开链接，并按页面上的按钮。"));
	return -1;
}
