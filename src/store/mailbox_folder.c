/*
 * Folders of mailboxes (mailbox.h): names, making, renaming, removing, special uses (RFC 6154),
 * subscriptions. Names are paths with "/" between levels in Unicode's form C; INBOX is one folder in
 * every spelling (RFC 9051 5.1). Levels above a folder need not be folders.
 */
#include "store/mailbox_impl.h"

#include "base/mem.h"
#include "base/time.h"
#include "base/utf8.h"
#include "codec/nfc.h"

/* ---- names ---- */

/* The folders of a new account, and what names stand for when mail makes them. */
static const struct {
	const char *name;
	enum mailbox_use use;
} defaults[] = {
	{"INBOX", MAILBOX_USE_NONE},
	{"Drafts", MAILBOX_USE_DRAFTS},
	{"Sent", MAILBOX_USE_SENT},
	{"Junk", MAILBOX_USE_JUNK},
	{"Trash", MAILBOX_USE_TRASH},
	{"Archive", MAILBOX_USE_ARCHIVE},
};
enum { DEFAULTS = sizeof defaults / sizeof *defaults };

static bool is_control(uint32_t cp)
{
	return cp < ' ' || (cp >= 0x7f && cp < 0xa0) || cp == 0x2028 || cp == 0x2029 ||
	       cp == 0xfeff;
}

static int check_name(slice name, struct err *e)
{
	uint32_t cp;
	slice level, rest = name;
	if (name.n == 0 || name.n > MAILBOX_FOLDER_MAX || !utf8_valid(name))
		return err_set(e, ERR_PROTO, "a folder's name is 1 to %d bytes of UTF-8",
			MAILBOX_FOLDER_MAX);
	while (utf8_next(&rest, &cp))
		if (is_control(cp))
			return err_set(e, ERR_PROTO, "control character in a folder's name");
	rest = name;
	for (int depth = 1; slice_cut(&rest, '/', &level); depth++) {
		if (depth > MAILBOX_DEPTH_MAX)
			return err_set(e, ERR_PROTO, "a folder's name has at most %d levels",
				MAILBOX_DEPTH_MAX);
		if (level.n == 0)
			return err_set(e, ERR_PROTO, "a folder's name has an empty level");
		if (level.n > MAILBOX_LEVEL_MAX)
			return err_set(e, ERR_PROTO,
				"a level of a folder's name is at most %d bytes",
				MAILBOX_LEVEL_MAX);
	}
	return 0;
}

int mailbox_folder_name(slice name, struct arena *a, slice *ret, struct err *e)
{
	AUTO(buf) struct buf out = BUF(NFC_MAX * 3);
	if (is_inbox(name)) {
		*ret = S("INBOX");
		return 0;
	}
	slice rest = name;
	if (slice_istarts(name, S("INBOX/"))) {
		buf_put(&out, S("INBOX"));
		rest = slice_skip(name, 5);
	}
	if (check_name(name, e) < 0)
		return -1;
	if (!nfc_put(&out, rest) || !buf_ok(&out))
		return err_set(e, ERR_PROTO, "bad name of a folder");
	if (check_name(buf_slice(&out), e) < 0)
		return -1;
	*ret = arena_dup(a, buf_slice(&out));
	return 0;
}

static enum mailbox_use use_of_name(slice name)
{
	for (size_t i = 0; i < DEFAULTS; i++)
		if (slice_eq(name, slice_z(defaults[i].name)))
			return defaults[i].use;
	return MAILBOX_USE_NONE;
}

/* ---- reading ---- */

#define FOLDER                                                                                     \
	"SELECT id, name, uidvalidity, uidnext, recent_uid, messages, unseen, deleted, bytes,"     \
	" modseq, removed_floor, changed, special, created_at FROM folder"

static struct mailbox_folder read_folder(struct sql_stmt *s, struct arena *a)
{
	return (struct mailbox_folder){
		.id = sql_int(s, 0),
		.name = arena_dup(a, sql_text(s, 1)),
		.uidvalidity = (uint32_t)sql_int(s, 2),
		.uidnext = (uint32_t)sql_int(s, 3),
		.recent_uid = (uint32_t)sql_int(s, 4),
		.messages = (uint64_t)sql_int(s, 5),
		.unseen = (uint64_t)sql_int(s, 6),
		.deleted = (uint64_t)sql_int(s, 7),
		.bytes = (uint64_t)sql_int(s, 8),
		.modseq = (uint64_t)sql_int(s, 9),
		.removed_floor = (uint64_t)sql_int(s, 10),
		.changed = (uint64_t)sql_int(s, 11),
		.use = (enum mailbox_use)sql_int(s, 12),
		.created_at = sql_int(s, 13),
	};
}

