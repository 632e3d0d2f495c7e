/*
 * What of an account's mail came from elsewhere (moved.h): tables of a mail shard. Called by mail/import*.c in the shard's transactions.
 */
#include "store/moved.h"

#include "base/mem.h"
#include "base/must.h"

const char moved_up[] =
	"CREATE TABLE moved_source ("
	"id {{AUTO_KEY}}, account_id BIGINT NOT NULL, name TEXT NOT NULL, first_at BIGINT NOT NULL,"
	"last_at BIGINT NOT NULL);"
	"CREATE UNIQUE INDEX moved_source_name ON moved_source (account_id, name);"

	"CREATE TABLE moved_box ("
	"id {{AUTO_KEY}}, source_id BIGINT NOT NULL, account_id BIGINT NOT NULL,"
	"name TEXT NOT NULL, path TEXT NOT NULL, epoch BIGINT NOT NULL, modseq BIGINT NOT NULL,"
	"told BIGINT NOT NULL, whole BIGINT NOT NULL);"
	"CREATE UNIQUE INDEX moved_box_name ON moved_box (source_id, name);"
	"CREATE INDEX moved_box_account ON moved_box (account_id);"

	"CREATE TABLE moved_key ("
	"box_id BIGINT NOT NULL, epoch BIGINT NOT NULL, key TEXT NOT NULL,"
	"email_id BIGINT NOT NULL, folder_id BIGINT NOT NULL, uid BIGINT NOT NULL,"
	"flags BIGINT NOT NULL, keywords TEXT NOT NULL, size BIGINT NOT NULL,"
	"hash {{BLOB}} NOT NULL, PRIMARY KEY (box_id, epoch, key)) {{WITHOUT_ROWID}};"

	"CREATE TABLE moved_refused ("
	"id {{AUTO_KEY}}, source_id BIGINT NOT NULL, box TEXT NOT NULL, key TEXT NOT NULL,"
	"why TEXT NOT NULL);"
	"CREATE INDEX moved_refused_source ON moved_refused (source_id, id);";

const char moved_down[] = "DROP TABLE moved_refused; DROP TABLE moved_key; DROP TABLE moved_box;"
			  "DROP TABLE moved_source;";

/* ---- sources ---- */

int moved_source_find(
	struct sql *db, int64_t account_id, slice name, int64_t *ret_id, struct err *e)
{
	struct sql_stmt *s = sql_prepare(
		db, "SELECT id FROM moved_source WHERE account_id = $1 AND name = $2", e);
	if (!s)
		return -1;
	sql_bind_int(s, 1, account_id);
	sql_bind_text(s, 2, name);
	int r = sql_step(s, e);
	if (r == 1)
		*ret_id = sql_int(s, 0);
	sql_reset(s);
	return r == 1 ? 0 : r < 0 ? -1 : err_set(e, ERR_NOTFOUND, "nothing came from there");
}

int moved_source_tx(
	struct sql *db, int64_t account_id, slice name, int64_t now, int64_t *ret_id, struct err *e)
{
	if (moved_source_find(db, account_id, name, ret_id, e) == 0)
		return 0;
	if (e->kind != ERR_NOTFOUND ||
		sql_run(db, e,
			"INSERT INTO moved_source (account_id, name, first_at, last_at)"
			" VALUES ($1, $2, $3, 0)",
			"iti", account_id, name, now) < 0)
		return -1;
	return moved_source_find(db, account_id, name, ret_id, e);
}

int moved_source_done_tx(struct sql *db, int64_t source_id, int64_t now, struct err *e)
{
	return sql_run(db, e, "UPDATE moved_source SET last_at = $2 WHERE id = $1", "ii", source_id,
		       now) < 0
		       ? -1
		       : 0;
}

int moved_sources(struct sql *db, int64_t account_id, struct arena *a, struct moved_source **ret,
	size_t *ret_n, struct err *e)
{
	struct sql_stmt *s = sql_prepare(db,
		"SELECT id, name, first_at, last_at, (SELECT COUNT(*) FROM moved_key k, moved_box b"
		" WHERE b.source_id = moved_source.id AND k.box_id = b.id), COUNT(*) OVER ()"
		" FROM moved_source WHERE account_id = $1 ORDER BY name",
		e);
	struct moved_source *v = NULL;
	size_t n = 0;
	int r;
	if (!s)
		return -1;
	sql_bind_int(s, 1, account_id);
	while ((r = sql_step(s, e)) == 1) {
		if (!v)
			v = ARENA_ARRAY(a, struct moved_source, (size_t)sql_int(s, 5));
		v[n++] = (struct moved_source){.id = sql_int(s, 0),
			.account_id = account_id,
			.name = arena_dup(a, sql_text(s, 1)),
			.first_at = sql_int(s, 2),
			.last_at = sql_int(s, 3),
			.keys = (uint64_t)sql_int(s, 4)};
	}
	if (r < 0)
		return -1;
	*ret = v;
	*ret_n = n;
	return 0;
}

