/*
 * What people's scripts send (local_scripts.c): letters to other addresses (RFC 5228 4.2, as forwarding: SRS, ARC, Delivered-To), answers
 * of absent people (RFC 5230), notifications by mail (RFC 5436) and to programs (an https URI of RFC 5435). All become rows of the
 * queue's database with the recipient's end; here they are made, and limited.
 */
#include "mail/local_scripts.h"

#include "base/mem.h"
#include "base/time.h"
#include "base/utf8.h"
#include "codec/address.h"
#include "codec/header.h"
#include "mail/autoreply.h"
#include "store/notice.h"
#include "store/trace.h"
#include <jansson.h>

enum {
	ANSWER_TEXT_MAX = 40 * 1024, /* of a vacation: it becomes JSON */
	NOTICE_LIFETIME_S = 3 * 86400,
	HOOK_TEXT_MAX = 8 * 1024,
};

const char *scripts_why_not_told(const struct carry *k)
{
	slice header = slice_first(k->letter, header_length(k->letter));
	return autoreply_is_machines(&k->j->letter->m, header);
}

static bool is_own(const struct carry *k, slice address)
{
	for (size_t i = 0; i < k->set->nown; i++)
		if (slice_ieq(k->set->own[i], address))
			return true;
	return slice_ieq(address, k->r->address) || slice_ieq(address, k->w->address);
}

/* What a script says it is from counts when it is the person's own. */
static void find_from(
	const struct carry *k, slice said, struct arena *a, slice *ret_name, slice *ret_address)
{
	struct header_address *v;
	*ret_name = k->w->name;
	*ret_address = k->w->address;
	if (!said.n || header_addresses(said, a, &v) != 1 || !v[0].valid ||
		!is_own(k, v[0].address))
		return;
	*ret_name = v[0].display.n ? v[0].display : *ret_name;
	*ret_address = v[0].address;
}

/* ---- sending on ---- */

static void not_redirected(struct carry *k, const struct sieve_action *x, const char *why)
{
	scripts_event(k, x, "redirect", x->address, slice_z(why));
	scripts_keep(k, NULL);
}

