/*
 * The door in the edge process (edge_door.h): opening it, the connection, HELO, logins.
 */
#include "bin/edge_door.h"

#include "base/mem.h"
#include "codec/address.h"
#include "defence/fingerprint.h"
#include "defence/autowhite.h"
#include "defence/dnsbl.h"
#include "defence/greylist.h"
#include "defence/mirror.h"
#include "defence/rate.h"
#include "defence/reputation.h"
#include "run/metrics.h"
#include "store/kv.h"
#include "store/list.h"

#define STRESS_WAIT (10 * SECOND)

METRIC_COUNTER(slowed, "posthouse_door_verdicts_total", "action=\"slow\"", "Verdicts on callers.");
METRIC_COUNTER(marked, "posthouse_door_verdicts_total", "action=\"mark\"", "Verdicts on callers.");
METRIC_COUNTER(
	greylisted, "posthouse_door_verdicts_total", "action=\"greylist\"", "Verdicts on callers.");
METRIC_COUNTER(
	deferred, "posthouse_door_verdicts_total", "action=\"defer\"", "Verdicts on callers.");
METRIC_COUNTER(
	rejected, "posthouse_door_verdicts_total", "action=\"reject\"", "Verdicts on callers.");
METRIC_COUNTER(dropped, "posthouse_door_verdicts_total", "action=\"drop\"", "Verdicts on callers.");

static struct metric *const verdicts[DOOR_ACTIONS] = {
	[DOOR_MARK] = &marked,
	[DOOR_SLOW] = &slowed,
	[DOOR_GREYLIST] = &greylisted,
	[DOOR_DEFER] = &deferred,
	[DOOR_REJECT] = &rejected,
	[DOOR_DROP] = &dropped,
};

/* ---- the process ---- */

bool edge_is_ours(struct edge *e, slice domain)
{
	AUTO(arena) struct arena a = {0};
	struct rcpt_answer answer;
	struct err err;
	slice name;
	if (!domain_to_ascii(domain, &a, &name))
		return false;
	slice address = arena_printf(&a, "postmaster@%.*s", SFMT(name));
	return directory_rcpt(e->directory, address, &a, &answer, &err) == 0 &&
	       answer.kind != RCPT_UNKNOWN_DOMAIN;
}

static bool is_ours(void *arg, slice domain)
{
	return edge_is_ours(arg, domain);
}

static int open_memory(struct edge *e, struct edge_door *d, struct err *err)
{
	const struct conf *conf = e->config->conf;
	int fd = proc_start_take(&e->env->start, "rates");
	int r = rates_open(fd, e->kv, &d->rates, err);
	if (fd >= 0)
		close(fd);
	if (r < 0 || lists_open(e->config->server->data, &d->lists, err) < 0)
		return -1;
	d->reputation = reputation_open(e->kv, conf_get(conf, &reputation_section));
	d->fingerprints =
		fingerprints_open(e->kv, conf_get(conf, &fingerprints_section));
	d->greylist = greylist_open(e->kv, conf_get(conf, &greylist_section));
	d->autowhite = autowhite_open(e->kv, conf_get(conf, &autowhite_section));
	d->mirrors = mirrors_open(conf, e->config->server->data);
	return dnsbls_open(conf, &e->lookup, d->mirrors, &d->dnsbls, err);
}

int edge_door_open(struct edge *e, struct err *err)
{
	struct edge_door *d = NEW(struct edge_door);
	e->door = d;
	if (open_memory(e, d, err) < 0)
		return -1;
	d->brake = edge_brake_new(e);
	const struct door_config c = {
		.conf = e->config->conf,
		.lookup = &e->lookup,
		.rates = d->rates,
		.kv = e->kv,
		.dnsbls = d->dnsbls,
		.lists = d->lists,
		.reputation = d->reputation,
		.greylist = d->greylist,
		.autowhite = d->autowhite,
		.hostname = e->config->hostname,
		.ours = is_ours,
		.arg = e,
	};
	return door_new(&c, &d->door, err);
}

void edge_door_close(struct edge *e)
{
	struct edge_door *d = take(&e->door);
	if (!d)
		return;
	door_free(d->door);
	edge_brake_free(d->brake);
	dnsbls_close(d->dnsbls);
	mirrors_close(d->mirrors);
	autowhite_close(d->autowhite);
	greylist_close(d->greylist);
	fingerprints_close(d->fingerprints);
	reputation_close(d->reputation);
	lists_close(d->lists);
	rates_close(d->rates);
	free(d);
}

/* ---- the connection ---- */

static bool has_door(const struct smtpd_service *service, const struct net_addr *peer)
{
	return service->conf->kind != SMTPD_LMTP && peer->ss.ss_family != AF_UNIX;
}

static struct door_caller caller(const struct edge *e, const struct smtpd_service *service,
	const struct net_addr *ip, bool trusted)
{
	enum door_service what = service->require_auth    ? DOOR_SUBMISSION
				 : service->require_trust ? DOOR_INTERNAL
							  : DOOR_MX;
	return (struct door_caller){
		.ip = *ip, .service = what, .trusted = trusted, .open = census_from(e->census, ip)};
}

bool edge_door_knock(struct edge *e, const struct smtpd_service *service,
	const struct net_addr *peer, struct door_verdict *ret)
{
	if (!e->door || !has_door(service, peer))
		return true;
	bool trusted = edge_in_nets(&service->conf->trusted, peer);
	const struct door_caller c = caller(e, service, peer, trusted);
	door_knock(e->door->door, &c, ret);
	if (!door_refuses(ret))
		return true;
	metric_add(verdicts[ret->action], 1);
	return false;
}

