/*
 * The identity role (identity.h): answers the auth process, takes people and groups over now and then. Passwords and tokens pass through it and are
 * kept nowhere; it cannot read credentials.
 */
#include "bin/identity.h"

#include "base/mem.h"
#include "bin/identity_wire.h"
#include "run/link.h"
#include "run/log.h"
#include "run/loop.h"
#include "run/metrics.h"
#include "run/pool.h"

METRIC_COUNTER(asked_yes, "posthouse_identity_asked_total", "answer=\"yes\"",
	"Passwords and tokens that others were asked about.");
METRIC_COUNTER(asked_no, "posthouse_identity_asked_total", "answer=\"no\"",
	"Passwords and tokens that others were asked about.");
METRIC_COUNTER(asked_temp, "posthouse_identity_asked_total", "answer=\"temp\"",
	"Passwords and tokens that others were asked about.");

enum { ASKED_AT_ONCE = 8, NAMES_WAIT_S = 5, SYNC_FIRST_S = 5, SYNC_RETRY_S = 300 };

struct identity {
	struct role_env *env;
	const struct ldap_conf *ldap;
	struct dns *dns;
	struct oidc *oidc;
	unsigned busy; /* threads that wait for directory servers */
	struct cond freed;
};

/* ---- servers ---- */

struct ldap_client identity_ldap(
	const struct config *c, struct dns *dns, instant deadline, struct arena *a)
{
	const struct ldap_conf *conf = conf_get(c->conf, &ldap_section);
	struct ldap_server *v = ARENA_ARRAY(a, struct ldap_server, LDAP_SERVERS_MAX);
	size_t n = ldap_servers(conf, v);
	for (size_t i = 0; i < n; i++) {
		struct dns_addr_answer found;
		struct net_addr literal;
		struct err e;
		if (net_from_ip(v[i].host, v[i].port, &literal, &e) == 0) {
			v[i].addr[v[i].n++] = literal;
			continue;
		}
		if (dns_addr(dns, v[i].host, deadline, a, &found, &e) < 0)
			continue;
		for (size_t k = 0; k < found.n && v[i].n < LDAP_ADDRESSES_MAX; k++) {
			char ip[NET_TEXT_MAX];
			size_t len = net_print_ip(&found.v[k], ip);
			if (net_from_ip(slice_of(ip, len), v[i].port, &v[i].addr[v[i].n], &e) == 0)
				v[i].n++;
		}
	}
	return (struct ldap_client){
		.conf = conf, .ca = conf->ca.n ? conf->ca : c->tls->ca, .servers = v, .n = n};
}

/* ---- requests ---- */

struct bind_job {
	const struct ldap_client *ldap;
	const struct identity_request *q;
	int result;
	struct err e;
};

static void bind_run(void *arg)
{
	struct bind_job *j = arg;
	j->result = ldap_check(j->ldap, j->q->login, j->q->id, j->q->secret, &j->e);
}

static int check_bind(
	struct identity *d, const struct identity_request *q, struct arena *a, struct err *e)
{
	instant deadline = instant_in(30 * SECOND);
	if (!ldap_wanted(d->ldap))
		return err_set(e, ERR_TEMP, "[ldap] names no server");
	struct ldap_client ldap =
		identity_ldap(&d->env->config, d->dns, instant_in(NAMES_WAIT_S * SECOND), a);
	while (d->busy >= ASKED_AT_ONCE)
		if (cond_wait(&d->freed, deadline, e) < 0)
			return -1;
	struct bind_job j = {.ldap = &ldap, .q = q};
	d->busy++;
	pool_call(bind_run, &j);
	d->busy--;
	cond_wake_one(&d->freed);
	if (j.result < 0)
		*e = j.e;
	return j.result;
}

static int check_token(struct identity *d, const struct identity_request *q, struct arena *a,
	slice *ret_login, struct err *e)
{
	if (!d->oidc)
		return err_set(e, ERR_DENIED, "[oidc] names no issuer");
	return oidc_token(d->oidc, q->secret, a, ret_login, e);
}