/* ---- forgetting ---- */

int64_t moved_source_forget_tx(struct sql *db, int64_t source_id, int64_t most, struct err *e)
{
	int64_t n = sql_run(db, e,
		"DELETE FROM moved_key WHERE (box_id, epoch, key) IN"
		" (SELECT k.box_id, k.epoch, k.key FROM moved_key k, moved_box b"
		"  WHERE b.source_id = $1 AND k.box_id = b.id LIMIT $2)",
		"ii", source_id, most);
	if (n < 0 || n == most)
		return n;
	if (sql_run(db, e, "DELETE FROM moved_box WHERE source_id = $1", "i", source_id) < 0 ||
		sql_run(db, e, "DELETE FROM moved_refused WHERE source_id = $1", "i", source_id) <
			0 ||
		sql_run(db, e, "DELETE FROM moved_source WHERE id = $1", "i", source_id) < 0)
		return -1;
	return n;
}

int64_t moved_forget_account_tx(struct sql *db, int64_t account_id, int64_t most, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	struct moved_source *v;
	size_t n;
	int64_t all = 0;
	struct sql_stmt *s =
		sql_prepare(db, "SELECT id FROM moved_source WHERE account_id = $1 LIMIT 1", e);
	if (!s)
		return -1;
	sql_bind_int(s, 1, account_id);
	int r = sql_step(s, e);
	sql_reset(s);
	if (r <= 0)
		return r;
	if (moved_sources(db, account_id, &a, &v, &n, e) < 0)
		return -1;
	for (size_t i = 0; i < n && all < most; i++) {
		int64_t went = moved_source_forget_tx(db, v[i].id, most - all, e);
		if (went < 0)
			return -1;
		all += went;
	}
	return all;
}

/* ---- boxes ---- */

#define BOX_COLUMNS "id, source_id, account_id, name, path, epoch, modseq, told, whole"

static void read_box(struct sql_stmt *s, struct arena *a, struct moved_box *ret)
{
	*ret = (struct moved_box){.id = sql_int(s, 0),
		.source_id = sql_int(s, 1),
		.account_id = sql_int(s, 2),
		.name = arena_dup(a, sql_text(s, 3)),
		.path = arena_dup(a, sql_text(s, 4)),
		.epoch = (uint64_t)sql_int(s, 5),
		.modseq = (uint64_t)sql_int(s, 6),
		.told = (uint64_t)sql_int(s, 7),
		.whole = sql_int(s, 8) != 0};
}

int moved_box_find(struct sql *db, int64_t source_id, slice name, struct arena *a,
	struct moved_box *ret, struct err *e)
{
	struct sql_stmt *s = sql_prepare(
		db, "SELECT " BOX_COLUMNS " FROM moved_box WHERE source_id = $1 AND name = $2", e);
	if (!s)
		return -1;
	sql_bind_int(s, 1, source_id);
	sql_bind_text(s, 2, name);
	int r = sql_step(s, e);
	if (r == 1)
		read_box(s, a, ret);
	sql_reset(s);
	return r == 1 ? 0 : r < 0 ? -1 : err_set(e, ERR_NOTFOUND, "nothing came from that folder");
}

int moved_box_tx(struct sql *db, const struct moved_box *b, int64_t *ret_id, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	struct moved_box is;
	if (moved_box_find(db, b->source_id, b->name, &a, &is, e) == 0) {
		*ret_id = is.id;
		bool same = is.epoch == b->epoch;
		if (same && slice_eq(is.path, b->path))
			return 0;
		return sql_run(db, e,
			       "UPDATE moved_box SET path = $2, epoch = $3, modseq = $4, whole = $5"
			       " WHERE id = $1",
			       "itiii", is.id, b->path, (int64_t)b->epoch,
			       same ? (int64_t)is.modseq : INT64_C(0),
			       (int64_t)(same && is.whole)) < 0
			       ? -1
			       : 0;
	}
	if (e->kind != ERR_NOTFOUND ||
		sql_run(db, e,
			"INSERT INTO moved_box (source_id, account_id, name, path, epoch, modseq, "
			"told, whole)"
			" VALUES ($1, $2, $3, $4, $5, 0, 0, 0)",
			"iitti", b->source_id, b->account_id, b->name, b->path,
			(int64_t)b->epoch) < 0 ||
		moved_box_find(db, b->source_id, b->name, &a, &is, e) < 0)
		return -1;
	*ret_id = is.id;
	return 0;
}

