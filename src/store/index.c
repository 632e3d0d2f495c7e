/*
 * Accounts of the index (index.h): adding emails, what is known, sizes, removal. Called by the process that fills the index; index_known and
 * index_size by others too.
 */
#include "store/index_impl.h"

#include <fcntl.h>

enum { REMOVE_ROWS = 500 /* of blocks, in one step */ };

int index_known(struct sql *db, int64_t account_id, int64_t *ret_email_id, struct err *e)
{
	struct sql_stmt *s = sql_prepare(
		db, "SELECT known FROM indexed WHERE account_id = $1 AND removing = 0", e);
	if (!s)
		return -1;
	sql_bind_int(s, 1, account_id);
	int r = sql_step(s, e);
	if (r < 0)
		return -1;
	*ret_email_id = r ? sql_int(s, 0) : 0;
	sql_reset(s);
	return 0;
}

/* Half of an old index must not be taken for the new one. */
static int finish_removal(struct sql *db, int64_t account_id, struct err *e)
{
	struct sql_stmt *s =
		sql_prepare(db, "SELECT 1 FROM indexed WHERE account_id = $1 AND removing <> 0", e);
	if (!s)
		return -1;
	sql_bind_int(s, 1, account_id);
	int r = sql_step(s, e);
	if (r == 1)
		sql_reset(s);
	while (r == 1)
		r = index_remove_tx(db, account_id, e);
	return r;
}

int index_add_tx(
	struct sql *db, int64_t account_id, const struct index_email *v, size_t n, struct err *e)
{
	int64_t known;
	if (finish_removal(db, account_id, e) || index_known(db, account_id, &known, e))
		return -1;
	struct index_build *b = index_build_new();
	int failed = 0;
	for (size_t i = 0; i < n && !failed; i++) {
		if (v[i].email_id <= known)
			continue;
		if (!index_build_add(b, &v[i])) {
			failed = index_build_write(b, db, account_id, e);
			if (!failed)
				index_build_add(b, &v[i]);
		}
		known = v[i].email_id;
	}
	if (!failed && index_build_emails(b))
		failed = index_build_write(b, db, account_id, e) ||
			 index_mark_due(db, account_id, e);
	index_build_free(b);
	return failed ? -1 : 0;
}

int index_tell_damaged(slice data, int shard, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	const char *path = arena_strz(
		&a, arena_printf(&a, "%.*s/db/%s.damaged", SFMT(data), index_db_name(shard)));
	AUTO(fd) int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	return fd < 0 ? err_set(e, ERR_TEMP, "%s: %m", path) : 0;
}

int index_due(struct sql *db, int64_t after, int64_t *ret_account_id, struct err *e)
{
	struct sql_stmt *s = sql_prepare(db,
		"SELECT account_id FROM indexed WHERE due <> 0 AND account_id > $1 ORDER BY "
		"account_id LIMIT 1",
		e);
	if (!s)
		return -1;
	sql_bind_int(s, 1, after);
	int r = sql_step(s, e);
	if (r < 0)
		return -1;
	*ret_account_id = r ? sql_int(s, 0) : 0;
	sql_reset(s);
	return 0;
}

int index_next_account(struct sql *db, int64_t after, int64_t *ret_account_id, struct err *e)
{
	struct sql_stmt *s = sql_prepare(db,
		"SELECT account_id FROM indexed WHERE account_id > $1 ORDER BY account_id LIMIT 1",
		e);
	if (!s)
		return -1;
	sql_bind_int(s, 1, after);
	int r = sql_step(s, e);
	if (r < 0)
		return -1;
	*ret_account_id = r ? sql_int(s, 0) : 0;
	sql_reset(s);
	return 0;
}

int index_remove_tx(struct sql *db, int64_t account_id, struct err *e)
{
	if (sql_run(db, e,
		    "UPDATE indexed SET removing = 1, known = 0, due = 0 WHERE account_id = $1",
		    "i", account_id) < 0)
		return -1;
	int64_t n = sql_run(db, e,
		"DELETE FROM block WHERE account_id = $1 AND (segment, kind, first) IN (SELECT "
		"segment, kind,"
		" first FROM block WHERE account_id = $1 LIMIT $2)",
		"ii", account_id, (int64_t)REMOVE_ROWS);
	if (n != 0)
		return n < 0 ? -1 : 1;
	if (sql_run(db, e, "DELETE FROM segment WHERE account_id = $1", "i", account_id) < 0 ||
		sql_run(db, e, "DELETE FROM indexed WHERE account_id = $1", "i", account_id) < 0)
		return -1;
	return 0;
}

int index_size(struct sql *db, int64_t account_id, struct index_size *ret, struct err *e)
{
	struct sql_stmt *s = sql_prepare(db,
		"SELECT COUNT(*), COALESCE(SUM(emails), 0), COALESCE(SUM(cut), 0), "
		"COALESCE(SUM(words), 0),"
		" COALESCE(SUM(bytes), 0), COALESCE(SUM(text_bytes), 0) FROM segment"
		" WHERE account_id = $1 AND state = 0",
		e);
	if (!s)
		return -1;
	sql_bind_int(s, 1, account_id);
	if (sql_step(s, e) != 1)
		return -1;
	*ret = (struct index_size){.segments = (uint64_t)sql_int(s, 0),
		.emails = (uint64_t)sql_int(s, 1),
		.cut = (uint64_t)sql_int(s, 2),
		.words = (uint64_t)sql_int(s, 3),
		.bytes = (uint64_t)sql_int(s, 4),
		.text_bytes = (uint64_t)sql_int(s, 5)};
	sql_reset(s);
	return 0;
}
