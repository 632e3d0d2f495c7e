/*
 * UTF-8 into other charsets (charset.h), for texts that are put into letters. Strict where reading is
 * patient: what other programs might not read back as it was is refused. Called by edit_text.c.
 */
#include "base/mem.h"
#include "base/utf8.h"
#include "codec/charset.h"
#include <unicode/ucnv.h>

/* The converter that writes what the strictest readers of that label know. */
static const struct {
	slice name;
	const char *icu_name;
	unsigned char trail; /* least second byte of a pair; 0 any */
} writers[] = {
	{S_INIT("gb2312"), "windows-936-2000", 0xa1},
	{S_INIT("gb_2312-80"), "windows-936-2000", 0xa1},
	{S_INIT("csgb2312"), "windows-936-2000", 0xa1},
	{S_INIT("euc-cn"), "windows-936-2000", 0xa1},
	{S_INIT("gbk"), "windows-936-2000", 0},
	{S_INIT("x-gbk"), "windows-936-2000", 0},
	{S_INIT("cp936"), "windows-936-2000", 0},
	{S_INIT("ms936"), "windows-936-2000", 0},
	{S_INIT("windows-936"), "windows-936-2000", 0},
	{S_INIT("gb18030"), "gb18030", 0},
	{S_INIT("big5"), "windows-950-2000", 0},
	{S_INIT("x-big5"), "windows-950-2000", 0},
	{S_INIT("cn-big5"), "windows-950-2000", 0},
	{S_INIT("cp950"), "windows-950-2000", 0},
	{S_INIT("windows-950"), "windows-950-2000", 0},
	{S_INIT("big5-hkscs"), "ibm-1375_P100-2008", 0},
	{S_INIT("shift_jis"), "ibm-943_P15A-2003", 0},
	{S_INIT("shift-jis"), "ibm-943_P15A-2003", 0},
	{S_INIT("windows-31j"), "ibm-943_P15A-2003", 0},
	{S_INIT("euc-jp"), "euc-jp-2007", 0},
	{S_INIT("iso-2022-jp"), "ISO_2022,locale=ja,version=0", 0},
	{S_INIT("euc-kr"), "windows-949-2000", 0xa1},
	{S_INIT("ks_c_5601-1987"), "windows-949-2000", 0},
	{S_INIT("ks_c_5601"), "windows-949-2000", 0},
	{S_INIT("cp949"), "windows-949-2000", 0},
	{S_INIT("windows-949"), "windows-949-2000", 0},
	{S_INIT("iso-8859-1"), "iso-8859-1", 0},
	{S_INIT("iso8859-1"), "iso-8859-1", 0},
	{S_INIT("iso_8859-1"), "iso-8859-1", 0},
	{S_INIT("latin1"), "iso-8859-1", 0},
	{S_INIT("windows-1252"), "ibm-5348_P100-1997", 0},
	{S_INIT("cp1252"), "ibm-5348_P100-1997", 0},
};

static bool is_utf8(slice name)
{
	return slice_ieq(name, S("utf-8")) || slice_ieq(name, S("utf8"));
}

static bool is_one_byte(slice name)
{
	return slice_istarts(name, S("iso-8859-")) || slice_istarts(name, S("windows-125")) ||
	       slice_ieq(name, S("windows-874")) || slice_istarts(name, S("koi8-"));
}

bool charset_is_transparent(slice charset)
{
	static const slice not [] = {S_INIT("iso-2022-"), S_INIT("csiso2022"), S_INIT("cp5022"),
		S_INIT("hz"), S_INIT("utf-7"), S_INIT("unicode-1-1-utf-7"), S_INIT("utf-16"),
		S_INIT("utf-32"), S_INIT("ucs-"), S_INIT("utf7"), S_INIT("utf16")};
	for (size_t i = 0; i < sizeof not / sizeof *not ; i++)
		if (slice_istarts(slice_trim(charset), not [i]))
			return false;
	return true;
}

static const char *writer_of(slice name, char made[CHARSET_NAME_MAX + 1], unsigned char *ret_trail)
{
	*ret_trail = 0;
	for (size_t i = 0; i < sizeof writers / sizeof *writers; i++)
		if (slice_ieq(name, writers[i].name)) {
			*ret_trail = writers[i].trail;
			return writers[i].icu_name;
		}
	if (!is_one_byte(name) || name.n > CHARSET_NAME_MAX || memchr(name.p, ',', name.n))
		return NULL;
	memcpy(made, name.p, name.n);
	made[name.n] = 0;
	return made;
}

/* All of it, or nothing. */
static bool write_all(const char *name, slice utf8, struct buf *out)
{
	UErrorCode e = U_ZERO_ERROR;
	UConverter *to = ucnv_open(name, &e), *from = ucnv_open("UTF-8", &e);
	size_t had = out->n, room = 4 * utf8.n + 16;
	char *p = U_SUCCESS(e) ? buf_room(out, room) : NULL;
	if (p) {
		char *at = p;
		const char *in = utf8.p;
		ucnv_setFromUCallBack(to, UCNV_FROM_U_CALLBACK_STOP, NULL, NULL, NULL, &e);
		ucnv_setToUCallBack(from, UCNV_TO_U_CALLBACK_STOP, NULL, NULL, NULL, &e);
		ucnv_convertEx(to, from, &at, p + room, &in, utf8.p + utf8.n, NULL, NULL, NULL,
			NULL, true, true, &e);
		if (U_SUCCESS(e))
			buf_commit(out, (size_t)(at - p));
	}
	ucnv_close(to);
	ucnv_close(from);
	return p && U_SUCCESS(e) && (out->n > had || !utf8.n);
}

static bool trails_fit(slice s, unsigned char least)
{
	for (size_t i = 0; least && i < s.n; i++) {
		if (!(s.p[i] & 0x80))
			continue;
		if (i + 1 >= s.n || (unsigned char)s.p[i] < least ||
			(unsigned char)s.p[i + 1] < least)
			return false;
		i++;
	}
	return true;
}

bool charset_from_utf8(slice charset, slice utf8, struct buf *out)
{
	slice name = slice_trim(charset);
	char made[CHARSET_NAME_MAX + 1];
	unsigned char trail;
	size_t had = out->n;
	if (!utf8_valid(utf8))
		return false;
	if (is_utf8(name) || (utf8_is_ascii(utf8) && charset_is_transparent(name))) {
		buf_put(out, utf8);
		return true;
	}
	const char *icu = writer_of(name, made, &trail);
	if (!icu || !write_all(icu, utf8, out))
		return false;
	/* Does it come back as it was? */
	slice got = slice_skip(buf_slice(out), had);
	AUTO(buf) struct buf back = BUF(4 * utf8.n + 16);
	bool good = trails_fit(got, trail) && charset_to_utf8(name, got, &back) &&
		    slice_eq(buf_slice(&back), utf8);
	if (!good)
		out->n = had;
	return good;
}
