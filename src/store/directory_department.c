/*
 * Departments: a tree in each organisation (directory_org.h). Paths are names with "/" between them.
 */
#include "base/mem.h"
#include "base/time.h"
#include "store/directory_impl.h"

static bool name_ok(slice name)
{
	slice trimmed = slice_trim(name);
	return name.n && trimmed.n == name.n && name.n <= DIRECTORY_LEVEL_MAX &&
	       slice_index(name, '/') == name.n && directory_text_ok(name);
}

/* The next level of a path. False: no more. */
static bool next_level(slice *path, slice *ret)
{
	return slice_cut(path, '/', ret);
}

static int bad_path(slice path, struct err *e)
{
	return err_set(e, ERR_PROTO,
		"not a department: %.*s (names of at most %d bytes, '/' between them, at most %d "
		"levels)",
		SFMT(path), DIRECTORY_LEVEL_MAX, DIRECTORY_DEPARTMENT_DEPTH);
}

static int check_path(slice path, struct err *e)
{
	slice rest = path, name;
	unsigned levels = 0;
	while (next_level(&rest, &name))
		if (!name_ok(name) || ++levels > DIRECTORY_DEPARTMENT_DEPTH)
			return bad_path(path, e);
	return levels ? 0 : bad_path(path, e);
}

static int64_t find_child(
	struct sql *db, int64_t org_id, int64_t parent_id, slice name, struct err *e)
{
	return directory_number(db, e,
		"SELECT id FROM department WHERE org_id = $1 AND parent_id = $2 AND name = $3",
		"iit", org_id, parent_id, name);
}

int directory_department(struct sql *db, int64_t org_id, slice path, struct arena *a,
	struct department *ret, struct err *e)
{
	slice rest = path, name;
	int64_t id = 0;
	while (next_level(&rest, &name)) {
		id = find_child(db, org_id, id, name, e);
		if (id <= 0)
			break;
	}
	if (id == 0)
		return err_set(e, ERR_NOTFOUND, "no such department: %.*s", SFMT(path));
	return id < 0 ? -1 : directory_department_by_id(db, id, a, ret, e);
}

/* Its own row; path is the name. 1, 0 none, -1. */
static int read_one(
	struct sql *db, int64_t id, struct arena *a, struct department *ret, struct err *e)
{
	struct sql_stmt *s = directory_query(
		db, e, "SELECT id, org_id, parent_id, name FROM department WHERE id = $1", "i", id);
	int r = s ? sql_step(s, e) : -1;
	if (r <= 0)
		return r;
	*ret = (struct department){.id = sql_int(s, 0),
		.org_id = sql_int(s, 1),
		.parent_id = sql_int(s, 2),
		.name = arena_dup(a, sql_text(s, 3))};
	ret->path = ret->name;
	sql_reset(s);
	return 1;
}

int directory_department_by_id(
	struct sql *db, int64_t id, struct arena *a, struct department *ret, struct err *e)
{
	struct department d, above;
	int r = read_one(db, id, a, &d, e);
	if (r == 0)
		return err_set(e, ERR_NOTFOUND, "no such department");
	int64_t up = d.parent_id;
	for (int i = 0; r == 1 && up && i < DIRECTORY_DEPARTMENT_DEPTH; i++) {
		r = read_one(db, up, a, &above, e);
		if (r == 1) {
			d.path = arena_printf(a, "%.*s/%.*s", SFMT(above.name), SFMT(d.path));
			up = above.parent_id;
		}
	}
	if (r < 0)
		return -1;
	*ret = d;
	return 0;
}

/* ---- changes ---- */

int directory_departments_fit(struct sql *db, struct err *e)
{
	int64_t n = directory_number(db, e,
		"SELECT org_id FROM department GROUP BY org_id HAVING COUNT(*) > $1 LIMIT 1", "i",
		(int64_t)DIRECTORY_DEPARTMENTS_MAX);
	if (n > 0)
		return err_set(e, ERR_LIMIT, "an organisation has at most %d departments",
			DIRECTORY_DEPARTMENTS_MAX);
	return (int)n;
}

int directory_department_make_tx(struct sql *db, int64_t org_id, slice path, int64_t *ret_id,
	unsigned *ret_made, struct err *e)
{
	slice rest = path, name;
	int64_t id = 0, parent;
	unsigned made = 0;
	if (check_path(path, e) < 0)
		return -1;
	while (next_level(&rest, &name)) {
		parent = id;
		id = find_child(db, org_id, parent, name, e);
		if (id == 0) {
			id = directory_number(db, e,
				"INSERT INTO department (org_id, parent_id, name, created_at)"
				" VALUES ($1, $2, $3, $4) RETURNING id",
				"iiti", org_id, parent, name, wall_now());
			made++;
		}
		if (id < 0)
			return -1;
	}
	*ret_id = id;
	*ret_made = made;
	return 0;
}

int directory_department_add(struct sql *db, int64_t org_id, slice path, struct err *e)
{
	int64_t id;
	unsigned made;
	if (sql_begin(db, e) < 0)
		return -1;
	int r = directory_department_make_tx(db, org_id, path, &id, &made, e);
	if (r == 0 && !made)
		r = err_set(e, ERR_EXISTS, "department %.*s exists already", SFMT(path));
	if (r == 0)
		r = directory_departments_fit(db, e);
	return directory_end_change(db, r, e);
}

static int64_t changed(int64_t r, struct err *e)
{
	if (r == 0)
		return err_set(e, ERR_NOTFOUND, "no such department");
	if (r < 0 && e->kind == ERR_EXISTS)
		return err_set(e, ERR_EXISTS, "there is a department of that name already");
	return r;
}

