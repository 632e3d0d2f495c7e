/*
 * Posting webhooks that people's scripts asked for (store/webhook.h): JSON by HTTPS to hosts that the administrator allows ([sieve]
 * webhook_hosts, looked at again before each try; private addresses only with webhook_private), beside the mail and never in its way.
 * What is not taken is tried again, ever more slowly, for a day; what is refused for good (4xx) is not. Each is posted at least once; those of
 * one account to one URL in their order, and one at a time of an account, so that who answers slowly delays his own.
 */
#include "bin/queue_scripts.h"

#include "base/mem.h"
#include "bin/queue.h"
#include "bin/queue_letters.h"
#include "run/fetch.h"
#include "run/log.h"
#include "run/metrics.h"
#include "store/webhook.h"

METRIC_COUNTER(posted, "posthouse_rules_webhooks_total", "", "Webhooks that were taken.");
METRIC_COUNTER(
	dropped, "posthouse_rules_webhooks_dropped_total", "", "Webhooks that were given up.");

enum {
	AT_ONCE = 2, /* below FETCH_AT_ONCE: others fetch, too */
	LOOKED_AT = 32,
	ANSWER_MAX = 64 * 1024
};
#define LOOK_EVERY (2 * SECOND)
#define POST_TIME (10 * SECOND)
#define FIRST_WAIT (5 * SECOND)
#define MOST_WAIT HOUR
#define LIFETIME DAY

struct posters {
	struct queue *q;
	struct group workers;
	int64_t busy[AT_ONCE]; /* accounts whose hooks are being posted; 0: none */
	uint64_t noted; /* results: what was read before one may be posted already */
};
struct posting {
	struct queue *q;
	struct webhook w;
	int64_t next_at; /* 0: done */
};

static int64_t wait_after(int64_t tries)
{
	int64_t wait = FIRST_WAIT;
	while (tries-- > 0 && wait < MOST_WAIT)
		wait *= 2;
	return wait < MOST_WAIT ? wait : MOST_WAIT;
}

static bool is_final(const struct fetch_answer *a)
{
	if (a->failure == FETCH_BAD_URL)
		return true;
	return a->failure == FETCH_STATUS && a->status >= 400 && a->status < 500 &&
	       a->status != 408 && a->status != 429;
}

static int note_result(struct sql *db, void *arg, struct err *e)
{
	const struct posting *p = arg;
	return p->next_at ? webhook_later_tx(db, p->w.seq, p->next_at, e)
			  : webhook_done_tx(db, p->w.seq, e);
}

static int finish(struct posting *p)
{
	struct err e;
	if (commit_run(p->q->queue_commit, note_result, p, &e) == 0)
		return 0;
	log_warn(NULL, "rules.webhook", F("error", &e)); /* it is posted again */
	return -1;
}

static void give_up(struct posting *p, const char *why)
{
	metric_add(&dropped, 1);
	log_warn(NULL, "rules.webhook_dropped", F("url", p->w.url), F("account", p->w.account_id),
		F("tries", p->w.tries + 1), F("reason", why));
	p->next_at = 0;
}

/* -1: what came of it is not noted. */
static int post(struct posting *p)
{
	AUTO(arena) struct arena a = {0};
	struct queue_settings *set = p->q->settings;
	const struct scripts_conf *c = conf_get(set->config.conf, &scripts_section);
	const struct fetch_want want = {.url = p->w.url,
		.ca_file = set->config.tls->ca,
		.max = ANSWER_MAX,
		.timeout = POST_TIME,
		.outside = !c->webhook_private,
		.post = p->w.body,
		.post_type = S("application/json")};
	struct fetch_answer answer;
	struct err e;
	if (!scripts_may_reach(c, p->w.url)) {
		give_up(p, "its host is not allowed any more");
		return finish(p);
	}
	set->refs++; /* through a reload */
	int r = fetch(p->q->dns, &want, &a, &answer, &e);
	queue_settings_unref(set);
	int64_t now = wall_now();
	if (r == 0) {
		metric_add(&posted, 1);
		p->next_at = 0;
	} else if (p->q->stopping || co_cancelled()) {
		return -1;
	} else {
		p->next_at = now + wait_after(p->w.tries);
		if (is_final(&answer) || now - p->w.made_at > LIFETIME)
			give_up(p, e.text);
	}
	return finish(p);
}

struct looking {
	struct arena *a;
	struct webhook *v;
	size_t n;
	int64_t next_at;
};

static int look(struct sql *queue, struct sql *directory, void *arg, struct err *e)
{
	struct looking *l = arg;
	(void)directory;
	return webhook_due(queue, wall_now(), LOOKED_AT, l->a, &l->v, &l->n, &l->next_at, e);
}

/* Takes a place for this account. False: one of its hooks is being posted. */
static bool take_place(struct posters *p, int64_t account_id, int64_t **ret)
{
	for (int i = 0; i < AT_ONCE; i++)
		if (p->busy[i] == account_id)
			return false;
	for (int i = 0; i < AT_ONCE; i++)
		if (!p->busy[i]) {
			*ret = &p->busy[i];
			**ret = account_id;
			return true;
		}
	return false;
}

/* One of them. False: none is due, or it should be tried later. */
static bool work(struct posters *p)
{
	AUTO(arena) struct arena a = {0};
	struct looking l = {.a = &a};
	struct err e;
	int64_t *place = NULL;
	uint64_t before = p->noted;
	size_t i = 0;
	if (queue_letters_read(p->q->letters, look, &l, &e) < 0) {
		log_warn(NULL, "rules.webhook", F("error", &e));
		return false;
	}
	if (p->noted != before)
		return true;
	while (i < l.n && !take_place(p, l.v[i].account_id, &place))
		i++;
	if (i == l.n)
		return false;
	struct posting one = {.q = p->q, .w = l.v[i]};
	int r = post(&one);
	*place = 0;
	p->noted++;
	return r == 0;
}

static void poster(void *arg)
{
	struct posters *p = arg;
	struct err e;
	do {
		while (!p->q->stopping && work(p))
			;
	} while (co_sleep(instant_in(LOOK_EVERY), &e) == 0);
}

void queue_webhooks_run(void *arg)
{
	struct posters p = {.q = arg};
	group_init(&p.workers);
	for (int i = 0; i < AT_ONCE; i++)
		group_go(&p.workers, "queue.webhook", poster, &p);
	group_join(&p.workers);
}
