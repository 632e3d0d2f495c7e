/*
 * Who a login is and what it belongs to: facts and limits from account, class, domain and
 * organisation; groups, departments and shared mailboxes, through all levels. Blocks; the servers
 * ask through directory_cache.c.
 */
#include "base/mem.h"
#include "store/directory_impl.h"

#include <stdio.h>

/* ---- facts ---- */

#define FACTS                                                                                      \
	"SELECT account.id, domain.org_id, account.domain_id, account.department_id,"              \
	" account.class_id, account.kind, account.disabled + domain.disabled + org.disabled,"      \
	" account.deleted_at, account.address, account.name, account.language,"                    \
	" account.quota, account.quota_messages, account.services_on, account.services_off,"       \
	" service_class.quota, service_class.quota_messages, service_class.max_message,"           \
	" service_class.max_rcpts, service_class.rcpts_hour, service_class.rcpts_day,"             \
	" service_class.services, meta.version, service_class.sieve_scripts,"                      \
	" service_class.sieve_bytes"                                                               \
	" FROM account JOIN domain ON domain.id = account.domain_id"                               \
	" JOIN org ON org.id = domain.org_id"                                                      \
	" JOIN service_class ON service_class.id = account.class_id JOIN meta ON meta.id = 1"

/* The account's own number, else the class's; 0: no limit. */
static uint64_t own_or_class(int64_t own, int64_t of_class)
{
	int64_t v = own ? own : of_class;
	return v < 0 ? 0 : (uint64_t)v;
}

static struct limits read_limits(struct sql_stmt *s, enum account_kind kind)
{
	unsigned services = (unsigned)((sql_int(s, 21) | sql_int(s, 13)) & ~sql_int(s, 14));
	return (struct limits){
		.quota = own_or_class(sql_int(s, 11), sql_int(s, 15)),
		.quota_messages = own_or_class(sql_int(s, 12), sql_int(s, 16)),
		.max_message = (uint64_t)sql_int(s, 17),
		.max_rcpts = (uint64_t)sql_int(s, 18),
		.rcpts_hour = (uint64_t)sql_int(s, 19),
		.rcpts_day = (uint64_t)sql_int(s, 20),
		.sieve_scripts = (uint64_t)sql_int(s, 23),
		.sieve_bytes = (uint64_t)sql_int(s, 24),
		.services = kind == ACCOUNT_PERSON ? services & SERVICE_ALL : 0,
	};
}

static int read_facts(
	struct sql_stmt *s, slice name, struct arena *a, struct login_facts *ret, struct err *e)
{
	int r = sql_step(s, e);
	if (r <= 0)
		return r < 0 ? -1 : err_set(e, ERR_NOTFOUND, "no such account: %.*s", SFMT(name));
	enum account_kind kind = (enum account_kind)sql_int(s, 5);
	*ret = (struct login_facts){
		.id = sql_int(s, 0),
		.org_id = sql_int(s, 1),
		.domain_id = sql_int(s, 2),
		.department_id = sql_int(s, 3),
		.class_id = sql_int(s, 4),
		.kind = kind,
		.disabled = sql_int(s, 6) != 0,
		.deleted = sql_int(s, 7) != 0,
		.limits = read_limits(s, kind),
		.address = arena_dup(a, sql_text(s, 8)),
		.name = arena_dup(a, sql_text(s, 9)),
		.language = arena_dup(a, sql_text(s, 10)),
		.version = (uint64_t)sql_int(s, 22),
	};
	sql_reset(s);
	return 0;
}

int directory_login_facts(
	struct sql *db, slice login, struct arena *a, struct login_facts *ret, struct err *e)
{
	slice key;
	if (!directory_canonical(login, a, &key))
		return err_set(e, ERR_NOTFOUND, "no such account: %.*s", SFMT(login));
	struct sql_stmt *s =
		sql_prepare(db, FACTS " WHERE account.address = $1 AND account.deleted_at = 0", e);
	if (!s)
		return -1;
	sql_bind_text(s, 1, key);
	return read_facts(s, login, a, ret, e);
}

int directory_account_facts(
	struct sql *db, int64_t id, struct arena *a, struct login_facts *ret, struct err *e)
{
	struct sql_stmt *s = sql_prepare(db, FACTS " WHERE account.id = $1", e);
	if (!s)
		return -1;
	sql_bind_int(s, 1, id);
	char text[24];
	int n = snprintf(text, sizeof text, "%lld", (long long)id);
	return read_facts(s, slice_of(text, (size_t)n), a, ret, e);
}

