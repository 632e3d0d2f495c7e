/*
 * Scripts of accounts (script.h): put, listed, made active. Table `script` of the directory's database, whose account 0 is
 * the administrator (script_system.c). Called by mail/scripts.c, the command line, ManageSieve.
 */
#include "store/script_int.h"

#include "base/mem.h"
#include "base/time.h"
#include "base/utf8.h"

const char script_schema_up[] =
	"CREATE TABLE script ("
	"id {{AUTO_KEY}}, account_id BIGINT NOT NULL, name TEXT NOT NULL, active BIGINT NOT NULL,"
	"place BIGINT NOT NULL, scope BIGINT NOT NULL, scope_id BIGINT NOT NULL, ord BIGINT NOT "
	"NULL,"
	"version BIGINT NOT NULL, size BIGINT NOT NULL, changed_by TEXT NOT NULL,"
	"changed_at BIGINT NOT NULL, includes TEXT NOT NULL, warnings TEXT NOT NULL,"
	"form TEXT NOT NULL, body TEXT NOT NULL);"
	"CREATE UNIQUE INDEX script_name ON script (account_id, name);"
	"CREATE INDEX script_active ON script (account_id) WHERE active > 0;"
	"ALTER TABLE service_class ADD COLUMN sieve_scripts BIGINT NOT NULL DEFAULT 0;"
	"ALTER TABLE service_class ADD COLUMN sieve_bytes BIGINT NOT NULL DEFAULT 0;";
const char script_schema_down[] = "ALTER TABLE service_class DROP COLUMN sieve_bytes;"
				  "ALTER TABLE service_class DROP COLUMN sieve_scripts;"
				  "DROP TABLE script;";

int script_name_check(slice name, struct err *e)
{
	size_t characters = 0;
	if (!name.n)
		return err_set(e, ERR_PROTO, "a script needs a name");
	if (!utf8_valid(name))
		return err_set(e, ERR_PROTO, "a script's name is UTF-8");
	for (size_t i = 0; i < name.n; i++) {
		unsigned char c = (unsigned char)name.p[i];
		if (c < ' ' || c == 0x7f || c == '/')
			return err_set(e, ERR_PROTO,
				"a script's name has no control characters and no \"/\"");
		characters += (c & 0xc0) != 0x80;
	}
	/* RFC 5804 1.6: neither C1 controls nor separators of lines and paragraphs. */
	for (size_t i = 0; i + 1 < name.n; i++) {
		const unsigned char *p = (const unsigned char *)name.p + i;
		bool c1 = p[0] == 0xc2 && p[1] < 0xa0;
		bool line = i + 2 < name.n && p[0] == 0xe2 && p[1] == 0x80 &&
			    (p[2] == 0xa8 || p[2] == 0xa9);
		if (c1 || line)
			return err_set(e, ERR_PROTO, "a script's name is one line");
	}
	return characters <= SCRIPT_NAME_MAX
		       ? 0
		       : err_set(e, ERR_PROTO, "a script's name has at most %d characters",
				 SCRIPT_NAME_MAX);
}

int script_check(const struct script *s, struct err *e)
{
	if (script_name_check(s->name, e) < 0)
		return -1;
	if (!utf8_valid(s->text))
		return err_set(e, ERR_PROTO, "a script is UTF-8");
	if (s->text.n > SCRIPT_TEXT_MAX || s->form.n > SCRIPT_FORM_MAX)
		return err_set(e, ERR_LIMIT, "a script has at most %d bytes", SCRIPT_TEXT_MAX);
	return 0;
}

/* ---- rows ---- */

void script_read_row(struct sql_stmt *s, struct arena *a, void *row)
{
	*(struct script *)row = (struct script){
		.text = arena_dup(a, sql_text(s, 0)),
		.form = arena_dup(a, sql_text(s, 1)),
		.id = sql_int(s, 2),
		.account_id = sql_int(s, 3),
		.name = arena_dup(a, sql_text(s, 4)),
		.size = (uint64_t)sql_int(s, 5),
		.active = sql_int(s, 6) != 0,
		.version = (uint64_t)sql_int(s, 7),
		.includes = arena_dup(a, sql_text(s, 8)),
		.warnings = arena_dup(a, sql_text(s, 9)),
		.changed_by = arena_dup(a, sql_text(s, 10)),
		.changed_at = sql_int(s, 11),
		.place = (enum script_place)sql_int(s, 12),
		.scope = (enum script_scope)sql_int(s, 13),
		.scope_id = sql_int(s, 14),
		.order = (int)sql_int(s, 15),
		.scope_name = arena_dup(a, sql_text(s, 16)),
	};
}

