/*
 * `posthouse serve`: the master. Reads the configuration, makes directories, binds the ports,
 * starts and watches all other processes, obeys signals and the control socket:
 *
 *	TERM, INT	stop: no new connections, finish what is half done; a second one: at once
 *	HUP		reload the configuration
 *
 * It parses nothing that comes from the network and opens no database.
 */
#include "bin/master.h"

#include "base/mem.h"
#include "base/rand.h"
#include "bin/access.h"
#include "bin/backup_role.h"
#include "bin/census.h"
#include "bin/engines.h"
#include "bin/filter_conf.h"
#include "bin/identity_conf.h"
#include "bin/unlock.h"
#include "bin/user.h"
#include "bin/web.h"
#include "defence/rate.h"
#include "run/control.h"
#include "run/log.h"
#include "run/loop.h"
#include "run/metrics.h"
#include "run/pool.h"
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sysexits.h>
#include <unistd.h>

enum { PORTS_WAIT = 5 * SECOND };

/* ---- before anything runs ---- */

static void raise_file_limit(void)
{
	struct rlimit r;
	if (getrlimit(RLIMIT_NOFILE, &r) < 0)
		return;
	/* As root the hard limit, too: edges want many connections. */
	struct rlimit more = {1 << 17, 1 << 17};
	if (r.rlim_max < more.rlim_max && setrlimit(RLIMIT_NOFILE, &more) == 0)
		return;
	r.rlim_cur = r.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &r) < 0)
		log_warn(NULL, "server.files", F("limit", r.rlim_max));
}

/* 32 random bytes in memory, read by every edge: a client resumes its TLS session with any of them.
 */
static int make_tickets(int *ret_fd, struct err *e)
{
	char secret[32];
	AUTO(fd) int fd = memfd_create("posthouse.tickets", MFD_CLOEXEC);
	rand_bytes(secret, sizeof secret);
	if (fd < 0 || write(fd, secret, sizeof secret) != sizeof secret)
		return err_sys(e, errno, "tickets");
	*ret_fd = take_fd(&fd);
	return 0;
}

/* The children of a master that was killed may hold its ports for a moment: they finish their last
 * sync before they die. */
static int listen_patiently(struct master *m, const struct config *c, struct err *e)
{
	instant until = instant_in(PORTS_WAIT);
	int r;
	while ((r = listen_add(m, c, e)) < 0 && e->kind == ERR_EXISTS && instant_now() < until)
		usleep(50 * MSEC);
	return r;
}

/* Tables that nobody uses take no memory. */
static int open_access(struct master *m, struct err *e)
{
	if (census_create(&m->access_census, e) < 0 || census_create(&m->access_accounts, e) < 0)
		return -1;
	if (census_open(m->access_census, CENSUS_REGIONS, &m->access_census_table, e) < 0)
		return -1;
	return census_open(m->access_accounts, CENSUS_REGIONS, &m->access_accounts_table, e);
}

static int open_all(struct master *m, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	const struct config *c = &m->config;
	raise_file_limit();
	if (user_make_dirs(c, e) < 0 || control_listen(c->server->run, &m->control, e) < 0)
		return -1;
	slice metrics = arena_printf(&a, "%.*s/metrics", SFMT(c->server->run));
	if (metrics_open(metrics, S("master"), 0, e) < 0 || census_create(&m->census, e) < 0 ||
		census_open(m->census, CENSUS_REGIONS, &m->census_table, e) < 0 ||
		rates_create(&m->rates, e) < 0 || open_access(m, e) < 0)
		return -1;
	return make_tickets(&m->tickets, e) < 0 ? -1 : listen_patiently(m, c, e);
}

/* ---- orders from outside ---- */

static void on_stop(int signo, void *arg)
{
	struct master *m = arg;
	log_info(NULL, "server.signal", F("signal", signo), F("again", m->stop_wanted));
	m->force_wanted = m->stop_wanted;
	m->stop_wanted = true;
	cond_wake_all(&m->changed);
}

static void on_reload(int signo, void *arg)
{
	struct master *m = arg;
	(void)signo;
	m->reload_wanted = true;
	cond_wake_all(&m->changed);
}

