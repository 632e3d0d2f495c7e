/*
 * The queue process's way to other systems: finds the hosts of the destination (mail/hosts),
 * connects to the first that answers, sends (proto/smtpc), keeps the connection for the next group.
 * What the replies mean for the recipients is said here; when they are tried again is settle's
 * matter.
 */
#include "base/mem.h"
#include "bin/queue.h"
#include "bin/queue_tls.h"
#include "run/log.h"
#include "run/metrics.h"
#include "run/pool.h"
#include <stdio.h>

METRIC_COUNTER(connects, "posthouse_queue_connects_total", "", "Connections made for delivery.");
METRIC_COUNTER(
	connect_failures, "posthouse_queue_connect_failures_total", "", "Hosts that failed.");
METRIC_COUNTER(tls_fallbacks, "posthouse_queue_tls_fallbacks_total", "",
	"Deliveries in clear after a failed opportunistic handshake.");

static struct queue_smtp_outcome outcome(enum flow_verdict verdict, slice reason, bool untried)
{
	return (struct queue_smtp_outcome){
		.verdict = verdict, .reason = reason, .untried = untried};
}

static struct queue_smtp_outcome all_get(
	struct queue_session *s, struct result r, enum flow_verdict verdict, bool untried)
{
	for (size_t i = 0; i < s->n; i++)
		s->v[i].result = r;
	const struct status_code c = r.status;
	return outcome(verdict,
		arena_printf(&s->mem, "%u.%u.%u %.*s", c.cls, c.subject, c.detail, SFMT(r.text)),
		untried);
}

/* ---- how ---- */

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

static slice reply_of(struct arena *a, const struct smtpc_result *r)
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

static void note_attempt(
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
	slice reply = reply_of(&s->mem, f);
	return (struct result){
		.kind = RESULT_DEFERRED,
		.status = f->status,
		.mta = f->code ? h->name : (slice){0},
		.text = about_tls ? queue_tls_reason(&s->mem, p, reply) : reply,
	};
}

/* RFC 8689 4.2.1: then the next host is tried; 5.7.30 when there is none. */
static bool lacks_requiretls(const struct queue_session *s)
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
		return lacks_requiretls(s) ? refuse_unfit(s, h, ret_why) : 0;
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
			note_attempt(s, &s->host, started_at, false);
			return 0;
		}
		metric_add(&connect_failures, 1);
		all_refuse = all_refuse && ret_why->kind == RESULT_FAILED;
		note_attempt(s, &v[i], started_at, false);
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

/* ---- the message as a stream ---- */

struct source {
	struct queue_session *s;
	struct blob_reader *reader;
	bool prefix_sent;
	slice piece;
	int status;
	struct err err;
};

static void open_in_pool(void *arg)
{
	struct source *b = arg;
	b->status = blob_open(b->s->q->blobs, b->s->letter->m.blob, &b->reader, &b->err);
}

static void next_in_pool(void *arg)
{
	struct source *b = arg;
	b->status = blob_next(b->reader, &b->piece, &b->err);
}

/* What was just accepted is in the page cache: read right here. The rest may block: in the pool. */
static int read_blob(struct source *b, void (*fn)(void *), struct err *e)
{
	if (b->s->letter->from_db)
		pool_call(fn, b);
	else
		fn(b);
	if (b->status < 0)
		*e = b->err;
	return b->status;
}

static int next_piece(void *arg, slice *ret, struct err *e)
{
	struct source *b = arg;
	if (!b->prefix_sent) {
		b->prefix_sent = true;
		*ret = b->s->letter->m.prefix;
		if (ret->n)
			return 1;
	}
	if (!b->reader && read_blob(b, open_in_pool, e) < 0)
		return -1;
	int r = read_blob(b, next_in_pool, e);
	*ret = b->piece;
	return r;
}

/* ---- sending ---- */

static unsigned mail_flags(const struct queue_msg *m)
{
	static const struct {
		unsigned ours, theirs;
	} map[] = {{MSG_8BIT, SMTPC_8BIT}, {MSG_BINARY, SMTPC_BINARY}, {MSG_SMTPUTF8, SMTPC_UTF8},
		{MSG_REQUIRETLS, SMTPC_REQUIRETLS}, {MSG_RET_HDRS, SMTPC_RET_HDRS},
		{MSG_RET_FULL, SMTPC_RET_FULL}};
	unsigned flags = 0;
	for (size_t i = 0; i < sizeof map / sizeof *map; i++)
		flags |= m->flags & map[i].ours ? map[i].theirs : 0;
	return flags;
}

static struct result result_of(struct queue_session *s, const struct smtpc_result *r, bool dsn)
{
	static const enum result_kind kinds[] = {[SMTPC_OK] = RESULT_DELIVERED,
		[SMTPC_TEMP] = RESULT_DEFERRED,
		[SMTPC_PERM] = RESULT_FAILED,
		[SMTPC_NEXT] = RESULT_DEFERRED};
	return (struct result){
		.kind = kinds[r->kind],
		.status = r->status,
		.mta = r->code ? s->host.name : (slice){0},
		.text = reply_of(&s->mem, r),
		.dsn = dsn,
		.relayed = !s->lmtp,
	};
}

