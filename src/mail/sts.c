/*
 * The memory of MTA-STS policies (sts.h; RFC 8461 3.3, 5.1, 10.2). All of it is in memory; what
 * must survive the process is in the database tlspolicy, too. Called by the queue's choice of
 * policy (tls_policy.c).
 *
 * An entry whose domain is being asked about is `busy`: it stays where it is, and others that want
 * it wait. A policy that was fetched holds until its max_age has passed, whatever record and server
 * say meanwhile, unless a newer policy could be fetched.
 */
#include "mail/sts.h"

#include "base/list.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/must.h"
#include "mail/sts_impl.h"
#include "run/co.h"
#include "run/log.h"
#include "run/metrics.h"
#include "run/pool.h"
#include "store/commit.h"
#include "store/tlspolicy.h"

METRIC_COUNTER(fetches, "posthouse_mta_sts_fetches_total", "", "MTA-STS policies fetched.");
METRIC_COUNTER(failures, "posthouse_mta_sts_failures_total", "",
	"MTA-STS policies that could not be fetched.");
METRIC_GAUGE(remembered, "posthouse_mta_sts_domains", "", "Domains whose MTA-STS is remembered.");

enum { REFRESH_EVERY_S = 60, REFRESH_BATCH = 50 };

struct entry {
	struct list by_use; /* least recently used first */
	char *domain; /* also the key in the map */
	bool busy;
	/* The policy; text NULL: none is known. */
	char *text;
	size_t n_text;
	char id[MTA_STS_ID_MAX + 1];
	int64_t fetched_at, expires_at, used_at; /* wall */
	/* When to ask again. */
	instant check_at;
	instant retry_at; /* no fetch before, unless the record has another id than the one that
			     failed */
	unsigned failures;
	char failed_id[MTA_STS_ID_MAX + 1];
	enum tls_failure failure;
	char why[200];
};

struct sts {
	struct dns *dns;
	slice ca_file;
	char *ca_text;
	struct sql *db;
	struct commit *commit;
	struct map entries;
	struct list by_use;
	size_t bytes; /* of policies */
	struct cond changed; /* an entry is not busy any more */
};

/* ---- entries */

static bool in_force(const struct entry *n, int64_t wall)
{
	return n->text && wall < n->expires_at;
}

static void set_text(struct sts *s, struct entry *n, slice text)
{
	s->bytes -= n->n_text;
	free(n->text);
	n->text = text.n ? mem_dup(text.p, text.n) : NULL;
	n->n_text = text.n;
	s->bytes += n->n_text;
}

static void drop(struct sts *s, struct entry *n)
{
	must(!n->busy);
	map_remove(&s->entries, slice_z(n->domain));
	list_remove(&n->by_use);
	set_text(s, n, (slice){0});
	free(n->domain);
	free(n);
	metric_set(&remembered, (int64_t)s->entries.n);
}

/* Room for one more: an entry without policy goes first, whichever was used least recently; a
 * living policy only when there are no others. */
static bool make_room(struct sts *s)
{
	enum { LOOK_AT = 1000 };
	struct entry *victim = NULL;
	int64_t wall = wall_now();
	unsigned seen = 0;
	if (s->entries.n < STS_DOMAINS_MAX && s->bytes < STS_BYTES_MAX)
		return true;
	list_each(l, &s->by_use) {
		struct entry *n = list_entry(l, struct entry, by_use);
		if (n->busy)
			continue;
		if (!victim)
			victim = n;
		if (!in_force(n, wall)) {
			victim = n;
			break;
		}
		if (++seen == LOOK_AT)
			break;
	}
	if (!victim)
		return false;
	if (in_force(victim, wall))
		log_warn(NULL, "mta-sts.forgotten", F("domain", slice_z(victim->domain)));
	drop(s, victim);
	return true;
}

static struct entry *add(struct sts *s, slice domain)
{
	if (!make_room(s))
		return NULL;
	struct entry *n = NEW(struct entry);
	n->domain = mem_dup(domain.p, domain.n);
	list_append(&s->by_use, &n->by_use);
	map_put(&s->entries, domain, n);
	metric_set(&remembered, (int64_t)s->entries.n);
	return n;
}

static void copy(char *to, size_t size, slice from)
{
	size_t n = from.n < size ? from.n : size - 1;
	memcpy(to, from.p ? from.p : "", n);
	to[n] = 0;
}

/* ---- on disk */

static int put_work(struct sql *db, void *arg, struct err *e)
{
	return sts_put_tx(db, arg, e);
}

static void keep(struct sts *s, const struct entry *n)
{
	struct err e;
	struct sts_row row = {.domain = slice_z(n->domain),
		.id = slice_z(n->id),
		.policy = slice_of(n->text, n->n_text),
		.fetched_at = n->fetched_at,
		.expires_at = n->expires_at,
		.used_at = n->used_at};
	if (s->commit && commit_run(s->commit, put_work, &row, &e) < 0)
		log_warn(NULL, "mta-sts.not_kept", F("domain", row.domain), F("error", &e));
}

