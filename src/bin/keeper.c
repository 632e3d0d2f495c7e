/*
 * The keeper role: keeps house in the store. Every few seconds packs without live messages are
 * deleted (a busy relay fills them fast); once a day ([store] gc_every) old traces are removed and
 * packs that are mostly dead rewritten. Every minute what has been in quarantine long enough, or is
 * too much there, leaves it, and accounts that were deleted long enough ago go, likewise deleted mail; every six hours
 * mail that rules let stay no longer (keeper_mail.h). When virus engines know more than before, mail is looked at again
 * (keeper_again.h). A process of its own, so that neither mail nor memory of
 * the others suffers; killing it at any point is safe. It does not run at a low priority: on a busy machine
 * it would keep the queue's database from those who bring mail for as long as it waits for a processor.
 */
#include "bin/role.h"

#include "base/mem.h"
#include "bin/account_purge.h"
#include "bin/keeper_again.h"
#include "bin/keeper_mail.h"
#include "bin/policy_conf.h"
#include "bin/quarantine_conf.h"
#include "bin/rename_run.h"
#include "mail/box.h"
#include "mail/notice.h"
#include "run/co.h"
#include "run/log.h"
#include "run/loop.h"
#include "run/metrics.h"
#include "run/pool.h"
#include "store/directory_org.h"
#include "store/policies.h"
#include "store/quarantine.h"
#include "store/store.h"
#include "store/trace.h"
#include <unistd.h>

enum {
	QUICK_SECONDS = 5,
	DEAD_MINUTES = 5, /* packs older than store_gc_quick looks at */
	FIRST_MINUTES = 10, /* after the start, then gc_every */
	EXPIRE_AT_ONCE = 500,
	EXPIRE_PAUSE_MS = 20,
	RETENTION_HOURS = 6,
	HELD_SECONDS = 60,
	HELD_AT_ONCE = 10, /* messages a transaction: mail that comes in waits for it */
	HELD_PAUSE_MS = 10,
};

METRIC_COUNTER(freed, "posthouse_keeper_bytes_freed_total", "", "Bytes of packs given back.");
METRIC_COUNTER(expired, "posthouse_keeper_traces_removed_total", "",
	"Rows of the trace removed for their age.");

METRIC_COUNTER(left, "posthouse_quarantine_left_total", "",
	"Messages that left the quarantine because their time was up.");
METRIC_COUNTER(squeezed, "posthouse_quarantine_squeezed_total", "",
	"Messages that had to leave the quarantine early, because it was too full.");
METRIC_COUNTER(purged, "posthouse_accounts_purged_total", "",
	"Deleted accounts that went for good because their time was up.");
METRIC_COUNTER(mail_ended, "posthouse_mailbox_removed_ended_total", "",
	"Deleted messages whose bytes were given up, and lines of the log of deletions that went.");
METRIC_COUNTER(mail_aged, "posthouse_mailbox_aged_total", "",
	"Messages that left their folders because of their age (retention).");
METRIC_GAUGE(held_messages, "posthouse_quarantine_messages", "", "Messages in quarantine.");
METRIC_GAUGE(held_bytes, "posthouse_quarantine_bytes", "", "Bytes of messages in quarantine.");

struct keeper {
	slice dir; /* of the store: fixed while the server runs */
	int64_t trace_keep, facts_keep, every, keep_deleted;
	struct store_gc *quick;
	struct sql *trace, *queue, *directory;
	struct quarantine_conf held; /* [quarantine] */
	struct quarantine_totals totals;
	int64_t keep_removed, keep_log; /* [mailbox] */
	struct keeper_mail *mail;
	struct retention_done aged;
	struct engines *links; /* to the engine process */
	struct again *again;
	bool working; /* at something long */
	const char *failing; /* step that failed last: told once */
	/* A step in the pool: what came of it. */
	struct store_gc_result gc;
	int64_t batch;
	int result;
	struct err e;
};

static void take_config(struct keeper *k, const struct config *c)
{
	k->trace_keep = c->store->trace_keep;
	k->facts_keep = c->policy->facts_keep;
	k->every = c->store->gc_every;
	k->held = *c->quarantine;
	const struct directory_conf *d = conf_get(c->conf, &directory_section);
	k->keep_deleted = d->keep_deleted;
	const struct mailbox_conf *m = conf_get(c->conf, &mailbox_section);
	k->keep_removed = m->keep_removed;
	k->keep_log = m->keep_log;
}

/* ---- in the pool ---- */

static int64_t expire_traces(struct keeper *k)
{
	return trace_expire_tx(k->trace, wall_now() - k->trace_keep, EXPIRE_AT_ONCE, &k->e);
}

