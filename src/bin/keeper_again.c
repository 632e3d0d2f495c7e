/*
 * Looking at mail again (keeper_again.h). Called by keeper.c. Order of a move out of a mailbox: the event in the
 * trace of what was delivered; the quarantine's row with the notice, in one transaction; then the mailbox's row
 * goes. Killed in between, the message is found there again, known by origin and recipient, and only taken out.
 * Mail of backends: the event, then class and notice in one transaction. Events are not repeated.
 */
#include "bin/keeper_again.h"

#include "base/cur.h"
#include "base/mem.h"
#include "bin/config.h"
#include "codec/header.h"
#include "mail/letter.h"
#include "mail/notice.h"
#include "policy/policy.h"
#include "run/co.h"
#include "run/log.h"
#include "run/memfile.h"
#include "run/metrics.h"
#include "run/pool.h"
#include "store/changes.h"
#include "store/directory.h"
#include "store/mailbox.h"
#include "store/trace.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>

METRIC_COUNTER(looked, "posthouse_engine_again_total", "", "Messages that were looked at again.");
METRIC_COUNTER(found, "posthouse_engine_again_infected_total", "",
	"Messages in which a virus was found when they were looked at again.");

enum { IDS_AT_ONCE = 20, STATE_MAX = 2048, IDS_TRIES = 10, LETTER_MAX = 1 << 30 };
#define PAUSE_LEAST (10 * MSEC)
#define ASK_TIME (2 * MINUTE)
#define WHO S("engines")

enum phase { PHASE_HELD, PHASE_RECENT, PHASE_MAILBOXES, PHASE_DONE };

struct again {
	slice data;
	struct arena mem;
	struct engines *engines;
	struct cond woken;
	struct engines_conf conf;
	struct quarantine_conf held;
	struct blobs *blobs;
	struct sql *queue, *directory, *trace, *shards[MAILBOX_SHARDS];
	struct changes *changes;
	/* State, as kept in the file. */
	uint64_t version;
	enum phase phase;
	int shard;
	struct mailbox_mark mark;
	struct buf cursor; /* of held and of recent mail */
};

/* ---- where it stands ---- */

static const char *state_path(slice data, struct arena *a, const char *more)
{
	return arena_strz(a, arena_printf(a, "%.*s/db/engines.again%s", SFMT(data), more));
}

static void read_state(struct again *g)
{
	AUTO(arena) struct arena a = {0};
	char bytes[STATE_MAX];
	AUTO(fd) int fd = open(state_path(g->data, &a, ""), O_RDONLY | O_CLOEXEC);
	ssize_t n = fd >= 0 ? read(fd, bytes, sizeof bytes) : 0;
	struct cur c = cur_of(slice_of(bytes, n > 0 ? (size_t)n : 0));
	uint64_t version = cur_u64(&c);
	unsigned phase = cur_u8(&c), shard = cur_u8(&c);
	struct mailbox_mark mark = {
		(int64_t)cur_u64(&c), (msg_id)cur_u64(&c), (int32_t)cur_u32(&c)};
	slice cursor = cur_str(&c);
	bool good = cur_ok(&c) && phase <= PHASE_DONE && shard <= MAILBOX_SHARDS;
	g->version = good ? version : 0;
	g->phase = good ? (enum phase)phase : PHASE_HELD;
	g->shard = good ? (int)shard : 0;
	g->mark = good ? mark : (struct mailbox_mark){0};
	buf_reset(&g->cursor);
	buf_put(&g->cursor, good ? cursor : S(""));
}

/* What is lost of it costs work, not mail. */
static void write_state(const struct again *g)
{
	AUTO(arena) struct arena a = {0};
	AUTO(buf) struct buf out = BUF(STATE_MAX);
	buf_u64(&out, g->version);
	buf_u8(&out, (uint8_t)g->phase);
	buf_u8(&out, (uint8_t)g->shard);
	buf_u64(&out, (uint64_t)g->mark.account_id);
	buf_u64(&out, (uint64_t)g->mark.queue_id);
	buf_u32(&out, (uint32_t)g->mark.rcpt_idx);
	buf_str(&out, buf_slice(&g->cursor));
	const char *fresh = state_path(g->data, &a, ".new");
	AUTO(fd) int fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0 || !buf_ok(&out) || write(fd, out.p, out.n) != (ssize_t)out.n ||
		rename(fresh, state_path(g->data, &a, "")) < 0)
		log_warn(NULL, "again.state", F("errno", errno));
}

