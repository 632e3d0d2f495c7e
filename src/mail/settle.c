/*
 * Bringing results to disk (settle.h). The common case costs no coroutine: two posts to group
 * committers, trace first, then queue. A group whose sender must be told gets a coroutine, which
 * makes the report's blob first. What fails waits in a list; one coroutine hands it in again, ever
 * more slowly, until the disk takes it.
 */
#include "mail/settle.h"

#include "base/mem.h"
#include "base/must.h"
#include "base/rand.h"
#include "mail/notice.h"
#include "mail/settle_impl.h"
#include "run/log.h"
#include "run/loop.h"
#include "run/metrics.h"
#include "store/forward.h"
#include "store/notice.h"

METRIC_GAUGE(pending_now, "posthouse_queue_uncommitted", "",
	"Groups whose results are not yet on disk.");
METRIC_COUNTER(
	commit_failures, "posthouse_queue_commit_failures_total", "", "Failed commits of results.");
METRIC_COUNTER(reports, "posthouse_queue_reports_total", "",
	"Bounces, warnings and success reports made.");

struct settle {
	struct settle_config c; /* bounce and retry point to the next two */
	struct bounce_config bounce;
	struct retry_config retry;
	struct arena mem[2]; /* their strings: the present ones, and those before (a report may be
				under way) */
	unsigned pending;
	struct list failed; /* dockets to be committed again */
	bool retrying;
	unsigned reporting;
	struct cond report_slot, all_done;
	struct list report_waiting; /* dockets that wait for a slot */
};

void settle_configure(
	struct settle *s, const struct bounce_config *bounce, const struct retry_config *retry)
{
	arena_done(&s->mem[1]);
	s->mem[1] = s->mem[0];
	s->mem[0] = (struct arena){0};
	struct arena *a = &s->mem[0];
	s->bounce = *bounce;
	s->bounce.hostname = arena_dup(a, bounce->hostname);
	s->bounce.from = arena_dup(a, bounce->from);
	s->bounce.doubles_to = arena_dup(a, bounce->doubles_to);
	if (bounce->signing) {
		struct signing *signing = ARENA_NEW(a, struct signing);
		*signing = (struct signing){
			signing_conf_copy(bounce->signing->conf, a), bounce->signing->signer};
		s->bounce.signing = signing;
	}
	s->retry = *retry;
	int64_t *waits = ARENA_ARRAY(a, int64_t, retry->nwaits + 1);
	if (retry->nwaits)
		memcpy(waits, retry->waits, retry->nwaits * sizeof *waits);
	s->retry.waits = waits;
}

struct settle *settle_new(const struct settle_config *c)
{
	struct settle *s = NEW(struct settle);
	s->c = *c;
	s->c.bounce = &s->bounce;
	s->c.retry = &s->retry;
	settle_configure(s, c->bounce, c->retry);
	list_init(&s->failed);
	list_init(&s->report_waiting);
	cond_init(&s->report_slot);
	cond_init(&s->all_done);
	return s;
}

static void docket_free(struct docket *k)
{
	for (size_t i = 0; i < k->extra.nmade; i++)
		blob_settle(k->s->c.blobs, k->extra.made[i].blob);
	letter_unref(k->l);
	arena_done(&k->mem);
	for (int i = 0; i < SETTLE_EXPANSIONS_MAX; i++)
		arena_done(&k->expansion_mem[i]);
	arena_done(&k->report_mem);
	free(k);
}

void settle_free(struct settle *s)
{
	while (!list_empty(&s->failed)) /* could not be committed: the queue still has them */
		docket_free(list_entry(list_shift(&s->failed), struct docket, node));
	while (!list_empty(&s->report_waiting))
		docket_free(list_entry(list_shift(&s->report_waiting), struct docket, node));
	arena_done(&s->mem[0]);
	arena_done(&s->mem[1]);
	free(s);
}

static void announce(struct settle *s, const struct queue_msg *m)
{
	struct letter *l = letter_copy(m);
	s->c.made(s->c.arg, l);
	letter_unref(l);
}

/* Everything is on disk. */
static void finish(struct docket *k)
{
	struct settle *s = k->s;
	s->c.settled(s->c.arg, k->token);
	for (size_t i = 0; i < k->expansions.n; i++)
		announce(s, &k->expansions.v[i]);
	for (size_t i = 0; i < k->extra.nmade; i++)
		announce(s, &k->extra.made[i]);
	if (k->has_report)
		announce(s, &k->report);
	if (k->next_at && s->c.deferred)
		s->c.deferred(s->c.arg, k->next_at);
	if (k->rerouted)
		s->c.rerouted(s->c.arg);
	docket_free(k);
	metric_set(&pending_now, --s->pending);
	if (s->pending == 0)
		cond_wake_all(&s->all_done);
}

