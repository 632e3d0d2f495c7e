/*
 * An account that is gone comes back (revive.h): what the directory says of it. All of it in one transaction, at whose end it still counts as
 * deleted. Called through bin/cli_restore_gone.c.
 */
#include "store/revive_impl.h"

#include "base/mem.h"
#include "store/directory_impl.h"
#include "store/list.h"

_Static_assert(MEMBER_ACCOUNT == 1 && RETENTION_ACCOUNT == 4 && LISTS_USER == 2,
	"numbers in the statements below");

#define RAISED(id)                                                                                 \
	"INSERT INTO meta (id, version) VALUES (" #id ", 1)"                                       \
	" ON CONFLICT (id) DO UPDATE SET version = meta.version + 1"

static const struct revive_rows directory_rows[] = {
	{REVIVE_GROUP, false,
		"SELECT g.address, m.send_as FROM mailgroup_member m"
		" JOIN mailgroup g ON g.id = m.group_id WHERE m.kind = 1 AND m.member_id = $1",
		"INSERT INTO mailgroup_member (group_id, kind, member_id, address, send_as)"
		" SELECT id, 1, $1, '', $3 FROM mailgroup WHERE address = $2"
		" ON CONFLICT (group_id, kind, member_id, address)"
		" DO UPDATE SET send_as = excluded.send_as RETURNING 1",
		"ti", 0, NULL},
	{REVIVE_SHARED_USER, false,
		"SELECT a.address, s.level, s.send_as FROM shared_member s"
		" JOIN account a ON a.id = s.account_id WHERE s.kind = 1 AND s.member_id = $1",
		"INSERT INTO shared_member (account_id, kind, member_id, level, send_as)"
		" SELECT id, 1, $1, $3, $4 FROM account"
		" WHERE address = $2 AND kind > 1 AND deleted_at = 0"
		" ON CONFLICT (account_id, kind, member_id) DO UPDATE SET level = excluded.level,"
		" send_as = excluded.send_as RETURNING 1",
		"tii", 0, NULL},
	{REVIVE_FORWARD, false,
		"SELECT targets, enabled, keep, set_by, set_at FROM forward WHERE account_id = $1",
		"INSERT INTO forward (account_id, targets, enabled, keep, set_by, set_at)"
		" VALUES ($1, $2, $3, $4, $5, $6) RETURNING 1",
		"tiiti", 0, NULL},
	{REVIVE_REPLY, false,
		"SELECT subject, enabled, body, from_at, until_at, days, set_by, set_at"
		" FROM autoreply WHERE account_id = $1",
		"INSERT INTO autoreply (account_id, subject, enabled, body, from_at, until_at, "
		"days,"
		" set_by, set_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) RETURNING 1",
		"titiiiti", 0, NULL},
	{REVIVE_SCRIPT, false,
		"SELECT name, active, place, scope, scope_id, ord, version, size, changed_by,"
		" changed_at, includes, warnings, form, body FROM script WHERE account_id = $1",
		"INSERT INTO script (account_id, name, active, place, scope, scope_id, ord, "
		"version,"
		" size, changed_by, changed_at, includes, warnings, form, body) VALUES ($1, $2, $3,"
		" $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15) RETURNING 1",
		"tiiiiiiititttt", 0, NULL},
	{REVIVE_RETENTION, false,
		"SELECT folder, days, set_by, set_at FROM retention"
		" WHERE scope = 4 AND scope_id = $1",
		"INSERT INTO retention (scope, scope_id, folder, days, set_by, set_at)"
		" VALUES (4, $1, $2, $3, $4, $5) RETURNING 1",
		"titi", 0, NULL},
	/* One of this name that was set or released since then stays what it is. */
	{REVIVE_HOLD, false,
		"SELECT name, reason, set_by, set_at FROM hold"
		" WHERE scope = 4 AND scope_id = $1 AND released_at = 0",
		"INSERT INTO hold (scope, scope_id, name, reason, set_by, set_at, released_by,"
		" released_at) VALUES (4, $1, $2, $3, $4, $5, '', 0)"
		" ON CONFLICT (name) DO NOTHING RETURNING 1",
		"ttti", 0, NULL},
	{REVIVE_SENDER, true,
		"SELECT what, kind, allow, insist, expires_at, created_at, created_by, comment"
		" FROM list_entry WHERE level = 2 AND scope = $1",
		"INSERT INTO list_entry (level, scope, what, kind, allow, insist, expires_at,"
		" created_at, created_by, comment) VALUES (2, $1, $2, $3, $4, $5, $6, $7, $8, $9)"
		" ON CONFLICT (level, scope, kind, what) DO UPDATE SET allow = excluded.allow"
		" RETURNING 1",
		"tiiiiitt", 0, RAISED(2)},
	{REVIVE_DIGEST, true,
		"SELECT enabled, every, hour, weekday, only_new, zone, language, send_to, covers,"
		" changed_at, changed_by FROM digest_setting WHERE name = $1",
		"INSERT INTO digest_setting (name, enabled, every, hour, weekday, only_new, zone,"
		" language, send_to, covers, changed_at, changed_by) VALUES ($1, $2, $3, $4, $5, "
		"$6,"
		" $7, $8, $9, $10, $11, $12) ON CONFLICT (name) DO UPDATE SET"
		" enabled = excluded.enabled RETURNING 1",
		"iiiiittttit", -1, RAISED(3)},
	{REVIVE_LIST_ROLE, true,
		"SELECT l.address, r.roles FROM maillist_role r JOIN maillist l ON l.id = r.list_id"
		" WHERE r.address = $1",
		"INSERT INTO maillist_role (list_id, address, roles)"
		" SELECT id, $1, $3 FROM maillist WHERE address = $2"
		" ON CONFLICT (list_id, address) DO UPDATE SET roles = maillist_role.roles"
		" RETURNING 1",
		"ti", 0, NULL},
};

