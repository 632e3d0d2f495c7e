/*
 * A session of the queue process: a coroutine that works for one destination as long as flow has
 * groups for it. Loads each, decides its route again, delivers by what the destination is
 * (mailboxes, another system, nowhere), and hands the results to settle without waiting for the
 * disk.
 */
#include "base/mem.h"
#include "bin/queue.h"
#include "bin/queue_maillist.h"
#include "bin/queue_letters.h"
#include "run/log.h"
#include "run/metrics.h"
#include <stdio.h>

METRIC_GAUGE(open_sessions, "posthouse_queue_sessions", "", "Sessions of the queue process.");
METRIC_COUNTER(skipped, "posthouse_queue_skipped_total", "",
	"Groups deferred without an attempt because their destination is down.");

enum { YIELD_EVERY = 16 };

static struct result own_result(enum result_kind kind, struct status_code status, slice text)
{
	return (struct result){.kind = kind, .status = status, .text = text};
}

static void all_results(struct queue_session *s, struct result r)
{
	for (size_t i = 0; i < s->n; i++)
		s->v[i].result = r;
}

/* ---- what belongs to the group ---- */

static bool belongs(const struct queue_session *s, const struct queue_rcpt *r, int64_t now)
{
	return r->state == RCPT_WAITING && r->next_at <= now + SECOND &&
	       slice_eq(r->dest, flow_key(s->fs->dest));
}

static void pick_rcpts(struct queue_session *s)
{
	const struct queue_msg *m = &s->letter->m;
	int64_t now = wall_now();
	s->v = ARENA_ARRAY(&s->mem, struct settle_rcpt, m->nrcpts);
	s->n = 0;
	for (size_t i = 0; i < m->nrcpts; i++)
		if (belongs(s, &m->rcpts[i], now))
			s->v[s->n++].at = (uint32_t)i;
}

/* 1: s->letter is there; 0: it has left the queue; -1: try later. */
static int get_letter(struct queue_session *s, const struct flow_item *it)
{
	struct err e;
	if (it->letter) {
		s->letter = letter_ref(it->letter);
		return 1;
	}
	if (queue_feed_load(s->q, it->id, &s->letter, &e) == 0)
		return 1;
	if (e.kind == ERR_NOTFOUND)
		return 0;
	log_error(NULL, "queue.load", F("error", &e));
	co_sleep(instant_in(SECOND), &e);
	return -1;
}

/* ---- routes may have changed since the message was accepted ---- */

/* True when this recipient still goes by this session. */
static bool still_here(struct queue_session *s, struct settle_rcpt *v)
{
	const struct queue_rcpt *r = &s->letter->m.rcpts[v->at];
	struct route_decision d;
	struct err e;
	if (route_decide(&s->q->routes, r->address, false, &s->mem, &d, &e) < 0 ||
		slice_eq(d.dest, r->dest))
		return true;
	if (d.kind != ROUTE_ERROR) {
		v->result = own_result(RESULT_REROUTED, STATUS(0, 0, 0), (slice){0});
		v->result.dest = d.dest;
	} else {
		enum result_kind kind = d.status.cls == 4 ? RESULT_DEFERRED : RESULT_FAILED;
		v->result = own_result(kind, d.status, d.text);
	}
	return false;
}

/* Moves those that go elsewhere behind the others: s->n is what remains to be tried; returns all.
 */
static size_t decide_again(struct queue_session *s)
{
	size_t all = s->n;
	if (wall_now() - s->letter->m.arrived_at < QUEUE_REROUTE_AGE_S * SECOND)
		return all;
	for (size_t i = 0; i < s->n;) {
		if (still_here(s, &s->v[i])) {
			i++;
			continue;
		}
		struct settle_rcpt moved = s->v[i];
		s->v[i] = s->v[--s->n];
		s->v[s->n] = moved;
	}
	return all;
}

/* ---- nowhere ---- */

static void refuse(struct queue_session *s)
{
	for (size_t i = 0; i < s->n; i++) {
		const struct queue_rcpt *r = &s->letter->m.rcpts[s->v[i].at];
		struct status_code status = STATUS(5, 7, 0);
		slice text = r->reason.n ? r->reason : S("refused by an administrator");
		status_parse(&text, &status); /* policies say which */
		if (s->kind == ROUTE_ERROR)
			route_error(s->name, &status, &text);
		s->v[i].result =
			own_result(status.cls == 4 ? RESULT_DEFERRED : RESULT_FAILED, status, text);
	}
}

