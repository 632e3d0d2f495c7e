/*
 * The access role (access.h): accepts connections on the sockets that the master bound and runs an IMAP, POP3 or ManageSieve session on each, in a
 * coroutine of its own. All access processes wait on the same sockets; one that dies takes its own sessions along and nobody else's. It
 * reads and writes mailboxes, asks auth who somebody is and engine about what is read, and cannot connect to anything outside.
 */
#include "bin/access.h"

#include "base/mem.h"
#include "bin/engines.h"
#include "bin/identity_conf.h"
#include "bin/quarantine_conf.h"
#include "bin/server_tls.h"
#include "run/link.h"
#include "run/loop.h"
#include "run/metrics.h"
#include "run/pool.h"
#include "store/directory.h"
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

METRIC_COUNTER(connections_imap, "posthouse_access_connections_total", "protocol=\"imap\"",
	"Connections of mail programs accepted.");
METRIC_COUNTER(connections_pop3, "posthouse_access_connections_total", "protocol=\"pop3\"",
	"Connections of mail programs accepted.");
METRIC_COUNTER(connections_sieve, "posthouse_access_connections_total", "protocol=\"sieve\"",
	"Connections of mail programs accepted.");
METRIC_COUNTER(turned_away, "posthouse_access_turned_away_total", "reason=\"total\"",
	"Connections of mail programs above a limit.");
METRIC_COUNTER(turned_away_ip, "posthouse_access_turned_away_total", "reason=\"address\"",
	"Connections of mail programs above a limit.");

/* ---- accepting ---- */

static const struct { /* by enum access_protocol */
	struct metric *connections;
	const char *too_many;
} protocols[ACCESS_PROTOCOLS] = {
	{&connections_imap, "* BYE [UNAVAILABLE] Too many connections, try later\r\n"},
	{&connections_pop3, "-ERR [SYS/TEMP] Too many connections, try later\r\n"},
	{&connections_sieve, "BYE (TRYLATER) \"Too many connections, try later\"\r\n"},
};

static bool in_nets(const struct conf_nets *nets, const struct net_addr *a)
{
	for (size_t i = 0; i < nets->n; i++)
		if (net_cidr_match(&nets->v[i], a))
			return true;
	return false;
}

/* Too many: a word and away, without a session. A peer that expects TLS or is to send PROXY first hears nothing. */
static void turn_away(const struct access_service *service, int fd, bool from_there)
{
	const char *said = protocols[service->listener.protocol].too_many;
	const struct access_listener_conf *c = service->listener.conf;
	if (c->tls != SESSION_TLS_IMPLICIT && c->proxy_from.n == 0)
		send(fd, said, strlen(said), MSG_DONTWAIT | MSG_NOSIGNAL);
	metric_add(from_there ? &turned_away_ip : &turned_away, 1);
	close(fd);
}

static void admit(void *arg, size_t listener, int fd, const struct net_addr *peer)
{
	struct access *a = arg;
	const struct access_service *service = &a->services[listener];
	const struct access_listener_conf *c = service->listener.conf;
	bool limited = peer->ss.ss_family != AF_UNIX && !in_nets(&c->proxy_from, peer) &&
		       !in_nets(&c->trusted, peer);
	enum census_answer answer = census_enter(
		a->census, peer, a->conf->max_connections, limited ? a->conf->max_per_ip : 0);
	struct session_row *row = answer == CENSUS_FINE ? sessions_enter(a->sessions) : NULL;
	if (!row) {
		if (answer == CENSUS_FINE)
			census_leave(a->census, peer);
		turn_away(service, fd, answer == CENSUS_FULL_FROM_THERE);
		return;
	}
	metric_add(protocols[service->listener.protocol].connections, 1);
	struct access_session *s = NEW(struct access_session);
	s->access = a;
	s->service = service;
	s->fd = fd;
	s->peer = s->counted = *peer;
	s->row = row;
	s->login.link = a->auth_link;
	a->by_row[sessions_index(a->sessions, row)] = s;
	s->co = acceptor_go(&a->acceptor, access_protocol_name(service->listener.protocol),
		access_session_run, s);
}

static void drain(void *arg)
{
	struct access *a = arg;
	imap_drain(&a->imap_hub);
	session_drain(&a->pop3_hub);
	session_drain(&a->sieve_hub);
}

static slice listener_name(void *arg, size_t listener)
{
	return ((struct access *)arg)->services[listener].listener.name;
}

/* ---- opening ---- */

/* Tokens only where somebody issues them. */
static struct conf_list offered(struct access *a, const struct access_listener_conf *c)
{
	bool tokens = oidc_wanted(conf_get(a->config->conf, &oidc_section));
	struct conf_list r = {.v = ARENA_ARRAY(&a->mem, slice, c->auth_mechs.n + 1)};
	for (size_t i = 0; i < c->auth_mechs.n; i++) {
		slice mech = c->auth_mechs.v[i];
		if (tokens || !(slice_ieq(mech, S("OAUTHBEARER")) || slice_ieq(mech, S("XOAUTH2"))))
			r.v[r.n++] = mech;
	}
	return r;
}

static struct imap_service imap_service(struct access *a, const struct access_listener_conf *c)
{
	struct conf_list mechs = offered(a, c);
	return (struct imap_service){
		.tls_mode = (enum session_tls)c->tls,
		.tls = a->tls,
		.auth_plaintext = c->auth_plaintext,
		.hostname = a->config->hostname,
		.version = S(VERSION),
		.limits = {.login_time = a->conf->login_time,
			.idle_time = c->idle_time,
			.command_time = c->command_time,
			.bad_commands = (unsigned)c->bad_commands,
			.login_failures = (unsigned)c->login_failures,
			.line = (size_t)c->max_line,
			.literal = (size_t)c->max_literal,
			.command = (size_t)c->max_command,
			.messages = (uint64_t)c->max_messages},
		.mechs = mechs.v,
		.nmechs = mechs.n,
		.boxes = a->boxes,
	};
}

