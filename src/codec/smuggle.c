/*
 * What scripts of a page hide in literals (smuggle.h). One pass over the page: runs of base64
 * letters, and arguments of unescape() and its like. What decodes to an ordinary picture or font is
 * nothing; what decodes to a program, an archive, a document or another page is given as a file.
 *
 * No script is run: what is put together from pieces or deciphered is seen only by its means (Blob,
 * createObjectURL and a long literal that makes no sense by itself).
 */
#include "codec/smuggle.h"

#include "base/b64.h"
#include "base/mem.h"
#include "codec/filetype.h"

enum {
	RUN_MIN = 160, /* letters of a literal that is decoded */
	RUN_BIG = 8192, /* of one that is suspicious although it makes no sense */
	ESCAPED_MIN = 40, /* bytes of an argument of unescape() */
};

struct smuggling {
	struct extract_limits *limits;
	const struct extract *x;
	bool file, stopped;
	size_t sealed; /* bytes of long runs that are no known file */
	unsigned pages;
};

static bool b64_letter(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
	       c == '+' || c == '/';
}

static bool is_page(slice s)
{
	slice head = slice_trim(slice_first(s, 512));
	return filetype_of_bytes(s) == FILETYPE_HTML ||
	       (head.n && head.p[0] == '<' && slice_find(s, S("</")) < s.n);
}

static void found(struct smuggling *m, slice bytes)
{
	enum filetype t = filetype_of_bytes(bytes);
	if (filetype_is(t, FILETYPE_PROGRAM | FILETYPE_SHORTCUT | FILETYPE_ARCHIVE | FILETYPE_DISK |
				   FILETYPE_DOCUMENT)) {
		m->file = true;
		m->x->fact(m->x->ctx, EXTRACT_SMUGGLING, slice_z(filetype_name(t)));
	} else if (is_page(bytes)) {
		m->pages++;
	} else {
		return;
	}
	m->stopped = !m->x->file(m->x->ctx, S(""), bytes);
}

static void run_of_base64(struct smuggling *m, slice run, bool declared_harmless)
{
	AUTO(buf) struct buf out = BUF(run.n);
	if (run.n < RUN_MIN || declared_harmless)
		return;
	if (!extract_take(m->limits, run.n)) {
		m->x->fact(m->x->ctx, EXTRACT_LIMIT, S(""));
		m->stopped = true;
		return;
	}
	b64_decode_tolerant(&out, run);
	if (run.n >= RUN_BIG && filetype_of_bytes(buf_slice(&out)) == FILETYPE_UNKNOWN)
		m->sealed += run.n;
	found(m, buf_slice(&out));
}

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = ascii_lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* "%3Cform%20", "%u003c", "\x3c": until the quote that opened it. Returns the length. */
static size_t unescape(slice s, struct buf *out)
{
	char quote = s.n ? s.p[0] : 0;
	size_t i = 1;
	for (; i < s.n && s.p[i] != quote && s.p[i] != '\n'; i++) {
		bool percent = s.p[i] == '%',
		     slash = s.p[i] == '\\' && i + 1 < s.n && s.p[i + 1] == 'x';
		size_t at = i + 1 + slash, digits = 2;
		if (percent && at < s.n && (s.p[at] == 'u' || s.p[at] == 'U')) {
			at += 3; /* the low byte is what pages are made of */
		}
		if ((percent || slash) && at + digits <= s.n && hex(s.p[at]) >= 0 &&
			hex(s.p[at + 1]) >= 0) {
			buf_byte(out, (char)(hex(s.p[at]) << 4 | hex(s.p[at + 1])));
			i = at + 1;
		} else {
			buf_byte(out, s.p[i]);
		}
	}
	return i;
}

/* unescape('...'), decodeURIComponent("..."). Returns how far it read. */
static size_t escaped(struct smuggling *m, slice s)
{
	static const slice calls[] = {S_INIT("unescape("), S_INIT("decodeURIComponent("),
		S_INIT("decodeURI("), S_INIT("document.write(")};
	for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
		if (!slice_starts(s, calls[i]))
			continue;
		slice arg = slice_skip(s, calls[i].n);
		if (!arg.n || (arg.p[0] != '\'' && arg.p[0] != '"' && arg.p[0] != '`'))
			return calls[i].n;
		AUTO(buf) struct buf out = BUF(arg.n);
		size_t n = unescape(arg, &out);
		if (out.n < ESCAPED_MIN || n <= out.n + ESCAPED_MIN || !is_page(buf_slice(&out)))
			return calls[i].n;
		found(m, buf_slice(&out));
		return calls[i].n + n;
	}
	return 0;
}

/* data:image/png;base64, in front of the run. */
static bool harmless_before(slice page, size_t at)
{
	size_t from = at > 64 ? at - 64 : 0;
	slice before = slice_of(page.p + from, at - from);
	static const slice v[] = {S_INIT("data:image/"), S_INIT("data:font/"), S_INIT("font-"),
		S_INIT("data:audio/"), S_INIT("data:video/"), S_INIT("woff"), S_INIT("sha256-"),
		S_INIT("sha384-")};
	for (size_t i = 0; i < sizeof v / sizeof *v; i++)
		if (slice_find(before, v[i]) < before.n)
			return !(slice_find(before, S("svg")) < before.n);
	return false;
}

static bool has(slice page, slice word)
{
	return slice_find(page, word) < page.n;
}

void smuggle_read(slice page, struct extract_limits *l, const struct extract *x)
{
	struct smuggling m = {.limits = l, .x = x};
	for (size_t i = 0; i < page.n && !m.stopped;) {
		size_t n = 0, skip = 0;
		char c = page.p[i];
		while (i + n < page.n && b64_letter(page.p[i + n]))
			n++;
		if (n >= RUN_MIN)
			run_of_base64(&m, slice_of(page.p + i, n), harmless_before(page, i));
		else if (n && (c == 'u' || c == 'd'))
			skip = escaped(&m, slice_skip(page, i));
		else if (c == '+' || c == '/')
			n = 1;
		i += skip > n ? skip : n ? n : 1;
	}
	bool blob = has(page, S("createObjectURL")) || has(page, S("msSaveOrOpenBlob")) ||
		    has(page, S("msSaveBlob"));
	bool saves = has(page, S(".download")) || has(page, S("msSave"));
	/* Reports with a library of diagrams do all that, too, but the page is mostly the library.
	 */
	if (m.sealed > page.n / 2 && blob && saves && has(page, S("atob(")) && !m.file)
		x->fact(x->ctx, EXTRACT_SMUGGLING, S("Blob"));
	if (m.pages)
		x->fact(x->ctx, EXTRACT_SMUGGLING, S("hidden page"));
}
