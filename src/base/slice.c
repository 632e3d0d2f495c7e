/* Comparison, search and cutting of slices. ASCII case rules only: mail protocols fold no more. */
#include "base/slice.h"

bool slice_eq(slice a, slice b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

bool slice_ieq(slice a, slice b)
{
	if (a.n != b.n)
		return false;
	for (size_t i = 0; i < a.n; i++)
		if (ascii_lower(a.p[i]) != ascii_lower(b.p[i]))
			return false;
	return true;
}

int slice_cmp(slice a, slice b)
{
	size_t n = a.n < b.n ? a.n : b.n;
	int c = n ? memcmp(a.p, b.p, n) : 0;
	return c ? c : (a.n > b.n) - (a.n < b.n);
}

bool slice_starts(slice s, slice prefix)
{
	return slice_eq(slice_first(s, prefix.n), prefix);
}

bool slice_istarts(slice s, slice prefix)
{
	return slice_ieq(slice_first(s, prefix.n), prefix);
}

bool slice_ends(slice s, slice suffix)
{
	return s.n >= suffix.n && slice_eq(slice_skip(s, s.n - suffix.n), suffix);
}

bool slice_iends(slice s, slice suffix)
{
	return s.n >= suffix.n && slice_ieq(slice_skip(s, s.n - suffix.n), suffix);
}

slice slice_skip(slice s, size_t n)
{
	if (n > s.n)
		n = s.n;
	return (slice){s.p ? s.p + n : NULL, s.n - n};
}

slice slice_first(slice s, size_t n)
{
	return (slice){s.p, n < s.n ? n : s.n};
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

slice slice_trim(slice s)
{
	while (s.n && is_space(s.p[0]))
		s = slice_skip(s, 1);
	while (s.n && is_space(s.p[s.n - 1]))
		s.n--;
	return s;
}

size_t slice_index(slice s, char c)
{
	const char *hit = s.n ? memchr(s.p, c, s.n) : NULL;
	return hit ? (size_t)(hit - s.p) : s.n;
}

size_t slice_rindex(slice s, char c)
{
	const char *hit = s.n ? memrchr(s.p, c, s.n) : NULL;
	return hit ? (size_t)(hit - s.p) : s.n;
}

size_t slice_find(slice s, slice needle)
{
	if (needle.n == 0)
		return 0;
	const char *hit = s.n ? memmem(s.p, s.n, needle.p, needle.n) : NULL;
	return hit ? (size_t)(hit - s.p) : s.n;
}

bool slice_cut(slice *s, char sep, slice *ret_part)
{
	if (!s->p)
		return false;
	size_t at = slice_index(*s, sep);
	*ret_part = slice_first(*s, at);
	*s = at < s->n ? slice_skip(*s, at + 1) : (slice){0};
	return true;
}

bool slice_u64(slice s, uint64_t *ret)
{
	uint64_t v = 0;
	if (s.n == 0)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		unsigned d = (unsigned char)s.p[i] - '0';
		if (d > 9 || __builtin_mul_overflow(v, 10, &v) || __builtin_add_overflow(v, d, &v))
			return false;
	}
	*ret = v;
	return true;
}