int again_forget(slice data, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	if (unlink(state_path(data, &a, "")) < 0 && errno != ENOENT)
		return err_sys(e, errno, "%s", state_path(data, &a, ""));
	return 0;
}

static void begin(struct again *g, uint64_t version)
{
	g->version = version;
	g->phase = PHASE_HELD;
	g->shard = 0;
	g->mark = (struct mailbox_mark){0};
	buf_reset(&g->cursor);
	write_state(g);
	log_info(NULL, "again.begin", F("version", version));
}

/* ---- asking ---- */

/* 1 infected, 0 clean, -1: not now. */
static int look_at(struct again *g, const struct queue_msg *m, struct arena *a, slice *ret_virus,
	struct err *e)
{
	AUTO(buf) struct buf bytes = BUF(LETTER_MAX);
	struct queue_msg bare = *m;
	struct engines_answer w;
	bare.prefix = S("");
	if (m->size >= LETTER_MAX)
		return 0; /* nothing takes one so large */
	if (letter_read(g->blobs, &bare, SIZE_MAX, false, &bytes, e) < 0)
		return e->kind == ERR_TEMP ? -1 : 0;
	AUTO(fd) int fd = memfile_of("message", buf_slice(&bytes), e);
	if (fd < 0)
		return -1;
	const struct engines_asked q = {.purpose = ENGINE_AGAIN,
		.fd = fd,
		.size = bytes.n,
		.name = S("message.eml"),
		.deadline = instant_in(ASK_TIME)};
	engines_ask(g->engines, &q, a, &w);
	metric_add(&looked, 1);
	*ret_virus = w.virus;
	if (w.infected)
		return 1;
	return w.failed.n ? err_set(e, ERR_TEMP, "%.*s", SFMT(slice_first(w.failed, 200))) : 0;
}

/* Half of the time belongs to others. */
static int rest(instant began, struct err *e)
{
	int64_t took = instant_now() - began;
	return co_sleep(instant_in(took > PAUSE_LEAST ? took : PAUSE_LEAST), e);
}

/* ---- a step in the pool ---- */

struct step {
	struct again *g;
	int (*fn)(struct again *g, void *arg, struct err *e);
	void *arg;
	int result;
	struct err *e;
};

static void run_step(void *arg)
{
	struct step *s = arg;
	s->result = s->fn(s->g, s->arg, s->e);
}

static int step(struct again *g, int (*fn)(struct again *g, void *arg, struct err *e), void *arg,
	struct err *e)
{
	struct step s = {g, fn, arg, 0, e};
	pool_call(run_step, &s);
	return s.result;
}

/* ---- what is said about it ---- */

static int in_transaction(struct sql *db, int (*fn)(struct sql *db, void *arg, struct err *e),
	void *arg, struct err *e)
{
	if (sql_begin(db, e) < 0)
		return -1;
	if (fn(db, arg, e) == 0)
		return sql_commit(db, e);
	sql_rollback(db);
	return -1;
}

struct saying {
	msg_id id;
	int32_t idx;
	slice log;
};

static int say_tx(struct sql *db, void *arg, struct err *e)
{
	const struct saying *s = arg;
	return trace_note_tx(db, s->id, s->idx, s->log, e);
}

/* In the timeline of what was delivered. What has not ended, or long ago, has none. */
static int say_infected(
	struct again *g, msg_id id, int32_t idx, slice virus, const char *where, struct err *e)
{
	AUTO(buf) struct buf log = BUF(TRACE_LOG_MAX);
	trace_event(&log, wall_now(), "infected", "virus", virus, "where", slice_z(where), "by",
		WHO, NULL);
	struct saying s = {id, idx, buf_slice(&log)};
	return in_transaction(g->trace, say_tx, &s, e) < 0 && e->kind != ERR_NOTFOUND ? -1 : 0;
}

