/*
 * Properties of a PST as text, numbers and times (MS-OXCDATA 2.11). 8-bit strings are in the charset of the message that they belong to, which it
 * tells (MS-OXCMSG 2.2.1, PidTagMessageCodepage) or which is guessed from its own texts: old files of Chinese computers are in GBK.
 */
#include "codec/pst_impl.h"

#include "base/utf8.h"
#include <stdio.h>
#include <time.h>

/* ---- charsets ---- */

slice pst_charset(uint32_t page)
{
	static const struct {
		uint32_t page;
		slice name;
	} v[] = {{936, S_INIT("gb18030")}, {54936, S_INIT("gb18030")}, {20936, S_INIT("gb18030")},
		{950, S_INIT("big5")}, {932, S_INIT("shift_jis")}, {949, S_INIT("euc-kr")},
		{51932, S_INIT("euc-jp")}, {51949, S_INIT("euc-kr")}, {51936, S_INIT("gb18030")},
		{50220, S_INIT("iso-2022-jp")}, {50221, S_INIT("iso-2022-jp")},
		{50222, S_INIT("iso-2022-jp")}, {50225, S_INIT("iso-2022-kr")},
		{52936, S_INIT("hz-gb-2312")}, {65001, S_INIT("utf-8")},
		{20127, S_INIT("us-ascii")}, {20866, S_INIT("koi8-r")}, {21866, S_INIT("koi8-u")},
		{874, S_INIT("windows-874")}, {38598, S_INIT("iso-8859-8")}};
	static const slice windows[] = {S_INIT("windows-1250"), S_INIT("windows-1251"),
		S_INIT("windows-1252"), S_INIT("windows-1253"), S_INIT("windows-1254"),
		S_INIT("windows-1255"), S_INIT("windows-1256"), S_INIT("windows-1257"),
		S_INIT("windows-1258")};
	static const slice latin[] = {S_INIT("iso-8859-1"), S_INIT("iso-8859-2"),
		S_INIT("iso-8859-3"), S_INIT("iso-8859-4"), S_INIT("iso-8859-5"),
		S_INIT("iso-8859-6"), S_INIT("iso-8859-7"), S_INIT("iso-8859-8"),
		S_INIT("iso-8859-9"), S_INIT("iso-8859-10"), S_INIT("iso-8859-11"),
		S_INIT("iso-8859-13"), S_INIT("iso-8859-13"), S_INIT("iso-8859-14"),
		S_INIT("iso-8859-15")};
	for (size_t i = 0; i < sizeof v / sizeof *v; i++)
		if (v[i].page == page)
			return v[i].name;
	if (page >= 1250 && page <= 1258)
		return windows[page - 1250];
	if (page >= 28591 && page <= 28605)
		return latin[page - 28591];
	return S("");
}

enum { PAGE_MESSAGE = 0x3ffd, PAGE_INTERNET = 0x3fde, GUESS_FROM = 64 * 1024 };

static void set_charset(struct pst_props *o, slice name)
{
	snprintf(o->charset, sizeof o->charset, "%.*s", SFMT(name));
}

/* From the longest text it has. */
static void guess(struct pst_props *o)
{
	static const unsigned ids[] = {0x1000, 0x0037, 0x0e04, 0x0042, 0x3001};
	for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
		AUTO(pst_raw) struct pst_raw r;
		if (!pst_get(o, ids[i], PST_TEXT_MAX, &r) || r.type != PST_T_STRING8 ||
			utf8_is_ascii(r.s))
			continue;
		set_charset(o, charset_guess(slice_first(r.s, GUESS_FROM)));
		return;
	}
	set_charset(o, slice_z(o->heap.p->charset));
}

void pst_find_charset(struct pst_props *o)
{
	slice own = pst_charset(pst_number(o, PAGE_MESSAGE, 0));
	if (!own.n)
		own = pst_charset(pst_number(o, PAGE_INTERNET, 0));
	if (own.n && !slice_eq(own, S("us-ascii")) && !slice_eq(own, S("utf-8")))
		set_charset(o, own);
	else
		guess(o);
}

/* ---- text ---- */

