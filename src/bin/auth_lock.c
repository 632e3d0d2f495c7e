/*
 * Who guesses is slowed down, locked out, banned (auth_impl.h): failures by account in all its spellings and by network, delays
 * that grow, networks that the administrator or their own failures have banned. The owner is never locked out by
 * what others do: networks where the account logged in lately stay open.
 */
#include "base/mem.h"
#include "base/time.h"
#include "bin/auth_impl.h"
#include "run/log.h"
#include "run/metrics.h"
#include "run/net.h"
#include <arpa/inet.h>
#include <stdio.h>

METRIC_COUNTER(
	banned, "posthouse_auth_banned_total", "", "Networks that were banned for failed logins.");

enum { FAILURES_A_STEP = 5, STEPS_MAX = 12 };

/* The /64 of an IPv6 address: one customer has at least that. */
void auth_network_of(slice ip, char out[64])
{
	unsigned char raw[16];
	char text[64];
	snprintf(text, sizeof text, "%.*s", SFMT(slice_first(ip, 60)));
	snprintf(out, 64, "%s", text);
	if (!strchr(text, ':') || inet_pton(AF_INET6, text, raw) != 1)
		return;
	memset(raw + 8, 0, 8);
	inet_ntop(AF_INET6, raw, out, 64);
}

static bool address(const struct auth_login *l, struct net_addr *ret)
{
	struct err e;
	return net_from_ip(slice_z(l->ip), 0, ret, &e) == 0;
}

static bool trusted(const struct auth *a, const struct auth_login *l)
{
	struct net_addr ip;
	if (!address(l, &ip))
		return false;
	for (size_t i = 0; i < a->conf->trusted.n; i++)
		if (net_cidr_match(&a->conf->trusted.v[i], &ip))
			return true;
	return false;
}

static bool is_banned(const struct auth *a, const struct auth_login *l)
{
	struct net_addr ip;
	int64_t now = a->nbans ? wall_now() : 0;
	if (a->nbans == 0 || !address(l, &ip))
		return false;
	for (size_t i = 0; i < a->nbans; i++)
		if ((a->bans[i].until == 0 || a->bans[i].until > now) &&
			net_cidr_match(&a->bans[i].net, &ip))
			return true;
	return false;
}

const char *auth_network_locked(struct auth *a, const struct auth_login *l)
{
	if (trusted(a, l))
		return NULL;
	if (is_banned(a, l))
		return "the network is banned";
	return auth_failures_count(&a->by_network, slice_z(l->network), instant_now()) >=
			       a->conf->failures_per_ip
		       ? "too many failures from this network"
		       : NULL;
}

/* A name as it is counted: all spellings of an address are one. */
static slice one_spelling(slice name, struct arena *mem)
{
	slice key;
	return name.n && directory_canonical(name, mem, &key) ? key : name;
}

static slice known_name(slice login, const struct auth_login *l, char out[AUTH_NAME_MAX])
{
	int n = snprintf(out, AUTH_NAME_MAX, "%.*s %s", SFMT(slice_first(login, 320)), l->network);
	return slice_of(out, (size_t)n);
}

const char *auth_locked(struct auth *a, const struct auth_login *l, slice name)
{
	AUTO(arena) struct arena mem = {0};
	char text[AUTH_NAME_MAX];
	instant now = instant_now();
	const char *why = auth_network_locked(a, l);
	if (why)
		return why;
	name = one_spelling(name, &mem);
	if (name.n && auth_failures_count(&a->by_login, name, now) >= a->conf->failures_per_login &&
		!auth_failures_count(&a->known, known_name(name, l, text), now))
		return "too many failures of this account";
	return NULL;
}

/* ---- counting ---- */

struct ban_job {
	struct ban ban;
	char network[72];
	int result;
	struct err e;
};

static void ban_run(void *arg, struct sql *logins)
{
	struct ban_job *j = arg;
	j->result = ban_add(logins, &j->ban, &j->e);
}

/* In a coroutine of its own: the one that answers the login must not wait. */
struct ban_task {
	struct auth *auth;
	char network[72];
};

