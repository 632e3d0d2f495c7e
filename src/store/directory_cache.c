/*
 * struct directory: the directory as servers see it. Answers are kept in two generations of bounded
 * size (what is still asked for moves to the young one, the old one is dropped when the young is
 * full), the routes all together. A lookup that is answered from memory never waits.
 *
 * Changes by other processes are noticed by the version in the database. It is read with every
 * miss, and in the background when it was not read for half a second; a lookup that comes later
 * than a second after the last reading waits for a new one first. So nobody acts on what is older
 * than that.
 *
 * One connection, lent to one pool job at a time. Everything else runs in the loop's thread.
 */
#include "base/mem.h"
#include "base/must.h"
#include "base/time.h"
#include "run/co.h"
#include "run/pool.h"
#include "store/directory_impl.h"
#include "store/forward.h"
#include "store/rename.h"

#include <inttypes.h>
#include <stdio.h>

#define CHECK_AFTER (500 * MSEC)
#define STALE_AFTER SECOND
#define LOCK_WAIT (30 * SECOND)

struct generation {
	struct map answers;
	struct arena mem;
};

struct directory {
	struct sql *db;
	slice postmaster;
	bool busy, closing; /* a pool job has the connection; to be freed when it is back */
	struct cond idle;
	uint64_t version; /* 0: nothing known yet */
	instant checked_at;
	struct generation young, old;
	struct route_table *routes; /* NULL: not read since the last change */
};

/* All routes, by name and by what they match. */
struct route_table {
	struct arena mem;
	struct map by_name, by_match;
};

/* What is kept of one answer. */
struct answer {
	struct rcpt_answer rcpt;
	bool yes; /* of a sender check */
	bool known; /* there is such a login: one of these */
	struct login_facts *facts;
	struct memberships *memberships;
	struct delivery_wishes *wishes;
	slice belonging;
};

/* ---- memory ---- */

static void drop_generation(struct generation *g)
{
	map_done(&g->answers);
	arena_done(&g->mem);
	*g = (struct generation){0};
}

static void drop_routes(struct directory *d)
{
	struct route_table *t = take(&d->routes);
	if (!t)
		return;
	map_done(&t->by_name);
	map_done(&t->by_match);
	arena_done(&t->mem);
	free(t);
}

static void forget_all(struct directory *d)
{
	drop_generation(&d->young);
	drop_generation(&d->old);
	drop_routes(d);
}

static struct rcpt_answer copy_answer(const struct rcpt_answer *from, struct arena *a)
{
	struct rcpt_answer to = *from;
	to.backend = arena_dup(a, from->backend);
	if (from->targets) {
		to.targets = ARENA_ARRAY(a, slice, from->ntargets);
		for (size_t i = 0; i < from->ntargets; i++)
			to.targets[i] = arena_dup(a, from->targets[i]);
	}
	return to;
}

static struct login_facts copy_facts(const struct login_facts *from, struct arena *a)
{
	struct login_facts to = *from;
	to.address = arena_dup(a, from->address);
	to.name = arena_dup(a, from->name);
	to.language = arena_dup(a, from->language);
	return to;
}

static void keep(struct directory *d, slice key, const struct answer *answer)
{
	struct answer *copy = ARENA_NEW(&d->young.mem, struct answer);
	copy->rcpt = copy_answer(&answer->rcpt, &d->young.mem);
	copy->yes = answer->yes;
	copy->known = answer->known;
	copy->belonging = arena_dup(&d->young.mem, answer->belonging);
	if (answer->known && answer->facts)
		*(copy->facts = ARENA_NEW(&d->young.mem, struct login_facts)) =
			copy_facts(answer->facts, &d->young.mem);
	if (answer->known && answer->memberships)
		*(copy->memberships = ARENA_NEW(&d->young.mem, struct memberships)) =
			directory_copy_memberships(answer->memberships, &d->young.mem);
	if (answer->wishes)
		*(copy->wishes = ARENA_NEW(&d->young.mem, struct delivery_wishes)) =
			forward_copy_wishes(answer->wishes, &d->young.mem);
	map_put(&d->young.answers, key, copy);
	if (d->young.answers.n < DIRECTORY_CACHE_MAX / 2)
		return;
	drop_generation(&d->old);
	d->old = d->young;
	d->young = (struct generation){0};
}

