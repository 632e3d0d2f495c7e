/*
 * Writing small files durably (file.h): versions of what was learned, feature packs and their state, keys and packs
 * that the command line makes. What is written piece by piece, or grows, has ways of its own (store/).
 */
#include "run/file.h"

#include "base/arena.h"
#include "base/mem.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

int file_sync_dir(const char *path, struct err *e)
{
	AUTO(fd) int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fsync(fd) < 0)
		return err_sys(e, errno, "%s", path);
	return 0;
}

int file_put(const char *path, slice bytes, int flags, unsigned mode, struct err *e)
{
	AUTO(fd) int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | flags, mode);
	if (fd < 0)
		return err_sys(e, errno, "%s", path);
	for (size_t done = 0; done < bytes.n;) {
		ssize_t n = write(fd, bytes.p + done, bytes.n - done);
		if (n < 0)
			return err_sys(e, errno, "%s", path);
		done += (size_t)n;
	}
	return fsync(fd) < 0 ? err_sys(e, errno, "%s", path) : 0;
}

int file_replace(slice dir, slice name, slice bytes, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	const char *to = arena_strz(&a, arena_printf(&a, "%.*s/%.*s", SFMT(dir), SFMT(name)));
	const char *aside = arena_strz(&a, arena_printf(&a, "%s.new-%d", to, (int)getpid()));
	if (file_put(aside, bytes, O_TRUNC | O_NOFOLLOW, 0600, e) < 0) {
		unlink(aside);
		return -1;
	}
	if (rename(aside, to) < 0)
		return err_sys(e, errno, "%s", to);
	return file_sync_dir(arena_strz(&a, dir), e);
}