static int command(void *arg, slice line, struct buf *reply, struct err *e)
{
	struct master *m = arg;
	if (slice_eq(line, S("reload")))
		return master_reload(m, reply, e);
	if (slice_eq(line, S("status"))) {
		master_status(m, reply);
		return 0;
	}
	if (slice_eq(line, S("wake"))) {
		if (!m->queue.proc || !proc_order_wake(m->queue.proc))
			return err_set(e, ERR_TEMP, "the queue process is not running");
		return 0;
	}
	if (slice_eq(line, S("wake-learn"))) {
		if (!m->learn.proc || !proc_order_wake(m->learn.proc))
			return err_set(e, ERR_TEMP, "the learn process is not running");
		return 0;
	}
	if (slice_eq(line, S("wake-collect"))) {
		if (!m->collect.proc || !proc_order_wake(m->collect.proc))
			return err_set(e, ERR_TEMP, "the collect process is not running");
		return 0;
	}
	if (slice_eq(line, S("wake-indexer"))) {
		if (!m->indexer.proc || !proc_order_wake(m->indexer.proc))
			return err_set(e, ERR_TEMP, "the indexer process is not running");
		return 0;
	}
	if (slice_eq(line, S("wake-keeper"))) {
		if (!m->keeper.proc || !proc_order_wake(m->keeper.proc))
			return err_set(e, ERR_TEMP, "the keeper process is not running");
		return 0;
	}
	if (slice_eq(line, S("wake-features"))) {
		if (!m->feature.proc || !proc_order_wake(m->feature.proc))
			return err_set(e, ERR_TEMP, "the features process is not running");
		return 0;
	}
	if (slice_starts(line, S("features-use "))) {
		struct feature_set set;
		if (!feature_set_parse(slice_skip(line, 13), &set))
			return err_set(e, ERR_PROTO, "not a set of versions");
		return master_features_use(m, &set, e);
	}
	if (slice_eq(line, S("stop"))) {
		m->stop_wanted = true;
		cond_wake_all(&m->changed);
		return 0;
	}
	return err_set(e, ERR_PROTO, "unknown command: %.*s", SFMT(line));
}

static void serve_control(void *arg)
{
	struct master *m = arg;
	control_serve(m->control, command, m);
}

static void feed_watchdog(void *arg)
{
	int64_t every = proc_watchdog_usec();
	struct err e;
	(void)arg;
	while (every > 0 && co_sleep(instant_in(every), &e) == 0)
		proc_notify("WATCHDOG=1");
}

/* ---- start, service, stop ---- */

static int start_prepare(struct master *m, struct err *e)
{
	slot_start(&m->prepare);
	/* A migration of a large database takes its time; a signal ends it between two steps. */
	while (m->prepare.proc && !m->force_wanted)
		if (cond_wait(&m->changed, INSTANT_NEVER, e) < 0)
			return -1;
	if (m->prepare.proc || m->prepare.failed)
		return err_set(e, ERR_PERM, "the store could not be prepared (see the log)");
	return 0;
}

static int start_all(struct master *m, struct err *e)
{
	struct slot *all[3 + SCAN_INSTANCES_MAX + MASTER_EDGES_MAX + MASTER_ACCESS_MAX] = {
		&m->auth, &m->keys, &m->queue};
	size_t n = 3;
	if (start_prepare(m, e) < 0)
		return -1;
	master_given_read(m);
	slot_start(&m->auth);
	slot_start(&m->keys);
	slot_start(&m->queue);
	slot_start(&m->keeper);
	if (backup_wanted(&m->config))
		slot_start(&m->backup);
	slot_start(&m->learn);
	slot_start(&m->feature);
	slot_start(&m->collect);
	if (search_wanted(&m->config)) {
		slot_start(&m->texts);
		slot_start(&m->indexer);
	}
	if (identity_wanted(&m->config))
		slot_start(
			&m->identity); /* nobody waits for it: who is known by others hears "try later" */
	if (engines_configured(m->config.conf))
		slot_start(&m->engines[0]);
	if (web_wanted(&m->config))
		slot_start(&m->webs[0]); /* mail does not wait for it */
	for (unsigned i = 0; i < scans_wanted(&m->config); i++) {
		all[n] = &m->scans[i];
		slot_start(all[n++]);
	}
	for (unsigned i = 0; i < m->config.edges; i++) {
		all[n] = &m->edges[i];
		slot_start(all[n++]);
	}
	for (unsigned i = 0; i < access_wanted(&m->config); i++) {
		all[n] = &m->access[i];
		slot_start(all[n++]);
	}
	return slots_wait_ready(m, all, n, MINUTE, e);
}

