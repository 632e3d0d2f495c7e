/*
 * Character references to characters (html_entity.h). The table of names is made by
 * tools/make-html-entities.
 */
#include "codec/html_entity.h"

#include "base/hex.h"
#include "base/utf8.h"
#include "codec/html_entity_table.h"

enum { ENTITY_MAX = 31, LEGACY_MAX = 6 };

static const struct html_entity_row *look_up(slice name)
{
	size_t from = 0, to = sizeof html_entity_rows / sizeof *html_entity_rows;
	while (from < to) {
		size_t middle = (from + to) / 2;
		const struct html_entity_row *row = &html_entity_rows[middle];
		int order = slice_cmp(name, slice_z(row->name));
		if (order == 0)
			return row;
		if (order < 0)
			to = middle;
		else
			from = middle + 1;
	}
	return NULL;
}

/* What numbers mean that no character has (13.2.5.80): windows-1252 for the old ones. */
static uint32_t mend(uint32_t cp)
{
	static const uint16_t c1[32] = {0x20ac, 0x81, 0x201a, 0x0192, 0x201e, 0x2026, 0x2020,
		0x2021, 0x02c6, 0x2030, 0x0160, 0x2039, 0x0152, 0x8d, 0x017d, 0x8f, 0x90, 0x2018,
		0x2019, 0x201c, 0x201d, 0x2022, 0x2013, 0x2014, 0x02dc, 0x2122, 0x0161, 0x203a,
		0x0153, 0x9d, 0x017e, 0x0178};
	if (cp == 0 || cp > 0x10ffff || (cp >= 0xd800 && cp < 0xe000))
		return UTF8_REPLACEMENT;
	return cp >= 0x80 && cp < 0xa0 ? c1[cp - 0x80] : cp;
}

static size_t numeric(slice s, uint32_t *ret)
{
	size_t i = 2;
	bool hex = s.n > 2 && ascii_lower(s.p[2]) == 'x';
	uint32_t cp = 0;
	i += hex;
	size_t digits = i;
	for (; i < s.n; i++) {
		int d = hex_digit(s.p[i]);
		if (d < 0 || (!hex && d > 9))
			break;
		cp = cp > 0x10ffff ? cp : cp * (hex ? 16 : 10) + (uint32_t)d;
	}
	if (i == digits)
		return 0;
	*ret = mend(cp);
	return i + (i < s.n && s.p[i] == ';');
}

static bool is_alnum(char c)
{
	return (c >= '0' && c <= '9') || (ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z');
}

static size_t take(const struct html_entity_row *row, size_t n, uint32_t ret[2])
{
	ret[0] = row->first;
	ret[1] = row->second;
	return n;
}

size_t html_entity(slice s, bool attribute, uint32_t ret[2])
{
	ret[0] = ret[1] = 0;
	if (s.n > 2 && s.p[1] == '#')
		return numeric(s, &ret[0]);
	size_t n = 0;
	while (n + 1 < s.n && n <= ENTITY_MAX && is_alnum(s.p[n + 1]))
		n++;
	slice name = slice_first(slice_skip(s, 1), n);
	const struct html_entity_row *row;
	if (n + 1 < s.n && s.p[n + 1] == ';' && (row = look_up(name)))
		return take(row, n + 2, ret);
	for (size_t k = n < LEGACY_MAX ? n : LEGACY_MAX; k >= 2; k--) {
		row = look_up(slice_first(name, k));
		if (!row || !row->legacy)
			continue;
		char next = k + 1 < s.n ? s.p[k + 1] : ' ';
		if (attribute && (next == '=' || is_alnum(next)))
			return 0;
		return take(row, k + 1, ret);
	}
	return 0;
}