/* ---- rows ---- */

void revive_note(struct revive *v, enum revive_kind kind, bool back, slice name)
{
	if (kind == REVIVE_KINDS)
		return;
	if (v->nitems == v->room) {
		size_t room = v->room ? v->room * 2 : 32;
		struct revive_item *wide = ARENA_ARRAY(v->a, struct revive_item, room);
		if (v->nitems)
			memcpy(wide, v->items, v->nitems * sizeof *wide);
		v->items = wide;
		v->room = room;
	}
	v->items[v->nitems++] = (struct revive_item){kind, back, arena_dup(v->a, name)};
}

static void bind_whose(
	struct sql_stmt *s, const struct revive_rows *rows, slice address, int64_t id)
{
	if (rows->by_address)
		sql_bind_text(s, 1, address);
	else
		sql_bind_int(s, 1, id);
}

/* 1: it is there now, 0, -1. */
static int copy_row(struct revive *v, struct sql_stmt *row, struct sql *to,
	const struct revive_rows *rows, struct err *e)
{
	struct sql_stmt *s = sql_prepare(to, rows->write, e);
	if (!s)
		return -1;
	bind_whose(s, rows, v->address, v->id);
	for (int i = 0; rows->types[i]; i++)
		if (rows->types[i] == 'i')
			sql_bind_int(s, i + 2, sql_int(row, i));
		else if (rows->types[i] == 't')
			sql_bind_text(s, i + 2, sql_text(row, i));
		else
			sql_bind_blob(s, i + 2, sql_text(row, i));
	int r = sql_step(s, e);
	if (r == 1)
		sql_reset(s);
	return r;
}

int revive_copy(struct revive *v, struct sql *from, struct sql *to, const struct revive_rows *rows,
	struct err *e)
{
	bool some = false;
	int r, done = 0;
	struct sql_stmt *row = sql_prepare(from, rows->read, e);
	if (!row)
		return -1;
	bind_whose(row, rows, v->address, v->then_id);
	while ((r = sql_step(row, e)) == 1) {
		done = copy_row(v, row, to, rows, e);
		if (done < 0) {
			sql_reset(row);
			return -1;
		}
		some |= done == 1;
		revive_note(v, rows->kind, done == 1,
			rows->name < 0 ? S("") : sql_text(row, rows->name));
	}
	if (r == 0 && some && rows->after)
		r = sql_run(to, e, rows->after, "") < 0 ? -1 : 0;
	return r;
}

