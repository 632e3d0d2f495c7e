/*
 * A disk that fails on command, for tests: preloaded (LD_PRELOAD) into the server. The file named by
 * FAULT_FILE is mapped at start; its two 32-bit numbers are errno (0: all is well) and how many of a
 * thousand calls fail. Only writes and syncs of regular files are touched.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

static const volatile uint32_t *order;

__attribute__((constructor)) static void map_order(void)
{
	const char *path = getenv("FAULT_FILE");
	int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	if (fd < 0)
		return;
	void *p = mmap(NULL, 8, PROT_READ, MAP_SHARED, fd, 0);
	close(fd);
	if (p != MAP_FAILED)
		order = p;
}

static int strikes(int fd)
{
	static _Thread_local uint32_t x = 2463534242;
	struct stat st;
	if (!order || !order[0])
		return 0;
	x = (x ^ (uint32_t)(uintptr_t)&st ^ (uint32_t)getpid()) * 1664525 + 1013904223;
	if ((x >> 8) % 1000 >= order[1] || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return 0;
	errno = (int)order[0];
	return 1;
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

ssize_t write(int fd, const void *p, size_t n)
{
	return strikes(fd) ? -1 : REAL(write)(fd, p, n);
}

ssize_t pwrite(int fd, const void *p, size_t n, off_t at)
{
	return strikes(fd) ? -1 : REAL(pwrite)(fd, p, n, at);
}

ssize_t pwrite64(int fd, const void *p, size_t n, off64_t at)
{
	return strikes(fd) ? -1 : REAL(pwrite64)(fd, p, n, at);
}

ssize_t pwritev(int fd, const struct iovec *v, int n, off_t at)
{
	return strikes(fd) ? -1 : REAL(pwritev)(fd, v, n, at);
}

ssize_t pwritev64(int fd, const struct iovec *v, int n, off64_t at)
{
	return strikes(fd) ? -1 : REAL(pwritev64)(fd, v, n, at);
}

int fsync(int fd)
{
	return strikes(fd) ? -1 : REAL(fsync)(fd);
}

int fdatasync(int fd)
{
	return strikes(fd) ? -1 : REAL(fdatasync)(fd);
}
