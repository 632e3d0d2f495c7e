/*
 * The connection: counting it, its class by what is known without waiting, the limits per address
 * and network, block lists. Called for every connection, so it costs a few reads of shared memory.
 */
#include "defence/door_impl.h"

#include "base/mem.h"
#include "defence/reputation.h"
#include "store/list.h"

/* Callers from a good origin are not strangers; asked only when a stranger's limit is met. */
static bool of_good_repute(struct door_visit *v)
{
	struct reputation *r = v->door->c.reputation;
	const struct rep_subjects s = {.ip = &v->caller.ip};
	double sure = 0;
	if (!r || v->source->cls != SOURCE_UNKNOWN || !(v->source->checks & CHECK_REPUTATION))
		return false;
	AUTO(arena) struct arena a = {0};
	AUTO(free) struct signals *scratch = NEW(struct signals);
	scratch->mem = &a;
	return reputation_connection(r, &s, scratch, &sure) > 0.3 && sure > 0.5;
}

static void first_class(struct door_visit *v)
{
	const struct door *d = v->door;
	struct rates *r = d->c.rates;
	const struct source *range = sources_by_address(&d->sources, &v->caller.ip);
	enum source_class c = SOURCE_UNKNOWN;
	if (v->caller.trusted || v->caller.service == DOOR_INTERNAL)
		c = SOURCE_TRUSTED;
	else if (v->caller.service == DOOR_SUBMISSION &&
		 rates_get(r, RATE_LOGINS, visit_address(v)) > 0)
		c = SOURCE_KNOWN;
	bool own = range && c != SOURCE_TRUSTED;
	visit_set_source(v, own ? range : &d->sources.classes[c]);
}

static int64_t excess(const struct door_visit *v)
{
	struct rates *r = v->door->c.rates;
	return rates_get(r, RATE_UNKNOWN_RCPTS, visit_address(v)) -
	       2 * rates_get(r, RATE_GOOD_RCPTS, visit_address(v));
}

static int64_t error_percent(const struct door_visit *v)
{
	struct rates *r = v->door->c.rates;
	int64_t all = rates_get(r, RATE_COMMANDS, visit_address(v));
	if (all < v->source->error_minimum || all == 0)
		return 0;
	return rates_get(r, RATE_ERRORS, visit_address(v)) * 100 / all;
}

int64_t failed_logins(const struct door_visit *v)
{
	struct rates *r = v->door->c.rates;
	return rates_get(r, RATE_AUTH_FAILURES, visit_address(v)) -
	       2 * rates_get(r, RATE_LOGINS, visit_address(v));
}

/* What its address has done in the last hour. */
static bool past_is_bad(struct door_visit *v, struct door_verdict *ret)
{
	struct rates *r = v->door->c.rates;
	const enum door_stage at = STAGE_AT_CONNECT;
	slice key = visit_address(v);
	return verdict_limit(v, at, LIMIT_OFFENCES, WHY_OFFENCES, rates_get(r, RATE_OFFENCES, key),
		       ret) ||
	       verdict_limit(v, at, LIMIT_UNKNOWN_RCPTS, WHY_HARVEST, excess(v), ret) ||
	       verdict_limit(v, at, LIMIT_AUTH_FAILURES, WHY_PASSWORDS, failed_logins(v), ret) ||
	       verdict_limit(v, at, LIMIT_ERROR_RATIO, WHY_ERRORS, error_percent(v), ret);
}

static bool too_often(struct door_visit *v, struct door_verdict *ret)
{
	struct rates *r = v->door->c.rates;
	const enum door_stage at = STAGE_AT_CONNECT;
	return verdict_limit(
		       v, at, LIMIT_CONNECTIONS, WHY_CONNECTIONS, (int64_t)v->caller.open, ret) ||
	       verdict_limit(v, at, LIMIT_CONNECTION_RATE, WHY_CONNECTION_RATE,
		       rates_get(r, RATE_CONNECTIONS, visit_address(v)), ret) ||
	       verdict_limit(v, at, LIMIT_NETWORK_RATE, WHY_NETWORK_RATE,
		       rates_get(r, RATE_NETWORK, slice_of(v->network, v->network_n)), ret);
}

