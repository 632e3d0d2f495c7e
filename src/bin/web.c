/*
 * The web role (web.h): accepts connections on the sockets that the master bound and runs an HTTP session (proto/http) on
 * each, in a coroutine of its own. It reads and changes the quarantine, asks keys (links), scan (texts of letters),
 * auth and learn (reports), and tells the queue what was released. It cannot connect to anything outside.
 */
#include "bin/web.h"

#include "base/hex.h"
#include "base/mem.h"
#include "bin/filter_conf.h"
#include "bin/keys_client.h"
#include "bin/scans.h"
#include "bin/server_tls.h"
#include "defence/rate.h"
#include "run/link.h"
#include "run/log.h"
#include "run/loop.h"
#include "run/metrics.h"
#include <openssl/sha.h>
#include <sys/socket.h>
#include <unistd.h>

METRIC_COUNTER(connections, "posthouse_web_connections_total", "", "Connections accepted.");
METRIC_COUNTER(turned_away, "posthouse_web_turned_away_total", "", "Connections above a limit.");

enum { KEYS_WAIT_S = 10, SCANS_WAITING = 20, LINK_HASH = 4 };

static const struct http_route routes[] = {
	{"/d/*", HTTP_GET, web_token_get},
	{"/d/*", HTTP_POST, web_token_post},
	{"/d/*/view", HTTP_GET, web_view},
	{"/d/*/file", HTTP_GET, web_file},
	{"/d/*/digest", HTTP_POST, web_digest_post},
	{"/l/*", HTTP_GET, web_maillist_get},
	{"/l/*", HTTP_POST, web_maillist_post},
	{"/api/report", HTTP_POST, web_report},
	{"/static/style.css", HTTP_GET, web_style},
	{"/robots.txt", HTTP_GET, web_robots},
	{NULL, 0, NULL},
};

/* ---- one line a request; a link is told apart by a part of its hash alone ---- */

static void log_request(const struct http *h, int64_t took)
{
	unsigned char digest[SHA256_DIGEST_LENGTH];
	AUTO(buf) struct buf link = BUF(2 * LINK_HASH);
	slice token = http_part(h, 1);
	if (h->route && (slice_starts(slice_z(h->route), S("/d/")) || slice_starts(slice_z(h->route), S("/l/"))) && token.n) {
		SHA256((const unsigned char *)token.p, token.n, digest);
		hex_encode(&link, slice_of(digest, LINK_HASH));
	}
	log_info(NULL, "web.request", F("ip", (const char *)h->ip), F("method", h->head->method),
		F("route", h->route ? h->route : "-"), F("link", buf_slice(&link)),
		F("status", h->status), F("bytes", h->sent), F_USEC("took", took));
}

static void log_lost(void *arg, const struct net_addr *peer, const struct err *e)
{
	char ip[NET_TEXT_MAX];
	(void)arg;
	net_print_ip(peer, ip);
	log_debug(NULL, "web.lost", F("ip", (const char *)ip), F("error", e));
}

/* ---- connections ---- */

struct session {
	struct web *w;
	int fd;
	struct net_addr peer;
};

static void session_run(void *arg)
{
	AUTO(free) struct session *s = arg;
	struct web *w = s->w;
	http_serve(&w->hub, io_plain(s->fd), &w->service, w, &s->peer);
	web_leave(w, &s->peer);
	acceptor_ended(&w->acceptor);
}

static void admit(void *arg, size_t listener, int fd, const struct net_addr *peer)
{
	struct web *w = arg;
	(void)listener;
	if (!web_enter(w, peer)) {
		static const char full[] = "HTTP/1.1 503 Service Unavailable\r\nRetry-After: "
					   "60\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
		if (!w->tls)
			send(fd, full, sizeof full - 1, MSG_DONTWAIT | MSG_NOSIGNAL);
		metric_add(&turned_away, 1);
		close(fd);
		return;
	}
	metric_add(&connections, 1);
	struct session *s = NEW(struct session);
	*s = (struct session){w, fd, *peer};
	acceptor_go(&w->acceptor, "http", session_run, s);
}

static void drain(void *arg)
{
	http_drain(&((struct web *)arg)->hub);
}

static slice listener_name(void *arg, size_t listener)
{
	(void)arg, (void)listener;
	return S("web");
}

