/*
 * The end of deleted mail (keeper_mail.h). Whether there is anything is asked without the right to write: the shards'
 * writers are those who deliver. Nobody who has a mailbox open is told: what ends was not in it any more.
 */
#include "bin/keeper_mail.h"

#include "base/mem.h"
#include "base/time.h"
#include "store/mailbox.h"

/* Also with keep_removed = 0: until then a delivery that is repeated after a crash is known by its email. */
#define KEEP_LEAST (10 * MINUTE)

struct keeper_mail {
	struct sql *shard[MAILBOX_SHARDS];
};

int keeper_mail_open(slice data, struct keeper_mail **ret, struct err *e)
{
	struct keeper_mail *m = NEW(struct keeper_mail);
	*ret = m; /* lives as long as the process */
	for (int i = 0; i < MAILBOX_SHARDS; i++)
		if (sql_open(data, mailbox_db_name(i), &m->shard[i], e) < 0)
			return -1;
	return 0;
}

static int64_t end_in(struct sql *db, int64_t bytes_before, int64_t log_before, struct err *e)
{
	int any = mailbox_removed_ends(db, bytes_before, log_before, e);
	if (any <= 0)
		return any;
	if (sql_begin(db, e) < 0)
		return -1;
	int64_t n = mailbox_removed_end_tx(db, bytes_before, log_before, e);
	if (n >= 0)
		return sql_commit(db, e) < 0 ? -1 : n;
	sql_rollback(db);
	return -1;
}

int64_t keeper_mail_end_some(
	struct keeper_mail *m, int64_t keep_removed, int64_t keep_log, struct err *e)
{
	int64_t now = wall_now(), n = 0;
	if (keep_removed < KEEP_LEAST)
		keep_removed = KEEP_LEAST;
	for (int i = 0; i < MAILBOX_SHARDS && n == 0; i++)
		n = end_in(m->shard[i], now - keep_removed, now - keep_log, e);
	return n;
}
