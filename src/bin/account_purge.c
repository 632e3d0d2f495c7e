/* Deleted accounts go for good (account_purge.h). */
#include "bin/account_purge.h"

#include "base/mem.h"
#include "store/directory_org.h"
#include "store/retention.h"

/* In transactions of MAILBOX_REMOVE_BATCH messages. */
static int remove_mail(struct sql *shard, int64_t account_id, struct err *e)
{
	int64_t n;
	do {
		if (sql_begin(shard, e) < 0)
			return -1;
		n = mailbox_remove_some_tx(shard, account_id, e);
		if (n < 0) {
			sql_rollback(shard);
			return -1;
		}
		if (sql_commit(shard, e) < 0)
			return -1;
	} while (n == MAILBOX_REMOVE_BATCH);
	return 0;
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
	int held = hold_on(directory, v->id, e);
	if (held)
		return held < 0 ? -1
				: err_set(e, ERR_PERM, "%.*s is on legal hold", SFMT(v->address));
	for (int i = 0; i < MAILBOX_SHARDS; i++) {
		struct sql *shard;
		if (sql_open(data, mailbox_db_name(i), &shard, e) < 0)
			return -1;
		int r = remove_grants(shard, v->address, e);
		if (r == 0 && i == mailbox_shard(v->id))
			r = remove_mail(shard, v->id, e);
		sql_close(shard);
		if (r < 0)
			return -1;
	}
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
