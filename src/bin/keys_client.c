/*
 * Asking the keys process (keys_client.h). Lists of keys are kept in two generations, as the
 * directory's answers are, each entry for KEYS_CLIENT_CACHE_S seconds.
 */
#include "bin/keys_client.h"

#include "base/map.h"
#include "base/mem.h"

struct listed {
	instant until;
	struct signer_key v[SIGNER_KEYS_MAX];
	size_t n;
};

struct generation {
	struct map by_domain; /* struct listed */
	struct arena mem;
};

struct keys_client {
	struct link *link;
	int64_t wait;
	struct generation young, old;
};

struct keys_client *keys_client_new(struct link *l, int64_t wait)
{
	struct keys_client *c = NEW(struct keys_client);
	c->link = l;
	c->wait = wait;
	return c;
}

void keys_client_set_wait(struct keys_client *c, int64_t wait)
{
	c->wait = wait;
}

static void drop(struct generation *g)
{
	map_done(&g->by_domain);
	arena_done(&g->mem);
	*g = (struct generation){0};
}

void keys_client_free(struct keys_client *c)
{
	if (!c)
		return;
	drop(&c->young);
	drop(&c->old);
	free(c);
}

/* A call that was under way when the process died is asked once more: nothing is done twice by it.
 */
static int call(struct keys_client *c, const struct keys_request *q, struct arena *a, slice *ret,
	struct err *e)
{
	AUTO(buf) struct buf request = BUF(KEYS_WIRE_MAX);
	instant deadline = instant_in(c->wait);
	keys_request_encode(&request, q);
	if (!buf_ok(&request))
		return err_set(e, ERR_LIMIT, "request to the keys process is too long");
	for (int tries = 0;; tries++) {
		if (link_call(c->link, buf_slice(&request), deadline, a, ret, e) == 0)
			return 0;
		if (e->kind != ERR_TEMP || tries == 1 || instant_now() >= deadline)
			return err_wrap(e, "keys");
	}
}

/* ---- lists ---- */

static void remember(struct keys_client *c, slice domain, const struct signer_key *v, size_t n)
{
	struct generation *g = &c->young;
	if (g->by_domain.n >= KEYS_CLIENT_DOMAINS_MAX / 2 ||
		g->mem.total > KEYS_CLIENT_DOMAINS_MAX * sizeof(struct listed)) {
		drop(&c->old);
		c->old = c->young;
		c->young = (struct generation){0};
	}
	struct listed *l = ARENA_NEW(&g->mem, struct listed);
	l->until = instant_in(KEYS_CLIENT_CACHE_S * SECOND);
	l->n = n;
	for (size_t i = 0; i < n; i++) {
		l->v[i] = v[i];
		l->v[i].domain = arena_dup(&g->mem, v[i].domain);
		l->v[i].selector = arena_dup(&g->mem, v[i].selector);
	}
	map_put(&g->by_domain, domain, l);
}

static const struct listed *recall(const struct keys_client *c, slice domain)
{
	const struct listed *l = map_get(&c->young.by_domain, domain);
	if (!l)
		l = map_get(&c->old.by_domain, domain);
	return l && l->until > instant_now() ? l : NULL;
}

static void give(const struct signer_key *v, size_t n, struct arena *a, struct signer_key *ret,
	size_t *ret_n)
{
	for (size_t i = 0; i < n; i++) {
		ret[i] = v[i];
		ret[i].domain = arena_dup(a, v[i].domain);
		ret[i].selector = arena_dup(a, v[i].selector);
	}
	*ret_n = n;
}

/* `ret` has room for SIGNER_KEYS_MAX. */
static int list_keys(void *arg, slice domain, struct arena *a, struct signer_key *ret,
	size_t *ret_n, struct err *e)
{
	struct keys_client *c = arg;
	const struct listed *l = recall(c, domain);
	if (l) {
		give(l->v, l->n, a, ret, ret_n);
		return 0;
	}
	const struct keys_request q = {.op = KEYS_LIST, .domain = domain};
	slice reply;
	size_t n;
	if (call(c, &q, a, &reply, e) < 0)
		return -1;
	if (!keys_list_decode(reply, ret, &n))
		return err_set(e, ERR_BUG, "keys: malformed answer");
	remember(c, domain, ret, n);
	*ret_n = n;
	return 0;
}

/* A key that has gone is told at once, not after the list's time. */
static int sign(void *arg, int64_t key, slice digest, struct arena *a, slice *ret, struct err *e)
{
	struct keys_client *c = arg;
	const struct keys_request q = {.op = KEYS_SIGN, .key = key, .digest = digest};
	if (call(c, &q, a, ret, e) == 0)
		return 0;
	if (e->kind == ERR_NOTFOUND) {
		drop(&c->young);
		drop(&c->old);
	}
	return -1;
}

struct signer keys_client_signer(struct keys_client *c)
{
	return (struct signer){list_keys, sign, c};
}

int keys_client_hmac(struct keys_client *c, slice secret, bool old, slice text,
	unsigned char ret[32], struct err *e)
{
	AUTO(arena) struct arena a = {0};
	const struct keys_request q = {.op = KEYS_HMAC, .secret = secret, .old = old, .text = text};
	slice reply;
	if (call(c, &q, &a, &reply, e) < 0)
		return -1;
	if (reply.n != 32)
		return err_set(e, ERR_BUG, "keys: malformed answer");
	memcpy(ret, reply.p, 32);
	return 0;
}

static int srs_hmac(void *arg, bool old, slice text, unsigned char ret[32], struct err *e)
{
	return keys_client_hmac(arg, S(SRS_SECRET), old, text, ret, e);
}

struct srs keys_client_srs(struct keys_client *c, const struct srs_conf *conf, struct arena *a)
{
	return (struct srs){.hmac = srs_hmac,
		.arg = c,
		.domain = arena_dup(a, conf->domain),
		.valid_days = (unsigned)(conf->valid / DAY)};
}
