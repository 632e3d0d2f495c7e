/*
 * The administrator's scripts (script.h): rows of the table `script` with account 0. They run before or after what people
 * set, for all, for an organisation, for a domain; those of the library are found by `include :global` alone. Called by the
 * command line and later by pages.
 */
#include "store/script_int.h"

#include "base/mem.h"
#include "base/time.h"

static int check(const struct script *s, struct err *e)
{
	bool place =
		s->place == SCRIPT_BEFORE || s->place == SCRIPT_AFTER || s->place == SCRIPT_LIBRARY;
	bool scope =
		s->scope == SCRIPT_ALL
			? s->scope_id == 0
			: (s->scope == SCRIPT_ORG || s->scope == SCRIPT_DOMAIN) && s->scope_id > 0;
	if (script_check(s, e) < 0)
		return -1;
	if (!place)
		return err_set(e, ERR_PROTO, "it runs before, after, or is in the library");
	if (!scope || (s->place == SCRIPT_LIBRARY && s->scope != SCRIPT_ALL))
		return err_set(e, ERR_PROTO, "no such scope");
	return 0;
}

int script_system_put(struct sql *db, const struct script *s, struct err *e)
{
	struct script own = *s;
	own.account_id = 0;
	if (check(s, e) < 0 || sql_begin(db, e) < 0)
		return -1;
	int64_t r = directory_number(db, e,
		"SELECT COUNT(*) FROM script WHERE account_id = 0 AND name <> $1", "t", s->name);
	if (r >= SCRIPT_SYSTEM_MAX)
		r = err_set(e, ERR_LIMIT, "at most %d scripts", SCRIPT_SYSTEM_MAX);
	if (r >= 0)
		r = script_write(db, &own, e);
	if (r >= 0)
		r = sql_run(db, e,
			"UPDATE script SET active = $2 WHERE account_id = 0 AND name = $1", "ti",
			s->name, (int64_t)s->active);
	return directory_end_change(db, r, e);
}

int script_system_list(
	struct sql *db, struct arena *a, struct script **ret, size_t *ret_n, struct err *e)
{
	struct sql_stmt *s = directory_query(db, e,
		SCRIPT_SHORT " FROM script s WHERE s.account_id = 0"
			     " ORDER BY s.place, s.scope, s.scope_id, s.ord, s.name",
		"");
	return s ? directory_collect(s, sizeof **ret, script_read_row, a, (void **)ret, ret_n, e)
		 : -1;
}

int script_system_get(
	struct sql *db, slice name, struct arena *a, struct script *ret, struct err *e)
{
	return script_get(db, 0, name, a, ret, e);
}

int script_system_remove(struct sql *db, slice name, struct err *e)
{
	if (sql_begin(db, e) < 0)
		return -1;
	int64_t n =
		sql_run(db, e, "DELETE FROM script WHERE account_id = 0 AND name = $1", "t", name);
	if (n == 0)
		n = err_set(e, ERR_NOTFOUND, "no such script: %.*s", SFMT(name));
	return directory_end_change(db, n, e);
}

int script_system_enable(struct sql *db, slice name, bool on, slice by, struct err *e)
{
	if (sql_begin(db, e) < 0)
		return -1;
	int64_t n = sql_run(db, e,
		"UPDATE script SET active = $2, changed_by = $3, changed_at = $4"
		" WHERE account_id = 0 AND name = $1",
		"titi", name, (int64_t)on, by, wall_now());
	if (n == 0)
		n = err_set(e, ERR_NOTFOUND, "no such script: %.*s", SFMT(name));
	return directory_end_change(db, n, e);
}