static void on_request(void *arg, struct link_request *r, slice request)
{
	struct identity *d = arg;
	AUTO(arena) struct arena a = {0};
	AUTO(buf) struct buf out = BUF(IDENTITY_WIRE_MAX);
	struct identity_request q;
	struct identity_reply reply = {0};
	struct err e = {0};
	int result = -1;
	if (!identity_request_decode(request, &q))
		err_set(&e, ERR_TEMP, "malformed request");
	else
		result = q.op == IDENTITY_BIND ? check_bind(d, &q, &a, &e)
					       : check_token(d, &q, &a, &reply.login, &e);
	reply.outcome = result == 0            ? IDENTITY_YES
			: e.kind == ERR_DENIED ? IDENTITY_NO
					       : IDENTITY_TEMP;
	if (result < 0)
		reply.why = slice_z(e.text);
	metric_add(reply.outcome == IDENTITY_YES  ? &asked_yes
		   : reply.outcome == IDENTITY_NO ? &asked_no
						  : &asked_temp,
		1);
	if (reply.outcome == IDENTITY_TEMP)
		log_warn(NULL, "identity.unavailable", F("why", &e));
	identity_reply_encode(&out, &reply);
	link_reply(r, buf_slice(&out));
}

/* ---- taking people over ---- */

struct sync_job {
	const struct config *config;
	const struct ldap_client *ldap;
	struct arena *a;
	struct identity_sync done;
	int result;
	struct err e;
};

static void sync_run(void *arg)
{
	struct sync_job *j = arg;
	j->result = identity_sync(j->config, j->ldap, j->a, &j->done, &j->e);
}

static bool sync_once(struct identity *d)
{
	AUTO(arena) struct arena a = {0};
	struct ldap_client ldap =
		identity_ldap(&d->env->config, d->dns, instant_in(NAMES_WAIT_S * SECOND), &a);
	struct sync_job j = {.config = &d->env->config, .ldap = &ldap, .a = &a};
	pool_call(sync_run, &j);
	if (j.result < 0)
		log_error(NULL, "identity.sync", F("error", &j.e));
	else
		log_info(NULL, "identity.sync", F("people", j.done.people),
			F("added", j.done.added), F("changed", j.done.changed),
			F("gone", j.done.gone), F("back", j.done.back),
			F("skipped", j.done.skipped), F("groups", j.done.groups),
			F("braked", j.done.braked));
	return j.result == 0;
}

static void syncer(void *arg)
{
	struct identity *d = arg;
	struct err e;
	int64_t wait = SYNC_FIRST_S * SECOND;
	while (co_sleep(instant_in(wait), &e) == 0) {
		bool fine = !ldap_wanted(d->ldap) || d->ldap->sync_every == 0 || sync_once(d);
		wait = d->ldap->sync_every ? d->ldap->sync_every : MINUTE;
		if (!fine && wait > SYNC_RETRY_S * SECOND)
			wait = SYNC_RETRY_S * SECOND;
	}
}

/* ---- the role ---- */

static int identity_prepare(struct role_env *env, struct err *e)
{
	struct identity *d = NEW(struct identity);
	(void)e;
	env->self = d;
	d->env = env;
	d->ldap = conf_get(env->config.conf, &ldap_section);
	cond_init(&d->freed);
	return 0;
}

static void warm_up(void *arg)
{
	struct identity *d = arg;
	oidc_warm_up(d->oidc);
}

static int identity_open(struct role_env *env, struct err *e)
{
	struct identity *d = env->self;
	if (dns_open(env->config.dns, &d->dns, e) < 0)
		return -1;
	if (oidc_wanted(conf_get(env->config.conf, &oidc_section)))
		d->oidc = oidc_new(&env->config, d->dns);
	co_go("identity.sync", syncer, d);
	if (d->oidc) {
		co_go("identity.keys", warm_up, d);
		oidc_wait_warm(d->oidc);
	}
	return 0;
}

static void identity_link(void *arg, const char *role, unsigned instance, int fd)
{
	struct role_env *env = arg;
	const struct link_service service = {NULL, on_request, NULL, env->self};
	(void)instance;
	link_serve(role, fd, &service);
}

static void identity_stop(void *arg, enum proc_stop how, instant deadline)
{
	(void)arg, (void)how, (void)deadline; /* who asks now is asked to come again */
	loop_stop();
}

static void identity_close(struct role_env *env)
{
	struct identity *d = env->self;
	oidc_free(d->oidc);
	dns_close(d->dns);
	free(d);
}

const struct role identity_role = {
	.name = "identity",
	.prepare = identity_prepare,
	.open = identity_open,
	.orders = {.stop = identity_stop, .link = identity_link},
	.close = identity_close,
};
