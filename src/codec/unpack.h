/*
 * unpack: the files inside an archive or a compressed file (zip, gzip, tar, 7z, rar ... whatever
 * libarchive knows), from memory to memory. For hostile input: only where there is nothing to
 * steal.
 */
#pragma once
#include "base/buf.h"

struct unpack_limits {
	uint64_t total; /* bytes that come out, all files together */
	unsigned files;
};

enum unpack_result {
	UNPACK_DONE,
	UNPACK_NO_ARCHIVE,
	UNPACK_ENCRYPTED, /* a file needs a password; those that do not were given */
	UNPACK_DAMAGED, /* what could be read was given */
	UNPACK_LIMIT,
	UNPACK_STOPPED, /* file() said false */
};

/* One file; name as stored ("" for a gzip without), bytes valid during the call. */
typedef bool (*unpack_file)(void *arg, slice name, slice bytes);

enum unpack_result unpack(slice in, const struct unpack_limits *l, unpack_file file, void *arg);

/* The same for those who want to know more. */
struct unpack_how {
	struct unpack_limits limits;
	bool only_zip; /* the caller knows: nothing else is tried */
	const char *const *passwords; /* tried on files that need one */
	size_t npasswords;
	bool (*want)(void *arg, slice name); /* false: passed over, undecoded; NULL: all */
	void (*locked)(void *arg, slice name); /* needs a password that is none of those; or NULL */
	void (*opened)(void *arg, slice name); /* one of them fitted; or NULL */
	uint64_t *ret_spent; /* bytes that came out, also those that were not given; or NULL */
};
enum unpack_result unpack_with(slice in, const struct unpack_how *how, unpack_file file, void *arg);
