/*
 * Aliases, and what accounts have passed on (local.h): new messages of the same blob, made in the transaction that ends this
 * recipient, so nothing can be expanded twice or lost. Called by local.c.
 */
#include "mail/local_impl.h"

#include "base/mem.h"
#include "base/time.h"
#include "store/trace.h"

/* What leaves gets another sender and a seal, by the alias that is the first to need it. */
static int make_fit(struct job *j, struct expanding *x, slice alias, struct buf *log, struct err *e)
{
	const struct forward *f = j->rules->forward;
	const struct queue_msg *m = x->of;
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
	const struct queue_msg *m = x->of;
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
	x->prefix = BUF(LOCAL_PREFIX_MAX);
	x->top = BUF(LOCAL_PREFIX_MAX);
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
static int expand_into(struct job *j, struct expanding *to, const struct queue_rcpt *r,
	const struct rcpt_answer *answer, struct err *e)
{
	struct target *v = ARENA_ARRAY(&j->mem, struct target, answer->ntargets);
	bool any[SETTLE_EXPANSIONS_MAX] = {false, false};
	for (size_t i = 0; i < answer->ntargets; i++) {
		if (find_target(j, answer->targets[i], &v[i], e) < 0)
			return -1;
		any[v[i].leaves ? AWAY : HERE] = true;
	}
	for (int i = 0; i < SETTLE_EXPANSIONS_MAX; i++)
		if (any[i] && begin_expansion(j, &to[i], i == AWAY, r->address, e) < 0)
			return -1;
	for (size_t i = 0; i < answer->ntargets; i++)
		add_target(j, &to[v[i].leaves ? AWAY : HERE], r, v[i].address, v[i].dest,
			answer->ntargets);
	for (int i = 0; i < SETTLE_EXPANSIONS_MAX; i++)
		if (any[i])
			buf_printf(&to[i].top, "Delivered-To: %.*s\r\n", SFMT(r->address));
	return 0;
}

/* Into the messages that the whole group shares. */
static int expand(
	struct job *j, const struct queue_rcpt *r, const struct rcpt_answer *answer, struct err *e)
{
	for (int i = 0; i < SETTLE_EXPANSIONS_MAX; i++)
		j->expanding[i].of = &j->letter->m;
	return expand_into(j, j->expanding, r, answer, e);
}

void local_expanding_done(struct expanding *x)
{
	map_done(&x->targets);
	buf_done(&x->top);
	buf_done(&x->prefix);
}

void local_through_alias(struct job *j, const struct queue_rcpt *r,
	const struct rcpt_answer *answer, struct result *ret)
{
	struct err e;
	int back = local_came_back(j, r->address, &e);
	if (back == 1) {
		local_result(ret, RESULT_FAILED, STATUS(5, 4, 6),
			S("mail loop: it has passed this address before"));
		return;
	}
	if (back < 0 || expand(j, r, answer, &e) < 0) {
		local_result(
			ret, RESULT_DEFERRED, STATUS(4, 3, 0), arena_dup(&j->mem, slice_z(e.text)));
		return;
	}
	local_result(ret, RESULT_EXPANDED, STATUS(2, 1, 5),
		arena_printf(&j->mem, "alias with %zu targets", answer->ntargets));
	ret->dsn = answer->ntargets == 1;
}

/* ---- what the account wants ---- */

int local_redirect_targets(
	struct job *j, const slice *targets, size_t n, struct rcpt_answer *ret, struct err *e)
{
	struct target t;
	ret->targets = ARENA_ARRAY(&j->mem, slice, n + 1);
	ret->ntargets = 0;
	for (size_t i = 0; i < n; i++) {
		if (find_target(j, targets[i], &t, e) < 0)
			return -1;
		if (!t.leaves || j->rules->forward_outside)
			ret->targets[ret->ntargets++] = targets[i];
	}
	return 0;
}

/* Where its mail goes: targets that may be, and the mailbox itself. None but the mailbox: n is 0. */
static int forward_targets(struct job *j, const struct queue_rcpt *r, const struct forwarding *f,
	struct rcpt_answer *ret, struct err *e)
{
	if (local_redirect_targets(j, f->targets, f->ntargets, ret, e) < 0)
		return -1;
	if (ret->ntargets && f->keep)
		ret->targets[ret->ntargets++] = r->address;
	return 0;
}

/* 1: it was passed on, 0: it stays; -1. Junk is not spread, and what came back stays: so nothing can go round. */
int local_pass_on(struct job *j, const struct queue_rcpt *r, const struct delivery_wishes *w,
	struct result *ret, struct err *e)
{
	struct rcpt_answer to = {0};
	if (!w->forwarding || j->letter->m.flags & (MSG_JUNK | MSG_STAYS))
		return 0;
	int back = local_came_back(j, r->address, e);
	if (back == 0)
		back = local_came_back(j, w->address, e);
	if (back || forward_targets(j, r, w->forwarding, &to, e) < 0)
		return back == 1 ? 0 : -1;
	if (!to.ntargets)
		return 0;
	if (expand(j, r, &to, e) < 0)
		return -1;
	local_result(ret, RESULT_EXPANDED, STATUS(2, 1, 5),
		arena_printf(&j->mem, "forwarded to %zu addresses%s",
			to.ntargets - w->forwarding->keep,
			w->forwarding->keep ? ", a copy stays" : ""));
	ret->dsn = to.ntargets == 1;
	return 1;
}

/* ---- what rules redirect ---- */

int local_redirect(struct job *j, const struct queue_rcpt *r, const struct local_version *version,
	const struct rcpt_answer *to, struct queue_msg ret[SETTLE_EXPANSIONS_MAX], size_t *ret_n,
	struct err *e)
{
	struct expanding x[SETTLE_EXPANSIONS_MAX] = {0};
	struct queue_msg of = j->letter->m;
	size_t n = 0;
	if (version) {
		of.blob = version->blob;
		of.size = version->size;
		of.summary = version->summary;
		of.prefix = (slice){0};
	}
	x[HERE].of = x[AWAY].of = &of;
	int status = expand_into(j, x, r, to, e);
	for (int i = 0; i < SETTLE_EXPANSIONS_MAX; i++) {
		if (status == 0 && x[i].m.nrcpts) {
			buf_put(&x[i].top, buf_slice(&x[i].prefix));
			ret[n] = x[i].m;
			ret[n++].prefix = arena_dup(&j->mem, buf_slice(&x[i].top));
		}
		local_expanding_done(&x[i]);
	}
	*ret_n = n;
	return status;
}
