/*
 * Mailing lists in the directory (maillist.h): making and changing them, and what an address is to them. Called by the command line,
 * the queue process, and directory_resolve.c. Changes raise the directory's version, by which servers notice.
 */
#include "store/maillist.h"

#include "base/mem.h"
#include "base/time.h"
#include "store/directory_impl.h"
#include "store/maillist_impl.h"

const char maillist_directory_up[] =
	"CREATE TABLE maillist ("
	"id {{AUTO_KEY}}, domain_id BIGINT NOT NULL, address TEXT NOT NULL UNIQUE, name TEXT NOT "
	"NULL,"
	"settings TEXT NOT NULL, created_at BIGINT NOT NULL);"
	"CREATE INDEX maillist_domain ON maillist (domain_id, address);"
	"CREATE TABLE maillist_source ("
	"list_id BIGINT NOT NULL, kind BIGINT NOT NULL, ref BIGINT NOT NULL,"
	"PRIMARY KEY (list_id, kind, ref)) {{WITHOUT_ROWID}};"
	"CREATE INDEX maillist_source_of ON maillist_source (kind, ref, list_id);"
	"CREATE TABLE maillist_role ("
	"id {{AUTO_KEY}}, list_id BIGINT NOT NULL, address TEXT NOT NULL, roles BIGINT NOT NULL,"
	"UNIQUE (list_id, address));";
const char maillist_directory_down[] =
	"DROP TABLE maillist_role; DROP TABLE maillist_source; DROP TABLE maillist;";

const struct sql_migration maillist_migrations[] = {
	{1, "maillist",
		"CREATE TABLE maillist_member ("
		"id {{AUTO_KEY}}, list_id BIGINT NOT NULL, address TEXT NOT NULL, name TEXT NOT "
		"NULL,"
		"state BIGINT NOT NULL, digest BIGINT NOT NULL, own BIGINT NOT NULL,"
		"joined_at BIGINT NOT NULL, score BIGINT NOT NULL DEFAULT 0,"
		"bounced_at BIGINT NOT NULL DEFAULT 0, bounce TEXT NOT NULL DEFAULT '',"
		"disabled_at BIGINT NOT NULL DEFAULT 0, probes BIGINT NOT NULL DEFAULT 0,"
		"probed_at BIGINT NOT NULL DEFAULT 0, UNIQUE (list_id, address));"
		"CREATE INDEX maillist_member_disabled ON maillist_member (disabled_at, probed_at)"
		" WHERE disabled_at > 0;"
		"CREATE TABLE maillist_request ("
		"id {{AUTO_KEY}}, list_id BIGINT NOT NULL, address TEXT NOT NULL, want BIGINT NOT "
		"NULL,"
		"name TEXT NOT NULL, confirmed BIGINT NOT NULL, at BIGINT NOT NULL,"
		"until BIGINT NOT NULL, asked_at BIGINT NOT NULL, UNIQUE (list_id, address, want));"
		"CREATE INDEX maillist_request_until ON maillist_request (until);"
		"CREATE INDEX maillist_request_address ON maillist_request (address, asked_at);",
		"DROP TABLE maillist_request; DROP TABLE maillist_member;"},
};
const size_t maillist_migrations_n = sizeof maillist_migrations / sizeof maillist_migrations[0];

/* ---- addresses ---- */

static const struct {
	enum maillist_part part;
	slice suffix;
} parts[] = {
	{MAILLIST_REQUEST, S_INIT("-request")},
	{MAILLIST_SUBSCRIBE, S_INIT("-subscribe")},
	{MAILLIST_UNSUBSCRIBE, S_INIT("-unsubscribe")},
	{MAILLIST_LEAVE, S_INIT("-leave")},
	{MAILLIST_CONFIRM, S_INIT("-confirm")},
	{MAILLIST_DECIDE, S_INIT("-decide")},
	{MAILLIST_BOUNCES, S_INIT("-bounces")},
	{MAILLIST_OWNER, S_INIT("-owner")},
};

static slice suffix_of(enum maillist_part part)
{
	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
		if (parts[i].part == part)
			return parts[i].suffix;
	return S("");
}

slice maillist_part_address(slice list, enum maillist_part part, slice token, struct arena *a)
{
	size_t at = slice_rindex(list, '@');
	return arena_printf(a, "%.*s%.*s%s%.*s%.*s", SFMT(slice_first(list, at)),
		SFMT(suffix_of(part)), token.n ? "+" : "", SFMT(token), SFMT(slice_skip(list, at)));
}

