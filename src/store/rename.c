/*
 * Addresses and domains that change, in the directory (rename.h): everything of this database in one transaction, with a row that says what is
 * still to follow elsewhere.
 */
#include "store/rename_impl.h"

#include "base/mem.h"
#include "base/time.h"
#include "store/directory_impl.h"
#include "store/list.h"

const char rename_schema_up[] =
	"CREATE TABLE renamed ("
	"id {{AUTO_KEY}}, former TEXT NOT NULL, address TEXT NOT NULL, at BIGINT NOT NULL,"
	"by_whom TEXT NOT NULL, waits BIGINT NOT NULL);"
	"CREATE INDEX renamed_waits ON renamed (id) WHERE waits > 0;";
const char rename_schema_down[] = "DROP TABLE renamed;";

#define LISTS_CHANGED "UPDATE meta SET version = version + 1 WHERE id = 2"
#define DIGEST_CHANGED "UPDATE meta SET version = version + 1 WHERE id = 3"

/* Of one account or all of a domain; the account's own row is the caller's. */
static const struct rename_column columns[] = {
	{"SELECT DISTINCT target FROM alias", RENAME_WHOLE,
		"DELETE FROM alias WHERE target = $1 AND address IN"
		" (SELECT address FROM alias WHERE target = $2)",
		"UPDATE alias SET target = $1 WHERE target = $2", NULL},
	{"SELECT DISTINCT address FROM mailgroup_member WHERE kind = 4", RENAME_WHOLE,
		"DELETE FROM mailgroup_member WHERE kind = 4 AND address = $1 AND group_id IN"
		" (SELECT group_id FROM mailgroup_member WHERE kind = 4 AND address = $2)",
		"UPDATE mailgroup_member SET address = $1 WHERE kind = 4 AND address = $2", NULL},
	{"SELECT DISTINCT targets FROM forward", RENAME_LINES, NULL,
		"UPDATE forward SET targets = $1 WHERE targets = $2", NULL},
	{"SELECT DISTINCT scope FROM list_entry WHERE level = 2", RENAME_WHOLE,
		"DELETE FROM list_entry WHERE level = 2 AND scope = $1 AND $2 <> ''",
		"UPDATE list_entry SET scope = $1 WHERE level = 2 AND scope = $2", LISTS_CHANGED},
	{"SELECT DISTINCT scope FROM list_entry WHERE level = 1", RENAME_DOMAIN,
		"DELETE FROM list_entry WHERE level = 1 AND scope = $1 AND $2 <> ''",
		"UPDATE list_entry SET scope = $1 WHERE level = 1 AND scope = $2", LISTS_CHANGED},
	{"SELECT name FROM digest_setting", RENAME_WHOLE,
		"DELETE FROM digest_setting WHERE name = $1 AND $2 <> ''",
		"UPDATE digest_setting SET name = $1 WHERE name = $2", DIGEST_CHANGED},
	{"SELECT DISTINCT send_to FROM digest_setting", RENAME_WORDS, NULL,
		"UPDATE digest_setting SET send_to = $1 WHERE send_to = $2", DIGEST_CHANGED},
	{"SELECT DISTINCT covers FROM digest_setting", RENAME_WORDS, NULL,
		"UPDATE digest_setting SET covers = $1 WHERE covers = $2", DIGEST_CHANGED},
	{"SELECT DISTINCT address FROM maillist_role", RENAME_WHOLE,
		"DELETE FROM maillist_role WHERE address = $1 AND list_id IN"
		" (SELECT list_id FROM maillist_role WHERE address = $2)",
		"UPDATE maillist_role SET address = $1 WHERE address = $2", NULL},
	{"SELECT DISTINCT settings FROM maillist", RENAME_SETTINGS, NULL,
		"UPDATE maillist SET settings = $1 WHERE settings = $2", NULL},
	{"SELECT DISTINCT value FROM account_field WHERE field = 12", RENAME_WHOLE, NULL,
		"UPDATE account_field SET value = $1 WHERE field = 12 AND value = $2", NULL},
	{"SELECT DISTINCT pattern FROM route WHERE pattern LIKE '%@%'", RENAME_WHOLE,
		"UPDATE route SET pattern = '' WHERE pattern = $1 AND $2 <> ''",
		"UPDATE route SET pattern = $1 WHERE pattern = $2", NULL},
};
_Static_assert(LISTS_USER == 2 && LISTS_ORG == 1 && MEMBER_ADDRESS == 4 && FIELD_MANAGER == 12,
	"numbers in columns[]");

