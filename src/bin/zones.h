/*
 * zones: time zones by name, from the system's files, for letters to people. Remembered; by the loop's thread.
 */
#pragma once
#include "codec/zone.h"

enum { ZONES_MAX = 64 };
struct zones {
	struct {
		char *name;
		struct zone *zone;
	} v[ZONES_MAX];
	unsigned n, next;
};
#define ZONES_DIR "/usr/share/zoneinfo"
/* "Asia/Shanghai", "+08:00"; empty: the system's own. What cannot be read is UTC: then *ret_known, if given, is
 * false. Valid until zones_done, or until ZONES_MAX other names were asked for. */
const struct zone *zones_get(struct zones *z, slice name, bool *ret_known);
void zones_done(struct zones *z);
static inline void auto_zones(struct zones *z)
{
	zones_done(z);
}
