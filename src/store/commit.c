/*
 * The group committer (commit.h). At most one group is in flight; its work runs in the pool, what
 * arrives meanwhile is the next group. After a group its callers are answered first; checkpoints of
 * the database and the index of segments come then, beside the next group.
 */
#include "store/commit.h"

#include "base/mem.h"
#include "base/must.h"
#include "run/co.h"
#include "run/log.h"
#include "run/loop.h"
#include "run/pool.h"
#include "store/sql.h"

struct item {
	struct item *next;
	commit_fn fn;
	void *arg;
	const blob_id *fresh; /* messages that it refers to, not synced yet */
	size_t nfresh;
	void (*done)(void *arg, const struct err *e); /* of commit_post */
	struct cond *wake; /* of commit_run */
	bool answered, failed;
	bool brief; /* commit_run_brief */
	struct err err;
};

struct commit {
	struct sql *db, *helper; /* helper: a second connection, for checkpoints */
	struct blobs *blobs;
	struct item *first, **last; /* waiting */
	unsigned waiting;
	int64_t gather;
	int64_t sync_after; /* 0: COMMIT syncs, or nobody has to */
	bool unsynced; /* sync_later() is under way */
	unsigned draining, syncing;
	struct cond sync_now;
	bool starting; /* start_soon() is under way */
	struct pool_pace pace;
	bool running, tidying;
	struct item *group; /* in flight */
	struct cond idle;
};

struct commit *commit_new(struct sql *db, struct blobs *blobs)
{
	struct commit *c = NEW(struct commit);
	c->db = db;
	c->blobs = blobs;
	c->last = &c->first;
	cond_init(&c->idle);
	cond_init(&c->sync_now);
	return c;
}

void commit_set_gather(struct commit *c, int64_t usec)
{
	c->gather = usec;
}

void commit_set_sync(struct commit *c, int64_t usec)
{
	c->sync_after = usec;
}

static void fail(struct item *it, const struct err *e)
{
	it->failed = true;
	it->err = *e;
}

static bool any_lost(const struct commit *c, const struct item *it)
{
	for (size_t i = 0; i < it->nfresh; i++)
		if (blobs_lost(c->blobs, it->fresh[i]))
			return true;
	return false;
}

static void settle_fresh(struct commit *c, const blob_id *fresh, size_t n)
{
	for (size_t i = 0; i < n; i++)
		blob_settle(c->blobs, fresh[i]);
}

/* Fresh messages reach the disk, or their items fail. */
static void sync_messages(struct commit *c, struct item *group)
{
	bool fresh = false;
	for (struct item *it = group; it; it = it->next)
		fresh |= it->nfresh != 0;
	if (!fresh)
		return;
	struct err e = {.kind = ERR_TEMP,
		.text = "blob store: the disk failed after the message was received"};
	int r = blobs_sync(c->blobs, &e);
	for (struct item *it = group; it; it = it->next)
		if (it->nfresh && (r < 0 || any_lost(c, it)))
			fail(it, &e);
}

static void fail_rest(struct item *group, const struct err *e)
{
	for (struct item *it = group; it; it = it->next)
		if (!it->failed)
			fail(it, e);
}

/* One try: 1 committed, 0 an item failed and was marked (again without it), -1 nothing went. */
static int try_group(struct commit *c, struct item *group, struct err *e)
{
	if (sql_begin(c->db, e) < 0)
		return -1;
	for (struct item *it = group; it; it = it->next) {
		if (it->failed || it->fn(c->db, it->arg, e) == 0)
			continue;
		fail(it, e);
		sql_rollback(c->db);
		return 0;
	}
	return sql_commit(c->db, e) < 0 ? -1 : 1;
}

static bool all_failed(const struct item *group)
{
	for (; group; group = group->next)
		if (!group->failed)
			return false;
	return true;
}

enum { RETRIES = 8, BRIEF_MAX = 32 };

static void each_alone(struct commit *c, struct item *group)
{
	for (struct item *it = group; it; it = it->next) {
		struct err e;
		struct item *next = take(&it->next);
		if (!it->failed && try_group(c, it, &e) < 0)
			fail(it, &e);
		it->next = next;
	}
}

