/*
 * Groups (directory_org.h): addresses that stand for people, groups, departments, organisations and
 * addresses elsewhere. What a group means for mail is in directory_resolve.c, who belongs to it in
 * directory_facts.c.
 */
#include "base/mem.h"
#include "base/time.h"
#include "store/directory_impl.h"

struct mail_group directory_read_group(struct sql_stmt *s, struct arena *a)
{
	return (struct mail_group){
		.id = sql_int(s, 0),
		.domain_id = sql_int(s, 1),
		.address = arena_dup(a, sql_text(s, 2)),
		.name = arena_dup(a, sql_text(s, 3)),
		.created_at = sql_int(s, 4),
	};
}

int directory_group_is_near(struct sql *db, int64_t group_id, int64_t account_id, struct err *e)
{
	return (int)directory_number(db, e,
		"SELECT 1 FROM mailgroup JOIN domain AS there ON there.id = mailgroup.domain_id,"
		" account JOIN domain AS here ON here.id = account.domain_id"
		" WHERE mailgroup.id = $1 AND account.id = $2 AND here.org_id = there.org_id",
		"ii", group_id, account_id);
}

int directory_group(
	struct sql *db, slice address, struct arena *a, struct mail_group *ret, struct err *e)
{
	slice key;
	int r = 0;
	struct sql_stmt *s = NULL;
	if (directory_canonical(address, a, &key)) {
		s = directory_query(db, e,
			"SELECT " GROUP_COLUMNS " FROM mailgroup WHERE address = $1", "t", key);
		r = s ? sql_step(s, e) : -1;
	}
	if (r == 0)
		return err_set(e, ERR_NOTFOUND, "no such group: %.*s", SFMT(address));
	if (r < 0)
		return -1;
	*ret = directory_read_group(s, a);
	sql_reset(s);
	return 0;
}

/* ---- members ---- */

static int parse_address(
	struct sql *db, slice address, struct arena *a, struct member *ret, struct err *e)
{
	struct account account;
	struct mail_group group;
	struct domain d;
	if (directory_account(db, address, a, &account, e) == 0) {
		*ret = (struct member){MEMBER_ACCOUNT, account.id, account.address, 0, 0};
		return 0;
	}
	if (e->kind == ERR_NOTFOUND && directory_group(db, address, a, &group, e) == 0) {
		*ret = (struct member){MEMBER_GROUP, group.id, group.address, 0, 0};
		return 0;
	}
	if (e->kind != ERR_NOTFOUND)
		return -1;
	slice domain = slice_skip(address, slice_rindex(address, '@') + 1);
	if (directory_domain(db, domain, a, &d, e) == 0 && d.kind == DOMAIN_LOCAL) {
		int64_t n = directory_number(
			db, e, "SELECT 1 FROM alias WHERE address = $1 LIMIT 1", "t", address);
		if (n <= 0)
			return n < 0 ? -1
				     : err_set(e, ERR_NOTFOUND, "no such account or group: %.*s",
					       SFMT(address));
	} else if (e->kind != ERR_NOTFOUND)
		return -1;
	*ret = (struct member){MEMBER_ADDRESS, 0, address, 0, 0};
	return 0;
}

int directory_member_parse(struct sql *db, int64_t org_id, slice text, struct arena *a,
	struct member *ret, struct err *e)
{
	static const slice department = S_INIT("department:"), organisation = S_INIT("org:");
	struct department d;
	struct org o;
	slice address;
	*e = (struct err){0};
	if (slice_istarts(text, department)) {
		if (directory_department(db, org_id, slice_skip(text, department.n), a, &d, e) < 0)
			return -1;
		*ret = (struct member){MEMBER_DEPARTMENT, d.id,
			arena_printf(a, "department:%.*s", SFMT(d.path)), 0, 0};
		return 0;
	}
	if (slice_istarts(text, organisation)) {
		if (directory_org(db, slice_skip(text, organisation.n), a, &o, e) < 0)
			return -1;
		*ret = (struct member){
			MEMBER_ORG, o.id, arena_printf(a, "org:%.*s", SFMT(o.name)), 0, 0};
		return 0;
	}
	if (!directory_canonical(text, a, &address))
		return err_set(e, ERR_PROTO,
			"not a member: %.*s (an address, department:PATH or org:NAME)", SFMT(text));
	return parse_address(db, address, a, ret, e);
}