static const struct answer *recall(struct directory *d, slice key)
{
	const struct answer *hit = map_get(&d->young.answers, key);
	if (hit || !(hit = map_get(&d->old.answers, key)))
		return hit;
	keep(d, key, hit);
	hit = map_get(&d->young.answers, key);
	return hit ? hit : map_get(&d->old.answers, key);
}

/* ---- asking the database ---- */

/* Work for a pool thread. `run` gets the job; the version is read before it. */
struct job {
	struct directory *d;
	int (*run)(struct job *j);
	slice login, address, found;
	int64_t id;
	struct arena *a;
	struct answer answer;
	struct route_table *routes;
	uint64_t version;
	int result;
	struct err e;
};

static void do_job(void *arg)
{
	struct job *j = arg;
	j->result = directory_version(j->d->db, &j->version, &j->e);
	if (j->result == 0 && j->run)
		j->result = j->run(j);
}

static void saw_version(struct directory *d, uint64_t version)
{
	if (version != d->version)
		forget_all(d);
	d->version = version;
	d->checked_at = instant_now();
}

static void give_back(struct directory *d)
{
	d->busy = false;
	cond_wake_one(&d->idle);
}

/* Runs the job with the connection to itself. */
static int ask(struct directory *d, struct job *j, struct err *e)
{
	must(co_self() || !d->busy);
	while (d->busy)
		if (cond_wait(&d->idle, instant_in(LOCK_WAIT), e) < 0) {
			if (!d->busy) /* woken and cancelled at once: the turn goes on */
				cond_wake_one(&d->idle);
			return -1;
		}
	j->d = d;
	d->busy = true;
	pool_call(do_job, j);
	give_back(d);
	if (j->result < 0) {
		*e = j->e;
		return -1;
	}
	saw_version(d, j->version);
	return 0;
}

static void free_directory(struct directory *d)
{
	forget_all(d);
	sql_close(d->db);
	free((char *)d->postmaster.p);
	free(d);
}

static void background_check_done(void *arg)
{
	struct job *j = arg;
	struct directory *d = j->d;
	give_back(d);
	if (d->closing)
		free_directory(d);
	else if (j->result == 0)
		saw_version(d, j->version);
	free(j); /* after a failure the next lookup asks again, and reports it when it must */
}

static void check_in_background(struct directory *d)
{
	struct job *j = NEW(struct job);
	j->d = d;
	d->busy = true;
	pool_post(do_job, background_check_done, j);
}

/* Makes sure that what is in memory is not older than a second. */
static int freshen(struct directory *d, struct err *e)
{
	instant age = instant_now() - d->checked_at;
	if (d->version && age < CHECK_AFTER)
		return 0;
	if (d->version && age < STALE_AFTER && co_self()) {
		if (!d->busy)
			check_in_background(d);
		return 0;
	}
	struct job j = {0};
	return ask(d, &j, e);
}

/* ---- recipients and senders ---- */

static int run_rcpt(struct job *j)
{
	return directory_resolve(
		j->d->db, j->address, j->d->postmaster, j->a, &j->answer.rcpt, &j->e);
}

static int run_renamed(struct job *j)
{
	int r = rename_since(j->d->db, j->address, j->id, j->a, &j->found, &j->e);
	j->answer.yes = r > 0;
	return r < 0 ? -1 : 0;
}

static int run_sender(struct job *j)
{
	return directory_check_sender(
		j->d->db, j->login, j->address, j->d->postmaster, j->a, &j->answer.yes, &j->e);
}

/* Foreign and backend domains answer for all their addresses at once. */
static bool whole_domain(const struct rcpt_answer *r)
{
	return r->kind == RCPT_UNKNOWN_DOMAIN || r->kind == RCPT_BACKEND;
}

int directory_rcpt(
	struct directory *d, slice address, struct arena *a, struct rcpt_answer *ret, struct err *e)
{
	struct directory_name n;
	if (!directory_name(address, a, &n)) {
		*ret = (struct rcpt_answer){.kind = RCPT_UNKNOWN_DOMAIN, .version = d->version};
		return 0;
	}
	if (freshen(d, e) < 0)
		return -1;
	slice by_domain = arena_printf(a, "@%.*s", SFMT(n.domain));
	const struct answer *hit = recall(d, by_domain);
	if (!hit)
		hit = recall(d, n.address);
	if (hit) {
		*ret = copy_answer(&hit->rcpt, a);
	} else {
		struct job j = {.run = run_rcpt, .address = n.address, .a = a};
		if (ask(d, &j, e) < 0)
			return -1;
		keep(d, whole_domain(&j.answer.rcpt) ? by_domain : n.address, &j.answer);
		*ret = j.answer.rcpt;
	}
	ret->version = d->version;
	return 0;
}

