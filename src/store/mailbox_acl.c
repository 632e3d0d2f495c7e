/* Rights that were granted on folders (RFC 4314) and metadata (RFC 5464), as rows; what they mean is mail/box.h's. */
#include "store/mailbox_impl.h"

#include "base/mem.h"

enum { WHO_MAX = 400 };

/* ---- rights ---- */

static int count_entries(struct sql *db, const char *text, int64_t account_id, int64_t folder_id,
	slice name, int64_t *ret, struct err *e)
{
	struct sql_stmt *s = sql_prepare(db, text, e);
	if (!s)
		return -1;
	sql_bind_int(s, 1, account_id);
	sql_bind_int(s, 2, folder_id);
	sql_bind_text(s, 3, name);
	return mailbox_returned(s, ret, e) < 0 ? -1 : 0;
}

static int set_grant(struct sql *db, const struct mailbox_grant *g, struct err *e)
{
	int64_t others;
	if (!g->rights)
		return sql_run(db, e,
			       "DELETE FROM acl WHERE account_id = $1 AND folder_id = $2 AND who = "
			       "$3",
			       "iit", g->account_id, g->folder_id, g->who) < 0
			       ? -1
			       : 0;
	if (g->who.n == 0 || g->who.n > WHO_MAX)
		return err_set(
			e, ERR_PROTO, "whom rights are granted to has 1 to %d bytes", WHO_MAX);
	if (count_entries(db,
		    "SELECT COUNT(*) FROM acl WHERE account_id = $1 AND folder_id = $2 AND who <> "
		    "$3",
		    g->account_id, g->folder_id, g->who, &others, e) < 0)
		return -1;
	if (others >= MAILBOX_ACL_MAX)
		return err_set(
			e, ERR_LIMIT, "a folder has at most %d entries of rights", MAILBOX_ACL_MAX);
	return sql_run(db, e,
		       "INSERT INTO acl (account_id, folder_id, who, rights) VALUES ($1, $2, $3, "
		       "$4)"
		       " ON CONFLICT (account_id, folder_id, who) DO UPDATE SET rights = "
		       "excluded.rights",
		       "iiti", g->account_id, g->folder_id, g->who,
		       (int64_t)(g->rights & RIGHT_ALL)) < 0
		       ? -1
		       : 0;
}

int mailbox_grant_tx(struct sql *db, const struct mailbox_grant *g, struct err *e)
{
	return set_grant(db, g, e) < 0 ? -1
				       : mailbox_folder_changed(db, g->account_id, g->folder_id, e);
}

struct grants {
	struct mailbox_grant *v;
	size_t n, cap;
};

static int collect(struct sql_stmt *s, struct arena *a, struct grants *out, struct err *e)
{
	int r;
	while ((r = sql_step(s, e)) == 1) {
		if (out->n == out->cap) {
			out->cap = out->cap ? 2 * out->cap : 16;
			out->v = mem_grow(out->v, out->cap * sizeof *out->v);
		}
		out->v[out->n++] = (struct mailbox_grant){
			.account_id = sql_int(s, 0),
			.folder_id = sql_int(s, 1),
			.who = arena_dup(a, sql_text(s, 2)),
			.rights = (unsigned)sql_int(s, 3),
		};
	}
	return r;
}

static void give(struct grants *g, struct arena *a, struct mailbox_grant **ret, size_t *ret_n)
{
	*ret = ARENA_ARRAY(a, struct mailbox_grant, g->n + 1);
	memcpy(*ret, g->v ? g->v : *ret, g->n * sizeof *g->v);
	*ret_n = g->n;
	free(g->v);
}

int mailbox_grants(struct sql *db, int64_t account_id, int64_t folder_id, struct arena *a,
	struct mailbox_grant **ret, size_t *ret_n, struct err *e)
{
	struct grants g = {0};
	struct sql_stmt *s = sql_prepare(db,
		"SELECT account_id, folder_id, who, rights FROM acl WHERE account_id = $1"
		" AND folder_id = $2 ORDER BY who",
		e);
	if (!s)
		return -1;
	sql_bind_int(s, 1, account_id);
	sql_bind_int(s, 2, folder_id);
	int r = collect(s, a, &g, e);
	give(&g, a, ret, ret_n);
	return r;
}