static void kill_rest(struct slot *s)
{
	if (s->proc) {
		log_warn(NULL, "process.killed", F("role", s->role), F("instance", s->instance));
		proc_kill(s->proc, SIGKILL);
	}
	s->wanted = false;
	slot_wait_ended(s, instant_in(5 * SECOND));
}

/* One that is still loading what it judges by hears no order before it has done so, and nobody has asked it
 * anything yet. */
static void retire_scan(struct slot *s, int64_t within)
{
	if (!s->proc || slot_ready(s)) {
		slot_retire(s, PROC_STOP_SOON, within);
		return;
	}
	s->wanted = false;
	proc_kill(s->proc, SIGKILL);
}

/* Edges first, so that what they still accept reaches a queue that runs. */
static void stop_all(struct master *m)
{
	int64_t within = m->config.server->stop_time;
	instant deadline = instant_in(within + 2 * SECOND);
	proc_notify("STOPPING=1");
	log_info(NULL, "server.stopping");
	slot_retire(&m->keeper, PROC_STOP_SOON, within);
	slot_retire(&m->backup, PROC_STOP_SOON, 2 * SECOND);
	slot_retire(&m->feature, PROC_STOP_SOON, within);
	slot_retire(&m->collect, PROC_STOP_SOON, within);
	slot_retire(&m->indexer, PROC_STOP_SOON, within);
	listen_close_all(m); /* with the edges' copies gone too, nobody connects in vain */
	for (unsigned i = 0; i < MASTER_EDGES_MAX; i++)
		slot_retire(&m->edges[i], PROC_STOP_SOON, within);
	for (unsigned i = 0; i < MASTER_ACCESS_MAX; i++)
		slot_retire(&m->access[i], PROC_STOP_SOON, within);
	for (unsigned i = 0; i < MASTER_WEBS_MAX; i++)
		slot_retire(&m->webs[i], PROC_STOP_SOON, within);
	edges_wait_ended(m, deadline);
	for (unsigned i = 0; i < MASTER_EDGES_MAX; i++)
		kill_rest(&m->edges[i]);
	for (unsigned i = 0; i < MASTER_ACCESS_MAX; i++) {
		slot_wait_ended(&m->access[i], deadline);
		kill_rest(&m->access[i]);
	}
	for (unsigned i = 0; i < MASTER_WEBS_MAX; i++) {
		slot_wait_ended(&m->webs[i], deadline);
		kill_rest(&m->webs[i]);
	}
	slot_retire(&m->queue, PROC_STOP_SOON, within);
	slot_retire(&m->auth, PROC_STOP_SOON, within);
	deadline = instant_in(within + 2 * SECOND);
	slot_wait_ended(&m->queue, deadline);
	slot_wait_ended(&m->auth, deadline);
	slot_retire(&m->identity, PROC_STOP_SOON, 2 * SECOND);
	slot_wait_ended(&m->identity, instant_in(2 * SECOND));
	kill_rest(&m->queue);
	kill_rest(&m->auth);
	kill_rest(&m->identity);
	slot_retire(&m->learn, PROC_STOP_SOON, within);
	slot_wait_ended(&m->learn, instant_in(2 * SECOND));
	kill_rest(&m->learn);
	slot_retire(&m->keys, PROC_STOP_SOON, within); /* the queue's last reports were signed */
	slot_wait_ended(&m->keys, instant_in(2 * SECOND));
	kill_rest(&m->keys);
	retire_scan(&m->texts, 2 * SECOND);
	for (unsigned i = 0; i < SCAN_PLACES; i++)
		retire_scan(&m->scans[i], 2 * SECOND); /* those who asked have ended */
	deadline = instant_in(4 * SECOND);
	for (unsigned i = 0; i < SCAN_PLACES; i++) {
		slot_wait_ended(&m->scans[i], deadline);
		kill_rest(&m->scans[i]);
	}
	for (unsigned i = 0; i < 2; i++)
		slot_retire(&m->engines[i], PROC_STOP_SOON, within);
	for (unsigned i = 0; i < 2; i++) {
		slot_wait_ended(&m->engines[i], instant_in(2 * SECOND));
		kill_rest(&m->engines[i]);
	}
	slot_wait_ended(&m->texts, deadline);
	kill_rest(&m->texts);
	kill_rest(&m->collect);
	kill_rest(&m->indexer);
	kill_rest(&m->keeper);
	kill_rest(&m->backup);
	kill_rest(&m->feature);
	kill_rest(&m->prepare);
}

