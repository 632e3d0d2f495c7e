/*
 * Organisations (directory_org.h): what domains belong to, and what they may have; which domain
 * belongs to which.
 */
#include "base/mem.h"
#include "base/time.h"
#include "store/directory_impl.h"

/* Deleted accounts count: they can come back. */
#define ORG_QUERY                                                                                  \
	"SELECT org.id, org.name, org.title, org.max_accounts, org.max_bytes, org.disabled,"       \
	" org.created_at,"                                                                         \
	" (SELECT COUNT(*) FROM account JOIN domain ON domain.id = account.domain_id"              \
	"  WHERE domain.org_id = org.id),"                                                         \
	" (SELECT COUNT(*) FROM domain WHERE domain.org_id = org.id),"                             \
	" (SELECT COALESCE(SUM(CASE WHEN account.quota < 0 THEN 0"                                 \
	"   WHEN account.quota > 0 THEN account.quota ELSE service_class.quota END), 0)"           \
	"  FROM account JOIN domain ON domain.id = account.domain_id"                              \
	"  JOIN service_class ON service_class.id = account.class_id"                              \
	"  WHERE domain.org_id = org.id)"                                                          \
	" FROM org"

static void read_org(struct sql_stmt *s, struct arena *a, void *row)
{
	*(struct org *)row = (struct org){
		.id = sql_int(s, 0),
		.name = arena_dup(a, sql_text(s, 1)),
		.title = arena_dup(a, sql_text(s, 2)),
		.max_accounts = (uint64_t)sql_int(s, 3),
		.max_bytes = (uint64_t)sql_int(s, 4),
		.disabled = sql_int(s, 5) != 0,
		.created_at = sql_int(s, 6),
		.accounts = (uint64_t)sql_int(s, 7),
		.domains = (uint64_t)sql_int(s, 8),
		.bytes = (uint64_t)sql_int(s, 9),
	};
}

static int one_org(struct sql_stmt *s, slice name, struct arena *a, struct org *ret, struct err *e)
{
	int r = s ? sql_step(s, e) : -1;
	if (r == 0)
		return err_set(e, ERR_NOTFOUND, "no such organisation: %.*s", SFMT(name));
	if (r < 0)
		return -1;
	read_org(s, a, ret);
	sql_reset(s);
	return 0;
}

int directory_org(struct sql *db, slice name, struct arena *a, struct org *ret, struct err *e)
{
	return one_org(directory_query(db, e, ORG_QUERY " WHERE org.name = $1", "t", name), name, a,
		ret, e);
}

int directory_org_by_id(struct sql *db, int64_t id, struct arena *a, struct org *ret, struct err *e)
{
	return one_org(
		directory_query(db, e, ORG_QUERY " WHERE org.id = $1", "i", id), S("?"), a, ret, e);
}

int directory_orgs(struct sql *db, struct arena *a, struct org **ret, size_t *ret_n, struct err *e)
{
	struct sql_stmt *s = directory_query(db, e, ORG_QUERY " ORDER BY org.name", "");
	return s ? directory_collect(s, sizeof **ret, read_org, a, (void **)ret, ret_n, e) : -1;
}

static int check_org(const struct org *o, struct err *e)
{
	if (!directory_word_ok(o->name))
		return err_set(e, ERR_PROTO,
			"an organisation's name is letters, digits, '-', '_', '.', at most 64");
	if (!directory_text_ok(o->title))
		return err_set(e, ERR_PROTO, "a title must be one line of UTF-8");
	return o->max_accounts > INT64_MAX || o->max_bytes > INT64_MAX
		       ? err_set(e, ERR_PROTO, "a limit that large is none")
		       : 0;
}

static int exists_already(const char *what, slice name, struct err *e)
{
	return e->kind == ERR_EXISTS
		       ? err_set(e, ERR_EXISTS, "%s %.*s exists already", what, SFMT(name))
		       : -1;
}

int directory_org_add(struct sql *db, const struct org *o, struct err *e)
{
	if (check_org(o, e) < 0 || sql_begin(db, e) < 0)
		return -1;
	int64_t r = directory_number(db, e, "SELECT COUNT(*) FROM org", "");
	if (r >= DIRECTORY_ORGS_MAX)
		r = err_set(e, ERR_LIMIT, "at most %d organisations", DIRECTORY_ORGS_MAX);
	if (r >= 0)
		r = sql_run(db, e,
			"INSERT INTO org (name, title, max_accounts, max_bytes, disabled, "
			"created_at)"
			" VALUES ($1, $2, $3, $4, $5, $6)",
			"ttiiii", o->name, o->title, (int64_t)o->max_accounts,
			(int64_t)o->max_bytes, (int64_t)o->disabled, wall_now());
	return directory_end_change(db, r < 0 ? exists_already("organisation", o->name, e) : r, e);
}

