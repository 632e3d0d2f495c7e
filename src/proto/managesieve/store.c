/* The process's connection to the scripts (managesieve.h): one at a time uses it, in the pool. */
#include "base/mem.h"
#include "proto/managesieve/session.h"
#include "run/co.h"
#include "run/pool.h"

struct managesieve_store {
	struct sql *db;
	bool busy;
	struct cond free;
};

int managesieve_store_open(slice data, struct managesieve_store **ret, struct err *e)
{
	struct sql *db;
	if (sql_open(data, "directory", &db, e) < 0)
		return -1;
	*ret = NEW(struct managesieve_store);
	(*ret)->db = db;
	cond_init(&(*ret)->free);
	return 0;
}

void managesieve_store_close(struct managesieve_store *st)
{
	if (!st)
		return;
	sql_close(st->db);
	free(st);
}

struct call {
	struct sql *db;
	int (*fn)(struct sql *db, void *arg, struct err *e);
	void *arg;
	struct err *e;
	int result;
};

static void run(void *arg)
{
	struct call *c = arg;
	c->result = c->fn(c->db, c->arg, c->e);
}

int managesieve_store_call(struct managesieve_store *st,
	int (*fn)(struct sql *db, void *arg, struct err *e), void *arg, struct err *e)
{
	enum { WAIT_S = 30 };
	struct call c = {.db = st->db, .fn = fn, .arg = arg, .e = e};
	instant until = instant_in(WAIT_S * SECOND);
	while (st->busy)
		if (cond_wait(&st->free, until, e) < 0)
			return -1;
	st->busy = true;
	pool_call(run, &c);
	st->busy = false;
	cond_wake_one(&st->free);
	return c.result;
}