/* ---- one group ---- */

static struct queue_token *token_new(struct queue_session *s, struct flow_item *it)
{
	struct queue_token *t = NEW(struct queue_token);
	*t = (struct queue_token){s->q, it, s->letter->from_db};
	return t;
}

static void settle(struct queue_session *s, struct flow_item *it, size_t n)
{
	flow_settling(s->q->flow, it);
	if (s->kind == ROUTE_SMTP || s->kind == ROUTE_BACKEND)
		queue_outbound_note(s->q, &s->letter->m, s->v, n);
	settle_group(s->q->settle, s->letter, s->v, n, &s->attempt, NULL, token_new(s, it));
}

/* Minutes east of UTC where people are. */
static int zone_of(const struct queue_session *s)
{
	slice name = s->settings->config.digest->zone;
	const struct zone *z = zones_get(&s->q->letters->zones, name, NULL);
	return (int)(zone_offset(z, wall_now() / SECOND) / 60);
}

static void deliver_locally(struct queue_session *s, struct flow_item *it)
{
	uint32_t *at = ARENA_ARRAY(&s->mem, uint32_t, s->n);
	for (size_t i = 0; i < s->n; i++)
		at[i] = s->v[i].at;
	flow_settling(s->q->flow, it);
	flow_report(s->q->flow, s->fs, FLOW_OK, 0, (slice){0}, instant_now());
	const struct delivery_conf *c = s->settings->config.delivery;
	const struct local_rules rules = {.forward = &s->settings->forward,
		.plus_folders = c->plus_folders,
		.forward_outside = c->forward_outside,
		.autoreply = c->autoreply,
		.scripts = conf_get(s->settings->config.conf, &scripts_section),
		.signing = &s->settings->signing,
		.hostname = s->settings->config.hostname,
		.zone = zone_of(s)};
	local_deliver(s->q->local, s->letter, at, s->n, &rules, token_new(s, it));
}

/* The destination is down: the group shares its fate. */
static void skip(struct queue_session *s, struct flow_item *it)
{
	metric_add(&skipped, 1);
	slice reason = flow_reason(s->fs->dest);
	struct status_code status = STATUS(4, 4, 1);
	status_parse(&reason, &status);
	struct result r = own_result(RESULT_DEFERRED, status,
		arena_printf(&s->mem, "destination is down: %.*s", SFMT(reason)));
	r.skipped = true;
	all_results(s, r);
	settle(s, it, s->n);
}

/* False: the session had better end (its connection could not be made). */
static bool deliver_remotely(struct queue_session *s, struct flow_item *it, size_t all)
{
	instant start = instant_now();
	struct queue_smtp_outcome o = queue_smtp_deliver(s);
	instant now = instant_now();
	if (co_cancelled() && o.untried)
		all_results(s, own_result(RESULT_UNTRIED, STATUS(0, 0, 0), (slice){0}));
	bool alive = flow_report(s->q->flow, s->fs, o.verdict, now - start, o.reason, now);
	if (o.untried && alive && all == s->n && flow_putback(s->q->flow, it, now))
		return false;
	settle(s, it, all);
	return !o.untried;
}

static void take_in(struct queue_session *s, struct flow_item *it, size_t all)
{
	if (s->n > 0 && s->kind == ROUTE_LIST)
		queue_maillist_deliver(s);
	else if (s->n > 0 && s->kind == ROUTE_REPORT && s->name.n)
		queue_user_report_deliver(s);
	else if (s->n > 0 && s->kind == ROUTE_REPORT)
		queue_report_in_deliver(s);
	else if (s->n > 0)
		queue_honeypot_deliver(s);
	flow_report(s->q->flow, s->fs, FLOW_OK, 0, (slice){0}, instant_now());
	settle(s, it, all);
}

/* An attempt that an administrator's bounce met under way ends first: it may have delivered. */
static void bounce(struct queue_session *s, struct flow_item *it)
{
	if (flow_others_under_way(s->q->flow, it)) {
		queue_feed_release(s->q, it, s->letter->from_db);
		queue_feed_due(s->q, wall_now() + SECOND);
		return;
	}
	refuse(s);
	settle(s, it, s->n);
}

