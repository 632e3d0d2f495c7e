/*
 * The bytes of a summary's record (summary_impl.h): numbers, texts, texts that are there already. Used by
 * summary_build.c and its parts.
 */
#include "codec/summary_impl.h"

enum { AGAIN_MIN = 4 /* shorter texts are not worth looking for */ };

void summary_put_number(struct summary_writer *w, uint64_t v)
{
	char out[10];
	size_t n = 0;
	for (; v >= 128; v >>= 7)
		out[n++] = (char)(v | 128);
	out[n++] = (char)v;
	buf_put(&w->b, slice_of(out, n));
}

void summary_put_again(struct summary_writer *w, size_t at, size_t n)
{
	size_t here = w->b.n;
	if (w->b.full)
		return;
	summary_put_number(w, (uint64_t)(n + 1) << 1 | 1);
	summary_put_number(w, here - at);
}

static bool find_seen(const struct summary_writer *w, slice s, size_t *ret_at)
{
	for (size_t i = 0; i < w->nseen; i++) {
		size_t at = w->seen[i].at;
		if (w->seen[i].n == s.n && !memcmp(w->b.p + at, s.p, s.n)) {
			*ret_at = at;
			return true;
		}
	}
	return false;
}

size_t summary_put_text(struct summary_writer *w, slice s)
{
	size_t at;
	if (w->b.full)
		return 0;
	if (!s.p) {
		summary_put_number(w, 0);
		return w->b.n;
	}
	if (s.n >= AGAIN_MIN && find_seen(w, s, &at)) {
		summary_put_again(w, at, s.n);
		return at;
	}
	summary_put_number(w, (uint64_t)(s.n + 1) << 1);
	at = w->b.n;
	buf_put(&w->b, s);
	if (s.n >= AGAIN_MIN && !w->b.full && w->nseen < SUMMARY_SEEN_MAX) {
		w->seen[w->nseen].at = (uint32_t)at;
		w->seen[w->nseen++].n = (uint32_t)s.n;
	}
	return at;
}
