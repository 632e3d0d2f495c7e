/*
 * The backup role: makes backups when [backup] says so (bin/backup.h), removes those that are over, tells the administrator when the last good one
 * is too old. A process of its own at a low priority: it reads all of DATA and writes to the target, it serves nobody. Killing it at any
 * point is safe; the next run goes on from what was sent.
 */
#include "bin/backup_role.h"

#include "base/mem.h"
#include "mail/notice.h"
#include "run/co.h"
#include "run/dns.h"
#include "run/log.h"
#include "run/loop.h"
#include "run/metrics.h"
#include "run/pool.h"
#include "store/sql.h"
#include <stdio.h>
#include <time.h>
#include <unistd.h>

enum {
	FIRST_SECONDS = 2,
	LOOK_SECONDS = 10,
};
#define RETRY (15 * MINUTE)
#define ALARM_EVERY DAY
#define RESOLVE_TIME (30 * SECOND)

METRIC_GAUGE(last_good, "posthouse_backup_last_success_timestamp_seconds", "",
	"When the last good backup began, in seconds since 1970; 0: there is none.");
METRIC_GAUGE(is_old, "posthouse_backup_overdue", "",
	"1: the last good backup is older than [backup] alarm_after.");
METRIC_GAUGE(running, "posthouse_backup_running", "", "1: a backup is being made.");
METRIC_COUNTER(
	made, "posthouse_backup_runs_total", "result=\"good\"", "Backups made by the schedule.");
METRIC_COUNTER(failed, "posthouse_backup_runs_total", "result=\"failed\"",
	"Backups made by the schedule.");
METRIC_COUNTER(sent, "posthouse_backup_sent_bytes_total", "", "Bytes sent to the target.");
METRIC_DURATION(took, "posthouse_backup_seconds", "", "How long backups take.");

struct backup_role {
	struct role_env *env;
	const struct backup_conf *conf;
	struct backup_extras extras;
	struct dns *dns;
	struct sql *queue;
	struct cond ended;
	bool working, stopping; /* stopping is read by the pool */
	instant again_at, alarmed_at; /* not before */
	int64_t since; /* when this process began: for who never had a backup */
	/* a step in the pool: what came of it */
	slice addresses;
	int64_t last;
	int result;
	struct backup_result done;
	struct backup_pruned pruned;
	struct err e;
};

bool backup_wanted(const struct config *c)
{
	return backup_conf_of(c)->target.n > 0;
}

/* ---- in the pool ---- */

static bool go_on(void *arg, uint64_t done, uint64_t all)
{
	const struct backup_role *b = arg;
	(void)done, (void)all;
	return !__atomic_load_n(&b->stopping, __ATOMIC_RELAXED);
}

static void make(void *arg)
{
	struct backup_role *b = arg;
	const struct backup_job j = {.config = &b->env->config,
		.extras = &b->extras,
		.why = S("schedule"),
		.addresses = b->addresses,
		.go_on = go_on,
		.arg = b};
	b->result = backup_job_run(&j, &b->done, &b->pruned, &b->e);
}

static void look_back(void *arg)
{
	struct backup_role *b = arg;
	b->result = backup_prepared(b->env->config.server->data, &b->e);
	b->last = 0;
	if (b->result == 1 && backup_last(b->env->config.server->data, &b->last, &b->e) < 0)
		b->result = -1;
}

static void tell_old(void *arg)
{
	struct backup_role *b = arg;
	AUTO(arena) struct arena a = {0};
	char when[TIME_ISO_MAX];
	slice fact = b->last ? arena_printf(&a, "last good backup: %.*s",
				       (int)time_iso(b->last, when), when)
			     : S("last good backup: none");
	const struct notice_alarm w = {.what_en = S("The last good backup is too old"),
		.what_zh = S("最近一次成功备份已过久"),
		.why_en = S("It is older than [backup] alarm_after."),
		.why_zh = S("已超过 [backup] 的 alarm_after。"),
		.done_en = S("Backups are tried again all the time."),
		.done_zh = S("系统会不断重试备份。"),
		.todo_en = S("posthouse backup run says what is wrong. Is the target there, and is "
			     "there room?"),
		.todo_zh =
			S("请执行 posthouse backup run 查看原因：备份位置是否可用、空间是否足够？"),
		.lines = &fact,
		.nlines = 1};
	const struct notice n = {.kind = NOTICE_ALARM,
		.idx = -1,
		.key = S("backup-old"),
		.data = notice_alarm_data(&w, &a),
		.at = wall_now()};
	b->result = sql_begin(b->queue, &b->e);
	if (b->result < 0)
		return;
	b->result = notice_add_tx(b->queue, &n, &b->e);
	if (b->result == 0)
		b->result = sql_commit(b->queue, &b->e);
	else
		sql_rollback(b->queue);
}

/* ---- when ---- */

/* Which of the times that follow each other by `every`, beginning at `at` of a local day. */
int64_t backup_slot(const struct backup_conf *c, int64_t wall)
{
	time_t t = (time_t)(wall / SECOND);
	struct tm tm;
	uint64_t hour = 0, minute = 0;
	slice_u64(slice_first(c->at, 2), &hour);
	slice_u64(slice_skip(c->at, 3), &minute);
	localtime_r(&t, &tm);
	int64_t local =
		wall + tm.tm_gmtoff * SECOND - (int64_t)hour * HOUR - (int64_t)minute * MINUTE;
	return local / c->every;
}

