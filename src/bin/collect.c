/*
 * The collect role (collect.h): takes up jobs whose turn it is, some at a time and few to one server, writes how far they are, and ends those that
 * somebody does not want any more. A job that is under way when the process ends, in whatever way, waits again when it starts.
 */
#include "bin/collect.h"

#include "base/mem.h"
#include "base/rand.h"
#include "mail/notice.h"
#include "run/log.h"
#include "run/loop.h"
#include "run/metrics.h"
#include "run/pool.h"
#include "store/directory.h"
#include "store/notice.h"

#include <errno.h>
#include <fcntl.h>

METRIC_COUNTER(passes_good, "posthouse_collect_passes_total", "result=\"good\"",
	"Passes over accounts elsewhere.");
METRIC_COUNTER(passes_failed, "posthouse_collect_passes_total", "result=\"failed\"",
	"Passes over accounts elsewhere.");
METRIC_COUNTER(messages_copied, "posthouse_collect_messages_total", "",
	"Messages brought from accounts elsewhere.");
METRIC_GAUGE(jobs_running, "posthouse_collect_running", "", "Accounts elsewhere being read now.");

#define LOOK_EVERY (2 * SECOND) /* at the database, without a word from anybody */
#define PROGRESS_EVERY SECOND
#define RETRY_FIRST (5 * SECOND)
#define RETRY_MOST (6 * HOUR)
enum { DUE_MOST = 500, READERS = 3 };

int collect_db(struct collector *c, commit_fn fn, void *arg, struct err *e)
{
	return commit_run(c->commit, fn, arg, e);
}

/* ---- the end of a pass ---- */

static int64_t retry_in(const struct collect_job *j)
{
	int64_t wait = RETRY_FIRST;
	for (unsigned i = 1; i < j->failures && wait < RETRY_MOST; i++)
		wait *= 3;
	if (wait > RETRY_MOST)
		wait = RETRY_MOST;
	/* Those of one server do not all come back at once. */
	return wait + (int64_t)(rand_u64() % (uint64_t)(wait / 4 + 1));
}

static void ended_well(struct collect_job *j, int64_t now)
{
	j->failures = 0;
	j->good_at = now;
	j->why = S("");
	j->options &= ~(unsigned)(COLLECT_VERIFY | COLLECT_REPORTED);
	j->state = j->every ? COLLECT_WAITING : COLLECT_DONE;
	j->next_at = j->every ? now + j->every : 0;
}

static void ended_badly(struct collect_job *j, int64_t now, const struct err *why, struct arena *a)
{
	j->failures++;
	j->why = arena_dup(a, slice_first(slice_z(why->text), COLLECT_WHY_MAX));
	bool for_good = !j->every && (why->kind == ERR_DENIED || why->kind == ERR_PERM ||
					     j->failures >= COLLECT_RETRIES);
	int64_t wait = retry_in(j);
	if (j->every && wait < j->every && j->failures > 2)
		wait = j->every;
	j->state = for_good ? COLLECT_FAILED : COLLECT_WAITING;
	j->next_at = now + wait;
}

/* ---- its owner ---- */

static slice letter(const struct collect_job *j, struct arena *a)
{
	const slice lines[] = {arena_printf(a, "%.*s@%.*s", SFMT(j->user), SFMT(j->host)), j->why};
	const struct notice_alarm w = {
		.what_en = arena_printf(
			a, "Mail of your account at %.*s cannot be fetched", SFMT(j->host)),
		.what_zh = arena_printf(a, "无法收取您在 %.*s 的邮件", SFMT(j->host)),
		.why_en =
			S("It has failed for some time. What the other server or the network said "
			  "last stands below."),
		.why_zh = S("已连续失败一段时间。对方服务器或网络最近的应答见下。"),
		.done_en = S("It is tried again, less often. Nothing is lost: mail stays there."),
		.done_zh = S("系统会继续尝试，但间隔加长。邮件仍在对方服务器上，不会丢失。"),
		.todo_en = S("Look whether the password there has changed, and tell your "
			     "administrator."),
		.todo_zh = S("请检查对方邮箱的密码是否已更改，并告知管理员。"),
		.lines = lines,
		.nlines = 2};
	return notice_alarm_data(&w, a);
}

