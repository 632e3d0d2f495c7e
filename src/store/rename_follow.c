/*
 * A changed address reaches the other databases (rename.h): rights on folders and subscriptions in the shards, recipients and logins in the
 * queue, what is held for whom, digests, members of mailing lists, jobs that collect mail. In transactions of RENAME_BATCH texts, each of which may
 * be carried out again.
 */
#include "store/rename_impl.h"

#include "store/collect.h"
#include "store/mailbox.h"
#include "store/maillist.h"

static const struct rename_column shard[] = {
	{"SELECT DISTINCT who FROM acl", RENAME_RIGHTS,
		"DELETE FROM acl WHERE who = $1 AND EXISTS (SELECT 1 FROM acl x WHERE x.who = $2"
		" AND x.account_id = acl.account_id AND x.folder_id = acl.folder_id)",
		"UPDATE acl SET who = $1 WHERE who = $2", NULL},
	{"SELECT DISTINCT name FROM subscription", RENAME_FOLDER,
		"DELETE FROM subscription WHERE name = $1 AND account_id IN"
		" (SELECT account_id FROM subscription WHERE name = $2)",
		"UPDATE subscription SET name = $1 WHERE name = $2", NULL},
	{"SELECT DISTINCT who FROM lesson", RENAME_WHOLE, NULL,
		"UPDATE lesson SET who = $1 WHERE who = $2", NULL},
};
static const struct rename_column queue[] = {
	{"SELECT DISTINCT address FROM rcpt", RENAME_WHOLE, NULL,
		"UPDATE rcpt SET address = $1 WHERE address = $2", NULL},
	{"SELECT DISTINCT auth FROM msg", RENAME_WHOLE, NULL,
		"UPDATE msg SET auth = $1 WHERE auth = $2", NULL},
	{"SELECT DISTINCT recipient FROM notice", RENAME_WHOLE, NULL,
		"UPDATE notice SET recipient = $1 WHERE recipient = $2", NULL},
	{"SELECT name FROM digest_due", RENAME_WHOLE,
		"DELETE FROM digest_due WHERE name = $1 AND $2 <> ''",
		"UPDATE digest_due SET name = $1 WHERE name = $2", NULL},
	{"SELECT name FROM digest_last", RENAME_WHOLE,
		"DELETE FROM digest_last WHERE name = $1 AND $2 <> ''",
		"UPDATE digest_last SET name = $1 WHERE name = $2", NULL},
	{"SELECT who FROM suspension", RENAME_WHOLE,
		"DELETE FROM suspension WHERE who = $1 AND $2 <> ''",
		"UPDATE suspension SET who = $1 WHERE who = $2", NULL},
	{"SELECT DISTINCT rcpt_key FROM held_rcpt", RENAME_WHOLE, NULL,
		"UPDATE held_rcpt SET rcpt_key = $1 WHERE rcpt_key = $2", NULL},
	{"SELECT DISTINCT address FROM held_rcpt", RENAME_WHOLE, NULL,
		"UPDATE held_rcpt SET address = $1 WHERE address = $2", NULL},
	{"SELECT DISTINCT approvers FROM held_more", RENAME_LINES, NULL,
		"UPDATE held_more SET approvers = $1 WHERE approvers = $2", NULL},
};
static const struct rename_column lists[] = {
	{"SELECT DISTINCT address FROM maillist_member", RENAME_WHOLE,
		"DELETE FROM maillist_member WHERE address = $1 AND list_id IN"
		" (SELECT list_id FROM maillist_member WHERE address = $2)",
		"UPDATE maillist_member SET address = $1 WHERE address = $2", NULL},
	{"SELECT DISTINCT address FROM maillist_request", RENAME_WHOLE,
		"DELETE FROM maillist_request WHERE address = $1 AND EXISTS (SELECT 1 FROM"
		" maillist_request x WHERE x.address = $2 AND x.list_id = maillist_request.list_id"
		" AND x.want = maillist_request.want)",
		"UPDATE maillist_request SET address = $1 WHERE address = $2", NULL},
};
static const struct rename_column jobs[] = {
	{"SELECT DISTINCT address FROM job", RENAME_WHOLE, NULL,
		"UPDATE job SET address = $1 WHERE address = $2", NULL},
};
#define COUNT(v) (sizeof(v) / sizeof *(v))

static int follow(slice data, const char *name, const struct rename_column *v, size_t n,
	const struct rename_map *m, struct err *e)
{
	struct sql *db;
	int version = 0;
	if (sql_open_read(data, name, &db, e) < 0)
		return e->kind == ERR_NOTFOUND ? 0 : -1;
	int r = sql_version(db, &version, e);
	sql_close(db);
	if (r < 0 || version == 0)
		return r;
	if (sql_open(data, name, &db, e) < 0)
		return -1;
	r = rename_columns(db, v, n, m, false, e);
	sql_close(db);
	return r;
}

int rename_follow(slice data, const struct rename_map *m, struct err *e)
{
	for (int i = 0; i < MAILBOX_SHARDS; i++)
		if (follow(data, mailbox_db_name(i), shard, COUNT(shard), m, e) < 0)
			return -1;
	if (follow(data, "queue", queue, COUNT(queue), m, e) < 0 ||
		follow(data, MAILLIST_DB, lists, COUNT(lists), m, e) < 0)
		return -1;
	return follow(data, COLLECT_DB, jobs, COUNT(jobs), m, e);
}
