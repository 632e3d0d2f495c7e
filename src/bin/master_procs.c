/*
 * The master's processes: a slot for each, started again with growing pauses when it crashes, and
 * the links between them: whoever starts gets fresh links to its neighbours, and they to it.
 */
#include "bin/master.h"

#include "base/mem.h"
#include "mail/search_conf.h"
#include "base/must.h"
#include "bin/census.h"
#include "bin/role.h"
#include "run/link.h"
#include "run/log.h"
#include "run/metrics.h"
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

METRIC_COUNTER(crashes_edge, "posthouse_process_crashes_total", "role=\"edge\"",
	"Processes that ended unasked.");
METRIC_COUNTER(crashes_queue, "posthouse_process_crashes_total", "role=\"queue\"",
	"Processes that ended unasked.");
METRIC_COUNTER(crashes_keeper, "posthouse_process_crashes_total", "role=\"keeper\"",
	"Processes that ended unasked.");
METRIC_COUNTER(crashes_backup, "posthouse_process_crashes_total", "role=\"backup\"",
	"Processes that ended unasked.");
METRIC_COUNTER(crashes_identity, "posthouse_process_crashes_total", "role=\"identity\"",
	"Processes that ended unexpectedly.");
METRIC_COUNTER(crashes_auth, "posthouse_process_crashes_total", "role=\"auth\"",
	"Processes that ended unasked.");
METRIC_COUNTER(crashes_scan, "posthouse_process_crashes_total", "role=\"scan\"",
	"Processes that ended unasked.");
METRIC_COUNTER(crashes_features, "posthouse_process_crashes_total", "role=\"features\"",
	"Processes that ended unasked.");
METRIC_COUNTER(crashes_texts, "posthouse_process_crashes_total", "role=\"texts\"",
	"Processes that ended unasked.");
METRIC_COUNTER(crashes_collect, "posthouse_process_crashes_total", "role=\"collect\"",
	"Processes that ended unasked.");
METRIC_COUNTER(crashes_indexer, "posthouse_process_crashes_total", "role=\"indexer\"",
	"Processes that ended unasked.");
METRIC_COUNTER(crashes_learn, "posthouse_process_crashes_total", "role=\"learn\"",
	"Processes that ended unasked.");
METRIC_COUNTER(crashes_engine, "posthouse_process_crashes_total", "role=\"engine\"",
	"Processes that ended unasked.");
METRIC_COUNTER(crashes_web, "posthouse_process_crashes_total", "role=\"web\"",
	"Processes that ended unasked.");
METRIC_COUNTER(crashes_access, "posthouse_process_crashes_total", "role=\"access\"",
	"Processes that ended unasked.");
METRIC_COUNTER(crashes_keys, "posthouse_process_crashes_total", "role=\"keys\"",
	"Processes that ended unasked.");

static void slot_init(struct master *m, struct slot *s, const char *role, unsigned instance)
{
	*s = (struct slot){.master = m, .role = role, .instance = instance};
}

void slots_init(struct master *m)
{
	slot_init(m, &m->prepare, "prepare", 0);
	slot_init(m, &m->queue, "queue", 0);
	slot_init(m, &m->auth, "auth", 0);
	slot_init(m, &m->identity, "identity", 0);
	slot_init(m, &m->keys, "keys", 0);
	slot_init(m, &m->keeper, "keeper", 0);
	slot_init(m, &m->backup, "backup", 0);
	slot_init(m, &m->learn, "learn", 0);
	slot_init(m, &m->feature, "features", 0);
	slot_init(m, &m->texts, "texts", 0);
	slot_init(m, &m->indexer, "indexer", 0);
	slot_init(m, &m->collect, "collect", 0);
	slot_init(m, &m->engines[0], "engine", 0);
	slot_init(m, &m->engines[1], "engine", 1);
	m->prepare.once = true;
	for (unsigned i = 0; i < SCAN_PLACES; i++)
		slot_init(m, &m->scans[i], "scan", i);
	for (unsigned i = 0; i < MASTER_EDGES_MAX; i++)
		slot_init(m, &m->edges[i], "edge", i);
	for (unsigned i = 0; i < MASTER_ACCESS_MAX; i++)
		slot_init(m, &m->access[i], "access", i);
	for (unsigned i = 0; i < MASTER_WEBS_MAX; i++)
		slot_init(m, &m->webs[i], "web", i);
}