int script_one(struct sql_stmt *s, slice name, struct arena *a, struct script *ret, struct err *e)
{
	int r = s ? sql_step(s, e) : -1;
	if (r < 0)
		return -1;
	if (r == 0)
		return err_set(e, ERR_NOTFOUND, "no such script: %.*s", SFMT(name));
	script_read_row(s, a, ret);
	sql_reset(s);
	return 0;
}

int script_list(struct sql *db, int64_t account_id, struct arena *a, struct script **ret,
	size_t *ret_n, struct err *e)
{
	struct sql_stmt *s = directory_query(db, e,
		SCRIPT_SHORT " FROM script s WHERE s.account_id = $1 ORDER BY s.name", "i",
		account_id);
	return s ? directory_collect(s, sizeof **ret, script_read_row, a, (void **)ret, ret_n, e)
		 : -1;
}

int script_get(struct sql *db, int64_t account_id, slice name, struct arena *a, struct script *ret,
	struct err *e)
{
	return script_one(
		directory_query(db, e,
			SCRIPT_WHOLE " FROM script s WHERE s.account_id = $1 AND s.name = $2", "it",
			account_id, name),
		name, a, ret, e);
}

int script_active(
	struct sql *db, int64_t account_id, struct arena *a, struct script *ret, struct err *e)
{
	struct sql_stmt *s = directory_query(db, e,
		SCRIPT_WHOLE " FROM script s WHERE s.account_id = $1 AND s.active > 0", "i",
		account_id);
	if (script_one(s, S(""), a, ret, e) == 0)
		return 0;
	return e->kind == ERR_NOTFOUND ? err_set(e, ERR_NOTFOUND, "no script is active") : -1;
}

/* ---- room ---- */

int script_quota(struct sql *db, int64_t account_id, struct script_quota *ret, struct err *e)
{
	struct sql_stmt *s = directory_query(db, e,
		"SELECT service_class.sieve_scripts, service_class.sieve_bytes,"
		" (SELECT COUNT(*) FROM script WHERE script.account_id = $1),"
		" (SELECT CAST(COALESCE(SUM(script.size), 0) AS BIGINT) FROM script"
		" WHERE script.account_id = $1)"
		" FROM account JOIN service_class ON service_class.id = account.class_id"
		" WHERE account.id = $1",
		"i", account_id);
	int r = s ? sql_step(s, e) : -1;
	if (r <= 0)
		return r < 0 ? -1 : err_set(e, ERR_NOTFOUND, "no such account");
	int64_t scripts = sql_int(s, 0), bytes = sql_int(s, 1);
	*ret = (struct script_quota){
		.scripts = scripts > 0 ? (uint64_t)scripts : SCRIPT_SCRIPTS,
		.bytes = bytes > 0 ? (uint64_t)bytes : SCRIPT_BYTES,
		.has_scripts = (uint64_t)sql_int(s, 2),
		.has_bytes = (uint64_t)sql_int(s, 3),
	};
	sql_reset(s);
	if (ret->scripts > SCRIPT_COUNT_MAX)
		ret->scripts = SCRIPT_COUNT_MAX;
	return 0;
}

/* Bytes of the one that has this name; -1 none, -2 *e. */
static int64_t size_of(struct sql *db, int64_t account_id, slice name, struct err *e)
{
	struct sql_stmt *s = directory_query(db, e,
		"SELECT size FROM script WHERE account_id = $1 AND name = $2", "it", account_id,
		name);
	int r = s ? sql_step(s, e) : -1;
	if (r <= 0)
		return r < 0 ? -2 : -1;
	int64_t n = sql_int(s, 0);
	sql_reset(s);
	return n;
}

int script_room(struct sql *db, int64_t account_id, slice name, uint64_t bytes,
	enum script_room *ret, struct err *e)
{
	struct script_quota q;
	int64_t had = size_of(db, account_id, name, e);
	if (had == -2 || script_quota(db, account_id, &q, e) < 0)
		return -1;
	uint64_t others = q.has_bytes - (had > 0 ? (uint64_t)had : 0);
	if (had < 0 && q.has_scripts >= q.scripts)
		*ret = SCRIPT_TOO_MANY;
	else if (bytes > SCRIPT_TEXT_MAX || bytes > q.bytes || others > q.bytes - bytes)
		*ret = SCRIPT_TOO_LARGE;
	else
		*ret = SCRIPT_FITS;
	return 0;
}

