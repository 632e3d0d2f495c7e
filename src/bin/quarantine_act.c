/*
 * What people do to held mail (quarantine_act.h): who may do what, and the part that is one transaction of
 * the queue's database. What follows from it is in quarantine_after.c.
 */
#include "bin/quarantine_act.h"

#include "base/mem.h"
#include "base/time.h"
#include "bin/quarantine_conf.h"
#include "store/notice.h"
#include "store/trace.h"
#include <inttypes.h>

#define USUAL_LIFETIME (5 * DAY)

/* ---- may he? ---- */

static bool deny(const char *en, const char *zh, const char **ret_en, const char **ret_zh)
{
	if (ret_en)
		*ret_en = en;
	if (ret_zh)
		*ret_zh = zh;
	return false;
}

static bool is_approver(const struct quarantine_msg *m, slice address)
{
	for (size_t i = 0; i < m->napprovers; i++)
		if (slice_ieq(m->approvers[i], address))
			return true;
	return false;
}

static bool approver_may(enum quarantine_verb verb, const struct quarantine_msg *m, slice who,
	const char **en, const char **zh)
{
	const unsigned all = QUARANTINE_PREVIEW | QUARANTINE_HEADERS | QUARANTINE_APPROVE_IT |
			     QUARANTINE_REFUSE_IT | QUARANTINE_UNDO;
	if (m->class != QUARANTINE_APPROVAL || !is_approver(m, who))
		return deny("this message does not wait for your approval", "这封邮件不需要您审批",
			en, zh);
	if (!(all & verb))
		return deny("whoever approves may look, approve and refuse",
			"审批人可以查看、批准和拒绝", en, zh);
	return true;
}

/* Recipients take back only what they did themselves. */
static bool may_undo(const struct quarantine_rcpt *r, slice who, const char **en, const char **zh)
{
	bool own = slice_ieq(r->by, who) || slice_ieq(r->by, r->address);
	if ((r->state == QUARANTINE_DELETED || r->state == QUARANTINE_ASKED) && own)
		return true;
	return deny("only what you did yourself can be taken back", "只能撤销您自己的操作", en, zh);
}

static bool recipient_may(const struct quarantine_conf *c, const struct quarantine_actor *who,
	enum quarantine_verb verb, const struct quarantine_msg *m, const struct quarantine_rcpt *r,
	const char **en, const char **zh)
{
	bool visible = r && r->state != QUARANTINE_DISCARDED &&
		       (m->kind == QUARANTINE_HELD || m->kind == QUARANTINE_REJECTED);
	if (!visible)
		return deny("there is no such message for you", "没有您的这封邮件", en, zh);
	if (verb == QUARANTINE_UNDO)
		return may_undo(r, who->name, en, zh);
	if (verb & (QUARANTINE_APPROVE_IT | QUARANTINE_REFUSE_IT))
		return deny("only those who are asked for approval can decide on it",
			"只有指定的审批人可以决定", en, zh);
	if ((verb & (QUARANTINE_ALLOW | QUARANTINE_BLOCK)) && !c->allow_senders)
		return deny("lists of senders are kept by your administrator",
			"发件人名单由管理员维护", en, zh);
	if (!(c->may[m->class] & verb))
		return deny("mail of this class can be dealt with by your administrator only",
			"这类邮件只能由管理员处理", en, zh);
	return true;
}

bool quarantine_may(const struct quarantine_conf *c, const struct quarantine_actor *who,
	enum quarantine_verb verb, const struct quarantine_msg *m, const struct quarantine_rcpt *r,
	const char **ret_en, const char **ret_zh)
{
	switch (who->role) {
	case QUARANTINE_ADMIN:
		return true;
	case QUARANTINE_APPROVER:
		return approver_may(verb, m, who->name, ret_en, ret_zh);
	case QUARANTINE_RECIPIENT:
		return recipient_may(c, who, verb, m, r, ret_en, ret_zh);
	}
	return deny("not allowed", "不允许", ret_en, ret_zh);
}

/* For all recipients that are meant. */
static int check(const struct quarantine_hands *h, const struct quarantine_request *r,
	const struct quarantine_msg *m, struct err *e)
{
	const char *en = "", *zh = "";
	bool found = false;
	if (r->who.role == QUARANTINE_RECIPIENT && r->idx < 0)
		return err_set(e, ERR_DENIED, "a recipient acts for himself alone");
	for (size_t i = 0; i < m->nrcpts; i++) {
		if (r->idx >= 0 && m->rcpts[i].idx != r->idx)
			continue;
		found = true;
		if (!quarantine_may(h->conf, &r->who, r->verb, m, &m->rcpts[i], &en, &zh))
			return err_set(e, ERR_DENIED, "%s", en);
	}
	return found ? 0 : err_set(e, ERR_NOTFOUND, "no such recipient in quarantine");
}

/* ---- what was said ---- */

