/* Files of DATA/features (feature.h): read whole, without following links, within a limit. (They are written by
 * run/file.h.) */
#include "feature/file.h"

#include "base/mem.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

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