int edge_door_obey(struct edge_session *s, const struct door_verdict *v, struct smtpd_refusal *no)
{
	struct err e;
	if (v->delay) {
		metric_add(&slowed, 1);
		co_sleep(instant_in(v->delay), &e);
	}
	if (verdicts[v->action])
		metric_add(verdicts[v->action], 1);
	if (!door_refuses(v))
		return 0;
	log_info(&s->log, "door.refused", F("action", door_action_name(v->action)),
		F("reason", v->reason), F("why", (const char *)v->why));
	smtpd_refuse(no, v->code, v->status, "%s", v->text);
	err_set(&no->err, v->code < 500 ? ERR_TEMP : ERR_DENIED, "%s: %s", v->reason, v->why);
	no->hang_up |= v->action == DOOR_DROP;
	return -1;
}

static void put(int64_t *limit, int64_t configured, int64_t number)
{
	*limit = number ? number : configured;
}

/* Nearly all connections are taken: patience with strangers is short. */
static void hurry(const struct edge_session *s, struct smtpd_limits *l)
{
	const struct connections_conf *c = s->edge->config->connections;
	if (door_source(s->visit)->cls < SOURCE_UNKNOWN || s->client->login.n ||
		census_total(s->edge->census) * 100 < c->max * c->stress)
		return;
	int64_t *const waits[] = {&l->timeout_hello, &l->timeout_command, &l->timeout_data};
	for (size_t i = 0; i < sizeof waits / sizeof *waits; i++)
		if (*waits[i] > STRESS_WAIT)
			*waits[i] = STRESS_WAIT;
}

void edge_door_limits(struct edge_session *s)
{
	const int64_t *n = door_source(s->visit)->numbers;
	const struct smtpd_conf *c = s->service->conf;
	struct smtpd_limits *l = &s->client->limits;
	put(&l->max_size, c->max_size, n[NUMBER_SIZE]);
	put(&l->max_header, c->max_header, n[NUMBER_HEADER]);
	put(&l->max_rcpts, c->max_rcpts, n[NUMBER_RCPTS]);
	put(&l->max_transactions, c->max_transactions, n[NUMBER_MESSAGES]);
	put(&l->max_commands, c->max_commands, n[NUMBER_COMMANDS]);
	put(&l->max_errors, c->max_errors, n[NUMBER_ERRORS]);
	put(&l->max_unknown, c->max_unknown, n[NUMBER_UNKNOWN]);
	put(&l->timeout_command, c->timeout_command, n[NUMBER_IDLE]);
	put(&l->timeout_data, c->timeout_data, n[NUMBER_IDLE]);
	put(&l->timeout_hello, l->timeout_command, n[NUMBER_HELLO]);
	put(&l->greet_delay, c->greet_delay, n[NUMBER_GREET]);
	hurry(s, l);
}

/* The client behind a proxy has not knocked yet. */
static bool knocks_now(const struct edge_session *s)
{
	return s->client->proxied || s->client->xclient;
}

int edge_door_connect(struct edge_session *s, struct smtpd_refusal *no)
{
	struct edge *e = s->edge;
	struct smtpd_client *c = s->client;
	struct door_verdict v;
	door_leave(take(&s->visit), &(struct door_end){0});
	if (!e->door || !has_door(s->service, &c->peer))
		return 0;
	const struct door_caller who = caller(e, s->service, &c->peer, c->trusted);
	if (knocks_now(s)) {
		door_knock(e->door->door, &who, &v);
		if (edge_door_obey(s, &v, no) < 0) {
			no->hang_up = true;
			return -1;
		}
	}
	s->visit = door_enter(e->door->door, &who, &v);
	edge_door_limits(s);
	if (edge_door_obey(s, &v, no) == 0)
		return 0;
	no->hang_up = true;
	return -1;
}

int edge_door_helo(struct edge_session *s, struct smtpd_refusal *no)
{
	const struct smtpd_client *c = s->client;
	struct door_verdict v;
	if (!s->visit)
		return 0;
	const struct door_helo h = {.name = c->helo,
		.odd = c->helo_odd,
		.esmtp = c->esmtp,
		.tls = c->tls_version != NULL,
		.early = c->early};
	door_helo(s->visit, &h, &v);
	return edge_door_obey(s, &v, no);
}

/* ---- logins ---- */

bool edge_door_may_login(struct edge_session *s, slice *ret_why)
{
	struct door_verdict v;
	struct smtpd_refusal no = {0};
	if (!s->visit)
		return true;
	door_may_login(s->visit, &v);
	if (edge_door_obey(s, &v, &no) == 0)
		return true;
	*ret_why = slice_z(v.reason);
	return false;
}

void edge_door_login(struct edge_session *s, slice login, bool ok)
{
	if (!s->visit)
		return;
	door_login(s->visit, login, ok);
	edge_door_limits(s);
}

/* ---- the end ---- */

void edge_door_end(struct edge_session *s, const struct smtpd_summary *sum)
{
	slice end = slice_z(sum->end);
	const struct door_end what = {.commands = sum->commands,
		.errors = sum->errors,
		.auth_failures = sum->auth_failures,
		.nonsense = slice_eq(end, S("nonsense")),
		.early = slice_eq(end, S("early")),
		.unsync = slice_eq(end, S("sync")),
		.harvest = slice_eq(end, S("harvest")),
		.cut = slice_eq(end, S("errors")) || slice_eq(end, S("commands"))};
	door_leave(take(&s->visit), &what);
}
