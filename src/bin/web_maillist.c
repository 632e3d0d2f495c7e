/*
 * Pages of mailing lists (web.h), behind /l/TOKEN: leaving (also with one click, RFC 8058), confirming a request, a list's page with
 * a form for whoever wants to join or leave, and the moderators' page. GET changes nothing: link scanners follow links. POST wants a
 * form of ours, except for the one click, whose token is a member's own and good for nothing else.
 */
#include "base/mem.h"
#include "bin/keys_client.h"
#include "bin/maillist_act.h"
#include "bin/web.h"
#include "defence/rate.h"
#include "mail/digest.h"
#include "mail/handoff.h"
#include "run/link.h"
#include "run/log.h"
#include "run/metrics.h"
#include "run/pool.h"
#include <inttypes.h>
#include <pthread.h>

METRIC_COUNTER(left, "posthouse_web_maillist_left_total", "", "Members who left a list by a link.");

enum { REQUESTS_PER_HOUR = 20 };

struct web_lists {
	struct maillist_hands hands;
	pthread_mutex_t lock;
};

/* One request. */
struct visit {
	struct http *h;
	struct web *w;
	slice text; /* the token, as it stands in the path */
	unsigned char key[2][MAILLIST_KEY];
	int nkeys;
	struct maillist_token token;
	struct maillist list;
	struct maillist_member member;
	struct maillist_request request;
	struct maillist_person person;
	struct maillist_held *held;
	struct maillist_request *requests;
	size_t nheld, nrequests;
	/* what to do */
	int (*fn)(struct visit *v, const struct maillist_hands *m, struct err *e);
	slice address, item, verb;
	const char *what;
	msg_id decided;
	int status;
	struct err e;
};

int web_lists_open(struct web *w, struct err *e)
{
	struct web_lists *l = NEW(struct web_lists);
	pthread_mutex_init(&l->lock, NULL);
	w->lists = l;
	return maillist_hands_open(&l->hands, w->config->server->data, e);
}

void web_lists_close(struct web_lists *l)
{
	if (!l)
		return;
	maillist_hands_close(&l->hands);
	pthread_mutex_destroy(&l->lock);
	free(l);
}

static void run_in_pool(void *arg)
{
	struct visit *v = arg;
	struct web_lists *l = v->w->lists;
	pthread_mutex_lock(&l->lock);
	struct maillist_hands m = l->hands;
	m.key = v->key[0];
	m.url = v->w->config->digest->url;
	v->status = v->fn(v, &m, &v->e);
	pthread_mutex_unlock(&l->lock);
}

static int run(
	struct visit *v, int (*fn)(struct visit *, const struct maillist_hands *, struct err *))
{
	v->fn = fn;
	pool_call(run_in_pool, v);
	return v->status;
}

/* ---- what the link is about ---- */

static int load(struct visit *v, const struct maillist_hands *m, struct err *e)
{
	struct arena *a = v->h->a;
	int64_t id = v->token.id, list = 0;
	switch (v->token.kind) {
	case MAILLIST_TOKEN_LEAVE:
		if (maillist_member_by_id(m->lists, id, a, &v->member, e) < 0)
			return -1;
		list = v->member.list_id;
		break;
	case MAILLIST_TOKEN_CONFIRM:
		if (maillist_request_get(m->lists, id, a, &v->request, e) < 0)
			return -1;
		list = v->request.list_id;
		break;
	case MAILLIST_TOKEN_DECIDE:
		if (maillist_person_by_id(m->directory, id, a, &v->person, &list, e) < 0 ||
			maillist_held(m->queue, list, a, &v->held, &v->nheld, e) < 0 ||
			maillist_requests(m->lists, list, true, a, &v->requests, &v->nrequests, e) <
				0)
			return -1;
		/* The link may be older than what he is now. */
		if (!(v->person.roles & (MAILLIST_MODERATOR | MAILLIST_OWNER_ROLE)))
			return err_set(e, ERR_NOTFOUND, "no longer looks after the list");
		break;
	case MAILLIST_TOKEN_PAGE:
		list = id;
		break;
	default:
		return err_set(e, ERR_NOTFOUND, "a token of another kind");
	}
	return maillist_by_id(m->directory, list, a, &v->list, e);
}

