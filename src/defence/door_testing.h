/* A door with made zones and a made clock, for the unit tests of this folder. */
#pragma once
#include "base/test.h"
#include "defence/autowhite.h"
#include "defence/caps.h"
#include "defence/dnsbl.h"
#include "defence/door.h"
#include "defence/greylist.h"
#include "defence/kv_testing.h"
#include "defence/mirror.h"
#include "defence/rate.h"
#include "defence/reputation.h"
#include "run/loop.h"
#include "senderauth/zone_testing.h"
#include <stdio.h>

struct world {
	struct zone zone;
	struct lookup lookup;
	struct conf *conf;
	struct arena mem;
	struct rates *rates;
	struct dnsbls *dnsbls;
	struct door *door;
	/* With `remembers`: a store and what uses it. */
	bool remembers;
	struct testdir dir;
	struct kv *kv;
	struct reputation *reputation;
	struct greylist *greylist;
	struct autowhite *autowhite;
};

static int64_t world_seconds = 1000080;
static inline int64_t world_clock(void)
{
	return world_seconds;
}

static inline bool world_ours(void *arg, slice domain)
{
	(void)arg;
	return slice_ieq(domain, S("ours.test"));
}

static const struct conf_section *const world_sections[] = {&source_section, &scores_section,
	&caps_section, &dnsbl_section, &mirror_section, &reputation_section, &greylist_section,
	&autowhite_section, NULL};

static inline void world_memory(struct world *w, struct door_config *c)
{
	w->dir = testdir_make();
	w->kv = kv_open(testdir_slice(&w->dir), 16 << 20);
	kv_set_clock(w->kv, test_clock);
	rates_set_kv(w->rates, w->kv);
	c->kv = w->kv;
	c->reputation = w->reputation =
		reputation_open(w->kv, conf_get(w->conf, &reputation_section));
	c->greylist = w->greylist = greylist_open(w->kv, conf_get(w->conf, &greylist_section));
	c->autowhite = w->autowhite = autowhite_open(w->kv, conf_get(w->conf, &autowhite_section));
}

static inline void world_open(struct world *w, const char *text)
{
	struct conf_errors errors = {0};
	struct err e = {0};
	struct door_config c = {.hostname = S("mx.ours.test"), .ours = world_ours};
	if (conf_parse(slice_z(text), S("test"), world_sections, CONF_EN, &w->mem, &w->conf,
		    &errors, &e) < 0)
		test_fail(__FILE__, __LINE__, "%s", e.text);
	w->lookup = zone_lookup(&w->zone);
	CHECK(rates_open(-1, NULL, &w->rates, &e) == 0);
	rates_set_clock(w->rates, world_clock);
	CHECK(dnsbls_open(w->conf, &w->lookup, NULL, &w->dnsbls, &e) == 0);
	c.conf = w->conf;
	c.lookup = &w->lookup;
	c.rates = w->rates;
	c.dnsbls = w->dnsbls;
	if (w->remembers)
		world_memory(w, &c);
	CHECK(door_new(&c, &w->door, &e) == 0);
}

static inline void world_close(struct world *w)
{
	door_free(w->door);
	dnsbls_close(w->dnsbls);
	rates_close(w->rates);
	if (w->remembers) {
		autowhite_close(w->autowhite);
		greylist_close(w->greylist);
		reputation_close(w->reputation);
		kv_close(w->kv);
		auto_testdir(&w->dir);
	}
	conf_free(w->conf);
	zone_done(&w->zone);
	arena_done(&w->mem);
}

static inline struct door_caller world_caller(const char *ip)
{
	struct door_caller c = {.service = DOOR_MX};
	struct err e;
	CHECK(net_from_ip(slice_z(ip), 0, &c.ip, &e) == 0);
	return c;
}
