/* Deleted accounts go for good (account_purge.h). */
#include "bin/account_purge.h"

#include "base/mem.h"
#include "store/collect.h"
#include "store/directory_org.h"
#include "store/index.h"
#include "store/retention.h"

/* A hold may come while a large mailbox goes: the shard is told after the directory. */
static int may_go(struct sql *directory, struct sql *shard, const struct account *v, struct err *e)
{
	int held = shard ? mailbox_on_hold(shard, v->id, e) : 1;
	if (held > 0)
		held = hold_on(directory, v->id, e);
	if (held > 0)
		err_set(e, ERR_PERM, "%.*s is on legal hold", SFMT(v->address));
	return held ? -1 : 0;
}

/* In transactions of MAILBOX_REMOVE_BATCH messages. */
static int remove_mail(
	struct sql *directory, struct sql *shard, const struct account *v, struct err *e)
{
	int64_t n;
	do {
		if (sql_begin(shard, e) < 0)
			return -1;
		n = may_go(directory, shard, v, e);
		if (n == 0)
			n = mailbox_remove_some_tx(shard, v->id, e);
		if (n < 0) {
			sql_rollback(shard);
			return -1;
		}
		if (sql_commit(shard, e) < 0)
			return -1;
	} while (n == MAILBOX_REMOVE_BATCH);
	return 0;
}

/* ---- beside the mail ---- */

typedef int (*remove_fn)(struct sql *db, int64_t account_id, struct err *e);

/* In transactions, as long as fn says 1. A database that is not there, or was never filled, has nothing. */
static int remove_in(slice data, const char *name, remove_fn fn, int64_t account_id, struct err *e)
{
	struct sql *db;
	int version = 0, r;
	if (sql_open_read(data, name, &db, e) < 0)
		return e->kind == ERR_NOTFOUND ? 0 : -1;
	r = sql_version(db, &version, e);
	sql_close(db);
	if (r < 0 || version == 0)
		return r;
	if (sql_open(data, name, &db, e) < 0)
		return -1;
	do {
		r = sql_begin(db, e);
		if (r < 0)
			break;
		r = fn(db, account_id, e);
		if (r < 0)
			sql_rollback(db);
		else if (sql_commit(db, e) < 0)
			r = -1;
	} while (r == 1);
	sql_close(db);
	return r;
}

/* With passwords of other servers. A job that runs finds that it is gone, and ends. */
static int remove_jobs(struct sql *db, int64_t account_id, struct err *e)
{
	return sql_run(db, e, "DELETE FROM job WHERE account_id = $1", "i", account_id) < 0 ? -1
											    : 0;
}

static int remove_from_queue(struct sql *db, int64_t account_id, struct err *e)
{
	static const char *const tables[] = {
		"DELETE FROM script_fault WHERE account_id = $1",
		"DELETE FROM webhook WHERE account_id = $1",
		"DELETE FROM autoreply_sent WHERE account_id = $1",
	};
	for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
		if (sql_run(db, e, tables[i], "i", account_id) < 0)
			return -1;
	return 0;
}

static bool is_damaged(slice data, const char *name)
{
	AUTO(arena) struct arena a = {0};
	struct sql *db;
	struct err e;
	slice report;
	if (sql_open_read(data, name, &db, &e) < 0)
		return true;
	int r = sql_check(db, &a, &report, &e);
	sql_close(db);
	return r != 0;
}

/* What mail said stands in the index, too. One that is damaged keeps no account from going: the indexer begins anew with it, and
 * takes in what is there then. */
static int remove_index(slice data, int64_t account_id, struct err *e)
{
	int shard = mailbox_shard(account_id);
	const char *name = index_db_name(shard);
	if (remove_in(data, name, index_remove_tx, account_id, e) == 0)
		return 0;
	return is_damaged(data, name) ? index_tell_damaged(data, shard, e) : -1;
}

/* What others granted this login; also "-login", which takes away. */
static int remove_grants(struct sql *shard, slice login, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	const slice who[] = {login, arena_printf(&a, "-%.*s", SFMT(login))};
	struct mailbox_grant *v;
	size_t n;
	if (mailbox_grants_to(shard, who, 2, &a, &v, &n, e) < 0)
		return -1;
	if (n == 0)
		return 0;
	if (sql_begin(shard, e) < 0)
		return -1;
	int r = 0;
	for (size_t i = 0; i < n && r == 0; i++) {
		v[i].rights = 0;
		r = mailbox_grant_tx(shard, &v[i], e);
	}
	if (r < 0) {
		sql_rollback(shard);
		return -1;
	}
	return sql_commit(shard, e);
}

int account_purge(
	slice data, struct sql *directory, const struct account *v, bool password, struct err *e)
{
	if (may_go(directory, NULL, v, e) < 0 ||
		remove_in(data, COLLECT_DB, remove_jobs, v->id, e) < 0)
		return -1;
	for (int i = 0; i < MAILBOX_SHARDS; i++) {
		struct sql *shard;
		if (sql_open(data, mailbox_db_name(i), &shard, e) < 0)
			return -1;
		int r = remove_grants(shard, v->address, e);
		if (r == 0 && i == mailbox_shard(v->id))
			r = remove_mail(directory, shard, v, e);
		sql_close(shard);
		if (r < 0)
			return -1;
	}
	if (remove_index(data, v->id, e) < 0 ||
		remove_in(data, "queue", remove_from_queue, v->id, e) < 0)
		return -1;
	return directory_account_purge(directory, v->id, password, e);
}

int account_purge_next(slice data, struct sql *directory, int64_t before, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	struct account v;
	int r = directory_next_deleted(directory, before, &a, &v, e);
	if (r <= 0)
		return r;
	return account_purge(data, directory, &v, false, e) < 0 ? -1 : 1;
}