bool quarantine_told_sender(const struct quarantine_msg *m)
{
	AUTO(arena) struct arena a = {0};
	slice log = m->msg.log, event, fields, key, value;
	int64_t wall;
	while (trace_next_event(&log, &wall, &event, &fields))
		while (slice_eq(event, S("told")) && trace_field(&fields, &a, &key, &value))
			if (slice_eq(key, S("sender")))
				return true;
	return false;
}

slice quarantine_sender_of(const struct quarantine_msg *m)
{
	size_t open = slice_rindex(m->from, '<'), close = slice_rindex(m->from, '>');
	slice address = open < close && close < m->from.n
				? slice_of(m->from.p + open + 1, close - open - 1)
				: m->from;
	bool good = slice_index(address, '@') < address.n && slice_index(address, ' ') == address.n;
	return good ? slice_trim(address) : m->msg.sender;
}

static int tell(const struct quarantine_hands *h, const struct quarantine_request *r,
	enum notice_kind kind, slice to, struct arena *a, struct err *e)
{
	AUTO(buf) struct buf data = BUF(NOTICE_DATA_MAX);
	buf_put(&data, S("{\"by\": \""));
	for (size_t i = 0; i < r->who.name.n && i < 300; i++) {
		char c = r->who.name.p[i];
		if (c == '"' || c == '\\')
			buf_byte(&data, '\\');
		if ((unsigned char)c >= ' ')
			buf_byte(&data, c);
	}
	buf_put(&data, S("\"}"));
	/* Asked, taken back, asked again: the administrator hears it once an hour. */
	bool once = kind == NOTICE_RELEASE_ASKED;
	struct notice n = {.kind = kind,
		.to = to,
		.about = r->id,
		.idx = r->idx,
		.key = once ? arena_printf(a, "asked %" PRId64 " %d", r->id, r->idx) : S(""),
		.data = arena_dup(a, buf_slice(&data)),
		.at = r->now};
	if (notice_add_tx(h->queue_db, &n, e) == 0)
		return 0;
	return e->kind == ERR_LIMIT ? 0
				    : -1; /* too long for a letter: the deed is done without it */
}

/* The end of waiting for approval, for the sender who was told that it waits; one of ours is always told of
 * a no. */
static int tell_sender(const struct quarantine_hands *h, const struct quarantine_request *r,
	const struct quarantine_msg *m, struct arena *a, struct err *e)
{
	bool yes = r->verb == QUARANTINE_APPROVE_IT;
	bool ours = m->msg.auth.n || (m->msg.flags & MSG_SUBMITTED);
	if (!m->msg.sender.n || !(quarantine_told_sender(m) || (ours && !yes)))
		return 0;
	return tell(h, r, yes ? NOTICE_APPROVED : NOTICE_REFUSED, m->msg.sender, a, e);
}

/* ---- the deeds ---- */

/* "X-Posthouse-Released: 1795309870; by=alice; id=...": who, when, what; ASCII whatever the name is. */
static slice released_field(const struct quarantine_request *r, struct arena *a)
{
	char id[MSG_ID_TEXT], when[TIME_ISO_MAX];
	size_t n = time_iso(r->now, when);
	AUTO(buf) struct buf by = BUF(300);
	slice name = slice_first(r->who.name, 200);
	for (size_t i = 0; i < name.n; i++) {
		char c = name.p[i];
		buf_byte(&by, c > ' ' && c < 0x7f && c != ';' && c != '"' ? c : '?');
	}
	msg_id_print(r->id, id);
	return arena_printf(a, "X-Posthouse-Released: %.*s; by=%.*s; id=%s\r\n", (int)n, when,
		SFMT(buf_slice(&by)), id);
}

static int release(const struct quarantine_hands *h, const struct quarantine_request *r,
	struct arena *a, struct quarantine_outcome *o, struct err *e)
{
	struct quarantine_release q = {.id = r->id,
		.idx = r->idx,
		.as = msg_id_new(),
		.by = r->who.name,
		.field = released_field(r, a),
		.now = r->now,
		.lifetime = h->lifetime ? h->lifetime : USUAL_LIFETIME,
		.to = r->to,
		.to_dest = r->to_dest,
		.copy = r->copy};
	if (quarantine_release_tx(h->queue_db, &q, a, &o->queued, e) == 0) {
		o->done.changed = (unsigned)o->queued.nrcpts;
		o->done.released_as = q.as;
		return 0;
	}
	o->queued.id = 0;
	if (e->kind != ERR_EXISTS)
		return -1;
	o->done.already = true;
	for (size_t i = 0; i < o->m.nrcpts; i++)
		if (o->m.rcpts[i].state == QUARANTINE_RELEASED &&
			(r->idx < 0 || o->m.rcpts[i].idx == r->idx))
			o->done.released_as = o->m.rcpts[i].released_as;
	return 0;
}

