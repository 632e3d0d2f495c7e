/*
 * What changes of the directory share: statements with their values, the end of a transaction, good
 * names, addresses that are taken, what organisations may have. Called by directory_*.c alone.
 */
#include "base/mem.h"
#include "base/utf8.h"
#include "store/directory_impl.h"

#include <stdarg.h>

static struct sql_stmt *query_va(
	struct sql *db, struct err *e, const char *text, const char *types, va_list ap)
{
	struct sql_stmt *s = sql_prepare(db, text, e);
	for (int i = 0; s && types[i]; i++)
		if (types[i] == 'i')
			sql_bind_int(s, i + 1, va_arg(ap, int64_t));
		else
			sql_bind_text(s, i + 1, va_arg(ap, slice));
	return s;
}

struct sql_stmt *directory_query(
	struct sql *db, struct err *e, const char *text, const char *types, ...)
{
	va_list ap;
	va_start(ap, types);
	struct sql_stmt *s = query_va(db, e, text, types, ap);
	va_end(ap);
	return s;
}

int64_t directory_number(struct sql *db, struct err *e, const char *text, const char *types, ...)
{
	va_list ap;
	va_start(ap, types);
	struct sql_stmt *s = query_va(db, e, text, types, ap);
	va_end(ap);
	int r = s ? sql_step(s, e) : -1;
	if (r <= 0)
		return r;
	int64_t n = sql_int(s, 0);
	sql_reset(s);
	return n;
}

int directory_end_change(struct sql *db, int64_t r, struct err *e)
{
	if (r >= 0)
		r = sql_run(db, e, "UPDATE meta SET version = version + 1 WHERE id = 1", "");
	if (r < 0) {
		sql_rollback(db);
		return -1;
	}
	return sql_commit(db, e);
}

bool directory_text_ok(slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] < ' ' || s.p[i] == 0x7f)
			return false;
	return s.n <= DIRECTORY_TEXT_MAX && utf8_valid(s);
}

bool directory_word_ok(slice s)
{
	for (size_t i = 0; i < s.n; i++) {
		char c = ascii_lower(s.p[i]);
		if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (c && strchr("-_.", c))))
			return false;
	}
	return s.n > 0 && s.n <= 64;
}

int directory_local_domain(
	struct sql *db, slice address, struct arena *a, struct domain *ret, struct err *e)
{
	slice name = slice_skip(address, slice_rindex(address, '@') + 1);
	if (directory_domain(db, name, a, ret, e) < 0)
		return -1;
	if (ret->kind == DOMAIN_BACKEND)
		return err_set(e, ERR_PROTO, "%.*s is a backend domain: its addresses are there",
			SFMT(ret->name));
	if (ret->kind == DOMAIN_ALIAS)
		return err_set(e, ERR_PROTO, "%.*s stands for %.*s: its addresses are there",
			SFMT(ret->name), SFMT(ret->stands_for));
	return 0;
}

/* ---- addresses that are taken ---- */

static int account_taken(struct sql *db, slice address, struct err *e)
{
	struct sql_stmt *s = directory_query(
		db, e, "SELECT deleted_at FROM account WHERE address = $1", "t", address);
	int r = s ? sql_step(s, e) : -1;
	if (r <= 0)
		return r;
	bool deleted = sql_int(s, 0) != 0;
	sql_reset(s);
	return deleted ? err_set(e, ERR_EXISTS,
				 "%.*s is a deleted account: it can be recovered or purged",
				 SFMT(address))
		       : err_set(e, ERR_EXISTS, "account %.*s exists already", SFMT(address));
}

int directory_not_taken(struct sql *db, slice address, unsigned by, struct err *e)
{
	int64_t n = 0;
	if ((by & TAKEN_ACCOUNT) && account_taken(db, address, e) < 0)
		return -1;
	if (by & TAKEN_GROUP)
		n = directory_number(
			db, e, "SELECT 1 FROM mailgroup WHERE address = $1", "t", address);
	if (n > 0)
		return err_set(e, ERR_EXISTS, "%.*s is a group already", SFMT(address));
	if (n == 0 && (by & TAKEN_ALIAS))
		n = directory_number(
			db, e, "SELECT 1 FROM alias WHERE address = $1 LIMIT 1", "t", address);
	if (n > 0)
		return err_set(e, ERR_EXISTS, "%.*s is an alias already", SFMT(address));
	if (n == 0)
		n = directory_number(
			db, e, "SELECT 1 FROM maillist WHERE address = $1", "t", address);
	if (n > 0)
		return err_set(e, ERR_EXISTS, "%.*s is a mailing list already", SFMT(address));
	if (n == 0 && (by & TAKEN_ACCOUNT))
		n = directory_number(db, e,
			"SELECT 1 FROM renamed WHERE waits > 0 AND former = $1", "t", address);
	if (n > 0)
		return err_set(e, ERR_TEMP, "%.*s was the address of somebody a moment ago", SFMT(address));
	return n < 0 ? -1 : 0;
}

/* ---- what organisations may have ---- */

/* A quota of an account, where $1 is no parameter: its own, else the class's. */
#define QUOTA "CASE WHEN account.quota <> 0 THEN account.quota ELSE service_class.quota END"

static int too_much(struct sql_stmt *s, struct err *e)
{
	slice name = sql_text(s, 0);
	int64_t most = sql_int(s, 1), bytes = sql_int(s, 2);
	if (most && sql_int(s, 3) > most)
		return err_set(e, ERR_LIMIT, "organisation %.*s may have %lld accounts", SFMT(name),
			(long long)most);
	if (bytes && sql_int(s, 4) > 0)
		return err_set(e, ERR_LIMIT,
			"organisation %.*s has a limit of bytes: all its mailboxes need a quota",
			SFMT(name));
	if (bytes && sql_int(s, 5) > bytes)
		return err_set(e, ERR_LIMIT,
			"organisation %.*s may have quotas of %lld bytes together, not %lld",
			SFMT(name), (long long)bytes, (long long)sql_int(s, 5));
	return 0;
}

static int check_orgs(struct sql *db, struct err *e)
{
	struct sql_stmt *s = sql_prepare(db,
		"SELECT org.name, org.max_accounts, org.max_bytes, COUNT(*),"
		" SUM(CASE WHEN " QUOTA " <= 0 THEN 1 ELSE 0 END), SUM(" QUOTA ")"
		" FROM org JOIN domain ON domain.org_id = org.id"
		" JOIN account ON account.domain_id = domain.id"
		" JOIN service_class ON service_class.id = account.class_id"
		" WHERE org.max_accounts > 0 OR org.max_bytes > 0"
		" GROUP BY org.id, org.name, org.max_accounts, org.max_bytes",
		e);
	int r = s ? 1 : -1;
	while (r == 1 && (r = sql_step(s, e)) == 1)
		if (too_much(s, e) < 0) {
			sql_reset(s);
			r = -1;
		}
	return r;
}

int directory_begin(struct sql *db, struct err *e)
{
	return sql_begin(db, e);
}

int directory_end(struct sql *db, int64_t r, struct err *e)
{
	if (r >= 0 && check_orgs(db, e) < 0)
		r = -1;
	return directory_end_change(db, r, e);
}
