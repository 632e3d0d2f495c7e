/*
 * auth_failures: how often logging in has failed lately, by login and by address. Bounded, and
 * approximate on the strict side: failures count for one to two windows.
 */
#pragma once
#include "base/map.h"
#include "base/slice.h"
#include "base/time.h"

enum { AUTH_FAILURES_MAX = 100000 }; /* names remembered; beyond it the older half is forgotten */

struct auth_failures {
	struct map now, before; /* name -> count, as a pointer-sized integer */
	instant turned_at;
	int64_t window;
};

void auth_failures_init(struct auth_failures *f, int64_t window, instant now);
void auth_failures_done(struct auth_failures *f);
unsigned auth_failures_count(struct auth_failures *f, slice name, instant now);
void auth_failures_add(struct auth_failures *f, slice name, instant now);
