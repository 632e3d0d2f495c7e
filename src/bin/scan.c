/*
 * The scan role: takes messages apart for the other processes (scan.h). One message at a time, in a
 * thread with a stack of ordinary size: libraries for XML and archives need one. The loop beside it
 * watches the clock and ends the process when a message takes too long; the master starts another.
 */
#include "bin/scan.h"

#include "base/cur.h"
#include "base/list.h"
#include "base/mem.h"
#include "bin/features.h"
#include "bin/role.h"
#include "bin/scan_tools.h"
#include "bin/scan_wire.h"
#include "codec/charset.h"
#include "codec/bounce_in.h"
#include "codec/report_in.h"
#include "codec/reported.h"
#include "codec/summary.h"
#include "codec/url.h"
#include "content/report.h"
#include "mail/scripts_run.h"
#include "content/texts.h"
#include "run/co.h"
#include "run/link.h"
#include "run/log.h"
#include "run/loop.h"
#include "run/metrics.h"
#include "run/pool.h"
#include <errno.h>
#include <jansson.h>
#include <libxml/parser.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

METRIC_COUNTER(examined, "posthouse_scan_messages_total", "", "Messages examined.");
METRIC_DURATION(scan_seconds, "posthouse_scan_seconds", "", "Time one message took.");

enum {
	STATUS_TIMEOUT = 3,
	MEMORY_KEPT = 4 << 20, /* by one message for the next */
};

#define PATIENCE (3 * SECOND)

struct scan {
	struct role_env *env;
	struct scan_tools *tools;
	struct content_examiner *examiner;
	struct arena mem; /* of the message at hand */
	bool has_domains;
	instant patience; /* mail waits so long for the site's domains */
	bool busy;
	struct cond idle, told;
	struct list peers;
	unsigned asked; /* requests that were not answered yet */
	struct cond answered;
};

/* One who asks. */
struct peer {
	struct list node;
	struct scan *scan;
	struct link_server *server;
};

/* ---- one message, in the pool's thread ---- */

struct job {
	struct scan *scan;
	struct scan_request request;
	int fd;
	slice map; /* the file; empty: none, or not mapped */
	uint64_t end; /* where something may be written behind it */
	instant deadline;
	bool done;
	struct cond ended;
	struct buf reply;
	struct err e; /* kind ERR_NONE: the answer is in reply, or in the file */
};

static int write_at(int fd, slice text, uint64_t at, struct err *e)
{
	size_t done = 0;
	while (done < text.n) {
		ssize_t n = pwrite(fd, text.p + done, text.n - done, (off_t)(at + done));
		if (n < 0)
			return err_sys(e, errno, "the answer");
		done += (size_t)n;
	}
	return 0;
}

static int map_file(struct job *j)
{
	struct stat st;
	if (fstat(j->fd, &st) < 0)
		return err_sys(&j->e, errno, "the file");
	size_t n = st.st_size > 0 ? (size_t)st.st_size : 0;
	void *p = n ? mmap(NULL, n, PROT_READ, MAP_PRIVATE, j->fd, 0) : NULL;
	if (p == MAP_FAILED)
		return err_sys(&j->e, errno, "the file");
	j->map = slice_of(p ? p : "", n);
	return 0;
}

static void unmap(struct job *j)
{
	if (j->map.n)
		munmap((void *)(uintptr_t)j->map.p, j->map.n);
	j->map = (slice){0};
}

/* Its JSON as text, which the caller frees. */
static int print_answer(json_t *answer, char **ret, struct err *e)
{
	char *text = json_dumps(answer, JSON_COMPACT);
	size_t n = text ? strlen(text) : 0;
	if (n && n <= SCAN_ANSWER_MAX) {
		*ret = text;
		return 0;
	}
	free(text);
	return err_set(e, ERR_LIMIT, "the answer has %zu bytes", n);
}

/* The answer takes the place of the message. */
static void read_report(struct job *j, json_t *(*read)(slice message))
{
	AUTO(free) char *text = NULL;
	json_t *answer = read(j->map);
	unmap(j);
	if (print_answer(answer, &text, &j->e) == 0 && ftruncate(j->fd, 0) < 0)
		err_sys(&j->e, errno, "the answer");
	else if (text)
		write_at(j->fd, slice_z(text), 0, &j->e);
	json_decref(answer);
}