/*
 * A failing item undoes the group, which then runs again without it. When that happens often the
 * rest run one by one: that costs a sync each, but not the square of the group.
 */
static void run_group(struct commit *c, struct item *group)
{
	sync_messages(c, group);
	for (int i = 0; i < RETRIES && !all_failed(group); i++) {
		struct err e;
		int r = try_group(c, group, &e);
		if (r < 0)
			fail_rest(group, &e);
		if (r != 0)
			return;
	}
	each_alone(c, group);
}

static void in_pool(void *arg)
{
	struct commit *c = arg;
	run_group(c, c->group);
}

static void answer(struct commit *c, struct item *it)
{
	settle_fresh(c, it->fresh, it->nfresh);
	if (it->wake) {
		it->answered = true;
		cond_wake_one(it->wake);
		return;
	}
	if (it->done)
		it->done(it->arg, it->failed ? &it->err : NULL);
	free(it);
}

static void tidy(void *arg)
{
	struct commit *c = arg;
	struct err e; /* what fails here is tried again after a later group */
	if (c->blobs)
		blobs_idle(c->blobs);
	if (!sql_wants_checkpoint(c->db))
		return;
	if (c->helper || sql_open_twin(c->db, &c->helper, &e) == 0)
		sql_checkpoint(c->helper, &e);
}

static void wake_idle(struct commit *c)
{
	if (!c->running && !c->tidying && !c->starting)
		cond_wake_all(&c->idle);
}

static void tidied(void *arg)
{
	struct commit *c = arg;
	c->tidying = false;
	wake_idle(c);
}

/* ---- syncs of what was committed without one */

static void sync_log(void *arg)
{
	const struct commit *c = arg;
	struct err e;
	if (sql_sync(c->db, &e) < 0)
		log_error(NULL, "store.sync", F("database", sql_name(c->db)), F("error", e.text));
}

static void sync_later(void *arg)
{
	struct commit *c = arg;
	struct err e; /* waiting is cut short when the process ends */
	if (!c->draining)
		cond_wait(&c->sync_now, instant_in(c->sync_after), &e);
	c->unsynced = false; /* what is committed from here on has its own */
	c->syncing++;
	pool_call(sync_log, c);
	c->syncing--;
	wake_idle(c);
}

static void sync_soon(struct commit *c)
{
	if (!c->sync_after || c->unsynced)
		return;
	c->unsynced = true;
	co_go("commit.sync", sync_later, c);
}

static void start(struct commit *c);
static void start_soon(struct commit *c);

static void group_done(void *arg)
{
	struct commit *c = arg;
	struct item *it = take(&c->group);
	c->running = false;
	sync_soon(c);
	bool untidy = (c->blobs && blobs_wants_idle(c->blobs)) || sql_wants_checkpoint(c->db);
	if (!c->gather)
		start(c); /* the disk goes on while callers are answered */
	else if (c->first)
		start_soon(c);
	while (it) {
		struct item *next = it->next;
		answer(c, it);
		it = next;
	}
	if (untidy && !c->tidying) {
		c->tidying = true;
		pool_post(tidy, tidied, c);
	}
	wake_idle(c);
}

static bool all_brief(const struct item *group)
{
	int n = 0;
	for (; group; group = group->next)
		if (!group->brief || ++n > BRIEF_MAX)
			return false;
	return true;
}

struct brief {
	struct commit *c;
	int result;
};

static void try_brief(void *arg)
{
	struct brief *b = arg;
	struct err e;
	b->result = try_group(b->c, b->c->group, &e);
	if (b->result < 0)
		fail_rest(b->c->group, &e);
}

/* In the loop's thread, on its own stack: nobody waits for a thread to wake up, or to be told that one has ended. The
 * turn is ours for one try: the others, without an item that fails, would wait for it, and do that in the pool. */
static bool run_brief(struct commit *c)
{
	struct brief b = {.c = c};
	if (!c->sync_after || co_self() || !pool_here(&c->pace) || !all_brief(c->group) ||
		!sql_claim(c->db))
		return false;
	pool_call_short(&c->pace, try_brief, &b);
	if (b.result == 0 && !all_failed(c->group))
		return false;
	group_done(c);
	return true;
}