int moved_box_done_tx(struct sql *db, const struct moved_box *b, struct err *e)
{
	return sql_run(db, e,
		       "UPDATE moved_box SET modseq = $2, told = $3, whole = $4 WHERE id = $1",
		       "iiii", b->id, (int64_t)b->modseq, (int64_t)b->told, (int64_t)b->whole) < 0
		       ? -1
		       : 0;
}

int moved_boxes(struct sql *db, int64_t source_id, struct arena *a, struct moved_box **ret,
	size_t *ret_n, struct err *e)
{
	struct sql_stmt *s = sql_prepare(db,
		"SELECT " BOX_COLUMNS ", COUNT(*) OVER () FROM moved_box WHERE source_id = $1"
		" ORDER BY name",
		e);
	struct moved_box *v = NULL;
	size_t n = 0;
	int r;
	if (!s)
		return -1;
	sql_bind_int(s, 1, source_id);
	while ((r = sql_step(s, e)) == 1) {
		if (!v)
			v = ARENA_ARRAY(a, struct moved_box, (size_t)sql_int(s, 9));
		read_box(s, a, &v[n++]);
	}
	if (r < 0)
		return -1;
	*ret = v;
	*ret_n = n;
	return 0;
}

/* ---- keys ---- */

int moved_put_tx(struct sql *db, const struct moved_key *k, struct err *e)
{
	return sql_run(db, e,
		       "INSERT INTO moved_key (box_id, epoch, key, email_id, folder_id, uid, flags,"
		       " keywords, size, hash) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
		       "iitiiiitib", k->box_id, (int64_t)k->epoch, k->key, k->email_id,
		       k->folder_id, (int64_t)k->uid, (int64_t)k->flags, k->keywords,
		       (int64_t)k->size, slice_of(k->hash, MOVED_HASH)) < 0
		       ? -1
		       : 0;
}

int moved_flags_tx(struct sql *db, const struct moved_key *k, struct err *e)
{
	return sql_run(db, e,
		       "UPDATE moved_key SET flags = $4, keywords = $5"
		       " WHERE box_id = $1 AND epoch = $2 AND key = $3",
		       "iitit", k->box_id, (int64_t)k->epoch, k->key, (int64_t)k->flags,
		       k->keywords) < 0
		       ? -1
		       : 0;
}

int moved_rename_tx(
	struct sql *db, const struct moved_key *from, uint64_t epoch, slice key, struct err *e)
{
	return sql_run(db, e,
		       "UPDATE moved_key SET epoch = $4, key = $5"
		       " WHERE box_id = $1 AND epoch = $2 AND key = $3",
		       "iitit", from->box_id, (int64_t)from->epoch, from->key, (int64_t)epoch,
		       key) < 0
		       ? -1
		       : 0;
}

int moved_gone_tx(struct sql *db, const struct moved_key *k, struct err *e)
{
	return sql_run(db, e, "DELETE FROM moved_key WHERE box_id = $1 AND epoch = $2 AND key = $3",
		       "iit", k->box_id, (int64_t)k->epoch, k->key) < 0
		       ? -1
		       : 0;
}

#define KEY_COLUMNS "epoch, key, email_id, folder_id, uid, flags, keywords, size, hash"

static void read_key(struct sql_stmt *s, int64_t box_id, struct arena *a, struct moved_key *ret)
{
	*ret = (struct moved_key){.box_id = box_id,
		.epoch = (uint64_t)sql_int(s, 0),
		.key = arena_dup(a, sql_text(s, 1)),
		.email_id = sql_int(s, 2),
		.folder_id = sql_int(s, 3),
		.uid = (uint32_t)sql_int(s, 4),
		.flags = (unsigned)sql_int(s, 5),
		.keywords = arena_dup(a, sql_text(s, 6)),
		.size = (uint64_t)sql_int(s, 7)};
	slice hash = sql_text(s, 8);
	if (hash.n == MOVED_HASH)
		memcpy(ret->hash, hash.p, MOVED_HASH);
}

