/*
 * The learn role (learn.h): what other processes tell goes into the journal before they are
 * answered; everything else happens later. Killing it at any point is safe. It reaches no network,
 * and of files only DATA/learn.
 */
#include "bin/learn.h"

#include "base/mem.h"
#include "bin/shipped.h"
#include "defence/fingerprint.h"
#include "learn/model.h"
#include "run/link.h"
#include "run/log.h"
#include "run/loop.h"
#include "run/metrics.h"
#include <errno.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

METRIC_COUNTER(told, "posthouse_learn_told_total", "", "Letters that other processes told of.");
METRIC_COUNTER(samples, "posthouse_learn_samples_total", "",
	"Recent letters kept to try new versions on.");

enum { SCANS_WAITING = 1000, SAMPLE_EVERY_MS = 500 };

/* ---- what others tell ---- */

struct telling {
	const struct learn *l;
	const struct training_told *t;
};

static int tell(struct sql *db, void *arg, struct err *e)
{
	const struct telling *x = arg;
	int64_t id;
	return journal_tell_tx(db, x->t, wall_now(), (size_t)x->l->conf.max_size, &id, e);
}

static bool wait_open(struct learn *l, struct err *e)
{
	instant until = instant_in(10 * SECOND);
	while (!l->open)
		if (cond_wait(&l->opened, until, e) < 0)
			return false;
	return true;
}

/* The letter in the file that came along. */
static int read_letter(int fd, struct buf *out, struct err *e)
{
	struct stat st;
	if (fd < 0 || fstat(fd, &st) < 0 || st.st_size <= 0)
		return err_set(e, ERR_PROTO, "no letter");
	size_t n = (uint64_t)st.st_size < out->limit ? (size_t)st.st_size : out->limit;
	char *room = buf_room(out, n);
	ssize_t got = room ? pread(fd, room, n, 0) : -1;
	if (got <= 0)
		return err_sys(e, errno, "the letter");
	buf_commit(out, (size_t)got);
	return 0;
}

static int take_lesson(struct learn *l, struct link_request *r, slice request, struct err *e)
{
	struct training_told t;
	bool in_file;
	AUTO(fd) int fd = link_request_take_file(r);
	AUTO(buf) struct buf letter = BUF((size_t)l->conf.max_size);
	if (!learn_tell_decode(request, &t, &in_file))
		return err_set(e, ERR_PROTO, "malformed request");
	if (!wait_open(l, e) || (in_file && read_letter(fd, &letter, e) < 0))
		return -1;
	if (in_file)
		t.message = buf_slice(&letter);
	struct telling x = {l, &t};
	return commit_run(l->commit, tell, &x, e);
}

static void on_request(void *arg, struct link_request *r, slice request)
{
	struct learn *l = arg;
	struct err e;
	if (take_lesson(l, r, request, &e) < 0) {
		link_refuse(r, &e);
		return;
	}
	metric_add(&told, 1);
	link_reply(r, S(""));
	cond_wake_all(&l->told);
}

/* ---- samples ---- */

struct sampled {
	int64_t most;
	struct journal_sample s;
	struct buf packed;
};

static int add_sample(struct sql *db, void *arg, struct err *e)
{
	struct sampled *x = arg;
	return journal_sample_tx(db, &x->s, x->most, e);
}

static void sample_added(void *arg, const struct err *e)
{
	struct sampled *x = arg;
	if (!e)
		metric_add(&samples, 1);
	buf_done(&x->packed);
	free(x);
}

/* A few a second are enough: the others are dropped. */
static void on_message(void *arg, slice message)
{
	static instant next;
	struct learn *l = arg;
	struct journal_sample s;
	if (!l->open || l->stopping || !l->conf.sample || instant_now() < next ||
		!learn_sample_decode(message, &s))
		return;
	next = instant_in(SAMPLE_EVERY_MS * MSEC);
	struct sampled *x = NEW(struct sampled);
	*x = (struct sampled){.most = l->conf.sample, .s = s, .packed = BUF(LINK_MESSAGE_MAX)};
	buf_put(&x->packed, s.packed);
	x->s.packed = buf_slice(&x->packed);
	x->s.at = wall_now();
	commit_post(l->commit, add_sample, sample_added, x);
}

/* ---- the role ---- */