static void count_connection(const struct door_visit *v)
{
	const struct source_rule *l = v->source->limits;
	struct rates *r = v->door->c.rates;
	if (l[LIMIT_CONNECTION_RATE].n)
		rates_add(r, RATE_CONNECTIONS, visit_address(v), 1);
	if (l[LIMIT_NETWORK_RATE].n)
		rates_add(r, RATE_NETWORK, slice_of(v->network, v->network_n), 1);
}

static void init(struct door_visit *v, struct door *d, const struct door_caller *c)
{
	v->door = d;
	v->caller = *c;
	group_init(&v->lookups);
	v->address_n = rate_key_address(&c->ip, v->address).n;
	v->network_n = rate_key_network(&c->ip, v->network).n;
	first_class(v);
}

void door_knock(struct door *d, const struct door_caller *c, struct door_verdict *ret)
{
	struct door_visit v = {0};
	init(&v, d, c);
	verdict_none(ret);
	count_connection(&v);
	bool no = past_is_bad(&v, ret) || too_often(&v, ret);
	if (!no || !of_good_repute(&v))
		return;
	verdict_none(ret);
	visit_set_class(&v, SOURCE_KNOWN);
	if (!past_is_bad(&v, ret))
		too_often(&v, ret);
}

static void ask_lists(struct door_visit *v, struct door_verdict *ret)
{
	struct lists_answer answer;
	const struct lists_facts facts = {.ip = &v->caller.ip};
	if (!v->door->c.lists || v->source->cls == SOURCE_TRUSTED)
		return;
	lists_match(v->door->c.lists, &facts, &v->mem, &answer);
	if (answer.verdict == LISTS_ALLOW) {
		visit_set_class(v, SOURCE_KNOWN);
	} else if (answer.verdict == LISTS_BLOCK) {
		AUTO(buf) struct buf why = BUF(DOOR_WHY_MAX);
		lists_explain(&why, &answer);
		verdict_set(ret, STAGE_AT_CONNECT, DOOR_REJECT, WHY_BLOCKED, "%.*s", (int)why.n,
			why.p ? why.p : "");
	}
}

struct door_visit *door_enter(struct door *d, const struct door_caller *c, struct door_verdict *ret)
{
	struct door_visit *v = NEW(struct door_visit);
	init(v, d, c);
	verdict_none(ret);
	ask_lists(v, ret);
	if (!door_refuses(ret) && !v->excepted && c->service == DOOR_MX)
		lookups_start(v);
	return v;
}

void door_helo(struct door_visit *v, const struct door_helo *h, struct door_verdict *ret)
{
	verdict_none(ret);
	message_close(v);
	slice name = slice_first(h->name, sizeof v->helo);
	bool changed = v->helos && !slice_ieq(name, visit_helo(v));
	bool again = v->helos && !changed;
	memcpy(v->helo, name.p, name.n);
	v->helo_n = name.n;
	v->helo_odd = h->odd;
	v->helos++;
	if (v->caller.service != DOOR_MX || visit_spared(v))
		return;
	if (h->early && !v->early) {
		v->early = true;
		signals_add(door_signals(v), SIGNAL_EARLY_TALKER, 1, S(""));
	}
	if (!visit_checks(v, CHECK_HELO) || again)
		return;
	if (changed)
		signals_add(door_signals(v), SIGNAL_HELO_CHANGED, 1, name);
	lookups_helo(v);
}

void door_may_login(struct door_visit *v, struct door_verdict *ret)
{
	verdict_none(ret);
	verdict_limit(v, STAGE_AT_MAIL, LIMIT_AUTH_FAILURES, WHY_PASSWORDS, failed_logins(v), ret);
}

void door_login(struct door_visit *v, slice login, bool ok)
{
	struct rates *r = v->door->c.rates;
	if (ok) {
		v->login = arena_dup(&v->mem, login);
		rates_add(r, RATE_LOGINS, visit_address(v), 1);
		visit_set_class(v, SOURCE_KNOWN);
		return;
	}
	rates_add(r, RATE_AUTH_FAILURES, visit_address(v), 1);
}
