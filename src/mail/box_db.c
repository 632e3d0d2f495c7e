/*
 * Reading and changing the shards for box.h: a few connections a database that only read, opened when they are needed
 * and lent to one job of the pool at a time; one that writes for each shard, behind its group commit.
 *
 * Coroutines wait for a connection in turn. Who takes one of each shard takes them in ascending order, so that two of
 * these cannot wait for each other.
 */
#include "base/must.h"
#include "mail/box_impl.h"
#include "run/loop.h"

/* *ret stays NULL where one is to be opened (in the pool). */
static int lend(struct boxes *b, struct box_readers *r, struct sql **ret, struct err *e)
{
	instant deadline = INSTANT_NEVER;
	while (!r->nidle && r->nopen >= b->readers) {
		if (deadline == INSTANT_NEVER)
			deadline = instant_in(BOX_READER_WAIT);
		if (cond_wait(&r->room, deadline, e) == 0)
			continue;
		if (e->kind == ERR_TIMEOUT)
			return err_set(
				e, ERR_TEMP, "%s database: all connections are busy", r->name);
		return -1;
	}
	if (r->nidle) {
		*ret = r->idle[--r->nidle];
	} else {
		r->nopen++;
		*ret = NULL;
	}
	return 0;
}

static void give_back(struct box_readers *r, struct sql *db)
{
	if (db)
		r->idle[r->nidle++] = db;
	else
		r->nopen--;
	cond_wake_one(&r->room);
}

struct read_job {
	struct boxes *b;
	struct sql *db[MAILBOX_SHARDS];
	int first, n;
	box_read_fn fn;
	void *arg;
	struct err *e;
	int result;
	bool brief;
};

/* Several statements take the locks of a database once. */
static int run_one(struct read_job *j, struct sql *db)
{
	if (!j->brief)
		return j->fn(db, j->arg, j->e);
	if (sql_read_begin(db, j->e) < 0)
		return -1;
	int r = j->fn(db, j->arg, j->e);
	sql_read_end(db);
	return r;
}

static void read_in_pool(void *arg)
{
	struct read_job *j = arg;
	j->result = 0;
	for (int i = 0; i < j->n && j->result == 0; i++) {
		struct sql **db = &j->db[i];
		if (!*db)
			j->result =
				sql_open_read(j->b->data, j->b->db[j->first + i].name, db, j->e);
		if (j->result == 0)
			j->result = run_one(j, *db);
	}
}

static int run_read(struct read_job *j)
{
	int lent = 0, r = 0;
	while (lent < j->n && (r = lend(j->b, &j->b->db[j->first + lent], &j->db[lent], j->e)) == 0)
		lent++;
	if (r == 0) {
		if (j->brief && j->db[0])
			pool_call_short(&j->b->db[j->first].pace, read_in_pool, j);
		else
			pool_call(read_in_pool, j);
		r = j->result < 0 ? -1 : 0;
	}
	for (int i = 0; i < lent; i++)
		give_back(&j->b->db[j->first + i], j->db[i]);
	return r;
}

int box_read(struct boxes *b, int which, box_read_fn fn, void *arg, struct err *e)
{
	struct read_job j = {.b = b, .first = which, .n = 1, .fn = fn, .arg = arg, .e = e};
	return run_read(&j);
}

int box_read_brief(struct boxes *b, int64_t account_id, box_read_fn fn, void *arg, struct err *e)
{
	struct read_job j = {.b = b,
		.first = mailbox_shard(account_id),
		.n = 1,
		.fn = fn,
		.arg = arg,
		.e = e,
		.brief = true};
	return run_read(&j);
}

int box_read_shards(struct boxes *b, box_read_fn fn, void *arg, struct err *e)
{
	struct read_job j = {.b = b, .first = 0, .n = MAILBOX_SHARDS, .fn = fn, .arg = arg, .e = e};
	return run_read(&j);
}

void box_readers_close(struct boxes *b)
{
	for (int i = 0; i < BOX_DATABASES; i++) {
		struct box_readers *r = &b->db[i];
		must(r->nidle == r->nopen);
		while (r->nidle)
			sql_close(r->idle[--r->nidle]);
		r->nopen = 0;
	}
}

int box_change_light(struct boxes *b, int64_t account_id, commit_fn fn, void *arg, struct err *e)
{
	int r = commit_run(b->light[mailbox_shard(account_id)], fn, arg, e);
	if (r == 0)
		changes_tell(b->changes, account_id);
	return r;
}

int box_change_brief(struct boxes *b, int64_t account_id, commit_fn fn, void *arg, struct err *e)
{
	int r = commit_run_brief(b->light[mailbox_shard(account_id)], fn, arg, e);
	if (r == 0)
		changes_tell(b->changes, account_id);
	return r;
}

int box_change(struct boxes *b, int64_t account_id, commit_fn fn, void *arg, struct err *e)
{
	int r = commit_run(b->commit[mailbox_shard(account_id)], fn, arg, e);
	if (r == 0)
		changes_tell(b->changes, account_id);
	return r;
}
