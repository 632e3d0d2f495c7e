/*
 * Looking again at what was delivered (keeper_again_impl.h). Order of a move out of a mailbox: the event in the trace of what was
 * delivered; the quarantine's row with the notice, in one transaction; then the mailbox's row goes. Killed in between, the
 * message is found there again, known by origin and recipient, and only taken out.
 */
#include "bin/keeper_again_impl.h"

#include "base/mem.h"
#include "codec/header.h"
#include "mail/letter.h"
#include "policy/policy.h"
#include "run/log.h"
#include "store/changes.h"
#include "store/directory.h"

enum { IDS_TRIES = 10 };

struct delivered {
	struct mailbox_recent m;
	struct mailbox_mark mark;
	msg_id oldest;
	struct arena *a;
	bool any;
	struct account account;
	slice virus, head;
	bool there; /* the quarantine has it already */
};

static int next_delivered(struct again *g, void *arg, struct err *e)
{
	struct delivered *d = arg;
	int r = mailbox_next_recent(g->shards[g->shard], d->oldest, &d->mark, d->a, &d->m, e);
	d->any = r > 0;
	return r < 0 ? -1 : 0;
}

static bool is_ours(void *arg, const struct quarantine_row *r)
{
	struct delivered *d = arg;
	d->there |= slice_eq(r->policy, AGAIN_WHO) && slice_ieq(r->rcpt, d->account.address);
	return !d->there;
}

/* What delivery put on top is not part of what came. */
static slice arrived_prefix(slice prefix)
{
	slice rest = prefix, before = prefix;
	struct header_field f;
	while (header_next(&rest, &f) &&
		(slice_ieq(f.name, S("Return-Path")) || slice_ieq(f.name, S("Delivered-To"))))
		before = rest;
	return before;
}

static slice return_path(slice prefix)
{
	struct header_field f;
	while (header_next(&prefix, &f))
		if (slice_ieq(f.name, S("Return-Path"))) {
			slice v = slice_trim(f.value);
			return v.n >= 2 && v.p[0] == '<' ? slice_of(v.p + 1, v.n - 2) : v;
		}
	return S("");
}

static int add_notice(struct sql *db, const struct delivered *d, msg_id id, struct err *e)
{
	slice lines[2] = {d->account.address, d->virus};
	const struct notice_alarm w = {
		.what_en = S("A virus was found in mail that was delivered already"),
		.what_zh = S("在已投递的邮件中发现病毒"),
		.why_en = S("Virus engines have new signatures and looked at recent mail again."),
		.why_zh = S("病毒引擎更新了病毒库，重新检查了近期邮件。"),
		.done_en = S("The message was moved from the mailbox into the quarantine."),
		.done_zh = S("邮件已从邮箱移入隔离区。"),
		.todo_en = S("Ask its recipient whether it was opened."),
		.todo_zh = S("请询问收件人是否已打开该邮件。"),
		.lines = lines,
		.nlines = 2};
	return again_alarm(db, &w, id, d->a, e);
}

static int add_row(struct again *g, const struct delivered *d, msg_id id, struct err *e)
{
	struct header_summary h;
	struct quarantine_rcpt rcpt = {.address = d->account.address};
	int64_t now = wall_now();
	header_summarize(d->head, d->a, &h);
	struct quarantine_msg q = {.msg = {.id = id,
					   .sender = return_path(d->m.prefix),
					   .blob = d->m.blob,
					   .size = d->m.size - d->m.prefix.n,
					   .prefix = arrived_prefix(d->m.prefix),
					   .arrived_at = d->m.received_at,
					   .message_id = h.message_id,
					   .subject = h.subject},
		.origin = d->m.mark.queue_id,
		.kind = QUARANTINE_HELD,
		.class = QUARANTINE_VIRUS,
		.direction = POLICY_IN,
		.probability = 1,
		.from = h.from_value,
		.policy = AGAIN_WHO,
		.virus = d->virus,
		.held_at = now,
		.expires_at =
			quarantine_expires_at(&g->held, QUARANTINE_HELD, QUARANTINE_VIRUS, now),
		.rcpts = &rcpt,
		.nrcpts = 1};
	return quarantine_add_tx(g->queue, &q, e);
}

/* Ids are made by several processes: one that is taken costs another try. */
static int hold_delivered(struct again *g, void *arg, struct err *e)
{
	struct delivered *d = arg;
	const struct quarantine_filter f = {.origin = d->m.mark.queue_id,
		.kind = QUARANTINE_HELD,
		.class = -1,
		.state = -1,
		.direction = -1};
	if (again_say_infected(g, d->m.mark.queue_id, d->m.mark.rcpt_idx, d->virus, "mailbox", e) <
			0 ||
		quarantine_list(g->queue, &f, NULL, UINT64_MAX, is_ours, d, e) < 0)
		return -1;
	for (int i = 0; i < IDS_TRIES && !d->there; i++) {
		msg_id id = msg_id_new();
		if (sql_begin(g->queue, e) < 0)
			return -1;
		if (add_row(g, d, id, e) == 0 && add_notice(g->queue, d, id, e) == 0)
			return sql_commit(g->queue, e);
		sql_rollback(g->queue);
		if (e->kind != ERR_EXISTS)
			return -1;
	}
	return d->there ? 0 : -1;
}

