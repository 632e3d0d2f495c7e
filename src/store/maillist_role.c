/*
 * Whom a list consists of beside its own members, and who looks after it (maillist.h). In the directory's database: few rows,
 * changed by administrators.
 */
#include "base/mem.h"
#include "store/directory_impl.h"
#include "store/maillist.h"

/* ---- sources ---- */

static int parse_list(struct sql *db, const struct maillist *l, slice address, struct arena *a,
	struct maillist_source *ret, struct err *e)
{
	struct maillist other;
	if (maillist_get(db, address, a, &other, e) < 0)
		return -1;
	if (other.id == l->id)
		return err_set(e, ERR_PROTO, "a list cannot consist of itself");
	*ret = (struct maillist_source){
		MAILLIST_SOURCE_LIST, other.id, arena_printf(a, "list:%.*s", SFMT(other.address))};
	return 0;
}

int maillist_source_parse(struct sql *db, const struct maillist *l, slice text, struct arena *a,
	struct maillist_source *ret, struct err *e)
{
	static const slice list = S_INIT("list:"), group = S_INIT("group:");
	struct member m;
	struct mail_group g;
	if (slice_istarts(text, list))
		return parse_list(db, l, slice_skip(text, list.n), a, ret, e);
	if (slice_istarts(text, group)) {
		if (directory_group(db, slice_skip(text, group.n), a, &g, e) < 0)
			return -1;
		*ret = (struct maillist_source){
			MEMBER_GROUP, g.id, arena_printf(a, "group:%.*s", SFMT(g.address))};
		return 0;
	}
	int64_t org = directory_number(
		db, e, "SELECT org_id FROM domain WHERE id = $1", "i", l->domain_id);
	if (org < 0 || directory_member_parse(db, org, text, a, &m, e) < 0)
		return -1;
	if (m.kind != MEMBER_DEPARTMENT && m.kind != MEMBER_ORG)
		return err_set(e, ERR_PROTO,
			"department:PATH, org:NAME, group:ADDRESS or list:ADDRESS, not %.*s",
			SFMT(text));
	*ret = (struct maillist_source){(int)m.kind, m.id, m.text};
	return 0;
}

/* Does list `from` consist, through others, of `target`? 1, 0, -1. */
static int leads_to(struct sql *db, int64_t from, int64_t target, unsigned depth, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	struct maillist_source *v;
	size_t n;
	if (from == target || depth >= MAILLIST_DEPTH)
		return 1;
	if (maillist_sources(db, from, &a, &v, &n, e) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		int r = v[i].kind == MAILLIST_SOURCE_LIST
				? leads_to(db, v[i].ref, target, depth + 1, e)
				: 0;
		if (r)
			return r;
	}
	return 0;
}

static int64_t put_source(
	struct sql *db, int64_t list_id, const struct maillist_source *s, struct err *e)
{
	int back = s->kind == MAILLIST_SOURCE_LIST ? leads_to(db, s->ref, list_id, 1, e) : 0;
	if (back)
		return back < 0 ? -1
				: err_set(e, ERR_PROTO,
					  "that list holds this one already, or lists are more "
					  "than %d deep",
					  MAILLIST_DEPTH);
	int64_t n = directory_number(
		db, e, "SELECT COUNT(*) FROM maillist_source WHERE list_id = $1", "i", list_id);
	if (n < 0)
		return -1;
	if (n >= MAILLIST_SOURCES_MAX)
		return err_set(e, ERR_LIMIT, "a list has at most %d sources", MAILLIST_SOURCES_MAX);
	return sql_run(db, e,
		"INSERT INTO maillist_source (list_id, kind, ref) VALUES ($1, $2, $3) ON CONFLICT "
		"DO NOTHING",
		"iii", list_id, (int64_t)s->kind, s->ref);
}

int maillist_source_put(
	struct sql *db, int64_t list_id, const struct maillist_source *s, struct err *e)
{
	if (sql_begin(db, e) < 0)
		return -1;
	return directory_end_change(db, put_source(db, list_id, s, e), e);
}

