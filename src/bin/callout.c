/*
 * Recipient verification by a question to the backend (callout.h), used by edge at RCPT. Answers
 * are remembered in two generations, so that memory is bounded; a backend that cannot be reached is
 * left alone for a while instead of making every sender wait.
 */
#include "bin/callout.h"

#include "base/map.h"
#include "base/mem.h"
#include "bin/way.h"
#include "run/co.h"
#include "run/log.h"
#include "run/metrics.h"

enum {
	AT_ONCE = 50, /* questions under way */
	DOWN_SECONDS = 30, /* an unreachable backend is not asked for so long */
};

METRIC_COUNTER(
	asked, "posthouse_callout_questions_total", "", "Questions to backends about recipients.");
METRIC_COUNTER(remembered, "posthouse_callout_remembered_total", "",
	"Such questions answered from memory.");
METRIC_COUNTER(
	unanswered, "posthouse_callout_unanswered_total", "", "Such questions without an answer.");

struct memory {
	instant expires;
	bool good;
	size_t n;
	char text[]; /* BAD: the reply */
};

struct callout {
	struct callout_config cfg;
	struct map now, before; /* address -> struct memory */
	struct map down; /* route -> instant until which it is left alone */
	struct hosts_health *health;
	unsigned under_way;
	struct cond fewer;
};

struct callout *callout_new(const struct callout_config *cfg)
{
	struct callout *c = NEW(struct callout);
	c->cfg = *cfg;
	c->health = hosts_health_new();
	cond_init(&c->fewer);
	return c;
}

static void forget_all(struct map *m)
{
	slice key;
	void *value;
	for (size_t i = 0; map_next(m, &i, &key, &value);)
		free(value);
	map_done(m);
	*m = (struct map){0};
}

void callout_free(struct callout *c)
{
	if (!c)
		return;
	forget_all(&c->now);
	forget_all(&c->before);
	forget_all(&c->down);
	hosts_health_free(c->health);
	free(c);
}

/* ---- memory ---- */

static bool recall(struct callout *c, slice key, struct arena *a, struct callout_answer *ret)
{
	const struct memory *m = map_get(&c->now, key);
	if (!m)
		m = map_get(&c->before, key);
	if (!m || m->expires < instant_now())
		return false;
	*ret = (struct callout_answer){
		m->good ? CALLOUT_GOOD : CALLOUT_BAD, arena_dup(a, slice_of(m->text, m->n))};
	metric_add(&remembered, 1);
	return true;
}

static void remember(struct callout *c, slice key, const struct callout_answer *answer)
{
	int64_t keep = answer->kind == CALLOUT_GOOD ? c->cfg.conf->good : c->cfg.conf->bad;
	if (answer->kind == CALLOUT_UNKNOWN || keep == 0)
		return;
	if (c->now.n >= (size_t)c->cfg.conf->entries / 2) {
		forget_all(&c->before);
		c->before = c->now;
		c->now = (struct map){0};
	}
	struct memory *m = mem_alloc(sizeof *m + answer->text.n);
	*m = (struct memory){instant_in(keep), answer->kind == CALLOUT_GOOD, answer->text.n};
	memcpy(m->text, answer->text.p ? answer->text.p : "", m->n);
	free(map_put(&c->now, key, m));
}

static bool is_down(struct callout *c, slice route)
{
	instant *until = map_get(&c->down, route);
	if (until && *until > instant_now())
		return true;
	free(map_remove(&c->down, route));
	return false;
}

static void set_down(struct callout *c, slice route)
{
	instant *until = NEW(instant);
	*until = instant_in(DOWN_SECONDS * SECOND);
	free(map_put(&c->down, route, until));
}

/* ---- asking ---- */

/* One question on its way to one backend. */
struct question {
	const struct route *route;
	struct way way;
	slice address;
	instant deadline; /* of all hosts together */
};

static struct smtpc_config session_config(const struct callout *c, const struct question *q,
	const struct host *h, const struct tls_policy *p)
{
	int64_t t = c->cfg.conf->timeout;
	struct smtpc_config cfg = way_config(&q->way, h, p);
	cfg.helo = c->cfg.helo;
	cfg.ctx = c->cfg.tls;
	cfg.timeouts = (struct smtpc_timeouts){
		.connect = t / 3, .greeting = t, .command = t, .quit = SECOND};
	cfg.deadline = q->deadline;
	return cfg;
}

/* A plain "no" to RCPT is about the recipient; everything else is about us or the system. */
static enum callout_kind judge(const struct smtpc_result *r)
{
	if (r->kind == SMTPC_OK)
		return CALLOUT_GOOD;
	return r->kind == SMTPC_PERM && r->stage == SMTPC_AT_RCPT && r->code ? CALLOUT_BAD
									     : CALLOUT_UNKNOWN;
}