/* ---- the two transactions ---- */

static int trace_tx(struct sql *db, void *arg, struct err *e)
{
	const struct docket *k = arg;
	for (size_t i = 0; i < k->nended; i++)
		if (trace_add_tx(db, &k->ended[i], e) < 0)
			return -1;
	return 0;
}

/* Answers are a courtesy: when too many wait to be sent they are left out. */
static int answer_tx(
	struct sql *db, const struct docket *k, const struct settle_answer *a, struct err *e)
{
	const struct queue_msg *m = &k->l->m;
	int64_t now = wall_now();
	struct notice n = {
		.kind = NOTICE_AUTOREPLY, .to = m->sender, .idx = -1, .data = a->data, .at = now};
	int due = notice_has_room(db, e);
	if (due == 1 && (a->quiet || !a->key.n))
		due = autoreply_note_tx(
			db, a->account_id, a->key.n ? a->key : m->sender, now, a->quiet, e);
	return due == 1 ? notice_add_tx(db, &n, e) : due;
}

/* What is wrong is remembered in any case; whoever wrote the script hears of it when there is room. */
static int fault_tx(struct sql *db, const struct settle_fault *f, struct err *e)
{
	int r = script_fault_note_tx(db, &f->fault, e);
	if (r == 1)
		r = notice_has_room(db, e);
	if (r <= 0)
		return r;
	AUTO(arena) struct arena a = {0};
	const struct notice n = {.kind = NOTICE_SCRIPT,
		.to = f->owner,
		.idx = -1,
		.data = notice_script_data(&f->fault, &a),
		.at = f->fault.last_at};
	return notice_add_tx(db, &n, e);
}

static int extra_tx(struct sql *db, const struct docket *k, struct err *e)
{
	const struct settle_extra *x = &k->extra;
	for (size_t i = 0; i < x->nmade; i++)
		if (queue_add_tx(db, &x->made[i], e) < 0)
			return -1;
	for (size_t i = 0; i < x->nanswers; i++)
		if (answer_tx(db, k, &x->answers[i], e) < 0)
			return -1;
	for (size_t i = 0; i < x->nhooks; i++)
		if (webhook_add_tx(db, &x->hooks[i], e) < 0)
			return -1;
	for (size_t i = 0; i < x->nfaults; i++)
		if (fault_tx(db, &x->faults[i], e) < 0)
			return -1;
	return 0;
}

static int queue_tx(struct sql *db, void *arg, struct err *e)
{
	const struct docket *k = arg;
	const struct queue_msg *m = &k->l->m;
	if (k->has_report && queue_add_tx(db, &k->report, e) < 0)
		return -1;
	for (size_t i = 0; i < k->expansions.n; i++)
		if (queue_add_tx(db, &k->expansions.v[i], e) < 0)
			return -1;
	for (size_t i = 0; i < k->nanswers; i++)
		if (answer_tx(db, k, &k->answers[i], e) < 0)
			return -1;
	if (extra_tx(db, k, e) < 0)
		return -1;
	if (k->nupdated && queue_update_tx(db, m->id, k->updated, k->nupdated, e) < 0)
		return -1;
	return k->nended ? queue_end_tx(db, m->id, k->end_idx, k->nended, e) : 0;
}

static void retry_later(struct docket *k, const struct err *e);
static void queue_done(void *arg, const struct err *e)
{
	struct docket *k = arg;
	if (e)
		retry_later(k, e);
	else
		finish(k);
}

static void trace_done(void *arg, const struct err *e)
{
	struct docket *k = arg;
	if (e) {
		retry_later(k, e);
		return;
	}
	k->traced = true;
	commit_post(k->s->c.queue, queue_tx, queue_done, k);
}

static void submit_plain(struct docket *k)
{
	if (k->nended && !k->traced)
		commit_post(k->s->c.trace, trace_tx, trace_done, k);
	else
		commit_post(k->s->c.queue, queue_tx, queue_done, k);
}

/* ---- with a report ---- */

/* True: k->report is made, or it turned out that there is nobody to tell. */
static bool make_report(struct docket *k, struct err *e)
{
	const struct settle_config *c = &k->s->c;
	arena_reset(&k->report_mem);
	k->has_report = false;
	k->report = (struct queue_msg){.id = k->report.id}; /* the trace may name it already */
	if (bounce_make(c->bounce, c->routes, c->blobs, &k->l->m, k->told, k->ntold, wall_now(),
		    &k->report_mem, &k->report, e) == 0) {
		k->has_report = true;
		if (k->tries == 0)
			metric_add(&reports, 1);
		return true;
	}
	if (e->kind != ERR_NOTFOUND && e->kind != ERR_LIMIT && e->kind != ERR_PERM)
		return false;
	char id[MSG_ID_TEXT];
	msg_id_print(k->l->m.id, id);
	log_warn(NULL, "queue.unreportable", F("id", id), F("sender", k->l->m.sender),
		F("error", e));
	return true;
}