/* ---- what an account belongs to ---- */

/* Walks from an account upwards. */
struct climb {
	struct sql *db;
	struct arena *a;
	struct err *e;
	struct memberships *m;
	struct map seen; /* "g12": that group */
	slice names[DIRECTORY_DEPARTMENT_DEPTH]; /* of departments, own first */
};

static slice seen_key(char kind, int64_t id, char out[24])
{
	int n = snprintf(out, 24, "%c%lld", kind, (long long)id);
	return slice_of(out, (size_t)n);
}

static int climb_departments(struct climb *c, int64_t id)
{
	struct memberships *m = c->m;
	m->departments = ARENA_ARRAY(c->a, int64_t, DIRECTORY_DEPARTMENT_DEPTH);
	while (id && m->ndepartments < DIRECTORY_DEPARTMENT_DEPTH) {
		struct sql_stmt *s = sql_prepare(
			c->db, "SELECT parent_id, name FROM department WHERE id = $1", c->e);
		if (!s)
			return -1;
		sql_bind_int(s, 1, id);
		int r = sql_step(s, c->e);
		if (r <= 0)
			return r;
		c->names[m->ndepartments] = arena_dup(c->a, sql_text(s, 1));
		m->departments[m->ndepartments++] = id;
		id = sql_int(s, 0);
		sql_reset(s);
	}
	return 0;
}

static void name_departments(struct climb *c)
{
	struct memberships *m = c->m;
	slice above = {0};
	m->department_paths = ARENA_ARRAY(c->a, slice, m->ndepartments + 1);
	for (size_t i = m->ndepartments; i-- > 0;) {
		above = above.n ? arena_printf(c->a, "%.*s/%.*s", SFMT(above), SFMT(c->names[i]))
				: c->names[i];
		m->department_paths[i] = above;
	}
}

/* Groups that have this as a member, and those that have them. */
static int climb_groups(struct climb *c, enum member_kind kind, int64_t id)
{
	char key[24];
	struct memberships *m = c->m;
	struct sql_stmt *s = sql_prepare(c->db,
		"SELECT mailgroup.id, mailgroup.address FROM mailgroup_member"
		" JOIN mailgroup ON mailgroup.id = group_id"
		" WHERE mailgroup_member.kind = $1 AND member_id = $2 LIMIT $3",
		c->e);
	if (!s)
		return -1;
	sql_bind_int(s, 1, (int64_t)kind);
	sql_bind_int(s, 2, id);
	sql_bind_int(s, 3, DIRECTORY_MEMBERSHIPS_MAX);
	int r;
	while ((r = sql_step(s, c->e)) == 1) {
		slice name = seen_key('g', sql_int(s, 0), key);
		if (map_get(&c->seen, name) || m->ngroups == DIRECTORY_MEMBERSHIPS_MAX)
			continue;
		map_put(&c->seen, name, c);
		m->groups[m->ngroups++] =
			(struct membership_group){sql_int(s, 0), arena_dup(c->a, sql_text(s, 1))};
	}
	return r;
}

static int all_groups(struct climb *c, int64_t account_id)
{
	struct memberships *m = c->m;
	int r = climb_groups(c, MEMBER_ACCOUNT, account_id);
	for (size_t i = 0; i < m->ndepartments && r == 0; i++)
		r = climb_groups(c, MEMBER_DEPARTMENT, m->departments[i]);
	if (r == 0)
		r = climb_groups(c, MEMBER_ORG, m->org_id);
	for (size_t i = 0; i < m->ngroups && r == 0; i++) /* grows meanwhile */
		r = climb_groups(c, MEMBER_GROUP, m->groups[i].id);
	return r;
}

static void add_shared(struct climb *c, struct sql_stmt *s)
{
	char key[24];
	struct memberships *m = c->m;
	slice name = seen_key('s', sql_int(s, 0), key);
	struct shared_access *x = map_get(&c->seen, name);
	enum shared_level level = (enum shared_level)sql_int(s, 3);
	if (!x && m->nshared == DIRECTORY_MEMBERSHIPS_MAX)
		return;
	if (!x) {
		x = &m->shared[m->nshared++];
		*x = (struct shared_access){.account_id = sql_int(s, 0),
			.address = arena_dup(c->a, sql_text(s, 1)),
			.name = arena_dup(c->a, sql_text(s, 2))};
		map_put(&c->seen, name, x);
	}
	if (level > x->level)
		x->level = level;
	x->send_as |= sql_int(s, 4) != 0;
}