int mailbox_folders(struct sql *db, int64_t account_id, struct arena *a,
	struct mailbox_folder **ret, size_t *ret_n, struct err *e)
{
	struct sql_stmt *s =
		sql_prepare(db, FOLDER " WHERE account_id = $1 ORDER BY name LIMIT $2", e);
	if (!s)
		return -1;
	sql_bind_int(s, 1, account_id);
	sql_bind_int(s, 2, MAILBOX_FOLDERS_MAX);
	struct mailbox_folder *v = NULL;
	size_t n = 0, cap = 0;
	int r;
	while ((r = sql_step(s, e)) == 1) {
		if (n == cap) {
			cap = cap ? 2 * cap : 16;
			v = mem_grow(v, cap * sizeof *v);
		}
		v[n++] = read_folder(s, a);
	}
	*ret = ARENA_ARRAY(a, struct mailbox_folder, n + 1);
	memcpy(*ret, v ? v : *ret, n * sizeof *v);
	*ret_n = n;
	free(v);
	return r;
}

static int load(struct sql_stmt *s, struct arena *a, struct mailbox_folder *ret, struct err *e)
{
	int r = sql_step(s, e);
	if (r == 1) {
		*ret = read_folder(s, a);
		sql_reset(s);
	}
	return r;
}

int mailbox_folder_load(struct sql *db, int64_t account_id, int64_t id, struct arena *a,
	struct mailbox_folder *ret, struct err *e)
{
	struct sql_stmt *s = sql_prepare(db, FOLDER " WHERE account_id = $1 AND id = $2", e);
	if (!s)
		return -1;
	sql_bind_int(s, 1, account_id);
	sql_bind_int(s, 2, id);
	return load(s, a, ret, e);
}

static int load_by_name(struct sql *db, int64_t account_id, slice name, struct arena *a,
	struct mailbox_folder *ret, struct err *e)
{
	struct sql_stmt *s = sql_prepare(db, FOLDER " WHERE account_id = $1 AND name = $2", e);
	if (!s)
		return -1;
	sql_bind_int(s, 1, account_id);
	sql_bind_text(s, 2, name);
	return load(s, a, ret, e);
}

int mailbox_folder_find(struct sql *db, int64_t account_id, slice name, struct arena *a,
	struct mailbox_folder *ret, struct err *e)
{
	slice known;
	int r = mailbox_folder_name(name, a, &known, e) < 0
			? 0 /* what cannot be a name is none of a folder */
			: load_by_name(db, account_id, known, a, ret, e);
	return r ? (r < 0 ? -1 : 0) : err_set(e, ERR_NOTFOUND, "no such folder");
}

int mailbox_folder_by_id(struct sql *db, int64_t account_id, int64_t id, struct arena *a,
	struct mailbox_folder *ret, struct err *e)
{
	int r = mailbox_folder_load(db, account_id, id, a, ret, e);
	return r ? (r < 0 ? -1 : 0) : err_set(e, ERR_NOTFOUND, "no such folder");
}

/* ---- making ---- */

static int check_room(struct sql *db, int64_t account_id, struct err *e)
{
	int64_t n = 0;
	struct sql_stmt *s =
		sql_prepare(db, "SELECT COUNT(*) FROM folder WHERE account_id = $1", e);
	if (!s)
		return -1;
	sql_bind_int(s, 1, account_id);
	if (mailbox_returned(s, &n, e) < 0)
		return -1;
	return n < MAILBOX_FOLDERS_MAX ? 0
				       : err_set(e, ERR_LIMIT, "an account has at most %d folders",
						 MAILBOX_FOLDERS_MAX);
}

/* An id and a UIDVALIDITY that no folder of the account ever had: the time, or more. */
static int new_numbers(
	struct sql *db, int64_t account_id, int64_t *ret_id, int64_t *ret_validity, struct err *e)
{
	int64_t now = wall_now() / SECOND;
	struct sql_stmt *s = sql_prepare(db,
		"UPDATE mailbox SET next_folder = next_folder + 1, uidvalidity ="
		" CASE WHEN uidvalidity >= $2 THEN uidvalidity + 1 ELSE $2 END"
		" WHERE account_id = $1 RETURNING next_folder - 1, uidvalidity",
		e);
	if (!s)
		return -1;
	sql_bind_int(s, 1, account_id);
	sql_bind_int(s, 2, now);
	int r = sql_step(s, e);
	if (r <= 0)
		return r < 0 ? -1 : err_set(e, ERR_BUG, "no mailbox");
	*ret_id = sql_int(s, 0);
	*ret_validity = sql_int(s, 1);
	sql_reset(s);
	return *ret_validity <= UINT32_MAX ? 0 : err_set(e, ERR_LIMIT, "no UIDVALIDITY left");
}