static struct session_service session_service(
	struct access *a, const struct access_listener_conf *c)
{
	struct conf_list mechs = offered(a, c);
	return (struct session_service){
		.tls_mode = (enum session_tls)c->tls,
		.tls = a->tls,
		.auth_plaintext = c->auth_plaintext,
		.hostname = a->config->hostname,
		.version = S(VERSION),
		.limits = {.login_time = a->conf->login_time,
			.idle_time = c->idle_time,
			.bad_commands = (unsigned)c->bad_commands,
			.login_failures = (unsigned)c->login_failures},
		.mechs = mechs.v,
		.nmechs = mechs.n,
	};
}

static void make_services(struct access *a)
{
	a->nservices = access_listeners(a->config);
	a->services = ARENA_ARRAY(&a->mem, struct access_service, a->nservices + 1);
	for (size_t i = 0; i < a->nservices; i++) {
		struct access_service *s = &a->services[i];
		s->listener = access_listener(a->config, i);
		if (s->listener.protocol == ACCESS_IMAP)
			s->imap = imap_service(a, s->listener.conf);
		else if (s->listener.protocol == ACCESS_POP3)
			s->pop3 = (struct pop3_service){
				session_service(a, s->listener.conf), a->boxes};
		else
			s->sieve = (struct managesieve_service){
				session_service(a, s->listener.conf), a->scripts, a->directory};
	}
}

static int open_census(struct role_env *env, const char *name, struct census **ret, struct err *e)
{
	AUTO(fd) int fd = proc_start_take(&env->start, name);
	return census_open(fd, env->start.instance, ret, e);
}

/* Before the sandbox: the certificate. */
static int access_prepare(struct role_env *env, struct err *e)
{
	struct access *a = NEW(struct access);
	env->self = a;
	a->env = env;
	a->config = &env->config;
	a->conf = conf_get(env->config.conf, &access_section);
	const struct acceptor_conf acceptor = {
		"access", "access.", listener_name, admit, drain, a, access_listeners(a->config)};
	acceptor_init(&a->acceptor, &acceptor);
	imap_hub_init(&a->imap_hub);
	session_hub_init(&a->pop3_hub);
	session_hub_init(&a->sieve_hub);
	a->auth_link = link_new("auth");
	a->texts_link = link_new("texts");
	a->engines = engines_new(a->config->conf);
	a->by_row = mem_alloc(SESSIONS_MAX * sizeof *a->by_row);
	if (open_census(env, "census", &a->census, e) < 0 ||
		open_census(env, "accounts", &a->accounts, e) < 0)
		return -1;
	return server_tls_open(env, &a->mem, &a->tls, e);
}

enum { READERS = 4 }; /* connections to each shard for reading */

static int open_boxes(struct access *a, struct err *e)
{
	const struct boxes_config c = {
		.data = a->config->server->data,
		.directory = a->directory,
		.blobs = a->blobs,
		.readers = READERS,
		.conf = conf_get(a->config->conf, &mailbox_section),
	};
	return boxes_open(&c, &a->boxes, e);
}

static int access_open(struct role_env *env, struct err *e)
{
	struct access *a = env->self;
	slice data = a->config->server->data;
	if (sessions_open(a->config->server->run, S("access"), env->start.instance, &a->sessions,
		    e) < 0 ||
		blobs_open(data, &a->blobs, e) < 0 || directory_open(data, &a->directory, e) < 0 ||
		open_boxes(a, e) < 0 || managesieve_store_open(data, &a->scripts, e) < 0)
		return -1;
	access_guard_open(a);
	access_texts_open(a);
	make_services(a);
	a->still = access_still_new(a);
	acceptor_start(&a->acceptor, &env->start);
	return 0;
}

/* ---- orders ---- */

static void access_link(void *arg, const char *role, unsigned instance, int fd)
{
	struct access *a = ((struct role_env *)arg)->self;
	(void)instance;
	if (strcmp(role, "auth") == 0)
		link_attach(a->auth_link, fd);
	else if (strcmp(role, "engine") == 0)
		engines_link(a->engines, fd);
	else if (strcmp(role, "texts") == 0)
		link_attach(a->texts_link, fd);
	else
		close(fd);
}

static void access_stop(void *arg, enum proc_stop how, instant deadline)
{
	struct access *a = ((struct role_env *)arg)->self;
	if (!acceptor_stop(&a->acceptor, how, deadline, a->config->server->stop_time))
		return;
	access_still_stop(a->still);
	if (a->boxes)
		boxes_drain(a->boxes);
	loop_stop();
}

static void access_close(struct role_env *env)
{
	struct access *a = env->self;
	if (a->boxes)
		boxes_close(a->boxes);
	managesieve_store_close(a->scripts);
	access_guard_free(a->guard);
	directory_close(a->directory);
	blobs_close(a->blobs);
	sessions_close(a->sessions);
	link_free(a->auth_link);
	link_free(a->texts_link);
	engines_free(a->engines);
	tls_ctx_unref(a->tls);
	census_close(a->census);
	census_close(a->accounts);
	free(a->by_row);
	arena_done(&a->mem);
	free(a);
}

const struct role access_role = {
	.name = "access",
	.prepare = access_prepare,
	.open = access_open,
	.orders = {.stop = access_stop, .link = access_link},
	.close = access_close,
};