/* ---- the account itself ---- */

static int find_class(struct revive *v, struct account *was, struct err *e)
{
	struct service_class then, now;
	if (directory_class_by_id(v->then, was->class_id, v->a, &then, e) < 0)
		return -1;
	int r = directory_class(v->now, then.name, v->a, &now, e);
	if (r < 0 && e->kind != ERR_NOTFOUND)
		return -1;
	revive_note(v, REVIVE_CLASS, r == 0, then.name);
	was->class_id = r == 0 ? now.id : DIRECTORY_FIRST;
	return 0;
}

static int find_department(struct revive *v, int64_t org_id, struct account *was, struct err *e)
{
	struct department then, now;
	if (!was->department_id)
		return 0;
	if (directory_department_by_id(v->then, was->department_id, v->a, &then, e) < 0)
		return -1;
	int r = directory_department(v->now, org_id, then.path, v->a, &now, e);
	if (r < 0 && e->kind != ERR_NOTFOUND)
		return -1;
	revive_note(v, REVIVE_DEPARTMENT, r == 0, then.path);
	was->department_id = r == 0 ? now.id : 0;
	return 0;
}

/* The number of then is free after a purge: what knows it by its number goes on knowing it. */
static int take_number(struct revive *v, int64_t made, struct err *e)
{
	int64_t used =
		directory_number(v->now, e, "SELECT 1 FROM account WHERE id = $1", "i", v->then_id);
	v->id = used ? made : v->then_id;
	if (used == 0 && sql_run(v->now, e, "UPDATE account SET id = $2 WHERE id = $1", "ii", made,
				 v->then_id) < 0)
		return -1;
	return used < 0 ? -1 : 0;
}

static int make_account(struct revive *v, struct err *e)
{
	struct account_draft d = {0}, fields = {0};
	struct domain domain;
	int64_t made;
	if (directory_account_by_id(v->then, v->then_id, v->a, &d.account, e) < 0 ||
		directory_account_fields(v->then, v->then_id, v->a, fields.field, e) < 0 ||
		directory_local_domain(v->now, v->address, v->a, &domain, e) < 0 ||
		find_class(v, &d.account, e) < 0 ||
		find_department(v, domain.org_id, &d.account, e) < 0 ||
		directory_account_make_tx(v->now, &d, &made, e) < 0 || take_number(v, made, e) < 0)
		return -1;
	fields.account = d.account;
	fields.account.id = v->id;
	return directory_account_save_tx(v->now, &fields, e);
}

/* ---- its addresses, its people ---- */

/* What is there already, or may not be, is noted. */
static int note_refusal(struct revive *v, enum revive_kind kind, int r, slice name, struct err *e)
{
	if (r < 0 && e->kind != ERR_EXISTS && e->kind != ERR_NOTFOUND && e->kind != ERR_PROTO &&
		e->kind != ERR_LIMIT)
		return -1;
	revive_note(v, kind, r == 0, name);
	return 0;
}

