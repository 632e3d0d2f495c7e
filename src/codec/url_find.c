/*
 * URLs in plain text (url.h), as mail programs make links of them, with no blank between them and
 * Chinese text, and written so that programs do not see them (hxxp, [.], (dot)). One pass.
 */
#include "base/buf.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "codec/url.h"

enum { PRETENDED_MAX = 512 };

struct finder {
	slice text;
	const struct url_names *names;
	struct arena *mem;
	struct url *v;
	size_t n, room;
};

static bool is_alnum(char c)
{
	return (c >= '0' && c <= '9') || (ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z');
}

static bool is_name(char c)
{
	return is_alnum(c) || c == '-' || c == '_' || c == '.';
}

/* ---- how far it goes ---- */

/* What stands for a dot: its length, or 0. */
static size_t dot_length(slice s, bool *ret_odd)
{
	if (!s.n || !memchr("[({.]\xef\xe3", s.p[0], 7) ||
		(s.p[0] == '.' && !slice_starts(s, S(".]"))))
		return 0;
	static const slice odd[] = {S_INIT("[.]"), S_INIT("(.)"), S_INIT("{.}"), S_INIT("[dot]"),
		S_INIT("(dot)"), S_INIT("[."), S_INIT(".]"), S_INIT("\xef\xbc\x8e"),
		S_INIT("\xe3\x80\x82")};
	for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
		if (!slice_istarts(s, odd[i]))
			continue;
		/* The Chinese full stop ends sentences: it must stand inside a name. */
		slice behind = slice_skip(s, odd[i].n);
		if (!behind.n || !is_alnum(behind.p[0]))
			return 0;
		*ret_odd = true;
		return odd[i].n;
	}
	return 0;
}

/* A host's letters: all that may be in a name, in any script; stops at CJK text after an ASCII
 * name. */
static size_t host_length(slice s, struct buf *out, bool *ret_odd)
{
	size_t i = 0;
	bool international = s.n && s.p[0] & 0x80;
	while (i < s.n && out->n < 2 * URL_HOST_MAX) {
		slice rest = slice_skip(s, i);
		size_t dot = dot_length(rest, ret_odd);
		if (dot) {
			buf_byte(out, '.');
			i += dot;
			continue;
		}
		uint32_t cp;
		slice one = rest;
		utf8_next(&one, &cp);
		bool cjk = cp >= 0x2e80;
		if (cp < 0x80 ? !is_name((char)cp) && !strchr("@:[]%", (char)cp)
			      : cp < 0xa1 || (cp >= 0x2000 && cp < 0x2c00) ||
					(cp >= 0x3000 && cp < 0x3040) || (cjk && !international) ||
					(cp >= 0xff00 && cp < 0xff66))
			break;
		buf_put(out, slice_first(rest, rest.n - one.n));
		i += rest.n - one.n;
	}
	return i;
}

/* From a path's first character to the last that belongs to it. */
static size_t path_length(slice s)
{
	size_t i = 0;
	unsigned open = 0;
	while (i < s.n && i < URL_MAX) {
		char c = s.p[i];
		if ((unsigned char)c <= ' ' || c == 0x7f || strchr("<>\"`", c))
			break;
		if (c & 0x80) {
			slice rest = slice_skip(s, i);
			uint32_t cp;
			utf8_next(&rest, &cp);
			/* Right behind a bare host the sentence goes on: https://e.com/请登录 */
			bool begins = i > 1 && strchr("/=%", s.p[i - 1]) && s.p[i - 1];
			bool goes_on = i && s.p[i - 1] & 0x80;
			if ((!begins && !goes_on) || cp < 0xa1 || (cp >= 0x2000 && cp < 0x2c00) ||
				(cp >= 0x3000 && cp < 0x3040) || cp >= 0xff00)
				break;
			i = s.n - rest.n;
			continue;
		}
		open += c == '(';
		if (c == ')' && open-- == 0)
			break;
		i++;
	}
	while (i && s.p[i - 1] && strchr(".,;:!?'*]}|", s.p[i - 1]))
		i--;
	return i;
}

/* ---- the list ---- */

static void add(struct finder *f, slice url, size_t from, size_t to, unsigned flags)
{
	struct url u;
	if (f->n == URL_LIST_MAX || !url_parse(url, f->mem, &u))
		return;
	if (f->n == f->room) {
		size_t room = f->room ? 2 * f->room : 8;
		struct url *v = ARENA_ARRAY(f->mem, struct url, room);
		if (f->n)
			memcpy(v, f->v, f->n * sizeof *v);
		f->v = v;
		f->room = room;
	}
	u.flags = (u.flags & ~(unsigned)URL_LOCAL) | flags;
	u.from = from;
	u.to = to;
	f->v[f->n++] = u;
}

/* ---- with a scheme ---- */

static const struct {
	slice name, meant;
} schemes[] = {{S_INIT("https"), S_INIT("https")}, {S_INIT("http"), S_INIT("http")},
	{S_INIT("hxxps"), S_INIT("https")}, {S_INIT("hxxp"), S_INIT("http")},
	{S_INIT("hXXp"), S_INIT("http")}, {S_INIT("ftp"), S_INIT("ftp")},
	{S_INIT("meow"), S_INIT("http")}};

