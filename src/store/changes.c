/*
 * Counters of changes in a file that all processes map (changes.h). Nothing here is ever synced: what the file says
 * after a power failure is as good as anything else, since only that a counter moves means something. Its blocks are
 * allocated when it is made, so that a full disk cannot hurt who counts.
 */
#include "store/changes.h"

#include "base/arena.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/stat.h>

enum { CACHE_LINE = 64 };

struct counters {
	_Atomic uint64_t any;
	char apart[CACHE_LINE - sizeof(uint64_t)];
	_Atomic uint64_t slots[CHANGES_SLOTS];
};

struct changes {
	struct counters *map;
};

static int open_file(slice dir, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	slice path = arena_printf(&a, "%.*s/db/changes.map", SFMT(dir));
	const char *name = arena_strz(&a, path);
	struct stat st;
	AUTO(fd) int fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_sys(e, errno, "%s", name);
	if ((uint64_t)st.st_size < sizeof(struct counters)) {
		int error = posix_fallocate(fd, 0, sizeof(struct counters));
		if (error)
			return err_sys(e, error, "%s", name);
	}
	return take_fd(&fd);
}

int changes_open(slice dir, struct changes **ret, struct err *e)
{
	AUTO(fd) int fd = open_file(dir, e);
	if (fd < 0)
		return -1;
	void *p = mmap(NULL, sizeof(struct counters), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		return err_sys(e, errno, "changes.map");
	struct changes *c = NEW(struct changes);
	c->map = p;
	*ret = c;
	return 0;
}

void changes_close(struct changes *c)
{
	if (!c)
		return;
	munmap(c->map, sizeof *c->map);
	free(c);
}

static size_t slot_of(int64_t account_id)
{
	return (uint64_t)account_id % CHANGES_SLOTS;
}

/* The slot first: who sees the total move finds the slot moved. */
void changes_tell(struct changes *c, int64_t account_id)
{
	if (!c)
		return;
	atomic_fetch_add_explicit(&c->map->slots[slot_of(account_id)], 1, memory_order_release);
	atomic_fetch_add_explicit(&c->map->any, 1, memory_order_release);
}

uint64_t changes_seen(const struct changes *c, int64_t account_id)
{
	return atomic_load_explicit(&c->map->slots[slot_of(account_id)], memory_order_acquire);
}

uint64_t changes_any(const struct changes *c)
{
	return atomic_load_explicit(&c->map->any, memory_order_acquire);
}