static int add_own(struct revive *v, struct err *e)
{
	slice *names;
	size_t n;
	if (directory_own(v->then, v->then_id, v->a, &names, &n, e) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		if (note_refusal(v, REVIVE_ALIAS, directory_own_add_tx(v->now, v->id, names[i], e),
			    names[i], e) < 0)
			return -1;
	return 0;
}

static void read_text(struct sql_stmt *s, struct arena *a, void *row)
{
	*(slice *)row = arena_dup(a, sql_text(s, 0));
}

static int add_alias(struct revive *v, slice alias, struct err *e)
{
	struct domain d;
	if (directory_local_domain(v->now, alias, v->a, &d, e) < 0 ||
		directory_not_taken(v->now, alias, TAKEN_ACCOUNT | TAKEN_GROUP | TAKEN_ALIAS, e) <
			0)
		return -1;
	return sql_run(v->now, e,
		       "INSERT INTO alias (address, target, domain_id, account_id)"
		       " VALUES ($1, $2, $3, 0)",
		       "tti", alias, v->address, d.id) < 0
		       ? -1
		       : 0;
}

/* Those of others that led to it. One that leads elsewhere today is somebody's decision. */
static int add_aliases(struct revive *v, struct err *e)
{
	void *names;
	size_t n;
	struct sql_stmt *s = directory_query(v->then, e,
		"SELECT address FROM alias WHERE target = $1 AND account_id <> $2 ORDER BY address",
		"ti", v->address, v->then_id);
	if (!s || directory_collect(s, sizeof(slice), read_text, v->a, &names, &n, e) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		slice alias = ((slice *)names)[i];
		if (note_refusal(v, REVIVE_ALIAS, add_alias(v, alias, e), alias, e) < 0)
			return -1;
	}
	return 0;
}

static int add_member(struct revive *v, int64_t org_id, const struct member *was, struct err *e)
{
	struct member m;
	if (directory_member_parse(v->now, org_id, was->text, v->a, &m, e) < 0)
		return -1;
	m.send_as = was->send_as;
	m.level = was->level;
	return directory_shared_put_tx(v->now, v->id, &m, e);
}

/* Of a shared mailbox or a resource. */
static int add_members(struct revive *v, struct err *e)
{
	struct member *m;
	size_t n;
	struct domain domain;
	if (directory_shared_members(v->then, v->then_id, v->a, &m, &n, e) < 0 ||
		directory_local_domain(v->now, v->address, v->a, &domain, e) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		if (note_refusal(v, REVIVE_SHARED_MEMBER, add_member(v, domain.org_id, &m[i], e),
			    m[i].text, e) < 0)
			return -1;
	return 0;
}

/* ---- all of it ---- */

static int make_all(struct revive *v, struct err *e)
{
	if (make_account(v, e) < 0 || add_own(v, e) < 0 || add_aliases(v, e) < 0 ||
		add_members(v, e) < 0)
		return -1;
	for (size_t i = 0; i < sizeof directory_rows / sizeof *directory_rows; i++)
		if (revive_copy(v, v->then, v->now, &directory_rows[i], e) < 0)
			return -1;
	return sql_run(v->now, e, "UPDATE account SET deleted_at = $2 WHERE id = $1", "ii", v->id,
		       REVIVING) < 0
		       ? -1
		       : 0;
}

/* 1: one that was begun, 0: none of this address, -1. */
static int find_begun(struct revive *v, struct err *e)
{
	struct account begun;
	if (directory_deleted(v->now, v->address, v->a, &begun, e) < 0)
		return e->kind == ERR_NOTFOUND ? 0 : -1;
	if (begun.deleted_at != REVIVING)
		return err_set(e, ERR_EXISTS,
			"%.*s is a deleted account: it can be recovered or purged",
			SFMT(v->address));
	v->id = begun.id;
	v->went_on = true;
	return 1;
}

int revive_begin(struct revive *v, struct err *e)
{
	struct account was;
	if (directory_account(v->then, v->address, v->a, &was, e) < 0)
		return -1;
	v->address = was.address;
	v->then_id = was.id;
	int r = find_begun(v, e);
	if (r != 0)
		return r < 0 ? -1 : 0;
	if (directory_begin(v->now, e) < 0)
		return -1;
	return directory_end(v->now, make_all(v, e), e);
}

int revive_finish(struct revive *v, struct err *e)
{
	if (sql_begin(v->now, e) < 0)
		return -1;
	int64_t n = sql_run(v->now, e,
		"UPDATE account SET deleted_at = 0 WHERE id = $1 AND deleted_at = $2", "ii", v->id,
		REVIVING);
	if (n == 0)
		n = err_set(e, ERR_NOTFOUND, "%.*s was purged meanwhile", SFMT(v->address));
	return directory_end_change(v->now, n, e);
}