static void give_answer(struct job *j, slice text, slice summary)
{
	struct scan_answer w = {.text = text, .summary = summary};
	size_t n = text.n + summary.n;
	if (n > SCAN_WIRE_MAX - 64 && !j->request.in_file) {
		err_set(&j->e, ERR_LIMIT, "the answer has %zu bytes", text.n);
		return;
	}
	if (n > SCAN_WIRE_MAX - 64) {
		w = (struct scan_answer){.from = j->end, .n = text.n, .summary = summary};
		if (write_at(j->fd, text, w.from, &j->e) < 0)
			return;
	}
	scan_answer_encode(&j->reply, &w);
}

/* Says in the file that it has begun: who dies now dies of this message. */
static int begin(struct job *j, slice *ret_message)
{
	const struct scan_request *r = &j->request;
	if (!r->in_file) {
		*ret_message = r->message;
		return r->lead_n <= r->message.n ? 0 : err_set(&j->e, ERR_PROTO, "the message is too short");
	}
	if (j->map.n < r->from || j->map.n - r->from < r->lead_n || write_at(j->fd, S("\1"), 0, &j->e) < 0)
		return err_set(&j->e, ERR_PROTO, "the file is too short");
	*ret_message = slice_skip(j->map, r->from);
	return 0;
}

/* Files that were opened with words of the letter, for virus engines: behind the message. */
static int put_opened(struct job *j, struct content_report *report)
{
	for (size_t i = 0; i < report->nopened; i++) {
		struct content_report_opened *o = &report->opened[i];
		o->from = j->end;
		if (write_at(j->fd, o->bytes, o->from, &j->e) < 0)
			return -1;
		j->end += o->size;
	}
	return 0;
}

static void examine_message(struct job *j)
{
	struct scan *s = j->scan;
	AUTO(free) char *text = NULL;
	slice message;
	if (begin(j, &message) < 0)
		return;
	struct content_report *report = ARENA_NEW(&s->mem, struct content_report);
	content_examine(s->examiner, message, &j->request.context, scan_tools_get(s->tools),
		j->request.wishes, &s->mem, report);
	j->end = j->map.n;
	if (put_opened(j, report) < 0)
		return;
	AUTO(buf) struct buf summary = BUF(SUMMARY_MAX);
	if (j->request.wishes & CONTENT_SUMMARY)
		summary_build(message, j->request.lead_n, report->content->mime, true, &summary);
	json_t *answer = content_report_json(report, j->request.wishes);
	if (print_answer(answer, &text, &j->e) == 0)
		give_answer(j, slice_z(text), buf_slice(&summary));
	json_decref(answer);
}

/* Its texts, by field. */
static void read_texts(struct job *j)
{
	AUTO(buf) struct buf answer = BUF(SCAN_ANSWER_MAX);
	struct content_texts texts;
	slice message;
	if (begin(j, &message) < 0)
		return;
	content_texts(message, j->request.lead_n, (enum content_texts_want)j->request.wishes,
		&j->scan->mem, &texts);
	content_texts_encode(&answer, &texts);
	j->end = j->map.n;
	give_answer(j, buf_slice(&answer), S(""));
}

/* Scripts of people over it. */
static void judge_scripts(struct job *j)
{
	AUTO(buf) struct buf answer = BUF(SCAN_ANSWER_MAX);
	struct scripts_case c;
	struct scripts_verdict v;
	slice both, what;
	if (begin(j, &both) < 0)
		return;
	what = slice_first(both, j->request.lead_n);
	if (!scripts_case_decode(what, &j->scan->mem, &c)) {
		err_set(&j->e, ERR_PROTO, "a damaged case");
		return;
	}
	scripts_case_run(&c, slice_skip(both, what.n), &j->scan->mem, &v);
	scripts_verdict_encode(&answer, &v);
	j->end = j->map.n;
	if (buf_ok(&answer))
		give_answer(j, buf_slice(&answer), S(""));
	else
		err_set(&j->e, ERR_LIMIT, "the verdict is too long");
}

static int take_pack(slice question, struct arena *a, struct buf *out, struct err *e)
{
	struct cur c = cur_of(question);
	slice line, keys = cur_str(&c);
	struct feature_keys trusted = {0};
	struct feature_key k;
	struct feature_pack p;
	while (keys.n && slice_cut(&keys, '\n', &line))
		if (feature_key_parse(line, &k))
			feature_keys_add(&trusted, &k);
	if (feature_pack_read(cur_rest(&c), &trusted, a, &p, e) < 0 ||
		features_check(&p, false, e) < 0)
		return -1;
	feature_pack_encode(&p, out);
	return 0;
}