static int take_out(struct sql *db, void *arg, struct err *e)
{
	static const struct mailbox_actor by = {.who = {"keeper", 6}, .protocol = {"again", 5}};
	return mailbox_take_tx(db, &((struct delivered *)arg)->m, &by, e);
}

static int take_delivered(struct again *g, void *arg, struct err *e)
{
	int r = again_in_transaction(g->shards[g->shard], take_out, arg, e);
	if (r == 0)
		changes_tell(g->changes, ((struct delivered *)arg)->m.mark.account_id);
	return r < 0 && e->kind == ERR_NOTFOUND ? 0 : r;
}

static int find_account(struct again *g, void *arg, struct err *e)
{
	struct delivered *d = arg;
	return directory_account_by_id(g->directory, d->m.mark.account_id, d->a, &d->account, e);
}

static int read_head(struct again *g, struct delivered *d, const struct queue_msg *m, struct err *e)
{
	AUTO(buf) struct buf head = BUF(2 * HEADER_SUMMARY_MAX);
	struct queue_msg bare = *m;
	bare.prefix = S("");
	if (letter_read(g->blobs, &bare, HEADER_SUMMARY_MAX, true, &head, e) < 0)
		return -1;
	d->head = arena_dup(d->a, buf_slice(&head));
	return 0;
}

static int move_out(struct again *g, struct delivered *d, const struct queue_msg *m, struct err *e)
{
	if (again_step(g, find_account, d, e) < 0)
		return e->kind == ERR_NOTFOUND ? 0 : -1; /* the account is being removed */
	if (read_head(g, d, m, e) < 0 || again_step(g, hold_delivered, d, e) < 0 ||
		again_step(g, take_delivered, d, e) < 0)
		return -1;
	again_found();
	char id[MSG_ID_TEXT];
	msg_id_print(d->m.mark.queue_id, id);
	log_warn(NULL, "again.delivered", F("id", (const char *)id), F("rcpt", d->account.address),
		F("virus", d->virus));
	return 0;
}

/* Whoever released it as a virus knew what engines say of it. */
static int was_released(struct again *g, void *arg, struct err *e)
{
	struct delivered *d = arg;
	slice prefix = d->m.prefix;
	struct header_field f;
	while (header_next(&prefix, &f)) {
		struct quarantine_msg held;
		msg_id id;
		size_t at = slice_find(f.value, S("; id="));
		if (!slice_ieq(f.name, S("X-Posthouse-Released")) || at == f.value.n ||
			!msg_id_parse(slice_trim(slice_skip(f.value, at + 5)), &id))
			continue;
		if (quarantine_load(g->queue, id, d->a, &held, e) < 0)
			return e->kind == ERR_NOTFOUND ? 0 : -1;
		for (size_t i = 0; i < held.nrcpts; i++)
			d->there |= held.class == QUARANTINE_VIRUS &&
				    held.rcpts[i].released_as == d->m.mark.queue_id;
	}
	return 0;
}

/* 1: there was one, 0: no more in this shard. */
static int look_at_next(struct again *g, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	struct delivered d = {
		.mark = g->mark, .oldest = msg_id_floor(wall_now() - g->conf.again), .a = &a};
	instant began = instant_now();
	if (again_step(g, next_delivered, &d, e) < 0)
		return -1;
	if (!d.any)
		return 0;
	const struct queue_msg m = {.blob = d.m.blob, .size = d.m.size - d.m.prefix.n};
	int r = again_look_at(g, &m, &a, &d.virus, e);
	if (r < 0 || (r > 0 && again_step(g, was_released, &d, e) < 0) ||
		(r > 0 && !d.there && move_out(g, &d, &m, e) < 0))
		return -1;
	g->mark = d.mark;
	return again_rest(began, e) < 0 ? -1 : 1;
}

int again_mailboxes(struct again *g, struct err *e)
{
	for (; g->shard < MAILBOX_SHARDS; g->shard++, g->mark = (struct mailbox_mark){0}) {
		unsigned n = 0;
		int r = 1;
		while (r > 0) {
			r = g->conf.again ? look_at_next(g, e) : 0;
			if (++n % AGAIN_AT_ONCE == 0 || r <= 0)
				again_write_state(g);
		}
		if (r < 0)
			return -1;
	}
	return 0;
}
