/*
 * The indexer role (indexer.h). The counters of changes tell who may have new mail (store/changes.h); at the start and every SWEEP all
 * accounts are looked at, so that nothing depends on them. Accounts with little that is new come first: mail that has just come is found at
 * once while somebody's hundred thousand old ones are taken in. When there is nothing to add, segments are merged.
 *
 * It runs behind all others (nice); when others commit much it also leaves them pauses. A mailbox that somebody searches meanwhile is
 * complete: what is not indexed yet is read (mail/box_search.h).
 */
#include "bin/indexer.h"

#include "base/mem.h"
#include "bin/role.h"
#include "run/co.h"
#include "run/link.h"
#include "run/log.h"
#include "run/loop.h"
#include "run/metrics.h"
#include "run/pool.h"
#include <sys/resource.h>
#include <unistd.h>

METRIC_COUNTER(indexed, "posthouse_indexer_messages_total", "", "Messages taken into the index.");
METRIC_COUNTER(indexed_bytes, "posthouse_indexer_text_bytes_total", "",
	"Bytes of text taken into the index.");
METRIC_COUNTER(cut_messages, "posthouse_indexer_cut_total", "",
	"Messages that could not be read, or not wholly: searches look at them.");
METRIC_COUNTER(mended, "posthouse_indexer_damaged_total", "",
	"Databases of the index that were damaged and begun anew.");
METRIC_GAUGE(behind, "posthouse_indexer_behind_messages", "", "Messages that wait to be indexed.");
METRIC_DURATION(batch_seconds, "posthouse_indexer_batch_seconds", "", "Time one batch took.");

enum {
	NICE = 10,
	ACCOUNTS_AT_ONCE = 1000, /* read from a shard */
	LITTLE = 20, /* messages that come before larger numbers of other accounts */
	BUSY = 20, /* commits of others a second: they are left pauses */
	TELL_MESSAGES = 1000, /* a backlog that the log tells the end of */
};
#define LOOK_EVERY (200 * MSEC)
#define SWEEP (MINUTE)
#define ROOM_EVERY (MINUTE) /* files are looked at for what merges left free */
#define STRANGER_SWEEP (SECOND) /* at most so often for a new account */
#define TROUBLE_PAUSE (5 * SECOND)
#define PAUSE_MAX (2 * SECOND)

struct account {
	int64_t id, last, known; /* last: the newest email; known: indexed up to here */
	uint64_t seen; /* counter of changes */
	bool read; /* known was read */
	bool there; /* the last sweep saw it */
};

struct indexing {
	struct indexer x;
	struct account *v; /* by id */
	size_t n, cap;
	uint64_t any; /* changes_any() at the last look */
	instant swept, began, room_seen;
	bool stranger; /* a counter moved that is of no account we know */
	bool anew; /* the command line has changed indexes */
	struct cond woken;
	struct co *co;
	uint64_t added; /* since there was nothing left */
	instant added_from;
	/* Of a job in the pool. */
	struct account *job;
	int shard, result;
	int64_t due;
	struct err e;
};

/* ---- who has new mail: in the pool ---- */