struct telling {
	struct collector *c;
	struct notice n;
	struct err e;
	int result;
};

static void tell_in_pool(void *arg)
{
	struct telling *t = arg;
	struct sql *db;
	t->result = sql_open(t->c->config->server->data, "queue", &db, &t->e);
	if (t->result < 0)
		return;
	t->result = sql_begin(db, &t->e);
	if (t->result == 0)
		t->result = notice_add_tx(db, &t->n, &t->e) < 0 ? -1 : sql_commit(db, &t->e);
	sql_close(db);
}

/* Once, when it has not worked for so long. */
static void tell_owner(struct collect_run *r, int64_t now)
{
	struct collect_job *j = &r->job;
	int64_t after = r->c->conf->tell_after;
	int64_t since = j->good_at ? j->good_at : j->made_at;
	if (!j->every || !j->failures || !after || r->strange || j->options & COLLECT_REPORTED ||
		now - since < after)
		return;
	struct telling t = {.c = r->c,
		.n = {.kind = NOTICE_COLLECT,
			.to = j->address,
			.idx = -1,
			.key = arena_printf(&r->mem, "collect:%lld", (long long)j->id),
			.data = letter(j, &r->mem),
			.at = now}};
	pool_call(tell_in_pool, &t);
	if (t.result < 0)
		log_warn(NULL, "collect.notice", F("job", j->id), F("error", &t.e));
	else
		j->options |= COLLECT_REPORTED;
}

static int end_tx(struct sql *db, void *arg, struct err *e)
{
	return collect_end_tx(db, arg, e);
}

static void end(struct collect_run *r, const struct err *why)
{
	struct collect_job *j = &r->job;
	int64_t now = wall_now();
	struct err e;
	j->ended_at = now;
	j->box = S("");
	if (why && !r->unwanted && !r->c->stopping)
		ended_badly(j, now, why, &r->mem);
	else if (why)
		j->state = COLLECT_WAITING, j->next_at = now;
	else
		ended_well(j, now);
	tell_owner(r, now);
	metric_add(&messages_copied, (int64_t)j->n.copied);
	metric_add(why ? &passes_failed : &passes_good, 1);
	if (why)
		log_warn(NULL, "collect.failed", F("job", j->id), F("account", j->address),
			F("host", j->host), F("failures", j->failures), F("error", why));
	log_info(NULL, "collect.pass", F("job", j->id), F("account", j->address),
		F("host", j->host), F("state", collect_state_name(j->state)),
		F("messages", j->n.messages), F("copied", j->n.copied), F("present", j->n.present),
		F("flagged", j->n.flagged), F("gone", j->n.gone), F("refused", j->n.refused));
	if (collect_db(r->c, end_tx, j, &e) < 0)
		log_error(NULL, "collect.database", F("error", &e));
}

/* ---- one job ---- */

static void run_free(struct collect_run *r)
{
	list_remove(&r->in);
	r->c->nrunning--;
	metric_add(&jobs_running, -1);
	import_close(r->import);
	box_user_close(r->user);
	arena_done(&r->mem);
	cond_wake_all(&r->c->wake);
	free(r);
}

static void job_run(void *arg)
{
	struct collect_run *r = arg;
	struct err e = {0};
	int result = collect_pass(r, &e);
	collect_take_counts(r);
	end(r, result < 0 ? &e : NULL);
	run_free(r);
}

struct starting {
	struct collect_run *r;
	int64_t id;
};

