/*
 * The scan role: takes messages apart for the other processes (scan.h). One message at a time, in a
 * thread with a stack of ordinary size: libraries for XML and archives need one. The loop beside it
 * watches the clock and ends the process when a message takes too long; the master starts another.
 */
#include "bin/scan.h"

#include "base/mem.h"
#include "bin/role.h"
#include "codec/charset.h"
#include "codec/report_in.h"
#include "run/co.h"
#include "run/link.h"
#include "run/log.h"
#include "run/loop.h"
#include "run/metrics.h"
#include "run/pool.h"
#include <errno.h>
#include <libxml/parser.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

METRIC_COUNTER(examined, "posthouse_scan_messages_total", "", "Messages examined.");
METRIC_DURATION(scan_seconds, "posthouse_scan_seconds", "", "Time one message took.");

enum { STATUS_TIMEOUT = 3 };

struct scan {
	struct role_env *env;
	bool busy;
	struct cond idle;
};

/* ---- one message, in the pool's thread ---- */

struct job {
	enum scan_job what;
	int fd;
	instant deadline;
	bool done;
	struct cond ended;
	struct err e; /* kind ERR_NONE: the answer is in the file */
};

static int write_all(int fd, slice text, struct err *e)
{
	size_t done = 0;
	if (ftruncate(fd, 0) < 0)
		return err_sys(e, errno, "the answer");
	while (done < text.n) {
		ssize_t n = pwrite(fd, text.p + done, text.n - done, (off_t)done);
		if (n < 0)
			return err_sys(e, errno, "the answer");
		done += (size_t)n;
	}
	return 0;
}

static int write_answer(int fd, json_t *answer, struct err *e)
{
	AUTO(free) char *text = json_dumps(answer, JSON_COMPACT);
	slice s = slice_z(text);
	if (!s.n || s.n > SCAN_ANSWER_MAX)
		return err_set(e, ERR_LIMIT, "the answer has %zu bytes", s.n);
	return write_all(fd, s, e);
}

static void examine(void *arg)
{
	struct job *j = arg;
	struct stat st;
	if (fstat(j->fd, &st) < 0) {
		err_sys(&j->e, errno, "the message");
		return;
	}
	size_t n = st.st_size > 0 ? (size_t)st.st_size : 0;
	void *p = n ? mmap(NULL, n, PROT_READ, MAP_PRIVATE, j->fd, 0) : NULL;
	if (p == MAP_FAILED) {
		err_sys(&j->e, errno, "the message");
		return;
	}
	json_t *answer = report_in_read(slice_of(p ? p : "", n));
	if (p)
		munmap(p, n);
	write_answer(j->fd, answer, &j->e);
	json_decref(answer);
}

/* ---- the loop's side ---- */

/* What does not end by itself is ended: nobody else could stop a thread that hangs. */
static void watch(void *arg)
{
	struct job *j = arg;
	struct err e;
	while (!j->done)
		if (cond_wait(&j->ended, j->deadline, &e) < 0)
			break;
	if (j->done)
		return;
	log_error(NULL, "scan.timeout", F("job", (int)j->what));
	_exit(STATUS_TIMEOUT);
}

static void run_job(const struct scan *s, struct job *j)
{
	struct group watcher;
	instant began = instant_now();
	group_init(&watcher);
	cond_init(&j->ended);
	j->deadline = instant_in(s->env->config.scan->time);
	group_go(&watcher, "scan.watch", watch, j);
	pool_call(examine, j);
	j->done = true;
	cond_wake_all(&j->ended);
	group_join(&watcher);
	metric_add(&examined, 1);
	metric_observe(&scan_seconds, (uint64_t)(instant_now() - began));
}

static bool decode(slice request, struct job *j)
{
	j->what = request.n == 1 ? (enum scan_job)request.p[0] : 0;
	return j->what == SCAN_REPORT && j->fd >= 0;
}

static void on_request(void *arg, struct link_request *r, slice request)
{
	struct scan *s = arg;
	struct job j = {.fd = link_request_take_file(r)};
	AUTO(fd) int fd = j.fd;
	if (!decode(request, &j)) {
		err_set(&j.e, ERR_PROTO, "malformed request");
		link_refuse(r, &j.e);
		return;
	}
	while (s->busy)
		cond_wait_firm(&s->idle);
	s->busy = true;
	run_job(s, &j);
	s->busy = false;
	cond_wake_one(&s->idle);
	if (j.e.kind == ERR_NONE)
		link_reply(r, S(""));
	else
		link_refuse(r, &j.e);
}

/* ---- the role ---- */

/* Whatever libraries load or set up once, while that is still allowed. */
static int scan_prepare(struct role_env *env, struct err *e)
{
	struct scan *s = NEW(struct scan);
	(void)e;
	env->self = s;
	s->env = env;
	cond_init(&s->idle);
	charset_warm_up();
	xmlInitParser();
	return 0;
}

static int scan_open(struct role_env *env, struct err *e)
{
	(void)env, (void)e;
	return 0;
}

static void scan_link(void *arg, const char *role, unsigned instance, int fd)
{
	struct role_env *env = arg;
	const struct link_service service = {NULL, on_request, NULL, env->self};
	(void)instance;
	link_serve(role, fd, &service);
}

static void scan_stop(void *arg, enum proc_stop how, instant deadline)
{
	(void)arg, (void)how, (void)deadline; /* those who ask went before us */
	loop_stop();
}

/* The memory limit stays what it was at the start. */
static void scan_reload(void *arg, slice path, slice text)
{
	struct role_env *env = arg;
	struct config fresh;
	struct err e;
	if (config_parse(text, path, &fresh, &e) < 0) {
		log_error(NULL, "scan.reload", F("error", &e));
		return;
	}
	config_done(&env->config);
	env->config = fresh;
	log_set_level((enum log_level)env->config.log->level);
}

static void scan_close(struct role_env *env)
{
	free(env->self);
}

const struct role scan_role = {
	.name = "scan",
	.prepare = scan_prepare,
	.open = scan_open,
	.orders = {.stop = scan_stop, .link = scan_link, .reload = scan_reload},
	.close = scan_close,
};
