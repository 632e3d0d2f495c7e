/* What the store's tests share: a private directory that goes away with its block. */
#pragma once
#include "base/mem.h"
#include "base/slice.h"
#include "base/test.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <unistd.h>

struct testdir {
	char path[64];
};

static inline struct testdir testdir_make(void)
{
	struct testdir d;
	const char *tmp = getenv("TMPDIR");
	snprintf(d.path, sizeof d.path, "%s/storetest-XXXXXX",
		tmp && strlen(tmp) < 40 ? tmp : "/tmp");
	if (!mkdtemp(d.path))
		test_fail(__FILE__, __LINE__, "mkdtemp %s", d.path);
	return d;
}

static inline slice testdir_slice(const struct testdir *d)
{
	return slice_z(d->path);
}

static inline int testdir_remove_one(
	const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st;
	(void)type;
	(void)at;
	return remove(path);
}

static inline void auto_testdir(struct testdir *d)
{
	nftw(d->path, testdir_remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* Overwrites bytes in the middle of a file: damage. */
static inline int testdir_overwrite(const char *path, off_t at, slice bytes)
{
	AUTO(fd) int fd = open(path, O_WRONLY);
	return fd >= 0 && pwrite(fd, bytes.p, bytes.n, at) == (ssize_t)bytes.n ? 0 : -1;
}
