/*
 * The databases of the index (indexer.h). They can be made again, so nothing is repaired and nothing migrated: what is damaged, or of another
 * version, goes and is filled anew. Who has such a file open for searching goes on with it until he looks for a new one
 * (mail/box_index.c); he tells of damage by a mark beside it.
 */
#include "bin/indexer.h"

#include "base/mem.h"
#include "run/log.h"
#include "store/sql.h"
#include <errno.h>
#include <unistd.h>

static const char *path_of(struct indexer *x, int shard, const char *end, struct arena *a)
{
	return arena_strz(
		a, arena_printf(a, "%.*s/db/%s%s", SFMT(x->dir), index_db_name(shard), end));
}

static void erase(struct indexer *x, int shard)
{
	static const char *const ends[] = {".sqlite", ".sqlite-wal", ".sqlite-shm"};
	AUTO(arena) struct arena a = {0};
	for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
		if (unlink(path_of(x, shard, ends[i], &a)) < 0 && errno != ENOENT)
			log_warn(NULL, "indexer.erase", F("db", index_db_name(shard)),
				F("errno", errno));
}

static int open_one(struct indexer *x, int shard, struct err *e)
{
	int version = 0, newest = index_migrations[index_migrations_n - 1].version;
	struct sql *db = NULL;
	int r = sql_open_cache(x->dir, index_db_name(shard), &db, e);
	if (r == 0)
		r = sql_version(db, &version, e);
	if (r == 0 && version && version != newest)
		r = err_set(e, ERR_TEMP, "made by another version");
	if (r == 0)
		r = sql_migrate(db, index_migrations, index_migrations_n, e);
	if (r < 0)
		sql_close(db);
	else
		x->index[shard] = db;
	return r;
}

static int open_or_begin(struct indexer *x, int shard, struct err *e)
{
	if (open_one(x, shard, e) == 0)
		return 0;
	if (e->kind == ERR_PERM) /* encrypted, and its key is missing */
		return -1;
	log_warn(NULL, "indexer.begins_anew", F("db", index_db_name(shard)), F("error", e));
	erase(x, shard);
	return open_one(x, shard, e);
}

/* A key that is missing is no damage. */
static bool is_damaged(struct sql *db)
{
	AUTO(arena) struct arena a = {0};
	struct err e;
	slice report;
	int n = sql_check(db, &a, &report, &e);
	return n > 0 || (n < 0 && e.kind != ERR_PERM);
}

int indexer_mend(struct indexer *x, int shard)
{
	struct err e;
	if (x->index[shard] && !is_damaged(x->index[shard]))
		return 0;
	sql_close(take(&x->index[shard]));
	log_error(NULL, "indexer.damaged", F("db", index_db_name(shard)));
	erase(x, shard);
	if (open_one(x, shard, &e) == 0)
		return 1;
	log_error(NULL, "indexer.no_database", F("db", index_db_name(shard)), F("error", &e));
	return 0;
}

bool indexer_marked(struct indexer *x, int shard)
{
	AUTO(arena) struct arena a = {0};
	return unlink(path_of(x, shard, ".damaged", &a)) == 0;
}

int indexer_open(struct indexer *x, struct err *e)
{
	if (blobs_open(x->dir, &x->blobs, e) < 0 || changes_open(x->dir, &x->changes, e) < 0)
		return -1;
	for (int i = 0; i < MAILBOX_SHARDS; i++)
		if (sql_open_read(x->dir, mailbox_db_name(i), &x->mail[i], e) < 0 ||
			open_or_begin(x, i, e) < 0)
			return -1;
	return 0;
}

void indexer_close(struct indexer *x)
{
	for (int i = 0; i < MAILBOX_SHARDS; i++) {
		sql_close(x->mail[i]);
		sql_close(x->index[i]);
	}
	changes_close(x->changes);
	blobs_close(x->blobs);
}