static void start(struct commit *c)
{
	if (c->running || !c->first)
		return;
	struct item **end = &c->first;
	unsigned n = 0;
	while (*end && n < COMMIT_GROUP_MAX) {
		end = &(*end)->next;
		n++;
	}
	c->group = c->first;
	c->first = *end;
	*end = NULL;
	if (!c->first)
		c->last = &c->first;
	c->waiting -= n;
	c->running = true;
	if (!run_brief(c))
		pool_post(in_pool, group_done, c);
}

static void start_now(void *arg)
{
	struct commit *c = arg;
	c->starting = false;
	start(c);
	wake_idle(c);
}

static void start_later(void *arg)
{
	struct commit *c = arg;
	struct err e;
	co_sleep(instant_in(c->gather), &e); /* cut short when the process ends */
	start_now(c);
}

/* What the other coroutines of this round hand in comes along: one more group is two more syncs. */
static void start_soon(struct commit *c)
{
	if (c->running || c->starting)
		return;
	c->starting = true;
	if (c->gather)
		co_go("commit.gather", start_later, c);
	else
		loop_post(start_now, c);
}

static void enqueue(struct commit *c, struct item *it)
{
	*c->last = it;
	c->last = &it->next;
	c->waiting++;
	start_soon(c);
}

/* In a program without loop: the group is this item. */
static void run_here(struct commit *c, struct item *it)
{
	run_group(c, it);
	settle_fresh(c, it->fresh, it->nfresh);
	if (c->sync_after)
		sync_log(c);
	tidy(c);
}

static int run_item(struct commit *c, struct item *it, struct err *e)
{
	struct cond wake;
	it->wake = &wake;
	if (!co_self()) {
		run_here(c, it);
	} else if (c->waiting >= COMMIT_WAITING_MAX) {
		settle_fresh(c, it->fresh, it->nfresh);
		return err_set(e, ERR_TEMP, "%s database: %u changes are waiting already",
			sql_name(c->db), c->waiting);
	} else {
		cond_init(&wake);
		enqueue(c, it);
		while (!it->answered)
			cond_wait_firm(&wake);
	}
	if (it->failed)
		*e = it->err;
	return it->failed ? -1 : 0;
}

int commit_run_blobs(
	struct commit *c, const blob_id *fresh, size_t n, commit_fn fn, void *arg, struct err *e)
{
	must(!n || c->blobs);
	struct item it = {.fn = fn, .arg = arg, .fresh = fresh, .nfresh = n};
	return run_item(c, &it, e);
}

int commit_run_brief(struct commit *c, commit_fn fn, void *arg, struct err *e)
{
	struct item it = {.fn = fn, .arg = arg, .brief = true};
	return run_item(c, &it, e);
}

int commit_run_blob(struct commit *c, blob_id fresh, commit_fn fn, void *arg, struct err *e)
{
	return commit_run_blobs(c, &fresh, fresh ? 1 : 0, fn, arg, e);
}

int commit_run(struct commit *c, commit_fn fn, void *arg, struct err *e)
{
	return commit_run_blobs(c, NULL, 0, fn, arg, e);
}

void commit_post(
	struct commit *c, commit_fn fn, void (*done)(void *arg, const struct err *e), void *arg)
{
	struct item *it = NEW(struct item);
	*it = (struct item){.fn = fn, .arg = arg, .done = done};
	if (c->waiting >= COMMIT_WAITING_MAX) {
		err_set(&it->err, ERR_TEMP, "%s database: %u changes are waiting already",
			sql_name(c->db), c->waiting);
		it->failed = true;
		answer(c, it);
		return;
	}
	enqueue(c, it);
}

void commit_drain(struct commit *c)
{
	c->draining++;
	while (c->running || c->tidying || c->starting || c->unsynced || c->syncing) {
		cond_wake_all(&c->sync_now);
		cond_wait_firm(&c->idle);
	}
	c->draining--;
}

void commit_free(struct commit *c)
{
	if (!c)
		return;
	must(!c->running && !c->tidying && !c->starting && !c->unsynced && !c->syncing);
	sql_close(c->helper);
	free(c);
}