/* Those of letters on which policies are tried. */
static int64_t expire_facts(struct keeper *k)
{
	return policies_facts_expire_tx(
		k->trace, wall_now() - k->facts_keep, EXPIRE_AT_ONCE, &k->e);
}

static void expire_batch(struct keeper *k, int64_t (*some)(struct keeper *k))
{
	k->result = sql_begin(k->trace, &k->e);
	if (k->result < 0)
		return;
	k->batch = some(k);
	if (k->batch >= 0) {
		k->result = sql_commit(k->trace, &k->e);
		return;
	}
	sql_rollback(k->trace);
	k->result = -1;
}

static void traces_batch(void *arg)
{
	expire_batch(arg, expire_traces);
}

static void facts_batch(void *arg)
{
	expire_batch(arg, expire_facts);
}

static void leave_batch(void *arg)
{
	struct keeper *k = arg;
	k->batch = quarantine_expire(k->queue, k->trace, wall_now(), HELD_AT_ONCE, &k->e);
	k->result = k->batch < 0 ? -1 : 0;
}

static void count_held(void *arg)
{
	struct keeper *k = arg;
	k->result = quarantine_totals(k->queue, &k->totals, &k->e);
}

/* In the transaction that makes it true; once an hour. */
static int alarm_full(struct keeper *k)
{
	AUTO(arena) struct arena a = {0};
	slice facts = arena_printf(&a, "%llu messages, %llu bytes",
		(unsigned long long)k->totals.messages, (unsigned long long)k->totals.bytes);
	const struct notice_alarm w = {.what_en = S("The quarantine is full: mail leaves it early"),
		.what_zh = S("隔离区已满：邮件提前离开"),
		.why_en = S("It holds more than [quarantine] max_size or max_messages allow."),
		.why_zh = S("内容超过 [quarantine] 的 max_size 或 max_messages。"),
		.done_en =
			S("What is worth least left first, the oldest first. Mail that waits for "
			  "approval stays."),
		.done_zh = S("价值最低、最旧的邮件先离开；等待审批的邮件不受影响。"),
		.todo_en = S("Raise the limits, or let mail of some classes leave sooner (keep)."),
		.todo_zh = S("请提高上限，或缩短某些类别的保留时间（keep）。"),
		.lines = &facts,
		.nlines = 1};
	const struct notice n = {.kind = NOTICE_ALARM,
		.idx = -1,
		.key = S("quarantine-full"),
		.data = notice_alarm_data(&w, &a),
		.at = wall_now()};
	if (notice_add_tx(k->queue, &n, &k->e) < 0)
		return k->e.kind == ERR_LIMIT ? 0 : -1; /* too many wait: the log tells */
	return 0;
}

static void squeeze_batch(void *arg)
{
	struct keeper *k = arg;
	k->result = sql_begin(k->queue, &k->e);
	if (k->result < 0)
		return;
	k->batch = quarantine_squeeze_tx(k->queue, wall_now(), HELD_AT_ONCE, &k->e);
	if (k->batch == 0 || (k->batch > 0 && alarm_full(k) == 0)) {
		k->result = sql_commit(k->queue, &k->e);
		return;
	}
	sql_rollback(k->queue);
	k->result = -1;
}

static void forget_deeds(void *arg)
{
	struct keeper *k = arg;
	k->result = sql_begin(k->queue, &k->e);
	if (k->result < 0)
		return;
	k->batch = quarantine_deeds_expire_tx(
		k->queue, wall_now() - k->held.keep_deeds, EXPIRE_AT_ONCE, &k->e);
	if (k->batch >= 0) {
		k->result = sql_commit(k->queue, &k->e);
		return;
	}
	sql_rollback(k->queue);
	k->result = -1;
}

/* Where whoever renamed was killed. */
static void follow_renamed(void *arg)
{
	struct keeper *k = arg;
	k->result = rename_run(k->dir, k->directory, &k->e);
}

static void purge_account(void *arg)
{
	struct keeper *k = arg;
	k->batch = account_purge_next(k->dir, k->directory, wall_now() - k->keep_deleted, &k->e);
	k->result = k->batch < 0 ? -1 : 0;
}

static void end_mail(void *arg)
{
	struct keeper *k = arg;
	k->batch = keeper_mail_end_some(k->mail, k->keep_removed, k->keep_log, &k->e);
	k->result = k->batch < 0 ? -1 : 0;
}

static void age_mail(void *arg)
{
	struct keeper *k = arg;
	k->result = keeper_mail_age(k->mail, &k->aged, &k->e);
}

