/*
 * RTF bodies of messages in a PST: the HTML that Exchange packed into RTF (MS-OXRTFEX 2.2.3), and the plain text of others. One pass, a stack of groups with
 * an end; bytes above ASCII are read in the charset of their font. Called by pst_body.c.
 */
#include "codec/pst_impl.h"

#include "base/hex.h"
#include "base/utf8.h"

enum { GROUPS = 200, FONTS = 1000, WORD = 32, RUN = 4096 };

struct group {
	bool skip; /* a destination that is not shown */
	bool tag; /* \*\htmltag: HTML */
	bool hidden; /* \htmlrtf: RTF that HTML has already */
	bool fonts; /* the table of fonts */
	unsigned font, uc;
};

struct rtf_in {
	slice s;
	struct buf *out;
	bool html; /* what is wanted */
	struct group g[GROUPS];
	unsigned depth, beyond; /* groups too deep are skipped */
	bool star; /* \* came: what follows may be ignored */
	unsigned skip_chars; /* behind \u */
	uint32_t high; /* half a pair */
	uint32_t page; /* \ansicpg */
	uint16_t pages[FONTS]; /* of fonts */
	unsigned font_here; /* in the table: the one that is described */
	struct buf run; /* bytes that wait for their charset */
	uint32_t run_page;
};

static struct group *top(struct rtf_in *r)
{
	return &r->g[r->depth];
}

static bool shown(struct rtf_in *r)
{
	const struct group *g = top(r);
	if (g->skip || g->fonts || r->beyond)
		return false;
	return !r->html || g->tag || !g->hidden;
}

/* ---- text out ---- */

static uint32_t page_now(struct rtf_in *r)
{
	uint32_t v = top(r)->font < FONTS ? r->pages[top(r)->font] : 0;
	return v && !top(r)->tag ? v : r->page;
}

static void flush(struct rtf_in *r)
{
	struct charset_reading how;
	if (r->run.n)
		charset_read(pst_charset(r->run_page), buf_slice(&r->run), false, r->out, &how);
	buf_reset(&r->run);
}

static void put_byte(struct rtf_in *r, char c)
{
	if (r->skip_chars) {
		r->skip_chars--;
		return;
	}
	if (!shown(r))
		return;
	if ((unsigned char)c < 128 && !r->run.n) { /* a second byte may look like ASCII */
		buf_byte(r->out, c);
		return;
	}
	uint32_t page = page_now(r);
	if (r->run.n && (page != r->run_page || r->run.n >= RUN))
		flush(r);
	r->run_page = page;
	buf_byte(&r->run, c);
}

static void put_cp(struct rtf_in *r, uint32_t cp)
{
	if (!shown(r))
		return;
	flush(r);
	utf8_put(r->out, cp);
}

static void put_unicode(struct rtf_in *r, int v)
{
	uint32_t c = (uint32_t)v & 0xffff;
	if (c >= 0xd800 && c < 0xdc00) {
		r->high = c;
	} else if (c >= 0xdc00 && c < 0xe000 && r->high) {
		put_cp(r, 0x10000 + ((r->high & 0x3ff) << 10) + (c & 0x3ff));
		r->high = 0;
	} else {
		put_cp(r, c);
	}
	r->skip_chars = top(r)->uc;
}

/* ---- words ---- */

static uint16_t page_of_charset(int v)
{
	static const struct {
		int charset;
		uint16_t page;
	} t[] = {{128, 932}, {129, 949}, {134, 936}, {136, 950}, {161, 1253}, {162, 1254},
		{163, 1258}, {177, 1255}, {178, 1256}, {186, 1257}, {204, 1251}, {222, 874},
		{238, 1250}, {0, 1252}};
	for (size_t i = 0; i < sizeof t / sizeof *t; i++)
		if (t[i].charset == v)
			return t[i].page;
	return 0;
}

static bool put_symbol(struct rtf_in *r, slice w)
{
	static const struct {
		slice word;
		uint32_t cp;
	} t[] = {{S_INIT("tab"), '\t'}, {S_INIT("lquote"), 0x2018}, {S_INIT("rquote"), 0x2019},
		{S_INIT("ldblquote"), 0x201c}, {S_INIT("rdblquote"), 0x201d},
		{S_INIT("bullet"), 0x2022}, {S_INIT("endash"), 0x2013}, {S_INIT("emdash"), 0x2014},
		{S_INIT("emspace"), 0x2003}, {S_INIT("enspace"), 0x2002}};
	bool line = slice_eq(w, S("par")) || slice_eq(w, S("line")) || slice_eq(w, S("row")) ||
		    slice_eq(w, S("sect")) || slice_eq(w, S("page"));
	if (line && shown(r)) {
		flush(r);
		buf_put(r->out, S("\r\n"));
	}
	for (size_t i = 0; i < sizeof t / sizeof *t; i++)
		if (slice_eq(w, t[i].word))
			return put_cp(r, t[i].cp), true;
	return line;
}

static bool is_table(slice w)
{
	static const slice v[] = {S_INIT("colortbl"), S_INIT("stylesheet"), S_INIT("info"),
		S_INIT("pict"), S_INIT("object"), S_INIT("header"), S_INIT("footer"),
		S_INIT("pntext"), S_INIT("fldinst"), S_INIT("footnote"), S_INIT("xe"),
		S_INIT("listtable")};
	for (size_t i = 0; i < sizeof v / sizeof *v; i++)
		if (slice_eq(w, v[i]))
			return true;
	return false;
}

