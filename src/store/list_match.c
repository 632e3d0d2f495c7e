/*
 * struct lists: the lists as servers see them (list.h): a compiled table that is made anew, in the
 * pool, when the lists' version in the database has changed. The version is read in the background
 * when it was not read for half a second, and waited for when that is longer than a second ago. One
 * connection, lent to one pool job at a time; everything else runs in the loop's thread.
 */
#include "base/mem.h"
#include "base/must.h"
#include "base/time.h"
#include "run/co.h"
#include "run/log.h"
#include "run/pool.h"
#include "store/list_impl.h"

#define CHECK_AFTER (500 * MSEC)
#define STALE_AFTER SECOND
#define LOOK_WAIT (2 * SECOND)

struct lists {
	struct sql *db;
	struct lists_table *table;
	uint64_t version;
	instant checked_at;
	bool busy, closing; /* a job has the connection; to be freed when it is back */
	bool failing; /* told */
	struct cond idle;
};

struct job {
	struct lists *l;
	uint64_t version;
	struct lists_table *table; /* NULL: nothing has changed */
	int result;
	struct err e;
};

static void do_job(void *arg)
{
	struct job *j = arg;
	j->result = lists_version(j->l->db, &j->version, &j->e);
	if (j->result == 0 && (!j->l->table || j->version != j->l->version))
		j->result = lists_table_read(j->l->db, &j->table, &j->e);
}

/* The version was read before the entries: what came between is seen at the next look. */
static void take_result(struct lists *l, struct job *j)
{
	l->checked_at = instant_now();
	if (j->result < 0) {
		if (!l->failing)
			log_warn(NULL, "lists.failed", F("error", &j->e));
		l->failing = true;
		return;
	}
	l->failing = false;
	if (!j->table)
		return;
	lists_table_free(l->table);
	l->table = j->table;
	l->version = j->version;
}

static void free_lists(struct lists *l)
{
	lists_table_free(l->table);
	sql_close(l->db);
	free(l);
}

static void background_done(void *arg)
{
	struct job *j = arg;
	struct lists *l = j->l;
	take_result(l, j);
	l->busy = false;
	cond_wake_all(&l->idle);
	if (l->closing)
		free_lists(l);
	free(j);
}

static void look_in_background(struct lists *l)
{
	struct job *j = NEW(struct job);
	j->l = l;
	l->busy = true;
	pool_post(do_job, background_done, j);
}

static void freshen(struct lists *l)
{
	struct err e;
	instant age = instant_now() - l->checked_at;
	if (age < CHECK_AFTER)
		return;
	if (!co_self()) {
		struct job j = {.l = l};
		do_job(&j);
		take_result(l, &j);
		return;
	}
	if (!l->busy)
		look_in_background(l);
	if (age >= STALE_AFTER && l->busy)
		cond_wait(&l->idle, instant_in(LOOK_WAIT), &e);
}

int lists_open(slice dir, struct lists **ret, struct err *e)
{
	struct job j = {0};
	struct lists *l = NEW(struct lists);
	if (sql_open_read(dir, "directory", &l->db, e) < 0) {
		free(l);
		return -1;
	}
	cond_init(&l->idle);
	j.l = l;
	pool_call(do_job, &j);
	if (j.result < 0) {
		*e = j.e;
		free_lists(l);
		return -1;
	}
	take_result(l, &j);
	*ret = l;
	return 0;
}

void lists_close(struct lists *l)
{
	if (!l)
		return;
	if (l->busy)
		l->closing = true;
	else
		free_lists(l);
}

void lists_match(
	struct lists *l, const struct lists_facts *f, struct arena *a, struct lists_answer *ret)
{
	freshen(l);
	lists_table_match(l->table, f, wall_now(), a, ret);
}

void lists_explain(struct buf *out, const struct lists_answer *answer)
{
	const struct lists_entry *by = answer->by;
	if (!by)
		return;
	buf_printf(out, "%s %s %.*s (%s", by->allow ? "allow" : "block", lists_kind_name(by->kind),
		SFMT(by->what), lists_level_name(by->level));
	if (by->scope.n)
		buf_printf(out, " %.*s", SFMT(by->scope));
	buf_printf(out, ", entry %lld", (long long)by->id);
	if (by->comment.n)
		buf_printf(out, ": %.*s", SFMT(by->comment));
	buf_byte(out, ')');
}