struct loading {
	struct sts *s;
	int r;
	struct err *e;
};

static void load_row(void *arg, const struct sts_row *r)
{
	struct loading *l = arg;
	struct entry *n =
		r->domain.n && !map_get(&l->s->entries, r->domain) ? add(l->s, r->domain) : NULL;
	if (!n)
		return;
	list_remove(&n->by_use);
	list_prepend(&l->s->by_use, &n->by_use);
	copy(n->id, sizeof n->id, r->id);
	set_text(l->s, n, r->policy);
	n->fetched_at = r->fetched_at;
	n->expires_at = r->expires_at;
	n->used_at = r->used_at;
}

/* The only one who uses the database at this time. */
static void load_in_pool(void *arg)
{
	struct loading *l = arg;
	struct sql *db = l->s->db;
	l->r = sql_begin(db, l->e);
	if (l->r == 0 && sts_expire_tx(db, wall_now(), l->e) < 0) {
		sql_rollback(db);
		l->r = -1;
	}
	if (l->r == 0)
		l->r = sql_commit(db, l->e);
	if (l->r == 0)
		l->r = sts_rows(db, STS_DOMAINS_MAX / 2, load_row, l, l->e);
}

int sts_load(struct sts *s, struct err *e)
{
	struct loading l = {s, 0, e};
	if (s->db)
		pool_call(load_in_pool, &l);
	return l.r;
}

/* ---- asking */

static instant next_check(uint32_t ttl)
{
	int64_t s = ttl;
	s = s < STS_CHECK_LEAST_S ? STS_CHECK_LEAST_S : s > STS_CHECK_MOST_S ? STS_CHECK_MOST_S : s;
	return instant_in(s * SECOND);
}

static void render(const struct mta_sts_policy *p, struct buf *out)
{
	buf_printf(out, "version: STSv1\nmode: %s\n", mta_sts_mode_name(p->mode));
	for (size_t i = 0; i < p->nmx; i++)
		buf_printf(out, "mx: %.*s\n", SFMT(p->mx[i]));
	buf_printf(out, "max_age: %lld\n", (long long)p->max_age);
}

static void fetched(struct sts *s, struct entry *n, const struct sts_asked *got)
{
	AUTO(buf) struct buf text = BUF(2 * MTA_STS_POLICY_MAX);
	render(&got->policy, &text);
	metric_add(&fetches, 1);
	set_text(s, n, buf_slice(&text));
	copy(n->id, sizeof n->id, got->id);
	n->fetched_at = wall_now();
	n->expires_at = n->fetched_at + got->policy.max_age * SECOND;
	n->failures = 0;
	n->failure = TLS_FAIL_NONE;
	log_info(NULL, "mta-sts.policy", F("domain", slice_z(n->domain)), F("id", got->id),
		F("mode", slice_z(mta_sts_mode_name(got->policy.mode))),
		F_USEC("max_age", got->policy.max_age * SECOND));
	keep(s, n);
}

static void not_fetched(struct entry *n, const struct sts_asked *got)
{
	int64_t wait = STS_RETRY_S;
	for (unsigned i = 0; i < n->failures && wait < STS_RETRY_MOST_S; i++)
		wait *= 2;
	wait = wait < STS_RETRY_MOST_S ? wait : STS_RETRY_MOST_S;
	metric_add(&failures, 1);
	n->failures++;
	n->retry_at = instant_in(wait * SECOND);
	n->failure = got->failure;
	copy(n->failed_id, sizeof n->failed_id, got->id);
	copy(n->why, sizeof n->why, got->why);
	log_warn(NULL, "mta-sts.fetch_failed", F("domain", slice_z(n->domain)), F("id", got->id),
		F("failure", slice_z(tls_failure_name(got->failure))), F("why", got->why));
}

/* Is there anything to fetch? */
static bool wants_fetch(const struct entry *n, slice id, bool again)
{
	bool have = in_force(n, wall_now()) && slice_eq(id, slice_z(n->id));
	if (have && !again)
		return false;
	return n->failures == 0 || !slice_eq(id, slice_z(n->failed_id)) ||
	       instant_now() >= n->retry_at;
}