/* One transaction with the recipients v[0..n). */
static void send_once(
	struct queue_session *s, struct settle_rcpt **v, size_t n, struct smtpc_result *results)
{
	const struct queue_msg *m = &s->letter->m;
	struct smtpc_rcpt *rcpts = ARENA_ARRAY(&s->mem, struct smtpc_rcpt, n);
	for (size_t i = 0; i < n; i++) {
		const struct queue_rcpt *r = &m->rcpts[v[i]->at];
		rcpts[i] = (struct smtpc_rcpt){
			.address = r->address, .orcpt = r->orcpt, .notify = r->notify};
	}
	struct smtpc_mail mail = {
		.sender = m->sender,
		.flags = mail_flags(m),
		.envid = m->envid,
		.size = m->prefix.n + m->size,
		.rcpts = rcpts,
		.nrcpts = n,
	};
	struct source source = {.s = s};
	struct smtpc_sent sent;
	smtpc_send(
		s->smtp, &mail, (struct smtpc_body){next_piece, &source}, &s->mem, results, &sent);
	blob_close(source.reader);
	s->sent++;
	for (size_t i = 0; i < n; i++)
		v[i]->result = result_of(s, &results[i], sent.dsn);
}

/* Was the connection that we kept gone before the peer saw anything of this message? */
static bool lost_while_idle(struct queue_session *s, const struct smtpc_result *r)
{
	return s->attempt.reused && r->kind == SMTPC_TEMP && r->code == 0 &&
	       r->stage <= SMTPC_AT_RCPT && !smtpc_usable(s->smtp);
}

static bool is_status(struct status_code a, struct status_code b)
{
	return a.cls == b.cls && a.subject == b.subject && a.detail == b.detail;
}

/* It answers, but we are too many or too fast. */
static bool is_throttle(const struct smtpc_result *r)
{
	return r->code == 421 || is_status(r->status, STATUS(4, 3, 2)) ||
	       is_status(r->status, STATUS(4, 4, 5)) || is_status(r->status, STATUS(4, 7, 28));
}

/* All recipients, in as many transactions as the peer's limits ask for; the session is usable.
 * False: see lost_while_idle. */
static bool send_all(struct queue_session *s, struct queue_smtp_outcome *ret)
{
	struct settle_rcpt **todo = ARENA_ARRAY(&s->mem, struct settle_rcpt *, s->n);
	struct smtpc_result *results = ARENA_ARRAY(&s->mem, struct smtpc_result, s->n);
	size_t n = s->n;
	for (size_t i = 0; i < n; i++)
		todo[i] = &s->v[i];
	*ret = outcome(FLOW_OK, (slice){0}, false);
	for (bool first = true; first || (n > 0 && smtpc_usable(s->smtp)); first = false) {
		send_once(s, todo, n, results);
		if (first && lost_while_idle(s, &results[0]))
			return false;
		size_t left = 0;
		for (size_t i = 0; i < n; i++) {
			if (is_throttle(&results[i]))
				*ret = outcome(FLOW_THROTTLED, todo[i]->result.text, false);
			if (results[i].kind == SMTPC_NEXT)
				todo[left++] = todo[i];
		}
		if (left == n)
			break;
		n = left;
	}
	return true;
}

/* ---- one group ---- */

/* Not for mail that demands more than the connection gives, nor when its policy may be out of date.
 */
static bool is_safe_enough(const struct queue_session *s)
{
	return !lacks_requiretls(s) &&
	       (s->kind != ROUTE_SMTP || instant_now() - s->opened < QUEUE_POLICY_AGE_S * SECOND);
}

static bool can_reuse(struct queue_session *s)
{
	if (!s->smtp)
		return false;
	if (is_safe_enough(s) && s->sent < (unsigned)s->settings->config.delivery->reuse_messages &&
		smtpc_usable(s->smtp))
		return true;
	queue_smtp_close(s);
	return false;
}

/* The message asked for more than others do: nothing is said about the destination. */
static bool is_particular(const struct queue_session *s, const struct result *why)
{
	return (s->letter->m.flags & MSG_REQUIRETLS) && why->status.subject == 7;
}

/* Opens a connection; false with the outcome when that is the end of it. */
static bool open_connection(struct queue_session *s, struct queue_smtp_outcome *ret)
{
	struct way way;
	struct host *hosts;
	size_t n;
	struct result why = {0};
	if (find_way(s, &way, &why) < 0 || find_hosts(s, &way, &hosts, &n, &why) < 0) {
		/* Nobody can be asked: for good it is an answer, for now the destination is down.
		 */
		bool final = why.kind == RESULT_FAILED;
		*ret = all_get(s, why, final ? FLOW_OK : FLOW_UNREACHABLE, false);
		return false;
	}
	if (connect_any(s, &way, hosts, n, &why) == 0)
		return true;
	if (is_particular(s, &why))
		*ret = all_get(s, why, FLOW_OK, false);
	else
		*ret = all_get(s, why, FLOW_UNREACHABLE, why.kind != RESULT_FAILED);
	return false;
}

struct queue_smtp_outcome queue_smtp_deliver(struct queue_session *s)
{
	struct queue_smtp_outcome o;
	if (can_reuse(s)) {
		note_attempt(s, &s->host, wall_now(), true);
		if (send_all(s, &o))
			return o;
		smtpc_close(take(&s->smtp));
	}
	if (!open_connection(s, &o))
		return o;
	send_all(s, &o);
	return o;
}

void queue_smtp_close(struct queue_session *s)
{
	smtpc_quit(take(&s->smtp));
}