static int change(const struct quarantine_hands *h, const struct quarantine_request *r,
	enum quarantine_state to, struct quarantine_outcome *o, struct err *e)
{
	int64_t n = quarantine_change_tx(h->queue_db, r->id, r->idx, to, r->who.name, r->now, e);
	if (n < 0)
		return -1;
	o->done.changed = (unsigned)n;
	o->done.already = n == 0;
	return 0;
}

/* Looking is written down, too: who saw other people's mail. */
static int look(const struct quarantine_hands *h, const struct quarantine_request *r, struct err *e)
{
	const char *event = r->verb == QUARANTINE_DOWNLOAD ? "downloaded" : "viewed";
	return quarantine_note_tx(
		h->queue_db, r->id, r->idx, event, r->who.name, (slice){0}, r->now, e);
}

static int undo(const struct quarantine_hands *h, const struct quarantine_request *r,
	struct quarantine_outcome *o, struct err *e)
{
	int64_t back = quarantine_recall_tx(
		h->queue_db, r->id, r->idx, QUARANTINE_WAITS, r->who.name, r->now, e);
	if (back < 0 && e->kind != ERR_PERM)
		return -1;
	int r2 = change(h, r, QUARANTINE_WAITS, o, e);
	if (r2 < 0 && (e->kind != ERR_PERM || back <= 0))
		return -1;
	o->done.changed += back > 0 ? (unsigned)back : 0;
	o->done.already = o->done.already && back <= 0;
	return 0;
}

static int do_it(const struct quarantine_hands *h, const struct quarantine_request *r,
	struct arena *a, struct quarantine_outcome *o, struct err *e)
{
	switch (r->verb) {
	case QUARANTINE_RELEASE:
	case QUARANTINE_ALLOW:
		return release(h, r, a, o, e);
	case QUARANTINE_BLOCK:
	case QUARANTINE_DELETE:
		return change(h, r, QUARANTINE_DELETED, o, e);
	case QUARANTINE_ASK:
		if (change(h, r, QUARANTINE_ASKED, o, e) < 0)
			return -1;
		return o->done.changed ? tell(h, r, NOTICE_RELEASE_ASKED, S(""), a, e) : 0;
	case QUARANTINE_APPROVE_IT:
		if (release(h, r, a, o, e) < 0)
			return -1;
		return o->done.changed ? tell_sender(h, r, &o->m, a, e) : 0;
	case QUARANTINE_REFUSE_IT:
		if (change(h, r, QUARANTINE_REFUSED, o, e) < 0)
			return -1;
		return o->done.changed ? tell_sender(h, r, &o->m, a, e) : 0;
	case QUARANTINE_UNDO:
		return undo(h, r, o, e);
	case QUARANTINE_PREVIEW:
	case QUARANTINE_HEADERS:
	case QUARANTINE_DOWNLOAD:
		return look(h, r, e);
	}
	return err_set(e, ERR_BUG, "no such deed");
}

/* What the deed with this number changed: the recipients whose state is another one now. */
static int remember(const struct quarantine_hands *h, const struct quarantine_request *r,
	const struct quarantine_outcome *o, struct arena *a, struct err *e)
{
	struct quarantine_msg now;
	if (!r->deed || !o->done.changed || r->copy)
		return 0;
	if (quarantine_load(h->queue_db, r->id, a, &now, e) < 0)
		return -1;
	for (size_t i = 0; i < o->m.nrcpts && i < now.nrcpts; i++)
		if (now.rcpts[i].state != o->m.rcpts[i].state &&
			quarantine_deed_item_tx(h->queue_db, r->deed, r->id, o->m.rcpts[i].idx,
				o->m.rcpts[i].state, e) < 0)
			return -1;
	return 0;
}

int quarantine_act_tx(const struct quarantine_hands *h, const struct quarantine_request *r,
	struct arena *a, struct quarantine_outcome *ret, struct err *e)
{
	*ret = (struct quarantine_outcome){0};
	if (quarantine_load(h->queue_db, r->id, a, &ret->m, e) < 0 || check(h, r, &ret->m, e) < 0)
		return -1;
	if (do_it(h, r, a, ret, e) < 0)
		return -1;
	return remember(h, r, ret, a, e);
}

int quarantine_act(const struct quarantine_hands *h, const struct quarantine_actor *who,
	enum quarantine_verb verb, msg_id id, int32_t idx, bool teach, struct arena *a,
	struct quarantine_done *ret, struct err *e)
{
	const struct quarantine_request r = {
		.who = *who, .verb = verb, .id = id, .idx = idx, .teach = teach, .now = wall_now()};
	struct quarantine_outcome o;
	if (sql_begin(h->queue_db, e) < 0)
		return -1;
	if (quarantine_act_tx(h, &r, a, &o, e) < 0) {
		sql_rollback(h->queue_db);
		return -1;
	}
	if (sql_commit(h->queue_db, e) < 0)
		return -1;
	quarantine_act_after(h, &r, &o, a);
	*ret = o.done;
	return 0;
}