int maillist_source_take(
	struct sql *db, int64_t list_id, const struct maillist_source *s, struct err *e)
{
	if (sql_begin(db, e) < 0)
		return -1;
	int64_t n = sql_run(db, e,
		"DELETE FROM maillist_source WHERE list_id = $1 AND kind = $2 AND ref = $3", "iii",
		list_id, (int64_t)s->kind, s->ref);
	if (n == 0)
		n = err_set(e, ERR_NOTFOUND, "not a source of this list: %.*s", SFMT(s->text));
	return directory_end_change(db, n, e);
}

static slice source_text(struct sql *db, int kind, int64_t ref, struct arena *a)
{
	struct department d;
	struct org o;
	struct maillist l;
	struct err e;
	if (kind == MEMBER_DEPARTMENT && directory_department_by_id(db, ref, a, &d, &e) == 0)
		return arena_printf(a, "department:%.*s", SFMT(d.path));
	if (kind == MEMBER_ORG && directory_org_by_id(db, ref, a, &o, &e) == 0)
		return arena_printf(a, "org:%.*s", SFMT(o.name));
	if (kind == MAILLIST_SOURCE_LIST && maillist_by_id(db, ref, a, &l, &e) == 0)
		return arena_printf(a, "list:%.*s", SFMT(l.address));
	struct sql_stmt *s =
		kind == MEMBER_GROUP
			? directory_query(
				  db, &e, "SELECT address FROM mailgroup WHERE id = $1", "i", ref)
			: NULL;
	if (!s || sql_step(s, &e) != 1)
		return S("");
	slice text = arena_printf(a, "group:%.*s", SFMT(sql_text(s, 0)));
	sql_reset(s);
	return text;
}

static void read_source(struct sql_stmt *s, struct arena *a, void *row)
{
	(void)a;
	*(struct maillist_source *)row =
		(struct maillist_source){(int)sql_int(s, 0), sql_int(s, 1), S("")};
}

int maillist_sources(struct sql *db, int64_t list_id, struct arena *a, struct maillist_source **ret,
	size_t *ret_n, struct err *e)
{
	void *rows = NULL;
	struct sql_stmt *s = directory_query(db, e,
		"SELECT kind, ref FROM maillist_source WHERE list_id = $1 ORDER BY kind, ref", "i",
		list_id);
	if (!s || directory_collect(
			  s, sizeof(struct maillist_source), read_source, a, &rows, ret_n, e) < 0)
		return -1;
	*ret = rows;
	for (size_t i = 0; i < *ret_n; i++)
		(*ret)[i].text = source_text(db, (*ret)[i].kind, (*ret)[i].ref, a);
	return 0;
}

/* ---- people ---- */

static const struct {
	enum maillist_role role;
	const char *name;
} roles[] = {{MAILLIST_OWNER_ROLE, "owner"}, {MAILLIST_MODERATOR, "moderator"},
	{MAILLIST_SENDER, "sender"}};

const char *maillist_role_name(enum maillist_role r)
{
	for (size_t i = 0; i < sizeof roles / sizeof *roles; i++)
		if (roles[i].role == r)
			return roles[i].name;
	return "";
}

bool maillist_role_parse(slice s, enum maillist_role *ret)
{
	for (size_t i = 0; i < sizeof roles / sizeof *roles; i++)
		if (slice_ieq(s, slice_z(roles[i].name))) {
			*ret = roles[i].role;
			return true;
		}
	return false;
}

static int64_t put_role(struct sql *db, int64_t list_id, slice address, unsigned add, struct err *e)
{
	int64_t n = directory_number(
		db, e, "SELECT COUNT(*) FROM maillist_role WHERE list_id = $1", "i", list_id);
	if (n < 0)
		return -1;
	if (n >= MAILLIST_ROLES_MAX)
		return err_set(
			e, ERR_LIMIT, "at most %d people look after a list", MAILLIST_ROLES_MAX);
	return sql_run(db, e,
		"INSERT INTO maillist_role (list_id, address, roles) VALUES ($1, $2, $3)"
		" ON CONFLICT (list_id, address) DO UPDATE SET roles = maillist_role.roles | $3",
		"iti", list_id, address, (int64_t)add);
}