/* Behind a run of letters: "://" and what stands for it. 0: nothing like it. */
static size_t separator(slice s, bool *ret_odd)
{
	if (!s.n || !memchr(":[(\xef", s.p[0], 4))
		return 0;
	static const slice v[] = {S_INIT("://"), S_INIT(":\\\\"), S_INIT("[:]//"), S_INIT("[://]"),
		S_INIT("(:)//"), S_INIT(":/\\"), S_INIT("\xef\xbc\x9a//"),
		S_INIT("\xef\xbc\x9a\xef\xbc\x8f\xef\xbc\x8f")};
	for (size_t i = 0; i < sizeof v / sizeof *v; i++) {
		if (!slice_starts(s, v[i]))
			continue;
		*ret_odd |= i > 0;
		return v[i].n;
	}
	return 0;
}

/* Behind its host: the path, if there is one. */
static size_t tail_length(slice s)
{
	if (!s.n || !strchr("/\\?#", s.p[0]) || !s.p[0])
		return 0;
	return path_length(s);
}

/* The run [from, to) ends in a scheme. False: it does not. *ret_end: behind the URL. */
static bool with_scheme(struct finder *f, size_t from, size_t to, size_t *ret_end)
{
	slice run = slice_first(slice_skip(f->text, from), to - from);
	bool odd = false;
	size_t gap = separator(slice_skip(f->text, to), &odd);
	if (!gap)
		return false;
	for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++) {
		if (!slice_iends(run, schemes[i].name))
			continue;
		AUTO(buf) struct buf url = BUF(3 * URL_MAX);
		buf_printf(&url, "%.*s://", SFMT(schemes[i].meant));
		size_t head = url.n, at = to + gap;
		at += host_length(slice_skip(f->text, at), &url, &odd);
		while (url.n > head && strchr(".:-", url.p[url.n - 1])) {
			url.n--;
			at--;
		}
		*ret_end = at;
		if (url.n == head)
			return true;
		size_t tail = tail_length(slice_skip(f->text, at));
		buf_put(&url, slice_first(slice_skip(f->text, at), tail));
		*ret_end = at + tail;
		odd |= !slice_ieq(schemes[i].name, schemes[i].meant);
		add(f, buf_slice(&url), to - schemes[i].name.n, *ret_end, odd ? URL_DEFANGED : 0);
		return true;
	}
	return false;
}

/* ---- bare names ---- */

/* Top levels that are ends of file names, too: they need a path to count. */
static bool is_file_ending(slice top)
{
	static const slice v[] = {S_INIT("zip"), S_INIT("mov"), S_INIT("py"), S_INIT("sh"),
		S_INIT("pl"), S_INIT("md"), S_INIT("rs"), S_INIT("so"), S_INIT("cc"), S_INIT("ps"),
		S_INIT("ai"), S_INIT("app"), S_INIT("java"), S_INIT("mm"), S_INIT("la"),
		S_INIT("pub"), S_INIT("cab"), S_INIT("bin"), S_INIT("as"), S_INIT("ml"),
		S_INIT("in"), S_INIT("is"), S_INIT("it"), S_INIT("no"), S_INIT("at"), S_INIT("so"),
		S_INIT("my"), S_INIT("me"), S_INIT("be"), S_INIT("am"), S_INIT("to")};
	for (size_t i = 0; i < sizeof v / sizeof *v; i++)
		if (slice_ieq(top, v[i]))
			return true;
	return false;
}

/* "end.Then": a sentence, not a name. */
static bool is_sentence(slice name)
{
	for (size_t i = 1; i + 1 < name.n; i++)
		if (name.p[i] == '.' && name.p[i + 1] >= 'A' && name.p[i + 1] <= 'Z' &&
			name.p[i - 1] >= 'a' && name.p[i - 1] <= 'z')
			return true;
	return false;
}

static bool is_bare(const struct finder *f, slice name, bool path, bool odd)
{
	size_t dot = slice_rindex(name, '.');
	slice top = slice_skip(name, dot + 1);
	if (dot == name.n || dot == 0 || top.n < 2 || slice_find(name, S("..")) < name.n ||
		name.p[0] == '-' || name.n > URL_HOST_MAX || slice_index(name, '_') < name.n)
		return false;
	if (slice_istarts(name, S("www.")) && dot > 4)
		return true;
	if (!f->names || !f->names->is_suffix)
		return false;
	for (size_t i = 0; i < top.n; i++)
		if (!slice_istarts(top, S("xn--")) && !(ascii_lower(top.p[i]) >= 'a'))
			return false;
	char lower[URL_HOST_MAX];
	for (size_t i = 0; i < top.n; i++)
		lower[i] = ascii_lower(top.p[i]);
	if (!f->names->is_suffix(slice_of(lower, top.n)))
		return false;
	slice before = slice_first(name, dot);
	size_t last = slice_rindex(before, '.');
	slice second = last < before.n ? slice_skip(before, last + 1) : before;
	return path || odd ||
	       (second.n > 1 && !is_sentence(name) && (!is_file_ending(top) || last < before.n));
}