static int add_alarm(
	struct sql *db, const struct notice_alarm *w, msg_id about, struct arena *a, struct err *e)
{
	const struct notice n = {.kind = NOTICE_ALARM,
		.about = about,
		.idx = 0,
		.data = notice_alarm_data(w, a),
		.at = wall_now()};
	return notice_add_tx(db, &n, e) < 0 && e->kind != ERR_TEMP ? -1 : 0;
}

/* ---- what the quarantine has: held mail, and that of backends ---- */

struct ids {
	msg_id v[IDS_AT_ONCE];
	size_t n;
};

static bool take_id(void *arg, const struct quarantine_row *r)
{
	struct ids *ids = arg;
	bool waits = r->state == QUARANTINE_WAITS || r->state == QUARANTINE_ASKED;
	if (waits && r->class != QUARANTINE_VIRUS && (!ids->n || ids->v[ids->n - 1] != r->id))
		ids->v[ids->n++] = r->id;
	return ids->n < IDS_AT_ONCE;
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
	return add_alarm(db, &w, h->id, h->a, e);
}

static int reclass(struct sql *db, void *arg, struct err *e)
{
	const struct held *h = arg;
	if (quarantine_reclass_tx(db, h->id, QUARANTINE_VIRUS, h->virus, WHO, wall_now(), e) < 0)
		return -1;
	return h->m.kind == QUARANTINE_RECENT ? alarm_recent(db, h, e) : 0;
}

static int change_held(struct again *g, void *arg, struct err *e)
{
	const struct held *h = arg;
	for (size_t i = 0; i < h->m.nrcpts && h->m.kind == QUARANTINE_RECENT; i++) {
		const struct quarantine_rcpt *r = &h->m.rcpts[i];
		if (say_infected(g, r->released_as, r->idx, h->virus, "backend", e) < 0)
			return -1;
	}
	return in_transaction(g->queue, reclass, arg, e);
}

static int look_at_held(struct again *g, msg_id id, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	struct held h = {.id = id, .a = &a};
	instant began = instant_now();
	if (step(g, load_held, &h, e) < 0)
		return e->kind == ERR_NOTFOUND ? 0 : -1;
	int r = look_at(g, &h.m.msg, &a, &h.virus, e);
	if (r < 0)
		return -1;
	if (r > 0) {
		metric_add(&found, 1);
		if (step(g, change_held, &h, e) < 0 && e->kind != ERR_NOTFOUND)
			return -1;
		char id_text[MSG_ID_TEXT];
		msg_id_print(id, id_text);
		log_warn(NULL, h.m.kind == QUARANTINE_RECENT ? "again.recent" : "again.held",
			F("id", (const char *)id_text), F("virus", h.virus));
	}
	return rest(began, e);
}

static int go_through_kept(struct again *g, struct err *e)
{
	for (;;) {
		struct ids ids = {.n = 0};
		AUTO(buf) struct buf before = BUF(STATE_MAX);
		buf_put(&before, buf_slice(&g->cursor));
		if (step(g, list_kept, &ids, e) < 0)
			return -1;
		for (size_t i = 0; i < ids.n; i++)
			if (look_at_held(g, ids.v[i], e) < 0) {
				buf_reset(&g->cursor); /* these once more */
				buf_put(&g->cursor, buf_slice(&before));
				return -1;
			}
		write_state(g);
		if (ids.n < IDS_AT_ONCE)
			return 0;
	}
}

/* ---- mailboxes ---- */

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
	d->there |= slice_eq(r->policy, WHO) && slice_ieq(r->rcpt, d->account.address);
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
	return add_alarm(db, &w, id, d->a, e);
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
		.policy = WHO,
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
	if (say_infected(g, d->m.mark.queue_id, d->m.mark.rcpt_idx, d->virus, "mailbox", e) < 0 ||
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
	int r = in_transaction(g->shards[g->shard], take_out, arg, e);
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
	if (step(g, find_account, d, e) < 0)
		return e->kind == ERR_NOTFOUND ? 0 : -1; /* the account is being removed */
	if (read_head(g, d, m, e) < 0 || step(g, hold_delivered, d, e) < 0 ||
		step(g, take_delivered, d, e) < 0)
		return -1;
	metric_add(&found, 1);
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
	if (step(g, next_delivered, &d, e) < 0)
		return -1;
	if (!d.any)
		return 0;
	const struct queue_msg m = {.blob = d.m.blob, .size = d.m.size - d.m.prefix.n};
	int r = look_at(g, &m, &a, &d.virus, e);
	if (r < 0 || (r > 0 && step(g, was_released, &d, e) < 0) ||
		(r > 0 && !d.there && move_out(g, &d, &m, e) < 0))
		return -1;
	g->mark = d.mark;
	return rest(began, e) < 0 ? -1 : 1;
}