slice maillist_part_token(slice address)
{
	slice local = slice_first(address, slice_rindex(address, '@'));
	return slice_skip(local, slice_index(local, '+') + 1);
}

static int64_t find_exact(struct sql *db, slice address, struct err *e)
{
	return directory_number(db, e, "SELECT id FROM maillist WHERE address = $1", "t", address);
}

int maillist_find(
	struct sql *db, slice address, int64_t *ret_id, enum maillist_part *ret_part, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	slice domain = slice_skip(address, slice_rindex(address, '@'));
	slice local = slice_first(address, slice_rindex(address, '@'));
	int64_t id = find_exact(db, address, e);
	*ret_part = MAILLIST_POST;
	slice plain = slice_first(local, slice_index(local, '+'));
	if (id == 0 && plain.n != local.n)
		id = find_exact(db, arena_printf(&a, "%.*s%.*s", SFMT(plain), SFMT(domain)), e);
	for (size_t i = 0; id == 0 && i < sizeof parts / sizeof *parts; i++) {
		if (!slice_ends(plain, parts[i].suffix) || plain.n == parts[i].suffix.n)
			continue;
		slice name = slice_first(plain, plain.n - parts[i].suffix.n);
		id = find_exact(db, arena_printf(&a, "%.*s%.*s", SFMT(name), SFMT(domain)), e);
		*ret_part = parts[i].part;
	}
	if (id > 0)
		*ret_id = id;
	return id < 0 ? -1 : id > 0;
}

/* ---- reading ---- */

#define LIST_COLUMNS "id, domain_id, address, name, settings, created_at"

static struct maillist read_list(struct sql_stmt *s, struct arena *a)
{
	struct maillist l = {
		.id = sql_int(s, 0),
		.domain_id = sql_int(s, 1),
		.address = arena_dup(a, sql_text(s, 2)),
		.name = arena_dup(a, sql_text(s, 3)),
		.created_at = sql_int(s, 5),
	};
	maillist_conf_read(&l.c, sql_text(s, 4), a);
	return l;
}

static void read_row(struct sql_stmt *s, struct arena *a, void *row)
{
	*(struct maillist *)row = read_list(s, a);
}

static int read_one(struct sql_stmt *s, struct arena *a, struct maillist *ret, struct err *e)
{
	int r = s ? sql_step(s, e) : -1;
	if (r == 1) {
		*ret = read_list(s, a);
		sql_reset(s);
	}
	return r;
}

int maillist_get(
	struct sql *db, slice address, struct arena *a, struct maillist *ret, struct err *e)
{
	slice key;
	int r = 0;
	if (directory_canonical(address, a, &key))
		r = read_one(directory_query(db, e,
				     "SELECT " LIST_COLUMNS " FROM maillist WHERE address = $1",
				     "t", key),
			a, ret, e);
	return r == 0  ? err_set(e, ERR_NOTFOUND, "no such mailing list: %.*s", SFMT(address))
	       : r < 0 ? -1
		       : 0;
}

int maillist_by_id(struct sql *db, int64_t id, struct arena *a, struct maillist *ret, struct err *e)
{
	int r = read_one(directory_query(db, e,
				 "SELECT " LIST_COLUMNS " FROM maillist WHERE id = $1", "i", id),
		a, ret, e);
	return r == 0 ? err_set(e, ERR_NOTFOUND, "no such mailing list any more") : r < 0 ? -1 : 0;
}

int maillist_each(struct sql *db, int64_t domain_id, slice after, size_t limit, struct arena *a,
	struct maillist **ret, size_t *ret_n, struct err *e)
{
	struct sql_stmt *s = directory_query(db, e,
		"SELECT " LIST_COLUMNS
		" FROM maillist WHERE address > $1 AND ($2 = 0 OR domain_id = $2)"
		" ORDER BY address LIMIT $3",
		"tii", after, domain_id,
		(int64_t)(limit && limit < MAILLIST_PAGE_MAX ? limit : MAILLIST_PAGE_MAX));
	void *rows = NULL;
	if (!s || directory_collect(s, sizeof(struct maillist), read_row, a, &rows, ret_n, e) < 0)
		return -1;
	*ret = rows;
	return 0;
}

/* ---- changing ---- */