int directory_group_put_tx(struct sql *db, int64_t group_id, const struct member *m, struct err *e)
{
	if (m->kind == MEMBER_GROUP && m->id == group_id)
		return err_set(e, ERR_PROTO, "a group cannot be its own member");
	int64_t n = directory_number(
		db, e, "SELECT COUNT(*) FROM mailgroup_member WHERE group_id = $1", "i", group_id);
	if (n >= DIRECTORY_GROUP_MEMBERS_MAX)
		return err_set(e, ERR_LIMIT, "a group has at most %d members",
			DIRECTORY_GROUP_MEMBERS_MAX);
	if (n >= 0)
		n = sql_run(db, e,
			"INSERT INTO mailgroup_member (group_id, kind, member_id, address, send_as)"
			" VALUES ($1, $2, $3, $4, $5) ON CONFLICT (group_id, kind, member_id, "
			"address)"
			" DO UPDATE SET send_as = excluded.send_as",
			"iiiti", group_id, (int64_t)m->kind, m->id,
			m->kind == MEMBER_ADDRESS ? m->text : S(""), (int64_t)m->send_as);
	return n < 0 ? -1 : 0;
}

int directory_group_put(struct sql *db, int64_t group_id, const struct member *m, struct err *e)
{
	if (sql_begin(db, e) < 0)
		return -1;
	return directory_end_change(db, directory_group_put_tx(db, group_id, m, e), e);
}

int directory_group_take(struct sql *db, int64_t group_id, const struct member *m, struct err *e)
{
	if (sql_begin(db, e) < 0)
		return -1;
	int64_t r = sql_run(db, e,
		"DELETE FROM mailgroup_member WHERE group_id = $1 AND kind = $2 AND member_id = $3"
		" AND address = $4",
		"iiit", group_id, (int64_t)m->kind, m->id,
		m->kind == MEMBER_ADDRESS ? m->text : S(""));
	if (r == 0)
		r = err_set(e, ERR_NOTFOUND, "not a member: %.*s", SFMT(m->text));
	return directory_end_change(db, r, e);
}

static int member_text(struct sql *db, struct member *m, struct arena *a, struct err *e)
{
	static const char *const queries[] = {
		[MEMBER_ACCOUNT] = "SELECT address FROM account WHERE id = $1",
		[MEMBER_GROUP] = "SELECT address FROM mailgroup WHERE id = $1",
		[MEMBER_ORG] = "SELECT 'org:' || name FROM org WHERE id = $1",
	};
	struct department d;
	if (m->kind == MEMBER_DEPARTMENT) {
		if (directory_department_by_id(db, m->id, a, &d, e) < 0)
			return -1;
		m->text = arena_printf(a, "department:%.*s", SFMT(d.path));
	} else if (m->kind != MEMBER_ADDRESS) {
		struct sql_stmt *s = directory_query(db, e, queries[m->kind], "i", m->id);
		int r = s ? sql_step(s, e) : -1;
		if (r <= 0)
			return r;
		m->text = arena_dup(a, sql_text(s, 0));
		sql_reset(s);
	}
	return 0;
}

static void read_member(struct sql_stmt *s, struct arena *a, void *row)
{
	*(struct member *)row = (struct member){
		.kind = (enum member_kind)sql_int(s, 0),
		.id = sql_int(s, 1),
		.text = arena_dup(a, sql_text(s, 2)),
		.send_as = sql_int(s, 3) != 0,
		.level = (enum shared_level)sql_int(s, 4),
	};
}

