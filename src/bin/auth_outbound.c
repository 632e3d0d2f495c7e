/*
 * Accounts that send like a stolen one (auth_impl.h): defence/outbound.h stops their sending, which edge and queue do on the spot. When the same account
 * also logged in from a network never seen before during the last days, somebody else has its password: then nobody logs in with it any
 * more, either. Looked at some times a minute, from the table of suspended senders.
 */
#include "base/mem.h"
#include "base/time.h"
#include "bin/auth_impl.h"
#include "defence/outbound.h"
#include "run/log.h"
#include "run/pool.h"

enum { BURSTS_MAX = 100 };
#define LOOK_EVERY (15 * SECOND)
#define LOOK_BACK (2 * MINUTE) /* at start: what happened while this process was away */
#define NEW_FOR (3 * DAY) /* so long a place is held against an account */

struct look {
	struct auth *auth;
	struct arena mem;
	int64_t after, latest;
	slice who[BURSTS_MAX];
	size_t n;
	/* One of them. */
	struct login_facts facts;
	bool found, fresh_place;
	int result;
	struct err e;
};

static bool keep(void *arg, const struct outbound_suspension *s)
{
	struct look *l = arg;
	bool login = slice_index(s->who, '@') > 0 && slice_index(s->who, '@') < s->who.n &&
		     !slice_starts(s->who, S("ip:"));
	if (s->since > l->latest)
		l->latest = s->since;
	if (login && s->since > l->after &&
		(s->why == OUTBOUND_SUDDEN || s->why == OUTBOUND_FAILING ||
			s->why == OUTBOUND_SPAM))
		l->who[l->n++] = arena_dup(&l->mem, s->who);
	return l->n < BURSTS_MAX;
}

static void look_run(void *arg)
{
	struct look *l = arg;
	struct sql *queue;
	l->result = sql_open_read(l->auth->env->config.server->data, "queue", &queue, &l->e);
	if (l->result < 0)
		return;
	l->result = outbound_each(queue, keep, l, &l->e);
	sql_close(queue);
}

static void facts_run(void *arg, struct auth_db *db)
{
	struct look *l = arg;
	l->found =
		directory_login_facts(db->directory, l->who[l->n], &l->mem, &l->facts, &l->e) == 0;
	l->fresh_place = false;
	if (l->found && place_is_new(db->logins, l->facts.id, wall_now() - NEW_FOR, &l->fresh_place,
				&l->e) < 0)
		log_error(NULL, "auth.outbound", F("error", &l->e));
}

static void look_once(struct auth *a, int64_t *after)
{
	struct look *l = NEW(struct look);
	struct err e;
	l->auth = a;
	l->after = l->latest = *after;
	pool_call(look_run, l);
	if (l->result < 0)
		log_error(NULL, "auth.outbound", F("error", &l->e));
	while (l->n > 0) {
		l->n--;
		if (auth_with_db(a, facts_run, l, instant_in(10 * SECOND), &e) < 0)
			continue;
		if (l->found && l->fresh_place)
			auth_places_stolen(a->places, &l->facts,
				S("It sends as it never did, and somebody logged in from a network "
				  "never seen before."),
				S("发信情况异常，且近日有人从从未出现过的网络登录。"));
	}
	*after = l->latest;
	arena_done(&l->mem);
	free(l);
}

void auth_outbound_watch(void *arg)
{
	struct auth *a = arg;
	int64_t after = wall_now() - LOOK_BACK;
	struct err e;
	while (co_sleep(instant_in(LOOK_EVERY), &e) == 0)
		if (a->conf->stolen != STOLEN_OFF)
			look_once(a, &after);
}