static int shared_through(struct climb *c, enum member_kind kind, int64_t id)
{
	struct sql_stmt *s = sql_prepare(c->db,
		"SELECT account.id, account.address, account.name, level, send_as"
		" FROM shared_member JOIN account ON account.id = account_id"
		" WHERE shared_member.kind = $1 AND member_id = $2"
		" AND account.disabled = 0 AND account.deleted_at = 0 LIMIT $3",
		c->e);
	if (!s)
		return -1;
	sql_bind_int(s, 1, (int64_t)kind);
	sql_bind_int(s, 2, id);
	sql_bind_int(s, 3, DIRECTORY_MEMBERSHIPS_MAX);
	int r;
	while ((r = sql_step(s, c->e)) == 1)
		add_shared(c, s);
	return r;
}

static int all_shared(struct climb *c, int64_t account_id)
{
	struct memberships *m = c->m;
	int r = shared_through(c, MEMBER_ACCOUNT, account_id);
	for (size_t i = 0; i < m->ndepartments && r == 0; i++)
		r = shared_through(c, MEMBER_DEPARTMENT, m->departments[i]);
	for (size_t i = 0; i < m->ngroups && r == 0; i++)
		r = shared_through(c, MEMBER_GROUP, m->groups[i].id);
	return r == 0 ? shared_through(c, MEMBER_ORG, m->org_id) : r;
}

static int by_address(const void *x, const void *y)
{
	return slice_cmp(((const struct membership_group *)x)->address,
		((const struct membership_group *)y)->address);
}

static int by_shared_address(const void *x, const void *y)
{
	return slice_cmp(((const struct shared_access *)x)->address,
		((const struct shared_access *)y)->address);
}

struct memberships directory_copy_memberships(const struct memberships *from, struct arena *a)
{
	struct memberships to = *from;
	to.groups = ARENA_ARRAY(a, struct membership_group, from->ngroups + 1);
	for (size_t i = 0; i < from->ngroups; i++)
		to.groups[i] = (struct membership_group){
			from->groups[i].id, arena_dup(a, from->groups[i].address)};
	to.departments = ARENA_ARRAY(a, int64_t, from->ndepartments + 1);
	to.department_paths = ARENA_ARRAY(a, slice, from->ndepartments + 1);
	for (size_t i = 0; i < from->ndepartments; i++) {
		to.departments[i] = from->departments[i];
		to.department_paths[i] = arena_dup(a, from->department_paths[i]);
	}
	to.shared = ARENA_ARRAY(a, struct shared_access, from->nshared + 1);
	for (size_t i = 0; i < from->nshared; i++) {
		to.shared[i] = from->shared[i];
		to.shared[i].address = arena_dup(a, from->shared[i].address);
		to.shared[i].name = arena_dup(a, from->shared[i].name);
	}
	return to;
}

int directory_find_memberships(
	struct sql *db, slice login, struct arena *a, struct memberships *ret, struct err *e)
{
	AUTO(arena) struct arena mem = {0};
	struct login_facts f;
	if (directory_login_facts(db, login, &mem, &f, e) < 0)
		return -1;
	struct memberships m = {
		.org_id = f.org_id,
		.version = f.version,
		.groups = ARENA_ARRAY(&mem, struct membership_group, DIRECTORY_MEMBERSHIPS_MAX),
		.shared = ARENA_ARRAY(&mem, struct shared_access, DIRECTORY_MEMBERSHIPS_MAX),
	};
	struct climb c = {.db = db, .a = &mem, .e = e, .m = &m};
	int r = climb_departments(&c, f.department_id);
	if (r == 0)
		r = all_groups(&c, f.id);
	if (r == 0)
		r = all_shared(&c, f.id);
	map_done(&c.seen);
	if (r < 0)
		return -1;
	name_departments(&c);
	qsort(m.groups, m.ngroups, sizeof *m.groups, by_address);
	qsort(m.shared, m.nshared, sizeof *m.shared, by_shared_address);
	*ret = directory_copy_memberships(&m, a);
	return 0;
}