static int start_tx(struct sql *db, void *arg, struct err *e)
{
	struct starting *s = arg;
	if (collect_start_tx(db, s->id, wall_now(), e) < 0)
		return -1;
	arena_reset(&s->r->mem);
	return collect_get(db, s->id, &s->r->mem, &s->r->job, e);
}

static void start(struct collector *c, int64_t id)
{
	struct collect_run *r = NEW(struct collect_run);
	struct starting s = {r, id};
	struct err e;
	if (collect_db(c, start_tx, &s, &e) < 0 || c->stopping) {
		arena_done(&r->mem);
		free(r);
		return;
	}
	r->c = c;
	list_append(&c->running, &r->in);
	c->nrunning++;
	metric_add(&jobs_running, 1);
	r->co = group_go(&c->jobs, "collect.job", job_run, r);
}

/* ---- whose turn it is ---- */

struct looking {
	struct arena mem;
	struct collect_job *v;
	size_t n;
};

static int due_tx(struct sql *db, void *arg, struct err *e)
{
	struct looking *l = arg;
	arena_reset(&l->mem);
	return collect_due(db, wall_now(), DUE_MOST, &l->mem, &l->v, &l->n, e);
}

static bool has_place(const struct collector *c, const struct collect_job *j)
{
	unsigned there = 0;
	list_each(it, &((struct collector *)c)->running) {
		const struct collect_run *r = list_entry(it, struct collect_run, in);
		/* Two jobs of an account at a time would wait for each other. */
		if (r->job.account_id == j->account_id)
			return false;
		there += slice_ieq(r->job.host, j->host) && r->job.port == j->port;
	}
	return there < (unsigned)c->conf->per_server;
}

static void look(struct collector *c)
{
	struct looking l = {0};
	struct err e;
	if (collect_db(c, due_tx, &l, &e) < 0)
		log_error(NULL, "collect.database", F("error", &e));
	for (size_t i = 0; i < l.n && !c->stopping; i++) {
		if (c->nrunning >= (unsigned)c->conf->parallel)
			break;
		if (has_place(c, &l.v[i]))
			start(c, l.v[i].id);
	}
	arena_done(&l.mem);
}

static void scheduler(void *arg)
{
	struct collector *c = arg;
	struct err e;
	while (!c->stopping && !co_cancelled()) {
		if (c->conf->enabled)
			look(c);
		if (cond_wait(&c->wake, instant_in(LOOK_EVERY), &e) < 0 && e.kind == ERR_CLOSED)
			return;
	}
}

/* ---- how far they are, and whether they are still wanted ---- */

static int progress_tx(struct sql *db, void *arg, struct err *e)
{
	struct collect_run *r = arg;
	enum collect_state wanted;
	if (collect_wanted(db, r->job.id, &wanted, e) < 0)
		return -1;
	r->unwanted = wanted != COLLECT_RUNNING;
	return r->unwanted ? 0 : collect_progress_tx(db, &r->job, e);
}

/* A run may end while this one waits for the database: each is looked for anew. */
static struct collect_run *run_of(struct collector *c, int64_t after)
{
	struct collect_run *best = NULL;
	list_each(it, &c->running) {
		struct collect_run *r = list_entry(it, struct collect_run, in);
		if (r->job.id > after && (!best || r->job.id < best->job.id))
			best = r;
	}
	return best;
}

static void tell_progress(struct collector *c, struct collect_run *r)
{
	AUTO(arena) struct arena a = {0};
	struct collect_run *copy = ARENA_NEW(&a, struct collect_run);
	struct err e;
	int64_t id = r->job.id;
	collect_take_counts(r);
	*copy = *r;
	copy->job.box = arena_dup(&a, r->job.box);
	if (collect_db(c, progress_tx, copy, &e) < 0 || !copy->unwanted)
		return;
	struct collect_run *still = run_of(c, id - 1);
	if (still && still->job.id == id) {
		still->unwanted = true;
		co_cancel(still->co);
	}
}

