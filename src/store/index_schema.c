/*
 * The tables of an index shard (index.h, doc/notes/search.md). Everything here can be made again from the mail. Blocks are not
 * clustered by their key: SQLite would carry long bytes through the inner pages of the tree.
 */
#include "store/index.h"

#include "base/must.h"

static const char first_up[] =
	/* due: merges wait; removing: nothing may be found any more. */
	"CREATE TABLE indexed ("
	"account_id {{KEY}}, known BIGINT NOT NULL, next_segment BIGINT NOT NULL, due BIGINT NOT "
	"NULL,"
	"removing BIGINT NOT NULL);"
	"CREATE INDEX indexed_due ON indexed (account_id) WHERE due <> 0;"

	/* goal: the segment that is being made of this one; done, docs_at, places_at, gone: how far that one is. */
	"CREATE TABLE segment ("
	"account_id BIGINT NOT NULL, id BIGINT NOT NULL, state BIGINT NOT NULL, level BIGINT NOT "
	"NULL,"
	"first_email BIGINT NOT NULL, last_email BIGINT NOT NULL, emails BIGINT NOT NULL, cut "
	"BIGINT NOT NULL,"
	"words BIGINT NOT NULL, bytes BIGINT NOT NULL, text_bytes BIGINT NOT NULL, goal BIGINT NOT "
	"NULL,"
	"docs_at BIGINT NOT NULL, places_at BIGINT NOT NULL, done {{BLOB}} NOT NULL, gone {{BLOB}} "
	"NOT NULL,"
	"docs {{BLOB}} NOT NULL, inlined {{BLOB}} NOT NULL, PRIMARY KEY (account_id, id));"

	"CREATE TABLE block ("
	"account_id BIGINT NOT NULL, segment BIGINT NOT NULL, kind BIGINT NOT NULL, first {{BLOB}} "
	"NOT NULL,"
	"data {{BLOB}} NOT NULL, PRIMARY KEY (account_id, segment, kind, first));";

static const char first_down[] = "DROP TABLE block; DROP TABLE segment; DROP TABLE indexed;";

const struct sql_migration index_migrations[] = {
	{2, "full-text index in segments", first_up, first_down},
};
const size_t index_migrations_n = sizeof index_migrations / sizeof *index_migrations;

const char *index_db_name(int shard)
{
	static const char *const names[INDEX_SHARDS] = {
		"index-00", "index-01", "index-02", "index-03"};
	must(shard >= 0 && shard < INDEX_SHARDS);
	return names[shard];
}