static void destination(struct rtf_in *r, slice w)
{
	struct group *g = top(r);
	if (slice_eq(w, S("htmltag")) && r->html)
		g->tag = true;
	else if (!slice_eq(w, S("ud")) && !slice_eq(w, S("shppict")) && !slice_eq(w, S("fldrslt")))
		g->skip = true;
}

static void font_word(struct rtf_in *r, slice w, int v)
{
	if (slice_eq(w, S("f")))
		r->font_here = v >= 0 ? (unsigned)v : FONTS;
	else if (slice_eq(w, S("fcharset")) && r->font_here < FONTS)
		r->pages[r->font_here] = page_of_charset(v);
}

static void word(struct rtf_in *r, slice w, bool has, int v)
{
	struct group *g = top(r);
	bool star = r->star;
	r->star = false;
	if (r->beyond || r->skip_chars)
		r->skip_chars -= r->skip_chars != 0;
	if (r->beyond)
		return;
	if (star && !slice_eq(w, S("fonttbl")))
		destination(r, w);
	else if (slice_eq(w, S("fonttbl")))
		g->fonts = true;
	else if (g->fonts)
		font_word(r, w, v);
	else if (slice_eq(w, S("htmlrtf")))
		flush(r), g->hidden = !has || v;
	else if (slice_eq(w, S("ansicpg")) && has && v > 0)
		r->page = (uint32_t)v;
	else if (slice_eq(w, S("f")) && has)
		flush(r), g->font = v >= 0 ? (unsigned)v : FONTS;
	else if (slice_eq(w, S("uc")) && has)
		g->uc = v >= 0 && v < 8 ? (unsigned)v : 1;
	else if (slice_eq(w, S("u")) && has)
		put_unicode(r, v);
	else if (is_table(w))
		g->skip = true;
	else
		put_symbol(r, w);
}

/* ---- reading ---- */

static size_t digits(slice s, int *ret)
{
	size_t n = 0;
	bool minus = s.n && s.p[0] == '-';
	int64_t v = 0;
	for (n = minus; n < s.n && s.p[n] >= '0' && s.p[n] <= '9'; n++)
		v = v < INT32_MAX / 10 ? 10 * v + (s.p[n] - '0') : v;
	*ret = (int)(minus ? -v : v);
	return n > minus ? n : 0;
}

/* Behind a backslash. */
static size_t control(struct rtf_in *r, slice s)
{
	size_t n = 0;
	int v = 0;
	while (n < s.n && n < WORD && ascii_lower(s.p[n]) >= 'a' && ascii_lower(s.p[n]) <= 'z')
		n++;
	if (n) {
		size_t d = digits(slice_skip(s, n), &v);
		word(r, slice_first(s, n), d > 0, v);
		n += d;
		return n + (n < s.n && s.p[n] == ' ');
	}
	if (!s.n)
		return 0;
	if (s.p[0] == '\'' && s.n >= 3 && hex_digit(s.p[1]) >= 0 && hex_digit(s.p[2]) >= 0) {
		put_byte(r, (char)(hex_digit(s.p[1]) << 4 | hex_digit(s.p[2])));
		return 3;
	}
	if (s.p[0] == '*')
		r->star = true;
	else if (strchr("{}\\", s.p[0]))
		put_byte(r, s.p[0]);
	else if (s.p[0] == '~')
		put_cp(r, 0xa0);
	else if (s.p[0] == '_')
		put_cp(r, 0x2011);
	else if (s.p[0] == '\r' || s.p[0] == '\n')
		put_symbol(r, S("par"));
	return 1;
}

static void open_group(struct rtf_in *r)
{
	flush(r);
	if (r->depth + 1 == GROUPS) {
		r->beyond++;
		return;
	}
	r->depth++;
	r->g[r->depth] = r->g[r->depth - 1];
	r->g[r->depth].tag = false;
	r->star = false;
	r->skip_chars = 0;
}

static void close_group(struct rtf_in *r)
{
	flush(r);
	if (r->beyond)
		r->beyond--;
	else if (r->depth)
		r->depth--;
	r->skip_chars = 0;
}

static void read_all(struct rtf_in *r)
{
	slice s = r->s;
	while (s.n && buf_ok(r->out)) {
		char c = s.p[0];
		s = slice_skip(s, 1);
		if (c == '{')
			open_group(r);
		else if (c == '}')
			close_group(r);
		else if (c == '\\')
			s = slice_skip(s, control(r, s));
		else if (c != '\r' && c != '\n')
			put_byte(r, c);
	}
	flush(r);
}

static void run_rtf(slice rtf, bool html, struct buf *out)
{
	struct rtf_in *r = NEW(struct rtf_in);
	r->s = rtf;
	r->out = out;
	r->html = html;
	r->page = 1252;
	r->font_here = FONTS;
	r->g[0] = (struct group){.uc = 1, .font = FONTS};
	r->run = BUF(2 * RUN);
	read_all(r);
	buf_done(&r->run);
	free(r);
}

bool pst_rtf_html(slice rtf, struct buf *out)
{
	enum { LOOK = 1024 };
	slice start = slice_first(rtf, LOOK);
	if (slice_find(start, S("\\fromhtml1")) == start.n)
		return false;
	run_rtf(rtf, true, out);
	return true;
}

void pst_rtf_text(slice rtf, struct buf *out)
{
	run_rtf(rtf, false, out);
}
