/*
 * Files in memory (memfile.h): messages for the scan processes, lessons for the learn process, the
 * configuration and the site's rules for all. Used by proc_wire.c and the roles.
 */
#include "run/memfile.h"

#include "base/mem.h"
#include <errno.h>
#include <sys/mman.h>

int memfile_of(const char *name, slice bytes, struct err *e)
{
	AUTO(fd) int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0)
		return err_sys(e, errno, "memfd_create");
	while (bytes.n) {
		ssize_t n = write(fd, bytes.p, bytes.n);
		if (n < 0 && errno != EINTR)
			return err_sys(e, errno, "memory file");
		bytes = slice_skip(bytes, n > 0 ? (size_t)n : 0);
	}
	return take_fd(&fd);
}
