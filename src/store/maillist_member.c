/*
 * Members of mailing lists (maillist.h), in the database "maillist": rows that change often (wishes, bounces) and that no server
 * caches. A member is a row by address; somebody whom only a department, group or other list brings in has a row when there is
 * something to say about him: that he left, wants no mail, or that his mail bounces.
 */
#include "base/mem.h"
#include "base/utf8.h"
#include "store/maillist_impl.h"

const char *maillist_state_name(enum maillist_state s)
{
	static const char *const names[] = {"", "active", "nomail", "bounced", "left"};
	return s >= MAILLIST_ACTIVE && s <= MAILLIST_LEFT ? names[s] : "";
}

struct maillist_member maillist_read_member(struct sql_stmt *s, struct arena *a)
{
	return (struct maillist_member){
		.id = sql_int(s, 0),
		.list_id = sql_int(s, 1),
		.address = arena_dup(a, sql_text(s, 2)),
		.name = arena_dup(a, sql_text(s, 3)),
		.state = (enum maillist_state)sql_int(s, 4),
		.digest = sql_int(s, 5) != 0,
		.own = sql_int(s, 6) != 0,
		.joined_at = sql_int(s, 7),
		.score = sql_int(s, 8),
		.bounced_at = sql_int(s, 9),
		.bounce = arena_dup(a, sql_text(s, 10)),
		.disabled_at = sql_int(s, 11),
		.probes = sql_int(s, 12),
		.probed_at = sql_int(s, 13),
	};
}

static int read_one(struct sql_stmt *s, struct arena *a, struct maillist_member *ret, struct err *e)
{
	int r = sql_step(s, e);
	if (r <= 0)
		return r < 0 ? -1 : err_set(e, ERR_NOTFOUND, "no such member");
	*ret = maillist_read_member(s, a);
	sql_reset(s);
	return 0;
}

int maillist_member_get(struct sql *db, int64_t list_id, slice address, struct arena *a,
	struct maillist_member *ret, struct err *e)
{
	struct sql_stmt *s = sql_prepare(db,
		"SELECT " MEMBER_COLUMNS
		" FROM maillist_member WHERE list_id = $1 AND address = $2",
		e);
	if (!s)
		return -1;
	sql_bind_int(s, 1, list_id);
	sql_bind_text(s, 2, address);
	return read_one(s, a, ret, e);
}

int maillist_member_by_id(
	struct sql *db, int64_t id, struct arena *a, struct maillist_member *ret, struct err *e)
{
	struct sql_stmt *s =
		sql_prepare(db, "SELECT " MEMBER_COLUMNS " FROM maillist_member WHERE id = $1", e);
	if (!s)
		return -1;
	sql_bind_int(s, 1, id);
	return read_one(s, a, ret, e);
}

int maillist_members(struct sql *db, int64_t list_id, slice after, int state, size_t limit,
	struct arena *a, struct maillist_member **ret, size_t *ret_n, struct err *e)
{
	size_t most = limit && limit < MAILLIST_PAGE_MAX ? limit : MAILLIST_PAGE_MAX, n = 0;
	struct sql_stmt *s = sql_prepare(db,
		"SELECT " MEMBER_COLUMNS " FROM maillist_member WHERE list_id = $1 AND address > $2"
		" AND ($3 = 0 OR state = $3) ORDER BY address LIMIT $4",
		e);
	if (!s)
		return -1;
	sql_bind_int(s, 1, list_id);
	sql_bind_text(s, 2, after);
	sql_bind_int(s, 3, state);
	sql_bind_int(s, 4, (int64_t)most);
	struct maillist_member *v = ARENA_ARRAY(a, struct maillist_member, most);
	int r;
	while ((r = sql_step(s, e)) == 1)
		v[n++] = maillist_read_member(s, a);
	if (r < 0)
		return -1;
	*ret = v;
	*ret_n = n;
	return 0;
}

int maillist_count(
	struct sql *db, int64_t list_id, uint64_t *ret_active, uint64_t *ret_all, struct err *e)
{
	struct sql_stmt *s = sql_prepare(db,
		"SELECT COUNT(*), COALESCE(SUM(CASE WHEN state = 1 THEN 1 ELSE 0 END), 0)"
		" FROM maillist_member WHERE list_id = $1 AND own = 1",
		e);
	if (!s)
		return -1;
	sql_bind_int(s, 1, list_id);
	if (sql_step(s, e) != 1)
		return -1;
	*ret_all = (uint64_t)sql_int(s, 0);
	*ret_active = (uint64_t)sql_int(s, 1);
	sql_reset(s);
	return 0;
}

