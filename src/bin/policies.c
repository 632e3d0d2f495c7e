/*
 * struct policies: the document in force, compiled (policies.h). The newest version is read in the
 * background when it was not read for half a second, and waited for when that is longer than a second
 * ago. One connection, lent to one pool job at a time; everything else runs in the loop's thread.
 *
 * Who has been handed a set keeps it while he waits: a new version never pulls it away.
 */
#include "bin/policies.h"

#include "base/mem.h"
#include "base/time.h"
#include "run/co.h"
#include "run/log.h"
#include "run/metrics.h"
#include "run/pool.h"
#include "store/policies.h"
#include "store/sql.h"

#define CHECK_AFTER (500 * MSEC)
#define STALE_AFTER SECOND
#define LOOK_WAIT (5 * SECOND)

enum { TRIED_MAX = 50 }; /* older versions that are tried when the newest cannot be read */

METRIC_GAUGE(in_force, "posthouse_policy_version", "", "Version of the policies in force.");
METRIC_GAUGE(broken, "posthouse_policy_broken", "",
	"1: the newest version of the policies cannot be read, an older one is in force.");

struct policies {
	struct sql *db;
	const struct policy_set *set; /* NULL: none was ever made, or none could be read */
	int64_t version; /* of the set */
	int64_t seen; /* newest in the database that was looked at; -1: none yet */
	instant checked_at;
	bool ready; /* looked at, and there is a set or no document at all */
	bool busy, closing; /* a job has the connection; to be freed when it is back */
	bool failing; /* told */
	struct cond idle;
};

struct job {
	struct policies *p;
	int64_t seen, newest, version;
	bool ready; /* there is a set in force already */
	const struct policy_set *set; /* NULL: nothing to be put into force */
	int result;
	struct err e;
};

/* ---- in the pool ---- */

static int read_version(
	struct sql *db, int64_t version, const struct policy_set **ret, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	struct policies_version v;
	struct policy_set *set;
	struct conf_errors mistakes = {0};
	if (policies_get(db, version, &a, &v, e) < 0)
		return -1;
	slice name = arena_printf(&a, "policies-%lld", (long long)version);
	if (policy_parse(v.text, name, CONF_EN, &a, &set, &mistakes, e) < 0)
		return -1;
	*ret = set;
	return 0;
}

/* A document that cannot be read is ERR_PERM; everything else is the database's trouble. */
static bool is_broken(const struct err *e)
{
	return e->kind == ERR_PERM || e->kind == ERR_NOTFOUND;
}

static int read_newest(struct sql *db, int64_t newest, const struct policy_set **ret_set,
	int64_t *ret_version, struct err *e)
{
	struct err first = {0};
	for (int64_t v = newest; v > 0 && v > newest - TRIED_MAX; v--) {
		if (read_version(db, v, ret_set, e) == 0) {
			*ret_version = v;
			return 0;
		}
		if (!is_broken(e))
			return -1;
		log_error(NULL, "policies.broken", F("version", v), F("error", e));
		if (v == newest)
			first = *e;
	}
	return err_set(e, ERR_TEMP, "no version of the policies can be read: %s", first.text);
}

int policies_newest(
	struct sql *db, const struct policy_set **ret_set, int64_t *ret_version, struct err *e)
{
	int64_t newest;
	if (policies_current_version(db, &newest, e) < 0)
		return -1;
	if (newest > 0)
		return read_newest(db, newest, ret_set, ret_version, e);
	*ret_set = NULL;
	*ret_version = 0;
	return 0;
}

static void do_job(void *arg)
{
	struct job *j = arg;
	struct sql *db = j->p->db;
	j->result = policies_current_version(db, &j->newest, &j->e);
	if (j->result < 0 || j->newest == j->seen || j->newest == 0)
		return;
	if (!j->ready) {
		j->result = read_newest(db, j->newest, &j->set, &j->version, &j->e);
		return;
	}
	j->result = read_version(db, j->newest, &j->set, &j->e);
	j->version = j->newest;
}

/* ---- in the loop ---- */

static void put_in_force(struct policies *p, const struct job *j)
{
	policy_release(p->set);
	p->set = j->set;
	p->version = j->version;
	p->ready = true;
	metric_set(&in_force, p->version);
	metric_set(&broken, j->version != j->newest);
	log_info(NULL, "policies.in_force", F("version", p->version),
		F("policies", p->set ? (int64_t)policy_count(p->set) : 0));
}

/* The newest cannot be read, and there is one in force: it stays. */
static void keep_last_good(struct policies *p, const struct job *j)
{
	p->seen = j->newest;
	metric_set(&broken, 1);
	log_error(NULL, "policies.broken", F("version", j->newest), F("stays", p->version),
		F("error", &j->e));
}

static void take_failure(struct policies *p, const struct job *j)
{
	if (p->ready && is_broken(&j->e)) {
		keep_last_good(p, j);
		return;
	}
	if (!p->failing)
		log_warn(NULL, "policies.failed", F("error", &j->e));
	p->failing = true;
}

static void take_result(struct policies *p, struct job *j)
{
	p->checked_at = instant_now();
	if (j->result < 0) {
		take_failure(p, j);
		return;
	}
	p->failing = false;
	if (j->newest == p->seen)
		return;
	p->seen = j->newest;
	put_in_force(p, j);
}

static void free_policies(struct policies *p)
{
	policy_release(p->set);
	sql_close(p->db);
	free(p);
}

static struct job job_for(struct policies *p)
{
	p->busy = true;
	return (struct job){.p = p, .seen = p->seen, .ready = p->ready};
}

static void give_back(struct policies *p, struct job *j)
{
	take_result(p, j);
	p->busy = false;
	cond_wake_all(&p->idle);
}

static void background_done(void *arg)
{
	struct job *j = arg;
	struct policies *p = j->p;
	give_back(p, j);
	if (p->closing)
		free_policies(p);
	free(j);
}

static void look_in_background(struct policies *p)
{
	struct job *j = NEW(struct job);
	*j = job_for(p);
	pool_post(do_job, background_done, j);
}

/* Makes sure that what is known is not older than a second, if the database can be read. */
static int look(struct policies *p, struct err *e)
{
	instant until = instant_in(LOOK_WAIT);
	while (p->busy) {
		if (cond_wait(&p->idle, until, e) < 0)
			return p->ready && e->kind == ERR_TIMEOUT ? 0 : -1;
		if (p->ready && instant_now() - p->checked_at < STALE_AFTER)
			return 0;
	}
	struct job j = job_for(p);
	pool_call(do_job, &j);
	give_back(p, &j);
	if (p->ready)
		return 0;
	*e = j.e;
	return -1;
}

int policies_current(
	struct policies *p, const struct policy_set **ret_set, int64_t *ret_version, struct err *e)
{
	instant age = instant_now() - p->checked_at;
	if (!p->ready || age >= STALE_AFTER) {
		if (look(p, e) < 0)
			return -1;
	} else if (age >= CHECK_AFTER && !p->busy) {
		look_in_background(p);
	}
	*ret_set = policy_hold(p->set);
	*ret_version = p->version;
	return 0;
}

int policies_open(slice dir, struct policies **ret, struct err *e)
{
	struct sql *db;
	if (sql_open_read(dir, "directory", &db, e) < 0)
		return -1;
	struct policies *p = NEW(struct policies);
	p->db = db;
	p->seen = -1;
	cond_init(&p->idle);
	*ret = p;
	return 0;
}

void policies_close(struct policies *p)
{
	if (!p)
		return;
	if (p->busy)
		p->closing = true;
	else
		free_policies(p);
}
