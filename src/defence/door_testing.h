/* A door with made zones and a made clock, for the unit tests of this folder. */
#pragma once
#include "base/test.h"
#include "defence/caps.h"
#include "defence/dnsbl.h"
#include "defence/door.h"
#include "defence/mirror.h"
#include "defence/rate.h"
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

static const struct conf_section *const world_sections[] = {
	&source_section, &scores_section, &caps_section, &dnsbl_section, &mirror_section, NULL};

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
	CHECK(door_new(&c, &w->door, &e) == 0);
}

static inline void world_close(struct world *w)
{
	door_free(w->door);
	dnsbls_close(w->dnsbls);
	rates_close(w->rates);
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