static bool is_edge(const struct slot *s)
{
	return s >= s->master->edges && s < s->master->edges + MASTER_EDGES_MAX;
}

static bool is_scan(const struct slot *s)
{
	return s >= s->master->scans && s < s->master->scans + SCAN_PLACES;
}

static bool is_web(const struct slot *s)
{
	return s >= s->master->webs && s < s->master->webs + MASTER_WEBS_MAX;
}

static bool is_access(const struct slot *s)
{
	return s >= s->master->access && s < s->master->access + MASTER_ACCESS_MAX;
}

static bool is_engine(const struct slot *s)
{
	return s == &s->master->engines[0] || s == &s->master->engines[1];
}

bool slot_ready(const struct slot *s)
{
	return s->proc && proc_is_ready(s->proc);
}

struct slot *edge_slot_free(struct master *m)
{
	for (unsigned i = 0; i < MASTER_EDGES_MAX; i++)
		if (!m->edges[i].proc && !m->edges[i].wanted)
			return &m->edges[i];
	return NULL;
}

struct slot *scan_slot_free(struct master *m)
{
	for (unsigned i = 0; i < SCAN_INSTANCES_MAX; i++)
		if (!m->scans[i].proc && !m->scans[i].wanted)
			return &m->scans[i];
	return NULL;
}

struct slot *web_slot_free(struct master *m)
{
	for (unsigned i = 0; i < MASTER_WEBS_MAX; i++)
		if (!m->webs[i].proc && !m->webs[i].wanted)
			return &m->webs[i];
	return NULL;
}

struct slot *access_slot_free(struct master *m)
{
	for (unsigned i = 0; i < MASTER_ACCESS_MAX; i++)
		if (!m->access[i].proc && !m->access[i].wanted)
			return &m->access[i];
	return NULL;
}

bool search_wanted(const struct config *c)
{
	return ((const struct search_conf *)conf_get(c->conf, &search_section))->enabled;
}

/* With two of them one that dies delays nobody. */
unsigned scans_wanted(const struct config *c)
{
	unsigned wanted = (unsigned)c->scan->processes, most = SCAN_PROCESSES_MAX;
	if (wanted)
		return wanted;
	return c->edges < 2 ? 2 : c->edges < most ? c->edges : most;
}

/* ---- links ---- */

/* Gives both a fresh link; the asking one replaces its former link to that role. */
static void connect_slots(struct slot *asks, struct slot *serves)
{
	struct err e;
	int ends[2];
	if (!asks->proc || !serves->proc)
		return;
	/* One that a reload has brought is not served by the rules of before. */
	if (is_scan(serves) && (is_edge(asks) || is_web(asks)) &&
		proc_generation(serves->proc) < proc_generation(asks->proc))
		return;
	if (is_engine(serves) && serves->master->swapping &&
		proc_generation(asks->proc) < proc_generation(serves->proc))
		return;
	if (link_pair(ends, &e) < 0) {
		log_error(NULL, "link.failed", F("from", asks->role), F("to", serves->role),
			F("error", &e));
		return;
	}
	AUTO(fd) int a = ends[0];
	AUTO(fd) int b = ends[1];
	if (proc_order_link(serves->proc, asks->role, asks->instance, b))
		proc_order_link(asks->proc, serves->role, serves->instance, a);
}

void engine_connect_all(struct master *m)
{
	struct slot *engine = &m->engines[m->engine_at];
	connect_slots(&m->keeper, engine);
	for (unsigned i = 0; i < MASTER_EDGES_MAX; i++)
		connect_slots(&m->edges[i], engine);
	for (unsigned i = 0; i < MASTER_ACCESS_MAX; i++)
		connect_slots(&m->access[i], engine);
}

