/*
 * The queue role (queue.h): opens the store, joins flow, settle and local delivery, carries out the
 * master's orders, and ends without losing a result: sessions finish what they are at, then
 * everything that was attempted is brought to disk.
 */
#include "bin/queue.h"

#include "base/mem.h"
#include "bin/keys_client.h"
#include "bin/queue_digest.h"
#include "bin/queue_lesson.h"
#include "bin/queue_letters.h"
#include "bin/queue_maillist.h"
#include "bin/queue_notice.h"
#include "bin/queue_reports.h"
#include "bin/queue_scripts.h"
#include "mail/report_conf.h"
#include "mail/sts.h"
#include "run/log.h"
#include "run/loop.h"
#include "run/metrics.h"
#include "store/report.h"
#include "training/conf.h"
#include "store/tlspolicy.h"

METRIC_GAUGE(in_memory, "posthouse_queue_window", "", "Groups in memory.");
METRIC_GAUGE(waiting, "posthouse_queue_window_waiting", "", "Of these waiting.");
METRIC_GAUGE(down, "posthouse_queue_destinations_down", "", "Destinations that cannot be reached.");
METRIC_GAUGE(letter_bytes, "posthouse_queue_window_bytes", "", "Memory of messages in the window.");

/* ---- what mail/ calls ---- */

static void on_settled(void *arg, void *token)
{
	struct queue_token *t = token;
	(void)arg;
	queue_feed_release(t->q, t->item, t->from_db);
	free(t);
}

static void on_made(void *arg, struct letter *l)
{
	queue_feed_letter(arg, l);
}

static void on_rerouted(void *arg)
{
	queue_feed_sweep(arg);
}

static void on_deferred(void *arg, int64_t next_at)
{
	queue_feed_due(arg, next_at);
}

static void on_local_done(void *arg, struct letter *l, const struct settle_rcpt *v, size_t n,
	const struct expansions *expansions, void *token)
{
	struct queue *q = arg;
	settle_group(q->settle, l, v, n, NULL, expansions, token);
}

static void on_hungry(void *arg)
{
	queue_feed_sweep(arg);
}

static void on_recovered(void *arg, slice dest, int64_t down_for)
{
	log_info(NULL, "queue.recovered", F("dest", dest), F_USEC("down", down_for));
	queue_feed_hasten(arg, dest);
}

/* Mailboxes and refusals take no connection: few sessions serve them. */
static void limits(void *arg, slice dest, unsigned *start, unsigned *most)
{
	enum route_kind kind;
	slice name;
	(void)arg;
	if (route_parse(dest, &kind, &name) && (kind == ROUTE_BACKEND || kind == ROUTE_SMTP))
		return;
	*start = *most = 4;
}

/* ---- opening ---- */

static int queue_prepare(struct role_env *env, struct err *e)
{
	struct queue *q = NEW(struct queue);
	env->self = q;
	q->env = env;
	q->keys_link = link_new("keys");
	q->learn_link = link_new("learn");
	q->report_in = queue_report_in_new();
	q->user_reports = queue_user_reports_new();
	q->scan = queue_scan_new();
	q->scripts = queue_scripts_new(q);
	list_init(&q->links);
	list_init(&q->loads);
	cond_init(&q->sweep_wake);
	cond_init(&q->sessions_changed);
	group_init(&q->sessions);
	group_init(&q->workers);
	/* Needs netlink: before the sandbox. */
	if (hosts_interfaces(&q->mem, &q->interfaces, &q->ninterfaces, e) < 0)
		return -1;
	struct config c;
	if (config_parse(buf_slice(&env->start.config), slice_z(env->start.config_path), &c, e) < 0)
		return -1;
	q->keys = keys_client_new(q->keys_link, c.signing->wait);
	if (queue_settings_new(q, &c, &q->settings, e) < 0)
		return -1;
	q->letters = queue_letters_new(q);
	q->notices = queue_notices_new(q->letters);
	return 0;
}

