/*
 * Shared mailboxes and resources (directory_org.h): who uses them, at what level, and who sends as
 * them. What follows for a login is in directory_facts.c.
 */
#include "base/mem.h"
#include "store/directory_impl.h"
#include "store/mailbox.h"

static const char *const level_names[] = {
	[SHARED_READ] = "read",
	[SHARED_WRITE] = "write",
	[SHARED_MANAGE] = "manage",
};

const char *shared_level_name(enum shared_level l)
{
	return l >= SHARED_READ && l <= SHARED_MANAGE ? level_names[l] : "?";
}

bool shared_level_parse(slice s, enum shared_level *ret)
{
	for (int l = SHARED_READ; l <= SHARED_MANAGE; l++)
		if (slice_ieq(s, slice_z(level_names[l]))) {
			*ret = (enum shared_level)l;
			return true;
		}
	return false;
}

unsigned shared_level_rights(enum shared_level level)
{
	switch (level) {
	case SHARED_READ:
		return RIGHT_LOOKUP | RIGHT_READ | RIGHT_SEEN;
	case SHARED_WRITE:
		return RIGHT_ALL & ~(unsigned)RIGHT_ADMIN;
	case SHARED_MANAGE:
		return RIGHT_ALL;
	}
	return 0;
}

/* The account must be one that several people use. */
static int check_shared(struct sql *db, int64_t account_id, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	struct account v;
	if (directory_account_by_id(db, account_id, &a, &v, e) < 0)
		return -1;
	if (v.deleted_at)
		return err_set(e, ERR_NOTFOUND, "no such account: %.*s", SFMT(v.address));
	return v.kind == ACCOUNT_PERSON
		       ? err_set(e, ERR_PROTO, "%.*s is a person's mailbox", SFMT(v.address))
		       : 0;
}

int directory_shared_put_tx(
	struct sql *db, int64_t account_id, const struct member *m, struct err *e)
{
	if (m->kind == MEMBER_ADDRESS)
		return err_set(e, ERR_PROTO, "%.*s has no account here", SFMT(m->text));
	if (check_shared(db, account_id, e) < 0)
		return -1;
	int64_t n = directory_number(
		db, e, "SELECT COUNT(*) FROM shared_member WHERE account_id = $1", "i", account_id);
	if (n >= DIRECTORY_SHARED_MEMBERS_MAX)
		return err_set(e, ERR_LIMIT,
			"a shared mailbox has at most %d members: use groups or departments",
			DIRECTORY_SHARED_MEMBERS_MAX);
	if (n >= 0)
		n = sql_run(db, e,
			"INSERT INTO shared_member (account_id, kind, member_id, level, send_as)"
			" VALUES ($1, $2, $3, $4, $5) ON CONFLICT (account_id, kind, member_id)"
			" DO UPDATE SET level = excluded.level, send_as = excluded.send_as",
			"iiiii", account_id, (int64_t)m->kind, m->id, (int64_t)m->level,
			(int64_t)m->send_as);
	return n < 0 ? -1 : 0;
}

int directory_shared_put(struct sql *db, int64_t account_id, const struct member *m, struct err *e)
{
	if (sql_begin(db, e) < 0)
		return -1;
	return directory_end_change(db, directory_shared_put_tx(db, account_id, m, e), e);
}

int directory_shared_take(struct sql *db, int64_t account_id, const struct member *m, struct err *e)
{
	if (sql_begin(db, e) < 0)
		return -1;
	int64_t r = sql_run(db, e,
		"DELETE FROM shared_member WHERE account_id = $1 AND kind = $2 AND member_id = $3",
		"iii", account_id, (int64_t)m->kind, m->id);
	if (r == 0)
		r = err_set(e, ERR_NOTFOUND, "not a member: %.*s", SFMT(m->text));
	return directory_end_change(db, r, e);
}

int directory_shared_members(struct sql *db, int64_t account_id, struct arena *a,
	struct member **ret, size_t *ret_n, struct err *e)
{
	struct sql_stmt *s = directory_query(db, e,
		"SELECT kind, member_id, '', send_as, level FROM shared_member"
		" WHERE account_id = $1 ORDER BY kind, member_id",
		"i", account_id);
	return directory_read_members(db, s, a, ret, ret_n, e);
}
