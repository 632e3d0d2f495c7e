/*
 * Rules about how long mail stays (retention.h): their table, and which of them holds for a folder. Called by the command line, and by the
 * keeper for every folder of every account once a day, so rules are read once and looked through in memory.
 */
#include "store/retention.h"

#include "base/mem.h"
#include "base/time.h"
#include "store/directory_impl.h"

const char retention_schema_up[] =
	"CREATE TABLE retention ("
	"id {{AUTO_KEY}}, scope BIGINT NOT NULL, scope_id BIGINT NOT NULL, folder TEXT NOT NULL,"
	"days BIGINT NOT NULL, set_by TEXT NOT NULL, set_at BIGINT NOT NULL,"
	"UNIQUE (scope, scope_id, folder));"
	"CREATE TABLE hold ("
	"id {{AUTO_KEY}}, name TEXT NOT NULL UNIQUE, scope BIGINT NOT NULL, scope_id BIGINT NOT "
	"NULL,"
	"reason TEXT NOT NULL, set_by TEXT NOT NULL, set_at BIGINT NOT NULL,"
	"released_by TEXT NOT NULL, released_at BIGINT NOT NULL);";
const char retention_schema_down[] = "DROP TABLE hold; DROP TABLE retention;";

/* ---- folders ---- */

static const char *const uses[] = {
	[MAILBOX_USE_ARCHIVE] = "\\Archive",
	[MAILBOX_USE_DRAFTS] = "\\Drafts",
	[MAILBOX_USE_JUNK] = "\\Junk",
	[MAILBOX_USE_SENT] = "\\Sent",
	[MAILBOX_USE_TRASH] = "\\Trash",
	[MAILBOX_USE_FLAGGED] = "\\Flagged",
	[MAILBOX_USE_ALL] = "\\All",
	[MAILBOX_USE_IMPORTANT] = "\\Important",
};

static enum mailbox_use use_named(slice name)
{
	for (size_t i = 1; i < sizeof uses / sizeof *uses; i++)
		if (slice_ieq(name, slice_z(uses[i])))
			return (enum mailbox_use)i;
	return MAILBOX_USE_NONE;
}

/* As it is stored. */
static int folder_spelled(slice folder, struct arena *a, slice *ret, struct err *e)
{
	if (slice_eq(folder, S("*"))) {
		*ret = folder;
		return 0;
	}
	if (slice_starts(folder, S("\\"))) {
		enum mailbox_use use = use_named(folder);
		if (!use)
			return err_set(e, ERR_PROTO, "there is no special use %.*s", SFMT(folder));
		*ret = slice_z(uses[use]);
		return 0;
	}
	return mailbox_folder_name(folder, a, ret, e);
}

/* ---- the table ---- */

static int check(const struct retention_rule *r, struct err *e)
{
	bool all = r->scope == RETENTION_ALL;
	if (r->scope < RETENTION_ALL || r->scope > RETENTION_ACCOUNT || all != (r->scope_id == 0))
		return err_set(e, ERR_PROTO, "no such scope");
	if (r->days < 0 || r->days > RETENTION_DAYS_MAX)
		return err_set(
			e, ERR_PROTO, "days are 1 to %d, or 0: for ever", RETENTION_DAYS_MAX);
	return 0;
}

int retention_put(struct sql *db, const struct retention_rule *r, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	slice folder;
	if (check(r, e) < 0 || folder_spelled(r->folder, &a, &folder, e) < 0 ||
		sql_begin(db, e) < 0)
		return -1;
	int64_t n = directory_number(db, e, "SELECT COUNT(*) FROM retention", "");
	if (n >= RETENTION_RULES_MAX)
		n = err_set(e, ERR_LIMIT, "at most %d rules", RETENTION_RULES_MAX);
	if (n >= 0)
		n = sql_run(db, e,
			"INSERT INTO retention (scope, scope_id, folder, days, set_by, set_at)"
			" VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (scope, scope_id, folder)"
			" DO UPDATE SET days = excluded.days, set_by = excluded.set_by, set_at = "
			"excluded.set_at",
			"iititi", (int64_t)r->scope, r->scope_id, folder, r->days, r->set_by,
			wall_now());
	return directory_end_change(db, n, e);
}

int retention_remove(struct sql *db, int64_t id, struct err *e)
{
	if (sql_begin(db, e) < 0)
		return -1;
	int64_t n = sql_run(db, e, "DELETE FROM retention WHERE id = $1", "i", id);
	if (n == 0)
		n = err_set(e, ERR_NOTFOUND, "there is no rule %lld", (long long)id);
	return directory_end_change(db, n, e);
}

static void read_rule(struct sql_stmt *s, struct arena *a, void *row)
{
	*(struct retention_rule *)row = (struct retention_rule){.id = sql_int(s, 0),
		.scope = (enum retention_scope)sql_int(s, 1),
		.scope_id = sql_int(s, 2),
		.folder = arena_dup(a, sql_text(s, 3)),
		.days = sql_int(s, 4),
		.set_by = arena_dup(a, sql_text(s, 5)),
		.set_at = sql_int(s, 6),
		.scope_name = arena_dup(a, sql_text(s, 7))};
}

int retention_list(
	struct sql *db, struct arena *a, struct retention_rule **ret, size_t *ret_n, struct err *e)
{
	struct sql_stmt *s = directory_query(db, e,
		"SELECT r.id, r.scope, r.scope_id, r.folder, r.days, r.set_by, "
		"r.set_at, " RETENTION_NAME("r") " AS scope_name FROM retention r ORDER BY "
						 "r.scope, scope_name, r.folder",
		"");
	return s ? directory_collect(s, sizeof **ret, read_rule, a, (void **)ret, ret_n, e) : -1;
}

/* ---- which one holds ---- */

static bool is_for(const struct retention_rule *r, const struct retention_whom *w)
{
	switch (r->scope) {
	case RETENTION_ALL:
		return true;
	case RETENTION_ORG:
		return r->scope_id == w->org_id;
	case RETENTION_CLASS:
		return r->scope_id == w->class_id;
	default:
		return r->scope_id == w->account_id;
	}
}

/* How narrowly it names the folder; 0: it does not. */
static size_t names(const struct retention_rule *r, const struct mailbox_folder *f)
{
	enum { ANY = 1, USE = 2, PATH = 3 };
	slice v = r->folder;
	if (slice_eq(v, S("*")))
		return ANY;
	if (slice_starts(v, S("\\")))
		return f->use && slice_eq(v, slice_z(uses[f->use])) ? USE : 0;
	bool below = f->name.n > v.n && f->name.p[v.n] == '/' && slice_starts(f->name, v);
	return below || slice_eq(f->name, v) ? PATH + v.n : 0;
}

int64_t retention_days(const struct retention_rule *v, size_t n, const struct retention_whom *w,
	const struct mailbox_folder *f)
{
	const struct retention_rule *best = NULL;
	size_t best_names = 0;
	for (size_t i = 0; i < n; i++) {
		size_t how = is_for(&v[i], w) ? names(&v[i], f) : 0;
		if (!how || (best && v[i].scope < best->scope))
			continue;
		if (!best || v[i].scope > best->scope || how > best_names) {
			best = &v[i];
			best_names = how;
		}
	}
	return best ? best->days : 0;
}