static int open_shards(struct queue *q, slice data, struct err *e)
{
	for (int i = 0; i < MAILBOX_SHARDS; i++) {
		if (sql_open(data, mailbox_db_name(i), &q->shard_db[i], e) < 0)
			return -1;
		q->shard_commit[i] = commit_new(q->shard_db[i], NULL);
	}
	return changes_open(data, &q->changes, e);
}

static int open_store(struct queue *q, struct err *e)
{
	slice data = q->settings->config.server->data;
	if (blobs_open(data, &q->blobs, e) < 0 || sql_open(data, "queue", &q->queue_db, e) < 0 ||
		sql_open(data, "trace", &q->trace_db, e) < 0 ||
		sql_open_read(data, "queue", &q->load_db, e) < 0 ||
		sql_open_read(data, "queue", &q->sweep_db, e) < 0 ||
		directory_open(data, &q->directory, e) < 0 || open_shards(q, data, e) < 0)
		return -1;
	q->queue_commit = commit_new(q->queue_db, q->blobs);
	q->trace_commit = commit_new(q->trace_db, NULL);
	commit_set_gather(q->trace_commit, QUEUE_GATHER_MS * MSEC);
	q->routes = route_lookup_directory(q->directory);
	q->routes.reports = &q->settings->config.reports->addresses;
	q->routes.spam = &q->settings->config.reports->spam;
	q->routes.ham = &q->settings->config.reports->ham;
	q->routes.honeypots = &q->settings->config.learning->honeypots;
	q->srs = keys_client_srs(q->keys, q->settings->config.srs, &q->mem);
	q->routes.srs = &q->srs;
	q->settings->forward.blobs = q->blobs;
	return 0;
}

static struct flow_config flow_of(const struct config *c)
{
	struct flow_config f = flow_defaults();
	f.window = (unsigned)c->queue->window;
	f.per_dest = f.window / 10;
	f.sessions = (unsigned)c->delivery->max_connections;
	f.start = (unsigned)c->delivery->per_destination_start;
	f.most = (unsigned)c->delivery->per_destination;
	return f;
}

static void make_flow(struct queue *q)
{
	q->flow_config = flow_of(&q->settings->config);
	const struct flow_ops ops = {
		.start = queue_session_start,
		.wake = queue_session_wake,
		.hungry = on_hungry,
		.recovered = on_recovered,
		.limits = limits,
		.arg = q,
	};
	q->flow = flow_new(&q->flow_config, &ops);
}

static void make_settle(struct queue *q)
{
	const struct settle_config s = {
		.queue = q->queue_commit,
		.trace = q->trace_commit,
		.blobs = q->blobs,
		.routes = &q->routes,
		.bounce = &q->settings->bounce,
		.retry = &q->settings->retry,
		.settled = on_settled,
		.made = on_made,
		.rerouted = on_rerouted,
		.deferred = on_deferred,
		.arg = q,
	};
	q->settle = settle_new(&s);
	struct local_config l = {.directory = q->directory,
		.routes = &q->routes,
		.blobs = q->blobs,
		.changes = q->changes,
		.queue = q->queue_commit,
		.judge = queue_scripts_judge(q->scripts),
		.done = on_local_done,
		.arg = q};
	memcpy(l.shards, q->shard_commit, sizeof l.shards);
	q->local = local_new(&l);
}

static void report_metrics(void *arg)
{
	struct queue *q = arg;
	struct err e;
	do {
		struct flow_stats st = flow_stats(q->flow);
		metric_set(&in_memory, st.groups);
		metric_set(&waiting, st.waiting);
		metric_set(&down, st.down);
		metric_set(&letter_bytes, (int64_t)st.bytes);
	} while (co_sleep(instant_in(SECOND), &e) == 0);
}

/* Said once, where somebody looks for the reason why nothing is verified. */
static void tell_about_dane(const struct queue *q)
{
	const struct delivery_conf *c = q->settings->config.delivery;
	if (!dns_validates(q->dns) && (c->dane || c->tls == SMTPC_TLS_DANE))
		log_info(NULL, "queue.dane_off",
			F("reason", S("[dns] trust_anchor is not set: answers are not validated")));
}

/* A database that cannot be read costs no mail: policies are fetched again, and remembered until
 * the process ends. */