static void say_nothing_there(struct visit *v)
{
	struct http *h = v->h;
	web_message(h, 410, web_word(h, "There is nothing to do any more", "已无需处理"),
		web_word(h, "It was done already, or the list has gone. Nothing was changed.",
			"此操作已完成，或列表已不存在。没有作任何更改。"),
		NULL);
}

static bool read_token(struct visit *v)
{
	struct err e = {.kind = ERR_PROTO};
	int r = -1;
	if (keys_client_hmac(
		    v->w->keys, S(TOKEN_SECRET), false, S(MAILLIST_KEY_TEXT), v->key[0], &e) < 0) {
		web_failed(v->h, &e);
		return false;
	}
	v->nkeys = 1 + (keys_client_hmac(v->w->keys, S(TOKEN_SECRET), true, S(MAILLIST_KEY_TEXT),
				v->key[1], &e) == 0);
	for (int i = 0; r < 0 && i < v->nkeys; i++) {
		r = maillist_token_read(v->key[i], v->text, wall_now(), &v->token, &e);
		if (r < 0 && e.kind == ERR_TIMEOUT)
			break;
	}
	if (r == 0)
		return true;
	if (e.kind == ERR_TIMEOUT) {
		say_nothing_there(v);
		return false;
	}
	web_count_bad(v->h);
	http_fail(v->h, 404);
	return false;
}

/* False: the response is made. */
static bool begin(struct http *h, struct visit *v)
{
	*v = (struct visit){.h = h, .w = web_of(h), .text = http_part(h, 1)};
	if (web_too_bad(h) || !read_token(v))
		return false;
	if (run(v, load) == 0)
		return true;
	if (v->e.kind == ERR_NOTFOUND)
		say_nothing_there(v);
	else
		web_failed(h, &v->e);
	return false;
}

/* ---- pages ---- */

static int form(struct visit *v)
{
	AUTO(buf) struct buf proof = BUF(64);
	struct err e;
	if (token_proof(v->w->keys, v->text, &proof, &e) < 0) {
		web_failed(v->h, &e);
		return -1;
	}
	buf_printf(&v->h->out,
		"<form method=\"post\" action=\"/l/%.*s?lang=%s\">\n"
		"<input type=\"hidden\" name=\"proof\" value=\"%.*s\">\n",
		SFMT(v->text), web_chinese(v->h) ? "zh" : "en", SFMT(buf_slice(&proof)));
	return 0;
}

static void button(struct visit *v, const char *verb, const char *label)
{
	buf_printf(&v->h->out, "<button class=\"main\" name=\"verb\" value=\"%s\">%s</button>\n",
		verb, label);
}

static void list_facts(struct visit *v, slice address)
{
	struct http *h = v->h;
	web_facts_begin(h);
	web_fact(h, web_word(h, "List", "列表"), v->list.address);
	web_fact(h, web_word(h, "Name", "名称"), v->list.name);
	web_fact(h, web_word(h, "Address", "地址"), address);
	web_fact(h, web_word(h, "About", "说明"), v->list.c.description);
	web_facts_end(h);
}

static void one_button(
	struct visit *v, const char *title, slice address, const char *verb, const char *label)
{
	web_page_begin(v->h, title);
	list_facts(v, address);
	if (form(v) < 0)
		return;
	button(v, verb, label);
	buf_put(&v->h->out, S("</form>\n"));
	web_page_end(v->h);
}

static void list_page(struct visit *v)
{
	struct http *h = v->h;
	web_page_begin(h, web_word(h, "Mailing list", "邮件列表"));
	list_facts(v, S(""));
	if (form(v) < 0)
		return;
	buf_printf(&h->out,
		"<p><label>%s <input type=\"email\" name=\"address\" required "
		"maxlength=\"254\"></label></p>\n",
		web_word(h, "Your address", "您的邮箱地址"));
	if (v->list.c.joining != MAILLIST_JOIN_CLOSED)
		button(v, "join", web_word(h, "Subscribe", "订阅"));
	if (v->list.c.leaving)
		button(v, "leave", web_word(h, "Leave", "退出"));
	buf_put(&h->out, S("</form>\n"));
	web_page_end(h);
}