/* True: this host gave an answer, maybe that it does not know. */
static bool ask_by(struct callout *c, const struct question *q, const struct host *h,
	struct tls_policy *p, struct arena *a, struct callout_answer *ret)
{
	AUTO(smtpc) struct smtpc *s = NULL;
	struct smtpc_result result = {0};
	struct smtpc_info info;
	struct err e;
	const struct smtpc_config cfg = session_config(c, q, h, p);
	if (smtpc_connect(&h->addr, NULL, &cfg, &s, &e) < 0) {
		*ret = (struct callout_answer){CALLOUT_UNKNOWN, arena_dup(a, slice_z(e.text))};
		smtpc_info(s, &info);
		if (info.tls_failed && p->level == TLS_LEVEL_MAYBE) {
			smtpc_close(take(&s));
			p->level = TLS_LEVEL_NEVER;
			return ask_by(c, q, h, p, a, ret);
		}
		hosts_health_failed(c->health, &h->addr, instant_now());
		return false;
	}
	hosts_health_ok(c->health, &h->addr);
	smtpc_probe(s, S(""), q->address, a, &result);
	*ret = (struct callout_answer){judge(&result), result.text};
	smtpc_quit(take(&s));
	return true;
}

static bool ask_host(struct callout *c, const struct question *q, const struct host *h,
	struct arena *a, struct callout_answer *ret)
{
	const struct tls_rules rules = way_rules(&q->way, c->cfg.dns);
	const struct tls_domain domain = {.rules = &rules};
	enum tls_failure failure;
	struct tls_policy p;
	struct result why;
	if (tls_policy_host(&domain, h, q->deadline, a, &p, &why, &failure) == 0)
		return ask_by(c, q, h, &p, a, ret);
	*ret = (struct callout_answer){CALLOUT_UNKNOWN, why.text};
	return false;
}

static void ask_route(
	struct callout *c, const struct question *q, struct arena *a, struct callout_answer *ret)
{
	static const struct hosts_self nobody;
	struct result why = {0};
	struct host *hosts;
	size_t n;
	const struct hosts_want want = {
		.dns = c->cfg.dns,
		.self = &nobody,
		.health = c->health,
		.port = q->way.port,
		.deadline = q->deadline,
		.now = instant_now(),
	};
	*ret = (struct callout_answer){CALLOUT_UNKNOWN, S("")};
	if (hosts_for_route(&want, q->way.hosts, a, &hosts, &n, &why) < 0) {
		ret->text = why.text;
		return;
	}
	for (size_t i = 0; i < n && instant_now() < want.deadline; i++)
		if (ask_host(c, q, &hosts[i], a, ret))
			return;
	set_down(c, q->route->name);
}

static int wait_turn(struct callout *c, instant deadline, struct err *e)
{
	while (c->under_way >= AT_ONCE)
		if (cond_wait(&c->fewer, deadline, e) < 0)
			return -1;
	c->under_way++;
	return 0;
}

static void ask(struct callout *c, slice route_name, slice address, struct arena *a,
	struct callout_answer *ret)
{
	struct route route;
	struct err e;
	struct question q = {
		.route = &route, .address = address, .deadline = instant_in(c->cfg.conf->timeout)};
	*ret = (struct callout_answer){
		CALLOUT_UNKNOWN, S("the backend did not answer a moment ago")};
	if (is_down(c, route_name))
		return;
	if (wait_turn(c, q.deadline, &e) < 0) {
		ret->text = S("too many questions under way");
		return;
	}
	metric_add(&asked, 1);
	if (directory_get_route(c->cfg.directory, route_name, a, &route, &e) == 0) {
		q.way = way_by_route(&route, c->cfg.delivery);
		ask_route(c, &q, a, ret);
	} else {
		ret->text = arena_dup(a, slice_z(e.text));
	}
	c->under_way--;
	cond_wake_one(&c->fewer);
	if (ret->kind == CALLOUT_UNKNOWN)
		log_warn(NULL, "callout.unanswered", F("route", route_name), F("why", ret->text));
}

void callout_ask(
	struct callout *c, slice route, slice address, struct arena *a, struct callout_answer *ret)
{
	slice key = address;
	directory_canonical(address, a, &key);
	if (recall(c, key, a, ret))
		return;
	ask(c, route, address, a, ret);
	if (ret->kind == CALLOUT_UNKNOWN)
		metric_add(&unanswered, 1);
	remember(c, key, ret);
}
