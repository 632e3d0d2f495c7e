/*
 * Sending what people are to be told (queue_notice.h). Every two seconds the outbox is read, oldest first; each row
 * becomes a letter in its reader's language, and leaves the outbox in the transaction that queues it: told once, if and
 * only if it happened. A row that cannot be written now (no keys, a full disk) stays, and the ones behind it go
 * before it. What the letters say: mail/notice_write.c.
 */
#include "bin/queue_notice.h"

#include "base/mem.h"
#include "bin/queue.h"
#include "bin/queue_letters.h"
#include "codec/json_read.h"
#include "run/log.h"
#include "run/metrics.h"
#include "store/quarantine.h"

METRIC_COUNTER(sent, "posthouse_notices_total", "", "Notices queued.");
METRIC_COUNTER(dropped, "posthouse_notices_dropped_total", "", "Notices that led nowhere.");

struct queue_notices {
	struct queue_letters *letters;
	struct cond wake;
	bool asked;
};

/* One row, in the making. */
struct making {
	struct queue_letters *l;
	struct queue_settings *set;
	struct arena *a;
	struct notice n;
	bool there; /* about's message is in the quarantine */
	struct quarantine_msg m;
	struct notice_facts facts;
};

/* ---- reading ---- */

struct batch {
	struct arena *a;
	int64_t after;
	struct notice v[NOTICES_BATCH];
	unsigned n;
};

static bool keep(void *arg, const struct notice *n)
{
	struct batch *b = arg;
	struct notice *v = &b->v[b->n++];
	*v = *n;
	v->to = arena_dup(b->a, n->to);
	v->key = arena_dup(b->a, n->key);
	v->data = arena_dup(b->a, n->data);
	return b->n < NOTICES_BATCH;
}

static int read_batch(struct sql *queue, struct sql *directory, void *arg, struct err *e)
{
	struct batch *b = arg;
	(void)directory;
	return notice_each(queue, b->after, NOTICES_BATCH, keep, b, e);
}

static int read_about(struct sql *queue, struct sql *directory, void *arg, struct err *e)
{
	struct making *k = arg;
	(void)directory;
	int r = quarantine_load(queue, k->n.about, k->a, &k->m, e);
	k->there = r == 0;
	return r < 0 && e->kind != ERR_NOTFOUND ? -1 : 0;
}

/* ---- facts ---- */

static bool is_admins(enum notice_kind kind)
{
	return kind == NOTICE_RELEASE_ASKED || kind == NOTICE_ALARM;
}

static slice recipients(const struct making *k)
{
	AUTO(buf) struct buf out = BUF(1000);
	for (size_t i = 0; i < k->m.nrcpts && out.n < 800; i++) {
		if (k->n.idx >= 0 && k->m.rcpts[i].idx != k->n.idx)
			continue;
		buf_printf(&out, "%s%.*s", out.n ? ", " : "",
			SFMT(slice_first(k->m.rcpts[i].address, 150)));
	}
	return arena_dup(k->a, buf_slice(&out));
}

static slice reasons(struct making *k)
{
	slice v[LETTERS_REASONS_MAX];
	bool chinese = k->facts.chinese;
	unsigned n = queue_letters_reasons(k->l, k->m.signals, chinese, k->a, v);
	AUTO(buf) struct buf out = BUF(1500);
	if (k->m.virus.n)
		buf_put(&out, slice_first(k->m.virus, 200));
	for (unsigned i = 0; i < n; i++)
		buf_printf(&out, "%s%.*s", out.n ? (chinese ? "；" : "; ") : "",
			SFMT(slice_first(v[i], 300)));
	return arena_dup(k->a, buf_slice(&out));
}

/* What strangers may know of a decision is what its policy says in `text`; classes and reasons are for our own. */
static void fill_held(struct making *k)
{
	struct notice_facts *f = &k->facts;
	bool ours = k->n.kind != NOTICE_HELD_SENDER && k->n.kind != NOTICE_APPROVED &&
		    k->n.kind != NOTICE_REFUSED;
	f->subject = k->m.msg.subject;
	f->from = k->m.from;
	f->sender = k->m.msg.sender;
	f->to = recipients(k);
	f->held_at = k->m.held_at;
	f->expires_at = k->m.expires_at;
	if (!ours)
		return;
	f->class_text = slice_z(quarantine_class_text(k->m.class, f->chinese));
	f->policy = k->m.policy;
	f->reasons = reasons(k);
}