int directory_renamed(struct directory *d, slice address, int64_t since, struct arena *a,
	slice *ret, struct err *e)
{
	struct job j = {.run = run_renamed, .address = address, .id = since, .a = a};
	if (ask(d, &j, e) < 0)
		return -1;
	*ret = j.found;
	return j.answer.yes;
}

int directory_may_send_as(struct directory *d, slice login, slice address, bool *ret, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	slice who, as = {0};
	if (!directory_canonical(login, &a, &who) ||
		(address.n && !directory_canonical(address, &a, &as))) {
		*ret = false;
		return 0;
	}
	if (freshen(d, e) < 0)
		return -1;
	slice key = arena_printf(&a, "%.*s %.*s", SFMT(who), SFMT(as));
	const struct answer *hit = recall(d, key);
	if (hit) {
		*ret = hit->yes;
		return 0;
	}
	struct job j = {.run = run_sender, .login = who, .address = as, .a = &a};
	if (ask(d, &j, e) < 0)
		return -1;
	keep(d, key, &j.answer);
	*ret = j.answer.yes;
	return 0;
}

/* ---- logins ---- */

/* Unknown logins are answers, too. */
static int known_or_not(struct job *j, int r)
{
	j->answer.known = r == 0;
	return r < 0 && j->e.kind != ERR_NOTFOUND ? -1 : 0;
}

static int run_facts(struct job *j)
{
	j->answer.facts = ARENA_NEW(j->a, struct login_facts);
	return known_or_not(
		j, directory_login_facts(j->d->db, j->login, j->a, j->answer.facts, &j->e));
}

static int run_memberships(struct job *j)
{
	j->answer.memberships = ARENA_NEW(j->a, struct memberships);
	return known_or_not(j,
		directory_find_memberships(j->d->db, j->login, j->a, j->answer.memberships, &j->e));
}

/* From memory, or by `run`; *ret lives as long as nothing is waited for, or in *a. */
static int about_login(struct directory *d, slice login, char what, int (*run)(struct job *j),
	struct arena *a, struct answer *ret, struct err *e)
{
	slice who;
	if (!directory_canonical(login, a, &who))
		return err_set(e, ERR_NOTFOUND, "no such account: %.*s", SFMT(login));
	if (freshen(d, e) < 0)
		return -1;
	slice key = arena_printf(a, "%c %.*s", what, SFMT(who));
	const struct answer *hit = recall(d, key);
	if (hit) {
		*ret = *hit;
	} else {
		struct job j = {.run = run, .login = who, .a = a};
		if (ask(d, &j, e) < 0)
			return -1;
		keep(d, key, &j.answer);
		*ret = j.answer;
	}
	return ret->known ? 0 : err_set(e, ERR_NOTFOUND, "no such account: %.*s", SFMT(login));
}

int directory_get_facts(
	struct directory *d, slice login, struct arena *a, struct login_facts *ret, struct err *e)
{
	struct answer found;
	if (about_login(d, login, 'f', run_facts, a, &found, e) < 0)
		return -1;
	*ret = copy_facts(found.facts, a);
	ret->version = d->version;
	return 0;
}

int directory_memberships(
	struct directory *d, slice login, struct arena *a, struct memberships *ret, struct err *e)
{
	struct answer found;
	if (about_login(d, login, 'm', run_memberships, a, &found, e) < 0)
		return -1;
	*ret = directory_copy_memberships(found.memberships, a);
	ret->version = d->version;
	return 0;
}

static int run_belonging(struct job *j)
{
	return known_or_not(
		j, directory_find_belonging(j->d->db, j->login, j->a, &j->answer.belonging, &j->e));
}

int directory_belonging(
	struct directory *d, slice address, struct arena *a, slice *ret, struct err *e)
{
	struct answer found;
	if (about_login(d, address, 'b', run_belonging, a, &found, e) < 0) {
		*ret = S("");
		return e->kind == ERR_NOTFOUND ? 0 : -1;
	}
	*ret = arena_dup(a, found.belonging);
	return 0;
}

