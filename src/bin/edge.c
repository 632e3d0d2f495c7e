/*
 * The edge role: accepts connections on the sockets that the master bound, and runs an SMTP or LMTP
 * session (proto/smtpd) on each, in a coroutine of its own. All edges wait on the same sockets: the
 * one that is idle takes the connection, and none is lost when a process goes.
 */
#include "bin/edge.h"

#include "base/mem.h"
#include "bin/callout.h"
#include "bin/edge_door.h"
#include "bin/edge_failure.h"
#include "bin/edge_outbound.h"
#include "bin/edge_verify.h"
#include "bin/engines.h"
#include "bin/filter_conf.h"
#include "bin/identity_conf.h"
#include "bin/keys_client.h"
#include "bin/policies.h"
#include "bin/quarantine_conf.h"
#include "bin/scans.h"
#include "bin/server_tls.h"
#include "codec/charset.h"
#include "mail/report_conf.h"
#include "run/link.h"
#include "run/loop.h"
#include "run/metrics.h"
#include "run/pool.h"
#include "senderauth/psl.h"
#include "store/kv.h"
#include "store/report.h"
#include "training/conf.h"
#include "training/user.h"
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/statvfs.h>
#include <unistd.h>

METRIC_COUNTER(connections, "posthouse_edge_connections_total", "", "Connections accepted.");
METRIC_COUNTER(turned_away, "posthouse_edge_turned_away_total", "reason=\"total\"",
	"Connections above a limit.");
METRIC_COUNTER(turned_away_ip, "posthouse_edge_turned_away_total", "reason=\"address\"",
	"Connections above a limit.");
METRIC_GAUGE(open_sessions, "posthouse_edge_sessions", "", "Sessions open now.");

enum { DISK_EVERY_MS = 1000 };

/* ---- sessions ---- */

static void session_run(void *arg)
{
	AUTO(free) struct edge_session *s = arg;
	struct edge *e = s->edge;
	struct net_addr local = s->peer;
	struct err err;
	metric_add(&open_sessions, 1);
	net_local_addr(s->fd, &local, &err);
	smtpd_serve(&e->hub, io_plain(s->fd), s->service, &edge_ops, s, &s->peer, &local);
	metric_add(&open_sessions, -1);
	if (s->counted.len)
		census_leave(e->census, &s->counted);
	acceptor_ended(&e->acceptor);
}

/* Too many: a word and away, without a session. A peer that expects TLS or PROXY hears nothing. */
static void turn_away(const struct smtpd_service *service, int fd, bool from_there)
{
	char line[320];
	int n = snprintf(line, sizeof line, "421 %s %.*s Too many connections%s\r\n",
		from_there ? "4.7.0" : "4.3.2", SFMT(slice_first(service->hostname, 200)),
		from_there ? " from your address" : ", try later");
	if (service->tls_mode != SMTPD_TLS_IMPLICIT && service->conf->proxy_from.n == 0)
		send(fd, line, (size_t)n, MSG_DONTWAIT | MSG_NOSIGNAL);
	metric_add(from_there ? &turned_away_ip : &turned_away, 1);
	close(fd);
}

METRIC_COUNTER(turned_away_door, "posthouse_edge_turned_away_total", "reason=\"rules\"",
	"Connections above a limit.");

/* By the rules of the door: its words, and a line in the log while there are not too many. */
static void turn_away_by_rule(struct edge *e, const struct smtpd_service *service, int fd,
	const struct net_addr *peer, const struct door_verdict *v)
{
	char line[640];
	int n = snprintf(line, sizeof line, "%d %s %.*s %s\r\n", v->code, v->status,
		SFMT(slice_first(service->hostname, 200)), v->text);
	if (service->tls_mode != SMTPD_TLS_IMPLICIT)
		send(fd, line, (size_t)n, MSG_DONTWAIT | MSG_NOSIGNAL);
	metric_add(&turned_away_door, 1);
	edge_brake_turned_away(e->door->brake, service, peer, v);
	close(fd);
}

static void admit(void *arg, size_t listener, int fd, const struct net_addr *peer)
{
	struct edge *e = arg;
	const struct smtpd_service *service = &e->services[listener];
	const struct connections_conf *c = e->config->connections;
	bool limited = peer->ss.ss_family != AF_UNIX &&
		       !edge_in_nets(&service->conf->proxy_from, peer) &&
		       !edge_in_nets(&service->conf->trusted, peer);
	enum census_answer answer =
		census_enter(e->census, peer, c->max, limited ? c->max_per_ip : 0);
	if (answer != CENSUS_FINE) {
		turn_away(service, fd, answer == CENSUS_FULL_FROM_THERE);
		return;
	}
	struct door_verdict verdict;
	bool behind = edge_in_nets(&service->conf->proxy_from, peer) ||
		      edge_in_nets(&service->conf->xclient_from, peer);
	if (!behind && !edge_door_knock(e, service, peer, &verdict)) {
		census_leave(e->census, peer);
		turn_away_by_rule(e, service, fd, peer, &verdict);
		return;
	}
	metric_add(&connections, 1);
	struct edge_session *s = NEW(struct edge_session);
	s->edge = e;
	s->service = service;
	s->fd = fd;
	s->peer = s->counted = *peer;
	char ip[NET_TEXT_MAX];
	net_print_ip(peer, ip);
	edge_log_client(s, ip);
	acceptor_go(&e->acceptor, "smtp", session_run, s);
}

