/*
 * Looking again at what the quarantine has (keeper_again_impl.h): held mail becomes of class virus; of mail of backends, of which
 * it has a copy, the administrator is told: the event, then class and notice in one transaction. Events are not repeated.
 */
#include "bin/keeper_again_impl.h"

#include "base/mem.h"
#include "run/log.h"

struct ids {
	msg_id v[AGAIN_AT_ONCE];
	size_t n;
};

static bool take_id(void *arg, const struct quarantine_row *r)
{
	struct ids *ids = arg;
	bool waits = r->state == QUARANTINE_WAITS || r->state == QUARANTINE_ASKED;
	if (waits && r->class != QUARANTINE_VIRUS && (!ids->n || ids->v[ids->n - 1] != r->id))
		ids->v[ids->n++] = r->id;
	return ids->n < AGAIN_AT_ONCE;
}

static int list_kept(struct again *g, void *arg, struct err *e)
{
	const struct quarantine_filter f = {
		.kind = g->phase == PHASE_HELD ? QUARANTINE_HELD : QUARANTINE_RECENT,
		.class = -1,
		.state = -1,
		.direction = -1};
	const struct quarantine_order o = {.cursor = &g->cursor};
	return quarantine_list(g->queue, &f, &o, UINT64_MAX, take_id, arg, e);
}

struct held {
	msg_id id;
	struct arena *a;
	struct quarantine_msg m;
	slice virus;
};

static int load_held(struct again *g, void *arg, struct err *e)
{
	struct held *h = arg;
	return quarantine_load(g->queue, h->id, h->a, &h->m, e);
}

/* Who has it, and since when. */
static int alarm_recent(struct sql *db, const struct held *h, struct err *e)
{
	const struct quarantine_msg *m = &h->m;
	slice lines[NOTICE_ALARM_LINES_MAX];
	size_t n = 0;
	char at[TIME_RFC5322_MAX];
	slice when = slice_of(at, time_rfc5322(m->msg.arrived_at, at));
	lines[n++] = h->virus;
	lines[n++] = arena_printf(h->a, "%.*s: %.*s", SFMT(m->from.n ? m->from : m->msg.sender),
		SFMT(m->msg.subject));
	for (size_t i = 0; i < m->nrcpts && n < NOTICE_ALARM_LINES_MAX - 1; i++)
		lines[n++] =
			arena_printf(h->a, "%.*s, %.*s", SFMT(m->rcpts[i].address), SFMT(when));
	size_t more = m->nrcpts - (n - 2);
	if (more)
		lines[n++] = arena_printf(h->a, "+ %zu", more);
	const struct notice_alarm w = {
		.what_en = S("A virus was found in mail that was delivered to another server"),
		.what_zh = S("在已投递到后端服务器的邮件中发现病毒"),
		.why_en = S("Virus engines have new signatures and looked at recent mail again."),
		.why_zh = S("病毒引擎更新了病毒库，重新检查了近期邮件。"),
		.done_en = S("The copy in the quarantine is of class virus now. The message itself "
			     "is where it was delivered."),
		.done_zh = S("隔离区中的副本已归入病毒类。邮件本身仍在后端服务器上。"),
		.todo_en = S("Remove it from the mailboxes of its recipients, and ask them whether "
			     "it was opened."),
		.todo_zh = S("请从收件人邮箱中删除该邮件，并询问收件人是否已打开。"),
		.lines = lines,
		.nlines = n};
	return again_alarm(db, &w, h->id, h->a, e);
}

static int reclass(struct sql *db, void *arg, struct err *e)
{
	const struct held *h = arg;
	if (quarantine_reclass_tx(db, h->id, QUARANTINE_VIRUS, h->virus, AGAIN_WHO, wall_now(), e) <
		0)
		return -1;
	return h->m.kind == QUARANTINE_RECENT ? alarm_recent(db, h, e) : 0;
}

static int change_held(struct again *g, void *arg, struct err *e)
{
	const struct held *h = arg;
	for (size_t i = 0; i < h->m.nrcpts && h->m.kind == QUARANTINE_RECENT; i++) {
		const struct quarantine_rcpt *r = &h->m.rcpts[i];
		if (again_say_infected(g, r->released_as, r->idx, h->virus, "backend", e) < 0)
			return -1;
	}
	return again_in_transaction(g->queue, reclass, arg, e);
}

static int look_at_held(struct again *g, msg_id id, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	struct held h = {.id = id, .a = &a};
	instant began = instant_now();
	if (again_step(g, load_held, &h, e) < 0)
		return e->kind == ERR_NOTFOUND ? 0 : -1;
	int r = again_look_at(g, &h.m.msg, &a, &h.virus, e);
	if (r < 0)
		return -1;
	if (r > 0) {
		again_found();
		if (again_step(g, change_held, &h, e) < 0 && e->kind != ERR_NOTFOUND)
			return -1;
		char id_text[MSG_ID_TEXT];
		msg_id_print(id, id_text);
		log_warn(NULL, h.m.kind == QUARANTINE_RECENT ? "again.recent" : "again.held",
			F("id", (const char *)id_text), F("virus", h.virus));
	}
	return again_rest(began, e);
}

int again_kept(struct again *g, struct err *e)
{
	for (;;) {
		struct ids ids = {.n = 0};
		AUTO(buf) struct buf before = BUF(AGAIN_STATE_MAX);
		buf_put(&before, buf_slice(&g->cursor));
		if (again_step(g, list_kept, &ids, e) < 0)
			return -1;
		for (size_t i = 0; i < ids.n; i++)
			if (look_at_held(g, ids.v[i], e) < 0) {
				buf_reset(&g->cursor); /* these once more */
				buf_put(&g->cursor, buf_slice(&before));
				return -1;
			}
		again_write_state(g);
		if (ids.n < AGAIN_AT_ONCE)
			return 0;
	}
}