static int insert_folder(struct sql *db, int64_t account_id, slice name, enum mailbox_use use,
	int64_t *ret_id, struct err *e)
{
	const struct mailbox_sum nothing = {0};
	uint64_t modseq;
	int64_t id = 0, validity = 0, email;
	if (check_room(db, account_id, e) < 0 ||
		mailbox_next(db, account_id, &nothing, 0, &modseq, &email, e) < 0 ||
		new_numbers(db, account_id, &id, &validity, e) < 0)
		return -1;
	if (sql_run(db, e,
		    "INSERT INTO folder (account_id, id, name, uidvalidity, uidnext, recent_uid,"
		    " messages, unseen, deleted, bytes, modseq, removed_floor, changed, special,"
		    " created_at) VALUES ($1, $2, $3, $4, 1, 1, 0, 0, 0, 0, $5, 0, $5, $6, $7)",
		    "iitiiii", account_id, id, name, validity, (int64_t)modseq, (int64_t)use,
		    wall_now()) < 0)
		return -1;
	*ret_id = id;
	return 0;
}

int mailbox_folder_make_tx(struct sql *db, int64_t account_id, slice name, enum mailbox_use use,
	int64_t *ret_id, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	struct mailbox_folder f;
	slice known;
	if (mailbox_folder_name(name, &a, &known, e) < 0)
		return -1;
	int r = load_by_name(db, account_id, known, &a, &f, e);
	if (r)
		return r < 0 ? -1 : err_set(e, ERR_EXISTS, "there is a folder of this name");
	return insert_folder(db, account_id, known, use, ret_id, e);
}

static int subscribe(struct sql *db, int64_t account_id, slice name, struct err *e)
{
	return sql_run(db, e,
		       "INSERT INTO subscription (account_id, name) VALUES ($1, $2)"
		       " ON CONFLICT DO NOTHING",
		       "it", account_id, name) < 0
		       ? -1
		       : 0;
}

int mailbox_folder_need(
	struct sql *db, int64_t account_id, slice name, int64_t *ret_id, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	struct mailbox_folder f;
	slice known;
	if (mailbox_folder_name(name, &a, &known, e) < 0)
		return -1;
	int r = load_by_name(db, account_id, known, &a, &f, e);
	if (r) {
		*ret_id = f.id;
		return r < 0 ? -1 : 0;
	}
	if (insert_folder(db, account_id, known, use_of_name(known), ret_id, e) < 0)
		return -1;
	return subscribe(db, account_id, known, e); /* or its owner would never see it */
}

int mailbox_prepared(struct sql *db, int64_t account_id, struct err *e)
{
	int64_t prepared = 0;
	struct sql_stmt *s =
		sql_prepare(db, "SELECT prepared FROM mailbox WHERE account_id = $1", e);
	if (!s)
		return -1;
	sql_bind_int(s, 1, account_id);
	int r = mailbox_returned(s, &prepared, e);
	return r < 0 ? -1 : r == 1 && prepared;
}

int mailbox_folders_default_tx(struct sql *db, int64_t account_id, struct err *e)
{
	int64_t prepared = 0, id;
	struct sql_stmt *s =
		sql_prepare(db, "SELECT prepared FROM mailbox WHERE account_id = $1", e);
	if (!s)
		return -1;
	sql_bind_int(s, 1, account_id);
	if (mailbox_returned(s, &prepared, e) < 0)
		return -1;
	for (size_t i = 0; i < (prepared ? 1 : DEFAULTS); i++)
		if (mailbox_folder_need(db, account_id, slice_z(defaults[i].name), &id, e) < 0)
			return -1;
	return prepared ? 0
	       : (int)sql_run(db, e, "UPDATE mailbox SET prepared = 1 WHERE account_id = $1", "i",
			 account_id) < 0
		       ? -1
		       : 0;
}

/* ---- changing ---- */

static int mark_changed(struct sql *db, int64_t account_id, int64_t id, struct err *e)
{
	const struct mailbox_sum nothing = {0};
	uint64_t modseq;
	int64_t email;
	if (mailbox_next(db, account_id, &nothing, 0, &modseq, &email, e) < 0)
		return -1;
	return sql_run(db, e, "UPDATE folder SET changed = $3 WHERE account_id = $1 AND id = $2",
		       "iii", account_id, id, (int64_t)modseq) < 0
		       ? -1
		       : 0;
}