/* The addresses that are in a domain. */
static const struct rename_column of_domain[] = {
	{"SELECT address FROM account", RENAME_WHOLE, NULL,
		"UPDATE account SET address = $1 WHERE address = $2", NULL},
	{"SELECT DISTINCT address FROM alias", RENAME_WHOLE, NULL,
		"UPDATE alias SET address = $1 WHERE address = $2", NULL},
	{"SELECT address FROM mailgroup", RENAME_WHOLE, NULL,
		"UPDATE mailgroup SET address = $1 WHERE address = $2", NULL},
	{"SELECT address FROM maillist", RENAME_WHOLE, NULL,
		"UPDATE maillist SET address = $1 WHERE address = $2", NULL},
};
#define COUNT(v) (sizeof(v) / sizeof *(v))

/* Changes the texts, and says that others are to follow. */
static int note(struct sql *db, const struct rename *r, bool domain, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	struct rename_map m;
	rename_map_init(&m, r, 1, &a);
	int done = domain ? rename_columns(db, of_domain, COUNT(of_domain), &m, true, e) : 0;
	if (done == 0)
		done = rename_columns(db, columns, COUNT(columns), &m, true, e);
	rename_map_done(&m);
	if (done < 0)
		return -1;
	return sql_run(db, e,
		       "INSERT INTO renamed (former, address, at, by_whom, waits)"
		       " VALUES ($1, $2, $3, $4, 1)",
		       "ttit", r->from, r->to, wall_now(), r->by) < 0
		       ? -1
		       : 0;
}

/* ---- an account ---- */

/* In another organisation its department is not there, and a hold of the former one would end. */
static int change_place(
	struct sql *db, const struct account *v, const struct domain *to, struct err *e)
{
	int64_t org = directory_number(
		db, e, "SELECT org_id FROM domain WHERE id = $1", "i", v->domain_id);
	if (org < 0)
		return -1;
	if (org == to->org_id)
		return 0;
	if (directory_not_held(db, RETENTION_ORG, org, e) < 0)
		return -1;
	return sql_run(db, e, "UPDATE account SET department_id = 0 WHERE id = $1", "i", v->id) < 0
		       ? -1
		       : 0;
}

/* Another's further addresses, and everything else, are taken; its own become free. */
static int make_free(struct sql *db, const struct account *v, slice to, struct err *e)
{
	if (sql_run(db, e, "DELETE FROM alias WHERE address = $1 AND account_id = $2", "ti", to,
		    v->id) < 0)
		return -1;
	return directory_not_taken(db, to, TAKEN_ACCOUNT | TAKEN_GROUP | TAKEN_ALIAS, e);
}

static int rename_account(struct sql *db, const struct account *v, const struct rename *r,
	bool keep, struct arena *a, struct err *e)
{
	struct domain d;
	if (directory_local_domain(db, r->to, a, &d, e) < 0 || make_free(db, v, r->to, e) < 0 ||
		change_place(db, v, &d, e) < 0)
		return -1;
	if (sql_run(db, e, "UPDATE account SET address = $2, domain_id = $3 WHERE id = $1", "iti",
		    v->id, r->to, d.id) < 0 ||
		(keep && directory_own_add_tx(db, v->id, r->from, e) < 0))
		return -1;
	return note(db, r, false, e);
}

int directory_account_rename(
	struct sql *db, slice address, slice to, bool keep, slice by, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	struct account v;
	struct rename r = {.by = by};
	if (!directory_canonical(to, &a, &r.to))
		return err_set(e, ERR_PROTO, "not a mail address: %.*s", SFMT(to));
	if (directory_begin(db, e) < 0)
		return -1;
	int done = directory_account(db, address, &a, &v, e);
	if (done == 0 && slice_eq(v.address, r.to))
		done = err_set(e, ERR_EXISTS, "%.*s has this address already", SFMT(r.to));
	r.from = v.address;
	if (done == 0)
		done = rename_account(db, &v, &r, keep, &a, e);
	return directory_end(db, done, e);
}

/* ---- a domain ---- */

static int free_name(
	struct sql *db, const struct domain *d, slice to, struct arena *a, struct err *e)
{
	struct domain other;
	if (directory_domain(db, to, a, &other, e) < 0)
		return e->kind == ERR_NOTFOUND ? 0 : -1;
	if (other.kind != DOMAIN_ALIAS || !slice_eq(other.stands_for, d->name))
		return err_set(e, ERR_EXISTS, "domain %.*s exists already", SFMT(to));
	return sql_run(db, e, "DELETE FROM domain WHERE id = $1", "i", other.id) < 0 ? -1 : 0;
}