static int go_through_mailboxes(struct again *g, struct err *e)
{
	for (; g->shard < MAILBOX_SHARDS; g->shard++, g->mark = (struct mailbox_mark){0}) {
		unsigned n = 0;
		int r = 1;
		while (r > 0) {
			r = g->conf.again ? look_at_next(g, e) : 0;
			if (++n % IDS_AT_ONCE == 0 || r <= 0)
				write_state(g);
		}
		if (r < 0)
			return -1;
	}
	return 0;
}

/* ---- all of it ---- */

static int go_on(struct again *g, struct err *e)
{
	for (; g->phase < PHASE_MAILBOXES; write_state(g)) {
		if (go_through_kept(g, e) < 0)
			return -1;
		g->phase++;
		buf_reset(&g->cursor);
	}
	if (g->phase == PHASE_MAILBOXES) {
		if (go_through_mailboxes(g, e) < 0)
			return -1;
		g->phase = PHASE_DONE;
		g->shard = 0;
		write_state(g);
		log_info(NULL, "again.done", F("version", g->version));
	}
	return 0;
}

/* The state is read each time: the command line may have taken it away. */
static void look_round(struct again *g)
{
	struct err e;
	uint64_t version = engines_version(g->engines, instant_in(10 * SECOND));
	if (!version)
		return;
	read_state(g);
	if (g->version != version)
		begin(g, version);
	if (go_on(g, &e) < 0 && e.kind != ERR_CLOSED)
		log_warn(NULL, "again.later", F("error", &e));
}

void again_run(struct again *g)
{
	struct err e;
	do
		if (engines_any(g->engines, ENGINE_AGAIN))
			look_round(g);
	while (cond_wait(&g->woken, instant_in(g->conf.poll), &e) == 0 || e.kind == ERR_TIMEOUT);
}

void again_configure(struct again *g, const struct config *c)
{
	g->conf = *(const struct engines_conf *)conf_get(c->conf, &engines_section);
	g->held = *c->quarantine;
	engines_configure(g->engines, c->conf);
}

void again_wake(struct again *g)
{
	cond_wake_all(&g->woken);
}

static int open_dbs(struct again *g, struct err *e)
{
	if (blobs_open(g->data, &g->blobs, e) < 0 || sql_open(g->data, "queue", &g->queue, e) < 0 ||
		sql_open(g->data, "directory", &g->directory, e) < 0 ||
		sql_open(g->data, "trace", &g->trace, e) < 0)
		return -1;
	for (int i = 0; i < MAILBOX_SHARDS; i++)
		if (sql_open(g->data, mailbox_db_name(i), &g->shards[i], e) < 0)
			return -1;
	return changes_open(g->data, &g->changes, e);
}

int again_open(const struct config *c, struct engines *engines, struct again **ret, struct err *e)
{
	struct again *g = NEW(struct again);
	g->data = arena_dup(&g->mem, c->server->data);
	g->cursor = BUF(STATE_MAX / 2);
	g->engines = engines;
	cond_init(&g->woken);
	again_configure(g, c);
	if (open_dbs(g, e) < 0) {
		again_close(g);
		return -1;
	}
	*ret = g;
	return 0;
}

void again_close(struct again *g)
{
	if (!g)
		return;
	for (int i = 0; i < MAILBOX_SHARDS; i++)
		sql_close(g->shards[i]);
	changes_close(g->changes);
	sql_close(g->trace);
	sql_close(g->directory);
	sql_close(g->queue);
	blobs_close(g->blobs);
	buf_done(&g->cursor);
	arena_done(&g->mem);
	free(g);
}