static void ban_go(void *arg)
{
	struct ban_task *t = arg;
	struct ban_job j = {.ban = {.network = slice_z(t->network),
				    .made_at = wall_now(),
				    .until = wall_now() + t->auth->conf->ban_time,
				    .by = S("auth"),
				    .why = S("too many failed logins")}};
	auth_log_with_db(t->auth->log, ban_run, &j);
	if (j.result < 0)
		log_error(
			NULL, "auth.ban", F("network", (const char *)t->network), F("error", &j.e));
	else
		log_warn(NULL, "auth.banned", F("network", (const char *)t->network),
			F("for", t->auth->conf->ban_time / SECOND));
	metric_add(&banned, j.result == 0);
	free(t);
}

static void count_guess(struct auth *a, const struct auth_login *l)
{
	instant now = instant_now();
	slice network = slice_z(l->network);
	if (a->conf->ban_after == 0 || trusted(a, l))
		return;
	auth_failures_add(&a->guessed, network, now);
	if (auth_failures_count(&a->guessed, network, now) != a->conf->ban_after)
		return;
	struct ban_task *t = NEW(struct ban_task);
	t->auth = a;
	snprintf(t->network, sizeof t->network, "%s%s", l->network,
		strchr(l->network, ':') ? "/64" : "");
	co_go("auth.ban", ban_go, t);
}

void auth_count_failure(struct auth *a, const struct auth_login *l, slice name)
{
	AUTO(arena) struct arena mem = {0};
	instant now = instant_now();
	if (!trusted(a, l))
		auth_failures_add(&a->by_network, slice_z(l->network), now);
	if (name.n)
		auth_failures_add(&a->by_login, one_spelling(name, &mem), now);
	count_guess(a, l);
}

void auth_count_refusal(struct auth *a, const struct auth_login *l)
{
	if (!is_banned(a, l))
		count_guess(a, l);
}

void auth_count_success(struct auth *a, const struct auth_login *l, const struct login_facts *f)
{
	char text[AUTH_NAME_MAX];
	instant now = instant_now();
	slice name = known_name(f->address, l, text);
	bool known = auth_failures_count(&a->known, name, now) > 0;
	auth_failures_add(&a->known, name, now);
	if (!trusted(a, l))
		auth_places_ok(a->places, l, f, known,
			auth_failures_count(&a->by_network, slice_z(l->network), now));
}

int64_t auth_delay(struct auth *a, const struct auth_login *l, slice name)
{
	AUTO(arena) struct arena mem = {0};
	instant now = instant_now();
	unsigned of_network = auth_failures_count(&a->by_network, slice_z(l->network), now);
	name = one_spelling(name, &mem);
	unsigned of_name = name.n ? auth_failures_count(&a->by_login, name, now) : 0;
	unsigned steps = (of_network > of_name ? of_network : of_name) / FAILURES_A_STEP;
	int64_t delay = a->conf->failure_delay << (steps > STEPS_MAX ? STEPS_MAX : steps);
	return delay > a->conf->failure_delay_max ? a->conf->failure_delay_max : delay;
}

/* ---- bans ---- */

void auth_bans_look(
	struct auth_db *db, uint64_t version, struct arena *a, struct auth_bans_read *ret)
{
	struct err e;
	*ret = (struct auth_bans_read){0};
	if (ban_version(db->logins, &ret->version, &e) < 0 || ret->version == version)
		return;
	ret->changed = ban_list(db->logins, wall_now(), a, &ret->v, &ret->n, &e) == 0;
}

void auth_bans_take(struct auth *a, const struct auth_bans_read *r)
{
	struct err e;
	if (!r->changed || r->version == a->bans_version)
		return;
	auth_bans_forget(a);
	a->bans = mem_alloc((r->n + 1) * sizeof *a->bans);
	for (size_t i = 0; i < r->n; i++)
		if (net_cidr_parse(r->v[i].network, &a->bans[a->nbans].net, &e) == 0)
			a->bans[a->nbans++].until = r->v[i].until;
	a->bans_version = r->version;
}

void auth_bans_forget(struct auth *a)
{
	free(a->bans);
	a->bans = NULL;
	a->nbans = 0;
	a->bans_version = 0;
}
