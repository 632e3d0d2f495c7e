/* Old mail leaves (retention_run.h): at most MAILBOX_BATCH messages a transaction, a pause after each. */
#include "bin/retention_run.h"

#include "base/mem.h"
#include "base/time.h"
#include "store/changes.h"
#include "store/directory_org.h"
#include <unistd.h>

enum { PAUSE_MS = 10 };

struct running {
	const struct retention_run *r;
	struct retention_rule *rules;
	size_t nrules;
	struct sql *shard[MAILBOX_SHARDS];
	struct changes *changes;
	struct retention_done *done;
};

/* One transaction; how many left, or -1. */
static int64_t age_some(struct running *x, struct sql *shard, int64_t account_id,
	const struct mailbox_folder *f, int64_t before, struct err *e)
{
	const struct mailbox_actor by = {.who = x->r->who, .protocol = S("retention")};
	if (sql_begin(shard, e) < 0)
		return -1;
	int held = mailbox_on_hold(shard, account_id, e);
	int64_t n = held ? -held : mailbox_age_tx(shard, account_id, f->id, before, &by, e);
	if (held > 0 || n < 0) {
		sql_rollback(shard);
		return held > 0 ? 0 : -1;
	}
	return sql_commit(shard, e) < 0 ? -1 : n;
}

static int age_folder(struct running *x, struct sql *shard, int64_t account_id,
	const struct mailbox_folder *f, int64_t before, struct err *e)
{
	int64_t n = mailbox_aged(shard, account_id, f->id, before, e);
	if (n <= 0)
		return (int)n;
	if (x->r->try_only) {
		x->done->messages += (uint64_t)n;
		return 0;
	}
	do {
		n = age_some(x, shard, account_id, f, before, e);
		if (n < 0)
			return -1;
		x->done->messages += (uint64_t)n;
		changes_tell(x->changes, account_id);
		usleep(PAUSE_MS * 1000);
	} while (n == MAILBOX_BATCH);
	return 0;
}

static int age_folders(struct running *x, const struct retention_whom *w, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	struct sql *shard = x->shard[mailbox_shard(w->account_id)];
	struct mailbox_folder *v;
	size_t n, ruled = 0;
	if (mailbox_folders(shard, w->account_id, &a, &v, &n, e) < 0)
		return -1;
	int held = mailbox_on_hold(shard, w->account_id, e);
	for (size_t i = 0; i < n && held >= 0; i++) {
		int64_t days = retention_days(x->rules, x->nrules, w, &v[i]);
		if (!days)
			continue;
		ruled++;
		if (!held &&
			age_folder(x, shard, w->account_id, &v[i], wall_now() - days * DAY, e) < 0)
			return -1;
	}
	x->done->accounts += ruled > 0;
	x->done->folders += ruled;
	x->done->held += ruled > 0 && held > 0;
	return held < 0 ? -1 : 0;
}

static int age_account(struct running *x, const struct account *v, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	struct login_facts facts;
	if (directory_account_facts(x->r->directory, v->id, &a, &facts, e) < 0)
		return e->kind == ERR_NOTFOUND ? 0 : -1; /* purged meanwhile */
	const struct retention_whom whom = {v->id, facts.class_id, facts.org_id};
	return age_folders(x, &whom, e);
}

static int age_all(struct running *x, struct err *e)
{
	AUTO(arena) struct arena after = {0};
	struct account_query q = {.limit = DIRECTORY_PAGE_MAX};
	size_t n;
	do {
		AUTO(arena) struct arena a = {0};
		struct account *v;
		if (directory_accounts_page(x->r->directory, &q, &a, &v, &n, e) < 0)
			return -1;
		for (size_t i = 0; i < n; i++)
			if (age_account(x, &v[i], e) < 0)
				return -1;
		arena_reset(&after);
		q.after = n ? arena_dup(&after, v[n - 1].address) : S("");
	} while (n == DIRECTORY_PAGE_MAX);
	return 0;
}

int retention_run(const struct retention_run *r, struct retention_done *ret, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	struct running x = {.r = r, .done = ret};
	*ret = (struct retention_done){0};
	if (retention_list(r->directory, &a, &x.rules, &x.nrules, e) < 0)
		return -1;
	if (x.nrules == 0)
		return 0;
	int result = retention_mark(r->data, r->directory, false, e);
	if (result == 0)
		result = changes_open(r->data, &x.changes, e);
	for (int i = 0; i < MAILBOX_SHARDS && result == 0; i++)
		result = sql_open(r->data, mailbox_db_name(i), &x.shard[i], e);
	if (result == 0)
		result = age_all(&x, e);
	for (int i = 0; i < MAILBOX_SHARDS; i++)
		sql_close(x.shard[i]);
	changes_close(x.changes);
	return result;
}

static int mark_shard(struct sql *shard, const int64_t *ids, size_t n, bool release, struct err *e)
{
	if (sql_begin(shard, e) < 0)
		return -1;
	if (mailbox_hold_tx(shard, ids, n, release, e) == 0)
		return sql_commit(shard, e);
	sql_rollback(shard);
	return -1;
}

int retention_mark(slice data, struct sql *directory, bool release, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	int64_t *ids;
	size_t n;
	if (hold_accounts(directory, &a, &ids, &n, e) < 0)
		return -1;
	for (int i = 0; i < MAILBOX_SHARDS && (n || release); i++) {
		struct sql *shard;
		if (sql_open(data, mailbox_db_name(i), &shard, e) < 0)
			return -1;
		int r = mark_shard(shard, ids, n, release, e);
		sql_close(shard);
		if (r < 0)
			return -1;
	}
	return 0;
}