static void take_config(struct learn *l, const struct config *c)
{
	l->conf = *c->learning;
	l->scan_conf = *c->scan;
}

static int learn_prepare(struct role_env *env, struct err *e)
{
	struct learn *l = NEW(struct learn);
	AUTO(learn_model) struct learn_model base = {0};
	env->self = l;
	l->env = env;
	l->data = arena_dup(&l->mem, env->config.server->data);
	take_config(l, &env->config);
	cond_init(&l->opened);
	cond_init(&l->told);
	cond_init(&l->changed);
	group_init(&l->workers);
	l->scans = scans_new(&l->scan_conf, SCANS_WAITING);
	if (learn_model_read(shipped_base_model(), &base, e) < 0)
		return err_wrap(e, "the shipped model");
	l->fuse = base.fuse;
	if (setpriority(PRIO_PROCESS, 0, 10) < 0)
		log_debug(NULL, "learn.nice", F("errno", errno));
	return 0;
}

static void open_prints(struct learn *l)
{
	const struct conf *conf = l->env->config.conf;
	l->prints = fingerprints_open(l->kv, conf_get(conf, &fingerprints_section));
}

static int learn_open(struct role_env *env, struct err *e)
{
	struct learn *l = env->self;
	AUTO(arena) struct arena a = {0};
	slice dir = journal_dir(l->data, &a);
	if (sql_open(dir, JOURNAL_DB, &l->db, e) < 0 ||
		sql_open(dir, JOURNAL_DB, &l->read_db, e) < 0 ||
		sql_open(dir, JOURNAL_DB, &l->build_db, e) < 0)
		return -1;
	l->commit = commit_new(l->db, NULL);
	l->kv = kv_open(l->data, (uint64_t)env->config.kv->size);
	open_prints(l);
	l->open = true;
	cond_wake_all(&l->opened);
	group_go(&l->workers, "learn.read", learn_read_run, l);
	group_go(&l->workers, "learn.build", learn_build_run, l);
	return 0;
}

static void learn_link(void *arg, const char *role, unsigned instance, int fd)
{
	struct learn *l = ((struct role_env *)arg)->self;
	const struct link_service service = {on_message, on_request, NULL, l};
	if (strcmp(role, "scan") == 0) {
		scans_link(l->scans, instance, fd);
		l->fresh_links = true;
		cond_wake_all(&l->told);
		cond_wake_all(&l->changed);
		return;
	}
	link_serve(role, fd, &service);
}

static void learn_wake(void *arg)
{
	struct learn *l = ((struct role_env *)arg)->self;
	cond_wake_all(&l->told);
	cond_wake_all(&l->changed);
}

static void learn_stop(void *arg, enum proc_stop how, instant deadline)
{
	struct learn *l = ((struct role_env *)arg)->self;
	(void)how, (void)deadline;
	__atomic_store_n(&l->stopping, true, __ATOMIC_RELAXED);
	group_cancel(&l->workers);
	group_join(&l->workers);
	if (l->commit)
		commit_drain(l->commit);
	loop_stop();
}

static void learn_reload(void *arg, slice path, slice text)
{
	struct learn *l = ((struct role_env *)arg)->self;
	struct role_env *env = l->env;
	struct config fresh;
	struct err e;
	if (config_parse(text, path, &fresh, &e) < 0) {
		log_error(NULL, "learn.reload", F("error", &e));
		return;
	}
	take_config(l, &fresh);
	fingerprints_close(take(&l->prints));
	config_done(&env->config);
	env->config = fresh;
	if (l->open)
		open_prints(l);
	log_set_level((enum log_level)fresh.log->level);
	cond_wake_all(&l->told);
}

static void learn_close(struct role_env *env)
{
	struct learn *l = env->self;
	commit_free(l->commit);
	sql_close(l->db);
	sql_close(l->read_db);
	sql_close(l->build_db);
	scans_free(l->scans);
	fingerprints_close(l->prints);
	kv_close(l->kv);
	arena_done(&l->mem);
	free(l);
}

const struct role learn_role = {
	.name = "learn",
	.prepare = learn_prepare,
	.open = learn_open,
	.orders = {.stop = learn_stop,
		.link = learn_link,
		.reload = learn_reload,
		.wake = learn_wake},
	.close = learn_close,
};