static void watcher(void *arg)
{
	struct collector *c = arg;
	struct err e;
	while (co_sleep(instant_in(PROGRESS_EVERY), &e) == 0) {
		int64_t last = 0;
		for (struct collect_run *r; (r = run_of(c, last));) {
			last = r->job.id;
			tell_progress(c, r);
		}
	}
}

/* ---- the role ---- */

static int collect_prepare(struct role_env *env, struct err *e)
{
	struct collector *c = NEW(struct collector);
	env->self = c;
	c->env = env;
	c->config = &env->config;
	c->conf = conf_get(env->config.conf, &collect_section);
	list_init(&c->running);
	group_init(&c->jobs);
	cond_init(&c->wake);
	const struct tls_client_config tls = {.ca_file = c->config->tls->ca};
	return tls_client_ctx(&tls, &c->tls, e);
}

static int read_key(struct collector *c, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	const char *path = arena_strz(
		&a, arena_printf(&a, "%.*s/collect/secret", SFMT(c->config->server->data)));
	AUTO(fd) int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return err_sys(e, errno, "%s", path);
	return read(fd, c->key, sizeof c->key) == sizeof c->key
		       ? 0
		       : err_set(e, ERR_PERM, "%s: no key", path);
}

static int resume_tx(struct sql *db, void *arg, struct err *e)
{
	int64_t *n = arg;
	*n = collect_resume_tx(db, e);
	return *n < 0 ? -1 : 0;
}

static int collect_open(struct role_env *env, struct err *e)
{
	struct collector *c = env->self;
	slice data = c->config->server->data;
	int64_t resumed = 0;
	if (read_key(c, e) < 0 || dns_open(c->config->dns, &c->dns, e) < 0 ||
		blobs_open(data, &c->blobs, e) < 0 || directory_open(data, &c->directory, e) < 0 ||
		sql_open(data, COLLECT_DB, &c->db, e) < 0)
		return -1;
	const struct boxes_config b = {.data = data,
		.directory = c->directory,
		.blobs = c->blobs,
		.readers = READERS,
		.conf = conf_get(c->config->conf, &mailbox_section)};
	if (boxes_open(&b, &c->boxes, e) < 0)
		return -1;
	c->commit = commit_new(c->db, NULL);
	if (collect_db(c, resume_tx, &resumed, e) < 0)
		return -1;
	if (resumed)
		log_info(NULL, "collect.resumed", F("jobs", resumed));
	co_go("collect.scheduler", scheduler, c);
	co_go("collect.watcher", watcher, c);
	return 0;
}

static void collect_link(void *arg, const char *role, unsigned instance, int fd)
{
	(void)arg, (void)role, (void)instance;
	close(fd);
}

static void collect_wake(void *arg)
{
	struct collector *c = ((struct role_env *)arg)->self;
	cond_wake_all(&c->wake);
}

/* What is under way goes on with the next start: nothing is lost by cutting it off. */
static void collect_stop(void *arg, enum proc_stop how, instant deadline)
{
	struct collector *c = ((struct role_env *)arg)->self;
	(void)how, (void)deadline;
	c->stopping = true;
	cond_wake_all(&c->wake);
	group_cancel(&c->jobs);
	group_join(&c->jobs);
	if (c->boxes)
		boxes_drain(c->boxes);
	if (c->commit)
		commit_drain(c->commit);
	loop_stop();
}

static void collect_close(struct role_env *env)
{
	struct collector *c = env->self;
	if (c->commit)
		commit_free(c->commit);
	if (c->boxes)
		boxes_close(c->boxes);
	sql_close(c->db);
	directory_close(c->directory);
	blobs_close(c->blobs);
	dns_close(c->dns);
	tls_ctx_unref(c->tls);
	free(c);
}

const struct role collect_role = {
	.name = "collect",
	.prepare = collect_prepare,
	.open = collect_open,
	.orders = {.stop = collect_stop, .link = collect_link, .wake = collect_wake},
	.close = collect_close,
};
