/*
 * Time zones by name (zones.h). Called by the queue process, which may read these files alone, and by the command
 * line. A file is some kilobytes, read once.
 */
#include "bin/zones.h"

#include "base/mem.h"
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

enum { ZONE_NAME_MAX = 64 };

static bool read_zone(const char *path, struct zone *ret)
{
	AUTO(fd) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	AUTO(free) char *text = mem_alloc(ZONE_FILE_MAX);
	size_t n = 0;
	ssize_t got = fd < 0 ? -1 : 1;
	while (got > 0 && n < ZONE_FILE_MAX) {
		got = read(fd, text + n, ZONE_FILE_MAX - n);
		n += got > 0 ? (size_t)got : 0;
	}
	return got == 0 && zone_read(slice_of(text, n), ret);
}

static bool load(slice name, struct zone *ret)
{
	char path[sizeof ZONES_DIR + 64];
	if (name.n == 0)
		return read_zone("/etc/localtime", ret);
	if (zone_offset_parse(name, ret))
		return true;
	if (!zone_name_valid(name))
		return false;
	snprintf(path, sizeof path, "%s/%.*s", ZONES_DIR, SFMT(name));
	return read_zone(path, ret);
}

const struct zone *zones_get(struct zones *z, slice name, bool *ret_known)
{
	if (ret_known)
		*ret_known = true;
	for (unsigned i = 0; i < z->n; i++)
		if (slice_eq(slice_z(z->v[i].name), name))
			return z->v[i].zone;
	struct zone *fresh = NEW(struct zone);
	if (name.n >= ZONE_NAME_MAX || !load(name, fresh)) {
		free(fresh);
		if (ret_known)
			*ret_known = false;
		return NULL;
	}
	unsigned at = z->n < ZONES_MAX ? z->n++ : z->next++ % ZONES_MAX;
	free(z->v[at].zone);
	free(z->v[at].name);
	z->v[at].zone = fresh;
	z->v[at].name = mem_dup(name.p, name.n);
	return fresh;
}

void zones_done(struct zones *z)
{
	for (unsigned i = 0; i < z->n; i++) {
		free(z->v[i].zone);
		free(z->v[i].name);
	}
	*z = (struct zones){0};
}
