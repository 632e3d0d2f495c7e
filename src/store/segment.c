/* The index of shared segments (see the header), kept in the database `segment` of the store. */
#include "store/segment.h"

#include "base/mem.h"
#include "base/must.h"
#include "store/sql.h"

#include <openssl/evp.h>
#include <pthread.h>

static const struct sql_migration migrations[] = {
	{1, "segments",
		"CREATE TABLE segment (digest {{BLOB}} NOT NULL PRIMARY KEY, id BIGINT NOT NULL,"
		"size BIGINT NOT NULL) {{WITHOUT_ROWID}}; CREATE INDEX segment_id ON segment (id)",
		"DROP TABLE segment"},
};

struct segments {
	char *dir;
	pthread_mutex_t lock;
	struct sql *db;
};

struct segments *segments_new(const char *dir)
{
	struct segments *s = NEW(struct segments);
	s->dir = mem_dup(dir, strlen(dir));
	pthread_mutex_init(&s->lock, NULL);
	return s;
}

void segments_free(struct segments *s)
{
	if (!s)
		return;
	sql_close(s->db);
	pthread_mutex_destroy(&s->lock);
	free(s->dir);
	free(s);
}

static int open_once(struct segments *s, struct err *e)
{
	if (s->db)
		return 0;
	struct sql *db;
	if (sql_open_cache(slice_z(s->dir), "segment", &db, e) < 0)
		return -1;
	if (sql_migrate(db, migrations, 1, e) < 0) {
		sql_close(db);
		return -1;
	}
	s->db = db;
	return 0;
}

static int find(struct segments *s, slice digest, uint32_t size, blob_id *ret, struct err *e)
{
	if (open_once(s, e) < 0)
		return -1;
	struct sql_stmt *q =
		sql_prepare(s->db, "SELECT id FROM segment WHERE digest = $1 AND size = $2", e);
	if (!q)
		return -1;
	sql_bind_blob(q, 1, digest);
	sql_bind_int(q, 2, size);
	int r = sql_step(q, e);
	if (r == 1) {
		*ret = (blob_id)sql_int(q, 0);
		sql_reset(q);
	}
	return r;
}

int segments_find(struct segments *s, slice digest, uint32_t size, blob_id *ret, struct err *e)
{
	pthread_mutex_lock(&s->lock);
	int r = find(s, digest, size, ret, e);
	pthread_mutex_unlock(&s->lock);
	return r;
}

static int add_all(struct sql *db, const struct segment *list, struct err *e)
{
	for (; list; list = list->next)
		if (sql_run(db, e,
			    "INSERT INTO segment (digest, id, size) VALUES ($1, $2, $3)"
			    " ON CONFLICT (digest) DO UPDATE SET id = excluded.id, size = "
			    "excluded.size",
			    "bii", slice_of(list->digest, DIGEST_SIZE), (int64_t)list->id,
			    (int64_t)list->size) < 0)
			return -1;
	return 0;
}

/* Runs one change in a transaction. */
static int change(struct segments *s, int (*fn)(struct sql *, const void *, struct err *),
	const void *arg, struct err *e)
{
	pthread_mutex_lock(&s->lock);
	int r = open_once(s, e);
	if (r == 0)
		r = sql_begin(s->db, e);
	if (r == 0) {
		if (fn(s->db, arg, e) < 0) {
			sql_rollback(s->db);
			r = -1;
		} else {
			r = sql_commit(s->db, e);
		}
	}
	pthread_mutex_unlock(&s->lock);
	return r;
}

static int do_add(struct sql *db, const void *arg, struct err *e)
{
	return add_all(db, arg, e);
}

int segments_add(struct segments *s, const struct segment *list, struct err *e)
{
	return list ? change(s, do_add, list, e) : 0;
}

static int do_forget_pack(struct sql *db, const void *arg, struct err *e)
{
	uint32_t pack = *(const uint32_t *)arg;
	return sql_run(db, e, "DELETE FROM segment WHERE id >= $1 AND id < $2", "ii",
		       (int64_t)blob_id_make(pack, 0, 0), (int64_t)blob_id_make(pack + 1, 0, 0)) < 0
		       ? -1
		       : 0;
}

int segments_forget_pack(struct segments *s, uint32_t pack, struct err *e)
{
	return change(s, do_forget_pack, &pack, e);
}

struct keep {
	uint32_t pack;
	const uint64_t *offsets;
	size_t n;
};

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return x < y ? -1 : x > y;
}

/* The next entry in the pack from *at on: 1, 0, -1. */
static int next_in_pack(struct sql *db, uint32_t pack, blob_id *at, struct err *e)
{
	struct sql_stmt *s =
		sql_prepare(db, "SELECT MIN(id) FROM segment WHERE id >= $1 AND id < $2", e);
	if (!s)
		return -1;
	sql_bind_int(s, 1, (int64_t)*at);
	sql_bind_int(s, 2, (int64_t)blob_id_make(pack + 1, 0, 0));
	int r = sql_step(s, e);
	if (r == 1) {
		r = !sql_is_null(s, 0);
		*at = (blob_id)sql_int(s, 0);
		sql_reset(s);
	}
	return r;
}

static int do_keep(struct sql *db, const void *arg, struct err *e)
{
	const struct keep *k = arg;
	int r;
	for (blob_id id = blob_id_make(k->pack, 0, 0); (r = next_in_pack(db, k->pack, &id, e)) == 1;
		id++) {
		uint64_t offset = blob_offset(id);
		if (k->n && bsearch(&offset, k->offsets, k->n, sizeof offset, compare))
			continue;
		if (sql_run(db, e, "DELETE FROM segment WHERE id = $1", "i", (int64_t)id) < 0)
			return -1;
	}
	return r;
}

int segments_keep(
	struct segments *s, uint32_t pack, const uint64_t *offsets, size_t n, struct err *e)
{
	struct keep k = {pack, offsets, n};
	return change(s, do_keep, &k, e);
}

int segments_count(struct segments *s, uint64_t *ret, struct err *e)
{
	pthread_mutex_lock(&s->lock);
	int r = open_once(s, e);
	struct sql_stmt *q = r == 0 ? sql_prepare(s->db, "SELECT COUNT(*) FROM segment", e) : NULL;
	r = q ? sql_step(q, e) : -1;
	if (r == 1) {
		*ret = (uint64_t)sql_int(q, 0);
		sql_reset(q);
		r = 0;
	}
	pthread_mutex_unlock(&s->lock);
	return r;
}

void segment_digest(slice bytes, char ret[DIGEST_SIZE])
{
	must(EVP_Digest(bytes.p, bytes.n, (unsigned char *)ret, NULL, EVP_sha256(), NULL) == 1);
}