int mailbox_folder_changed(struct sql *db, int64_t account_id, int64_t id, struct err *e)
{
	return mark_changed(db, account_id, id, e);
}

int mailbox_folder_use_tx(
	struct sql *db, int64_t account_id, int64_t id, enum mailbox_use use, struct err *e)
{
	int64_t n =
		sql_run(db, e, "UPDATE folder SET special = $3 WHERE account_id = $1 AND id = $2",
			"iii", account_id, id, (int64_t)use);
	if (n <= 0)
		return n < 0 ? -1 : err_set(e, ERR_NOTFOUND, "no such folder");
	return mark_changed(db, account_id, id, e);
}

int mailbox_recent_tx(struct sql *db, int64_t account_id, int64_t folder_id, uint32_t uidnext,
	uint32_t *ret_from, struct err *e)
{
	int64_t from = uidnext;
	struct sql_stmt *s = sql_prepare(
		db, "SELECT recent_uid FROM folder WHERE account_id = $1 AND id = $2", e);
	if (!s)
		return -1;
	sql_bind_int(s, 1, account_id);
	sql_bind_int(s, 2, folder_id);
	if (mailbox_returned(s, &from, e) < 0)
		return -1;
	*ret_from = from < 1 ? 1 : from < uidnext ? (uint32_t)from : uidnext;
	return sql_run(db, e,
		       "UPDATE folder SET recent_uid = $3 WHERE account_id = $1 AND id = $2"
		       " AND recent_uid < $3",
		       "iii", account_id, folder_id, (int64_t)uidnext) < 0
		       ? -1
		       : 0;
}

static bool is_below(slice name, slice above)
{
	return name.n > above.n && slice_starts(name, above) && name.p[above.n] == '/';
}

/* The names after renaming: good ones, none of which is taken by a folder that stays. */
static int check_new_names(const struct mailbox_folder *v, size_t n, slice from, slice to,
	struct arena *a, struct err *e)
{
	for (size_t i = 0; i < n; i++) {
		slice known, name = v[i].name;
		if (slice_eq(name, to) || is_below(name, to)) {
			if (!is_below(name, from))
				return err_set(e, ERR_EXISTS, "there is a folder of this name");
		}
		if (!is_below(name, from))
			continue;
		slice made = arena_printf(a, "%.*s%.*s", SFMT(to), SFMT(slice_skip(name, from.n)));
		if (mailbox_folder_name(made, a, &known, e) < 0)
			return -1;
	}
	return 0;
}

static int rename_one(struct sql *db, int64_t account_id, int64_t id, slice name, struct err *e)
{
	if (sql_run(db, e, "UPDATE folder SET name = $3 WHERE account_id = $1 AND id = $2", "iit",
		    account_id, id, name) < 0)
		return -1;
	return mark_changed(db, account_id, id, e);
}

/* All messages to the new folder, in pieces of one transaction (RFC 9051 6.3.6). */
static int empty_inbox(struct sql *db, int64_t account_id, int64_t inbox, int64_t to,
	const struct mailbox_actor *by, struct err *e)
{
	AUTO(uidset) struct uidset uids = {0};
	if (mailbox_uids(db, account_id, inbox, &uids, e) < 0)
		return -1;
	while (uids.count) {
		AUTO(uidset) struct uidset piece = {0}, from = {0}, made = {0};
		uint32_t validity;
		uint64_t last = uids.count < MAILBOX_BATCH ? uids.count : MAILBOX_BATCH;
		uidset_copy(&piece, &uids);
		uint32_t end = uidset_at(&uids, last - 1);
		if (end < UINT32_MAX)
			uidset_remove(&piece, end + 1, UINT32_MAX);
		uidset_remove(&uids, 1, end);
		const struct mailbox_copy c = {.account_id = account_id,
			.folder_id = inbox,
			.uids = &piece,
			.to_account = account_id,
			.to_folder = to,
			.keep_flags = ~0u,
			.keep_keywords = true,
			.move = true,
			.by = by};
		if (mailbox_copy_tx(db, &c, &from, &made, &validity, e) < 0)
			return -1;
	}
	return 0;
}

static int rename_inbox(struct sql *db, int64_t account_id, slice to,
	const struct mailbox_actor *by, struct arena *a, struct err *e)
{
	struct mailbox_folder inbox;
	int64_t id;
	if (mailbox_folder_make_tx(db, account_id, to, MAILBOX_USE_NONE, &id, e) < 0)
		return -1;
	int r = load_by_name(db, account_id, S("INBOX"), a, &inbox, e);
	return r <= 0 ? r : empty_inbox(db, account_id, inbox.id, id, by, e);
}