/* A feature pack: what is in it takes its place. */
static void read_pack(struct job *j)
{
	AUTO(arena) struct arena a = {0};
	AUTO(buf) struct buf answer = BUF(FEATURE_TOTAL_MAX + (2 << 20));
	int r = take_pack(j->map, &a, &answer, &j->e);
	unmap(j);
	if (r == 0 && ftruncate(j->fd, 0) < 0)
		err_sys(&j->e, errno, "the answer");
	else if (r == 0)
		write_at(j->fd, buf_slice(&answer), 0, &j->e);
}

static void examine(void *arg)
{
	struct job *j = arg;
	if (j->fd >= 0 && map_file(j) < 0)
		return;
	switch (j->request.job) {
	case SCAN_REPORT:
		read_report(j, report_in_read);
		break;
	case SCAN_REPORTED:
		read_report(j, reported_read);
		break;
	case SCAN_BOUNCE:
		read_report(j, bounce_in_read);
		break;
	case SCAN_MESSAGE:
		examine_message(j);
		break;
	case SCAN_PACK:
		read_pack(j);
		break;
	case SCAN_TEXT:
		read_texts(j);
		break;
	case SCAN_SCRIPTS:
		judge_scripts(j);
		break;
	case SCAN_USE:
		scan_tools_use(j->scan->tools, j->request.use, j->fd, j->map, &j->e);
	}
	unmap(j);
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
	log_error(NULL, "scan.timeout", F("job", (int)j->request.job));
	_exit(STATUS_TIMEOUT);
}

static int64_t time_for(const struct scan *s, enum scan_job job)
{
	const struct scripts_conf *scripts = conf_get(s->env->config.conf, &scripts_section);
	int64_t time = s->env->config.scan->time;
	return job == SCAN_SCRIPTS && scripts->time < time ? scripts->time : time;
}

static void run_job(struct scan *s, struct job *j)
{
	struct group watcher;
	instant began = instant_now();
	group_init(&watcher);
	cond_init(&j->ended);
	j->deadline = instant_in(time_for(s, j->request.job));
	group_go(&watcher, "scan.watch", watch, j);
	pool_call(examine, j);
	j->done = true;
	cond_wake_all(&j->ended);
	group_join(&watcher);
	if (s->mem.total > MEMORY_KEPT)
		arena_done(&s->mem);
	else
		arena_reset(&s->mem);
	if (j->request.job != SCAN_USE)
		metric_add(&examined, 1);
	metric_observe(&scan_seconds, (uint64_t)(instant_now() - began));
}

static bool decode(slice request, struct arena *a, struct job *j)
{
	if (!scan_request_decode(request, a, &j->request))
		return false;
	bool message = j->request.job == SCAN_MESSAGE || j->request.job == SCAN_TEXT ||
		       j->request.job == SCAN_SCRIPTS;
	bool inside = message && !j->request.in_file;
	/* The role `texts` has nothing to judge by. */
	if (!j->scan->tools && j->request.job != SCAN_TEXT)
		return false;
	return inside == (j->fd < 0);
}

/* A process that has just started first hears which domains are the site's own. */
static void wait_for_domains(struct scan *s)
{
	struct err e;
	while (!s->has_domains && cond_wait(&s->told, s->patience, &e) == 0)
		;
	s->has_domains = true;
}

/* One at a time, in the order in which they came. */
static void wait_and_run(struct scan *s, struct job *j)
{
	if (j->request.job == SCAN_MESSAGE && !s->has_domains)
		wait_for_domains(s);
	while (s->busy)
		cond_wait_firm(&s->idle);
	s->busy = true;
	run_job(s, j);
	s->busy = false;
	cond_wake_one(&s->idle);
	if (j->request.job == SCAN_USE && j->request.use == SCAN_USE_DOMAINS)
		s->has_domains = true;
	if (s->has_domains)
		cond_wake_all(&s->told);
}