static int rename_domain(struct sql *db, const struct domain *d, slice to, bool keep, slice by,
	struct arena *a, struct err *e)
{
	const struct rename r = {.from = arena_printf(a, "@%.*s", SFMT(d->name)),
		.to = arena_printf(a, "@%.*s", SFMT(to)),
		.by = by};
	if (d->kind != DOMAIN_LOCAL)
		return err_set(e, ERR_PROTO, "%.*s has no mailboxes here", SFMT(d->name));
	if (free_name(db, d, to, a, e) < 0 ||
		sql_run(db, e, "UPDATE domain SET name = $2 WHERE id = $1", "it", d->id, to) < 0 ||
		sql_run(db, e, "UPDATE domain SET stands_for = $2 WHERE stands_for = $1", "tt",
			d->name, to) < 0 ||
		note(db, &r, true, e) < 0)
		return -1;
	if (keep &&
		sql_run(db, e,
			"INSERT INTO domain (name, kind, backend, callout, disabled, created_at,"
			" org_id, stands_for) VALUES ($1, $2, '', 0, 0, $3, $4, $5)",
			"tiiit", d->name, (int64_t)DOMAIN_ALIAS, wall_now(), d->org_id, to) < 0)
		return -1;
	return 0;
}

int directory_domain_rename(
	struct sql *db, slice name, slice to, bool keep, slice by, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	struct domain d;
	slice fresh;
	if (!directory_domain_name(to, &a, &fresh))
		return err_set(e, ERR_PROTO, "not a domain name: %.*s", SFMT(to));
	if (directory_begin(db, e) < 0)
		return -1;
	int done = directory_domain(db, name, &a, &d, e);
	if (done == 0 && slice_eq(d.name, fresh))
		done = err_set(e, ERR_EXISTS, "the domain has this name already");
	if (done == 0)
		done = rename_domain(db, &d, fresh, keep, by, &a, e);
	return directory_end(db, done, e);
}

/* ---- what waits ---- */

static void read_rename(struct sql_stmt *s, struct arena *a, void *row)
{
	*(struct rename *)row = (struct rename){.id = sql_int(s, 0),
		.from = arena_dup(a, sql_text(s, 1)),
		.to = arena_dup(a, sql_text(s, 2)),
		.at = sql_int(s, 3),
		.by = arena_dup(a, sql_text(s, 4))};
}

int rename_waiting(
	struct sql *directory, struct arena *a, struct rename **ret, size_t *ret_n, struct err *e)
{
	struct sql_stmt *s = directory_query(directory, e,
		"SELECT id, former, address, at, by_whom FROM renamed WHERE waits > 0 ORDER BY id",
		"");
	return s ? directory_collect(s, sizeof **ret, read_rename, a, (void **)ret, ret_n, e) : -1;
}

int rename_since(struct sql *directory, slice address, int64_t since, struct arena *a, slice *ret,
	struct err *e)
{
	struct rename *v;
	struct rename_map m;
	size_t n;
	struct sql_stmt *s = directory_query(directory, e,
		"SELECT id, former, address, at, by_whom FROM renamed WHERE at >= $1 ORDER BY id",
		"i", since);
	if (!s || directory_collect(s, sizeof *v, read_rename, a, (void **)&v, &n, e) < 0)
		return -1;
	rename_map_init(&m, v, n, a);
	bool changed = n && rename_address(&m, address, ret);
	rename_map_done(&m);
	return changed;
}

int rename_done(struct sql *directory, int64_t last_id, struct err *e)
{
	if (sql_begin(directory, e) < 0)
		return -1;
	return directory_end_change(directory,
		sql_run(directory, e, "UPDATE renamed SET waits = 0 WHERE waits > 0 AND id <= $1",
			"i", last_id),
		e);
}

/* ---- what people wrote ---- */

int rename_mentioned(struct sql *directory, slice what, struct rename_mentions *ret, struct err *e)
{
	int64_t scripts = directory_number(directory, e,
		"SELECT COUNT(*) FROM script WHERE instr(lower(body), $1) > 0", "t", what);
	int64_t policies = directory_number(directory, e,
		"SELECT COUNT(*) FROM policies WHERE instr(lower(body), $1) > 0"
		" AND version = (SELECT MAX(version) FROM policies)",
		"t", what);
	int64_t senders = directory_number(directory, e,
		"SELECT COUNT(*) FROM list_entry WHERE what = $1 OR what = $2", "tt", what,
		slice_skip(what, slice_starts(what, S("@"))));
	if (scripts < 0 || policies < 0 || senders < 0)
		return -1;
	*ret = (struct rename_mentions){(uint64_t)scripts, (uint64_t)policies, (uint64_t)senders};
	return 0;
}