static int commit_with_report(struct docket *k, struct err *e)
{
	struct settle *s = k->s;
	if (!make_report(k, e))
		return -1;
	if (k->has_report && !k->traced)
		settle_note_report(k, k->report.id, k->report.arrived_at);
	if (k->nended && !k->traced && commit_run(s->c.trace, trace_tx, k, e) < 0) {
		if (k->has_report)
			blob_settle(s->c.blobs, k->report.blob);
		return -1;
	}
	k->traced = true;
	if (k->has_report)
		return commit_run_blob(s->c.queue, k->report.blob, queue_tx, k, e);
	return commit_run(s->c.queue, queue_tx, k, e);
}

/* Works as long as somebody waits for a report. */
static void reporter(void *arg)
{
	struct settle *s = arg;
	struct list *n;
	while ((n = list_shift(&s->report_waiting))) {
		struct docket *k = list_entry(n, struct docket, node);
		struct err e;
		if (commit_with_report(k, &e) == 0)
			finish(k);
		else
			retry_later(k, &e);
	}
	s->reporting--;
}

static void submit(struct docket *k)
{
	struct settle *s = k->s;
	if (k->ntold == 0) {
		submit_plain(k);
		return;
	}
	list_append(&s->report_waiting, &k->node);
	if (s->reporting < SETTLE_BOUNCES_AT_ONCE) {
		s->reporting++;
		co_go("settle.report", reporter, s);
	}
}

/* ---- again and again ---- */

static void hand_in_again(struct settle *s)
{
	struct list again;
	list_init(&again);
	for (struct list *n; (n = list_shift(&s->failed));)
		list_append(&again, n);
	for (struct list *n; (n = list_shift(&again));)
		submit(list_entry(n, struct docket, node));
}

/* The waits grow while nothing of what was handed in got through. */
static void retrier(void *arg)
{
	struct settle *s = arg;
	int64_t wait = SETTLE_RETRY_FIRST_MS * MSEC;
	struct err e;
	while (!list_empty(&s->failed)) {
		unsigned before = s->pending;
		if (co_sleep(instant_in(wait), &e) < 0)
			break; /* the process ends: the queue still has them */
		hand_in_again(s);
		wait = s->pending < before ? SETTLE_RETRY_FIRST_MS * MSEC : wait * 2;
		if (wait > SETTLE_RETRY_MOST_MS * MSEC)
			wait = SETTLE_RETRY_MOST_MS * MSEC;
		if (list_empty(&s->failed) && co_sleep(instant_in(wait), &e) < 0)
			break;
	}
	s->retrying = false;
}

static void retry_later(struct docket *k, const struct err *e)
{
	struct settle *s = k->s;
	metric_add(&commit_failures, 1);
	if (k->tries++ == 0)
		log_error(NULL, "queue.commit_failed", F("error", e), F("pending", s->pending));
	if (e->kind == ERR_EXISTS) { /* an id was taken */
		k->report.id = 0;
		k->traced = false;
		for (size_t i = 0; i < k->expansions.n; i++)
			k->expansions.v[i].id = msg_id_new();
		for (size_t i = 0; i < k->extra.nmade; i++)
			k->extra.made[i].id = msg_id_new();
	}
	list_append(&s->failed, &k->node);
	if (s->retrying)
		return;
	s->retrying = true;
	co_go("settle.retry", retrier, s);
}

/* ---- the way in and the way out ---- */

static void nothing_to_write(void *arg)
{
	finish(arg);
}

void settle_group(struct settle *s, struct letter *l, const struct settle_rcpt *v, size_t n,
	const struct attempt *attempt, const struct expansions *expansions, void *token)
{
	struct docket *k = NEW(struct docket);
	k->s = s;
	k->l = letter_ref(l);
	k->token = token;
	list_init(&k->node);
	metric_set(&pending_now, ++s->pending);
	settle_plan(k, &s->c, v, n, attempt, expansions, wall_now(), rand_u64());
	if (k->nended + k->nupdated == 0 && k->expansions.n == 0)
		loop_post(nothing_to_write, k);
	else
		submit(k);
}

unsigned settle_drain(struct settle *s, instant deadline)
{
	struct err e;
	while (s->pending && cond_wait(&s->all_done, deadline, &e) == 0)
		;
	return s->pending;
}

unsigned settle_pending(const struct settle *s)
{
	return s->pending;
}
