/*
 * Charsets by ICU (charset.h), with the names and the mistakes that mail has. ASCII, UTF-8 and
 * windows-1252 are done here; all else is ICU's, whose tables are inside its library. Which charset
 * a text has when its label is missing or lies: charset_read.c, charset_guess.c.
 */
#include "codec/charset.h"

#include "base/mem.h"
#include "base/must.h"
#include "base/utf8.h"
#include <unicode/ucnv.h>
#include <unicode/udata.h>

enum how { BY_ICU, AS_UTF8, AS_1252 };

/* What senders write, and what they mean (as the WHATWG encoding standard settled it). */
static const struct alias {
	slice name;
	enum how how;
	const char *icu_name;
} aliases[] = {
	{S_INIT("utf-8"), AS_UTF8, NULL},
	{S_INIT("utf8"), AS_UTF8, NULL},
	{S_INIT("unicode-1-1-utf-8"), AS_UTF8, NULL},
	{S_INIT("us-ascii"), AS_1252, NULL},
	{S_INIT("ascii"), AS_1252, NULL},
	{S_INIT("ansi_x3.4-1968"), AS_1252, NULL},
	{S_INIT("iso-8859-1"), AS_1252, NULL},
	{S_INIT("iso8859-1"), AS_1252, NULL},
	{S_INIT("iso_8859-1"), AS_1252, NULL},
	{S_INIT("latin1"), AS_1252, NULL},
	{S_INIT("latin-1"), AS_1252, NULL},
	{S_INIT("windows-1252"), AS_1252, NULL},
	{S_INIT("cp1252"), AS_1252, NULL},
	{S_INIT("gb2312"), BY_ICU, "gb18030"},
	{S_INIT("gb_2312-80"), BY_ICU, "gb18030"},
	{S_INIT("csgb2312"), BY_ICU, "gb18030"},
	{S_INIT("euc-cn"), BY_ICU, "gb18030"},
	{S_INIT("gbk"), BY_ICU, "gb18030"},
	{S_INIT("x-gbk"), BY_ICU, "gb18030"},
	{S_INIT("cp936"), BY_ICU, "gb18030"},
	{S_INIT("ms936"), BY_ICU, "gb18030"},
	{S_INIT("windows-936"), BY_ICU, "gb18030"},
	{S_INIT("gb18030"), BY_ICU, "gb18030"},
	{S_INIT("chinese"), BY_ICU, "gb18030"},
	{S_INIT("hz"), BY_ICU, "HZ"},
	{S_INIT("hz-gb-2312"), BY_ICU, "HZ"},
	{S_INIT("big5"), BY_ICU, "ibm-1375_P100-2008"},
	{S_INIT("big5-hkscs"), BY_ICU, "ibm-1375_P100-2008"},
	{S_INIT("x-big5"), BY_ICU, "ibm-1375_P100-2008"},
	{S_INIT("cn-big5"), BY_ICU, "ibm-1375_P100-2008"},
	{S_INIT("cp950"), BY_ICU, "ibm-1375_P100-2008"},
	{S_INIT("windows-950"), BY_ICU, "ibm-1375_P100-2008"},
	{S_INIT("shift_jis"), BY_ICU, "ibm-943_P15A-2003"},
	{S_INIT("shift-jis"), BY_ICU, "ibm-943_P15A-2003"},
	{S_INIT("sjis"), BY_ICU, "ibm-943_P15A-2003"},
	{S_INIT("x-sjis"), BY_ICU, "ibm-943_P15A-2003"},
	{S_INIT("cp932"), BY_ICU, "ibm-943_P15A-2003"},
	{S_INIT("ms932"), BY_ICU, "ibm-943_P15A-2003"},
	{S_INIT("windows-31j"), BY_ICU, "ibm-943_P15A-2003"},
	{S_INIT("euc-jp"), BY_ICU, "euc-jp-2007"},
	{S_INIT("x-euc-jp"), BY_ICU, "euc-jp-2007"},
	/* Version 3 of ICU's reader takes what all the others take. */
	{S_INIT("iso-2022-jp"), BY_ICU, "ISO_2022,locale=ja,version=3"},
	{S_INIT("iso-2022-jp-1"), BY_ICU, "ISO_2022,locale=ja,version=3"},
	{S_INIT("iso-2022-jp-2"), BY_ICU, "ISO_2022,locale=ja,version=3"},
	{S_INIT("iso-2022-jp-ms"), BY_ICU, "ISO_2022,locale=ja,version=3"},
	{S_INIT("cp50220"), BY_ICU, "ISO_2022,locale=ja,version=3"},
	{S_INIT("cp50221"), BY_ICU, "ISO_2022,locale=ja,version=3"},
	{S_INIT("csiso2022jp"), BY_ICU, "ISO_2022,locale=ja,version=3"},
	{S_INIT("iso-2022-kr"), BY_ICU, "ISO_2022,locale=ko,version=0"},
	{S_INIT("iso-2022-cn"), BY_ICU, "ISO_2022,locale=zh,version=1"},
	{S_INIT("iso-2022-cn-ext"), BY_ICU, "ISO_2022,locale=zh,version=1"},
	{S_INIT("ks_c_5601-1987"), BY_ICU, "windows-949-2000"},
	{S_INIT("ks_c_5601"), BY_ICU, "windows-949-2000"},
	{S_INIT("ksc5601"), BY_ICU, "windows-949-2000"},
	{S_INIT("euc-kr"), BY_ICU, "windows-949-2000"},
	{S_INIT("uhc"), BY_ICU, "windows-949-2000"},
	{S_INIT("cp949"), BY_ICU, "windows-949-2000"},
	{S_INIT("windows-949"), BY_ICU, "windows-949-2000"},
	{S_INIT("euc-tw"), BY_ICU, "euc-tw-2014"},
	{S_INIT("iso-8859-8-i"), BY_ICU, "iso-8859-8"},
	{S_INIT("iso-8859-8-e"), BY_ICU, "iso-8859-8"},
	{S_INIT("iso-8859-9"), BY_ICU, "windows-1254"},
	{S_INIT("iso-8859-11"), BY_ICU, "windows-874"},
	{S_INIT("tis-620"), BY_ICU, "windows-874"},
	{S_INIT("unicode-1-1-utf-7"), BY_ICU, "UTF-7"},
	{S_INIT("koi8-ru"), BY_ICU, "koi8-u"},
};