static bool deliver(struct queue_session *s, struct flow_item *it)
{
	pick_rcpts(s);
	if (s->n == 0) { /* held or deferred meanwhile */
		queue_feed_release(s->q, it, s->letter->from_db);
		return true;
	}
	if (s->kind == ROUTE_LOCAL) {
		deliver_locally(s, it);
		return true;
	}
	if (s->kind == ROUTE_BOUNCE) {
		bounce(s, it);
		return true;
	}
	if (s->kind == ROUTE_LIST) { /* sees itself whether there is one */
		take_in(s, it, s->n);
		return true;
	}
	size_t all = decide_again(s);
	if (s->kind == ROUTE_REPORT || s->kind == ROUTE_HONEYPOT) {
		take_in(s, it, all);
		return true;
	}
	if (s->kind == ROUTE_ERROR)
		refuse(s);
	if (s->kind == ROUTE_ERROR || s->n == 0) {
		settle(s, it, all);
		return true;
	}
	if (it->skip && all == s->n) {
		skip(s, it);
		return true;
	}
	return deliver_remotely(s, it, all);
}

static bool handle(struct queue_session *s, struct flow_item *it)
{
	bool go_on = true;
	arena_reset(&s->mem);
	s->attempt = (struct attempt){0};
	int r = get_letter(s, it);
	if (r <= 0) {
		queue_feed_release(s->q, it, r == 0);
		if (r < 0)
			queue_feed_sweep(s->q);
		return true;
	}
	go_on = deliver(s, it);
	letter_unref(s->letter);
	s->letter = NULL;
	return go_on;
}

/* ---- the session ---- */

/* True when there may be work. */
static bool wait_for_work(struct queue_session *s)
{
	int64_t patience =
		s->smtp ? s->settings->config.delivery->reuse_time : QUEUE_IDLE_LOCAL_S * SECOND;
	instant until = instant_in(patience);
	struct err e;
	while (!s->woken)
		if (cond_wait(&s->wake, until, &e) < 0)
			return s->woken;
	return true;
}

static void work(struct queue_session *s)
{
	for (unsigned n = 1; !co_cancelled(); n++) {
		s->woken = false;
		struct flow_item *it = flow_next(s->q->flow, s->fs, instant_now());
		if (it ? !handle(s, it) : s->fs->must_end || !wait_for_work(s))
			return;
		if (n % YIELD_EVERY == 0)
			co_yield();
	}
}

static void print_card(void *arg, void *file)
{
	const struct queue_session *s = arg;
	char id[MSG_ID_TEXT] = "-";
	if (s->letter)
		msg_id_print(s->letter->m.id, id);
	fprintf(file, "queue session: dest=%s message=%s sent=%u\n", s->key, id, s->sent);
}

static void session_main(void *arg)
{
	struct queue_session *s = arg;
	struct queue *q = s->q;
	co_set_card((struct co_card){print_card, s});
	metric_add(&open_sessions, 1);
	work(s);
	/* First the slot, so that a slow QUIT keeps nobody waiting. */
	flow_session_end(q->flow, s->fs, instant_now());
	queue_smtp_close(s);
	metric_add(&open_sessions, -1);
	queue_settings_unref(s->settings);
	arena_done(&s->mem);
	arena_done(&s->host_mem);
	free(s->key);
	free(s);
	cond_wake_all(&q->sessions_changed);
}

void queue_session_start(void *arg, struct flow_session *fs)
{
	struct queue *q = arg;
	struct queue_session *s = NEW(struct queue_session);
	s->q = q;
	s->fs = fs;
	s->settings = q->settings;
	s->settings->refs++;
	slice key = flow_key(fs->dest);
	s->key = mem_dup(key.p, key.n);
	cond_init(&s->wake);
	if (!route_parse(slice_of(s->key, key.n), &s->kind, &s->name)) {
		s->kind = ROUTE_ERROR;
		s->name = S("5.3.5 unknown kind of destination");
	}
	fs->user = s;
	group_go(&q->sessions, "queue.session", session_main, s);
}

void queue_session_wake(void *arg, struct flow_session *fs)
{
	(void)arg;
	struct queue_session *s = fs->user;
	s->woken = true;
	cond_wake_all(&s->wake);
}
