/*
 * The keys role: the only process that reads private keys. It signs digests and makes HMACs for the
 * edges and the queue process (keys_wire.h), and notices within a second when the command line has
 * changed the keyring. It cannot reach the network and reads nothing else.
 *
 * RSA runs in the pool's threads; everything else takes microseconds and runs right here.
 */
#include "bin/keys_ring.h"
#include "bin/role.h"

#include "base/mem.h"
#include "run/co.h"
#include "run/link.h"
#include "run/log.h"
#include "run/loop.h"
#include "run/metrics.h"
#include "run/pool.h"
#include <unistd.h>

METRIC_COUNTER(signed_rsa, "posthouse_keys_signatures_total", "algorithm=\"rsa\"",
	"Signatures made, by algorithm.");
METRIC_COUNTER(signed_ed25519, "posthouse_keys_signatures_total", "algorithm=\"ed25519\"",
	"Signatures made, by algorithm.");
METRIC_COUNTER(hmacs, "posthouse_keys_hmacs_total", "", "HMACs made.");
METRIC_COUNTER(refusals, "posthouse_keys_refusals_total", "", "Requests refused.");
METRIC_GAUGE(active_keys, "posthouse_keys_active", "", "Keys that sign.");
METRIC_DURATION(sign_seconds, "posthouse_keys_sign_seconds", "", "Time one signature took.");

enum { CHECK_EVERY_MS = 1000 };

struct keys {
	struct role_env *env;
	struct sql *db;
	struct keys_ring *ring; /* NULL: not read yet */
	uint64_t version;
	instant checked_at;
	bool checking;
	struct cond checked;
};

/* ---- noticing changes ---- */

struct look {
	struct sql *db;
	uint64_t known, version;
	struct keys_ring *fresh; /* NULL: nothing has changed */
	int result;
	struct err e;
};

/* The version first: what changes between the two is read again at the next look. */
static void look(void *arg)
{
	struct look *l = arg;
	l->result = keyring_version(l->db, &l->version, &l->e);
	if (l->result == 0 && (l->version != l->known || l->known == 0))
		l->result = keys_ring_load(l->db, &l->fresh, &l->e);
}

static int read_ring(struct keys *k, struct err *e)
{
	struct look l = {.db = k->db, .known = k->version};
	k->checking = true;
	pool_call(look, &l);
	k->checking = false;
	k->checked_at = instant_now();
	cond_wake_all(&k->checked);
	if (l.result < 0) {
		*e = l.e;
		return -1;
	}
	if (!l.fresh)
		return 0;
	keys_ring_unref(k->ring);
	k->ring = l.fresh;
	k->version = l.version;
	metric_set(&active_keys, (int64_t)keys_ring_count(k->ring));
	log_info(NULL, "keys.loaded", F("keys", keys_ring_count(k->ring)), F("version", l.version));
	return 0;
}

/* The ring as it is now, or was a second ago; a database that cannot be read keeps the old one. */
static struct keys_ring *present_ring(struct keys *k, struct err *e)
{
	while (!k->ring && k->checking)
		if (cond_wait(&k->checked, instant_in(10 * SECOND), e) < 0)
			return NULL;
	bool stale = instant_now() - k->checked_at >= CHECK_EVERY_MS * MSEC;
	if ((stale || !k->ring) && !k->checking && read_ring(k, e) < 0) {
		log_error(NULL, "keys.read", F("error", e));
		if (!k->ring)
			return NULL;
	}
	return k->ring;
}

/* ---- requests ---- */

static void refuse(struct link_request *r, const struct err *e)
{
	metric_add(&refusals, 1);
	link_refuse(r, e);
}

static void answer_list(
	const struct keys_ring *ring, const struct keys_request *q, struct link_request *r)
{
	AUTO(buf) struct buf out = BUF(KEYS_WIRE_MAX);
	const struct signer_key *v = NULL;
	size_t n = keys_ring_list(ring, q->domain, &v);
	keys_list_encode(&out, v, n);
	link_reply(r, buf_slice(&out));
}

