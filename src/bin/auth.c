/*
 * The auth role: answers the logins that server processes ask about (auth_wire.h) and is the only
 * process that reads credentials. Every exchange is a struct auth_login, named by a random handle
 * between its steps; what happens in one is in auth_login.c.
 */
#include "base/mem.h"
#include "base/rand.h"
#include "bin/auth_impl.h"
#include "bin/identity_conf.h"
#include "run/link.h"
#include "run/log.h"
#include "run/loop.h"
#include "run/pool.h"
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <unistd.h>

enum {
	FORGET_MINUTES = 30, /* between looks for credentials of nobody */
	LOGINS_MAX = 5000, /* exchanges under way */
	LOGIN_SECONDS = 300, /* the longest one */
};

/* ---- logins under way ---- */

static slice handle_key(const uint64_t *handle)
{
	return slice_of(handle, sizeof *handle);
}

static void login_free(struct auth *a, struct auth_login *l)
{
	map_remove(&a->by_handle, handle_key(&l->handle));
	list_remove(&l->all);
	a->nlogins--;
	sasl_end(l->sasl);
	free(l);
}

static struct auth_login *login_new(struct auth *a, const struct auth_request *r, struct err *e)
{
	if (a->nlogins >= LOGINS_MAX) {
		err_set(e, ERR_TEMP, "too many logins under way");
		return NULL;
	}
	struct sasl *sasl = sasl_begin(a->library, r->mech, r->cb_type, r->cb_data, e);
	if (!sasl)
		return NULL;
	struct auth_login *l = NEW(struct auth_login);
	l->sasl = sasl;
	l->can_code = r->can_code;
	l->secure = r->secure;
	l->expires = instant_in(LOGIN_SECONDS * SECOND);
	snprintf(l->ip, sizeof l->ip, "%.*s", SFMT(slice_first(r->ip, 60)));
	snprintf(l->mech, sizeof l->mech, "%.*s", SFMT(slice_first(r->mech, 30)));
	snprintf(l->service, sizeof l->service, "%.*s", SFMT(slice_first(r->service, 14)));
	snprintf(l->client, sizeof l->client, "%.*s", SFMT(slice_first(r->client, 96)));
	auth_network_of(r->ip, l->network);
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
			struct auth_login *l = list_entry(it, struct auth_login, all);
			if (!l->busy && l->expires < instant_now())
				login_free(a, l);
		}
	}
}

/* ---- passwords of accounts that the keeper has purged ---- */

static void forget_in_pool(void *arg)
{
	const struct auth *a = arg;
	struct sql *directory = NULL, *credentials = NULL;
	struct err e;
	int64_t n = -1;
	if (sql_open_read(a->env->config.server->data, "directory", &directory, &e) == 0 &&
		credential_open(a->env->config.server->data, &credentials, &e) == 0)
		n = credential_sweep(directory, credentials, &e);
	sql_close(directory);
	sql_close(credentials);
	if (n < 0)
		log_warn(NULL, "auth.forget", F("error", &e));
	else if (n > 0)
		log_info(NULL, "auth.forgot", F("accounts", n));
}

static void forget(void *arg)
{
	struct err e;
	while (co_sleep(instant_in(FORGET_MINUTES * MINUTE), &e) == 0)
		pool_call(forget_in_pool, arg);
}

/* ---- connections ---- */

struct db_job {
	void (*fn)(void *arg, struct auth_db *db);
	void *arg;
	struct auth_db db;
};

static void db_run(void *arg)
{
	struct db_job *j = arg;
	j->fn(j->arg, &j->db);
}

int auth_with_db(struct auth *a, void (*fn)(void *arg, struct auth_db *db), void *arg,
	instant deadline, struct err *e)
{
	struct db_job j = {fn, arg, {0}};
	while (a->nfree == 0)
		if (cond_wait(&a->connection_free, deadline, e) < 0)
			return -1;
	j.db = a->connections[--a->nfree];
	pool_call(db_run, &j);
	a->connections[a->nfree++] = j.db;
	cond_wake_one(&a->connection_free);
	return 0;
}

/* ---- requests ---- */

static void answer(struct link_request *r, const struct auth_reply *reply)
{
	AUTO(buf) struct buf out = BUF(AUTH_WIRE_MAX);
	auth_reply_encode(&out, reply);
	link_reply(r, buf_slice(&out));
}