static void on_request(void *arg, struct link_request *r, slice request)
{
	struct scan *s = ((struct peer *)arg)->scan;
	struct job j = {.scan = s, .fd = link_request_take_file(r), .reply = BUF(SCAN_WIRE_MAX)};
	AUTO(fd) __attribute__((unused)) int fd = j.fd;
	AUTO(arena) struct arena a = {0};
	s->asked++;
	if (decode(request, &a, &j))
		wait_and_run(s, &j);
	else
		err_set(&j.e, ERR_PROTO, "malformed request");
	if (j.e.kind == ERR_NONE)
		link_reply(r, buf_slice(&j.reply));
	else
		link_refuse(r, &j.e);
	buf_done(&j.reply);
	s->asked--;
	cond_wake_all(&s->answered);
}

/* ---- the role ---- */

/* Whatever libraries load or set up once, while that is still allowed. */
static struct scan *prepare(struct role_env *env)
{
	struct scan *s = NEW(struct scan);
	env->self = s;
	s->env = env;
	cond_init(&s->idle);
	cond_init(&s->told);
	cond_init(&s->answered);
	list_init(&s->peers);
	charset_warm_up();
	url_warm_up();
	xmlInitParser();
	return s;
}

static int scan_prepare(struct role_env *env, struct err *e)
{
	struct scan *s = prepare(env);
	s->examiner = content_examiner_new();
	/* At the server's start a mistake in the rules shall not stop mail; a reload is refused. */
	AUTO(fd) int rules = proc_start_take(&env->start, "rules");
	AUTO(fd) int model = proc_start_take(&env->start, "model");
	AUTO(fd) int yara = proc_start_take(&env->start, "yara");
	const struct scan_given given = {rules, model, yara};
	return scan_tools_open(&env->config, &given, env->start.generation > 0, &s->tools, e);
}

static int scan_open(struct role_env *env, struct err *e)
{
	struct scan *s = env->self;
	(void)e;
	s->patience = instant_in(PATIENCE);
	return 0;
}

/* Its place is used again: requests that are still under work know it. */
static void on_closed(void *arg)
{
	((struct peer *)arg)->server = NULL;
}

static struct peer *free_peer(struct scan *s)
{
	list_each(n, &s->peers) {
		struct peer *p = list_entry(n, struct peer, node);
		if (!p->server)
			return p;
	}
	struct peer *p = NEW(struct peer);
	p->scan = s;
	list_append(&s->peers, &p->node);
	return p;
}

static void scan_link(void *arg, const char *role, unsigned instance, int fd)
{
	struct role_env *env = arg;
	struct peer *p = free_peer(env->self);
	const struct link_service service = {NULL, on_request, on_closed, p};
	(void)instance;
	p->server = link_serve(role, fd, &service);
}

/* What was asked is answered; a successor takes the rest. */
static void scan_stop(void *arg, enum proc_stop how, instant deadline)
{
	struct scan *s = ((struct role_env *)arg)->self;
	struct err e;
	(void)how;
	list_each(n, &s->peers) {
		struct peer *p = list_entry(n, struct peer, node);
		if (p->server)
			link_server_close(p->server);
	}
	co_yield();
	while (s->asked > 0)
		if (cond_wait(&s->answered, deadline, &e) < 0)
			break;
	loop_stop();
}

static void scan_close(struct role_env *env)
{
	struct scan *s = env->self;
	for (struct list *n; (n = list_shift(&s->peers));)
		free(list_entry(n, struct peer, node));
	content_examiner_free(s->examiner);
	scan_tools_close(s->tools);
	arena_done(&s->mem);
	free(s);
}

/* A changed configuration: the master starts others, which read it whole. */
const struct role scan_role = {
	.name = "scan",
	.prepare = scan_prepare,
	.open = scan_open,
	.orders = {.stop = scan_stop, .link = scan_link},
	.close = scan_close,
};

/* ---- the role `texts`: the same for SCAN_TEXT alone, behind all others ---- */

enum { TEXTS_NICE = 10 };

/* It judges nothing, so it needs neither rules nor models; whoever waits for it has mail already. */
static int texts_prepare(struct role_env *env, struct err *e)
{
	(void)e;
	prepare(env);
	if (setpriority(PRIO_PROCESS, 0, TEXTS_NICE) < 0)
		log_warn(NULL, "texts.nice");
	return 0;
}

const struct role texts_role = {
	.name = "texts",
	.prepare = texts_prepare,
	.open = scan_open,
	.orders = {.stop = scan_stop, .link = scan_link},
	.close = scan_close,
};
