/*
 * What the queue process makes of the configuration (queue.h). A reload makes a new one; sessions
 * that run keep the one they began with.
 */
#include "bin/queue.h"

#include "base/mem.h"
#include "bin/keys_client.h"

static int parse_source(slice ip, struct net_addr *ret, struct err *e)
{
	return ip.n ? net_from_ip(ip, 0, ret, e) : 0;
}

/* Where we listen ourselves, so that we never deliver there: "*:25" is every interface's port 25.
 */
static void find_self(struct queue_settings *s, const struct net_addr *interfaces, size_t n)
{
	struct arena *a = &s->config.mem;
	size_t most = 0, count = 0;
	for (size_t i = 0; i < s->config.nlisteners; i++)
		most += s->config.listeners[i].conf->listen.n;
	struct net_addr *v = ARENA_ARRAY(a, struct net_addr, most * (n + 1) + 1);
	for (size_t i = 0; i < s->config.nlisteners; i++) {
		const struct conf_addrs *listen = &s->config.listeners[i].conf->listen;
		for (size_t k = 0; k < listen->n; k++)
			hosts_add_listening(&listen->v[k], interfaces, n, v, &count);
	}
	slice *names = ARENA_ARRAY(a, slice, 2);
	names[0] = s->config.hostname;
	names[1] = s->helo;
	s->self = (struct hosts_self){.names = names, .nnames = 2, .addrs = v, .naddrs = count};
}

/* Signing, and passing on: what they point to lives as long as the settings or the process. */
static void fill_signing(struct queue *q, struct queue_settings *s)
{
	const struct config *c = &s->config;
	s->signing = (struct signing){c->signing, keys_client_signer(q->keys)};
	s->bounce.signing = &s->signing;
	s->forward = (struct forward){.srs = c->srs->rewrite ? &q->srs : NULL,
		.signing = &s->signing,
		.routes = &q->routes,
		.blobs = q->blobs,
		.authserv_id = c->hostname};
}

static int fill(struct queue_settings *s, struct err *e)
{
	const struct config *c = &s->config;
	const struct tls_client_config tls = {.ca_file = c->tls->ca};
	s->helo = c->delivery->helo.n ? c->delivery->helo : c->hostname;
	s->retry = (struct retry_config){
		.waits = c->retry, .nwaits = c->nretry, .warn_after = c->queue->delay_warning};
	s->bounce = (struct bounce_config){
		.hostname = c->hostname,
		.from = c->postmaster,
		.doubles_to = c->queue->double_bounces,
		.size = (uint64_t)c->queue->bounce_size,
		.lifetime = c->queue->lifetime < RETRY_BOUNCE_LIFETIME ? c->queue->lifetime
								       : RETRY_BOUNCE_LIFETIME,
	};
	if (parse_source(c->delivery->source_v4, &s->source_v4, e) < 0 ||
		parse_source(c->delivery->source_v6, &s->source_v6, e) < 0)
		return -1;
	return tls_client_ctx(&tls, &s->tls, e);
}

int queue_settings_new(
	struct queue *q, struct config *c, struct queue_settings **ret, struct err *e)
{
	struct queue_settings *s = NEW(struct queue_settings);
	s->refs = 1;
	s->config = *c;
	if (fill(s, e) < 0) {
		free(s);
		return -1;
	}
	find_self(s, q->interfaces, q->ninterfaces);
	fill_signing(q, s);
	*c = (struct config){0};
	*ret = s;
	return 0;
}

void queue_settings_unref(struct queue_settings *s)
{
	if (!s || --s->refs)
		return;
	tls_ctx_unref(s->tls);
	config_done(&s->config);
	free(s);
}
