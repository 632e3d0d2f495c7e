/*
 * Who comes to the pages how often (web.h): connections at a time, requests a minute, and links or passwords that were
 * guessed wrongly in an hour. Addresses count as IPv4 addresses and IPv6 /64 networks. The rates are in the table
 * that outlives the process (defence/rate.h), so that killing it gives nobody new tries.
 */
#include "bin/web.h"

#include "base/mem.h"
#include "defence/rate.h"
#include "run/log.h"
#include "run/metrics.h"

METRIC_COUNTER(limited, "posthouse_web_limited_total", "reason=\"requests\"",
	"Requests refused because there were too many from there.");
METRIC_COUNTER(limited_bad, "posthouse_web_limited_total", "reason=\"guesses\"",
	"Requests refused because there were too many from there.");

struct guest {
	int64_t open;
};

static bool counted(const struct web *w, const struct net_addr *a)
{
	const struct conf_nets *p = &w->conf->proxies;
	if (a->ss.ss_family == AF_UNIX)
		return false;
	for (size_t i = 0; i < p->n; i++)
		if (net_cidr_match(&p->v[i], a))
			return false;
	return true;
}

bool web_enter(struct web *w, const struct net_addr *from)
{
	char text[RATE_KEY_MAX];
	slice key = rate_key_address(from, text);
	if (w->nguests >= (unsigned)w->conf->max_connections)
		return false;
	struct guest *g = map_get(&w->guests, key);
	if (!g) {
		g = NEW(struct guest);
		map_put(&w->guests, key, g);
	}
	if (counted(w, from) && g->open >= w->conf->max_per_ip)
		return false;
	g->open++;
	w->nguests++;
	return true;
}

void web_leave(struct web *w, const struct net_addr *from)
{
	char text[RATE_KEY_MAX];
	slice key = rate_key_address(from, text);
	struct guest *g = map_get(&w->guests, key);
	w->nguests--;
	if (--g->open == 0)
		free(map_remove(&w->guests, key));
}

void web_guests_done(struct web *w)
{
	size_t i = 0;
	slice key;
	void *g;
	while (map_next(&w->guests, &i, &key, &g))
		free(g);
	map_done(&w->guests);
}

/* ---- requests ---- */

static void refuse(struct http *h, struct metric *m, slice after)
{
	metric_add(m, 1);
	http_fail(h, 429);
	http_header(h, S("Retry-After"), after);
}

bool web_admit(struct http *h)
{
	struct web *w = web_of(h);
	char text[RATE_KEY_MAX];
	slice key = rate_key_address(&h->client, text);
	if (h->client.ss.ss_family == AF_UNIX ||
		rates_count(w->rates, RATE_WEB_REQUESTS, key, 1) <= w->conf->requests)
		return true;
	refuse(h, &limited, S("60"));
	return false;
}

void web_count_bad(struct http *h)
{
	char text[RATE_KEY_MAX];
	rates_add(web_of(h)->rates, RATE_WEB_BAD, rate_key_address(&h->client, text), 1);
}

bool web_too_bad(struct http *h)
{
	struct web *w = web_of(h);
	char text[RATE_KEY_MAX];
	if (rates_get(w->rates, RATE_WEB_BAD, rate_key_address(&h->client, text)) <
		w->conf->bad_links)
		return false;
	refuse(h, &limited_bad, S("1800"));
	return true;
}