static void collect(void *arg)
{
	struct keeper *k = arg;
	k->result = store_gc(k->dir, &k->gc, &k->e);
}

static void collect_quick(void *arg)
{
	struct keeper *k = arg;
	k->result = store_gc_quick(k->quick, &k->gc, &k->e);
}

static void collect_dead(void *arg)
{
	struct keeper *k = arg;
	k->result = store_gc_dead(k->quick, &k->gc, &k->e);
}

/* ---- in the loop ---- */

/* Trouble is told when it begins and when it is over. */
static void tell(struct keeper *k, const char *what)
{
	if (k->result < 0 && k->failing != what) {
		log_warn(NULL, "keeper.failed", F("step", what), F("error", &k->e));
		k->failing = what;
	} else if (k->result == 0 && k->failing == what) {
		log_info(NULL, "keeper.recovered", F("step", what));
		k->failing = NULL;
	}
}

/* Runs a step; what fails is tried again next time. */
static bool step(struct keeper *k, const char *what, void (*fn)(void *))
{
	k->gc = (struct store_gc_result){0};
	pool_call(fn, k);
	tell(k, what);
	if (k->result == 0)
		metric_add(&freed, (int64_t)k->gc.bytes_freed);
	return k->result == 0;
}

/* In small transactions with pauses: the others write to the trace, too. */
static int64_t expire(struct keeper *k, const char *what, void (*batch)(void *))
{
	int64_t total = 0;
	struct err e;
	while (step(k, what, batch) && k->batch > 0) {
		total += k->batch;
		if (co_sleep(instant_in(EXPIRE_PAUSE_MS * MSEC), &e) < 0)
			break;
	}
	return total;
}

/* Runs a step as long as it finds something, in small transactions with pauses. */
static int64_t drain(struct keeper *k, const char *what, void (*fn)(void *))
{
	int64_t total = 0;
	struct err e;
	while (step(k, what, fn) && k->batch > 0) {
		total += k->batch;
		if (co_sleep(instant_in(HELD_PAUSE_MS * MSEC), &e) < 0)
			break;
	}
	return total;
}

static bool too_full(const struct keeper *k)
{
	return (k->held.max_size && k->totals.bytes > (uint64_t)k->held.max_size) ||
	       (k->held.max_messages && k->totals.messages > (uint64_t)k->held.max_messages);
}

/* What is worth least goes first, and everybody can read that it did. */
static void make_room(struct keeper *k)
{
	int64_t total = 0;
	while (step(k, "quarantine-count", count_held) && too_full(k)) {
		if (!step(k, "quarantine-room", squeeze_batch) || k->batch == 0)
			break;
		total += drain(k, "quarantine", leave_batch);
	}
	if (!total)
		return;
	metric_add(&squeezed, total);
	log_warn(NULL, "keeper.quarantine_full", F("left_early", total),
		F("messages", k->totals.messages), F("bytes", k->totals.bytes));
}

static void look_after_held(struct keeper *k)
{
	k->working = true;
	int64_t total = drain(k, "quarantine", leave_batch);
	if (total) {
		metric_add(&left, total);
		log_info(NULL, "keeper.quarantine", F("left", total));
	}
	make_room(k);
	drain(k, "operations", forget_deeds);
	metric_set(&held_messages, (int64_t)k->totals.messages);
	metric_set(&held_bytes, (int64_t)k->totals.bytes);
	k->working = false;
}

static void look_after_accounts(struct keeper *k)
{
	k->working = true;
	int64_t total = drain(k, "accounts", purge_account);
	if (total) {
		metric_add(&purged, total);
		log_info(NULL, "keeper.accounts", F("purged", total));
	}
	k->working = false;
}

static void look_after_mailboxes(struct keeper *k)
{
	k->working = true;
	int64_t total = drain(k, "mailboxes", end_mail);
	if (total) {
		metric_add(&mail_ended, total);
		log_info(NULL, "keeper.mailboxes", F("ended", total));
	}
	k->working = false;
}

static void look_after_old_mail(struct keeper *k)
{
	k->working = true;
	if (step(k, "retention", age_mail) && k->aged.accounts) {
		metric_add(&mail_aged, (int64_t)k->aged.messages);
		log_info(NULL, "keeper.retention", F("accounts", k->aged.accounts),
			F("on_hold", k->aged.held), F("messages", k->aged.messages));
	}
	k->working = false;
}