static slice link_for(struct making *k, enum quarantine_verb verb, enum quarantine_role role,
	slice reader, struct err *e)
{
	const struct token t = {.verb = verb,
		.role = role,
		.id = k->n.about,
		.idx = k->n.idx,
		.until = k->m.expires_at,
		.who = reader};
	return queue_letters_link(k->l, k->set, &t, k->a, e);
}

/* Links are for one reader each. -1: the keys do not answer. */
static int fill_links(struct making *k, slice reader, struct err *e)
{
	struct notice_facts *f = &k->facts;
	struct err none = {0};
	*e = none;
	f->approve_url = f->refuse_url = f->preview_url = f->release_url = (slice){0};
	if (!k->there)
		return 0;
	if (k->n.kind == NOTICE_APPROVE) {
		f->approve_url = link_for(k, QUARANTINE_APPROVE_IT, QUARANTINE_APPROVER, reader, e);
		if (f->approve_url.n)
			f->refuse_url =
				link_for(k, QUARANTINE_REFUSE_IT, QUARANTINE_APPROVER, reader, e);
		if (f->refuse_url.n)
			f->preview_url =
				link_for(k, QUARANTINE_PREVIEW, QUARANTINE_APPROVER, reader, e);
	} else if (k->n.kind == NOTICE_RELEASE_ASKED) {
		f->release_url = link_for(k, QUARANTINE_RELEASE, QUARANTINE_ADMIN, reader, e);
		if (f->release_url.n)
			f->refuse_url =
				link_for(k, QUARANTINE_REFUSE_IT, QUARANTINE_ADMIN, reader, e);
		if (f->refuse_url.n)
			f->preview_url =
				link_for(k, QUARANTINE_PREVIEW, QUARANTINE_ADMIN, reader, e);
	}
	return e->kind ? -1 : 0;
}

static void fill_reader(struct making *k, slice reader)
{
	struct digest_plan p = queue_letters_plan(k->l, k->set, reader, k->a);
	struct notice_facts *f = &k->facts;
	*f = (struct notice_facts){.kind = k->n.kind,
		.data = k->n.data,
		.more = k->n.more,
		.hostname = k->set->config.hostname,
		.about = k->n.about,
		.held_at = k->n.kind == NOTICE_ALARM || k->n.kind == NOTICE_LOGIN || k->n.kind == NOTICE_COLLECT ? k->n.at : 0,
		.chinese = is_admins(k->n.kind) || !k->n.to.n ? k->set->config.alarm->language == DIGEST_ZH
						: p.chinese};
	f->zone = zones_get(&k->l->zones, p.zone, NULL);
	if (k->there)
		fill_held(k);
}

/* ---- one row ---- */

static int remove_row(struct sql *db, void *arg, struct err *e)
{
	return notice_done_tx(db, *(int64_t *)arg, e);
}

static int drop(struct making *k, const char *why, struct err *e)
{
	metric_add(&dropped, 1);
	log_warn(NULL, "notice.dropped", F("kind", (int64_t)k->n.kind), F("to", k->n.to),
		F("reason", why));
	int r = commit_run(k->l->q->queue_commit, remove_row, &k->n.seq, e);
	return r < 0 && e->kind == ERR_NOTFOUND ? 0 : r;
}

/* Strangers wrote it, and it goes into a header. */
static bool is_plain_id(slice id)
{
	for (size_t i = 0; i < id.n; i++)
		if (id.p[i] <= ' ' || id.p[i] > '~')
			return false;
	return slice_starts(id, S("<")) && slice_index(id, '>') == id.n - 1;
}

/* Of the message that the letter answers. */
static slice message_id(const struct making *k)
{
	slice id = {0};
	if (k->n.kind == NOTICE_HELD_SENDER && k->there)
		id = k->m.msg.message_id;
	if (k->n.kind == NOTICE_REPORT || k->n.kind == NOTICE_AUTOREPLY) {
		json_t *data = json_loadb(k->n.data.p, k->n.data.n, 0, NULL);
		id = arena_dup(k->a, json_read_text(data, "message_id"));
		json_decref(data);
	}
	return is_plain_id(id) ? id : (slice){0};
}