static int by_folder(const void *a, const void *b)
{
	const struct mailbox_grant *x = a, *y = b;
	if (x->account_id != y->account_id)
		return x->account_id < y->account_id ? -1 : 1;
	if (x->folder_id != y->folder_id)
		return x->folder_id < y->folder_id ? -1 : 1;
	return slice_cmp(x->who, y->who);
}

int mailbox_grants_to(struct sql *db, const slice *who, size_t n, struct arena *a,
	struct mailbox_grant **ret, size_t *ret_n, struct err *e)
{
	struct grants g = {0};
	int r = 0;
	for (size_t i = 0; i < n && r == 0; i++) {
		struct sql_stmt *s = sql_prepare(
			db, "SELECT account_id, folder_id, who, rights FROM acl WHERE who = $1", e);
		if (s)
			sql_bind_text(s, 1, who[i]);
		r = s ? collect(s, a, &g, e) : -1;
	}
	if (g.n)
		qsort(g.v, g.n, sizeof *g.v, by_folder);
	give(&g, a, ret, ret_n);
	return r;
}

/* ---- metadata: private entries are stored behind their reader's number, "12/private/comment" ---- */

static slice stored_entry(int64_t reader, slice entry, struct arena *a)
{
	return slice_starts(entry, S("/private/"))
		       ? arena_printf(a, "%lld%.*s", (long long)reader, SFMT(entry))
		       : entry;
}

/* The entry as `mine` ("12/") sees it; p == NULL: another reader's. */
static slice seen_entry(slice stored, slice mine)
{
	if (slice_starts(stored, S("/")))
		return stored;
	return slice_starts(stored, mine) ? slice_skip(stored, mine.n - 1) : (slice){0};
}

static int set_entry(struct sql *db, int64_t account_id, int64_t folder_id, slice entry,
	slice value, uint64_t modseq, struct err *e)
{
	int64_t n;
	if (entry.n == 0 || entry.n > MAILBOX_FOLDER_MAX)
		return err_set(e, ERR_PROTO, "bad name of metadata");
	if (value.n > MAILBOX_METADATA_MAX)
		return err_set(e, ERR_LIMIT, "metadata is at most %d bytes", MAILBOX_METADATA_MAX);
	if (!value.p)
		n = sql_run(db, e,
			"DELETE FROM metadata WHERE account_id = $1 AND folder_id = $2"
			" AND entry = $3",
			"iit", account_id, folder_id, entry);
	else
		n = sql_run(db, e,
			"INSERT INTO metadata (account_id, folder_id, entry, value, modseq)"
			" VALUES ($1, $2, $3, $4, $5) ON CONFLICT (account_id, folder_id, entry)"
			" DO UPDATE SET value = excluded.value, modseq = excluded.modseq",
			"iitbi", account_id, folder_id, entry, value, (int64_t)modseq);
	return n < 0 ? -1 : 0;
}

/* Readers share the owner's room: each has a little of it, the owner and all who share the folder the rest. */
static int check_folder(
	struct sql *db, int64_t account_id, int64_t folder_id, int64_t reader, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	slice owners = arena_printf(&a, "%lld/", (long long)account_id);
	slice mine = arena_printf(&a, "%lld/", (long long)reader);
	int64_t kept = 0, others = 0;
	struct sql_stmt *s = sql_prepare(
		db, "SELECT entry FROM metadata WHERE account_id = $1 AND folder_id = $2", e);
	if (!s)
		return -1;
	sql_bind_int(s, 1, account_id);
	sql_bind_int(s, 2, folder_id);
	int r;
	while ((r = sql_step(s, e)) == 1) {
		kept += seen_entry(sql_text(s, 0), owners).p != NULL;
		others += slice_starts(sql_text(s, 0), mine);
	}
	if (r < 0)
		return -1;
	if (kept > MAILBOX_METADATA_ENTRIES_MAX)
		return err_set(e, ERR_LIMIT, "a folder has at most %d entries of metadata",
			MAILBOX_METADATA_ENTRIES_MAX);
	if (reader != account_id && others > MAILBOX_METADATA_OTHERS_MAX)
		return err_set(e, ERR_LIMIT, "at most %d private annotations of another's folder",
			MAILBOX_METADATA_OTHERS_MAX);
	return 0;
}