struct signature {
	const struct keys_ring_key *key;
	slice digest;
	unsigned char out[KEYS_SIGNATURE_MAX];
	size_t n;
	int result;
	struct err e;
};

static void sign(void *arg)
{
	struct signature *s = arg;
	s->result = keys_ring_sign(s->key, s->digest, s->out, &s->n, &s->e);
}

static void answer_sign(
	struct keys_ring *ring, const struct keys_request *q, struct link_request *r)
{
	struct signature s = {.key = keys_ring_find(ring, q->key), .digest = q->digest};
	struct err e;
	if (!s.key) {
		err_set(&e, ERR_NOTFOUND, "the key does not sign any more");
		refuse(r, &e);
		return;
	}
	bool rsa = keys_ring_is_rsa(s.key);
	instant began = instant_now();
	keys_ring_ref(ring);
	if (rsa)
		pool_call(sign, &s);
	else
		sign(&s);
	keys_ring_unref(ring);
	metric_add(rsa ? &signed_rsa : &signed_ed25519, 1);
	metric_observe(&sign_seconds, (uint64_t)(instant_now() - began));
	if (s.result < 0)
		refuse(r, &s.e);
	else
		link_reply(r, slice_of(s.out, s.n));
}

static void answer_hmac(
	const struct keys_ring *ring, const struct keys_request *q, struct link_request *r)
{
	unsigned char out[32];
	struct err e;
	metric_add(&hmacs, 1);
	if (keys_ring_hmac(ring, q->secret, q->old, q->text, out, &e) < 0)
		refuse(r, &e);
	else
		link_reply(r, slice_of(out, sizeof out));
}

static void on_request(void *arg, struct link_request *r, slice request)
{
	struct keys *k = arg;
	struct keys_request q;
	struct err e;
	if (!keys_request_decode(request, &q)) {
		err_set(&e, ERR_PROTO, "malformed request");
		refuse(r, &e);
		return;
	}
	struct keys_ring *ring = present_ring(k, &e);
	if (!ring) {
		e.kind = ERR_TEMP;
		refuse(r, &e);
		return;
	}
	if (q.op == KEYS_LIST)
		answer_list(ring, &q, r);
	else if (q.op == KEYS_SIGN)
		answer_sign(ring, &q, r);
	else
		answer_hmac(ring, &q, r);
}

/* ---- the role ---- */

static int keys_prepare(struct role_env *env, struct err *e)
{
	struct keys *k = NEW(struct keys);
	(void)e;
	env->self = k;
	k->env = env;
	k->checking = true; /* requests may come before the database is open */
	cond_init(&k->checked);
	return 0;
}

static int keys_open(struct role_env *env, struct err *e)
{
	AUTO(arena) struct arena mem = {0};
	struct keys *k = env->self;
	slice dir = keyring_dir(env->config.server->data, &mem);
	return sql_open_read(dir, KEYRING_DB, &k->db, e) < 0 ? -1 : read_ring(k, e);
}

static void keys_link(void *arg, const char *role, unsigned instance, int fd)
{
	struct role_env *env = arg;
	const struct link_service service = {NULL, on_request, NULL, env->self};
	(void)instance;
	link_serve(role, fd, &service);
}

static void keys_stop(void *arg, enum proc_stop how, instant deadline)
{
	(void)arg, (void)how, (void)deadline; /* edges and queue went before us */
	loop_stop();
}

static void keys_reload(void *arg, slice path, slice text)
{
	struct role_env *env = arg;
	struct config fresh;
	struct err e;
	if (config_parse(text, path, &fresh, &e) < 0) {
		log_error(NULL, "keys.reload", F("error", &e));
		return;
	}
	config_done(&env->config);
	env->config = fresh;
	log_set_level((enum log_level)env->config.log->level);
}

static void keys_close(struct role_env *env)
{
	struct keys *k = env->self;
	keys_ring_unref(k->ring);
	sql_close(k->db);
	free(k);
}

const struct role keys_role = {
	.name = "keys",
	.prepare = keys_prepare,
	.open = keys_open,
	.orders = {.stop = keys_stop, .link = keys_link, .reload = keys_reload},
	.close = keys_close,
};
