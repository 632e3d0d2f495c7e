/*
 * RTF 1.9.1 as Word reads it: groups, control words, destinations that are shown or not. Text with
 * its charsets, codes of fields, templates from elsewhere, pictures, objects (rtf_object.c). Called
 * by the reader of attachments. Formatting, also what hides text, is not looked at.
 *
 * Exploits hide objects by writing RTF that Word forgives: junk between the digits of an object's
 * data, heads that are not "{\rtf1". Both are told.
 */
#include "base/mem.h"
#include "base/utf8.h"
#include "codec/charset.h"
#include "codec/field.h"
#include "codec/rtf_impl.h"
#include <stdio.h>

enum {
	DEPTH_MAX = 256, /* groups; deeper ones count as the last */
	WORD_MAX = 32,
	TEXT_MAX = 1 << 20,
	BYTES_MAX = 4096, /* of one run in a charset */
	CODE_MAX = 8192,
	PAGE_DEFAULT = 1252,
	ODD_MIN = 16, /* foreign characters in an object's data */
};

enum where { IN_TEXT, IN_NOTHING, IN_FIELD, IN_OBJECT, IN_PICTURE, IN_TEMPLATE };

struct group {
	unsigned char where;
	unsigned char skip; /* \uc: characters behind \u that stand for it */
	bool first; /* nothing but \* was seen in it */
};

struct rtf {
	slice in;
	struct extract_limits *limits;
	const struct extract *x;
	struct group *stack;
	unsigned depth, over; /* over: groups beyond DEPTH_MAX */
	unsigned page;
	unsigned to_skip;
	bool ignorable; /* \* was seen */
	bool stopped;
	struct buf text, bytes; /* bytes: a run that waits for its charset's end */
	struct buf code, data; /* of a field; of an object or picture */
	unsigned foreign;
	int high; /* first digit of a pair, or -1 */
	struct rtf_object object;
};

static struct group *top(struct rtf *r)
{
	return &r->stack[r->depth];
}

/* ---- text ---- */

static void flush_bytes(struct rtf *r)
{
	char name[24];
	if (!r->bytes.n)
		return;
	snprintf(name, sizeof name, r->page == 936 ? "gb18030" : "windows-%u", r->page);
	slice charset = r->page == 65001 ? S("utf-8") : r->page == 950 ? S("big5") : slice_z(name);
	struct buf *out = top(r)->where == IN_FIELD ? &r->code : &r->text;
	if (!charset_to_utf8(charset, buf_slice(&r->bytes), out))
		charset_to_utf8(S("windows-1252"), buf_slice(&r->bytes), out);
	buf_reset(&r->bytes);
}

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = ascii_lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static void digit(struct rtf *r, char c)
{
	int v = hex(c);
	if (v < 0) {
		r->foreign += c != ' ' && c != '\r' && c != '\n' && c != '\t';
	} else if (r->high < 0) {
		r->high = v;
	} else {
		buf_byte(&r->data, (char)(r->high << 4 | v));
		r->high = -1;
	}
}

static void letter(struct rtf *r, char c)
{
	if (r->to_skip) {
		r->to_skip--;
		return;
	}
	switch (top(r)->where) {
	case IN_TEXT:
	case IN_FIELD:
		buf_byte(&r->bytes, c);
		if (r->bytes.n >= BYTES_MAX && (unsigned char)c < 128)
			flush_bytes(r);
		break;
	case IN_TEMPLATE:
		buf_byte(&r->code, c);
		break;
	case IN_OBJECT:
	case IN_PICTURE:
		digit(r, c);
		break;
	default:
		break;
	}
}

static void character(struct rtf *r, uint32_t cp)
{
	if (top(r)->where != IN_TEXT && top(r)->where != IN_FIELD)
		return;
	flush_bytes(r);
	utf8_put(top(r)->where == IN_FIELD ? &r->code : &r->text, cp);
}

/* ---- groups ---- */

static void open_group(struct rtf *r)
{
	flush_bytes(r);
	r->to_skip = 0;
	if (r->depth + 1 >= DEPTH_MAX) {
		r->over++;
		return;
	}
	r->stack[r->depth + 1] = *top(r);
	r->depth++;
	top(r)->first = true;
}

