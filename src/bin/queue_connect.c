/*
 * The queue process's connections: how the destination is spoken with (way.h), which hosts it has
 * (mail/hosts), how safe each must be (queue_tls.c), and the first of them that answers. Called by
 * queue_smtp.c, which sends over what is open.
 */
#include "base/mem.h"
#include "bin/queue_tls.h"
#include "run/log.h"
#include "run/metrics.h"
#include <stdio.h>

METRIC_COUNTER(connects, "posthouse_queue_connects_total", "", "Connections made for delivery.");
METRIC_COUNTER(
	connect_failures, "posthouse_queue_connect_failures_total", "", "Hosts that failed.");
METRIC_COUNTER(tls_fallbacks, "posthouse_queue_tls_fallbacks_total", "",
	"Deliveries in clear after a failed opportunistic handshake.");

/* ---- how and where ---- */

/* 0; or -1 and why in *ret_why. */
static int find_way(struct queue_session *s, struct way *ret, struct result *ret_why)
{
	const struct delivery_conf *c = s->settings->config.delivery;
	*ret = way_to_domain(c);
	if (s->kind == ROUTE_BACKEND) {
		struct route r;
		struct err e;
		if (directory_get_route(s->q->directory, s->name, &s->mem, &r, &e) < 0) {
			*ret_why = (struct result){.kind = RESULT_DEFERRED,
				.status = STATUS(4, 4, 4),
				.text = arena_dup(&s->mem, slice_z(e.text))};
			return -1;
		}
		*ret = way_by_route(&r, c);
	}
	return 0;
}

static int find_hosts(struct queue_session *s, const struct way *w, struct host **ret,
	size_t *ret_n, struct result *ret_why)
{
	struct queue_settings *set = s->settings;
	struct hosts_want want = {
		.dns = s->q->dns,
		.self = &set->self,
		.health = s->q->health,
		.port = w->port,
		.deadline = instant_in(MINUTE),
		.now = instant_now(),
	};
	if (w->hosts.n)
		return hosts_for_route(&want, w->hosts, &s->mem, ret, ret_n, ret_why);
	return hosts_for_domain(&want, s->name, &s->mem, ret, ret_n, ret_why);
}

/* ---- connecting ---- */

static struct smtpc_config client_config(struct queue_session *s, const struct way *w,
	const struct host *h, const struct tls_policy *p)
{
	const struct delivery_conf *c = s->settings->config.delivery;
	struct smtpc_config cfg = way_config(w, h, p);
	cfg.helo = s->settings->helo;
	cfg.ctx = s->settings->tls;
	cfg.timeouts = (struct smtpc_timeouts){.connect = c->connect_timeout,
		.command = c->command_timeout,
		.end = c->data_timeout};
	return cfg;
}

static const struct net_addr *source_for(const struct queue_session *s, const struct host *h)
{
	const struct queue_settings *set = s->settings;
	const struct net_addr *source =
		h->addr.ss.ss_family == AF_INET ? &set->source_v4 : &set->source_v6;
	return h->addr.ss.ss_family != AF_UNIX && source->len ? source : NULL;
}

slice queue_reply(struct arena *a, const struct smtpc_result *r)
{
	if (r->code)
		return arena_dup(a, r->text);
	return arena_printf(a, "%.*s (%s)", SFMT(r->text), smtpc_stage_name(r->stage));
}

static void note_connection(struct queue_session *s, const struct way *w, const struct host *h)
{
	arena_reset(&s->host_mem);
	s->host = (struct host){.name = arena_dup(&s->host_mem, h->name), .addr = h->addr};
	s->lmtp = w->lmtp;
	s->sent = 0;
	s->opened = instant_now();
}

void queue_note_attempt(
	struct queue_session *s, const struct host *h, int64_t started_at, bool reused)
{
	char ip[NET_TEXT_MAX];
	s->attempt = (struct attempt){
		.host = h->name,
		.ip = arena_dup(&s->mem, slice_of(ip, net_print(&h->addr, ip))),
		.tls = slice_z(s->tls_text),
		.started_at = started_at,
		.reused = reused,
	};
}

/* One try; what came of TLS is told. */
static int connect_once(struct queue_session *s, const struct way *w, const struct tls_domain *d,
	const struct host *h, const struct tls_policy *p)
{
	struct smtpc_config cfg = client_config(s, w, h, p);
	struct smtpc_info info;
	struct err e;
	metric_add(&connects, 1);
	int r = smtpc_connect(&h->addr, source_for(s, h), &cfg, &s->smtp, &e);
	smtpc_info(s->smtp, &info);
	if (r < 0)
		queue_tls_failed(s, d, h, p, &info);
	else
		queue_tls_connected(s, d, h, p, &info);
	return r;
}