static void proceed(struct auth *a, struct auth_login *l, slice response, struct link_request *r)
{
	AUTO(arena) struct arena mem = {0};
	struct auth_reply reply = {.handle = l->handle};
	l->busy = true;
	auth_login_step(a, l, response, &mem, &reply);
	bool over = (reply.outcome != AUTH_MORE && reply.outcome != AUTH_CODE) || l->cancelled;
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
	struct auth_login *l = login_new(a, q, &e);
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
	if (request.n && request.p[0] == AUTH_STILL) {
		auth_still_request(a, r, request);
		return;
	}
	if (!auth_request_decode(request, &q)) {
		temp(r, "malformed request");
		return;
	}
	if (q.op == AUTH_START) {
		start(a, &q, r);
		return;
	}
	struct auth_login *l =
		q.op == AUTH_STEP ? map_get(&a->by_handle, handle_key(&q.handle)) : NULL;
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
	struct auth_login *l = map_get(&a->by_handle, handle_key(&q.handle));
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

static void close_db(struct auth_db *db)
{
	sql_close(db->directory);
	sql_close(db->credentials);
	sql_close(db->logins);
}

static int open_connections(struct auth *a, struct err *e)
{
	AUTO(arena) struct arena mem = {0};
	slice data = a->env->config.server->data, secrets = credential_dir(data, &mem);
	for (a->nfree = 0; a->nfree < AUTH_CONNECTIONS; a->nfree++) {
		struct auth_db db = {0};
		if (sql_open_read(data, "directory", &db.directory, e) < 0 ||
			sql_open_read(secrets, CREDENTIAL_DB, &db.credentials, e) < 0 ||
			sql_open_read(secrets, LOGIN_DB, &db.logins, e) < 0) {
			close_db(&db);
			return -1;
		}
		a->connections[a->nfree] = db;
	}
	return 0;
}

static int64_t ldap_remember(const struct role_env *env)
{
	const struct ldap_conf *c = conf_get(env->config.conf, &ldap_section);
	return c->remember;
}

/* What a password's hash needs (megabytes, for milliseconds) comes from the system and goes back to it: else each thread of the
 * pool would keep that much for good. */
enum { LARGE_BLOCK = 1 << 20 };

static int auth_prepare(struct role_env *env, struct err *e)
{
	mallopt(M_MMAP_THRESHOLD, LARGE_BLOCK);
	struct auth *a = NEW(struct auth);
	unsigned char secret[SASL_SECRET];
	env->self = a;
	a->env = env;
	a->conf = env->config.auth;
	a->rule = conf_get(env->config.conf, &password_section);
	list_init(&a->logins);
	cond_init(&a->connection_free);
	cond_init(&a->hash_done);
	auth_failures_init(&a->by_login, a->conf->failure_window, instant_now());
	auth_failures_init(&a->by_network, a->conf->failure_window, instant_now());
	auth_failures_init(&a->guessed, a->conf->failure_window, instant_now());
	auth_failures_init(&a->known, DAY, instant_now());
	auth_cache_init(&a->cache, a->conf->remember, instant_now());
	auth_cache_init(&a->ldap_cache, ldap_remember(env), instant_now());
	a->identity = link_new("identity");
	a->log = auth_log_new(a);
	a->places = auth_places_new(a, e);
	if (!a->places)
		return -1;
	if (read_secret(env->config.server->data, secret, e) < 0)
		return -1;
	credential_keys_of(secret, &a->keys);
	int r = sasl_library_open(secret, &a->library, e);
	OPENSSL_cleanse(secret, sizeof secret);
	return r;
}

/* Requests may be waiting already. */
static int auth_open(struct role_env *env, struct err *e)
{
	struct auth *a = env->self;
	co_go("auth.sweep", sweep, a);
	co_go("auth.outbound", auth_outbound_watch, a);
	co_go("auth.forget", forget, a);
	int r = auth_log_open(a->log, e);
	if (r == 0)
		r = open_connections(a, e);
	cond_wake_all(&a->connection_free);
	return r;
}

static void auth_link(void *arg, const char *role, unsigned instance, int fd)
{
	struct role_env *env = arg;
	struct auth *a = env->self;
	const struct link_service service = {on_message, on_request, NULL, a};
	(void)instance;
	if (strcmp(role, "identity") == 0)
		link_attach(a->identity, fd);
	else
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
	a->rule = conf_get(env->config.conf, &password_section);
	a->by_login.window = a->by_network.window = a->guessed.window = a->conf->failure_window;
	a->cache.window = a->conf->remember;
	a->ldap_cache.window = ldap_remember(env);
	log_set_level((enum log_level)env->config.log->level);
}

static void auth_close(struct role_env *env)
{
	struct auth *a = env->self;
	list_each(it, &a->logins)
		login_free(a, list_entry(it, struct auth_login, all));
	for (unsigned i = 0; i < a->nfree; i++)
		close_db(&a->connections[i]);
	map_done(&a->by_handle);
	auth_failures_done(&a->by_login);
	auth_failures_done(&a->by_network);
	auth_failures_done(&a->known);
	auth_failures_done(&a->guessed);
	auth_cache_done(&a->cache);
	auth_cache_done(&a->ldap_cache);
	link_free(a->identity);
	auth_places_free(a->places);
	auth_log_free(a->log);
	auth_bans_forget(a);
	OPENSSL_cleanse(&a->keys, sizeof a->keys);
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