int mailbox_folder_rename_tx(struct sql *db, int64_t account_id, slice from, slice to,
	const struct mailbox_actor *by, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	struct mailbox_folder *v;
	size_t n, found = 0;
	if (mailbox_folder_name(from, &a, &from, e) < 0)
		return err_set(e, ERR_NOTFOUND, "no such folder");
	if (mailbox_folder_name(to, &a, &to, e) < 0)
		return -1;
	if (is_inbox(from))
		return rename_inbox(db, account_id, to, by, &a, e);
	if (is_inbox(to))
		return err_set(e, ERR_EXISTS, "there is a folder of this name");
	if (is_below(to, from))
		return err_set(e, ERR_PROTO, "a folder cannot be moved into itself");
	if (mailbox_folders(db, account_id, &a, &v, &n, e) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		found += slice_eq(v[i].name, from) || is_below(v[i].name, from);
	if (!found)
		return err_set(e, ERR_NOTFOUND, "no such folder");
	if (check_new_names(v, n, from, to, &a, e) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		if ((slice_eq(v[i].name, from) || is_below(v[i].name, from)) &&
			rename_one(db, account_id, v[i].id,
				arena_printf(&a, "%.*s%.*s", SFMT(to),
					SFMT(slice_skip(v[i].name, from.n))),
				e) < 0)
			return -1;
	return 0;
}

/* ---- removing ---- */

static int expunge_all(struct sql *db, int64_t account_id, const struct mailbox_folder *f,
	const struct mailbox_actor *by, struct err *e)
{
	struct mailbox_actor how = by ? *by : (struct mailbox_actor){0};
	how.how = MAILBOX_FOLDER_REMOVED;
	for (;;) {
		AUTO(uidset) struct uidset gone = {0};
		uint64_t modseq;
		if (mailbox_expunge_tx(
			    db, account_id, f->id, NULL, false, &how, &gone, &modseq, e) < 0)
			return -1;
		if (gone.count == 0)
			return 0;
	}
}

int mailbox_folder_remove_tx(struct sql *db, int64_t account_id, slice name,
	const struct mailbox_actor *by, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	const struct mailbox_sum nothing = {0};
	struct mailbox_folder f;
	uint64_t modseq;
	int64_t email;
	if (is_inbox(name))
		return err_set(e, ERR_PERM, "INBOX cannot be removed");
	if (mailbox_folder_find(db, account_id, name, &a, &f, e) < 0 ||
		expunge_all(db, account_id, &f, by, e) < 0 ||
		mailbox_next(db, account_id, &nothing, 0, &modseq, &email, e) < 0)
		return -1;
	static const char *const tables[] = {
		"DELETE FROM keyword WHERE account_id = $1 AND folder_id = $2",
		"DELETE FROM acl WHERE account_id = $1 AND folder_id = $2",
		"DELETE FROM metadata WHERE account_id = $1 AND folder_id = $2",
		"DELETE FROM folder WHERE account_id = $1 AND id = $2",
	};
	for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
		if (sql_run(db, e, tables[i], "ii", account_id, f.id) < 0)
			return -1;
	return 0;
}

/* ---- subscriptions (RFC 9051 6.3.7): of names, which need not exist ---- */

int mailbox_subscribe_tx(struct sql *db, int64_t account_id, slice name, bool on, struct err *e)
{
	slice known = known_name(name);
	if (on)
		return known.n && known.n <= MAILBOX_FOLDER_MAX * 2
			       ? subscribe(db, account_id, known, e)
			       : err_set(e, ERR_PROTO, "bad name of a folder");
	return sql_run(db, e, "DELETE FROM subscription WHERE account_id = $1 AND name = $2", "it",
		       account_id, known) < 0
		       ? -1
		       : 0;
}

int mailbox_subscriptions(struct sql *db, int64_t account_id, struct arena *a, slice **ret,
	size_t *ret_n, struct err *e)
{
	struct sql_stmt *s = sql_prepare(db,
		"SELECT name FROM subscription WHERE account_id = $1 ORDER BY name LIMIT $2", e);
	if (!s)
		return -1;
	sql_bind_int(s, 1, account_id);
	sql_bind_int(s, 2, MAILBOX_FOLDERS_MAX);
	return mailbox_slices(s, MAILBOX_FOLDERS_MAX, a, ret, ret_n, e);
}
