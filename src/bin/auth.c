/*
 * The auth role: answers the logins that server processes ask about (auth_wire.h) and is the only
 * process that reads credentials. Every exchange is a struct login, named by a random handle
 * between its steps. Failures are counted by account and by network, and answered late.
 */
#include "bin/auth_failures.h"
#include "bin/auth_wire.h"
#include "bin/role.h"
#include "bin/sasl.h"

#include "base/list.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/rand.h"
#include "run/co.h"
#include "run/link.h"
#include "run/log.h"
#include "run/loop.h"
#include "run/metrics.h"
#include "run/pool.h"
#include "store/credential.h"
#include "store/directory.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

enum {
	LOGINS_MAX = 5000, /* exchanges under way */
	LOGIN_SECONDS = 300, /* the longest one */
	CONNECTIONS = 6, /* to the directory */
	NAME_MAX_COUNTED = 400,
};

METRIC_COUNTER(logins_ok, "posthouse_auth_logins_total", "result=\"ok\"", "Logins by result.");
METRIC_COUNTER(
	logins_failed, "posthouse_auth_logins_total", "result=\"failed\"", "Logins by result.");
METRIC_COUNTER(
	logins_refused, "posthouse_auth_logins_total", "result=\"refused\"", "Logins by result.");
METRIC_COUNTER(logins_temp, "posthouse_auth_logins_total", "result=\"temp\"", "Logins by result.");

/* One exchange between its first step and its end. */
struct login {
	struct list all;
	uint64_t handle;
	struct sasl *sasl;
	bool busy, cancelled;
	instant expires;
	char ip[64], mech[32], service[16];
	char network[64]; /* that counts for failures */
};

struct auth {
	struct role_env *env;
	const struct auth_conf *conf;
	struct sasl_library *library;
	struct map by_handle;
	struct list logins;
	unsigned nlogins;
	struct auth_failures by_login, by_network;
	struct auth_failures
		known; /* "login network" that succeeded lately: never locked out by others */
	struct connection {
		struct sql *directory, *credentials;
	} connections[CONNECTIONS];
	unsigned nfree;
	struct cond connection_free;
	unsigned hashing;
	struct cond hash_done;
};

/* ---- logins under way ---- */

static slice handle_key(const uint64_t *handle)
{
	return slice_of(handle, sizeof *handle);
}

static void login_free(struct auth *a, struct login *l)
{
	map_remove(&a->by_handle, handle_key(&l->handle));
	list_remove(&l->all);
	a->nlogins--;
	sasl_end(l->sasl);
	free(l);
}

/* The /64 of an IPv6 address: one customer has at least that. */
static void network_of(slice ip, char out[64])
{
	unsigned char raw[16];
	char text[64];
	snprintf(text, sizeof text, "%.*s", SFMT(slice_first(ip, 60)));
	snprintf(out, 64, "%s", text);
	if (!strchr(text, ':') || inet_pton(AF_INET6, text, raw) != 1)
		return;
	memset(raw + 8, 0, 8);
	inet_ntop(AF_INET6, raw, out, 64);
}

static struct login *login_new(struct auth *a, const struct auth_request *r, struct err *e)
{
	if (a->nlogins >= LOGINS_MAX) {
		err_set(e, ERR_TEMP, "too many logins under way");
		return NULL;
	}
	struct sasl *sasl = sasl_begin(a->library, r->mech, r->cb_type, r->cb_data, e);
	if (!sasl)
		return NULL;
	struct login *l = NEW(struct login);
	l->sasl = sasl;
	l->expires = instant_in(LOGIN_SECONDS * SECOND);
	snprintf(l->ip, sizeof l->ip, "%.*s", SFMT(slice_first(r->ip, 60)));
	snprintf(l->mech, sizeof l->mech, "%.*s", SFMT(slice_first(r->mech, 30)));
	snprintf(l->service, sizeof l->service, "%.*s", SFMT(slice_first(r->service, 14)));
	network_of(r->ip, l->network);
	do {
		l->handle = rand_u64();
	} while (l->handle == 0 || map_get(&a->by_handle, handle_key(&l->handle)));
	map_put(&a->by_handle, handle_key(&l->handle), l);
	list_append(&a->logins, &l->all);
	a->nlogins++;
	return l;
}