/* ---- opening ---- */

static int open_tls(struct web *w, struct err *e)
{
	return w->conf->tls == WEB_TLS_YES ? server_tls_open(w->env, &w->mem, &w->tls, e) : 0;
}

static void make_service(struct web *w)
{
	w->service = (struct http_service){
		.routes = routes,
		.tls = w->tls,
		.proxies = &w->conf->proxies,
		.limits = {.time_idle = w->conf->idle_time,
			.time_head = 10 * SECOND,
			.time_body = 30 * SECOND,
			.time_write = MINUTE,
			.requests = 1000},
		.headers = web_headers,
		.admit = web_admit,
		.fail = web_error_page,
		.done = log_request,
		.lost = log_lost,
	};
}

/* Before the sandbox: certificate, and the site's rules, whose sentences pages may quote. */
static int web_prepare(struct role_env *env, struct err *e)
{
	struct web *w = NEW(struct web);
	env->self = w;
	w->env = env;
	w->config = &env->config;
	w->conf = conf_get(env->config.conf, &web_section);
	w->quarantine = ARENA_NEW(&w->mem, struct quarantine_conf);
	quarantine_conf_read(env->config.conf, w->quarantine);
	w->words.dir = w->config->filter->rules;
	signal_words_def(&w->words, S("-")); /* reads them */
	const struct acceptor_conf acceptor = {
		"web", "web.", listener_name, admit, drain, w, SIZE_MAX};
	acceptor_init(&w->acceptor, &acceptor);
	http_hub_init(&w->hub);
	w->queue_link = link_new("queue");
	w->auth_link = link_new("auth");
	w->keys_link = link_new("keys");
	w->learn_link = link_new("learn");
	w->keys = keys_client_new(w->keys_link, KEYS_WAIT_S * SECOND);
	w->scans = scans_new(w->config->scan, SCANS_WAITING);
	AUTO(fd) int rates = proc_start_take(&env->start, "rates");
	if (rates_open(rates, NULL, &w->rates, e) < 0 || open_tls(w, e) < 0)
		return -1;
	make_service(w);
	return 0;
}

static int web_open(struct role_env *env, struct err *e)
{
	struct web *w = env->self;
	if (blobs_open(w->config->server->data, &w->blobs, e) < 0 || web_store_open(w, e) < 0 ||
		web_lists_open(w, e) < 0)
		return -1;
	acceptor_start(&w->acceptor, &env->start);
	return 0;
}

/* ---- orders ---- */

static void web_link(void *arg, const char *role, unsigned instance, int fd)
{
	struct web *w = ((struct role_env *)arg)->self;
	if (strcmp(role, "queue") == 0)
		link_attach(w->queue_link, fd);
	else if (strcmp(role, "auth") == 0)
		link_attach(w->auth_link, fd);
	else if (strcmp(role, "keys") == 0)
		link_attach(w->keys_link, fd);
	else if (strcmp(role, "learn") == 0)
		link_attach(w->learn_link, fd);
	else if (strcmp(role, "scan") == 0)
		scans_link(w->scans, instance, fd);
	else
		close(fd);
}

/* Requests under way are answered; who is quiet need not wait for our successor. */
static void web_stop(void *arg, enum proc_stop how, instant deadline)
{
	struct web *w = ((struct role_env *)arg)->self;
	(void)how;
	if (acceptor_stop(&w->acceptor, PROC_STOP_SOON, deadline, w->config->server->stop_time))
		loop_stop();
}

static void web_close(struct role_env *env)
{
	struct web *w = env->self;
	web_store_close(w->store);
	web_lists_close(w->lists);
	blobs_close(w->blobs);
	keys_client_free(w->keys);
	link_free(w->queue_link);
	link_free(w->auth_link);
	link_free(w->keys_link);
	link_free(w->learn_link);
	scans_free(w->scans);
	rates_close(w->rates);
	signal_words_done(&w->words);
	zones_done(&w->zones);
	web_guests_done(w);
	tls_ctx_unref(w->tls);
	arena_done(&w->mem);
	free(w);
}

const struct role web_role = {
	.name = "web",
	.prepare = web_prepare,
	.open = web_open,
	.orders = {.stop = web_stop, .link = web_link},
	.close = web_close,
};