/* What else ICU is trusted with: names that begin like this. It knows hundreds that no mail has. */
static const slice trusted[] = {S_INIT("iso-8859-"), S_INIT("iso8859-"), S_INIT("iso_8859-"),
	S_INIT("windows-125"), S_INIT("windows-874"), S_INIT("cp125"), S_INIT("cp437"),
	S_INIT("cp85"), S_INIT("cp86"), S_INIT("cp874"), S_INIT("ibm437"), S_INIT("ibm85"),
	S_INIT("ibm86"), S_INIT("koi8-"), S_INIT("macintosh"), S_INIT("x-mac-"), S_INIT("utf-7"),
	S_INIT("utf-16"), S_INIT("utf-32"), S_INIT("latin"), S_INIT("csiso"), S_INIT("l2")};

static bool is_trusted(slice name)
{
	if (name.n > CHARSET_NAME_MAX)
		return false;
	for (size_t i = 0; i < name.n; i++)
		if (name.p[i] <= ' ' || name.p[i] > '~' || name.p[i] == ',') /* ICU's options */
			return false;
	for (size_t i = 0; i < sizeof trusted / sizeof trusted[0]; i++)
		if (slice_istarts(name, trusted[i]))
			return true;
	return false;
}

/* *ret_name: for ucnv_open. False: a name that no mail should have. */
static bool look_up(slice charset, enum how *ret_how, char ret_name[CHARSET_NAME_MAX + 1])
{
	slice name = slice_trim(charset);
	for (size_t i = 0; i < sizeof aliases / sizeof aliases[0]; i++) {
		if (!slice_ieq(name, aliases[i].name))
			continue;
		*ret_how = aliases[i].how;
		if (aliases[i].icu_name)
			strcpy(ret_name, aliases[i].icu_name);
		return true;
	}
	if (!is_trusted(name))
		return false;
	*ret_how = BY_ICU;
	memcpy(ret_name, name.p, name.n);
	ret_name[name.n] = 0;
	return true;
}