int directory_department_rename(struct sql *db, int64_t id, slice name, struct err *e)
{
	if (!name_ok(name))
		return bad_path(name, e);
	if (sql_begin(db, e) < 0)
		return -1;
	int64_t r = changed(
		sql_run(db, e, "UPDATE department SET name = $2 WHERE id = $1", "it", id, name), e);
	return directory_end_change(db, r, e);
}

/* How many levels there are above and below (both with itself); -1. */
static int depth_above(struct sql *db, int64_t id, int64_t not, struct err *e)
{
	int n = 0;
	while (id > 0 && n <= DIRECTORY_DEPARTMENT_DEPTH) {
		if (id == not )
			return err_set(e, ERR_PROTO, "a department cannot be within itself");
		n++;
		id = directory_number(
			db, e, "SELECT parent_id FROM department WHERE id = $1", "i", id);
	}
	return id < 0 ? -1 : n;
}

#define BELOW                                                                                      \
	"WITH RECURSIVE below (id, depth) AS (SELECT id, 1 FROM department WHERE id = $1"          \
	" UNION ALL SELECT department.id, below.depth + 1 FROM department"                         \
	" JOIN below ON department.parent_id = below.id WHERE below.depth < 64)"

static int move(struct sql *db, const struct department *d, int64_t parent_id, struct err *e)
{
	int above = depth_above(db, parent_id, d->id, e);
	if (above < 0)
		return -1;
	if (parent_id) {
		int64_t org = directory_number(
			db, e, "SELECT org_id FROM department WHERE id = $1", "i", parent_id);
		if (org != d->org_id)
			return org < 0 ? -1
				       : err_set(e, ERR_PROTO,
						 "departments move within their organisation");
	}
	int64_t below = directory_number(db, e, BELOW " SELECT MAX(depth) FROM below", "i", d->id);
	if (below < 0)
		return -1;
	if (above + below > DIRECTORY_DEPARTMENT_DEPTH)
		return err_set(e, ERR_LIMIT, "departments are at most %d deep",
			DIRECTORY_DEPARTMENT_DEPTH);
	return changed(sql_run(db, e, "UPDATE department SET parent_id = $2 WHERE id = $1", "ii",
			       d->id, parent_id),
		       e) < 0
		       ? -1
		       : 0;
}

int directory_department_move(struct sql *db, int64_t id, int64_t parent_id, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	struct department d;
	if (sql_begin(db, e) < 0)
		return -1;
	int r = directory_department_by_id(db, id, &a, &d, e);
	if (r == 0)
		r = move(db, &d, parent_id, e);
	return directory_end_change(db, r, e);
}

int directory_department_remove(struct sql *db, int64_t id, struct err *e)
{
	static const struct {
		const char *query, *what;
	} uses[] = {
		{"SELECT 1 FROM department WHERE parent_id = $1 LIMIT 1", "departments in it"},
		{"SELECT 1 FROM account WHERE department_id = $1 AND deleted_at = 0 LIMIT 1",
			"people in it"},
		{"SELECT 1 FROM mailgroup_member WHERE kind = 3 AND member_id = $1 LIMIT 1",
			"a place in a group"},
		{"SELECT 1 FROM shared_member WHERE kind = 3 AND member_id = $1 LIMIT 1",
			"a place in a shared mailbox"},
		{"SELECT 1 FROM maillist_source WHERE kind = 3 AND ref = $1 LIMIT 1",
			"a place in a mailing list"},
	};
	if (sql_begin(db, e) < 0)
		return -1;
	int64_t r = 0;
	for (size_t i = 0; i < sizeof uses / sizeof uses[0] && r == 0; i++) {
		r = directory_number(db, e, uses[i].query, "i", id);
		if (r > 0)
			r = err_set(e, ERR_PERM, "the department still has %s", uses[i].what);
	}
	if (r == 0) /* of people who were deleted */
		r = sql_run(db, e, "UPDATE account SET department_id = 0 WHERE department_id = $1",
			"i", id);
	if (r >= 0)
		r = changed(sql_run(db, e, "DELETE FROM department WHERE id = $1", "i", id), e);
	return directory_end_change(db, r, e);
}

/* ---- lists ---- */

static void read_department(struct sql_stmt *s, struct arena *a, void *row)
{
	*(struct department *)row = (struct department){
		.id = sql_int(s, 0),
		.org_id = sql_int(s, 1),
		.parent_id = sql_int(s, 2),
		.name = arena_dup(a, sql_text(s, 3)),
		.path = arena_dup(a, sql_text(s, 4)),
		.accounts = (uint64_t)sql_int(s, 5),
	};
}

int directory_departments(struct sql *db, int64_t org_id, struct arena *a, struct department **ret,
	size_t *ret_n, struct err *e)
{
	/* In the order of paths with U+0001 for "/", which no name contains: a tree's order. */
	struct sql_stmt *s = directory_query(db, e,
		"WITH RECURSIVE tree (id, org_id, parent_id, name, path, place, depth) AS ("
		"SELECT id, org_id, parent_id, name, name, name, 1 FROM department"
		" WHERE org_id = $1 AND parent_id = 0 UNION ALL"
		" SELECT d.id, d.org_id, d.parent_id, d.name, tree.path || '/' || d.name,"
		" tree.place || $2 || d.name, tree.depth + 1"
		" FROM department d JOIN tree ON d.parent_id = tree.id WHERE tree.depth < 64)"
		" SELECT id, org_id, parent_id, name, path, (SELECT COUNT(*) FROM account"
		" WHERE account.department_id = tree.id AND account.department_id > 0"
		" AND account.deleted_at = 0) FROM tree ORDER BY place",
		"it", org_id, S("\001"));
	return s ? directory_collect(s, sizeof **ret, read_department, a, (void **)ret, ret_n, e)
		 : -1;
}