static void end_data(struct rtf *r, enum where what)
{
	slice data = buf_slice(&r->data);
	if (!extract_take(r->limits, data.n)) {
		r->x->fact(r->x->ctx, EXTRACT_LIMIT, S(""));
		r->stopped = true;
	} else if (what == IN_PICTURE) {
		r->stopped = data.n && !r->x->file(r->x->ctx, S(""), data);
	} else {
		r->object.odd = r->foreign >= ODD_MIN;
		r->stopped = data.n && !rtf_object(&r->object, data, r->x);
		r->object = (struct rtf_object){0};
	}
	buf_reset(&r->data);
	r->high = -1;
	r->foreign = 0;
}

static void end_code(struct rtf *r, enum where what)
{
	slice code = slice_trim(buf_slice(&r->code));
	if (what == IN_FIELD)
		field_read(code, r->x);
	else if (field_is_remote(code)) {
		r->x->fact(r->x->ctx, EXTRACT_REMOTE, S("template"));
		r->x->link(r->x->ctx, code, S(""));
	}
	buf_reset(&r->code);
}

static void close_group(struct rtf *r)
{
	flush_bytes(r);
	r->to_skip = 0;
	if (r->over || !r->depth) {
		r->over -= r->over != 0;
		return;
	}
	enum where ended = top(r)->where;
	r->depth--;
	if (ended == (enum where)top(r)->where)
		return;
	if (ended == IN_FIELD || ended == IN_TEMPLATE)
		end_code(r, ended);
	else if (ended == IN_OBJECT || ended == IN_PICTURE)
		end_data(r, ended);
}

/* ---- control words ---- */

static const struct {
	const char *word;
	enum where where;
} destinations[] = {
	{"fldinst", IN_FIELD},
	{"objdata", IN_OBJECT},
	{"pict", IN_PICTURE},
	{"template", IN_TEMPLATE},
	{"fonttbl", IN_NOTHING},
	{"colortbl", IN_NOTHING},
	{"stylesheet", IN_NOTHING},
	{"info", IN_NOTHING},
	{"listtable", IN_NOTHING},
	{"rsidtbl", IN_NOTHING},
	{"generator", IN_NOTHING},
	{"themedata", IN_NOTHING},
	{"datastore", IN_NOTHING},
	{"colorschememapping", IN_NOTHING},
	{"latentstyles", IN_NOTHING},
	{"xmlnstbl", IN_NOTHING},
	{"filetbl", IN_NOTHING},
	{"nonshppict", IN_NOTHING},
	{"objclass", IN_NOTHING},
	{"blipuid", IN_NOTHING},
	{"picprop", IN_NOTHING},
	{"bkmkstart", IN_NOTHING},
	{"bkmkend", IN_NOTHING},
};

static const struct {
	const char *word;
	uint32_t cp;
} characters[] = {{"par", '\n'}, {"line", '\n'}, {"row", '\n'}, {"sect", '\n'}, {"page", '\n'},
	{"tab", '\t'}, {"cell", '\t'}, {"emdash", 0x2014}, {"endash", 0x2013}, {"bullet", 0x2022},
	{"lquote", 0x2018}, {"rquote", 0x2019}, {"ldblquote", 0x201c}, {"rdblquote", 0x201d}};

/* Words are many and tables long: the first letter decides most. */
static inline bool is(slice word, const char *z)
{
	return word.p[0] == z[0] && slice_eq(word, slice_z(z));
}

static bool destination(struct rtf *r, slice word)
{
	for (size_t i = 0; i < sizeof destinations / sizeof *destinations; i++)
		if (is(word, destinations[i].word)) {
			if (top(r)->where != IN_NOTHING)
				top(r)->where = destinations[i].where;
			return true;
		}
	/* Shown inside what a reader that knows it not would leave out: \*\shppict, \*\shpinst. */
	bool shown = slice_starts(word, S("shp")) || slice_eq(word, S("sp")) ||
		     slice_eq(word, S("sv")) || slice_starts(word, S("background"));
	if (r->ignorable && top(r)->first && !shown)
		top(r)->where = IN_NOTHING;
	return false;
}

