/* The layout of a mirror's file, shared by mirror_build.c and mirror_data.c. Host byte order: the
 * file is a cache that never leaves the machine. */
#pragma once
#include "defence/mirror_data.h"

#define MIRROR_MAGIC "PHmirr1\n"

struct mirror_head {
	char magic[8];
	uint64_t size; /* of the file */
	uint64_t seed[2]; /* of the names' hashes */
	uint64_t n4, n6, names, codes;
};

/* Where each array begins; `end` is the size. */
struct mirror_layout {
	size_t names, low6, high6, low4, high4, codes, code4, code6, coden, hown, end;
};
static inline struct mirror_layout mirror_layout(const struct mirror_head *h)
{
	struct mirror_layout l;
	l.names = sizeof *h;
	l.low6 = l.names + h->names * 8;
	l.high6 = l.low6 + h->n6 * 16;
	l.low4 = l.high6 + h->n6 * 16;
	l.high4 = l.low4 + h->n4 * 4;
	l.codes = l.high4 + h->n4 * 4;
	l.code4 = l.codes + h->codes * 4;
	l.code6 = l.code4 + h->n4 * 2;
	l.coden = l.code6 + h->n6 * 2;
	l.hown = l.coden + h->names * 2;
	l.end = l.hown + h->names;
	return l;
}

/* The hash that a name is found by; ASCII letters folded, without final dot. */
uint64_t mirror_hash(const uint64_t seed[2], slice name);
