/* What the store's tests share: a private directory that goes away with its block. */
#pragma once
#include "base/mem.h"
#include "base/must.h"
#include "base/slice.h"
#include "base/test.h"
#include "store/crypt.h"

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
	must(mkdtemp(d.path) != NULL);
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

/* The process's ring: two data keys, of which `now` writes. */
static inline void testing_encrypt(uint32_t now)
{
	char ring[16 + 2 * (4 + CRYPT_KEY)] = {[3] = 1, [7] = 2, [19] = 1, [20] = 7, [55] = 2, [56] = 9};
	struct err e;
	ring[11] = (char)now;
	if (crypt_adopt(slice_of(ring, sizeof ring), &e) < 0)
		test_fail(__FILE__, __LINE__, "%s", e.text);
}

/* A test that holds for a plain store and for an encrypted one. */
#define TEST_PLAIN_AND_ENCRYPTED(id)                                                               \
	static void both_##id(void);                                                               \
	TEST(id)                                                                                   \
	{                                                                                          \
		crypt_forget();                                                                    \
		both_##id();                                                                       \
	}                                                                                          \
	TEST(id##_encrypted)                                                                       \
	{                                                                                          \
		testing_encrypt(1);                                                                \
		both_##id();                                                                       \
		crypt_forget();                                                                    \
	}                                                                                          \
	static void both_##id(void)

/* Overwrites bytes in the middle of a file: damage. */
static inline int testdir_overwrite(const char *path, off_t at, slice bytes)
{
	AUTO(fd) int fd = open(path, O_WRONLY);
	return fd >= 0 && pwrite(fd, bytes.p, bytes.n, at) == (ssize_t)bytes.n ? 0 : -1;
}
