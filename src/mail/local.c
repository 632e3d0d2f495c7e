/*
 * Final delivery (local.h). Called by the queue process for groups with destination "local".
 *
 * A mailbox: one row in the account's shard, its prefix Return-Path:, Delivered-To: and what the
 * message has. An alias: new messages of the same blob, made in the transaction that ends this
 * recipient, so nothing can be expanded twice or lost. Mail that comes back to an alias which it
 * has passed already is told by Delivered-To: in its header (5.4.6); mailboxes cannot loop.
 */
#include "mail/local.h"

#include "base/map.h"
#include "base/mem.h"
#include "base/must.h"
#include "codec/header.h"
#include "codec/received.h"
#include "mail/autoreply.h"
#include "run/co.h"
#include "run/loop.h"
#include "store/trace.h"

enum {
	HEADER_READ = 64 * 1024,
	HOLD_TRIES = 20,
	PREFIX_MAX = 128 * 1024 + FORWARD_SEAL_MAX,
};

struct local {
	struct local_config c;
	unsigned posted; /* rows handed to the shards' committers, not yet answered */
	struct cond room;
};

struct local *local_new(const struct local_config *c)
{
	struct local *l = NEW(struct local);
	l->c = *c;
	cond_init(&l->room);
	return l;
}

void local_free(struct local *l)
{
	free(l);
}

/* Where targets of aliases are: in our own systems, or elsewhere. */
enum { HERE, AWAY };

/* A message made of the targets. */
struct expanding {
	struct queue_msg m; /* id 0: none yet */
	size_t capacity; /* of m.rcpts */
	struct map targets; /* addresses that are in it */
	struct buf top; /* Delivered-To: of each recipient that it was made of */
	struct buf prefix; /* what stands below */
};

/* One group under way. */
struct job {
	struct local *l;
	struct letter *letter;
	const struct local_rules *rules; /* valid while recipients are being started */
	bool has_header;
	struct buf header; /* of the message, once somebody wanted to see it */
	void *token;
	struct arena mem;
	struct settle_rcpt *v;
	size_t n;
	unsigned pending; /* commits, and one while recipients are still being started */
	bool held; /* gc keeps away from the blob */
	struct expanding expanding[SETTLE_EXPANSIONS_MAX]; /* HERE, AWAY */
};

static void free_job(struct job *j)
{
	if (j->held)
		blob_settle(j->l->c.blobs, j->letter->m.blob);
	letter_unref(j->letter);
	for (int i = 0; i < SETTLE_EXPANSIONS_MAX; i++) {
		map_done(&j->expanding[i].targets);
		buf_done(&j->expanding[i].top);
		buf_done(&j->expanding[i].prefix);
	}
	buf_done(&j->header);
	arena_done(&j->mem);
	free(j);
}

static void finish(void *arg)
{
	struct job *j = arg;
	struct local_config *c = &j->l->c;
	struct expansions made = {.n = 0};
	for (int i = 0; i < SETTLE_EXPANSIONS_MAX; i++) {
		struct expanding *x = &j->expanding[i];
		if (!x->m.nrcpts)
			continue;
		buf_put(&x->top, buf_slice(&x->prefix));
		x->m.prefix = buf_slice(&x->top);
		made.v[made.n++] = x->m;
	}
	c->done(c->arg, j->letter, j->v, j->n, &made, j->token);
	free_job(j);
}

static void result(struct result *r, enum result_kind kind, struct status_code status, slice text)
{
	*r = (struct result){.kind = kind, .status = status, .text = text};
}

/* ---- into a mailbox ---- */

struct drop {
	struct job *job;
	struct result *result;
	struct mailbox_delivery d;
	uint64_t quota, quota_messages;
	bool full;
	bool junk, sent;
	slice detail; /* the folder that the address names; empty: none */
	struct arena mem; /* of one try */
};

/* Sets p->full. What is in the mailbox since before a crash does not count twice. */
static int check_quota(struct sql *db, struct drop *p, struct err *e)
{
	uint64_t bytes, messages;
	if (mailbox_usage(db, p->d.account_id, &bytes, &messages, e) < 0)
		return -1;
	if ((!p->quota || bytes + p->d.size + p->d.prefix.n <= p->quota) &&
		(!p->quota_messages || messages < p->quota_messages))
		return 0;
	int delivered = mailbox_delivered(db, &p->d, e);
	p->full = delivered == 0;
	return delivered < 0 ? -1 : 0;
}

