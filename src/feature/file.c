/* Files of DATA/features (feature.h): written aside, synced, renamed; read whole, without following
 * links, within a limit. */
#include "feature/file.h"

#include "base/mem.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

int feature_sync_dir(const char *path, struct err *e)
{
	AUTO(fd) int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fsync(fd) < 0)
		return err_sys(e, errno, "%s", path);
	return 0;
}

int feature_put_file(const char *path, slice bytes, struct err *e)
{
	AUTO(fd) int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
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

int feature_write(slice dir, slice name, slice bytes, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	const char *to = arena_strz(&a, arena_printf(&a, "%.*s/%.*s", SFMT(dir), SFMT(name)));
	const char *aside = arena_strz(&a, arena_printf(&a, "%s.new-%d", to, (int)getpid()));
	if (feature_put_file(aside, bytes, e) < 0) {
		unlink(aside);
		return -1;
	}
	if (rename(aside, to) < 0)
		return err_sys(e, errno, "%s", to);
	return feature_sync_dir(arena_strz(&a, dir), e);
}

int feature_read_file(slice path, size_t most, struct arena *a, slice *ret, struct err *e)
{
	struct stat st;
	const char *z = arena_strz(a, path);
	AUTO(fd) int fd = open(z, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_sys(e, errno, "%s", z);
	if (!S_ISREG(st.st_mode) || (uint64_t)st.st_size > most)
		return err_set(e, ERR_LIMIT, "%s: no file, or larger than %zu bytes", z, most);
	size_t want = (size_t)st.st_size, done = 0;
	char *p = arena_alloc(a, want + 1);
	while (done < want) {
		ssize_t n = read(fd, p + done, want - done);
		if (n < 0)
			return err_sys(e, errno, "%s", z);
		if (n == 0)
			break;
		done += (size_t)n;
	}
	*ret = slice_of(p, done);
	return 0;
}