static int64_t take_role(
	struct sql *db, int64_t list_id, slice address, unsigned take, struct err *e)
{
	int64_t n = sql_run(db, e,
		"UPDATE maillist_role SET roles = roles & $1 WHERE list_id = $2 AND address = $3 "
		"AND (roles & $4) <> 0",
		"iiti", (int64_t)(7u & ~take), list_id, address, (int64_t)take);
	if (n == 0)
		return err_set(
			e, ERR_NOTFOUND, "%.*s does not look after this list", SFMT(address));
	return n < 0 ? -1
		     : sql_run(db, e, "DELETE FROM maillist_role WHERE list_id = $1 AND roles = 0",
			       "i", list_id);
}

typedef int64_t (*role_fn)(
	struct sql *db, int64_t list_id, slice address, unsigned roles, struct err *e);
static int change_role(
	struct sql *db, int64_t list_id, slice address, unsigned r, role_fn fn, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	slice key;
	if (!directory_canonical(address, &a, &key))
		return err_set(e, ERR_PROTO, "not an address: %.*s", SFMT(address));
	if (sql_begin(db, e) < 0)
		return -1;
	return directory_end_change(db, fn(db, list_id, key, r, e), e);
}

int maillist_role_put(struct sql *db, int64_t list_id, slice address, unsigned r, struct err *e)
{
	return change_role(db, list_id, address, r, put_role, e);
}

int maillist_role_take(struct sql *db, int64_t list_id, slice address, unsigned r, struct err *e)
{
	return change_role(db, list_id, address, r, take_role, e);
}

static void read_person(struct sql_stmt *s, struct arena *a, void *row)
{
	*(struct maillist_person *)row = (struct maillist_person){
		sql_int(s, 0), arena_dup(a, sql_text(s, 1)), (unsigned)sql_int(s, 2)};
}

int maillist_people(struct sql *db, int64_t list_id, struct arena *a, struct maillist_person **ret,
	size_t *ret_n, struct err *e)
{
	void *rows = NULL;
	struct sql_stmt *s = directory_query(db, e,
		"SELECT id, address, roles FROM maillist_role WHERE list_id = $1 ORDER BY address",
		"i", list_id);
	if (!s || directory_collect(
			  s, sizeof(struct maillist_person), read_person, a, &rows, ret_n, e) < 0)
		return -1;
	*ret = rows;
	return 0;
}

int maillist_person_by_id(struct sql *db, int64_t id, struct arena *a, struct maillist_person *ret,
	int64_t *ret_list, struct err *e)
{
	struct sql_stmt *s = directory_query(db, e,
		"SELECT id, address, roles, list_id FROM maillist_role WHERE id = $1", "i", id);
	int r = s ? sql_step(s, e) : -1;
	if (r <= 0)
		return r < 0 ? -1 : err_set(e, ERR_NOTFOUND, "no longer looks after the list");
	read_person(s, a, ret);
	*ret_list = sql_int(s, 3);
	sql_reset(s);
	return 0;
}

int maillist_roles_of(struct sql *db, int64_t list_id, slice address, unsigned *ret, struct err *e)
{
	int64_t n = directory_number(db, e,
		"SELECT roles FROM maillist_role WHERE list_id = $1 AND address = $2", "it",
		list_id, address);
	if (n < 0)
		return -1;
	*ret = (unsigned)n;
	return 0;
}

int maillist_owners(
	struct sql *db, int64_t list_id, struct arena *a, slice **ret, size_t *ret_n, struct err *e)
{
	struct maillist_person *v;
	struct maillist l;
	size_t n, k = 0;
	if (maillist_people(db, list_id, a, &v, &n, e) < 0)
		return -1;
	*ret = ARENA_ARRAY(a, slice, n + 1);
	for (size_t i = 0; i < n; i++)
		if (v[i].roles & MAILLIST_OWNER_ROLE)
			(*ret)[k++] = v[i].address;
	if (k == 0) {
		if (maillist_by_id(db, list_id, a, &l, e) < 0)
			return -1;
		(*ret)[k++] = arena_printf(a, "postmaster%.*s",
			SFMT(slice_skip(l.address, slice_rindex(l.address, '@'))));
	}
	*ret_n = k;
	return 0;
}