/* "work.2026" is the folder Work/2026. Those with a use of their own are not for strangers to choose. */
static bool is_named(const struct mailbox_folder *f, slice detail)
{
	if (f->use != MAILBOX_USE_NONE || f->name.n != detail.n)
		return false;
	for (size_t i = 0; i < detail.n; i++) {
		char c = ascii_lower(detail.p[i]);
		if (c != ascii_lower(f->name.p[i]) && !(c == '.' && f->name.p[i] == '/'))
			return false;
	}
	return true;
}

/* The folder that is used as Junk may have any name. */
static int find_folder(struct sql *db, struct drop *p, struct err *e)
{
	struct mailbox_folder *v;
	size_t n;
	p->d.folder = p->sent ? S(LOCAL_SENT) : p->junk ? S(LOCAL_JUNK) : S("INBOX");
	if (!p->sent && !p->junk && !p->detail.n)
		return 0;
	if (mailbox_folders(db, p->d.account_id, &p->mem, &v, &n, e) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		if (p->sent	? v[i].use == MAILBOX_USE_SENT
			: p->junk ? v[i].use == MAILBOX_USE_JUNK
				  : is_named(&v[i], p->detail)) {
			p->d.folder = v[i].name;
			break;
		}
	return 0;
}

/* A full mailbox is an answer, not a failure: the others of the group commit goes on. */
static int drop_tx(struct sql *db, void *arg, struct err *e)
{
	struct drop *p = arg;
	struct mailbox_place place;
	p->full = false;
	arena_reset(&p->mem);
	if (find_folder(db, p, e) < 0 || ((p->quota || p->quota_messages) && check_quota(db, p, e) < 0))
		return -1;
	if (p->full || mailbox_deliver_tx(db, &p->d, &place, e) == 0)
		return 0;
	if (e->kind != ERR_LIMIT || slice_eq(p->d.folder, S("INBOX")))
		return -1;
	p->d.folder = S("INBOX"); /* no room for another folder */
	return mailbox_deliver_tx(db, &p->d, &place, e);
}

static void drop_done(void *arg, const struct err *e)
{
	struct drop *p = arg;
	struct job *j = p->job;
	arena_done(&p->mem);
	if (e)
		result(p->result, RESULT_DEFERRED, STATUS(4, 3, 0),
			arena_dup(&j->mem, slice_z(e->text)));
	else if (p->full)
		result(p->result, RESULT_DEFERRED, STATUS(4, 2, 2), S("mailbox is full"));
	else
		result(p->result, RESULT_DELIVERED, STATUS(2, 1, 5), S("delivered to mailbox"));
	if (!e && !p->full)
		changes_tell(j->l->c.changes, p->d.account_id);
	if (j->l->posted-- == LOCAL_POSTED_MAX)
		cond_wake_all(&j->l->room);
	if (--j->pending == 0)
		finish(j);
}

static slice mailbox_prefix(struct job *j, const struct queue_rcpt *r)
{
	const struct queue_msg *m = &j->letter->m;
	AUTO(buf) struct buf b = BUF(PREFIX_MAX);
	return_path_build(&b, m->sender);
	buf_printf(&b, "Delivered-To: %.*s\r\n", SFMT(r->address));
	buf_put(&b, m->prefix);
	return arena_dup(&j->mem, buf_slice(&b));
}

/* What stands behind "+" in the local part, unless that is the account's own name. */
static slice detail_of(
	const struct job *j, const struct queue_rcpt *r, const struct delivery_wishes *w)
{
	slice local = slice_first(r->address, slice_rindex(r->address, '@'));
	slice detail = slice_skip(local, slice_index(local, '+') + 1);
	return j->rules->plus_folders && !slice_ieq(r->address, w->address) ? detail : S("");
}

static void into_mailbox(struct job *j, const struct queue_rcpt *r,
	const struct rcpt_answer *answer, const struct delivery_wishes *w, struct result *ret)
{
	const struct queue_msg *m = &j->letter->m;
	struct drop *p = ARENA_NEW(&j->mem, struct drop);
	*p = (struct drop){.job = j,
		.result = ret,
		.quota = answer->quota,
		.quota_messages = answer->quota_messages,
		.junk = m->flags & MSG_JUNK,
		.detail = detail_of(j, r, w),
		.d = {.account_id = answer->account_id,
			.queue_id = m->id,
			.rcpt_idx = r->idx,
			.blob = m->blob,
			.size = m->size,
			.prefix = mailbox_prefix(j, r),
			.summary = m->summary,
			.received_at = wall_now()}};
	j->pending++;
	j->l->posted++;
	commit_post(j->l->c.shards[mailbox_shard(answer->account_id)], drop_tx, drop_done, p);
}

/* What was sent in the name of a shared mailbox, as a mail program would put it there: seen, and whether or not
 * there is room. */
static void into_sent(struct job *j, const struct queue_rcpt *r, const struct rcpt_answer *answer,
	struct result *ret)
{
	const struct queue_msg *m = &j->letter->m;
	struct drop *p = ARENA_NEW(&j->mem, struct drop);
	*p = (struct drop){.job = j,
		.result = ret,
		.sent = true,
		.d = {.account_id = answer->account_id,
			.queue_id = m->id,
			.rcpt_idx = r->idx,
			.blob = m->blob,
			.size = m->size,
			.prefix = m->prefix,
			.summary = m->summary,
			.flags = MAILBOX_SEEN,
			.received_at = wall_now()}};
	j->pending++;
	j->l->posted++;
	commit_post(j->l->c.shards[mailbox_shard(answer->account_id)], drop_tx, drop_done, p);
}

/* ---- through an alias ---- */

static bool header_has(slice header, slice address)
{
	struct header_field f;
	while (header_next(&header, &f))
		if (slice_ieq(f.name, S("Delivered-To")) && slice_ieq(slice_trim(f.value), address))
			return true;
	return false;
}

/* The header as it would be delivered; read once for all recipients. */
static int have_header(struct job *j, struct err *e)
{
	if (j->has_header)
		return 0;
	j->header = BUF(PREFIX_MAX + HEADER_READ);
	if (letter_read(j->l->c.blobs, &j->letter->m, HEADER_READ, true, &j->header, e) < 0) {
		buf_done(&j->header);
		return -1;
	}
	j->has_header = true;
	return 0;
}

/* Did this message pass this address before? 1, 0, -1. */
static int came_back(struct job *j, slice address, struct err *e)
{
	return have_header(j, e) < 0 ? -1 : header_has(buf_slice(&j->header), address);
}

/* What leaves gets another sender and a seal, by the alias that is the first to need it. */
static int make_fit(struct job *j, struct expanding *x, slice alias, struct buf *log, struct err *e)
{
	const struct forward *f = j->rules->forward;
	const struct queue_msg *m = &j->letter->m;
	int64_t now = wall_now();
	slice why;
	if (!f)
		return 0;
	if (forward_sender(f, m->sender, alias, now, &j->mem, &x->m.sender, e) < 0)
		return -1;
	slice fields = forward_seal(f, m, m->prefix, alias, now, &j->mem, &why);
	buf_put(&x->prefix, fields);
	bool rewritten = !slice_eq(x->m.sender, m->sender);
	trace_event(log, now, "forwarded", "from", rewritten ? x->m.sender : (slice){0}, "arc",
		fields.n ? S("sealed") : why, NULL);
	return 0;
}

/* The first expanded recipient of a group begins the new message; the others join it. */
static int begin_expansion(
	struct job *j, struct expanding *x, bool leaves, slice alias, struct err *e)
{
	const struct queue_msg *m = &j->letter->m;
	if (x->m.id)
		return 0;
	char id[MSG_ID_TEXT];
	msg_id_print(m->id, id);
	AUTO(buf) struct buf log = BUF(TRACE_LOG_MAX);
	buf_put(&log, m->log);
	trace_event(&log, wall_now(), "queued", "expanded_from", slice_z(id), NULL);
	x->m = *m;
	x->m.id = 0;
	x->m.rcpts = NULL;
	x->m.nrcpts = 0;
	buf_done(&x->prefix);
	x->prefix = BUF(PREFIX_MAX);
	x->top = BUF(PREFIX_MAX);
	if (leaves && make_fit(j, x, alias, &log, e) < 0)
		return -1;
	x->m.id = msg_id_new();
	x->m.log = arena_dup(&j->mem, buf_slice(&log));
	buf_put(&x->prefix, m->prefix);
	return 0;
}

/* RFC 3461 5.2.7.1: one target inherits NOTIFY; of several, success is told at the expansion. */
static unsigned target_notify(unsigned notify, size_t ntargets)
{
	if (ntargets == 1 || !(notify & NOTIFY_SUCCESS))
		return notify;
	notify &= ~(unsigned)NOTIFY_SUCCESS;
	return notify ? notify : NOTIFY_NEVER;
}

static void add_target(struct job *j, struct expanding *to, const struct queue_rcpt *r,
	slice target, slice dest, size_t ntargets)
{
	struct queue_msg *x = &to->m;
	if (map_get(&to->targets, target))
		return;
	map_put(&to->targets, target, j);
	if (x->nrcpts == to->capacity) {
		to->capacity = to->capacity ? 2 * to->capacity : 8;
		struct queue_rcpt *grown = ARENA_ARRAY(&j->mem, struct queue_rcpt, to->capacity);
		memcpy(grown, x->rcpts ? x->rcpts : grown, x->nrcpts * sizeof *grown);
		x->rcpts = grown;
	}
	x->rcpts[x->nrcpts] = (struct queue_rcpt){
		.idx = (int32_t)x->nrcpts,
		.address = arena_dup(&j->mem, target),
		.orcpt = r->orcpt.n ? r->orcpt
				    : arena_printf(&j->mem, "rfc822;%.*s", SFMT(r->address)),
		.notify = target_notify(r->notify, ntargets),
		.dest = arena_dup(&j->mem, dest),
		.next_at = wall_now(),
	};
	x->nrcpts++;
}

/* Where one target goes. */
struct target {
	slice address, dest;
	bool leaves;
};

static int find_target(struct job *j, slice address, struct target *ret, struct err *e)
{
	struct route_decision d;
	if (route_decide(j->l->c.routes, address, false, &j->mem, &d, e) < 0)
		return -1;
	*ret = (struct target){d.stands_for.n ? d.stands_for : address, d.dest,
		j->rules->forward && forward_leaves(&d)};
	return 0;
}

/* All targets get a destination first, and what leaves its sender, so that who cannot answer leaves
 * nothing half done. */
static int expand(
	struct job *j, const struct queue_rcpt *r, const struct rcpt_answer *answer, struct err *e)
{
	struct target *v = ARENA_ARRAY(&j->mem, struct target, answer->ntargets);
	bool any[SETTLE_EXPANSIONS_MAX] = {false, false};
	for (size_t i = 0; i < answer->ntargets; i++) {
		if (find_target(j, answer->targets[i], &v[i], e) < 0)
			return -1;
		any[v[i].leaves ? AWAY : HERE] = true;
	}
	for (int i = 0; i < SETTLE_EXPANSIONS_MAX; i++)
		if (any[i] && begin_expansion(j, &j->expanding[i], i == AWAY, r->address, e) < 0)
			return -1;
	for (size_t i = 0; i < answer->ntargets; i++)
		add_target(j, &j->expanding[v[i].leaves ? AWAY : HERE], r, v[i].address, v[i].dest,
			answer->ntargets);
	for (int i = 0; i < SETTLE_EXPANSIONS_MAX; i++) {
		struct expanding *x = &j->expanding[i];
		if (any[i])
			buf_printf(&x->top, "Delivered-To: %.*s\r\n", SFMT(r->address));
	}
	return 0;
}

static void through_alias(struct job *j, const struct queue_rcpt *r,
	const struct rcpt_answer *answer, struct result *ret)
{
	struct err e;
	int back = came_back(j, r->address, &e);
	if (back == 1) {
		result(ret, RESULT_FAILED, STATUS(5, 4, 6),
			S("mail loop: it has passed this address before"));
		return;
	}
	if (back < 0 || expand(j, r, answer, &e) < 0) {
		result(ret, RESULT_DEFERRED, STATUS(4, 3, 0), arena_dup(&j->mem, slice_z(e.text)));
		return;
	}
	result(ret, RESULT_EXPANDED, STATUS(2, 1, 5),
		arena_printf(&j->mem, "alias with %zu targets", answer->ntargets));
	ret->dsn = answer->ntargets == 1;
}

/* ---- what the account wants ---- */

/* Where its mail goes: targets that may be, and the mailbox itself. None but the mailbox: n is 0. */
static int forward_targets(struct job *j, const struct queue_rcpt *r, const struct forwarding *f,
	struct rcpt_answer *ret, struct err *e)
{
	struct target t;
	ret->targets = ARENA_ARRAY(&j->mem, slice, f->ntargets + 1);
	ret->ntargets = 0;
	for (size_t i = 0; i < f->ntargets; i++) {
		if (find_target(j, f->targets[i], &t, e) < 0)
			return -1;
		if (!t.leaves || j->rules->forward_outside)
			ret->targets[ret->ntargets++] = f->targets[i];
	}
	if (ret->ntargets && f->keep)
		ret->targets[ret->ntargets++] = r->address;
	return 0;
}

/* 1: it was passed on, 0: it stays; -1. Junk is not spread, and what came back stays: so nothing can go round. */
static int pass_on(struct job *j, const struct queue_rcpt *r, const struct delivery_wishes *w,
	struct result *ret, struct err *e)
{
	struct rcpt_answer to = {0};
	if (!w->forwarding || j->letter->m.flags & (MSG_JUNK | MSG_STAYS))
		return 0;
	int back = came_back(j, r->address, e);
	if (back == 0)
		back = came_back(j, w->address, e);
	if (back || forward_targets(j, r, w->forwarding, &to, e) < 0)
		return back == 1 ? 0 : -1;
	if (!to.ntargets)
		return 0;
	if (expand(j, r, &to, e) < 0)
		return -1;
	result(ret, RESULT_EXPANDED, STATUS(2, 1, 5),
		arena_printf(&j->mem, "forwarded to %zu addresses%s",
			to.ntargets - w->forwarding->keep,
			w->forwarding->keep ? ", a copy stays" : ""));
	ret->dsn = to.ntargets == 1;
	return 1;
}

struct own {
	struct job *j;
	const struct delivery_wishes *w;
	slice address; /* the recipient's */
};

static int is_own(void *arg, slice address)
{
	const struct own *o = arg;
	struct err e;
	bool own;
	if (slice_ieq(address, o->w->address) || slice_ieq(address, o->address))
		return 1;
	return directory_may_send_as(o->j->l->c.directory, o->w->address, address, &own, &e) < 0
		       ? -1
		       : own;
}

/* A letter that cannot be read gets no answer: that is no reason not to deliver it. */
static const struct settle_answer *find_answer(
	struct job *j, const struct queue_rcpt *r, const struct delivery_wishes *w)
{
	struct own own = {j, w, r->address};
	struct err e;
	if (!w->autoreply || !j->rules->autoreply || have_header(j, &e) < 0)
		return NULL;
	const struct autoreply_ask q = {.header = buf_slice(&j->header),
		.m = &j->letter->m,
		.wishes = w,
		.is_own = is_own,
		.arg = &own,
		.now = wall_now()};
	if (autoreply_why_not(&q, &j->mem))
		return NULL;
	struct settle_answer *a = ARENA_NEW(&j->mem, struct settle_answer);
	*a = (struct settle_answer){.account_id = w->autoreply->account_id,
		.quiet = w->autoreply->days * DAY,
		.data = autoreply_data(&q, &j->mem)};
	return a;
}

static void to_account(struct job *j, const struct queue_rcpt *r, const struct rcpt_answer *answer,
	struct settle_rcpt *ret)
{
	struct delivery_wishes w;
	struct err e;
	int passed = directory_get_wishes(j->l->c.directory, answer->account_id, &j->mem, &w, &e);
	if (passed == 0)
		passed = pass_on(j, r, &w, &ret->result, &e);
	if (passed < 0) {
		result(&ret->result, RESULT_DEFERRED, STATUS(4, 3, 0),
			arena_dup(&j->mem, slice_z(e.text)));
		return;
	}
	/* Of what was passed on the copy that stays is no news. */
	bool copy = w.forwarding && !passed && j->has_header &&
		    header_has(buf_slice(&j->header), r->address);
	ret->answer = copy ? NULL : find_answer(j, r, &w);
	if (!passed)
		into_mailbox(j, r, answer, &w, &ret->result);
}

/* ---- what it is ---- */

/* No longer a local domain. */
static void elsewhere(struct job *j, const struct queue_rcpt *r, struct result *ret)
{
	struct route_decision d;
	struct err e;
	if (route_decide(j->l->c.routes, r->address, false, &j->mem, &d, &e) < 0) {
		result(ret, RESULT_DEFERRED, STATUS(4, 3, 0), arena_dup(&j->mem, slice_z(e.text)));
	} else if (d.kind == ROUTE_ERROR) {
		result(ret, d.status.cls == 4 ? RESULT_DEFERRED : RESULT_FAILED, d.status, d.text);
	} else {
		result(ret, RESULT_REROUTED, STATUS(0, 0, 0), (slice){0});
		ret->dest = d.dest;
	}
}

/* A message to thousands must not flood the committers: they would refuse. */
static int wait_for_room(struct local *l, struct err *e)
{
	while (l->posted >= LOCAL_POSTED_MAX)
		if (cond_wait(&l->room, INSTANT_NEVER, e) < 0)
			return -1;
	return 0;
}

static void deliver_one(struct job *j, const struct queue_rcpt *r, struct settle_rcpt *v)
{
	struct result *ret = &v->result;
	struct rcpt_answer answer;
	struct err e;
	if (wait_for_room(j->l, &e) < 0 ||
		directory_rcpt(j->l->c.directory, r->address, &j->mem, &answer, &e) < 0) {
		result(ret, RESULT_DEFERRED, STATUS(4, 3, 0), arena_dup(&j->mem, slice_z(e.text)));
		return;
	}
	switch (answer.kind) {
	case RCPT_LOCAL:
		if (answer.account_id && slice_eq(r->dest, S(ROUTE_SENT)))
			into_sent(j, r, &answer, ret);
		else if (answer.targets)
			through_alias(j, r, &answer, ret);
		else
			to_account(j, r, &answer, v);
		break;
	case RCPT_NO_SUCH_USER:
		result(ret, RESULT_FAILED, STATUS(5, 1, 1), S("no such mailbox here"));
		break;
	case RCPT_DISABLED:
		result(ret, RESULT_FAILED, STATUS(5, 2, 1), S("this mailbox is disabled"));
		break;
	case RCPT_UNKNOWN_DOMAIN:
	case RCPT_BACKEND:
		elsewhere(j, r, ret);
		break;
	}
}

/* The mailboxes' rows come before the queue's row goes, in another database: gc must not look
 * between the two. It may just have the pack in its hands; that is over soon. */
static bool hold_blob(struct job *j, struct err *e)
{
	for (int i = 0; i < HOLD_TRIES; i++) {
		if (blob_hold(j->l->c.blobs, j->letter->m.blob, e) == 0)
			return j->held = true;
		if (e->kind != ERR_NOTFOUND || co_sleep(instant_in(100 * MSEC), e) < 0)
			return false;
	}
	return false;
}

static void start_all(struct job *j)
{
	struct err e;
	bool held = hold_blob(j, &e);
	for (size_t i = 0; i < j->n; i++) {
		struct settle_rcpt *v = &j->v[i];
		if (held)
			deliver_one(j, &j->letter->m.rcpts[v->at], v);
		else
			result(&v->result, RESULT_DEFERRED, STATUS(4, 3, 0),
				arena_dup(&j->mem, slice_z(e.text)));
	}
}

void local_deliver(struct local *l, struct letter *letter, const uint32_t *at, size_t n,
	const struct local_rules *rules, void *token)
{
	struct job *j = NEW(struct job);
	j->l = l;
	j->letter = letter_ref(letter);
	j->rules = rules;
	j->token = token;
	j->n = n;
	j->v = ARENA_ARRAY(&j->mem, struct settle_rcpt, n);
	for (size_t i = 0; i < n; i++)
		j->v[i].at = at[i];
	j->pending = 1;
	start_all(j);
	j->rules = NULL;
	if (--j->pending == 0)
		loop_post(finish, j);
}