static void open_policies(struct queue *q)
{
	const struct config *c = &q->settings->config;
	struct err e;
	tell_about_dane(q);
	if (sql_open(c->server->data, TLSPOLICY_DB, &q->tlspolicy_db, &e) < 0)
		log_error(NULL, "mta-sts.database", F("error", &e));
	q->sts = sts_new(q->dns, c->tls->ca, q->tlspolicy_db);
	if (sts_load(q->sts, &e) < 0)
		log_error(NULL, "mta-sts.database", F("error", &e));
	q->reports = report_counter_new(c->server->data);
}

static int queue_open(struct role_env *env, struct err *e)
{
	struct queue *q = env->self;
	if (open_store(q, e) < 0 || dns_open(q->settings->config.dns, &q->dns, e) < 0 ||
		queue_reports_open(q, &q->reporter, e) < 0 ||
		queue_letters_open(q->letters, e) < 0 ||
		queue_digests_open(q->letters, &q->digests, e) < 0 ||
		queue_report_in_open(q->report_in, q->settings->config.server->data, e) < 0 ||
		queue_user_reports_open(q->user_reports, q, e) < 0 ||
		queue_lessons_open(q, &q->lessons, e) < 0 ||
		queue_maillists_open(q, &q->maillists, e) < 0 || queue_scripts_open(q->scripts, e) < 0 ||
		queue_scan_open(q->scan, q->settings->config.server->data, e) < 0)
		return -1;
	open_policies(q);
	directory_set_postmaster(q->directory, q->settings->config.postmaster);
	q->health = hosts_health_new();
	make_flow(q);
	make_settle(q);
	q->ready = true;
	group_go(&q->workers, "queue.sweep", queue_feed_sweeper, q);
	group_go(&q->workers, "queue.metrics", report_metrics, q);
	group_go(&q->workers, "queue.mirrors", queue_mirror_run, q);
	group_go(&q->workers, "queue.mta-sts", sts_refresher, q->sts);
	group_go(&q->workers, "queue.reports", queue_reports_run, q->reporter);
	group_go(&q->workers, "queue.scan", queue_scan_run, q->scan);
	group_go(&q->workers, "queue.notices", queue_notices_run, q->notices);
	group_go(&q->workers, "queue.maillists", queue_maillists_run, q->maillists);
	group_go(&q->workers, "queue.lessons", queue_lessons_run, q->lessons);
	group_go(&q->workers, "queue.digests", queue_digests_run, q->digests);
	group_go(&q->workers, "queue.webhooks", queue_webhooks_run, q);
	return 0;
}

/* ---- orders ---- */

static void queue_link(void *arg, const char *role, unsigned instance, int fd)
{
	struct queue *q = ((struct role_env *)arg)->self;
	if ((strcmp(role, "edge") == 0 || strcmp(role, "web") == 0) && !q->stopping)
		queue_feed_link(q, instance, fd);
	else if (strcmp(role, "keys") == 0)
		link_attach(q->keys_link, fd);
	else if (strcmp(role, "learn") == 0)
		link_attach(q->learn_link, fd);
	else if (strcmp(role, "scan") == 0)
		queue_scan_link(q->scan, instance, fd);
	else
		close(fd);
}

static void queue_wake(void *arg)
{
	struct queue *q = ((struct role_env *)arg)->self;
	if (!q->ready || q->stopping)
		return;
	queue_feed_changed(q);
	queue_reports_wake(q->reporter);
	queue_notices_wake(q->notices);
	queue_digests_wake(q->digests);
	queue_maillists_wake(q->maillists);
}

