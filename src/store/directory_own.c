/*
 * Further addresses of an account: aliases in any local domain that lead to it alone, by which it may
 * send and with which it goes (directory_org.h).
 */
#include "base/mem.h"
#include "store/directory_impl.h"

static int insert_own(struct sql *db, const struct account *v, slice address, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	slice from;
	struct domain d;
	if (!directory_canonical(address, &a, &from))
		return err_set(e, ERR_PROTO, "not a mail address: %.*s", SFMT(address));
	if (directory_local_domain(db, from, &a, &d, e) < 0 ||
		directory_not_taken(db, from, TAKEN_ACCOUNT | TAKEN_GROUP | TAKEN_ALIAS, e) < 0)
		return -1;
	int64_t n = directory_number(
		db, e, "SELECT COUNT(*) FROM alias WHERE account_id = $1", "i", v->id);
	if (n >= DIRECTORY_OWN_MAX)
		return err_set(e, ERR_LIMIT, "an account has at most %d further addresses",
			DIRECTORY_OWN_MAX);
	if (n >= 0)
		n = sql_run(db, e,
			"INSERT INTO alias (address, target, domain_id, account_id)"
			" VALUES ($1, $2, $3, $4)",
			"ttii", from, v->address, d.id, v->id);
	return n < 0 ? -1 : 0;
}

int directory_own_add_tx(struct sql *db, int64_t account_id, slice address, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	struct account v;
	if (directory_account_by_id(db, account_id, &a, &v, e) < 0)
		return -1;
	return v.deleted_at ? err_set(e, ERR_NOTFOUND, "no such account: %.*s", SFMT(v.address))
			    : insert_own(db, &v, address, e);
}

int directory_own_add(struct sql *db, int64_t account_id, slice address, struct err *e)
{
	if (sql_begin(db, e) < 0)
		return -1;
	return directory_end_change(db, directory_own_add_tx(db, account_id, address, e), e);
}

int directory_own_remove(struct sql *db, int64_t account_id, slice address, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	slice from = address;
	if (sql_begin(db, e) < 0)
		return -1;
	int64_t r =
		!directory_canonical(address, &a, &from)
			? 0
			: sql_run(db, e, "DELETE FROM alias WHERE address = $1 AND account_id = $2",
				  "ti", from, account_id);
	if (r == 0)
		r = err_set(e, ERR_NOTFOUND, "not an address of this account: %.*s", SFMT(address));
	return directory_end_change(db, r, e);
}

static void read_text(struct sql_stmt *s, struct arena *a, void *row)
{
	*(slice *)row = arena_dup(a, sql_text(s, 0));
}

int directory_own(struct sql *db, int64_t account_id, struct arena *a, slice **ret, size_t *ret_n,
	struct err *e)
{
	struct sql_stmt *s = directory_query(db, e,
		"SELECT address FROM alias WHERE account_id = $1 ORDER BY address", "i",
		account_id);
	return s ? directory_collect(s, sizeof **ret, read_text, a, (void **)ret, ret_n, e) : -1;
}