static void decide_buttons(struct visit *v, slice item)
{
	struct http *h = v->h;
	if (form(v) < 0)
		return;
	buf_printf(&h->out,
		"<input type=\"hidden\" name=\"item\" value=\"%.*s\">\n<div class=\"buttons\">",
		SFMT(item));
	button(v, "approve", web_word(h, "Approve", "通过"));
	button(v, "reject", web_word(h, "Reject", "拒绝"));
	button(v, "discard", web_word(h, "Discard", "丢弃"));
	buf_put(&h->out, S("</div></form>\n"));
}

static void decide_page(struct visit *v)
{
	struct http *h = v->h;
	web_page_begin(h, web_word(h, "Waiting for a moderator", "待审核"));
	list_facts(v, S(""));
	if (!v->nheld && !v->nrequests)
		web_text(h, "good", web_word(h, "Nothing waits.", "没有待审核的内容。"));
	for (size_t i = 0; i < v->nheld; i++) {
		char id[MSG_ID_TEXT];
		const struct maillist_held *x = &v->held[i];
		msg_id_print(x->id, id);
		web_facts_begin(h);
		web_fact(h, web_word(h, "From", "发件人"), x->author);
		web_fact(h, web_word(h, "Subject", "主题"), x->subject);
		web_fact(h, web_word(h, "Why", "原因"), x->reason);
		web_fact(h, web_word(h, "Came", "时间"), web_time(h, x->at));
		if (!x->proven)
			web_fact(h, web_word(h, "Note", "注意"),
				slice_z(web_word(
					h, "nothing proves who wrote it", "无法证实发件人身份")));
		web_facts_end(h);
		decide_buttons(v, arena_printf(h->a, "%s/%d", id, x->idx));
	}
	for (size_t i = 0; i < v->nrequests; i++) {
		web_facts_begin(h);
		web_fact(h, web_word(h, "Asks to join", "申请加入"), v->requests[i].address);
		web_fact(h, web_word(h, "Name", "姓名"), v->requests[i].name);
		web_facts_end(h);
		decide_buttons(v, arena_printf(h->a, "request/%" PRId64, v->requests[i].id));
	}
	web_page_end(h);
}

static void show(struct visit *v)
{
	struct http *h = v->h;
	switch (v->token.kind) {
	case MAILLIST_TOKEN_LEAVE:
		one_button(v, web_word(h, "Leave this list?", "退出此列表？"), v->member.address,
			"leave", web_word(h, "Leave", "退出"));
		break;
	case MAILLIST_TOKEN_CONFIRM: {
		bool leave = v->request.want == MAILLIST_WANT_LEAVE;
		one_button(v,
			leave ? web_word(h, "Leave this list?", "退出此列表？")
			      : web_word(h, "Join this list?", "加入此列表？"),
			v->request.address, "confirm", web_word(h, "Confirm", "确认"));
		break;
	}
	case MAILLIST_TOKEN_DECIDE:
		decide_page(v);
		break;
	default:
		list_page(v);
	}
}

/* ---- deeds, in the pool ---- */

static int do_leave(struct visit *v, const struct maillist_hands *m, struct err *e)
{
	return maillist_act_leave(m, &v->list, v->member.address, true, v->h->a, &v->what, e);
}

static int do_confirm(struct visit *v, const struct maillist_hands *m, struct err *e)
{
	return maillist_act_confirm(m, v->token.id, v->h->a, &v->list, &v->what, e);
}

static int do_ask(struct visit *v, const struct maillist_hands *m, struct err *e)
{
	slice key;
	if (!directory_canonical(v->address, v->h->a, &key))
		return err_set(e, ERR_PROTO, "not an address");
	return slice_eq(v->verb, S("join"))
		       ? maillist_act_join(m, &v->list, key, S(""), false, v->h->a, &v->what, e)
		       : maillist_act_leave(m, &v->list, key, false, v->h->a, &v->what, e);
}