static void bare(struct finder *f, size_t from, size_t *ret_end)
{
	AUTO(buf) struct buf name = BUF(3 * URL_MAX);
	bool odd = false;
	size_t at = from;
	for (; at < f->text.n && name.n < 2 * URL_HOST_MAX;) {
		slice rest = slice_skip(f->text, at);
		size_t dot = dot_length(rest, &odd);
		if (!dot && !is_name(rest.p[0]))
			break;
		buf_byte(&name, dot ? '.' : rest.p[0]);
		at += dot ? dot : 1;
	}
	while (name.n && strchr(".-", name.p[name.n - 1])) {
		name.n--;
		at--;
	}
	*ret_end = at;
	bool mail =
		(from && f->text.p[from - 1] == '@') || (at < f->text.n && f->text.p[at] == '@');
	slice rest = slice_skip(f->text, at);
	if (rest.n > 1 && rest.p[0] == ':' && rest.p[1] >= '0' && rest.p[1] <= '9') {
		size_t digits = 1;
		while (digits < rest.n && digits < 6 && rest.p[digits] >= '0' &&
			rest.p[digits] <= '9')
			digits++;
		rest = slice_skip(rest, digits);
	}
	bool path = rest.n > 0 && rest.p[0] == '/';
	if (mail || !is_bare(f, buf_slice(&name), path, odd))
		return;
	buf_put(&name, slice_of(f->text.p + at, (size_t)(rest.p - f->text.p) - at));
	size_t tail = tail_length(rest);
	buf_put(&name, slice_first(rest, tail));
	*ret_end = (size_t)(rest.p - f->text.p) + tail;
	AUTO(buf) struct buf url = BUF(4 * URL_MAX);
	buf_printf(&url, "http://%.*s", SFMT(buf_slice(&name)));
	add(f, buf_slice(&url), from, *ret_end, URL_BARE | (odd ? URL_DEFANGED : 0));
}

/* "mailto:", "tel:", "javascript:", "data:" as they stand. */
static bool other_scheme(struct finder *f, size_t from, size_t to, size_t *ret_end)
{
	static const slice v[] = {S_INIT("mailto"), S_INIT("tel"), S_INIT("javascript")};
	slice run = slice_first(slice_skip(f->text, from), to - from);
	slice rest = slice_skip(f->text, to);
	for (size_t i = 0; rest.n && rest.p[0] == ':' && i < sizeof v / sizeof *v; i++) {
		if (!slice_ieq(run, v[i]) || rest.n < 2 || rest.p[1] <= ' ')
			continue;
		*ret_end = to + path_length(rest);
		add(f, slice_of(f->text.p + from, *ret_end - from), from, *ret_end, 0);
		return true;
	}
	return false;
}

static bool has_dot(slice text, size_t from, size_t to)
{
	bool odd;
	slice run = slice_first(slice_skip(text, from), to - from);
	return slice_index(run, '.') < run.n || dot_length(slice_skip(text, to), &odd);
}

size_t url_find(slice text, const struct url_names *names, struct arena *a, struct url **ret)
{
	struct finder f = {.text = text, .names = names, .mem = a};
	size_t i = 0;
	while (i < text.n && f.n < URL_LIST_MAX) {
		size_t end = 0;
		if (!is_alnum(text.p[i])) {
			i++;
			continue;
		}
		size_t to = i;
		while (to < text.n && is_name(text.p[to]))
			to++;
		if (!with_scheme(&f, i, to, &end) && !other_scheme(&f, i, to, &end) &&
			has_dot(text, i, to))
			bare(&f, i, &end);
		i = end > to ? end : to; /* what was looked at once is not looked at again */
	}
	*ret = f.v;
	return f.n;
}

/* ---- what a link's text says ---- */

slice url_pretended(slice link_text, const struct url_names *names, struct arena *a)
{
	struct url *v;
	slice s = slice_trim(link_text);
	while (s.n && strchr("<([{\"'-*>", s.p[0]) && s.p[0])
		s = slice_skip(s, 1);
	size_t n = url_find(utf8_first(s, PRETENDED_MAX), names, a, &v);
	if (!n || v[0].from > 0 || v[0].flags & (URL_MAIL | URL_SCRIPT | URL_TEL | URL_BAD_HOST))
		return S("");
	return v[0].host;
}

static bool same_organisation(slice a, slice b, const struct url_names *names)
{
	if (names && names->organisation) {
		a = names->organisation(a);
		b = names->organisation(b);
	}
	return slice_ieq(a, b);
}

bool url_deceives(
	slice link_text, const struct url *target, const struct url_names *names, struct arena *a)
{
	struct url inner;
	slice said = url_pretended(link_text, names, a);
	if (!said.n || !target->host.n || same_organisation(said, target->host, names))
		return false;
	/* A redirector that goes where the text says. */
	return !(target->nested.n && url_parse(target->nested, a, &inner) && inner.host.n &&
		 same_organisation(said, inner.host, names));
}