/* After a handshake that failed, and nobody asked for TLS, once more in clear. */
static int connect_by(struct queue_session *s, const struct way *w, const struct tls_domain *d,
	const struct host *h, struct tls_policy *p)
{
	struct smtpc_info info;
	if (connect_once(s, w, d, h, p) == 0)
		return 0;
	smtpc_info(s->smtp, &info);
	if (!info.tls_failed || p->level != TLS_LEVEL_MAYBE || co_cancelled())
		return -1;
	slice why = smtpc_failure(s->smtp)->text; /* for the trace: this mail went in clear */
	snprintf(s->tls_text, sizeof s->tls_text, "none: %.*s", SFMT(why));
	smtpc_close(take(&s->smtp));
	metric_add(&tls_fallbacks, 1);
	p->level = TLS_LEVEL_NEVER;
	return connect_once(s, w, d, h, p);
}

/* What the last host that failed said, kept when the session is closed. */
static struct result failure_of(
	struct queue_session *s, const struct host *h, const struct tls_policy *p)
{
	const struct smtpc_result *f = smtpc_failure(s->smtp);
	bool about_tls = f->stage == SMTPC_AT_TLS;
	slice reply = queue_reply(&s->mem, f);
	return (struct result){
		.kind = RESULT_DEFERRED,
		.status = f->status,
		.mta = f->code ? h->name : (slice){0},
		.text = about_tls ? queue_tls_reason(&s->mem, p, reply) : reply,
	};
}

/* RFC 8689 4.2.1: then the next host is tried; 5.7.30 when there is none. */
bool queue_lacks_requiretls(const struct queue_session *s)
{
	return (s->letter->m.flags & MSG_REQUIRETLS) && !smtpc_can_require_tls(s->smtp);
}

static int refuse_unfit(struct queue_session *s, const struct host *h, struct result *ret_why)
{
	*ret_why = (struct result){.kind = RESULT_FAILED,
		.status = STATUS(5, 7, 30),
		.text = arena_printf(&s->mem,
			"the message requires TLS, and %.*s does not offer REQUIRETLS",
			SFMT(h->name))};
	smtpc_quit(take(&s->smtp));
	return -1;
}

/* One host. -1: *ret_why is RESULT_FAILED when this host's answer is a last word. */
static int connect_host(struct queue_session *s, const struct way *w, const struct tls_domain *d,
	const struct host *h, struct result *ret_why)
{
	struct tls_policy p;
	enum tls_failure failure;
	s->tls_text[0] = 0;
	if (tls_policy_host(d, h, instant_in(MINUTE), &s->mem, &p, ret_why, &failure) < 0) {
		queue_tls_refused(s, d, h, &p, failure);
		return -1;
	}
	if (connect_by(s, w, d, h, &p) == 0)
		return queue_lacks_requiretls(s) ? refuse_unfit(s, h, ret_why) : 0;
	const struct smtpc_result *f = smtpc_failure(s->smtp);
	*ret_why = failure_of(s, h, &p);
	/* A certificate that does not do for this domain may do for others on the same address. */
	if (f->stage != SMTPC_AT_TLS && !co_cancelled())
		hosts_health_failed(s->q->health, &h->addr, instant_now());
	if (s->kind == ROUTE_SMTP && f->kind == SMTPC_PERM && f->code)
		ret_why->kind = RESULT_FAILED;
	smtpc_close(take(&s->smtp));
	return -1;
}

/*
 * Tries the hosts in turn. 0 with s->smtp open; or -1 with the last failure. It is RESULT_FAILED
 * only when every host of a domain refused to talk to us for good; a route's hosts are trusted to
 * mend.
 */
static int connect_any(struct queue_session *s, const struct way *w, const struct host *v, size_t n,
	struct result *ret_why)
{
	instant start = instant_now();
	int64_t started_at = wall_now();
	const struct tls_domain *d = queue_tls_domain(s, w);
	bool all_refuse = true;
	for (size_t i = 0; i < n; i++) {
		if (connect_host(s, w, d, &v[i], ret_why) == 0) {
			hosts_health_ok(s->q->health, &v[i].addr);
			note_connection(s, w, &v[i]);
			queue_note_attempt(s, &s->host, started_at, false);
			return 0;
		}
		metric_add(&connect_failures, 1);
		all_refuse = all_refuse && ret_why->kind == RESULT_FAILED;
		queue_note_attempt(s, &v[i], started_at, false);
		if (co_cancelled())
			return -1;
		log_debug(NULL, "queue.host_failed", F("host", v[i].name), F("ip", s->attempt.ip),
			F("reply", ret_why->text));
		if (instant_now() - start > QUEUE_ATTEMPT_MOST_S * SECOND)
			break;
	}
	ret_why->kind = all_refuse ? RESULT_FAILED : RESULT_DEFERRED;
	if (!all_refuse && ret_why->status.cls == 5) /* a delay, towards the sender */
		ret_why->status.cls = 4;
	return -1;
}

int queue_connect(struct queue_session *s, struct result *ret_why, bool *ret_asked)
{
	struct way way;
	struct host *hosts;
	size_t n;
	*ret_asked = false;
	if (find_way(s, &way, ret_why) < 0 || find_hosts(s, &way, &hosts, &n, ret_why) < 0)
		return -1;
	*ret_asked = true;
	return connect_any(s, &way, hosts, n, ret_why);
}