/* The letter for one reader. */
static int write_letter(struct making *k, slice reader, struct notice_letter *ret, struct err *e)
{
	fill_reader(k, reader);
	if (fill_links(k, reader, e) < 0)
		return -1;
	if (!notice_write(&k->facts, k->a, ret))
		return err_set(e, ERR_LIMIT, "it is too long");
	ret->in_reply_to = message_id(k);
	return 0;
}

static int send_to(struct making *k, const slice *to, size_t n, struct err *e)
{
	struct notice_letter *letters = ARENA_ARRAY(k->a, struct notice_letter, n);
	const struct queue_letters_job job = {.letters = letters,
		.each = true,
		.to = to,
		.nto = n,
		.priority = QUEUE_NORMAL,
		.then = remove_row,
		.arg = &k->n.seq};
	unsigned made = 0;
	msg_id first;
	for (size_t i = 0; i < n; i++)
		if (write_letter(k, to[i], &letters[i], e) < 0)
			return -1;
	if (queue_letters_send(k->l, k->set, &job, k->a, &made, &first, e) < 0)
		return -1;
	metric_add(made ? &sent : &dropped, 1);
	log_info(NULL, "notice.queued", F("kind", letters[0].kind), F("to", to[0]),
		F("letters", made));
	return 0;
}

static int send_row(struct making *k, struct err *e)
{
	slice to[LETTERS_TO_MAX] = {k->n.to};
	size_t n = 1;
	if (k->n.about && queue_letters_read(k->l, read_about, k, e) < 0)
		return -1;
	if (k->n.to.n == 0)
		n = queue_letters_admins(k->set, k->a, to);
	/* Whoever has nothing to decide any more is not asked. */
	if (k->n.kind == NOTICE_APPROVE && !k->there)
		return drop(k, "what was to be decided has left", e);
	return send_to(k, to, n, e);
}

static int handle(struct queue_notices *n, const struct notice *row, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	struct making *k = ARENA_NEW(&a, struct making);
	struct queue_settings *set = n->letters->q->settings;
	*k = (struct making){.l = n->letters, .set = set, .a = &a, .n = *row};
	set->refs++; /* through a reload */
	int r = send_row(k, e);
	if (r < 0 && e->kind == ERR_NOTFOUND)
		r = 0; /* somebody else removed it */
	if (r < 0 && (e->kind == ERR_LIMIT || wall_now() - row->at > NOTICES_GIVE_UP_S * SECOND))
		r = drop(k, e->text, e);
	queue_settings_unref(set);
	return r;
}

/* Once through the outbox; what fails waits for the next time. */
static void work(struct queue_notices *n)
{
	AUTO(arena) struct arena a = {0};
	struct batch *b = ARENA_NEW(&a, struct batch);
	struct err e;
	unsigned failed = 0;
	b->a = &a;
	do {
		b->n = 0;
		if (queue_letters_read(n->letters, read_batch, b, &e) < 0) {
			log_warn(NULL, "notice.failed", F("error", &e));
			return;
		}
		for (unsigned i = 0; i < b->n && !n->letters->q->stopping; i++) {
			b->after = b->v[i].seq;
			if (handle(n, &b->v[i], &e) < 0 && failed++ == 0)
				log_warn(NULL, "notice.failed", F("error", &e));
		}
	} while (b->n == NOTICES_BATCH && failed < NOTICES_BATCH && !n->letters->q->stopping);
}

void queue_notices_run(void *arg)
{
	struct queue_notices *n = arg;
	struct err e;
	for (;;) {
		if (!n->asked && cond_wait(&n->wake, instant_in(NOTICES_EVERY_MS * MSEC), &e) < 0 &&
			e.kind != ERR_TIMEOUT)
			return;
		n->asked = false;
		work(n);
	}
}

void queue_notices_wake(struct queue_notices *n)
{
	n->asked = true;
	cond_wake_all(&n->wake);
}

struct queue_notices *queue_notices_new(struct queue_letters *l)
{
	struct queue_notices *n = NEW(struct queue_notices);
	n->letters = l;
	cond_init(&n->wake);
	return n;
}

void queue_notices_free(struct queue_notices *n)
{
	free(n);
}
