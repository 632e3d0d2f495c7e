/*
 * What the fuzzers of the readers of file formats share (extract.h): every byte that a reader gives
 * out is looked at, facts have a bit, budgets never grow.
 */
#pragma once
#include "base/must.h"
#include "codec/extract.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

typedef void (*extract_reader)(slice in, struct extract_limits *l, const struct extract *x);

enum { EXTRACT_FUZZ_UNPACKED = 8 << 20, EXTRACT_FUZZ_FILES = 2000 };

static inline void extract_fuzz_look(void *sum, slice s)
{
	for (size_t i = 0; i < s.n; i++)
		*(uint64_t *)sum += (unsigned char)s.p[i];
}

static inline void extract_fuzz_link(void *sum, slice target, slice seen)
{
	extract_fuzz_look(sum, target);
	extract_fuzz_look(sum, seen);
}

static inline bool extract_fuzz_file(void *sum, slice name, slice bytes)
{
	extract_fuzz_look(sum, name);
	extract_fuzz_look(sum, bytes);
	return true;
}

static inline void extract_fuzz_fact(void *sum, enum extract_fact f, slice detail)
{
	must(f != 0);
	extract_fuzz_look(sum, detail);
}

/* A fuzzer's one call. */
static inline int extract_fuzz(extract_reader read, const uint8_t *data, size_t n)
{
	uint64_t sum = 0;
	struct extract_limits l = {.unpacked = EXTRACT_FUZZ_UNPACKED, .files = EXTRACT_FUZZ_FILES};
	const struct extract x = {
		&sum, extract_fuzz_look, extract_fuzz_link, extract_fuzz_file, extract_fuzz_fact};
	read(slice_of((const char *)data, n), &l, &x);
	must(l.unpacked <= EXTRACT_FUZZ_UNPACKED && l.files <= EXTRACT_FUZZ_FILES);
	return 0;
}