static void sweep(void *arg)
{
	struct auth *a = arg;
	struct err e;
	while (co_sleep(instant_in(30 * SECOND), &e) == 0) {
		list_each(it, &a->logins) {
			struct login *l = list_entry(it, struct login, all);
			if (!l->busy && l->expires < instant_now())
				login_free(a, l);
		}
	}
}

/* ---- one step, in the pool ---- */

struct step {
	struct login *login;
	struct connection *db;
	slice response, challenge;
	enum sasl_outcome outcome;
};

static int look_up(
	void *arg, slice login, struct arena *mem, struct sasl_verifier *ret, struct err *e)
{
	const struct connection *db = arg;
	struct credential c;
	slice canonical;
	if (!directory_canonical(login, mem, &canonical))
		return err_set(e, ERR_NOTFOUND, "no such account");
	if (credential_find(db->directory, db->credentials, canonical, mem, &c, e) < 0)
		return -1;
	*ret = (struct sasl_verifier){canonical, c.argon2, c.scram, c.disabled};
	return 0;
}

static void step_run(void *arg)
{
	struct step *s = arg;
	s->outcome = sasl_step(s->login->sasl, s->response, look_up, s->db, &s->challenge);
}

/* Waits for a connection and, when a password will be hashed, for memory to do so. */
static int step(struct auth *a, struct step *s, struct err *e)
{
	bool hash = sasl_will_hash(s->login->sasl);
	instant deadline = instant_in(30 * SECOND);
	while (hash && a->hashing >= a->conf->hashes_at_once)
		if (cond_wait(&a->hash_done, deadline, e) < 0)
			return -1;
	a->hashing += hash;
	int r = 0;
	while (a->nfree == 0 && r == 0)
		r = cond_wait(&a->connection_free, deadline, e);
	if (r == 0) {
		struct connection db = a->connections[--a->nfree];
		s->db = &db;
		pool_call(step_run, s);
		a->connections[a->nfree++] = db;
		cond_wake_one(&a->connection_free);
	}
	a->hashing -= hash;
	cond_wake_one(&a->hash_done);
	return r;
}

/* ---- judging ---- */

static slice known_name(slice login, const struct login *l, char out[NAME_MAX_COUNTED])
{
	int n = snprintf(
		out, NAME_MAX_COUNTED, "%.*s %s", SFMT(slice_first(login, 320)), l->network);
	return slice_of(out, (size_t)n);
}

static bool network_locked_out(struct auth *a, const struct login *l)
{
	return auth_failures_count(&a->by_network, slice_z(l->network), instant_now()) >=
	       a->conf->failures_per_ip;
}

/* Under one name in all its spellings: else each would have failures of its own. */
static slice counted_name(const struct login *l)
{
	slice canonical = sasl_login(l->sasl);
	return canonical.n ? canonical : sasl_name(l->sasl);
}

static const char *locked_out(struct auth *a, const struct login *l, slice name)
{
	char text[NAME_MAX_COUNTED];
	instant now = instant_now();
	if (network_locked_out(a, l))
		return "too many failures from this network";
	if (name.n && auth_failures_count(&a->by_login, name, now) >= a->conf->failures_per_login &&
		!auth_failures_count(&a->known, known_name(name, l, text), now))
		return "too many failures of this account";
	return NULL;
}

static void count_failure(struct auth *a, const struct login *l)
{
	instant now = instant_now();
	auth_failures_add(&a->by_network, slice_z(l->network), now);
	if (counted_name(l).n)
		auth_failures_add(&a->by_login, counted_name(l), now);
}

static void told(const struct login *l, const char *event, const char *why)
{
	log_info(NULL, event, F("service", l->service), F("mech", l->mech), F("ip", l->ip),
		F("login", sasl_name(l->sasl)), F("why", why));
}