/* [dns] needs a new process and keeps its value. */
static void queue_reload(void *arg, slice path, slice text)
{
	struct queue *q = ((struct role_env *)arg)->self;
	struct config c;
	struct queue_settings *s;
	struct err e;
	if (config_parse(text, path, &c, &e) < 0) {
		log_error(NULL, "queue.reload", F("error", &e));
		return;
	}
	if (queue_settings_new(q, &c, &s, &e) < 0) {
		config_done(&c);
		log_error(NULL, "queue.reload", F("error", &e));
		return;
	}
	struct queue_settings *old = q->settings;
	q->settings = s;
	keys_client_set_wait(q->keys, s->config.signing->wait);
	if (q->ready)
		q->srs = keys_client_srs(q->keys, s->config.srs, &q->mem);
	log_set_level((enum log_level)s->config.log->level);
	if (q->ready) {
		sts_set_ca(q->sts, s->config.tls->ca);
		settle_configure(q->settle, &s->bounce, &s->retry);
		q->flow_config = flow_of(&s->config);
		flow_configure(q->flow, &q->flow_config);
		q->routes.reports = &s->config.reports->addresses;
		q->routes.spam = &s->config.reports->spam;
		q->routes.ham = &s->config.reports->ham;
		q->routes.honeypots = &s->config.learning->honeypots;
	}
	queue_settings_unref(old);
	log_info(NULL, "queue.reloaded");
}

/* Sessions finish their present group; the clock cuts them off. */
static void let_sessions_end(struct queue *q, instant deadline)
{
	struct err e;
	flow_stop(q->flow);
	while (q->sessions.n > 0 && cond_wait(&q->sessions_changed, deadline, &e) == 0)
		;
	if (q->sessions.n > 0)
		log_warn(NULL, "queue.cut", F("sessions", q->sessions.n));
	group_cancel(&q->sessions);
	group_join(&q->sessions);
}

static void flush_results(struct queue *q)
{
	unsigned left = settle_drain(q->settle, instant_in(QUEUE_FLUSH_S * SECOND));
	if (left > 0) /* they are still in the queue and will be attempted again */
		log_error(NULL, "queue.unsettled", F("groups", left));
	commit_drain(q->trace_commit);
	commit_drain(q->queue_commit);
	for (int i = 0; i < MAILBOX_SHARDS; i++)
		commit_drain(q->shard_commit[i]);
}

static void queue_stop(void *arg, enum proc_stop how, instant deadline)
{
	struct queue *q = ((struct role_env *)arg)->self;
	(void)how; /* always the only one: it ends when the server does */
	if (q->stopping)
		return;
	q->stopping = true;
	queue_feed_close_links(q);
	if (q->ready) {
		cond_wake_all(&q->sweep_wake);
		let_sessions_end(q, deadline);
		flush_results(q);
	}
	group_cancel(&q->workers);
	group_join(&q->workers);
	report_counter_stop(q->reports);
	sts_drain(q->sts);
	loop_stop();
}

static void queue_close(struct role_env *env)
{
	struct queue *q = env->self;
	if (q->ready) {
		local_free(q->local);
		settle_free(q->settle);
		flow_free(q->flow);
		hosts_health_free(q->health);
	}
	free(q->outbound);
	sts_free(q->sts);
	report_counter_free(q->reports);
	queue_reports_close(q->reporter);
	queue_lessons_close(q->lessons);
	queue_maillists_close(q->maillists);
	queue_scripts_close(q->scripts);
	queue_notices_free(q->notices);
	queue_digests_close(q->digests);
	queue_letters_close(q->letters);
	dns_close(q->dns);
	commit_free(q->queue_commit);
	commit_free(q->trace_commit);
	for (int i = 0; i < MAILBOX_SHARDS; i++) {
		commit_free(q->shard_commit[i]);
		sql_close(q->shard_db[i]);
	}
	changes_close(q->changes);
	sql_close(q->queue_db);
	sql_close(q->trace_db);
	sql_close(q->load_db);
	sql_close(q->sweep_db);
	sql_close(q->tlspolicy_db);
	directory_close(q->directory);
	blobs_close(q->blobs);
	keys_client_free(q->keys);
	link_free(q->keys_link);
	link_free(q->learn_link);
	queue_report_in_free(q->report_in);
	queue_user_reports_free(q->user_reports);
	queue_scan_free(q->scan);
	queue_settings_unref(q->settings);
	arena_done(&q->mem);
	free(q);
}

const struct role queue_role = {
	.name = "queue",
	.prepare = queue_prepare,
	.open = queue_open,
	.orders = {.stop = queue_stop,
		.link = queue_link,
		.reload = queue_reload,
		.wake = queue_wake},
	.close = queue_close,
};
