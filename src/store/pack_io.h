/* The system calls by which packs reach the disk, as a table: fault tests put their own in. */
#pragma once
#include <sys/types.h>

struct pack_io {
	ssize_t (*pwrite)(int fd, const void *p, size_t n, off_t at);
	int (*fdatasync)(int fd);
	int (*fallocate)(int fd, int mode, off_t at, off_t n);
	int (*ftruncate)(int fd, off_t n);
};
extern struct pack_io pack_io;
