/* Two generations of counters, exchanged every window (auth_failures.h). Used by the auth role. */
#include "bin/auth_failures.h"

void auth_failures_init(struct auth_failures *f, int64_t window, instant now)
{
	*f = (struct auth_failures){.window = window, .turned_at = now};
}

void auth_failures_done(struct auth_failures *f)
{
	map_done(&f->now);
	map_done(&f->before);
}

static void turn(struct auth_failures *f, instant now)
{
	int64_t age = now - f->turned_at;
	if (age < f->window && f->now.n < AUTH_FAILURES_MAX / 2)
		return;
	map_done(&f->before);
	f->before = f->now;
	f->now = (struct map){0};
	f->turned_at = now;
	if (age >= 2 * f->window) {
		map_done(&f->before);
		f->before = (struct map){0};
	}
}

static unsigned in(const struct map *m, slice name)
{
	return (unsigned)(uintptr_t)map_get(m, name);
}

unsigned auth_failures_count(struct auth_failures *f, slice name, instant now)
{
	turn(f, now);
	return in(&f->now, name) + in(&f->before, name);
}

void auth_failures_add(struct auth_failures *f, slice name, instant now)
{
	turn(f, now);
	map_put(&f->now, name, (void *)(uintptr_t)(in(&f->now, name) + 1));
}