/* The entry is busy. `again`: also a policy that we have. */
static void ask(struct sts *s, struct entry *n, instant deadline, bool again)
{
	AUTO(arena) struct arena a = {0};
	struct sts_asked *got = ARENA_NEW(&a, struct sts_asked);
	uint32_t ttl;
	struct err e;
	if (sts_ask_record(s->dns, slice_z(n->domain), deadline, &a, got, &ttl, &e) < 0) {
		n->check_at = next_check(0);
		return;
	}
	n->check_at = next_check(ttl);
	if (got->record != MTA_STS_FOUND) {
		n->failure = TLS_FAIL_NONE;
		return;
	}
	if (!wants_fetch(n, got->id, again))
		return;
	sts_fetch(s->dns, s->ca_file, slice_z(n->domain), deadline, &a, got);
	if (got->has_policy)
		fetched(s, n, got);
	else if (!co_cancelled())
		not_fetched(n, got);
	if (n->failures && n->retry_at < n->check_at)
		n->check_at = n->retry_at;
}

static void ask_alone(struct sts *s, struct entry *n, instant deadline, bool again)
{
	n->busy = true;
	ask(s, n, deadline, again);
	n->busy = false;
	cond_wake_all(&s->changed);
}

static void answer(struct sts *s, struct entry *n, struct arena *a, struct sts_answer *ret)
{
	int64_t wall = wall_now();
	const char *why;
	list_remove(&n->by_use);
	list_append(&s->by_use, &n->by_use);
	n->used_at = wall;
	ret->failure = n->failure;
	ret->why = n->failure ? arena_dup(a, slice_z(n->why)) : (slice){0};
	if (!in_force(n, wall))
		return;
	ret->id = arena_dup(a, slice_z(n->id));
	ret->text = arena_dup(a, slice_of(n->text, n->n_text));
	ret->found = mta_sts_policy_parse(ret->text, &ret->policy, &why);
}

void sts_get(struct sts *s, slice domain, instant deadline, struct arena *a, struct sts_answer *ret)
{
	struct entry *n;
	struct err e;
	*ret = (struct sts_answer){0};
	for (;;) {
		n = map_get(&s->entries, domain);
		if (!n && !(n = add(s, domain)))
			return;
		if (!n->busy)
			break;
		/* What is known of a policy in force need not wait for its refreshing. */
		if (in_force(n, wall_now()) || cond_wait(&s->changed, deadline, &e) < 0)
			break;
	}
	if (!n->busy && instant_now() >= n->check_at)
		ask_alone(s, n, deadline, false);
	answer(s, n, a, ret);
}

/* ---- refreshing */

static bool is_due(const struct entry *n, int64_t wall)
{
	int64_t age = n->expires_at - n->fetched_at;
	int64_t every = age / 2 < STS_REFRESH_S * SECOND ? age / 2 : STS_REFRESH_S * SECOND;
	return in_force(n, wall) && !n->busy && wall >= n->fetched_at + every &&
	       wall < n->used_at + STS_UNUSED_DAYS * DAY &&
	       (n->failures == 0 || instant_now() >= n->retry_at);
}

static size_t find_due(struct sts *s, struct arena *a, slice v[REFRESH_BATCH])
{
	int64_t wall = wall_now();
	slice key;
	void *value;
	size_t count = 0;
	for (size_t i = 0; count < REFRESH_BATCH && map_next(&s->entries, &i, &key, &value);)
		if (is_due(value, wall))
			v[count++] = arena_dup(a, key);
	return count;
}

void sts_refresher(void *arg)
{
	struct sts *s = arg;
	struct err e;
	while (co_sleep(instant_in(REFRESH_EVERY_S * SECOND), &e) == 0) {
		AUTO(arena) struct arena a = {0};
		slice *due = ARENA_ARRAY(&a, slice, REFRESH_BATCH);
		size_t count = find_due(s, &a, due);
		for (size_t i = 0; i < count && !co_cancelled(); i++) {
			struct entry *n = map_get(&s->entries, due[i]);
			if (n && !n->busy)
				ask_alone(s, n, instant_in(STS_FETCH_S * SECOND), true);
		}
	}
}

/* ---- beginning and end */

struct sts *sts_new(struct dns *d, slice ca_file, struct sql *db)
{
	struct sts *s = NEW(struct sts);
	s->dns = d;
	s->db = db;
	s->commit = db ? commit_new(db, NULL) : NULL;
	list_init(&s->by_use);
	cond_init(&s->changed);
	sts_set_ca(s, ca_file);
	return s;
}

void sts_set_ca(struct sts *s, slice ca_file)
{
	char *old = s->ca_text;
	s->ca_text = mem_dup(ca_file.p ? ca_file.p : "", ca_file.n);
	s->ca_file = slice_of(s->ca_text, ca_file.n);
	free(old);
}

void sts_drain(struct sts *s)
{
	if (s && s->commit)
		commit_drain(s->commit);
}

void sts_free(struct sts *s)
{
	if (!s)
		return;
	list_each(l, &s->by_use)
		drop(s, list_entry(l, struct entry, by_use));
	map_done(&s->entries);
	commit_free(s->commit);
	free(s->ca_text);
	free(s);
}
