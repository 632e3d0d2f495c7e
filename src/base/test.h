/*
 * The frame of a unit test. `foo_test.c` beside `foo.c`:
 *
 *	TEST(slice_cut_keeps_rest) { CHECK(slice_eq(a, S("x"))); CHECK_STR(got, S("want")); }
 *
 * All foo_test.c of a folder are linked into one program; base/test_main.c runs them. A failed
 * CHECK is reported and ends its test only. An argument selects tests whose name contains it.
 */
#pragma once
#include "base/err.h"
#include "base/slice.h"
#include <inttypes.h>

struct test {
	const char *name, *file;
	void (*fn)(void);
	struct test *next;
};

void test_register(struct test *t);
_Noreturn void test_fail(const char *file, int line, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
_Noreturn void test_skip(const char *why); /* what it needs is not here: said, not hidden */
void test_check_str(const char *file, int line, const char *expr, slice got, slice want);

#define TEST(id)                                                                                   \
	static void test_##id(void);                                                               \
	__attribute__((constructor)) static void register_##id(void)                               \
	{                                                                                          \
		static struct test t = {#id, __FILE__, test_##id, 0};                              \
		test_register(&t);                                                                 \
	}                                                                                          \
	static void test_##id(void)

#define CHECK(cond) ((cond) ? (void)0 : test_fail(__FILE__, __LINE__, "%s", #cond))
#define CHECK_INT(got, want)                                                                       \
	do {                                                                                       \
		int64_t check_g = (int64_t)(got), check_w = (int64_t)(want);                       \
		if (check_g != check_w)                                                            \
			test_fail(__FILE__, __LINE__, "%s is %" PRId64 ", not %" PRId64, #got,     \
				check_g, check_w);                                                 \
	} while (0)
#define CHECK_STR(got, want) test_check_str(__FILE__, __LINE__, #got, (got), (want))

/* An operation with `struct err e`: it must come right, or fail in this way. */
#define OK(call)                                                                                   \
	do {                                                                                       \
		if ((call) < 0)                                                                    \
			test_fail(__FILE__, __LINE__, "%s: %s", #call, e.text);                    \
	} while (0)
#define FAILS(call, want)                                                                          \
	do {                                                                                       \
		if ((call) == 0)                                                                   \
			test_fail(__FILE__, __LINE__, "%s: not refused", #call);                   \
		if (e.kind != (want))                                                              \
			test_fail(__FILE__, __LINE__, "%s: %s: %s", #call, err_kind_name(e.kind),  \
				e.text);                                                           \
	} while (0)