int moved_get(struct sql *db, int64_t box_id, uint64_t epoch, slice key, struct arena *a,
	struct moved_key *ret, struct err *e)
{
	struct sql_stmt *s = sql_prepare(db,
		"SELECT " KEY_COLUMNS " FROM moved_key WHERE box_id = $1 AND epoch = $2 AND key = "
		"$3",
		e);
	if (!s)
		return -1;
	sql_bind_int(s, 1, box_id);
	sql_bind_int(s, 2, (int64_t)epoch);
	sql_bind_text(s, 3, key);
	int r = sql_step(s, e);
	if (r == 1)
		read_key(s, box_id, a, ret);
	sql_reset(s);
	return r == 1 ? 0 : r < 0 ? -1 : err_set(e, ERR_NOTFOUND, "that message did not come");
}

int moved_keys(struct sql *db, int64_t box_id, const struct moved_key *after, struct arena *a,
	struct moved_key **ret, size_t *ret_n, struct err *e)
{
	struct sql_stmt *s = sql_prepare(db,
		"SELECT " KEY_COLUMNS
		" FROM moved_key WHERE box_id = $1 AND (epoch, key) > ($2, $3)"
		" ORDER BY epoch, key LIMIT $4",
		e);
	struct moved_key *v = ARENA_ARRAY(a, struct moved_key, MOVED_PIECE);
	size_t n = 0;
	int r;
	if (!s)
		return -1;
	sql_bind_int(s, 1, box_id);
	sql_bind_int(s, 2, after ? (int64_t)after->epoch : INT64_C(-1));
	sql_bind_text(s, 3, after ? after->key : S(""));
	sql_bind_int(s, 4, MOVED_PIECE);
	while ((r = sql_step(s, e)) == 1) {
		must(n < MOVED_PIECE);
		read_key(s, box_id, a, &v[n++]);
	}
	if (r < 0)
		return -1;
	*ret = v;
	*ret_n = n;
	return 0;
}

int moved_place(struct sql *db, int64_t account_id, const struct moved_key *k, int64_t *ret_folder,
	uint32_t *ret_uid, struct err *e)
{
	struct sql_stmt *s = sql_prepare(db,
		"SELECT folder_id, uid FROM message WHERE email_id = $1 AND account_id = $2"
		" ORDER BY CASE WHEN folder_id = $3 AND uid = $4 THEN 0 ELSE 1 END LIMIT 1",
		e);
	if (!s)
		return -1;
	sql_bind_int(s, 1, k->email_id);
	sql_bind_int(s, 2, account_id);
	sql_bind_int(s, 3, k->folder_id);
	sql_bind_int(s, 4, k->uid);
	int r = sql_step(s, e);
	if (r == 1) {
		*ret_folder = sql_int(s, 0);
		*ret_uid = (uint32_t)sql_int(s, 1);
	}
	sql_reset(s);
	return r;
}

/* ---- what could not be taken ---- */

int moved_refuse_tx(struct sql *db, int64_t source_id, const struct moved_refused *r, struct err *e)
{
	return sql_run(db, e,
		       "INSERT INTO moved_refused (source_id, box, key, why)"
		       " VALUES ($1, $2, $3, $4)",
		       "ittt", source_id, r->box, r->key, r->why) < 0
		       ? -1
		       : 0;
}

int moved_refused_clear_tx(struct sql *db, int64_t source_id, struct err *e)
{
	return sql_run(db, e, "DELETE FROM moved_refused WHERE source_id = $1", "i", source_id) < 0
		       ? -1
		       : 0;
}

int moved_refused_list(struct sql *db, int64_t source_id, int64_t *after, size_t most,
	struct arena *a, struct moved_refused **ret, size_t *ret_n, struct err *e)
{
	struct sql_stmt *s = sql_prepare(db,
		"SELECT id, box, key, why FROM moved_refused WHERE source_id = $1 AND id > $2"
		" ORDER BY id LIMIT $3",
		e);
	struct moved_refused *v = ARENA_ARRAY(a, struct moved_refused, most);
	size_t n = 0;
	int r;
	if (!s)
		return -1;
	sql_bind_int(s, 1, source_id);
	sql_bind_int(s, 2, *after);
	sql_bind_int(s, 3, (int64_t)most);
	while ((r = sql_step(s, e)) == 1) {
		must(n < most);
		*after = sql_int(s, 0);
		v[n++] = (struct moved_refused){arena_dup(a, sql_text(s, 1)),
			arena_dup(a, sql_text(s, 2)), arena_dup(a, sql_text(s, 3))};
	}
	if (r < 0)
		return -1;
	*ret = v;
	*ret_n = n;
	return 0;
}