static bool is_due(const struct backup_role *b)
{
	if (b->conf->every == 0 || instant_now() < b->again_at)
		return false;
	return b->last == 0 || backup_slot(b->conf, wall_now()) > backup_slot(b->conf, b->last);
}

/* ---- in the loop ---- */

static slice resolve(struct backup_role *b, struct arena *a)
{
	struct dns_addr_answer addrs;
	struct net_addr literal;
	struct err e;
	slice host;
	uint16_t port;
	if (!b->dns || !backup_endpoint(b->conf, &host, &port) ||
		net_from_ip(host, port, &literal, &e) == 0 ||
		dns_addr(b->dns, host, instant_in(RESOLVE_TIME), a, &addrs, &e) < 0 || addrs.n == 0)
		return S(""); /* then libcurl asks */
	slice text = arena_printf(a, "%.*s:%u:", SFMT(host), port);
	for (size_t i = 0; i < addrs.n; i++) {
		char ip[NET_TEXT_MAX];
		size_t n = net_print_ip(&addrs.v[i], ip);
		bool v6 = addrs.v[i].ss.ss_family == AF_INET6;
		text = arena_printf(a, "%.*s%s%s%.*s%s", SFMT(text), i ? "," : "", v6 ? "[" : "",
			(int)n, ip, v6 ? "]" : "");
	}
	return text;
}

static void tell_result(struct backup_role *b)
{
	if (b->result < 0) {
		metric_add(&failed, 1);
		log_error(NULL, "backup.failed", F("error", &b->e));
		return;
	}
	metric_add(&made, 1);
	metric_add(&sent, (int64_t)b->done.sent);
	metric_observe(&took, (uint64_t)b->done.took);
	log_info(NULL, "backup.made", F("files", b->done.files), F("bytes", b->done.bytes),
		F("read", b->done.read), F("new", b->done.fresh), F("sent", b->done.sent),
		F_USEC("took", b->done.took), F("pruned", b->pruned.generations));
	if (b->result > 0)
		log_warn(NULL, "backup.prune", F("error", &b->e));
}

static void run(struct backup_role *b)
{
	AUTO(arena) struct arena a = {0};
	b->addresses = resolve(b, &a);
	b->working = true;
	metric_set(&running, 1);
	pool_call(make, b);
	metric_set(&running, 0);
	b->working = false;
	cond_wake_all(&b->ended);
	if (b->stopping)
		return;
	if (b->result < 0 && b->e.kind == ERR_EXISTS)
		return; /* the command line makes one just now */
	tell_result(b);
	b->again_at = b->result < 0 ? instant_in(RETRY) : 0;
}

static void look_at_age(struct backup_role *b)
{
	int64_t from = b->last ? b->last : b->since;
	bool old = wall_now() - from > b->conf->alarm_after;
	metric_set(&last_good, b->last / SECOND);
	metric_set(&is_old, old);
	if (!old || instant_now() < b->alarmed_at)
		return;
	log_error(NULL, "backup.overdue", F("last", b->last / SECOND));
	pool_call(tell_old, b);
	b->alarmed_at = instant_in(b->result == 0 ? ALARM_EVERY : MINUTE);
}

static void watch(void *arg)
{
	struct backup_role *b = arg;
	struct err e;
	bool told = false;
	int64_t wait = FIRST_SECONDS * SECOND;
	while (!b->stopping && co_sleep(instant_in(wait), &e) == 0) {
		wait = LOOK_SECONDS * SECOND;
		pool_call(look_back, b);
		if (b->result != 1) {
			if (!told)
				log_warn(NULL, "backup.unprepared",
					F("hint", "posthouse backup init makes the repository"));
			told = true;
		} else if (is_due(b)) {
			run(b);
			pool_call(look_back, b);
		}
		if (!b->stopping)
			look_at_age(b);
	}
}

/* ---- the role ---- */

static int backup_prepare(struct role_env *env, struct err *e)
{
	struct backup_role *b = NEW(struct backup_role);
	(void)e;
	env->self = b;
	b->env = env;
	b->conf = backup_conf_of(&env->config);
	b->since = wall_now();
	cond_init(&b->ended);
	backup_extras_read(&env->config, slice_z(env->start.config_path), &b->extras);
	backup_be_modest();
	return 0;
}

static int backup_open(struct role_env *env, struct err *e)
{
	struct backup_role *b = env->self;
	if (sql_open(env->config.server->data, "queue", &b->queue, e) < 0)
		return -1;
	if (backup_is_s3(b->conf) && dns_open(env->config.dns, &b->dns, e) < 0)
		return -1;
	co_go("backup", watch, b);
	return 0;
}

/* What is being sent is finished, if there is time. */
static void backup_stop(void *arg, enum proc_stop how, instant deadline)
{
	struct backup_role *b = ((struct role_env *)arg)->self;
	struct err e;
	(void)how;
	__atomic_store_n(&b->stopping, true, __ATOMIC_RELAXED);
	while (b->working)
		if (cond_wait(&b->ended, deadline, &e) < 0)
			_exit(0);
	loop_stop();
}

static void backup_link(void *arg, const char *role, unsigned instance, int fd)
{
	(void)arg, (void)role, (void)instance;
	close(fd); /* it talks to nobody */
}

static void backup_close(struct role_env *env)
{
	struct backup_role *b = env->self;
	sql_close(b->queue);
	if (b->dns)
		dns_close(b->dns);
	backup_extras_done(&b->extras);
	free(b);
}

const struct role backup_role = {
	.name = "backup",
	.prepare = backup_prepare,
	.open = backup_open,
	.orders = {.stop = backup_stop, .link = backup_link},
	.close = backup_close,
};