static void drain(void *arg)
{
	smtpd_drain(&((struct edge *)arg)->hub);
}

static slice listener_name(void *arg, size_t listener)
{
	return ((struct edge *)arg)->services[listener].name;
}

/* ---- free space ---- */

struct space {
	const char *path;
	uint64_t free_bytes;
	int error;
};

static void look(void *arg)
{
	struct space *s = arg;
	struct statvfs v;
	s->error = statvfs(s->path, &v) < 0 ? errno : 0;
	if (!s->error)
		s->free_bytes = (uint64_t)v.f_bavail * v.f_frsize;
}

static void judge_space(struct edge *e, const struct space *s)
{
	bool low = s->error || s->free_bytes < (uint64_t)e->config->store->min_free;
	if (low != e->disk_low)
		log_warn(NULL, low ? "disk.low" : "disk.enough", F("free", s->free_bytes),
			F("min", e->config->store->min_free), F("errno", s->error));
	e->disk_low = low;
	e->free_bytes = s->free_bytes;
}

/* In a coroutine. */
static void look_at_space(struct edge *e)
{
	AUTO(arena) struct arena a = {0};
	struct space s = {.path = arena_strz(&a,
				  arena_printf(&a, "%.*s/blob", SFMT(e->config->server->data)))};
	pool_call(look, &s);
	judge_space(e, &s);
}

static void watch_space(void *arg)
{
	struct edge *e = arg;
	struct err err;
	while (co_sleep(instant_in(DISK_EVERY_MS * MSEC), &err) == 0)
		look_at_space(e);
}

/* Refusals that were gathered go to the trace when their hour is over. */
static void release_brake(void *arg)
{
	struct edge *e = arg;
	struct err err;
	while (co_sleep(instant_in(MINUTE), &err) == 0)
		edge_brake_flush(e->door->brake, false);
}

/* ---- opening ---- */

static int open_tls(struct edge *e, struct err *err)
{
	const struct tls_client_config client = {.ca_file = e->config->tls->ca};
	if (server_tls_open(e->env, &e->mem, &e->tls, err) < 0)
		return -1;
	return tls_client_ctx(&client, &e->client_tls, err);
}

static int make_services(struct edge *e, struct err *err)
{
	const struct config *c = e->config;
	e->services = ARENA_ARRAY(&e->mem, struct smtpd_service, c->nlisteners + 1);
	for (size_t i = 0; i < c->nlisteners; i++) {
		if (smtpd_service_init(&e->services[i], c->listeners[i].conf, c->listeners[i].name,
			    c->hostname, e->tls, &e->mem, err) < 0)
			return -1;
		e->services[i].tokens = oidc_wanted(conf_get(c->conf, &oidc_section));
	}
	return 0;
}

static int edge_prepare(struct role_env *env, struct err *err)
{
	struct edge *e = NEW(struct edge);
	charset_warm_up(); /* subjects, for the trace */
	psl_warm_up(); /* a file outside the sandbox */
	env->self = e;
	e->env = env;
	e->config = &env->config;
	e->quarantine = ARENA_NEW(&e->mem, struct quarantine_conf);
	quarantine_conf_read(e->config->conf, e->quarantine);
	const struct acceptor_conf acceptor = {
		"edge", "listen.", listener_name, admit, drain, e, e->config->nlisteners};
	acceptor_init(&e->acceptor, &acceptor);
	cond_init(&e->edited);
	smtpd_hub_init(&e->hub);
	e->queue_link = link_new("queue");
	e->auth_link = link_new("auth");
	e->keys_link = link_new("keys");
	e->learn_link = link_new("learn");
	e->features_link = link_new("features");
	e->keys = keys_client_new(e->keys_link, e->config->signing->wait);
	e->scans = scans_new(e->config->scan, e->config->filter->waiting);
	e->engines = engines_new(e->config->conf);
	auth_failures_init(&e->srs_used, DAY, instant_now());
	int census = proc_start_take(&env->start, "census");
	int r = census_open(census, env->start.instance, &e->census, err);
	if (census >= 0)
		close(census);
	return r < 0 || open_tls(e, err) < 0 ? -1 : make_services(e, err);
}