int maillist_has_digests(struct sql *db, int64_t list_id, struct err *e)
{
	struct sql_stmt *s = sql_prepare(db,
		"SELECT 1 FROM maillist_member WHERE list_id = $1 AND digest = 1 AND state = 1 "
		"LIMIT 1",
		e);
	if (!s)
		return -1;
	sql_bind_int(s, 1, list_id);
	int r = sql_step(s, e);
	if (r == 1)
		sql_reset(s);
	return r;
}

/* ---- changes ---- */

/* Before: 1 somebody who is a member and gets mail, 0 not. */
static int is_member(struct sql *db, int64_t list_id, slice address, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	struct maillist_member m;
	if (maillist_member_get(db, list_id, address, &a, &m, e) == 0)
		return m.own && m.state != MAILLIST_LEFT;
	return e->kind == ERR_NOTFOUND ? 0 : -1;
}

int maillist_room(struct sql *db, int64_t list_id, uint64_t *ret, struct err *e)
{
	uint64_t active, all;
	if (maillist_count(db, list_id, &active, &all, e) < 0)
		return -1;
	*ret = all < MAILLIST_MEMBERS_MAX ? MAILLIST_MEMBERS_MAX - all : 0;
	return 0;
}

int maillist_join_tx(struct sql *db, int64_t list_id, slice address, slice name, int64_t now,
	bool *ret_new, struct err *e)
{
	uint64_t room;
	if (maillist_room(db, list_id, &room, e) < 0)
		return -1;
	return maillist_join_within_tx(db, list_id, address, name, now, &room, ret_new, e);
}

int maillist_join_within_tx(struct sql *db, int64_t list_id, slice address, slice name, int64_t now,
	uint64_t *room, bool *ret_new, struct err *e)
{
	int was = is_member(db, list_id, address, e);
	if (was < 0)
		return -1;
	if (!was && *room == 0)
		return err_set(e, ERR_LIMIT, "a list has at most %d members", MAILLIST_MEMBERS_MAX);
	*ret_new = !was;
	*room -= !was;
	return sql_run(db, e,
		       "INSERT INTO maillist_member (list_id, address, name, state, digest, own, "
		       "joined_at)"
		       " VALUES ($1, $2, $3, 1, 0, 1, $4) ON CONFLICT (list_id, address) DO UPDATE "
		       "SET"
		       " own = 1, state = 1, score = 0, disabled_at = 0, probes = 0,"
		       " name = CASE WHEN $3 = '' THEN maillist_member.name ELSE $3 END",
		       "itti", list_id, address, utf8_first(name, 200), now) < 0
		       ? -1
		       : 0;
}

int maillist_leave_tx(
	struct sql *db, int64_t list_id, slice address, bool keep, int64_t now, struct err *e)
{
	int64_t n;
	if (!keep)
		n = sql_run(db, e,
			"DELETE FROM maillist_member WHERE list_id = $1 AND address = $2", "it",
			list_id, address);
	else
		n = sql_run(db, e,
			"INSERT INTO maillist_member (list_id, address, name, state, digest, own, "
			"joined_at)"
			" VALUES ($1, $2, '', 4, 0, 0, $3) ON CONFLICT (list_id, address) DO "
			"UPDATE SET"
			" own = 0, state = 4, disabled_at = 0",
			"iti", list_id, address, now);
	return n == 0  ? err_set(e, ERR_NOTFOUND, "%.*s is not a member", SFMT(address))
	       : n < 0 ? -1
		       : 0;
}

int maillist_wish_tx(
	struct sql *db, int64_t id, enum maillist_state state, bool digest, struct err *e)
{
	int64_t n = sql_run(db, e,
		"UPDATE maillist_member SET state = $1, digest = $2, disabled_at = 0, probes = 0,"
		" score = CASE WHEN $1 = 1 THEN 0 ELSE score END WHERE id = $3",
		"iii", (int64_t)state, (int64_t)digest, id);
	return n == 0 ? err_set(e, ERR_NOTFOUND, "no such member") : n < 0 ? -1 : 0;
}

int maillist_known_tx(
	struct sql *db, int64_t list_id, slice address, int64_t now, int64_t *ret_id, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	struct maillist_member m;
	if (sql_run(db, e,
		    "INSERT INTO maillist_member (list_id, address, name, state, digest, own, "
		    "joined_at)"
		    " VALUES ($1, $2, '', 1, 0, 0, $3) ON CONFLICT (list_id, address) DO NOTHING",
		    "iti", list_id, address, now) < 0 ||
		maillist_member_get(db, list_id, address, &a, &m, e) < 0)
		return -1;
	*ret_id = m.id;
	return 0;
}

int maillist_forget_tx(struct sql *db, int64_t list_id, struct err *e)
{
	return sql_run(db, e, "DELETE FROM maillist_member WHERE list_id = $1", "i", list_id) < 0 ||
			       sql_run(db, e, "DELETE FROM maillist_request WHERE list_id = $1",
				       "i", list_id) < 0
		       ? -1
		       : 0;
}