/* The end of an exchange that the mechanism was content with, or not. */
static enum auth_outcome judge(
	struct auth *a, struct login *l, enum sasl_outcome outcome, const char **ret_why)
{
	char text[NAME_MAX_COUNTED];
	const char *locked = locked_out(a, l, counted_name(l));
	*ret_why = locked ? locked : sasl_why(l->sasl);
	if (outcome == SASL_TEMP) {
		metric_add(&logins_temp, 1);
		told(l, "auth.temp", *ret_why);
		return AUTH_TEMP;
	}
	if (outcome == SASL_OK && !locked) {
		metric_add(&logins_ok, 1);
		auth_failures_add(
			&a->known, known_name(sasl_login(l->sasl), l, text), instant_now());
		log_info(NULL, "auth.ok", F("service", l->service), F("mech", l->mech),
			F("ip", l->ip), F("login", sasl_login(l->sasl)));
		return AUTH_OK;
	}
	metric_add(locked ? &logins_refused : &logins_failed, 1);
	if (!locked)
		count_failure(a, l);
	told(l, locked ? "auth.refused" : "auth.failed", *ret_why);
	return AUTH_FAILED;
}

/* ---- requests ---- */

static void answer(struct link_request *r, const struct auth_reply *reply)
{
	AUTO(buf) struct buf out = BUF(AUTH_WIRE_MAX);
	auth_reply_encode(&out, reply);
	link_reply(r, buf_slice(&out));
}

static void proceed(struct auth *a, struct login *l, slice response, struct link_request *r)
{
	struct step s = {.login = l, .response = response};
	struct auth_reply reply = {.handle = l->handle};
	const char *why = "";
	struct err e;
	l->busy = true;
	/* Who guesses passwords does not keep the hashing from others. */
	bool shut = sasl_will_hash(l->sasl) && network_locked_out(a, l);
	int stepped = shut ? 0 : step(a, &s, &e);
	if (shut) {
		reply.outcome = AUTH_FAILED;
		why = "too many failures from this network";
		metric_add(&logins_refused, 1);
		told(l, "auth.refused", why);
	} else if (stepped < 0) {
		reply.outcome = AUTH_TEMP;
		why = e.text;
	} else if (s.outcome == SASL_MORE) {
		reply.outcome = AUTH_MORE;
	} else {
		reply.outcome = judge(a, l, s.outcome, &why);
	}
	if (reply.outcome == AUTH_FAILED)
		co_sleep(instant_in(a->conf->failure_delay), &e);
	reply.challenge =
		reply.outcome == AUTH_MORE || reply.outcome == AUTH_OK ? s.challenge : S("");
	reply.login = reply.outcome == AUTH_OK ? sasl_login(l->sasl) : S("");
	reply.why = slice_z(why);
	bool over = reply.outcome != AUTH_MORE || l->cancelled;
	l->busy = over; /* the next step may come while the answer still goes out */
	answer(r, &reply);
	if (over)
		login_free(a, l);
}

static void temp(struct link_request *r, const char *why)
{
	answer(r, &(struct auth_reply){.outcome = AUTH_TEMP, .why = slice_z(why)});
}

static void start(struct auth *a, const struct auth_request *q, struct link_request *r)
{
	struct err e;
	struct login *l = login_new(a, q, &e);
	if (!l) {
		answer(r, &(struct auth_reply){
				  .outcome = e.kind == ERR_TEMP ? AUTH_TEMP : AUTH_FAILED,
				  .why = slice_z(e.text)});
		return;
	}
	/* Without a response p stays NULL: LOGIN then asks its question first. */
	proceed(a, l,
		q->has_initial ? slice_of(q->response.p ? q->response.p : "", q->response.n)
			       : (slice){0},
		r);
}

static void on_request(void *arg, struct link_request *r, slice request)
{
	struct auth *a = arg;
	struct auth_request q;
	if (!auth_request_decode(request, &q)) {
		temp(r, "malformed request");
		return;
	}
	if (q.op == AUTH_START) {
		start(a, &q, r);
		return;
	}
	struct login *l = q.op == AUTH_STEP ? map_get(&a->by_handle, handle_key(&q.handle)) : NULL;
	if (!l || l->busy)
		temp(r, "unknown login: it took too long, or this process was replaced");
	else
		proceed(a, l, slice_of(q.response.p ? q.response.p : "", q.response.n), r);
}

