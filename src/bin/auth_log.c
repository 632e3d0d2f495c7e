/*
 * The log of logins (store/login.h), written some times a second, many rows in one transaction, by one connection. What does
 * not fit is counted and dropped: logging in never waits for its log. Old rows go once an hour.
 */
#include "base/mem.h"
#include "bin/auth_impl.h"
#include "run/log.h"
#include "run/metrics.h"
#include "run/pool.h"

METRIC_COUNTER(dropped, "posthouse_auth_log_dropped_total", "",
	"Logins that could not be written to the log of logins.");

enum { WAITING_MAX = 5000, BATCH = 1000 };
#define WRITE_EVERY (500 * MSEC)

struct entry {
	struct entry *next;
	struct arena mem;
	struct login_row row;
	int64_t app_id;
};

struct auth_log {
	struct auth *auth;
	struct sql *db;
	struct entry *first, **last;
	size_t n;
	bool writing; /* the connection is in use */
	struct cond idle, more;
	instant trimmed;
};

struct auth_log *auth_log_new(struct auth *a)
{
	struct auth_log *log = NEW(struct auth_log);
	log->auth = a;
	log->last = &log->first;
	cond_init(&log->idle);
	cond_init(&log->more);
	return log;
}

static void entry_free(struct entry *n)
{
	arena_done(&n->mem);
	free(n);
}

void auth_log_add(struct auth_log *log, const struct login_row *r, int64_t app_id)
{
	if (log->n >= WAITING_MAX) {
		metric_add(&dropped, 1);
		return;
	}
	struct entry *n = NEW(struct entry);
	n->row = *r;
	n->app_id = app_id;
	slice *const texts[] = {&n->row.login, &n->row.service, &n->row.ip, &n->row.how,
		&n->row.client, &n->row.country, &n->row.why};
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		*texts[i] = arena_dup(&n->mem, slice_first(*texts[i], LOGIN_TEXT_MAX));
	*log->last = n;
	log->last = &n->next;
	log->n++;
	cond_wake_one(&log->more);
}

/* ---- writing ---- */

struct use {
	struct auth_log *log;
	void (*fn)(void *arg, struct sql *logins);
	void *arg;
};

static void use_run(void *arg)
{
	struct use *u = arg;
	u->fn(u->arg, u->log->db);
}

void auth_log_with_db(struct auth_log *log, void (*fn)(void *arg, struct sql *logins), void *arg)
{
	struct use u = {log, fn, arg};
	while (log->writing)
		cond_wait_firm(&log->idle);
	log->writing = true;
	pool_call(use_run, &u);
	log->writing = false;
	cond_wake_one(&log->idle);
}

struct batch {
	struct entry *first;
	int result;
	struct err e;
};

static int write_entries(struct sql *db, struct batch *b)
{
	if (sql_begin(db, &b->e) < 0)
		return -1;
	for (struct entry *n = b->first; n; n = n->next) {
		if (login_add_tx(db, &n->row, &b->e) == 0 &&
			(!n->app_id || app_used_tx(db, n->app_id, n->row.at, n->row.ip,
					       n->row.service, &b->e) == 0))
			continue;
		sql_rollback(db);
		return -1;
	}
	return sql_commit(db, &b->e);
}

static void write_run(void *arg, struct sql *logins)
{
	struct batch *b = arg;
	b->result = write_entries(logins, b);
}

/* The first BATCH of those that wait. */
static size_t cut_batch(struct auth_log *log, struct batch *b)
{
	struct entry **end = &log->first;
	size_t n = 0;
	while (*end && n < BATCH) {
		end = &(*end)->next;
		n++;
	}
	b->first = log->first;
	log->first = *end;
	*end = NULL;
	if (!log->first)
		log->last = &log->first;
	log->n -= n;
	return n;
}

static void write_some(struct auth_log *log)
{
	struct batch b = {0};
	size_t n = cut_batch(log, &b);
	auth_log_with_db(log, write_run, &b);
	if (b.result < 0) {
		metric_add(&dropped, n);
		log_error(NULL, "auth.log", F("error", &b.e), F("lost", n));
	}
	for (struct entry *next; b.first; b.first = next) {
		next = b.first->next;
		entry_free(b.first);
	}
}

struct trim {
	int64_t before, n;
	int result;
	struct err e;
};

static void trim_run(void *arg, struct sql *logins)
{
	struct trim *t = arg;
	t->result = login_trim(logins, t->before, &t->n, &t->e);
}

static void trim_old(struct auth_log *log)
{
	struct trim t = {.before = wall_now() - log->auth->conf->keep_logins};
	auth_log_with_db(log, trim_run, &t);
	if (t.result < 0)
		log_error(NULL, "auth.log", F("error", &t.e));
	else if (t.n == LOGIN_TRIM_MAX)
		return; /* more are left: again soon */
	log->trimmed = instant_now();
}

static void writer(void *arg)
{
	struct auth_log *log = arg;
	struct err e;
	for (;;) {
		int r = log->n ? 0 : cond_wait(&log->more, instant_in(HOUR), &e);
		if (r < 0 && e.kind == ERR_CLOSED && log->n == 0)
			return;
		if (!co_cancelled())
			co_sleep(instant_in(WRITE_EVERY), &e);
		while (log->n)
			write_some(log);
		if (co_cancelled())
			return;
		if (instant_now() - log->trimmed > HOUR)
			trim_old(log);
	}
}

int auth_log_open(struct auth_log *log, struct err *e)
{
	if (login_open(log->auth->env->config.server->data, &log->db, e) < 0)
		return -1;
	co_go("auth.log", writer, log);
	return 0;
}

void auth_log_free(struct auth_log *log)
{
	for (struct entry *next; log->first; log->first = next) {
		next = log->first->next;
		entry_free(log->first);
	}
	sql_close(log->db);
	free(log);
}
