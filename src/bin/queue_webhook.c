/*
 * Posting webhooks that people's scripts asked for (store/webhook.h): JSON by HTTPS to hosts that the administrator allows ([sieve]
 * webhook_hosts, looked at again before each try), beside the mail and never in its way. What is not taken is tried again, ever
 * more slowly, for a day; what is refused for good (4xx) is not.
 */
#include "bin/queue_rules.h"

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

enum { AT_ONCE = 4, ANSWER_MAX = 64 * 1024 };
#define LOOK_EVERY (2 * SECOND)
#define POST_TIME (20 * SECOND)
#define FIRST_WAIT (30 * SECOND)
#define MOST_WAIT HOUR
#define LIFETIME DAY

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

static void finish(struct posting *p)
{
	struct err e;
	if (commit_run(p->q->queue_commit, note_result, p, &e) < 0)
		log_warn(NULL, "rules.webhook", F("error", &e)); /* it is posted again */
}

static void give_up(struct posting *p, const char *why)
{
	metric_add(&dropped, 1);
	log_warn(NULL, "rules.webhook_dropped", F("url", p->w.url), F("account", p->w.account_id),
		F("tries", p->w.tries + 1), F("reason", why));
	p->next_at = 0;
}

static void post(void *arg)
{
	struct posting *p = arg;
	AUTO(arena) struct arena a = {0};
	struct queue_settings *set = p->q->settings;
	const struct rules_conf *c = conf_get(set->config.conf, &rules_section);
	const struct fetch_want want = {.url = p->w.url,
		.ca_file = set->config.tls->ca,
		.max = ANSWER_MAX,
		.timeout = POST_TIME,
		.post = p->w.body,
		.post_type = S("application/json")};
	struct fetch_answer answer;
	struct err e;
	int64_t now = wall_now();
	if (!rules_may_reach(c, p->w.url)) {
		give_up(p, "its host is not allowed any more");
	} else if (fetch(p->q->dns, &want, &a, &answer, &e) == 0) {
		metric_add(&posted, 1);
		p->next_at = 0;
	} else {
		p->next_at = now + wait_after(p->w.tries);
		if (is_final(&answer) || now - p->w.made_at > LIFETIME)
			give_up(p, e.text);
	}
	finish(p);
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
	return webhook_due(queue, wall_now(), AT_ONCE, l->a, &l->v, &l->n, &l->next_at, e);
}

/* How many there were. */
static size_t work(struct queue *q)
{
	AUTO(arena) struct arena a = {0};
	struct looking l = {.a = &a};
	struct group at_once;
	struct err e;
	if (queue_letters_read(q->letters, look, &l, &e) < 0) {
		log_warn(NULL, "rules.webhook", F("error", &e));
		return 0;
	}
	struct posting *v = ARENA_ARRAY(&a, struct posting, l.n + 1);
	group_init(&at_once);
	for (size_t i = 0; i < l.n; i++) {
		v[i] = (struct posting){.q = q, .w = l.v[i]};
		group_go(&at_once, "rules.webhook", post, &v[i]);
	}
	group_join(&at_once);
	return l.n;
}

void queue_webhooks_run(void *arg)
{
	struct queue *q = arg;
	struct err e;
	do {
		while (work(q) == AT_ONCE && !q->stopping)
			;
	} while (co_sleep(instant_in(LOOK_EVERY), &e) == 0);
}