/* Who asks whom: the only ways between processes. */
static void connect_neighbours(struct slot *s)
{
	struct master *m = s->master;
	if (is_edge(s)) {
		connect_slots(s, &m->queue);
		connect_slots(s, &m->auth);
		connect_slots(s, &m->keys);
		connect_slots(s, &m->learn);
		connect_slots(s, &m->feature);
		connect_slots(s, &m->engines[m->engine_at]);
	}
	if (is_web(s)) {
		connect_slots(s, &m->queue);
		connect_slots(s, &m->auth);
		connect_slots(s, &m->keys);
		connect_slots(s, &m->learn);
	}
	if (is_access(s)) {
		connect_slots(s, &m->auth);
		connect_slots(s, &m->texts);
		connect_slots(s, &m->engines[m->engine_at]);
	}
	if (s == &m->auth || s == &m->identity)
		connect_slots(&m->auth, &m->identity);
	if (s == &m->texts || s == &m->indexer)
		connect_slots(&m->indexer, &m->texts);
	if (s == &m->keeper)
		connect_slots(s, &m->engines[m->engine_at]);
	if (s == &m->engines[m->engine_at])
		engine_connect_all(m);
	if (s == &m->queue || s == &m->keys)
		connect_slots(&m->queue, &m->keys);
	if (s == &m->queue || s == &m->learn)
		connect_slots(&m->queue, &m->learn);
	if (is_scan(s)) {
		connect_slots(&m->queue, s);
		connect_slots(&m->learn, s);
		connect_slots(&m->feature, s);
	}
	if (s == &m->feature)
		master_features_link(m);
	bool asks_scans =
		s == &m->queue || s == &m->learn || s == &m->feature || is_edge(s) || is_web(s);
	for (unsigned i = 0; i < SCAN_PLACES && asks_scans; i++)
		connect_slots(s, &m->scans[i]);
	bool serves_edges = s == &m->queue || s == &m->auth || s == &m->keys || s == &m->learn ||
			    s == &m->feature || is_scan(s);
	for (unsigned i = 0; i < MASTER_EDGES_MAX && serves_edges; i++)
		connect_slots(&m->edges[i], s);
	for (unsigned i = 0; i < MASTER_WEBS_MAX && serves_edges; i++)
		connect_slots(&m->webs[i], s);
	bool serves_access = s == &m->auth || s == &m->texts;
	for (unsigned i = 0; i < MASTER_ACCESS_MAX && serves_access; i++)
		connect_slots(&m->access[i], s);
}

/* ---- life ---- */

static void start_again(void *arg)
{
	struct slot *s = arg;
	if (s->wanted && !s->proc)
		slot_start(s);
}

struct restart {
	struct slot *slot;
	instant at;
};

static void restart_run(void *arg)
{
	AUTO(free) struct restart *r = arg;
	struct err e;
	if (co_sleep(r->at, &e) == 0)
		start_again(r->slot);
}

/* A scan process that has served dies of mail: whoever sends such mail shall not make the others
 * wait. */
#define SCAN_RESTART (200 * MSEC)

/* served: it had been ready. */
static void restart_later(struct slot *s, int64_t lived, bool served)
{
	struct restart *r = NEW(struct restart);
	int64_t wait = proc_backoff_next(&s->backoff, lived);
	if ((is_scan(s) || s == &s->master->texts) && served && wait > SCAN_RESTART)
		wait = SCAN_RESTART;
	*r = (struct restart){s, instant_in(wait)};
	log_warn(NULL, "process.restart", F("role", s->role), F("instance", s->instance),
		F("crashes", s->backoff.crashes), F_USEC("after", wait));
	co_go("master.restart", restart_run, r);
}

static void count_crash(const struct slot *s)
{
	if (s == &s->master->queue)
		metric_add(&crashes_queue, 1);
	else if (s == &s->master->auth)
		metric_add(&crashes_auth, 1);
	else if (s == &s->master->identity)
		metric_add(&crashes_identity, 1);
	else if (s == &s->master->keys)
		metric_add(&crashes_keys, 1);
	else if (is_scan(s))
		metric_add(&crashes_scan, 1);
	else if (s == &s->master->texts)
		metric_add(&crashes_texts, 1);
	else if (s == &s->master->indexer)
		metric_add(&crashes_indexer, 1);
	else if (s == &s->master->collect)
		metric_add(&crashes_collect, 1);
	else if (s == &s->master->learn)
		metric_add(&crashes_learn, 1);
	else if (s == &s->master->feature)
		metric_add(&crashes_features, 1);
	else if (is_engine(s))
		metric_add(&crashes_engine, 1);
	else if (s == &s->master->keeper)
		metric_add(&crashes_keeper, 1);
	else if (s == &s->master->backup)
		metric_add(&crashes_backup, 1);
	else if (is_web(s))
		metric_add(&crashes_web, 1);
	else if (is_access(s))
		metric_add(&crashes_access, 1);
	else if (is_edge(s))
		metric_add(&crashes_edge, 1);
}

