/*
 * Final delivery (local.h). Called by the queue process for groups with destination "local": each recipient is looked up, and
 * becomes a row of a mailbox (local_drop.c), new messages (local_expand.c), or both. Mail that comes back to an alias which it
 * has passed already is told by Delivered-To: in its header (5.4.6); mailboxes cannot loop.
 */
#include "mail/local_impl.h"

#include "base/mem.h"
#include "base/must.h"
#include "base/time.h"
#include "codec/header.h"
#include "mail/autoreply.h"
#include "run/loop.h"

enum { HOLD_TRIES = 20 };
#define RENAMED_BEFORE HOUR /* a recipient is accepted so long before its message at most */

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

static void free_job(struct job *j)
{
	if (j->held)
		blob_settle(j->l->c.blobs, j->letter->m.blob);
	for (struct held *h = j->helds; h; h = h->next)
		blob_settle(j->l->c.blobs, h->blob);
	letter_unref(j->letter);
	for (int i = 0; i < SETTLE_EXPANSIONS_MAX; i++)
		local_expanding_done(&j->expanding[i]);
	buf_done(&j->header);
	arena_done(&j->mem);
	free(j);
}

/* New messages of recipients that do not end now are not made. */
static void settle_untaken(struct job *j)
{
	for (size_t i = 0; i < j->n; i++) {
		const struct settle_extra *x = j->v[i].extra;
		for (size_t k = 0; x && k < x->nmade && !settle_takes(j->v[i].result.kind); k++)
			blob_settle(j->l->c.blobs, x->made[k].blob);
	}
}

void local_settle_at_end(struct job *j, blob_id id)
{
	struct held *h = ARENA_NEW(&j->mem, struct held);
	*h = (struct held){j->helds, id};
	j->helds = h;
}

void local_finish(struct job *j)
{
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
	settle_untaken(j);
	free_job(j);
}

/* ---- the header ---- */

bool local_header_has(slice header, slice address)
{
	struct header_field f;
	while (header_next(&header, &f))
		if (slice_ieq(f.name, S("Delivered-To")) && slice_ieq(slice_trim(f.value), address))
			return true;
	return false;
}

/* The header as it would be delivered; read once for all recipients. */
int local_have_header(struct job *j, struct err *e)
{
	if (j->has_header)
		return 0;
	j->header = BUF(LOCAL_PREFIX_MAX + LOCAL_HEADER_READ);
	if (letter_read(j->l->c.blobs, &j->letter->m, LOCAL_HEADER_READ, true, &j->header, e) < 0) {
		buf_done(&j->header);
		return -1;
	}
	j->has_header = true;
	return 0;
}

/* Did this message pass this address before? 1, 0, -1. */
int local_came_back(struct job *j, slice address, struct err *e)
{
	return local_have_header(j, e) < 0 ? -1 : local_header_has(buf_slice(&j->header), address);
}

/* ---- what the account wants ---- */

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
	if (!w->autoreply || !j->rules->autoreply || local_have_header(j, &e) < 0)
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
		passed = local_pass_on(j, r, &w, &ret->result, &e);
	if (passed < 0) {
		local_result(&ret->result, RESULT_DEFERRED, STATUS(4, 3, 0),
			arena_dup(&j->mem, slice_z(e.text)));
		return;
	}
	/* Of what was passed on the copy that stays is no news. */
	bool copy = w.forwarding && !passed && j->has_header &&
		    local_header_has(buf_slice(&j->header), r->address);
	ret->answer = copy ? NULL : find_answer(j, r, &w);
	if (!passed && !local_by_scripts(j, r, answer, &w, ret))
		local_into_mailbox(j, r, answer, &w, NULL, ret);
}

/* ---- what it is ---- */

/* No longer a local domain. */
static void elsewhere(struct job *j, const struct queue_rcpt *r, struct result *ret)
{
	struct route_decision d;
	struct err e;
	if (route_decide(j->l->c.routes, r->address, false, &j->mem, &d, &e) < 0) {
		local_result(
			ret, RESULT_DEFERRED, STATUS(4, 3, 0), arena_dup(&j->mem, slice_z(e.text)));
	} else if (d.kind == ROUTE_ERROR) {
		local_result(
			ret, d.status.cls == 4 ? RESULT_DEFERRED : RESULT_FAILED, d.status, d.text);
	} else {
		local_result(ret, RESULT_REROUTED, STATUS(0, 0, 0), (slice){0});
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

/* The queue's rows follow a changed address a little later (store/rename.h): what was accepted for the former one is not sent back. */
static int look_up(
	struct job *j, const struct queue_rcpt **r, struct rcpt_answer *ret, struct err *e)
{
	struct directory *d = j->l->c.directory;
	int64_t since = j->letter->m.arrived_at - RENAMED_BEFORE;
	slice now;
	if (directory_rcpt(d, (*r)->address, &j->mem, ret, e) < 0)
		return -1;
	if (ret->kind != RCPT_NO_SUCH_USER && ret->kind != RCPT_UNKNOWN_DOMAIN)
		return 0;
	int renamed = directory_renamed(d, (*r)->address, since, &j->mem, &now, e);
	if (renamed <= 0)
		return renamed;
	struct queue_rcpt *to = ARENA_NEW(&j->mem, struct queue_rcpt);
	*to = **r;
	to->address = now;
	*r = to;
	return directory_rcpt(d, now, &j->mem, ret, e);
}

static void deliver_one(struct job *j, const struct queue_rcpt *r, struct settle_rcpt *v)
{
	struct result *ret = &v->result;
	struct rcpt_answer answer;
	struct err e;
	if (wait_for_room(j->l, &e) < 0 || look_up(j, &r, &answer, &e) < 0) {
		local_result(
			ret, RESULT_DEFERRED, STATUS(4, 3, 0), arena_dup(&j->mem, slice_z(e.text)));
		return;
	}
	switch (answer.kind) {
	case RCPT_LOCAL:
		if (answer.account_id && slice_eq(r->dest, S(ROUTE_SENT)))
			local_into_sent(j, r, &answer, v);
		else if (answer.targets)
			local_through_alias(j, r, &answer, ret);
		else if (answer.list_id)
			elsewhere(j, r, ret);
		else
			to_account(j, r, &answer, v);
		break;
	case RCPT_NO_SUCH_USER:
		local_result(ret, RESULT_FAILED, STATUS(5, 1, 1), S("no such mailbox here"));
		break;
	case RCPT_DISABLED:
		local_result(ret, RESULT_FAILED, STATUS(5, 2, 1), S("this mailbox is disabled"));
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
			local_result(&v->result, RESULT_DEFERRED, STATUS(4, 3, 0),
				arena_dup(&j->mem, slice_z(e.text)));
	}
}

static void finish_later(void *job)
{
	local_finish(job);
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
		loop_post(finish_later, j);
}