/* Who is meant: an address, or those in a list; never the account itself. */
static int find_targets(
	struct carry *k, const struct sieve_action *x, struct rcpt_answer *ret, struct err *e)
{
	slice *v = ARENA_ARRAY(&k->j->mem, slice, 1);
	size_t n = 1, kept = 0;
	v[0] = arena_dup(&k->j->mem, x->address);
	if (x->list && k->judge->members(k->judge->arg, k->answer->account_id, x->address,
			       &k->j->mem, &v, &n, e) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		if (!is_own(k, v[i]))
			v[kept++] = v[i];
	*ret = (struct rcpt_answer){.targets = v, .ntargets = kept};
	return 0;
}

/* 1, 0, -1: has it passed here before? */
static int came_back(struct carry *k, struct err *e)
{
	int back = local_came_back(k->j, k->r->address, e);
	return back ? back : local_came_back(k->j, k->w->address, e);
}

static int make_redirect(
	struct carry *k, const struct sieve_action *x, const struct rcpt_answer *to, struct err *e)
{
	struct queue_msg v[SETTLE_EXPANSIONS_MAX];
	const struct local_version *version;
	size_t n;
	if (scripts_version(k, x->edits, &version, e) < 0 ||
		local_redirect(k->j, k->r, version, to, v, &n, e) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		if (scripts_hold(k->j, v[i].blob, e) < 0)
			return -1;
		k->extra->made[k->extra->nmade++] = v[i];
	}
	k->redirected += (unsigned)to->ntargets;
	return 0;
}

int scripts_redirect(struct carry *k, const struct sieve_action *x, struct err *e)
{
	struct rcpt_answer asked, to;
	if (k->j->letter->m.flags & MSG_JUNK) {
		not_redirected(k, x, "junk");
		return 0;
	}
	int back = came_back(k, e);
	if (back < 0 || find_targets(k, x, &asked, e) < 0)
		return -1;
	if (back || !asked.ntargets) {
		not_redirected(k, x, back ? "loop" : "own");
		return 0;
	}
	if (local_redirect_targets(k->j, asked.targets, asked.ntargets, &to, e) < 0)
		return -1;
	if (!to.ntargets) {
		not_redirected(k, x, "outside");
		scripts_fault(k, x, S("mail may not be sent on to other systems"),
			S("不允许向外部系统转发"));
		return 0;
	}
	if (!k->judge->may(
		    k->judge->arg, k->answer->account_id, SCRIPTS_REDIRECTS, (unsigned)to.ntargets)) {
		not_redirected(k, x, "limit");
		scripts_fault(k, x, S("more letters would be sent on today than are allowed"),
			S("今日转发的邮件数已达上限"));
		return 0;
	}
	scripts_event(k, x, "redirect", x->address, S(""));
	return make_redirect(k, x, &to, e);
}

/* ---- answering ---- */

static void set(json_t *o, const char *key, slice value)
{
	json_t *text = json_stringn(value.n ? value.p : "", value.n);
	if (text) /* else no UTF-8 */
		json_object_set_new(o, key, text);
}

static slice dump(json_t *o, struct arena *a)
{
	AUTO(free) char *text = json_dumps(o, JSON_COMPACT);
	json_decref(o);
	return arena_dup(a, slice_z(text ? text : ""));
}

static slice answer_subject(
	const struct carry *k, const struct sieve_action *x, slice header, struct arena *a)
{
	struct header_field f;
	if (x->subject.n)
		return utf8_first(x->subject, AUTOREPLY_SUBJECT_MAX);
	slice theirs = header_find(header, S("Subject"), 0, &f) ? header_text(f.value, a) : S("");
	(void)k;
	return arena_printf(a, "Auto: %.*s", SFMT(utf8_first(theirs, AUTOREPLY_SUBJECT_MAX)));
}

static slice without_cr(slice text, struct arena *a)
{
	char *p = arena_strz(a, text);
	size_t n = 0;
	for (size_t i = 0; i < text.n; i++)
		if (text.p[i] != '\r')
			p[n++] = text.p[i];
	return slice_of(p, n);
}

static slice answer_data(const struct carry *k, const struct sieve_action *x, struct arena *a)
{
	slice header = slice_first(k->letter, header_length(k->letter));
	slice name, from, id, references;
	find_from(k, x->from, a, &name, &from);
	autoreply_thread(header, a, &id, &references);
	json_t *o = json_object();
	set(o, "from", from);
	set(o, "name", name);
	set(o, "subject", answer_subject(k, x, header, a));
	set(o, x->mime ? "entity" : "text", without_cr(x->text, a));
	set(o, "message_id", id);
	set(o, "references", references);
	return dump(o, &k->j->mem);
}

int scripts_vacation(struct carry *k, const struct sieve_action *x, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	const struct queue_msg *m = &k->j->letter->m;
	const char *why = k->j->rules->autoreply ? scripts_why_not_told(k) : "forbidden";
	int64_t quiet = x->seconds * SECOND;
	(void)e;
	if (!why && is_own(k, m->sender))
		why = "own";
	if (why) {
		scripts_event(k, x, "vacation", m->sender, slice_z(why));
		return 0;
	}
	slice data = x->text.n <= ANSWER_TEXT_MAX ? answer_data(k, x, &a) : S("");
	if (!data.n || data.n > NOTICE_DATA_MAX) {
		scripts_fault(k, x, S("the answer is too long"), S("自动回复的内容过长"));
		return 0;
	}
	if (x->seconds > k->conf->vacation_max / SECOND)
		quiet = k->conf->vacation_max;
	if (quiet < k->conf->vacation_min)
		quiet = k->conf->vacation_min;
	k->extra->answers[k->extra->nanswers++] =
		(struct settle_answer){.account_id = k->answer->account_id,
			.quiet = quiet,
			.key = arena_printf(&k->j->mem, "%.*s %.*s",
				SFMT(slice_first(x->handle, 500)), SFMT(m->sender)),
			.data = data};
	k->answered = true;
	scripts_event(k, x, "vacation", m->sender, S(""));
	return 0;
}

/* ---- notifications by mail ---- */

/* RFC 5436 2.7.1: what notifies is not notified about; nor is what this server tells people. */
static bool is_notification(const struct carry *k)
{
	struct header_field f;
	slice header = slice_first(k->letter, header_length(k->letter));
	while (header_next(&header, &f))
		if (slice_ieq(f.name, S("X-Posthouse-Notice")) ||
			(slice_ieq(f.name, S("Auto-Submitted")) &&
				slice_istarts(slice_trim(f.value), S("auto-notified"))))
			return true;
	return false;
}

/* Those of the recipients that may be and can be reached. */
static int find_readers(struct carry *k, const struct sieve_mailto *to, struct queue_rcpt **ret,
	size_t *ret_n, struct err *e)
{
	struct arena *a = &k->j->mem;
	struct queue_rcpt *v = ARENA_ARRAY(a, struct queue_rcpt, to->nrcpts + 1);
	size_t n = 0;
	for (size_t i = 0; i < to->nrcpts; i++) {
		struct route_decision d;
		if (route_decide(k->j->l->c.routes, to->rcpts[i], false, a, &d, e) < 0)
			return -1;
		if (d.kind == ROUTE_ERROR || (forward_leaves(&d) && !k->j->rules->forward_outside))
			continue;
		v[n] = (struct queue_rcpt){.idx = (int32_t)n,
			.address = arena_dup(a, d.stands_for.n ? d.stands_for : to->rcpts[i]),
			.dest = d.dest,
			.notify = NOTIFY_NEVER,
			.next_at = k->now};
		n++;
	}
	*ret = v;
	*ret_n = n;
	return 0;
}

/* Each reader of a notification counts. */
static bool may_notify(struct carry *k, const struct sieve_action *x, unsigned readers)
{
	if (k->judge->may(k->judge->arg, k->answer->account_id, SCRIPTS_NOTICES, readers))
		return true;
	scripts_event(k, x, "notify", x->method, S("limit"));
	scripts_fault(k, x, S("more notifications would be sent today than are allowed"),
		S("今日发送的通知数已达上限"));
	return false;
}

static int make_notification(struct carry *k, const struct sieve_action *x,
	const struct sieve_mailto *to, struct queue_msg *m, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	AUTO(buf) struct buf log = BUF(TRACE_LOG_MAX);
	struct arena *mem = &k->j->mem;
	char id[MSG_ID_TEXT], about[MSG_ID_TEXT];
	slice name, from;
	m->id = msg_id_new();
	msg_id_print(m->id, id);
	msg_id_print(k->j->letter->m.id, about);
	find_from(k, x->from, &a, &name, &from);
	struct sieve_action own = *x;
	own.from = (slice){0};
	slice letter = sieve_notify_letter(&own, &k->c->input, to, from, &a);
	m->message_id = arena_printf(mem, "<%s@%.*s>", id, SFMT(k->j->rules->hostname));
	slice top = arena_printf(
		&a, "Message-ID: %.*s\r\nX-Posthouse-Notice: script\r\n", SFMT(m->message_id));
	slice text = arena_printf(&a, "%.*s%.*s", SFMT(top), SFMT(letter));
	trace_event(&log, k->now, "queued", "notice", S("script"), "about", slice_z(about), NULL);
	m->log = arena_dup(mem, buf_slice(&log));
	if (k->j->rules->signing &&
		sign_text(k->j->rules->signing, text, k->now, mem, &m->prefix, e) < 0)
		return -1;
	m->flags = utf8_is_ascii(text) ? 0 : MSG_8BIT;
	return scripts_store(k->j, text, S(""), &m->blob, &m->size, e);
}

static int notify_mail(struct carry *k, const struct sieve_action *x, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	struct sieve_mailto to;
	struct err bad;
	struct queue_msg m = {.priority = x->importance == 1 ? QUEUE_URGENT : QUEUE_NORMAL,
		.arrived_at = k->now,
		.expires_at = k->now + NOTICE_LIFETIME_S * SECOND};
	if (!sieve_mailto(x->method, &a, &to, &bad)) {
		scripts_fault(k, x, slice_z(bad.text), S("通知地址无效"));
		return 0;
	}
	if (find_readers(k, &to, &m.rcpts, &m.nrcpts, e) < 0)
		return -1;
	if (!m.nrcpts) {
		scripts_event(k, x, "notify", x->method, S("nobody"));
		return 0;
	}
	if (!may_notify(k, x, (unsigned)m.nrcpts))
		return 0;
	m.subject = arena_dup(&k->j->mem, utf8_first(to.subject, TRACE_VALUE_MAX));
	if (make_notification(k, x, &to, &m, e) < 0)
		return -1;
	k->extra->made[k->extra->nmade++] = m;
	scripts_event(k, x, "notify", x->method, S(""));
	return 0;
}

/* ---- notifications to programs ---- */

static json_t *options_of(slice lines)
{
	json_t *o = json_object();
	slice line;
	AUTO(arena) struct arena a = {0};
	while (slice_cut(&lines, '\n', &line)) {
		size_t eq = slice_index(line, '=');
		if (eq && eq < line.n)
			set(o, arena_strz(&a, slice_first(line, eq)), slice_skip(line, eq + 1));
	}
	return o;
}

static slice hook_body(const struct carry *k, const struct sieve_action *x)
{
	const struct queue_msg *m = &k->j->letter->m;
	char at[TIME_ISO_MAX], id[MSG_ID_TEXT];
	msg_id_print(m->id, id);
	json_t *o = json_object();
	set(o, "message", utf8_first(x->text, HOOK_TEXT_MAX));
	set(o, "recipient", k->r->address);
	set(o, "sender", m->sender);
	set(o, "subject", m->subject);
	set(o, "message_id", m->message_id);
	set(o, "id", slice_z(id));
	set(o, "at", slice_of(at, time_iso(k->now, at)));
	json_object_set_new(o, "importance", json_integer(x->importance));
	json_object_set_new(o, "options", options_of(x->options));
	return dump(o, &k->j->mem);
}

static void notify_program(struct carry *k, const struct sieve_action *x)
{
	slice body = hook_body(k, x);
	if (!scripts_may_reach(k->conf, x->method) || x->method.n > WEBHOOK_URL_MAX ||
		body.n > WEBHOOK_BODY_MAX) {
		scripts_event(k, x, "notify", x->method, S("forbidden"));
		scripts_fault(k, x, S("notifications to this host are not allowed here"),
			S("不允许向该主机发送通知"));
		return;
	}
	if (!may_notify(k, x, 1))
		return;
	k->extra->hooks[k->extra->nhooks++] = (struct webhook){.account_id = k->answer->account_id,
		.url = arena_dup(&k->j->mem, x->method),
		.body = body,
		.made_at = k->now,
		.next_at = k->now};
	scripts_event(k, x, "notify", x->method, S(""));
}

int scripts_notify(struct carry *k, const struct sieve_action *x, struct err *e)
{
	bool junk = k->j->letter->m.flags & MSG_JUNK;
	if (junk || is_notification(k)) {
		scripts_event(k, x, "notify", x->method, junk ? S("junk") : S("notification"));
		return 0;
	}
	if (slice_istarts(x->method, S("mailto:")))
		return notify_mail(k, x, e);
	notify_program(k, x);
	return 0;
}