static struct account *account_of(struct indexing *s, int64_t id)
{
	size_t lo = 0, hi = s->n;
	while (lo < hi) {
		size_t mid = (lo + hi) / 2;
		if (s->v[mid].id < id)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (lo < s->n && s->v[lo].id == id)
		return &s->v[lo];
	if (s->n == s->cap) {
		s->cap = s->cap ? 2 * s->cap : 256;
		s->v = mem_grow(s->v, s->cap * sizeof *s->v);
	}
	memmove(&s->v[lo + 1], &s->v[lo], (s->n - lo) * sizeof *s->v);
	s->n++;
	s->v[lo] = (struct account){.id = id};
	return &s->v[lo];
}

/* The mailbox has not given ids that the index has: it is older than the index, brought back from a copy. Its next mail
 * gets these ids again, so nothing that the index says of them holds. */
static int begin_anew(struct indexing *s, struct sql *db, struct account *o)
{
	int r = 1;
	log_warn(NULL, "indexer.account_begins_anew", F("account", o->id), F("indexed", o->known),
		F("newest", o->last));
	o->known = 0;
	while (r == 1) {
		if (sql_begin(db, &s->e) < 0)
			return -1;
		r = index_remove_tx(db, o->id, &s->e);
		if (r < 0)
			sql_rollback(db);
		else if (sql_commit(db, &s->e) < 0)
			r = -1;
	}
	return r;
}

/* o->last was read just before. */
static int read_known(struct indexing *s, struct account *o)
{
	struct sql *db = s->x.index[indexer_shard(o->id)];
	if (o->read || !db)
		return 0;
	if (index_known(db, o->id, &o->known, &s->e) < 0)
		return -1;
	if (o->known > o->last && begin_anew(s, db, o) < 0)
		return -1;
	o->read = true;
	return 0;
}

static int sweep_shard(struct indexing *s, int shard)
{
	AUTO(arena) struct arena a = {0};
	struct mailbox_account *v;
	size_t n = ACCOUNTS_AT_ONCE;
	for (int64_t after = 0; n == ACCOUNTS_AT_ONCE; after = v[n - 1].account_id) {
		arena_reset(&a);
		if (mailbox_accounts(s->x.mail[shard], after, ACCOUNTS_AT_ONCE, &a, &v, &n, &s->e) <
			0)
			return -1;
		for (size_t i = 0; i < n; i++) {
			struct account *o = account_of(s, v[i].account_id);
			o->last = v[i].last_email;
			o->there = true;
			if (read_known(s, o) < 0)
				return -1;
		}
		if (!n)
			break;
	}
	return 0;
}

static int forget(struct indexing *s, struct sql *db, int64_t id)
{
	int r = 1;
	log_info(NULL, "indexer.forgets", F("account", id));
	while (r == 1) {
		if (sql_begin(db, &s->e) < 0)
			return -1;
		r = index_remove_tx(db, id, &s->e);
		if (r < 0)
			sql_rollback(db);
		else if (sql_commit(db, &s->e) < 0)
			return -1;
	}
	return r;
}

/* Of accounts that are gone for good nothing stays; what knows more emails than there are is of a time that was taken back. */
static int forget_strays(struct indexing *s, int shard)
{
	struct sql *db = s->x.index[shard];
	int64_t id = 0;
	while (db) {
		if (index_next_account(db, id, &id, &s->e) < 0)
			return -1;
		if (!id)
			break;
		struct account *o = account_of(s, id);
		if (o->there && o->known <= o->last)
			continue;
		if (forget(s, db, id) < 0)
			return -1;
		o->known = 0;
	}
	return 0;
}

static void sweep(void *arg)
{
	struct indexing *s = arg;
	for (size_t i = 0; i < s->n; i++) {
		s->v[i].seen = changes_seen(s->x.changes, s->v[i].id);
		s->v[i].read &= !s->anew;
		s->v[i].there = false;
	}
	s->anew = false;
	s->result = 0;
	for (int i = 0; i < MAILBOX_SHARDS && s->result == 0; i++)
		s->result = sweep_shard(s, i);
	for (int i = 0; i < MAILBOX_SHARDS && s->result == 0; i++)
		s->result = forget_strays(s, i);
}

/* Accounts whose counter moved. One that nobody knows yet moves a counter, too: the sweep finds it. */
static void look(void *arg)
{
	struct indexing *s = arg;
	s->result = 0;
	for (size_t i = 0; i < s->n && s->result == 0; i++) {
		struct account *o = &s->v[i];
		uint64_t seen = changes_seen(s->x.changes, o->id);
		if (seen == o->seen)
			continue;
		o->seen = seen;
		s->result =
			mailbox_last_email(s->x.mail[indexer_shard(o->id)], o->id, &o->last, &s->e);
		if (s->result == 0)
			s->result = read_known(s, o);
	}
}

/* A new account has its first mail: the sum of counters does not tell whose it is. */
static bool is_stranger(const struct indexing *s, uint64_t moved)
{
	uint64_t ours = 0;
	for (size_t i = 0; i < s->n; i++)
		ours += changes_seen(s->x.changes, s->v[i].id) - s->v[i].seen;
	return ours != moved;
}

static int find_work(struct indexing *s)
{
	uint64_t any = changes_any(s->x.changes);
	int64_t ago = instant_now() - s->swept;
	bool moved = any != s->any;
	if (moved && is_stranger(s, any - s->any))
		s->stranger = true;
	bool all =
		s->anew || s->swept == 0 || ago >= SWEEP || (s->stranger && ago >= STRANGER_SWEEP);
	if (!all && !moved)
		return 0;
	s->stranger &= !all;
	s->any = any;
	if (all)
		s->swept = instant_now();
	pool_call(all ? sweep : look, s);
	return s->result;
}

/* ---- whose turn it is ---- */

static int64_t waiting(const struct indexing *s, const struct account *o)
{
	if (!s->x.index[indexer_shard(o->id)])
		return 0;
	int64_t from = o->known > o->id << 32 ? o->known : o->id << 32;
	return o->last > from ? o->last - from : 0;
}

/* The one with the least; those with much in turn. */
static struct account *next_account(struct indexing *s, int64_t after)
{
	struct account *best = NULL, *turn = NULL, *first = NULL;
	int64_t least = 0, total = 0;
	for (size_t i = 0; i < s->n; i++) {
		struct account *o = &s->v[i];
		int64_t n = waiting(s, o);
		total += n;
		if (!n)
			continue;
		if (!best || n < least) {
			best = o;
			least = n;
		}
		if (!first)
			first = o;
		if (!turn && o->id > after)
			turn = o;
	}
	metric_set(&behind, total);
	if (best && least <= LITTLE)
		return best;
	return turn ? turn : first;
}

/* ---- work ---- */

static void mend(void *arg)
{
	struct indexing *s = arg;
	s->result = indexer_mend(&s->x, s->shard);
}

static void forget_known(struct indexing *s, int shard)
{
	for (size_t i = 0; i < s->n; i++)
		if (indexer_shard(s->v[i].id) == shard) {
			s->v[i].read = false;
			s->v[i].known = 0;
		}
	s->swept = 0;
}

/* Is it the database's fault? Then it begins anew. */
static void mend_shard(struct indexing *s, int shard)
{
	s->shard = shard;
	pool_call(mend, s);
	if (s->result != 1)
		return;
	metric_add(&mended, 1);
	forget_known(s, shard);
}

static int trouble(struct indexing *s, int shard, struct err *e)
{
	if (e->kind == ERR_CLOSED)
		return -1;
	log_warn(NULL, "indexer.later", F("error", e));
	if (shard >= 0)
		mend_shard(s, shard);
	return co_sleep(instant_in(TROUBLE_PAUSE), e);
}

/* Others commit a lot: they get the disk and the processors for as long as we had them, and longer. */
static int be_modest(struct indexing *s, instant began, uint64_t any, struct err *e)
{
	int64_t took = instant_now() - began;
	uint64_t others = changes_any(s->x.changes) - any;
	if (took <= 0 || others * SECOND < (uint64_t)took * BUSY)
		return 0;
	return co_sleep(instant_in(2 * took < PAUSE_MAX ? 2 * took : PAUSE_MAX), e);
}

static void tell_done(struct indexing *s)
{
	if (s->added >= TELL_MESSAGES)
		log_info(NULL, "indexer.caught_up", F("messages", s->added),
			F_USEC("took", instant_now() - s->added_from));
	s->added = 0;
}

static int work_on(struct indexing *s, struct account *o, struct err *e)
{
	struct indexer_batch b = {.account_id = o->id, .known = o->known};
	instant began = instant_now();
	uint64_t any = changes_any(s->x.changes);
	int64_t id = o->id;
	if (!s->added)
		s->added_from = began;
	if (indexer_batch(&s->x, &b, e) < 0) {
		if (e->kind == ERR_NOTFOUND) {
			account_of(s, id)->read = false;
			s->swept = 0;
			return 0;
		}
		return trouble(s, indexer_shard(id), e);
	}
	o = account_of(s, id);
	o->known = b.emails || b.more ? b.known : o->last;
	if (!b.more && o->known < o->last)
		o->known = o->last; /* what is missing has gone already */
	s->added += b.emails;
	metric_add(&indexed, (int64_t)b.emails);
	metric_add(&indexed_bytes, (int64_t)b.bytes);
	metric_add(&cut_messages, (int64_t)b.cut);
	metric_observe(&batch_seconds, (uint64_t)(instant_now() - began));
	return be_modest(s, began, any, e);
}

/* ---- merges ---- */

static bool is_gone(void *arg, int64_t email_id)
{
	struct indexing *s = arg;
	struct err e;
	return mailbox_email_there(s->x.mail[s->shard], email_id, &e) == 0;
}

static int merge_step(struct indexing *s, struct sql *db)
{
	if (sql_begin(db, &s->e) < 0)
		return -1;
	int r = index_merge_tx(db, s->due, is_gone, s, &s->e);
	if (r >= 0)
		return sql_commit(db, &s->e) < 0 ? -1 : 1;
	sql_rollback(db);
	return -1;
}

/* 1: something was done, 0: nothing is due, -1. */
static void merge(void *arg)
{
	struct indexing *s = arg;
	s->result = 0;
	for (s->shard = 0; s->shard < MAILBOX_SHARDS && s->result == 0; s->shard++) {
		struct sql *db = s->x.index[s->shard];
		if (!db)
			continue;
		s->result = index_due(db, 0, &s->due, &s->e);
		if (s->result == 0 && s->due) {
			s->result = merge_step(s, db);
			break;
		}
		if (s->result < 0)
			break;
	}
}

/* Files become as short as what is in them. As merge(). */
static void give_back(void *arg)
{
	struct indexing *s = arg;
	s->result = 0;
	for (s->shard = 0; s->shard < MAILBOX_SHARDS; s->shard++) {
		struct sql *db = s->x.index[s->shard];
		s->result = db ? sql_give_back(db, &s->e) : 0;
		if (s->result > 0 && sql_wants_checkpoint(db) && sql_checkpoint(db, &s->e) < 0)
			s->result = -1;
		if (s->result)
			return;
	}
	s->room_seen = instant_now();
}

static int rest(struct indexing *s, struct err *e)
{
	instant began = instant_now();
	uint64_t any = changes_any(s->x.changes);
	tell_done(s);
	pool_call(merge, s);
	if (s->result == 0 && began - s->room_seen > ROOM_EVERY)
		pool_call(give_back, s);
	if (s->result < 0) {
		*e = s->e;
		return trouble(s, s->shard, e);
	}
	if (s->result > 0)
		return be_modest(s, began, any, e);
	return cond_wait(&s->woken, instant_in(LOOK_EVERY), e) < 0 && e->kind == ERR_CLOSED ? -1
											    : 0;
}

static void look_for_marks(void *arg)
{
	struct indexing *s = arg;
	s->result = -1;
	for (int i = 0; i < MAILBOX_SHARDS; i++)
		if (indexer_marked(&s->x, i))
			s->result = i;
}

static void run(void *arg)
{
	struct indexing *s = arg;
	struct err e = {0};
	instant marks = 0;
	int64_t after = 0;
	while (e.kind != ERR_CLOSED) {
		if (instant_now() - marks >= SECOND) {
			marks = instant_now();
			pool_call(look_for_marks, s);
			if (s->result >= 0)
				mend_shard(s, s->result);
		}
		if (find_work(s) < 0) {
			e = s->e;
			s->swept = 0;
			trouble(s, -1, &e);
			continue;
		}
		struct account *o = next_account(s, after);
		if (o)
			after = o->id;
		if (o ? work_on(s, o, &e) : rest(s, &e))
			continue;
		e = (struct err){0};
	}
}

/* ---- the role ---- */

static void take_config(struct indexing *s, const struct config *c)
{
	s->x.conf = *(const struct search_conf *)conf_get(c->conf, &search_section);
	s->x.scan = *c->scan;
}

static int indexer_prepare(struct role_env *env, struct err *e)
{
	struct indexing *s = NEW(struct indexing);
	(void)e;
	env->self = s;
	s->x.dir = env->config.server->data;
	s->x.texts = link_new("texts");
	cond_init(&s->woken);
	take_config(s, &env->config);
	if (setpriority(PRIO_PROCESS, 0, NICE) < 0)
		log_warn(NULL, "indexer.nice");
	return 0;
}

struct opening {
	struct indexing *s;
	int result;
	struct err *e;
};

static void open_in_pool(void *arg)
{
	struct opening *o = arg;
	o->result = indexer_open(&o->s->x, o->e);
}

static int open_role(struct role_env *env, struct err *e)
{
	struct indexing *s = env->self;
	struct opening o = {.s = s, .e = e};
	pool_call(open_in_pool, &o);
	if (o.result == 0)
		s->co = co_go("indexer", run, s);
	return o.result;
}

/* Whatever is under way has not begun, or is whole in the log of the database. */
static void indexer_stop(void *arg, enum proc_stop how, instant deadline)
{
	(void)arg, (void)how, (void)deadline;
	_exit(0);
}

static void indexer_reload(void *arg, slice path, slice text)
{
	struct indexing *s = ((struct role_env *)arg)->self;
	struct config fresh;
	struct err e;
	if (config_parse(text, path, &fresh, &e) < 0) {
		log_error(NULL, "indexer.reload", F("error", &e));
		return;
	}
	take_config(s, &fresh);
	log_set_level((enum log_level)fresh.log->level);
	config_done(&fresh);
}

static void indexer_link(void *arg, const char *role, unsigned instance, int fd)
{
	struct indexing *s = ((struct role_env *)arg)->self;
	(void)instance;
	if (strcmp(role, "texts") == 0)
		link_attach(s->x.texts, fd);
	else
		close(fd);
}

/* The command line has begun anew with somebody's index. */
static void indexer_wake(void *arg)
{
	struct indexing *s = ((struct role_env *)arg)->self;
	s->anew = true;
	cond_wake_all(&s->woken);
}

static void indexer_end(struct role_env *env)
{
	struct indexing *s = env->self;
	indexer_close(&s->x);
	link_free(s->x.texts);
	free(s->v);
	free(s);
}

const struct role indexer_role = {
	.name = "indexer",
	.prepare = indexer_prepare,
	.open = open_role,
	.orders = {.stop = indexer_stop,
		.link = indexer_link,
		.reload = indexer_reload,
		.wake = indexer_wake},
	.close = indexer_end,
};