static void from_1252(slice in, struct buf *out)
{
	static const uint16_t c1[32] = {0x20ac, 0xfffd, 0x201a, 0x0192, 0x201e, 0x2026, 0x2020,
		0x2021, 0x02c6, 0x2030, 0x0160, 0x2039, 0x0152, 0xfffd, 0x017d, 0xfffd, 0xfffd,
		0x2018, 0x2019, 0x201c, 0x201d, 0x2022, 0x2013, 0x2014, 0x02dc, 0x2122, 0x0161,
		0x203a, 0x0153, 0xfffd, 0x017e, 0x0178};
	while (in.n) {
		size_t plain = 0;
		while (plain < in.n && !(in.p[plain] & 0x80))
			plain++;
		buf_put(out, slice_first(in, plain));
		in = slice_skip(in, plain);
		if (!in.n)
			break;
		unsigned char c = (unsigned char)in.p[0];
		utf8_put(out, c < 0xa0 ? c1[c - 0x80] : c);
		in = slice_skip(in, 1);
	}
}

static UConverter *open_converter(const char *name)
{
	UErrorCode e = U_ZERO_ERROR;
	UConverter *c = ucnv_open(name, &e);
	return U_SUCCESS(e) ? c : NULL;
}

static void put_utf16(struct buf *out, const UChar *v, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		uint32_t cp = v[i];
		if (U16_IS_LEAD(cp) && i + 1 < n && U16_IS_TRAIL(v[i + 1])) {
			cp = U16_GET_SUPPLEMENTARY(cp, v[i + 1]);
			i++;
		}
		utf8_put(out, cp); /* half a pair: U+FFFD */
	}
}

/* Runs it through. A pair that two steps cut in half is kept together. */
static void run_icu(UConverter *c, slice in, struct buf *out)
{
	UChar made[1024 + 1];
	const char *from = in.p, *end = in.p + in.n;
	size_t held = 0;
	for (;;) {
		UErrorCode e = U_ZERO_ERROR;
		UChar *to = made + held;
		ucnv_toUnicode(c, &to, made + 1024, &from, end, NULL, true, &e);
		size_t n = (size_t)(to - made);
		bool more = e == U_BUFFER_OVERFLOW_ERROR;
		held = more && n && U16_IS_LEAD(made[n - 1]);
		put_utf16(out, made, n - held);
		if (!more)
			break;
		made[0] = held ? made[n - 1] : 0;
	}
}

bool charset_to_utf8(slice charset, slice in, struct buf *out)
{
	char name[CHARSET_NAME_MAX + 1];
	enum how how;
	if (!look_up(charset, &how, name))
		return false;
	if (how == AS_UTF8)
		utf8_scrub(out, in);
	if (how == AS_1252)
		from_1252(in, out);
	if (how != BY_ICU)
		return true;
	UConverter *c = open_converter(name);
	if (!c)
		return false;
	if (in.n)
		run_icu(c, in, out);
	ucnv_close(c);
	return true;
}

bool charset_fits(slice charset, slice in)
{
	char name[CHARSET_NAME_MAX + 1];
	enum how how;
	if (!look_up(charset, &how, name))
		return false;
	if (how == AS_UTF8)
		return utf8_valid(in);
	if (how == AS_1252)
		return true;
	UConverter *c = open_converter(name);
	if (!c)
		return false;
	UChar made[1024];
	const char *from = in.p, *end = in.p + in.n;
	UErrorCode e = U_ZERO_ERROR;
	ucnv_setToUCallBack(c, UCNV_TO_U_CALLBACK_STOP, NULL, NULL, NULL, &e);
	do {
		UChar *to = made;
		e = U_ZERO_ERROR;
		if (in.n)
			ucnv_toUnicode(c, &to, made + 1024, &from, end, NULL, true, &e);
	} while (e == U_BUFFER_OVERFLOW_ERROR);
	ucnv_close(c);
	return U_SUCCESS(e);
}

void charset_warm_up(void)
{
	static const char *const names[] = {"gb18030", "ibm-1375_P100-2008", "ibm-943_P15A-2003",
		"euc-jp-2007", "ISO_2022,locale=ja,version=3", "windows-949-2000", "UTF-7",
		"koi8-r", "windows-1251"};
	static bool done;
	UErrorCode e = U_ZERO_ERROR;
	if (done)
		return;
	done = true;
	udata_setFileAccess(UDATA_NO_FILES, &e);
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		ucnv_close(open_converter(names[i]));
}
