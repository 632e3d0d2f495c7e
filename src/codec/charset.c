/*
 * Charsets by iconv(3), with the names and the mistakes that mail has. ASCII, UTF-8 and
 * windows-1252 are done here; all else is glibc's. The first use of a charset in a process may load
 * a gconv module, which a sandboxed process cannot do: charset_warm_up loads them all (libc unloads
 * what nobody has open, so one descriptor of each stays open).
 */
#include "codec/charset.h"

#include "base/utf8.h"
#include <errno.h>
#include <iconv.h>

enum { CHARSET_NAME_MAX = 40 };

enum how { BY_ICONV, AS_UTF8, AS_1252 };

/* What senders write, and what they mean (as the WHATWG encoding standard settled it). */
static const struct alias {
	slice name;
	enum how how;
	const char *iconv_name;
} aliases[] = {
	{S_INIT("utf-8"), AS_UTF8, NULL},
	{S_INIT("utf8"), AS_UTF8, NULL},
	{S_INIT("us-ascii"), AS_1252, NULL},
	{S_INIT("ascii"), AS_1252, NULL},
	{S_INIT("ansi_x3.4-1968"), AS_1252, NULL},
	{S_INIT("iso-8859-1"), AS_1252, NULL},
	{S_INIT("iso8859-1"), AS_1252, NULL},
	{S_INIT("iso_8859-1"), AS_1252, NULL},
	{S_INIT("latin1"), AS_1252, NULL},
	{S_INIT("windows-1252"), AS_1252, NULL},
	{S_INIT("cp1252"), AS_1252, NULL},
	{S_INIT("gb2312"), BY_ICONV, "GB18030"},
	{S_INIT("gb_2312-80"), BY_ICONV, "GB18030"},
	{S_INIT("csgb2312"), BY_ICONV, "GB18030"},
	{S_INIT("euc-cn"), BY_ICONV, "GB18030"},
	{S_INIT("gbk"), BY_ICONV, "GB18030"},
	{S_INIT("x-gbk"), BY_ICONV, "GB18030"},
	{S_INIT("cp936"), BY_ICONV, "GB18030"},
	{S_INIT("ms936"), BY_ICONV, "GB18030"},
	{S_INIT("windows-936"), BY_ICONV, "GB18030"},
	{S_INIT("gb18030"), BY_ICONV, "GB18030"},
	{S_INIT("big5"), BY_ICONV, "BIG5-HKSCS"},
	{S_INIT("x-big5"), BY_ICONV, "BIG5-HKSCS"},
	{S_INIT("cp950"), BY_ICONV, "BIG5-HKSCS"},
	{S_INIT("shift_jis"), BY_ICONV, "CP932"},
	{S_INIT("x-sjis"), BY_ICONV, "CP932"},
	{S_INIT("windows-31j"), BY_ICONV, "CP932"},
	{S_INIT("ks_c_5601-1987"), BY_ICONV, "CP949"},
	{S_INIT("euc-kr"), BY_ICONV, "CP949"},
	{S_INIT("iso-8859-8-i"), BY_ICONV, "ISO-8859-8"},
	{S_INIT("iso-8859-9"), BY_ICONV, "CP1254"},
	{S_INIT("unicode-1-1-utf-7"), BY_ICONV, "UTF-7"},
};

/* What else iconv is trusted with: names that begin like this. It knows hundreds that no mail has.
 */
static const slice trusted[] = {S_INIT("iso-8859-"), S_INIT("windows-125"), S_INIT("windows-874"),
	S_INIT("cp125"), S_INIT("cp1361"), S_INIT("cp437"), S_INIT("cp85"), S_INIT("cp86"),
	S_INIT("cp874"), S_INIT("cp932"), S_INIT("cp949"), S_INIT("ibm850"), S_INIT("ibm852"),
	S_INIT("ibm866"), S_INIT("koi8-"), S_INIT("iso-2022-jp"), S_INIT("iso-2022-kr"),
	S_INIT("iso-2022-cn"), S_INIT("euc-jp"), S_INIT("euc-tw"), S_INIT("johab"),
	S_INIT("tis-620"), S_INIT("viscii"), S_INIT("tcvn"), S_INIT("macintosh"), S_INIT("utf-7"),
	S_INIT("utf-16"), S_INIT("utf-32"), S_INIT("latin")};

