/*
 * The features process (features.h, features_role.h): looks for newer packs, has them read by a scan process, tries
 * them and takes them into force, and makes true what they bring beside rules and models. It reaches the network (the
 * source) and writes DATA/features; it parses nothing of a pack before its signature was verified. Killing it at any
 * point is safe.
 */
#include "bin/features_role.h"

#include "base/mem.h"
#include "defence/fingerprint.h"
#include "run/dns.h"
#include "run/io.h"
#include "run/link.h"
#include "run/log.h"
#include "run/loop.h"
#include "run/net.h"
#include "run/pool.h"
#include <jansson.h>
#include <unistd.h>

enum { LOOK_EVERY = 1 /* seconds */ };
#define SORRY (MINUTE) /* after a failure of what is local */

/* ---- what packs bring ---- */

static void tell_clamd(const struct features *f)
{
	struct net_addr where;
	struct err e;
	AUTO(io) struct io *io = NULL;
	if (net_parse(f->conf->clamd, 3310, &where, &e) == 0 &&
		net_connect(&where, NULL, instant_in(5 * SECOND), &io, &e) == 0 &&
		io_write(io, slice_of("zRELOAD", 8), &e) == 0 && io_flush(io, &e) == 0)
		return;
	log_warn(NULL, "features.clamd", F("address", f->conf->clamd), F("error", &e));
}

/* False: it failed. */
static bool apply(struct features *f)
{
	struct features_work w = {.data = f->data,
		.clamav = f->conf->clamav,
		.directory = f->directory,
		.prints = f->prints};
	pool_call(features_apply, &w);
	arena_done(&w.mem);
	if (w.result < 0)
		log_error(NULL, "features.apply", F("error", &w.e));
	if (w.result == 0 && w.signatures_changed && f->conf->clamd.n)
		tell_clamd(f);
	return w.result == 0;
}

/* What is in force on disk is in force in the scan processes, too: whoever changed it may have been killed between. */
struct current {
	slice data;
	struct buf order;
	int result;
	struct err e;
};

static void read_current(void *arg)
{
	struct current *c = arg;
	struct feature_set set;
	AUTO(fd) int lock = -1;
	c->result = feature_depot_lock(c->data, &lock, &c->e) < 0
			    ? -1
			    : feature_current_read(c->data, &set, &c->e);
	if (c->result < 0)
		return;
	buf_put(&c->order, S("use "));
	feature_set_print(&set, &c->order);
}

static bool assert_current(struct features *f)
{
	AUTO(arena) struct arena a = {0};
	struct current c = {.data = f->data, .order = BUF(2000)};
	slice nothing;
	struct err e;
	pool_call(read_current, &c);
	if (c.result == 0)
		c.result = link_call(
			f->master, buf_slice(&c.order), instant_in(2 * MINUTE), &a, &nothing, &e);
	else
		e = c.e;
	buf_done(&c.order);
	if (c.result < 0)
		log_error(NULL, "features.current", F("error", &e));
	return c.result == 0;
}

static void run(void *arg)
{
	struct features *f = arg;
	instant sorry_until = 0;
	struct err e;
	do {
		if (instant_now() >= sorry_until && (!assert_current(f) || !apply(f)))
			sorry_until = instant_in(SORRY);
		features_try(f);
		if (f->conf->source.n && (f->look_now || instant_now() >= f->next_look))
			features_look(f);
	} while (!f->stopping && (cond_wait(&f->told, instant_in(LOOK_EVERY * SECOND), &e) == 0 ||
					 e.kind == ERR_TIMEOUT));
}

/* ---- the role ---- */

static void take_config(struct features *f)
{
	f->conf = conf_get(f->env->config.conf, &features_section);
}

static int features_prepare(struct role_env *env, struct err *e)
{
	struct features *f = NEW(struct features);
	(void)e;
	env->self = f;
	f->env = env;
	f->data = arena_dup(&f->mem, env->config.server->data);
	take_config(f);
	f->master = link_new("master");
	f->examples = json_array();
	cond_init(&f->told);
	group_init(&f->workers);
	return 0;
}

static int features_open(struct role_env *env, struct err *e)
{
	struct features *f = env->self;
	if (feature_depot_make(f->data, e) < 0 ||
		sql_open(f->data, "directory", &f->directory, e) < 0 ||
		sql_open(f->data, "queue", &f->queue, e) < 0 ||
		dns_open(env->config.dns, &f->dns, e) < 0)
		return -1;
	f->kv = kv_open(f->data, (uint64_t)env->config.kv->size);
	f->prints = fingerprints_open(f->kv, conf_get(env->config.conf, &fingerprints_section));
	group_go(&f->workers, "features.run", run, f);
	f->open = true;
	return 0;
}

static void on_message(void *arg, slice message)
{
	features_try_count(arg, message);
}

static void scan_linked(struct features *f, unsigned instance, int fd)
{
	if (instance >= SCAN_INSTANCES_MAX) { /* the one of the trial */
		close(fd);
		return;
	}
	if (!f->scans[instance])
		f->scans[instance] = link_new("scan");
	link_attach(f->scans[instance], fd);
}

static void features_link(void *arg, const char *role, unsigned instance, int fd)
{
	struct features *f = ((struct role_env *)arg)->self;
	const struct link_service service = {on_message, NULL, NULL, f};
	if (strcmp(role, "master") == 0)
		link_attach(f->master, fd);
	else if (strcmp(role, "scan") == 0)
		scan_linked(f, instance, fd);
	else
		link_serve(role, fd, &service);
}

static void features_wake(void *arg)
{
	struct features *f = ((struct role_env *)arg)->self;
	f->look_now = true;
	cond_wake_all(&f->told);
}

static void features_stop(void *arg, enum proc_stop how, instant deadline)
{
	struct features *f = ((struct role_env *)arg)->self;
	(void)how, (void)deadline;
	f->stopping = true;
	group_cancel(&f->workers);
	group_join(&f->workers);
	loop_stop();
}

static void features_reload(void *arg, slice path, slice text)
{
	struct features *f = ((struct role_env *)arg)->self;
	struct config fresh, was = f->env->config;
	struct err e;
	if (config_parse(text, path, &fresh, &e) < 0) {
		log_error(NULL, "features.reload", F("error", &e));
		return;
	}
	/* Whoever works with the former one is asked to end first. */
	group_cancel(&f->workers);
	group_join(&f->workers);
	f->env->config = fresh;
	take_config(f);
	config_done(&was);
	log_set_level((enum log_level)fresh.log->level);
	f->next_look = 0;
	group_init(&f->workers);
	if (f->open && !f->stopping)
		group_go(&f->workers, "features.run", run, f);
}

static void features_close(struct role_env *env)
{
	struct features *f = env->self;
	for (unsigned i = 0; i < SCAN_INSTANCES_MAX; i++)
		link_free(f->scans[i]);
	link_free(f->master);
	fingerprints_close(f->prints);
	kv_close(f->kv);
	sql_close(f->directory);
	sql_close(f->queue);
	dns_close(f->dns);
	json_decref(f->examples);
	free((void *)(uintptr_t)f->etag.p);
	arena_done(&f->mem);
	free(f);
}

const struct role features_role = {
	.name = "features",
	.prepare = features_prepare,
	.open = features_open,
	.orders = {.stop = features_stop,
		.link = features_link,
		.reload = features_reload,
		.wake = features_wake},
	.close = features_close,
};