int directory_org_save(struct sql *db, const struct org *o, struct err *e)
{
	if (check_org(o, e) < 0 || directory_begin(db, e) < 0)
		return -1;
	int64_t r = sql_run(db, e,
		"UPDATE org SET name = $2, title = $3, max_accounts = $4, max_bytes = $5,"
		" disabled = $6 WHERE id = $1",
		"ittiii", o->id, o->name, o->title, (int64_t)o->max_accounts, (int64_t)o->max_bytes,
		(int64_t)o->disabled);
	if (r == 0)
		r = err_set(e, ERR_NOTFOUND, "no such organisation: %.*s", SFMT(o->name));
	else if (r < 0)
		r = exists_already("organisation", o->name, e);
	return directory_end(db, r, e);
}

/* 0 when no row is found, with the id as $1. */
static int still_has(
	struct sql *db, const char *query, int64_t id, slice name, const char *what, struct err *e)
{
	int64_t n = directory_number(db, e, query, "i", id);
	return n > 0 ? err_set(e, ERR_PERM, "organisation %.*s still has %s", SFMT(name), what)
		     : (int)n;
}

static int remove_org(struct sql *db, const struct org *o, struct err *e)
{
	if (o->id == DIRECTORY_FIRST)
		return err_set(e, ERR_PERM, "the first organisation stays; it can be renamed");
	if (still_has(db, "SELECT 1 FROM domain WHERE org_id = $1 LIMIT 1", o->id, o->name,
		    "domains", e) < 0 ||
		still_has(db, "SELECT 1 FROM department WHERE org_id = $1 LIMIT 1", o->id, o->name,
			"departments", e) < 0 ||
		still_has(db,
			"SELECT 1 FROM mailgroup_member WHERE kind = 5 AND member_id = $1"
			" UNION ALL SELECT 1 FROM shared_member WHERE kind = 5 AND member_id = $1"
			" UNION ALL SELECT 1 FROM maillist_source WHERE kind = 5 AND ref = $1"
			" LIMIT 1",
			o->id, o->name, "a place in a group, shared mailbox or mailing list", e) < 0)
		return -1;
	if (sql_run(db, e, "DELETE FROM script WHERE account_id = 0 AND scope = 2 AND scope_id = $1",
		    "i", o->id) < 0)
		return -1;
	return sql_run(db, e, "DELETE FROM org WHERE id = $1", "i", o->id) < 0 ? -1 : 0;
}

int directory_org_remove(struct sql *db, slice name, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	struct org o;
	if (sql_begin(db, e) < 0)
		return -1;
	int r = directory_org(db, name, &a, &o, e);
	if (r == 0)
		r = remove_org(db, &o, e);
	return directory_end_change(db, r, e);
}

/* ---- domains ---- */

static int move_domain(struct sql *db, slice domain, slice org, struct arena *a, struct err *e)
{
	struct domain d;
	struct org o;
	if (directory_domain(db, domain, a, &d, e) < 0 || directory_org(db, org, a, &o, e) < 0)
		return -1;
	if (d.org_id == o.id)
		return 0;
	if (directory_not_held(db, RETENTION_ORG, d.org_id, e) < 0)
		return -1;
	if (sql_run(db, e, "UPDATE domain SET org_id = $2 WHERE id = $1", "ii", d.id, o.id) < 0)
		return -1;
	return sql_run(db, e, "UPDATE account SET department_id = 0 WHERE domain_id = $1", "i",
		       d.id) < 0
		       ? -1
		       : 0;
}

int directory_domain_move(struct sql *db, slice domain, slice org, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	if (directory_begin(db, e) < 0)
		return -1;
	return directory_end(db, move_domain(db, domain, org, &a, e), e);
}

int directory_domain_disable(struct sql *db, slice domain, bool disabled, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	struct domain d;
	if (sql_begin(db, e) < 0)
		return -1;
	int64_t r = directory_domain(db, domain, &a, &d, e);
	if (r == 0)
		r = sql_run(db, e, "UPDATE domain SET disabled = $2 WHERE id = $1", "ii", d.id,
			(int64_t)disabled);
	return directory_end_change(db, r, e);
}
