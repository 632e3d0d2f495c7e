/*
 * mirror: local copies of DNSBL zones (E6). Sections [mirror "NAME"] say where one comes from: a
 * file in a format of rbldnsd that somebody puts into DATA/mirror (rsync), or a zone transfer. One
 * process (the queue's, which may connect) makes DATA/mirror/NAME.list of it whenever it changes;
 * all others map that file. A [dnsbl] section says `mirror = NAME` to ask it in place of the DNS.
 */
#pragma once
#include "run/conf.h"
#include "run/net.h"

enum { MIRRORS_MAX = 32 };
extern const struct conf_section mirror_section;

/* ---- asking: any process ---- */
struct mirrors;
struct mirrors *mirrors_open(const struct conf *conf, slice data);
void mirrors_close(struct mirrors *m);
int mirrors_index(const struct mirrors *m, slice name); /* -1: no such */
enum mirror_answer { MIRROR_UNKNOWN /* not there yet */, MIRROR_NOT, MIRROR_LISTED };
enum mirror_answer mirrors_ip(
	struct mirrors *m, int index, const struct net_addr *ip, uint32_t *ret_code);
enum mirror_answer mirrors_name(struct mirrors *m, int index, slice name, uint32_t *ret_code);

/* ---- making: one process ---- */
/* Watches files and zones until cancelled. In a coroutine of its own, with a pool. */
void mirror_keep(const struct conf *conf, slice data);
/* Is there anything to keep? */
bool mirror_wanted(const struct conf *conf);