static int do_decide(struct visit *v, const struct maillist_hands *m, struct err *e)
{
	bool agree = slice_eq(v->verb, S("approve")), reject = slice_eq(v->verb, S("reject"));
	size_t at = slice_index(v->item, '/');
	uint64_t n;
	if (!slice_u64(slice_skip(v->item, at + 1), &n) ||
		(!agree && !reject && !slice_eq(v->verb, S("discard"))))
		return err_set(e, ERR_PROTO, "no such item");
	for (size_t i = 0; i < v->nrequests; i++)
		if (slice_starts(v->item, S("request/")) && (uint64_t)v->requests[i].id == n)
			return maillist_act_answer(m, v->requests[i].id, agree, v->h->a, e);
	for (size_t i = 0; i < v->nheld; i++) {
		char id[MSG_ID_TEXT];
		msg_id_print(v->held[i].id, id);
		if (!slice_eq(slice_first(v->item, at), slice_z(id)) ||
			(uint64_t)v->held[i].idx != n)
			continue;
		v->decided = v->held[i].id;
		return maillist_act_decide(m, v->held[i].id, v->held[i].idx,
			agree    ? MAILLIST_APPROVED
			: reject ? MAILLIST_REJECTED
				 : MAILLIST_DISCARDED,
			v->person.address, e);
	}
	return err_set(e, ERR_NOTFOUND, "no such item of this list");
}

static void say_done(struct visit *v)
{
	struct http *h = v->h;
	bool asks = v->what && strcmp(v->what, "confirm") == 0,
	     waits = v->what && strcmp(v->what, "asked") == 0;
	bool page = v->token.kind == MAILLIST_TOKEN_PAGE; /* says the same to everybody */
	web_message(h, 200, web_word(h, "Done", "已完成"),
		asks || page ? web_word(h,
				       "A letter with a link to confirm is on its way, if there is "
				       "anything to do.",
				       "如需办理，确认邮件即将发出，请按邮件中的链接确认。")
		: waits ? web_word(h, "A moderator will decide.", "管理员将审批您的申请。")
			: web_word(h, "It is done.", "操作已完成。"),
		NULL);
}

static void act(
	struct visit *v, int (*fn)(struct visit *, const struct maillist_hands *, struct err *))
{
	AUTO(buf) struct buf datagram = BUF(HANDOFF_MAX);
	int r = run(v, fn);
	log_info(NULL, "web.maillist", F("list", v->list.address), F("verb", v->verb),
		F("ip", (const char *)v->h->ip), F("fine", r == 0),
		F("error", r < 0 ? v->e.text : ""));
	if (v->decided && r == 0) {
		handoff_encode_id(&datagram, v->decided);
		link_send(v->w->queue_link, buf_slice(&datagram)); /* lost: its sweep finds it */
	}
	if (r == 0)
		say_done(v);
	else if (v->e.kind == ERR_NOTFOUND || v->e.kind == ERR_EXISTS)
		say_nothing_there(v);
	else if (v->e.kind == ERR_PROTO)
		http_fail(v->h, 400);
	else
		web_failed(v->h, &v->e);
}

static void ask(struct visit *v)
{
	slice who = arena_printf(v->h->a, "maillist %s", v->h->ip);
	if (rates_count(v->w->rates, RATE_WEB_DIGESTS, who, 1) > REQUESTS_PER_HOUR) {
		http_fail(v->h, 429);
		http_header(v->h, S("Retry-After"), S("3600"));
		return;
	}
	act(v, do_ask);
}

/* ---- routes ---- */

void web_maillist_get(struct http *h)
{
	struct visit *v = ARENA_NEW(h->a, struct visit);
	if (begin(h, v))
		show(v);
}

void web_maillist_post(struct http *h)
{
	struct visit *v = ARENA_NEW(h->a, struct visit);
	slice body, click;
	if (http_body(h, WEB_FORM_MAX, &body) < 0 || !begin(h, v))
		return;
	/* RFC 8058 3.2: what the mail program posts, without cookies or pages. */
	bool one_click = v->token.kind == MAILLIST_TOKEN_LEAVE &&
			 http1_form_get(body, S("List-Unsubscribe"), h->a, &click) &&
			 slice_ieq(click, S("One-Click"));
	if (!one_click && web_form_check(h, v->text, body) < 0)
		return;
	http1_form_get(body, S("verb"), h->a, &v->verb);
	http1_form_get(body, S("item"), h->a, &v->item);
	http1_form_get(body, S("address"), h->a, &v->address);
	switch (v->token.kind) {
	case MAILLIST_TOKEN_LEAVE:
		act(v, do_leave);
		metric_add(&left, v->status == 0);
		break;
	case MAILLIST_TOKEN_CONFIRM:
		act(v, do_confirm);
		break;
	case MAILLIST_TOKEN_DECIDE:
		act(v, do_decide);
		break;
	default:
		ask(v);
	}
}