static int check_list(const struct maillist *l, struct err *e)
{
	if (!directory_text_ok(l->name))
		return err_set(
			e, ERR_PROTO, "a name is one line of at most %d bytes", DIRECTORY_TEXT_MAX);
	return 0;
}

/* Its own address, and those that belong to it: what is somebody's stays his. */
static int check_address(
	struct sql *db, slice address, struct arena *a, struct domain *ret, struct err *e)
{
	struct directory_name n;
	unsigned taken = TAKEN_ACCOUNT | TAKEN_GROUP | TAKEN_ALIAS;
	if (!directory_name(address, a, &n) || slice_index(n.local, '+') < n.local.n ||
		n.local.p[0] == '"')
		return err_set(e, ERR_PROTO, "no address for a list: %.*s", SFMT(address));
	if (n.local.n > MAILLIST_LOCAL_MAX)
		return err_set(e, ERR_PROTO, "what stands before the @ has at most %d bytes",
			MAILLIST_LOCAL_MAX);
	if (directory_local_domain(db, address, a, ret, e) < 0 ||
		directory_not_taken(db, address, taken, e) < 0)
		return -1;
	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
		if (directory_not_taken(db, maillist_part_address(address, parts[i].part, S(""), a),
			    taken, e) < 0)
			return -1;
	return 0;
}

static int64_t add(
	struct sql *db, const struct maillist *l, slice address, struct arena *a, struct err *e)
{
	struct domain d;
	AUTO(buf) struct buf settings = BUF(MAILLIST_SETTINGS_MAX);
	maillist_conf_write(&l->c, &settings);
	int64_t n = directory_number(db, e, "SELECT COUNT(*) FROM maillist", "");
	if (n < 0 || check_address(db, address, a, &d, e) < 0)
		return -1;
	if (n >= MAILLIST_LISTS_MAX || !buf_ok(&settings))
		return err_set(e, ERR_LIMIT, "too many lists (%d), or too long settings",
			MAILLIST_LISTS_MAX);
	return directory_number(db, e,
		"INSERT INTO maillist (domain_id, address, name, settings, created_at)"
		" VALUES ($1, $2, $3, $4, $5) RETURNING id",
		"ittti", d.id, address, l->name, buf_slice(&settings), wall_now());
}

int maillist_add(struct sql *db, const struct maillist *l, int64_t *ret_id, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	slice address;
	if (!directory_canonical(l->address, &a, &address))
		return err_set(e, ERR_PROTO, "not an address: %.*s", SFMT(l->address));
	if (check_list(l, e) < 0 || sql_begin(db, e) < 0)
		return -1;
	int64_t id = add(db, l, address, &a, e);
	if (directory_end_change(db, id, e) < 0)
		return -1;
	*ret_id = id;
	return 0;
}

int maillist_save(struct sql *db, const struct maillist *l, struct err *e)
{
	AUTO(buf) struct buf settings = BUF(MAILLIST_SETTINGS_MAX);
	maillist_conf_write(&l->c, &settings);
	if (!buf_ok(&settings))
		return err_set(e, ERR_LIMIT, "settings are too long");
	if (check_list(l, e) < 0 || sql_begin(db, e) < 0)
		return -1;
	int64_t n = sql_run(db, e, "UPDATE maillist SET name = $1, settings = $2 WHERE id = $3",
		"tti", l->name, buf_slice(&settings), l->id);
	if (n == 0)
		n = err_set(e, ERR_NOTFOUND, "no such mailing list any more");
	return directory_end_change(db, n, e);
}

static int64_t remove_rows(struct sql *db, int64_t id, struct err *e)
{
	if (sql_run(db, e,
		    "DELETE FROM maillist_source WHERE list_id = $1 OR (kind = $2 AND ref = $1)",
		    "ii", id, (int64_t)MAILLIST_SOURCE_LIST) < 0 ||
		sql_run(db, e, "DELETE FROM maillist_role WHERE list_id = $1", "i", id) < 0)
		return -1;
	return sql_run(db, e, "DELETE FROM maillist WHERE id = $1", "i", id);
}

int maillist_remove(struct sql *db, slice address, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	struct maillist l;
	if (sql_begin(db, e) < 0)
		return -1;
	int64_t r = maillist_get(db, address, &a, &l, e);
	if (r == 0)
		r = remove_rows(db, l.id, e);
	return directory_end_change(db, r, e);
}