static bool is_trusted(slice name)
{
	if (name.n > CHARSET_NAME_MAX)
		return false;
	for (size_t i = 0; i < name.n; i++)
		if (name.p[i] <= ' ' || name.p[i] > '~' ||
			name.p[i] == '/') /* "/" starts iconv's options */
			return false;
	for (size_t i = 0; i < sizeof trusted / sizeof trusted[0]; i++)
		if (slice_istarts(name, trusted[i]))
			return true;
	return false;
}

/* *ret_name: for iconv_open. False: a charset we do not know. */
static bool look_up(slice charset, enum how *ret_how, char ret_name[CHARSET_NAME_MAX + 1])
{
	slice name = slice_trim(charset);
	for (size_t i = 0; i < sizeof aliases / sizeof aliases[0]; i++) {
		if (!slice_ieq(name, aliases[i].name))
			continue;
		*ret_how = aliases[i].how;
		if (aliases[i].iconv_name)
			strcpy(ret_name, aliases[i].iconv_name);
		return true;
	}
	if (!is_trusted(name))
		return false;
	*ret_how = BY_ICONV;
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
	for (size_t i = 0; i < in.n; i++) {
		unsigned char c = (unsigned char)in.p[i];
		utf8_put(out, c >= 0x80 && c < 0xa0 ? c1[c - 0x80] : c);
	}
}

/* Runs it through; counts what made no sense. With out == NULL stops at the first such byte. */
static size_t run_iconv(iconv_t cd, slice in, struct buf *out)
{
	char made[1024], *from = (char *)in.p;
	size_t left = in.n, bad = 0;
	bool flushed = false;
	while (!flushed) {
		char *to = made;
		size_t room = sizeof made;
		bool ending = left == 0;
		size_t rc = iconv(cd, ending ? NULL : &from, ending ? NULL : &left, &to, &room);
		if (out)
			buf_put(out, slice_of(made, (size_t)(to - made)));
		flushed = ending && (rc != (size_t)-1 || errno != E2BIG);
		if (rc != (size_t)-1 || errno == E2BIG)
			continue;
		bad++;
		if (!out)
			return bad;
		utf8_put(out, UTF8_REPLACEMENT);
		if (ending)
			break;
		size_t skip = errno == EINVAL
				      ? left
				      : 1; /* a character cut off at the end, else one byte */
		from += skip;
		left -= skip;
	}
	return bad;
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
	if (how != BY_ICONV)
		return true;
	iconv_t cd = iconv_open("UTF-8", name);
	if (cd == (iconv_t)-1)
		return false;
	run_iconv(cd, in, out);
	iconv_close(cd);
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
	iconv_t cd = iconv_open("UTF-8", name);
	if (cd == (iconv_t)-1)
		return false;
	size_t bad = run_iconv(cd, in, NULL);
	iconv_close(cd);
	return bad == 0;
}

/* One name for each module behind the names above. */
void charset_warm_up(void)
{
	static const char *const names[] = {"GB18030", "BIG5-HKSCS", "CP932", "CP949",
		"ISO-2022-JP", "ISO-2022-JP-3", "ISO-2022-KR", "ISO-2022-CN", "ISO-2022-CN-EXT",
		"EUC-JP", "EUC-TW", "JOHAB", "UTF-7", "UTF-16", "UTF-32", "KOI8-R", "KOI8-U",
		"KOI8-T", "ISO-8859-2", "ISO-8859-3", "ISO-8859-4", "ISO-8859-5", "ISO-8859-6",
		"ISO-8859-7", "ISO-8859-8", "ISO-8859-9", "ISO-8859-10", "ISO-8859-11",
		"ISO-8859-13", "ISO-8859-14", "ISO-8859-15", "ISO-8859-16", "CP1250", "CP1251",
		"CP1253", "CP1254", "CP1255", "CP1256", "CP1257", "CP1258", "TIS-620", "CP874",
		"CP437", "CP850", "CP851", "CP852", "CP855", "CP856", "CP857", "CP858", "CP860",
		"CP861", "CP862", "CP863", "CP864", "CP865", "CP866", "CP868", "CP869", "KOI8-RU",
		"EUC-JP-MS", "EUC-JISX0213", "VISCII", "TCVN", "MACINTOSH"};
	static iconv_t open[sizeof names / sizeof *names];
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (!open[i])
			open[i] = iconv_open("UTF-8", names[i]);
}