int directory_read_members(struct sql *db, struct sql_stmt *s, struct arena *a, struct member **ret,
	size_t *ret_n, struct err *e)
{
	struct member *v;
	size_t n;
	if (!s || directory_collect(s, sizeof *v, read_member, a, (void **)&v, &n, e) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		if (member_text(db, &v[i], a, e) < 0)
			return -1;
	*ret = v;
	*ret_n = n;
	return 0;
}

int directory_group_members(struct sql *db, int64_t group_id, struct arena *a, struct member **ret,
	size_t *ret_n, struct err *e)
{
	struct sql_stmt *s = directory_query(db, e,
		"SELECT kind, member_id, address, send_as, 0 FROM mailgroup_member"
		" WHERE group_id = $1 ORDER BY kind, member_id, address",
		"i", group_id);
	return directory_read_members(db, s, a, ret, ret_n, e);
}

/* ---- groups themselves ---- */

static int64_t insert_group(
	struct sql *db, slice address, slice name, struct arena *a, struct err *e)
{
	struct domain d;
	if (directory_local_domain(db, address, a, &d, e) < 0 ||
		directory_not_taken(db, address, TAKEN_ACCOUNT | TAKEN_GROUP | TAKEN_ALIAS, e) < 0)
		return -1;
	return sql_run(db, e,
		"INSERT INTO mailgroup (domain_id, address, name, created_at)"
		" VALUES ($1, $2, $3, $4)",
		"itti", d.id, address, name, wall_now());
}

int directory_group_add(struct sql *db, slice address, slice name, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	slice key;
	if (!directory_canonical(address, &a, &key))
		return err_set(e, ERR_PROTO, "not a mail address: %.*s", SFMT(address));
	if (!directory_text_ok(name))
		return err_set(e, ERR_PROTO, "the display name must be one line of UTF-8");
	if (sql_begin(db, e) < 0)
		return -1;
	return directory_end_change(db, insert_group(db, key, name, &a, e), e);
}

int directory_group_rename(struct sql *db, int64_t id, slice name, struct err *e)
{
	if (!directory_text_ok(name))
		return err_set(e, ERR_PROTO, "the display name must be one line of UTF-8");
	if (sql_begin(db, e) < 0)
		return -1;
	int64_t r = sql_run(db, e, "UPDATE mailgroup SET name = $2 WHERE id = $1", "it", id, name);
	if (r == 0)
		r = err_set(e, ERR_NOTFOUND, "no such group");
	return directory_end_change(db, r, e);
}

int directory_group_remove(struct sql *db, slice address, struct err *e)
{
	static const char *const queries[] = {
		"DELETE FROM mailgroup_member WHERE group_id = $1",
		"DELETE FROM mailgroup_member WHERE kind = 2 AND member_id = $1",
		"DELETE FROM shared_member WHERE kind = 2 AND member_id = $1",
		"DELETE FROM maillist_source WHERE kind = 2 AND ref = $1",
		"DELETE FROM mailgroup WHERE id = $1",
	};
	AUTO(arena) struct arena a = {0};
	struct mail_group g;
	if (sql_begin(db, e) < 0)
		return -1;
	int64_t r = directory_group(db, address, &a, &g, e);
	for (size_t i = 0; i < sizeof queries / sizeof queries[0] && r >= 0; i++)
		r = sql_run(db, e, queries[i], "i", g.id);
	return directory_end_change(db, r, e);
}

static void read_group_row(struct sql_stmt *s, struct arena *a, void *row)
{
	struct mail_group *g = row;
	*g = directory_read_group(s, a);
	g->members = (uint64_t)sql_int(s, 5);
}

int directory_groups(struct sql *db, int64_t org_id, slice after, size_t limit, struct arena *a,
	struct mail_group **ret, size_t *ret_n, struct err *e)
{
	if (limit == 0 || limit > DIRECTORY_PAGE_MAX)
		limit = DIRECTORY_PAGE_MAX;
	struct sql_stmt *s = directory_query(db, e,
		"SELECT " GROUP_COLUMNS ", (SELECT COUNT(*) FROM mailgroup_member"
		" WHERE group_id = mailgroup.id) FROM mailgroup"
		" JOIN domain ON domain.id = mailgroup.domain_id"
		" WHERE mailgroup.address > $1 AND ($2 = 0 OR domain.org_id = $2)"
		" ORDER BY mailgroup.address LIMIT $3",
		"tii", after, org_id, (int64_t)limit);
	return s ? directory_collect(s, sizeof **ret, read_group_row, a, (void **)ret, ret_n, e)
		 : -1;
}

/* ---- people in departments and organisations; who may use a group's address ---- */

#define THERE " account.disabled = 0 AND account.deleted_at = 0"

static const char in_org[] =
	"SELECT account.address FROM domain JOIN account ON account.domain_id = domain.id"
	" WHERE domain.org_id = $1 AND domain.disabled = 0 AND account.kind = 1 AND" THERE;
static const char in_department[] =
	"WITH RECURSIVE below (id, depth) AS (SELECT id, 1 FROM department WHERE id = $1 UNION ALL"
	" SELECT department.id, below.depth + 1 FROM department"
	" JOIN below ON department.parent_id = below.id WHERE below.depth < 64)"
	" SELECT account.address FROM below JOIN account ON account.department_id = below.id"
	" AND account.department_id > 0 WHERE account.kind = 1 AND" THERE;
static const char in_group[] =
	"SELECT account.address FROM mailgroup_member JOIN account ON account.id = member_id"
	" WHERE group_id = $1 AND mailgroup_member.kind = 1 AND" THERE;

int directory_each_person(struct sql *db, enum member_kind kind, int64_t id,
	int (*fn)(void *arg, slice address), void *arg, struct err *e)
{
	struct sql_stmt *s = directory_query(db, e,
		kind == MEMBER_ORG          ? in_org
		: kind == MEMBER_DEPARTMENT ? in_department
					    : in_group,
		"i", id);
	int r = s ? 1 : -1;
	while (r == 1 && (r = sql_step(s, e)) == 1)
		if (fn(arg, sql_text(s, 0)) < 0) {
			sql_reset(s);
			r = -1;
		}
	return r;
}

int directory_group_others(struct sql *db, int64_t group_id, struct arena *a, struct member **ret,
	size_t *ret_n, struct err *e)
{
	struct sql_stmt *s = directory_query(db, e,
		"SELECT kind, member_id, address, send_as, 0 FROM mailgroup_member"
		" WHERE group_id = $1 AND kind <> 1 ORDER BY kind, member_id, address",
		"i", group_id);
	return directory_read_members(db, s, a, ret, ret_n, e);
}

static bool belongs(
	enum member_kind kind, int64_t id, int64_t account_id, const struct memberships *m)
{
	if (kind == MEMBER_GROUP)
		for (size_t i = 0; i < m->ngroups; i++)
			if (m->groups[i].id == id)
				return true;
	if (kind == MEMBER_DEPARTMENT)
		for (size_t i = 0; i < m->ndepartments; i++)
			if (m->departments[i] == id)
				return true;
	return (kind == MEMBER_ACCOUNT && id == account_id) ||
	       (kind == MEMBER_ORG && id == m->org_id);
}

int directory_group_sender(struct sql *db, int64_t group_id, int64_t account_id,
	const struct memberships *m, bool *ret, struct err *e)
{
	struct sql_stmt *s = directory_query(db, e,
		"SELECT kind, member_id FROM mailgroup_member WHERE group_id = $1 AND send_as = 1"
		" AND (kind <> 1 OR member_id = $2)",
		"ii", group_id, account_id);
	int r = s ? 1 : -1;
	*ret = false;
	while (r == 1 && (r = sql_step(s, e)) == 1)
		*ret |= belongs((enum member_kind)sql_int(s, 0), sql_int(s, 1), account_id, m);
	return r;
}
