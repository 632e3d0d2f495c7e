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

/* ---- metadata ---- */

int mailbox_metadata_set_tx(struct sql *db, int64_t account_id, int64_t folder_id, slice entry,
	slice value, struct err *e)
{
	int64_t others;
	if (!value.p)
		return sql_run(db, e,
			       "DELETE FROM metadata WHERE account_id = $1 AND folder_id = $2"
			       " AND entry = $3",
			       "iit", account_id, folder_id, entry) < 0
			       ? -1
			       : 0;
	if (entry.n == 0 || entry.n > MAILBOX_FOLDER_MAX)
		return err_set(e, ERR_PROTO, "bad name of metadata");
	if (value.n > MAILBOX_METADATA_MAX)
		return err_set(e, ERR_LIMIT, "metadata is at most %d bytes", MAILBOX_METADATA_MAX);
	if (count_entries(db,
		    "SELECT COUNT(*) FROM metadata WHERE account_id = $1 AND folder_id = $2"
		    " AND entry <> $3",
		    account_id, folder_id, entry, &others, e) < 0)
		return -1;
	if (others >= MAILBOX_METADATA_ENTRIES_MAX)
		return err_set(e, ERR_LIMIT, "a folder has at most %d entries of metadata",
			MAILBOX_METADATA_ENTRIES_MAX);
	return sql_run(db, e,
		       "INSERT INTO metadata (account_id, folder_id, entry, value)"
		       " VALUES ($1, $2, $3, $4) ON CONFLICT (account_id, folder_id, entry)"
		       " DO UPDATE SET value = excluded.value",
		       "iitb", account_id, folder_id, entry, value) < 0
		       ? -1
		       : 0;
}

int mailbox_metadata(struct sql *db, int64_t account_id, int64_t folder_id, struct arena *a,
	struct mailbox_metadata **ret, size_t *ret_n, struct err *e)
{
	struct sql_stmt *s = sql_prepare(db,
		"SELECT entry, value FROM metadata WHERE account_id = $1 AND folder_id = $2"
		" ORDER BY entry LIMIT $3",
		e);
	if (!s)
		return -1;
	sql_bind_int(s, 1, account_id);
	sql_bind_int(s, 2, folder_id);
	sql_bind_int(s, 3, MAILBOX_METADATA_ENTRIES_MAX);
	struct mailbox_metadata *v =
		ARENA_ARRAY(a, struct mailbox_metadata, MAILBOX_METADATA_ENTRIES_MAX);
	size_t n = 0;
	int r;
	while ((r = sql_step(s, e)) == 1) {
		v[n].entry = arena_dup(a, sql_text(s, 0));
		v[n++].value = arena_dup(a, sql_text(s, 1));
	}
	*ret = v;
	*ret_n = n;
	return r;
}