static void put_wide(struct buf *out, slice s)
{
	for (; s.n >= 2; s = slice_skip(s, 2)) {
		uint32_t c = pst_16(s.p);
		if (c >= 0xd800 && c < 0xdc00 && s.n >= 4 && (pst_16(s.p + 2) & 0xfc00) == 0xdc00) {
			c = 0x10000 + ((c & 0x3ff) << 10) + (pst_16(s.p + 2) & 0x3ffu);
			s = slice_skip(s, 2);
		}
		utf8_put(out, c); /* half a pair becomes U+FFFD */
	}
}

static slice without_zeros(struct buf *b)
{
	while (b->n && !b->p[b->n - 1])
		b->n--;
	for (size_t i = 0; i < b->n; i++)
		if (!b->p[i])
			b->p[i] = ' ';
	return buf_slice(b);
}

slice pst_text_of(const struct pst_props *o, const struct pst_raw *r, struct arena *a)
{
	AUTO(buf) struct buf out = BUF(2 * (size_t)PST_TEXT_MAX);
	struct charset_reading how;
	slice s = r->s;
	if (r->type == PST_T_UNICODE) {
		put_wide(&out, s);
	} else if (r->type == PST_T_STRING8) {
		while (s.n && !s.p[s.n - 1])
			s.n--;
		charset_read(slice_z(o->charset), s, false, &out, &how);
	}
	return arena_dup(a, without_zeros(&out));
}

slice pst_text(struct pst_props *o, unsigned id, struct arena *a)
{
	AUTO(pst_raw) struct pst_raw r;
	return pst_get(o, id, PST_TEXT_MAX, &r) ? pst_text_of(o, &r, a) : S("");
}

/* A number, where each begins, the strings (MS-PST 2.3.3.4.2). */
slice pst_lines(struct pst_props *o, unsigned id, struct arena *a)
{
	enum { LINES = 100, BYTES = 16 * 1024 };
	AUTO(pst_raw) struct pst_raw r;
	AUTO(buf) struct buf out = BUF(4 * BYTES);
	if (!pst_get(o, id, BYTES, &r) || r.s.n < 4 ||
		(r.type != PST_T_STRINGS8 && r.type != PST_T_UNICODES))
		return S("");
	uint32_t n = pst_32(r.s.p);
	if (n > LINES || r.s.n < 4 + 4 * (size_t)n)
		return S("");
	for (uint32_t i = 0; i < n; i++) {
		uint32_t from = pst_32(r.s.p + 4 + 4 * i);
		uint32_t to = i + 1 < n ? pst_32(r.s.p + 8 + 4 * i) : (uint32_t)r.s.n;
		if (from > to || to > r.s.n)
			break;
		struct pst_raw one = {
			.type = r.type == PST_T_UNICODES ? PST_T_UNICODE : PST_T_STRING8,
			.s = slice_of(r.s.p + from, to - from)};
		buf_printf(&out, "%s%.*s", out.n ? "\n" : "", SFMT(pst_text_of(o, &one, a)));
	}
	return arena_dup(a, buf_slice(&out));
}

/* ---- numbers and times ---- */

uint32_t pst_number(struct pst_props *o, unsigned id, uint32_t otherwise)
{
	AUTO(pst_raw) struct pst_raw r;
	if (!pst_get(o, id, 8, &r) || !r.s.n || r.s.n > 4)
		return otherwise;
	if (r.s.n < 4)
		return r.s.n == 2 ? pst_16(r.s.p) : (unsigned char)r.s.p[0];
	return pst_32(r.s.p);
}

int64_t pst_time(struct pst_props *o, unsigned id)
{
	const int64_t from_1601 = INT64_C(11644473600000000), last = INT64_C(253402300799000000);
	AUTO(pst_raw) struct pst_raw r;
	if (!pst_get(o, id, 8, &r) || r.type != PST_T_TIME || r.s.n != 8)
		return 0;
	int64_t usec = (int64_t)(pst_64(r.s.p) / 10) - from_1601;
	return usec > 0 && usec <= last ? usec : 0; /* a day that nobody meant */
}

void pst_date(int64_t wall, char out[PST_DATE_MAX])
{
	static const char days[] = "SunMonTueWedThuFriSat",
			  months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	time_t t = wall / 1000000;
	struct tm d;
	gmtime_r(&t, &d);
	snprintf(out, PST_DATE_MAX, "%.3s, %d %.3s %04d %02d:%02d:%02d +0000", days + 3 * d.tm_wday,
		d.tm_mday, months + 3 * d.tm_mon, d.tm_year + 1900, d.tm_hour, d.tm_min, d.tm_sec);
}
