/*
 * The end of deleted mail, and of mail that is too old (keeper_mail.h). Whether there is anything is asked without the right to write: the shards'
 * writers are those who deliver. Nobody who has a mailbox open is told: what ends was not in it any more.
 */
#include "bin/keeper_mail.h"

#include "base/mem.h"
#include "base/time.h"

/* Also with keep_removed = 0: until then a delivery that is repeated after a crash is known by its email. */
#define KEEP_LEAST (10 * MINUTE)

struct keeper_mail {
	slice data;
	struct sql *directory;
	struct sql *shard[MAILBOX_SHARDS];
	struct mailbox_ends ends[MAILBOX_SHARDS];
	bool told; /* shards were, of holds */
	int64_t holds; /* hold_version() */
	struct arena mem;
	int64_t *held;
	size_t nheld;
};

int keeper_mail_open(slice data, struct keeper_mail **ret, struct err *e)
{
	struct keeper_mail *m = NEW(struct keeper_mail);
	*ret = m; /* lives as long as the process */
	m->data = data;
	if (sql_open(data, "directory", &m->directory, e) < 0)
		return -1;
	for (int i = 0; i < MAILBOX_SHARDS; i++)
		if (sql_open(data, mailbox_db_name(i), &m->shard[i], e) < 0)
			return -1;
	return 0;
}

static int tell_shard(struct keeper_mail *m, struct sql *shard, struct err *e)
{
	if (sql_begin(shard, e) < 0)
		return -1;
	if (mailbox_hold_tx(shard, m->held, m->nheld, true, e) == 0)
		return sql_commit(shard, e);
	sql_rollback(shard);
	return -1;
}

/* Whoever set or released a hold tells the shards; killed before that, we do. Nobody can set one meanwhile: it is our turn to write. */
static int tell_shards(struct keeper_mail *m, struct err *e)
{
	if (sql_begin(m->directory, e) < 0)
		return -1;
	arena_reset(&m->mem);
	int r = hold_accounts(m->directory, &m->mem, &m->held, &m->nheld, e);
	for (int i = 0; i < MAILBOX_SHARDS && r == 0; i++)
		r = tell_shard(m, m->shard[i], e);
	sql_rollback(m->directory);
	return r;
}

/* Who is on hold now. When holds have changed, also before we were started, shards are told and everything old is looked at again. */
static int read_holds(struct keeper_mail *m, struct err *e)
{
	int64_t version;
	if (hold_version(m->directory, &version, e) < 0)
		return -1;
	if (!m->told || version != m->holds) {
		if (tell_shards(m, e) < 0)
			return -1;
		for (int i = 0; i < MAILBOX_SHARDS; i++)
			m->ends[i] = (struct mailbox_ends){0};
		m->told = true;
		m->holds = version;
		return 0;
	}
	arena_reset(&m->mem);
	return hold_accounts(m->directory, &m->mem, &m->held, &m->nheld, e);
}

/* In the transaction that ends anything the shard learns who is on hold first. */
static int64_t end_some(
	struct keeper_mail *m, struct sql *db, const struct mailbox_ends *t, struct err *e)
{
	if (sql_begin(db, e) < 0)
		return -1;
	int64_t n = mailbox_hold_tx(db, m->held, m->nheld, false, e);
	if (n == 0)
		n = mailbox_removed_end_tx(db, t, e);
	if (n >= 0)
		return sql_commit(db, e) < 0 ? -1 : n;
	sql_rollback(db);
	return -1;
}

/* What is left behind, looked at to the last row, is on hold. */
static int64_t end_in(struct keeper_mail *m, struct sql *db, struct mailbox_ends *t, struct err *e)
{
	int any = mailbox_removed_ends(db, t, e);
	int64_t n = any > 0 ? end_some(m, db, t, e) : any;
	if (n == 0) {
		t->bytes_from = t->bytes;
		t->log_from = t->log;
	}
	return n;
}

int64_t keeper_mail_end_some(
	struct keeper_mail *m, int64_t keep_removed, int64_t keep_log, struct err *e)
{
	int64_t now = wall_now(), n = 0;
	if (keep_removed < KEEP_LEAST)
		keep_removed = KEEP_LEAST;
	if (read_holds(m, e) < 0)
		return -1;
	for (int i = 0; i < MAILBOX_SHARDS && n == 0; i++) {
		m->ends[i].bytes = now - keep_removed;
		m->ends[i].log = now - keep_log;
		n = end_in(m, m->shard[i], &m->ends[i], e);
	}
	return n;
}

int keeper_mail_age(struct keeper_mail *m, struct retention_done *ret, struct err *e)
{
	const struct retention_run run = {
		.data = m->data, .directory = m->directory, .who = S("keeper")};
	return retention_run(&run, ret, e);
}