static void on_message(void *arg, slice message)
{
	struct auth *a = arg;
	struct auth_request q;
	if (!auth_request_decode(message, &q) || q.op != AUTH_CANCEL)
		return;
	struct login *l = map_get(&a->by_handle, handle_key(&q.handle));
	if (!l)
		return;
	l->cancelled = true;
	if (!l->busy)
		login_free(a, l);
}

/* ---- the role ---- */

/* DATA/auth/secret: made once, so that unknown logins look the same after every restart. */
static int read_secret(slice data, unsigned char secret[SASL_SECRET], struct err *e)
{
	AUTO(arena) struct arena mem = {0};
	const char *path = arena_strz(&mem, arena_printf(&mem, "%.*s/auth/secret", SFMT(data)));
	AUTO(fd) int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || read(fd, secret, SASL_SECRET) != SASL_SECRET)
		return err_sys(e, fd < 0 ? errno : EIO, "%s", path);
	return 0;
}

static int open_connections(struct auth *a, struct err *e)
{
	AUTO(arena) struct arena mem = {0};
	slice data = a->env->config.server->data, secrets = credential_dir(data, &mem);
	for (a->nfree = 0; a->nfree < CONNECTIONS; a->nfree++) {
		struct connection *db = &a->connections[a->nfree];
		if (sql_open_read(data, "directory", &db->directory, e) < 0)
			return -1;
		if (sql_open_read(secrets, CREDENTIAL_DB, &db->credentials, e) < 0) {
			sql_close(db->directory);
			return -1;
		}
	}
	return 0;
}

static int auth_prepare(struct role_env *env, struct err *e)
{
	struct auth *a = NEW(struct auth);
	unsigned char secret[SASL_SECRET];
	env->self = a;
	a->env = env;
	a->conf = env->config.auth;
	list_init(&a->logins);
	cond_init(&a->connection_free);
	cond_init(&a->hash_done);
	auth_failures_init(&a->by_login, a->conf->failure_window, instant_now());
	auth_failures_init(&a->by_network, a->conf->failure_window, instant_now());
	auth_failures_init(&a->known, DAY, instant_now());
	if (read_secret(env->config.server->data, secret, e) < 0)
		return -1;
	return sasl_library_open(secret, &a->library, e);
}

/* Requests may be waiting already. */
static int auth_open(struct role_env *env, struct err *e)
{
	struct auth *a = env->self;
	co_go("auth.sweep", sweep, a);
	int r = open_connections(a, e);
	cond_wake_all(&a->connection_free);
	return r;
}

static void auth_link(void *arg, const char *role, unsigned instance, int fd)
{
	struct role_env *env = arg;
	const struct link_service service = {on_message, on_request, NULL, env->self};
	(void)instance;
	link_serve(role, fd, &service);
}

static void auth_stop(void *arg, enum proc_stop how, instant deadline)
{
	(void)arg, (void)how, (void)deadline; /* who asks now hears 454; the edges went before us */
	loop_stop();
}

static void auth_reload(void *arg, slice path, slice text)
{
	struct role_env *env = arg;
	struct auth *a = env->self;
	struct config fresh;
	struct err e;
	if (config_parse(text, path, &fresh, &e) < 0) {
		log_error(NULL, "auth.reload", F("error", &e));
		return;
	}
	config_done(&env->config);
	env->config = fresh;
	a->conf = env->config.auth;
	a->by_login.window = a->by_network.window = a->conf->failure_window;
	log_set_level((enum log_level)env->config.log->level);
}

static void auth_close(struct role_env *env)
{
	struct auth *a = env->self;
	list_each(it, &a->logins)
		login_free(a, list_entry(it, struct login, all));
	for (unsigned i = 0; i < a->nfree; i++) {
		sql_close(a->connections[i].directory);
		sql_close(a->connections[i].credentials);
	}
	map_done(&a->by_handle);
	auth_failures_done(&a->by_login);
	auth_failures_done(&a->by_network);
	auth_failures_done(&a->known);
	sasl_library_close(a->library);
	free(a);
}

const struct role auth_role = {
	.name = "auth",
	.prepare = auth_prepare,
	.open = auth_open,
	.orders = {.stop = auth_stop, .link = auth_link, .reload = auth_reload},
	.close = auth_close,
};