static int check_room(struct sql *db, const struct script *s, struct err *e)
{
	enum script_room room;
	if (script_room(db, s->account_id, s->name, s->text.n, &room, e) < 0)
		return -1;
	if (room == SCRIPT_TOO_MANY)
		return err_set(e, ERR_LIMIT, "there are as many scripts as are allowed");
	if (room == SCRIPT_TOO_LARGE)
		return err_set(e, ERR_LIMIT, "the scripts would be larger than is allowed");
	return 0;
}

/* ---- changes ---- */

int64_t script_write(struct sql *db, const struct script *s, struct err *e)
{
	int64_t now = s->changed_at ? s->changed_at : wall_now();
	return sql_run(db, e,
		"INSERT INTO script (account_id, name, active, place, scope, scope_id, ord, "
		"version,"
		" size, changed_by, changed_at, includes, warnings, form, body)"
		" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $8, $11, $12, $13, $14)"
		" ON CONFLICT (account_id, name) DO UPDATE SET place = excluded.place,"
		" scope = excluded.scope, scope_id = excluded.scope_id, ord = excluded.ord,"
		" version = CASE WHEN script.version < excluded.version THEN excluded.version"
		" ELSE script.version + 1 END, size = excluded.size,"
		" changed_by = excluded.changed_by, changed_at = excluded.changed_at,"
		" includes = excluded.includes, warnings = excluded.warnings,"
		" form = excluded.form, body = excluded.body",
		"itiiiiiiittttt", s->account_id, s->name, (int64_t)s->active, (int64_t)s->place,
		(int64_t)s->scope, s->scope_id, (int64_t)s->order, now, (int64_t)s->text.n,
		s->changed_by, s->includes, s->warnings, s->form, s->text);
}

int script_put(struct sql *db, const struct script *s, struct err *e)
{
	struct script own = *s;
	own.active = false; /* of a new one */
	own.place = SCRIPT_OWN;
	own.scope = SCRIPT_ALL;
	own.scope_id = 0;
	own.order = 0;
	if (script_check(s, e) < 0 || sql_begin(db, e) < 0)
		return -1;
	int64_t r = check_room(db, &own, e);
	if (r == 0)
		r = script_write(db, &own, e);
	return directory_end_change(db, r, e);
}

/* Active ones are asked about first: they would otherwise end without a word. */
static int64_t remove_row(struct sql *db, int64_t account_id, slice name, struct err *e)
{
	int64_t n = sql_run(db, e,
		"DELETE FROM script WHERE account_id = $1 AND name = $2 AND active = 0", "it",
		account_id, name);
	if (n)
		return n;
	int64_t had = size_of(db, account_id, name, e);
	return had == -2 ? -1
	       : had < 0 ? err_set(e, ERR_NOTFOUND, "no such script: %.*s", SFMT(name))
			 : err_set(e, ERR_PERM, "the script is active: %.*s", SFMT(name));
}

int script_remove(struct sql *db, int64_t account_id, slice name, struct err *e)
{
	if (sql_begin(db, e) < 0)
		return -1;
	return directory_end_change(db, remove_row(db, account_id, name, e), e);
}

int script_rename(struct sql *db, int64_t account_id, slice from, slice to, struct err *e)
{
	if (script_name_check(to, e) < 0 || sql_begin(db, e) < 0)
		return -1;
	int64_t n =
		sql_run(db, e, "UPDATE script SET name = $3 WHERE account_id = $1 AND name = $2",
			"itt", account_id, from, to);
	if (n == 0)
		n = err_set(e, ERR_NOTFOUND, "no such script: %.*s", SFMT(from));
	else if (n < 0 && e->kind == ERR_EXISTS)
		err_set(e, ERR_EXISTS, "there is a script of this name: %.*s", SFMT(to));
	return directory_end_change(db, n, e);
}

int script_activate(struct sql *db, int64_t account_id, slice name, slice by, struct err *e)
{
	if (sql_begin(db, e) < 0)
		return -1;
	int64_t n = sql_run(db, e,
		"UPDATE script SET active = 0 WHERE account_id = $1 AND active > 0 AND name <> $2",
		"it", account_id, name);
	if (n >= 0 && name.n) {
		n = sql_run(db, e,
			"UPDATE script SET active = 1, changed_by = $3, changed_at = $4"
			" WHERE account_id = $1 AND name = $2",
			"itti", account_id, name, by, wall_now());
		if (n == 0)
			n = err_set(e, ERR_NOTFOUND, "no such script: %.*s", SFMT(name));
	}
	return directory_end_change(db, n, e);
}
