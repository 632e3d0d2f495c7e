/*
 * What requests ask for: targets (RFC 9112 3.2, RFC 3986), forms as browsers send them, Accept-Language. A path is
 * split first and decoded then, so that no encoded slash makes a segment. Called by proto/http and its users.
 */
#include "base/hex.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "codec/http1.h"

#include <stdlib.h>

/* False: % without two digits. */
static bool decode(slice s, bool form, struct arena *a, slice *ret)
{
	char *to = arena_alloc(a, s.n + 1);
	size_t n = 0;
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];
		if (c == '%') {
			int high = i + 2 < s.n ? hex_digit(s.p[i + 1]) : -1;
			int low = i + 2 < s.n ? hex_digit(s.p[i + 2]) : -1;
			if (high < 0 || low < 0)
				return false;
			c = (char)(high << 4 | low);
			i += 2;
		} else if (form && c == '+') {
			c = ' ';
		}
		to[n++] = c;
	}
	*ret = slice_of(to, n);
	return true;
}

static bool segment_fine(slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] < 0x20 || s.p[i] == 0x7f || s.p[i] == '/' ||
			s.p[i] == '\\')
			return false;
	return !slice_eq(s, S(".")) && !slice_eq(s, S("..")) && utf8_valid(s);
}

static bool read_path(slice path, struct arena *a, struct http1_target *t)
{
	slice rest = slice_skip(path, 1), part;
	t->path = path;
	while (slice_cut(&rest, '/', &part)) {
		slice *to = &t->segments[t->nsegments];
		if (t->nsegments == HTTP1_SEGMENTS_MAX || !decode(part, false, a, to) ||
			!segment_fine(*to))
			return false;
		t->nsegments++;
	}
	return true;
}

/* "http://host" off the front. */
static bool cut_authority(slice *target, slice *ret_host)
{
	slice rest = *target;
	if (slice_istarts(rest, S("http://")))
		rest = slice_skip(rest, 7);
	else if (slice_istarts(rest, S("https://")))
		rest = slice_skip(rest, 8);
	else
		return false;
	size_t n = 0;
	while (n < rest.n && rest.p[n] != '/' && rest.p[n] != '?')
		n++;
	*ret_host = slice_first(rest, n);
	*target = slice_skip(rest, n);
	return n > 0 && slice_index(*ret_host, '@') == n;
}

bool http1_target_read(slice target, struct arena *a, struct http1_target *ret)
{
	struct http1_target t = {0};
	if (slice_eq(target, S("*"))) {
		t.path = target;
		*ret = t;
		return true;
	}
	if (!slice_starts(target, S("/")) && !cut_authority(&target, &t.host))
		return false;
	size_t mark = slice_index(target, '?');
	slice path = slice_first(target, mark);
	t.query = slice_skip(target, mark + 1);
	if (!read_path(path.n ? path : S("/"), a, &t))
		return false;
	*ret = t;
	return true;
}

bool http1_form_next(slice *form, slice name, struct arena *a, slice *ret)
{
	slice pair;
	for (int i = 0; i < HTTP1_PAIRS_MAX && slice_cut(form, '&', &pair); i++) {
		size_t mark = slice_index(pair, '=');
		slice key;
		if (!decode(slice_first(pair, mark), true, a, &key) || !slice_eq(key, name))
			continue;
		return decode(slice_skip(pair, mark + 1), true, a, ret) && utf8_valid(*ret);
	}
	return false;
}

bool http1_form_get(slice form, slice name, struct arena *a, slice *ret)
{
	return http1_form_next(&form, name, a, ret);
}

void http1_put_encoded(struct buf *out, slice s)
{
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i], low = ascii_lower(c);
		if ((low >= 'a' && low <= 'z') || (c >= '0' && c <= '9') ||
			(c && strchr("-._~", c)))
			buf_byte(out, c);
		else
			buf_printf(out, "%%%02X", (unsigned char)c);
	}
}

/* ---- languages ---- */

/* "0.8" in thousandths; 1000 when there is none; 0 for what is no weight. */
static unsigned weight(slice params)
{
	slice v = slice_trim(params);
	if (!v.n)
		return 1000;
	if (!slice_istarts(v, S("q=")))
		return 0;
	v = slice_skip(v, 2);
	if (!v.n || (v.p[0] != '0' && v.p[0] != '1') || (v.n > 1 && v.p[1] != '.') || v.n > 5)
		return 0;
	unsigned q = v.p[0] == '1' ? 1000 : 0, unit = 100;
	for (size_t i = 2; i < v.n; i++, unit /= 10) {
		if (v.p[i] < '0' || v.p[i] > '9')
			return 0;
		q += (unsigned)(v.p[i] - '0') * unit;
	}
	return q > 1000 ? 1000 : q;
}

size_t http1_language(slice value, const slice *offered, size_t n, size_t def)
{
	slice part;
	unsigned best = 0;
	size_t chosen = def;
	for (int i = 0; i < HTTP1_PAIRS_MAX && slice_cut(&value, ',', &part); i++) {
		size_t mark = slice_index(part, ';');
		slice tag = slice_trim(slice_first(part, mark));
		unsigned q = weight(slice_skip(part, mark + 1));
		slice primary = slice_first(tag, slice_index(tag, '-'));
		for (size_t k = 0; k < n && q > best; k++)
			if (slice_ieq(primary, offered[k])) {
				best = q;
				chosen = k;
			}
	}
	return chosen;
}