/* What others keep in the folders of an account is counted apart from what is its own. */
static int check_account(struct sql *db, int64_t account_id, int64_t reader, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	slice owners = arena_printf(&a, "%lld/", (long long)account_id);
	int64_t n[2] = {0}, bytes[2] = {0};
	struct sql_stmt *s = sql_prepare(
		db, "SELECT entry, LENGTH(value) FROM metadata WHERE account_id = $1", e);
	if (!s)
		return -1;
	sql_bind_int(s, 1, account_id);
	int r;
	while ((r = sql_step(s, e)) == 1) {
		bool own = seen_entry(sql_text(s, 0), owners).p != NULL;
		n[own]++;
		bytes[own] += sql_int(s, 1);
	}
	if (r < 0)
		return -1;
	bool own = reader == account_id;
	for (int i = own; i < 2;
		i++) /* who is not the owner can fill both: "/shared/" is the owner's */
		if (n[i] > MAILBOX_METADATA_ACCOUNT_MAX || bytes[i] > MAILBOX_METADATA_BYTES_MAX)
			return err_set(e, ERR_LIMIT, "the mailbox has no room for more metadata");
	return 0;
}

int mailbox_metadata_set_tx(struct sql *db, int64_t account_id, int64_t folder_id, int64_t reader,
	const struct mailbox_metadata *v, size_t n, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	const struct mailbox_sum nothing = {0};
	uint64_t modseq;
	int64_t email;
	bool more = false;
	if (mailbox_next(db, account_id, &nothing, 0, &modseq, &email, e) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		more |= v[i].value.p != NULL;
		if (set_entry(db, account_id, folder_id, stored_entry(reader, v[i].entry, &a),
			    v[i].value, modseq, e) < 0)
			return -1;
	}
	if (!more) /* who only takes away may always */
		return 0;
	return check_folder(db, account_id, folder_id, reader, e) < 0
		       ? -1
		       : check_account(db, account_id, reader, e);
}

int mailbox_metadata(struct sql *db, int64_t account_id, int64_t folder_id, int64_t reader,
	struct arena *a, struct mailbox_metadata **ret, size_t *ret_n, struct err *e)
{
	enum { MOST = MAILBOX_METADATA_ENTRIES_MAX + MAILBOX_METADATA_OTHERS_MAX };
	slice mine = arena_printf(a, "%lld/", (long long)reader);
	struct sql_stmt *s = sql_prepare(db,
		"SELECT entry, value FROM metadata WHERE account_id = $1 AND folder_id = $2"
		" ORDER BY entry",
		e);
	if (!s)
		return -1;
	sql_bind_int(s, 1, account_id);
	sql_bind_int(s, 2, folder_id);
	struct mailbox_metadata *v = ARENA_ARRAY(a, struct mailbox_metadata, MOST);
	size_t n = 0;
	int r;
	while ((r = sql_step(s, e)) == 1) {
		slice entry = seen_entry(sql_text(s, 0), mine);
		if (entry.p && n < MOST) {
			v[n].entry = arena_dup(a, entry);
			v[n++].value = arena_dup(a, sql_text(s, 1));
		}
	}
	*ret = v;
	*ret_n = n;
	return r;
}

int mailbox_metadata_marks(struct sql *db, int64_t account_id, int64_t reader, struct arena *a,
	struct mailbox_metadata_mark **ret, size_t *ret_n, struct err *e)
{
	AUTO(arena) struct arena scratch = {0};
	slice mine = arena_printf(&scratch, "%lld/", (long long)reader);
	struct mailbox_metadata_mark *v = NULL;
	size_t n = 0, cap = 0;
	struct sql_stmt *s = sql_prepare(
		db, "SELECT folder_id, entry, modseq FROM metadata WHERE account_id = $1", e);
	if (!s)
		return -1;
	sql_bind_int(s, 1, account_id);
	int r;
	while ((r = sql_step(s, e)) == 1) {
		slice entry = seen_entry(sql_text(s, 1), mine);
		if (!entry.p)
			continue;
		if (n == cap) {
			cap = cap ? 2 * cap : 16;
			v = mem_grow(v, cap * sizeof *v);
		}
		v[n++] = (struct mailbox_metadata_mark){
			account_id, sql_int(s, 0), arena_dup(a, entry), (uint64_t)sql_int(s, 2)};
	}
	*ret = ARENA_ARRAY(a, struct mailbox_metadata_mark, n + 1);
	if (n)
		memcpy(*ret, v, n * sizeof *v);
	*ret_n = n;
	free(v);
	return r;
}