static int run_wishes(struct job *j)
{
	j->answer.wishes = ARENA_NEW(j->a, struct delivery_wishes);
	return forward_wishes(j->d->db, j->id, j->a, j->answer.wishes, &j->e);
}

int directory_get_wishes(struct directory *d, int64_t account_id, struct arena *a,
	struct delivery_wishes *ret, struct err *e)
{
	char key[32];
	int n = snprintf(key, sizeof key, "w %" PRId64, account_id);
	if (freshen(d, e) < 0)
		return -1;
	const struct answer *hit = recall(d, slice_of(key, (size_t)n));
	if (hit) {
		*ret = forward_copy_wishes(hit->wishes, a);
		return 0;
	}
	struct job j = {.run = run_wishes, .id = account_id, .a = a};
	if (ask(d, &j, e) < 0)
		return -1;
	keep(d, slice_of(key, (size_t)n), &j.answer);
	*ret = *j.answer.wishes;
	return 0;
}

uint64_t directory_seen(struct directory *d)
{
	if (!d->busy && instant_now() - d->checked_at >= CHECK_AFTER)
		check_in_background(d);
	return d->version;
}

/* ---- routes ---- */

static int run_routes(struct job *j)
{
	struct route_table *t = NEW(struct route_table);
	struct route *v;
	size_t n;
	j->routes = t;
	if (directory_routes(j->d->db, &t->mem, &v, &n, &j->e) < 0)
		return -1;
	for (size_t i = n; i-- > 0;) { /* of two with one match the first by name stays */
		map_put(&t->by_name, v[i].name, &v[i]);
		if (v[i].match.n && !v[i].disabled)
			map_put(&t->by_match, v[i].match, &v[i]);
	}
	return 0;
}

static int have_routes(struct directory *d, struct err *e)
{
	if (freshen(d, e) < 0)
		return -1;
	if (d->routes)
		return 0;
	struct job j = {.run = run_routes};
	int r = ask(d, &j, e);
	drop_routes(d); /* another coroutine may have been first */
	d->routes = j.routes;
	if (r < 0)
		drop_routes(d);
	return r;
}

static struct route copy_route(const struct route *from, struct arena *a)
{
	struct route to = *from;
	slice *const texts[] = {&to.name, &to.match, &to.protocol, &to.hosts, &to.tls,
		&to.auth_user, &to.auth_secret};
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
		*texts[i] = arena_dup(a, *texts[i]);
	return to;
}

int directory_get_route(
	struct directory *d, slice name, struct arena *a, struct route *ret, struct err *e)
{
	if (have_routes(d, e) < 0)
		return -1;
	const struct route *r = map_get(&d->routes->by_name, name);
	if (!r)
		return err_set(e, ERR_NOTFOUND, "no such route: %.*s", SFMT(name));
	*ret = copy_route(r, a);
	return 0;
}

struct match_search {
	const struct map *by_match;
	const struct route *hit;
};

static bool try_match(void *arg, slice key)
{
	struct match_search *s = arg;
	s->hit = map_get(s->by_match, key);
	return s->hit != NULL;
}

int directory_get_route_for(
	struct directory *d, slice address, struct arena *a, struct route *ret, struct err *e)
{
	if (have_routes(d, e) < 0)
		return -1;
	struct match_search s = {.by_match = &d->routes->by_match};
	if (s.by_match->n == 0 || !directory_route_keys(address, a, try_match, &s))
		return err_set(e, ERR_NOTFOUND, "no route matches %.*s", SFMT(address));
	*ret = copy_route(s.hit, a);
	return 0;
}

/* ---- opening and closing ---- */

int directory_open(slice dir, struct directory **ret, struct err *e)
{
	struct sql *db;
	if (sql_open_read(dir, "directory", &db, e) < 0)
		return -1;
	struct directory *d = NEW(struct directory);
	d->db = db;
	cond_init(&d->idle);
	*ret = d;
	return 0;
}

void directory_set_postmaster(struct directory *d, slice address)
{
	must(!d->busy);
	free((char *)d->postmaster.p);
	d->postmaster = slice_of(mem_dup(address.p, address.n), address.n);
	forget_all(d);
}

void directory_close(struct directory *d)
{
	if (!d)
		return;
	if (d->busy)
		d->closing = true;
	else
		free_directory(d);
}