static int open_store(struct edge *e, struct err *err)
{
	slice data = e->config->server->data;
	if (blobs_open(data, &e->blobs, err) < 0 ||
		sql_open(data, "queue", &e->queue_db, err) < 0 ||
		sql_open(data, "trace", &e->trace_db, err) < 0 ||
		directory_open(data, &e->directory, err) < 0)
		return -1;
	directory_set_postmaster(e->directory, e->config->postmaster);
	e->queue = commit_new(e->queue_db, e->blobs);
	e->trace = commit_new(e->trace_db, NULL);
	e->routes = route_lookup_directory(e->directory);
	e->routes.reports = &e->config->reports->addresses;
	e->routes.spam = &e->config->reports->spam;
	e->routes.ham = &e->config->reports->ham;
	e->users = training_users_open(data);
	if (policies_open(data, &e->policies, err) < 0)
		return -1;
	e->routes.honeypots = &e->config->learning->honeypots;
	e->srs = keys_client_srs(e->keys, e->config->srs, &e->mem);
	e->routes.srs = &e->srs;
	return 0;
}

static int edge_open(struct role_env *env, struct err *err)
{
	struct edge *e = env->self;
	if (open_store(e, err) < 0 || dns_open(e->config->dns, &e->dns, err) < 0)
		return -1;
	const struct callout_config callout = {
		.conf = e->config->callout,
		.delivery = e->config->delivery,
		.helo = e->config->delivery->helo.n ? e->config->delivery->helo
						    : e->config->hostname,
		.dns = e->dns,
		.tls = e->client_tls,
		.directory = e->directory,
	};
	e->callout = callout_new(&callout);
	e->lookup = lookup_dns(e->dns);
	e->authserv_id = e->config->verify->authserv_id.n ? e->config->verify->authserv_id
							  : e->config->hostname;
	e->quota = edge_quota_new(e->config->server->data);
	e->reports = report_counter_new(e->config->server->data);
	e->failures = edge_failures_new(e);
	e->kv = kv_open(e->config->server->data, (uint64_t)e->config->kv->size);
	e->outbound = edge_outbound_new(e);
	if (edge_door_open(e, err) < 0)
		return -1;
	co_go("edge.brake", release_brake, e);
	look_at_space(e); /* before the first session asks */
	co_go("edge.disk", watch_space, e);
	acceptor_start(&e->acceptor, &env->start);
	return 0;
}

/* ---- orders ---- */

static void edge_link(void *arg, const char *role, unsigned instance, int fd)
{
	struct edge *e = ((struct role_env *)arg)->self;
	if (strcmp(role, "queue") == 0)
		link_attach(e->queue_link, fd);
	else if (strcmp(role, "auth") == 0)
		link_attach(e->auth_link, fd);
	else if (strcmp(role, "keys") == 0)
		link_attach(e->keys_link, fd);
	else if (strcmp(role, "learn") == 0)
		link_attach(e->learn_link, fd);
	else if (strcmp(role, "features") == 0)
		link_attach(e->features_link, fd);
	else if (strcmp(role, "scan") == 0)
		scans_link(e->scans, instance, fd);
	else if (strcmp(role, "engine") == 0)
		engines_link(e->engines, fd);
	else
		close(fd);
}

/* Sessions end by themselves, or after a friendly 421, or when time is up. */
static void edge_stop(void *arg, enum proc_stop how, instant deadline)
{
	struct edge *e = ((struct role_env *)arg)->self;
	if (!acceptor_stop(&e->acceptor, how, deadline, e->config->server->stop_time))
		return;
	edge_failures_stop(e->failures);
	if (e->door)
		edge_brake_flush(e->door->brake, true);
	if (e->queue)
		commit_drain(e->queue);
	if (e->trace)
		commit_drain(e->trace);
	report_counter_stop(e->reports);
	loop_stop();
}

static void edge_close(struct role_env *env)
{
	struct edge *e = env->self;
	edge_door_close(e);
	edge_outbound_free(e->outbound);
	kv_close(e->kv);
	callout_free(e->callout);
	edge_quota_free(e->quota);
	report_counter_free(e->reports);
	edge_failures_free(e->failures);
	dns_close(e->dns);
	commit_free(e->queue);
	commit_free(e->trace);
	sql_close(e->queue_db);
	sql_close(e->trace_db);
	directory_close(e->directory);
	blobs_close(e->blobs);
	link_free(e->queue_link);
	link_free(e->auth_link);
	keys_client_free(e->keys);
	auth_failures_done(&e->srs_used);
	link_free(e->keys_link);
	link_free(e->learn_link);
	link_free(e->features_link);
	training_users_close(e->users);
	policies_close(e->policies);
	scans_free(e->scans);
	engines_free(e->engines);
	tls_ctx_unref(e->tls);
	tls_ctx_unref(e->client_tls);
	census_close(e->census);
	arena_done(&e->mem);
	free(e);
}

const struct role edge_role = {
	.name = "edge",
	.prepare = edge_prepare,
	.open = edge_open,
	.orders = {.stop = edge_stop, .link = edge_link},
	.close = edge_close,
};
