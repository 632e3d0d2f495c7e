/*
 * Lists of the directory, for the command line: everything at once, by name. Memory is the caller's
 * arena; a hundred thousand accounts are some tens of megabytes.
 */
#include "base/mem.h"
#include "store/directory_impl.h"

/* A growing array in one go: rows are collected on the heap, then moved to the arena. */
struct rows {
	char *p;
	size_t n, cap, size;
};

static void *add_row(struct rows *r)
{
	if (r->n == r->cap) {
		r->cap = r->cap ? r->cap * 2 : 64;
		r->p = mem_grow(r->p, r->cap * r->size);
	}
	return r->p + r->size * r->n++;
}

static void *move_rows(struct rows *r, struct arena *a)
{
	void *out = arena_alloc(a, r->n * r->size + 1);
	if (r->n)
		memcpy(out, r->p, r->n * r->size);
	return out;
}

int directory_collect(struct sql_stmt *s, size_t size,
	void (*read)(struct sql_stmt *s, struct arena *a, void *row), struct arena *a, void **ret,
	size_t *ret_n, struct err *e)
{
	struct rows rows = {.size = size};
	int r;
	while ((r = sql_step(s, e)) == 1)
		read(s, a, add_row(&rows));
	if (r == 0) {
		*ret = move_rows(&rows, a);
		*ret_n = rows.n;
	}
	free(rows.p);
	return r;
}

static void read_domain(struct sql_stmt *s, struct arena *a, void *row)
{
	*(struct domain *)row = directory_read_domain(s, a);
}

int directory_domains(
	struct sql *db, struct arena *a, struct domain **ret, size_t *ret_n, struct err *e)
{
	struct sql_stmt *s =
		sql_prepare(db, "SELECT " DOMAIN_COLUMNS " FROM domain ORDER BY name", e);
	return s ? directory_collect(s, sizeof **ret, read_domain, a, (void **)ret, ret_n, e) : -1;
}

static void read_account(struct sql_stmt *s, struct arena *a, void *row)
{
	*(struct account *)row = directory_read_account(s, a);
}

/* The domain's id, 0 for the empty name. */
static int domain_id(struct sql *db, slice domain, struct arena *a, int64_t *ret, struct err *e)
{
	struct domain d = {0};
	if (domain.n && directory_domain(db, domain, a, &d, e) < 0)
		return -1;
	*ret = d.id;
	return 0;
}

int directory_accounts(struct sql *db, slice domain, struct arena *a, struct account **ret,
	size_t *ret_n, struct err *e)
{
	int64_t id;
	if (domain_id(db, domain, a, &id, e) < 0)
		return -1;
	struct sql_stmt *s = sql_prepare(db,
		"SELECT " ACCOUNT_COLUMNS " FROM " ACCOUNT_TABLES
		" WHERE account.deleted_at = 0 AND ($1 = 0 OR account.domain_id = $1)"
		" ORDER BY account.domain_id, account.address",
		e);
	if (!s)
		return -1;
	sql_bind_int(s, 1, id);
	return directory_collect(s, sizeof **ret, read_account, a, (void **)ret, ret_n, e);
}

static void read_alias(struct sql_stmt *s, struct arena *a, void *row)
{
	*(struct alias *)row = (struct alias){
		arena_dup(a, sql_text(s, 0)), arena_dup(a, sql_text(s, 1)), sql_int(s, 2)};
}

int directory_aliases(struct sql *db, slice domain, struct arena *a, struct alias **ret,
	size_t *ret_n, struct err *e)
{
	int64_t id;
	if (domain_id(db, domain, a, &id, e) < 0)
		return -1;
	struct sql_stmt *s = sql_prepare(db,
		"SELECT address, target, account_id FROM alias WHERE $1 = 0 OR domain_id = $1"
		" ORDER BY domain_id, address, target",
		e);
	if (!s)
		return -1;
	sql_bind_int(s, 1, id);
	return directory_collect(s, sizeof **ret, read_alias, a, (void **)ret, ret_n, e);
}

static void read_route(struct sql_stmt *s, struct arena *a, void *row)
{
	*(struct route *)row = directory_read_route(s, a);
}

int directory_routes(
	struct sql *db, struct arena *a, struct route **ret, size_t *ret_n, struct err *e)
{
	struct sql_stmt *s =
		sql_prepare(db, "SELECT " ROUTE_COLUMNS " FROM route ORDER BY name", e);
	return s ? directory_collect(s, sizeof **ret, read_route, a, (void **)ret, ret_n, e) : -1;
}