static void on_ready(void *arg, struct proc *p)
{
	struct slot *s = arg;
	log_info(NULL, "process.ready", F("role", s->role), F("instance", s->instance),
		F("pid", proc_pid(p)), F_USEC("took", instant_now() - proc_started_at(p)));
	cond_wake_all(&s->master->changed);
}

static void on_ended(void *arg, struct proc *p, int status)
{
	struct slot *s = arg;
	char text[64];
	proc_status_print(status, text);
	bool dropped = !s->once && !s->wanted && !proc_is_ready(p) && WIFSIGNALED(status);
	bool expected = dropped || ((s->once || !s->wanted) && status == 0);
	s->failed = status != 0 || (!s->once && !proc_is_ready(p));
	s->status = status;
	s->proc = NULL;
	if (expected) {
		log_info(NULL, "process.ended", F("role", s->role), F("instance", s->instance));
	} else {
		log_error(NULL, "process.crashed", F("role", s->role), F("instance", s->instance),
			F("status", text), F_USEC("lived", instant_now() - proc_started_at(p)));
		count_crash(s);
	}
	if (s->once)
		s->wanted = false;
	if (s->wanted)
		restart_later(s, instant_now() - proc_started_at(p), proc_is_ready(p));
	if (is_edge(s))
		census_wipe(s->master->census_table, s->instance);
	if (is_access(s)) {
		census_wipe(s->master->access_census_table, s->instance);
		census_wipe(s->master->access_accounts_table, s->instance);
	}
	cond_wake_all(&s->master->changed);
}

static void give(struct proc_spec *spec, struct proc_fd *fds, const char *name, int fd)
{
	snprintf(fds[spec->nfds].name, PROC_NAME_MAX, "%s", name);
	fds[spec->nfds++].fd = fd;
}

/* What a scan process judges by. */
static void give_files(const struct slot *s, struct proc_spec *spec, struct proc_fd *fds)
{
	const struct master *m = s->master;
	bool trial = s == &m->scans[SCAN_TRIAL];
	const struct master_given *g = trial ? &m->trial_given : &m->given;
	const struct {
		const char *name;
		int fd;
	} files[] = {{"rules", g->rules}, {"model", g->model}, {"yara", g->yara}};
	for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
		if (files[i].fd < 0)
			continue;
		give(spec, fds, files[i].name, files[i].fd);
	}
}

void slot_start(struct slot *s)
{
	struct master *m = s->master;
	AUTO(free) struct proc_fd *fds = mem_alloc(sizeof *fds * PROC_FDS_MAX);
	const struct proc_events events = {on_ready, on_ended, s};
	struct err e;
	must(!s->proc);
	s->wanted = true;
	s->failed = false;
	struct proc_spec spec = {
		.role = s->role,
		.instance = s->instance,
		.generation = m->generation,
		.config_path = m->config.path,
		.config_text = buf_slice(&m->text),
		.fds = fds,
	};
	if (is_edge(s)) {
		spec.nfds = listen_fds(m, &m->config, fds, MASTER_SOCKETS_MAX);
		give(&spec, fds, "census", m->census);
		give(&spec, fds, "tickets", m->tickets);
		give(&spec, fds, "rates", m->rates);
	}
	if (is_access(s)) {
		spec.nfds = listen_access_fds(m, &m->config, fds, MASTER_SOCKETS_MAX);
		give(&spec, fds, "census", m->access_census);
		give(&spec, fds, "accounts", m->access_accounts);
		give(&spec, fds, "tickets", m->tickets);
	}
	if (is_web(s)) {
		spec.nfds = listen_web_fds(m, &m->config, fds, MASTER_SOCKETS_MAX);
		give(&spec, fds, "tickets", m->tickets);
		give(&spec, fds, "rates", m->rates);
	}
	if (is_scan(s))
		give_files(s, &spec, fds);
	if (m->unlocked >= 0 && role_opens_store(s->role))
		give(&spec, fds, "unlocked", m->unlocked);
	if (proc_spawn(&spec, &events, &s->proc, &e) < 0) {
		log_error(NULL, "process.start", F("role", s->role), F("error", &e));
		s->failed = true;
		if (!s->once)
			restart_later(s, 0, false);
		return;
	}
	connect_neighbours(s);
}

