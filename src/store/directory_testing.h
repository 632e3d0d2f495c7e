/* What the tests of the directory share: one in a private directory, with domains and with a person in it. */
#pragma once
#include "store/directory.h"
#include "store/sql.h"
#include "store/store_testing.h"

static inline struct sql *directory_testing_open(const struct testdir *d)
{
	struct err e;
	struct sql *db;
	OK(sql_open(testdir_slice(d), "directory", &db, &e));
	OK(sql_migrate(db, directory_migrations, directory_migrations_n, &e));
	return db;
}

static inline void directory_testing_domain(struct sql *db, slice name)
{
	struct err e;
	OK(directory_domain_add(db, &(struct domain){.name = name, .kind = DOMAIN_LOCAL}, &e));
}

/* A directory with ann@here.test. */
static inline struct sql *directory_testing_ann(const struct testdir *d, int64_t *ret_id)
{
	AUTO(arena) struct arena a = {0};
	struct account account;
	struct err e;
	struct sql *db = directory_testing_open(d);
	directory_testing_domain(db, S("here.test"));
	OK(directory_account_add(db, S("ann@here.test"), S("Ann"), S("long enough"), &e));
	OK(directory_account(db, S("ann@here.test"), &a, &account, &e));
	*ret_id = account.id;
	return db;
}

/* A directory with the domains one.test and two.test. */
struct place {
	struct testdir dir;
	struct sql *db;
	struct arena a;
};

static inline struct place *place(void)
{
	struct place *p = NEW(struct place);
	p->dir = testdir_make();
	p->db = directory_testing_open(&p->dir);
	directory_testing_domain(p->db, S("one.test"));
	directory_testing_domain(p->db, S("two.test"));
	return p;
}

static inline void leave(struct place *p)
{
	sql_close(p->db);
	auto_testdir(&p->dir);
	arena_done(&p->a);
	free(p);
}
