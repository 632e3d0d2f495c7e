/*
 * mirror: local copies of DNSBL zones (E6): a file in the format of rbldnsd, or of a zone
 * transfer (axfr.h), loaded into memory and again whenever the file changes. Sections
 * [mirror "NAME"]; a [dnsbl] section says `mirror = NAME` to ask it in place of the DNS.
 */
#pragma once
#include "base/arena.h"
#include "run/conf.h"
#include "run/net.h"

enum mirror_format {
	MIRROR_IP4SET,
	MIRROR_IP4TSET,
	MIRROR_IP4TRIE,
	MIRROR_IP6TRIE,
	MIRROR_DNSET,
	MIRROR_COMBINED,
	MIRROR_ZONE, /* master file syntax, as axfr writes it */
};
enum {
	MIRROR_ENTRIES_MAX = 50000000,
	MIRROR_VALUES_MAX = 65535, /* distinct answers of one file */
	MIRROR_LINE_MAX = 4096,
};

/* ---- one file's content, immutable ---- */
struct zone;
/* Bad lines are counted and the first ones told in *ret_bad (may be NULL); rbldnsd does likewise.
 */
struct zone_report {
	uint64_t lines, bad, entries;
	char first_bad[200];
};
struct zone *zone_parse(slice text, enum mirror_format format, slice origin,
	struct zone_report *ret_report, struct err *e);
int zone_load(slice path, enum mirror_format format, slice origin, struct zone **ret,
	struct zone_report *ret_report, struct err *e);
void zone_free(struct zone *z);
/* The answer (an address 127.x.y.z in host order), 0: not listed. */
uint32_t zone_find_ip(const struct zone *z, const struct net_addr *ip);
uint32_t zone_find_name(const struct zone *z, slice name);
uint64_t zone_bytes(const struct zone *z);

/* ---- all of them, in a process that asks ---- */
extern const struct conf_section mirror_section;
struct mirrors;
/* Loads in the background; until then they know nothing (unknown). In a coroutine. */
int mirrors_open(const struct conf *conf, slice data, struct mirrors **ret, struct err *e);
void mirrors_close(struct mirrors *m);
int mirrors_index(const struct mirrors *m, slice name); /* -1: no such */
enum mirror_answer { MIRROR_UNKNOWN, MIRROR_NOT, MIRROR_LISTED };
enum mirror_answer mirrors_ip(
	struct mirrors *m, int index, const struct net_addr *ip, uint32_t *ret_code);
enum mirror_answer mirrors_name(struct mirrors *m, int index, slice name, uint32_t *ret_code);
