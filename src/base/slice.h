/*
 * slice: a borrowed run of bytes. Passed by value everywhere; never NUL-terminated by promise.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef struct {
	const char *p;
	size_t n;
} slice;

#define S(lit) ((slice){"" lit, sizeof(lit) - 1})
/* For constant initialisers of static tables, where a compound literal is not allowed. */
#define S_INIT(lit) {"" lit, sizeof(lit) - 1}
/* For printf: "%.*s", SFMT(s) */
#define SFMT(s) (int)(s).n, (s).p

static inline slice slice_of(const void *p, size_t n)
{
	return (slice){p, n};
}

static inline slice slice_z(const char *z)
{
	return z ? (slice){z, strlen(z)} : (slice){0};
}

bool slice_eq(slice a, slice b);
bool slice_ieq(slice a, slice b); /* ASCII case folded */
int slice_cmp(slice a, slice b);  /* memcmp order, shorter first */
bool slice_starts(slice s, slice prefix);
bool slice_istarts(slice s, slice prefix);
bool slice_ends(slice s, slice suffix);
bool slice_iends(slice s, slice suffix);

slice slice_skip(slice s, size_t n);  /* without the first n (or all) */
slice slice_first(slice s, size_t n); /* the first n (or all) */
slice slice_trim(slice s);            /* without SP HTAB CR LF at both ends */

/* Position of the first c, or s.n. */
size_t slice_index(slice s, char c);
/* Position of the last c, or s.n. */
size_t slice_rindex(slice s, char c);
/* Position of the first needle, or s.n. */
size_t slice_find(slice s, slice needle);

/*
 * Cuts the part before the first sep off *s and moves *s behind sep; without a sep takes all and
 * leaves *s empty with p == NULL. Returns false when *s is already spent (p == NULL).
 */
bool slice_cut(slice *s, char sep, slice *ret_part);

/* Decimal digits only, whole slice, no sign, no overflow. */
bool slice_u64(slice s, uint64_t *ret);

static inline char ascii_lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}