void slot_retire(struct slot *s, enum proc_stop how, int64_t within)
{
	s->wanted = false;
	if (s->proc && !proc_order_stop(s->proc, how, within))
		proc_kill(s->proc, SIGKILL);
}

/* ---- waiting ---- */

int slots_wait_ready(
	struct master *m, struct slot *const *v, size_t n, int64_t within, struct err *e)
{
	instant deadline = instant_in(within);
	for (size_t i = 0; i < n;) {
		if (slot_ready(v[i])) {
			i++;
			continue;
		}
		if (v[i]->failed)
			return err_set(e, ERR_PERM, "process %s %u could not start (see the log)",
				v[i]->role, v[i]->instance);
		if (m->stop_wanted)
			return err_set(e, ERR_CLOSED, "stopped");
		if (cond_wait(&m->changed, deadline, e) < 0)
			return err_wrap(e, "waiting for process %s %u", v[i]->role, v[i]->instance);
	}
	return 0;
}

bool slot_wait_ended(struct slot *s, instant deadline)
{
	struct err e;
	while (s->proc)
		if (s->master->force_wanted || cond_wait(&s->master->changed, deadline, &e) < 0)
			return false;
	return true;
}

bool edges_wait_ended(struct master *m, instant deadline)
{
	for (unsigned i = 0; i < MASTER_EDGES_MAX; i++)
		if (!slot_wait_ended(&m->edges[i], deadline))
			return false;
	return true;
}

/* ---- what the control socket tells ---- */

static void print_slot(const struct slot *s, struct buf *out)
{
	if (!s->proc && !s->wanted)
		return;
	if (!s->proc) {
		buf_printf(out, "%s %u crashed waiting=restart crashes=%u\n", s->role, s->instance,
			s->backoff.crashes);
		return;
	}
	const char *state = !slot_ready(s) ? "starting" : s->wanted ? "ready" : "draining";
	buf_printf(out, "%s %u %s pid=%d generation=%u crashes=%u up=%llds %s\n", s->role,
		s->instance, state, (int)proc_pid(s->proc), proc_generation(s->proc),
		s->backoff.crashes,
		(long long)((instant_now() - proc_started_at(s->proc)) / SECOND),
		proc_about(s->proc));
}

void master_status(struct master *m, struct buf *out)
{
	buf_printf(out, "master 0 ready pid=%d generation=%u\n", (int)getpid(), m->generation);
	print_slot(&m->queue, out);
	print_slot(&m->auth, out);
	print_slot(&m->identity, out);
	print_slot(&m->keys, out);
	for (unsigned i = 0; i < SCAN_PLACES; i++)
		print_slot(&m->scans[i], out);
	print_slot(&m->learn, out);
	print_slot(&m->feature, out);
	print_slot(&m->texts, out);
	print_slot(&m->indexer, out);
	print_slot(&m->collect, out);
	print_slot(&m->engines[0], out);
	print_slot(&m->engines[1], out);
	print_slot(&m->keeper, out);
	print_slot(&m->backup, out);
	for (unsigned i = 0; i < MASTER_EDGES_MAX; i++)
		print_slot(&m->edges[i], out);
	for (unsigned i = 0; i < MASTER_ACCESS_MAX; i++)
		print_slot(&m->access[i], out);
	for (unsigned i = 0; i < MASTER_WEBS_MAX; i++)
		print_slot(&m->webs[i], out);
}