static void clean_up(struct keeper *k)
{
	instant began = instant_now();
	k->working = true;
	int64_t traces = expire(k, "traces", traces_batch);
	metric_add(&expired, traces);
	log_info(NULL, "keeper.traces", F("removed", traces),
		F("facts", expire(k, "facts", facts_batch)));
	if (step(k, "packs", collect))
		log_info(NULL, "keeper.packs", F("deleted", k->gc.packs_deleted),
			F("rewritten", k->gc.packs_rewritten), F("freed", k->gc.bytes_freed),
			F_USEC("took", instant_now() - began));
	k->working = false;
}

static void keep(void *arg)
{
	struct keeper *k = arg;
	struct err e;
	instant last = instant_now(), looked = last - DEAD_MINUTES * MINUTE;
	instant held = last - HELD_SECONDS * SECOND, aged = last - RETENTION_HOURS * HOUR;
	int64_t wait = FIRST_MINUTES * MINUTE;
	while (co_sleep(instant_in(QUICK_SECONDS * SECOND), &e) == 0) {
		bool all = instant_now() - looked >= DEAD_MINUTES * MINUTE;
		if (step(k, "delete", all ? collect_dead : collect_quick) && all)
			looked = instant_now();
		if (instant_now() - held >= HELD_SECONDS * SECOND) {
			step(k, "renamed", follow_renamed);
			look_after_held(k);
			look_after_accounts(k);
			look_after_mailboxes(k);
			held = instant_now();
		}
		if (instant_now() - aged >= RETENTION_HOURS * HOUR) {
			look_after_old_mail(k);
			aged = instant_now();
		}
		if (k->every == 0 || instant_now() - last < (k->every < wait ? k->every : wait))
			continue;
		clean_up(k);
		last = instant_now();
		wait = INT64_MAX;
	}
}

/* ---- the role ---- */

static int keeper_prepare(struct role_env *env, struct err *e)
{
	struct keeper *k = NEW(struct keeper);
	(void)e;
	env->self = k;
	k->dir = env->config.server->data;
	take_config(k, &env->config);
	k->links = engines_new(env->config.conf);
	return 0;
}

static void look_again(void *arg)
{
	again_run(((struct keeper *)arg)->again);
}

static int keeper_open(struct role_env *env, struct err *e)
{
	struct keeper *k = env->self;
	if (sql_open(k->dir, "trace", &k->trace, e) < 0 ||
		sql_open(k->dir, "queue", &k->queue, e) < 0 ||
		sql_open(k->dir, "directory", &k->directory, e) < 0 ||
		store_gc_open(k->dir, &k->quick, e) < 0 ||
		keeper_mail_open(k->dir, &k->mail, e) < 0)
		return -1;
	if (again_open(&env->config, k->links, &k->again, e) < 0)
		return -1;
	co_go("keeper", keep, k);
	co_go("keeper.again", look_again, k);
	return 0;
}

static void keeper_stop(void *arg, enum proc_stop how, instant deadline)
{
	const struct keeper *k = ((struct role_env *)arg)->self;
	(void)how, (void)deadline;
	if (k->working)
		_exit(0); /* it may take long, and being interrupted hurts nothing */
	loop_stop();
}

static void keeper_reload(void *arg, slice path, slice text)
{
	struct keeper *k = ((struct role_env *)arg)->self;
	struct config fresh;
	struct err e;
	if (config_parse(text, path, &fresh, &e) < 0) {
		log_error(NULL, "keeper.reload", F("error", &e));
		return;
	}
	take_config(k, &fresh);
	if (k->again)
		again_configure(k->again, &fresh);
	log_set_level((enum log_level)fresh.log->level);
	config_done(&fresh);
}

static void keeper_link(void *arg, const char *role, unsigned instance, int fd)
{
	const struct keeper *k = ((struct role_env *)arg)->self;
	(void)instance;
	if (strcmp(role, "engine") == 0)
		engines_link(k->links, fd);
	else
		close(fd); /* it talks to nobody else */
}

/* The command line wants mail looked at again. */
static void keeper_wake(void *arg)
{
	const struct keeper *k = ((struct role_env *)arg)->self;
	if (k->again)
		again_wake(k->again);
}

static void keeper_close(struct role_env *env)
{
	struct keeper *k = env->self;
	again_close(k->again);
	engines_free(k->links);
	if (k->quick)
		store_gc_close(k->quick);
	sql_close(k->trace);
	sql_close(k->queue);
	sql_close(k->directory);
	free(k);
}

const struct role keeper_role = {
	.name = "keeper",
	.prepare = keeper_prepare,
	.open = keeper_open,
	.orders = {.stop = keeper_stop,
		.link = keeper_link,
		.reload = keeper_reload,
		.wake = keeper_wake},
	.close = keeper_close,
};