static void control(struct rtf *r, slice word, int number, bool given)
{
	if (slice_eq(word, S("u")) && given) {
		character(r, (uint32_t)(number < 0 ? number + 65536 : number) & 0xffff);
		r->to_skip = top(r)->skip;
		return;
	}
	for (size_t i = 0; i < sizeof characters / sizeof *characters; i++)
		if (is(word, characters[i].word))
			character(r, characters[i].cp);
	if (slice_eq(word, S("uc")) && number >= 0 && number < 16)
		top(r)->skip = (unsigned char)number;
	else if (slice_eq(word, S("ansicpg")) && number > 0)
		r->page = (unsigned)number;
	else if (slice_eq(word, S("objupdate")))
		r->object.update = true;
	else if (slice_eq(word, S("objautlink")) || slice_eq(word, S("objlink")))
		r->object.linked = true;
	destination(r, word);
	top(r)->first = false;
	r->ignorable = false;
}

/* \bin: that many bytes as they are. Returns them. */
static size_t binary(struct rtf *r, slice rest, int number)
{
	size_t n = number > 0 ? (size_t)number : 0;
	slice raw = slice_first(rest, n);
	if (top(r)->where == IN_OBJECT || top(r)->where == IN_PICTURE)
		buf_put(&r->data, raw);
	return raw.n;
}

/* "\word-12 ", "\'e4", "\{". Returns how long it is. */
static size_t backslash(struct rtf *r, slice s)
{
	size_t n = 1;
	if (s.n < 2)
		return 1;
	if (s.p[1] == '\'' && s.n >= 4 && hex(s.p[2]) >= 0 && hex(s.p[3]) >= 0) {
		bool digits = top(r)->where == IN_OBJECT || top(r)->where == IN_PICTURE;
		if (!digits)
			letter(r, (char)(hex(s.p[2]) << 4 | hex(s.p[3])));
		return 4;
	}
	while (n < s.n && n <= WORD_MAX && ascii_lower(s.p[n]) >= 'a' && ascii_lower(s.p[n]) <= 'z')
		n++;
	if (n == 1) {
		r->ignorable |= s.p[1] == '*';
		if (s.p[1] == '{' || s.p[1] == '}' || s.p[1] == '\\')
			letter(r, s.p[1]);
		else if (s.p[1] == '~' || s.p[1] == '\n' || s.p[1] == '\r')
			character(r, s.p[1] == '~' ? ' ' : '\n');
		return 2;
	}
	slice word = slice_skip(slice_first(s, n), 1);
	bool minus = n < s.n && s.p[n] == '-', given = false;
	int number = 0;
	for (n += minus; n < s.n && s.p[n] >= '0' && s.p[n] <= '9'; n++, given = true)
		number = number < 100000000 ? number * 10 + (s.p[n] - '0') : number;
	n += n < s.n && s.p[n] == ' ';
	number = minus ? -number : number;
	if (slice_eq(word, S("bin")))
		return n + binary(r, slice_skip(s, n), number);
	control(r, word, number, given);
	return n;
}

static void read_all(struct rtf *r)
{
	for (size_t i = 0; i < r->in.n && !r->stopped;) {
		char c = r->in.p[i];
		size_t n = 1;
		if (c == '{')
			open_group(r);
		else if (c == '}')
			close_group(r);
		else if (c == '\\')
			n = backslash(r, slice_skip(r->in, i));
		else if (c != '\r' && c != '\n')
			letter(r, c);
		i += n;
	}
	flush_bytes(r);
	while (r->depth && !r->stopped) /* cut: what was collected counts */
		close_group(r);
}

void rtf_read(slice in, struct extract_limits *l, const struct extract *x)
{
	struct group *stack = mem_alloc(DEPTH_MAX * sizeof *stack);
	struct rtf r = {.in = in,
		.limits = l,
		.x = x,
		.stack = stack,
		.page = PAGE_DEFAULT,
		.high = -1,
		.text = BUF(TEXT_MAX),
		.bytes = BUF(2 * BYTES_MAX),
		.code = BUF(CODE_MAX),
		.data = BUF(in.n + 1)};
	stack[0].skip = 1;
	if (!slice_starts(in, S("{\\rtf")))
		x->fact(x->ctx, EXTRACT_EXPLOIT, S("odd head"));
	read_all(&r);
	x->text(x->ctx, buf_slice(&r.text));
	buf_done(&r.text);
	buf_done(&r.bytes);
	buf_done(&r.code);
	buf_done(&r.data);
	free(stack);
}