static void serve(struct master *m)
{
	struct err e;
	proc_notify("READY=1");
	log_info(NULL, "server.ready", F("version", VERSION), F("hostname", m->config.hostname),
		F("edges", m->config.edges), F("sockets", m->nsockets));
	while (!m->stop_wanted) {
		if (m->reload_wanted) {
			AUTO(buf) struct buf report = BUF(CONTROL_REPLY_MAX);
			m->reload_wanted = false;
			master_reload(m, &report, &e);
			continue;
		}
		if (cond_wait(&m->changed, INSTANT_NEVER, &e) < 0)
			return;
	}
}

static void life(void *arg)
{
	struct master *m = arg;
	struct err e;
	co_go("master.watchdog", feed_watchdog, m);
	if (start_all(m, &e) == 0) {
		co_go("master.control", serve_control, m);
		serve(m);
	} else if (!m->stop_wanted) {
		log_error(NULL, "server.failed", F("error", &e));
		m->exit_status = 1;
	}
	stop_all(m);
	log_info(NULL, "server.stopped");
	loop_stop();
}

static int run(struct master *m)
{
	struct err e;
	log_init("master", 2, (enum log_level)m->config.log->level);
	loop_init();
	pool_init(1);
	cond_init(&m->changed);
	slots_init(m);
	/* Before anything is touched. Starting again would not help: the status is that of mistakes in the configuration. */
	if (unlock_for_children(&m->config, &m->unlocked, &e) < 0) {
		log_error(NULL, "server.failed", F("error", &e));
		return EX_CONFIG;
	}
	if (open_all(m, &e) < 0) {
		log_error(NULL, "server.failed", F("error", &e));
		if (m->control >= 0)
			control_remove(m->config.server->run);
		return 1;
	}
	loop_on_signal(SIGTERM, on_stop, m);
	loop_on_signal(SIGINT, on_stop, m);
	loop_on_signal(SIGHUP, on_reload, m);
	co_go("master", life, m);
	loop_run();
	control_remove(m->config.server->run);
	return m->exit_status;
}

int master_main(slice config_path, enum conf_lang lang)
{
	static struct master m = {.control = -1,
		.census = -1,
		.rates = -1,
		.unlocked = -1,
		.given = {-1, -1, -1},
		.trial_given = {-1, -1, -1},
		.text = BUF(PROC_CONFIG_MAX)};
	AUTO(arena) struct arena mem = {0};
	struct conf_errors errors;
	struct err e;
	m.config_path = config_path;
	if (config_load(config_path, lang, &m.config, &mem, &errors, &e) < 0) {
		for (size_t i = 0; i < errors.n; i++)
			fprintf(stderr, "%.*s\n", SFMT(errors.v[i]));
		if (errors.n == 0)
			fprintf(stderr, "%s\n", e.text);
		return EX_CONFIG;
	}
	config_text(&m.config, &m.text);
	if (!buf_ok(&m.text)) {
		fprintf(stderr, "the configuration is longer than %d bytes\n", PROC_CONFIG_MAX);
		return EX_CONFIG;
	}
	int status = run(&m);
	listen_close_all(&m);
	config_done(&m.config);
	buf_done(&m.text);
	return status;
}
