/*
 * Texts into a text part (edit_impl.h): banner, disclaimer, and notices in place of uuencoded files. The
 * part keeps its charset and transfer encoding when they can hold what comes in: then its other bytes
 * stay (RFC 2045 section 6; of base64 its decoded bytes). Else it is written anew as UTF-8.
 */
#include "base/b64.h"
#include "base/hex.h"
#include "base/mem.h"
#include "base/must.h"
#include "base/utf8.h"
#include "codec/charset.h"
#include "codec/edit_impl.h"
#include "codec/qp.h"
#include "codec/uu.h"

enum { PLAIN_LINE_MAX = 900, CUTS_MAX = EDIT_BLOCKS_MAX + 2, READ_GROWTH = 3 };

/* A text part at work. */
struct work {
	struct editing *x;
	size_t index;
	const struct mime_part *p;
	bool fits, html, flowed;
	slice text; /* decoded; UTF-8 when recoded */
	slice charset; /* that it is in */
	bool recoded, anew; /* another charset; another transfer encoding */
	struct edit_cut cuts[CUTS_MAX];
	size_t ncuts, growth;
};

/* ---- tidy texts ---- */

static void put_tidy_line(struct buf *out, slice line)
{
	line = slice_trim(line);
	for (uint32_t cp; utf8_next(&line, &cp);)
		if (cp == '\t')
			buf_byte(out, ' ');
		else if (cp >= 0x20 && cp != 0x7f)
			utf8_put(out, cp);
}

slice edit_tidy(slice text, struct arena *a)
{
	AUTO(buf) struct buf out = BUF(4 * text.n + 16);
	text = slice_trim(text);
	bool first = true;
	for (slice line; text.n && slice_cut(&text, '\n', &line); first = false) {
		if (!first)
			buf_put(&out, S("\r\n"));
		put_tidy_line(&out, line);
	}
	return arena_dup(a, buf_slice(&out));
}

/* ---- encodings ---- */

static bool has_long_line(slice s)
{
	for (slice line; slice_cut(&s, '\n', &line);)
		if (line.n > PLAIN_LINE_MAX)
			return true;
	return false;
}

static size_t count_high(slice s)
{
	size_t n = 0;
	for (size_t i = 0; i < s.n; i++)
		n += (s.p[i] & 0x80) != 0;
	return n;
}

void edit_encode(const struct editing *x, slice text, struct buf *out, slice *ret_encoding)
{
	size_t high = count_high(text);
	if (edit_delimits(x, text) || high > text.n / 4) {
		*ret_encoding = S("base64");
		b64_encode_lines(out, text);
		if (slice_ends(buf_slice(out), S("\r\n"))) /* what follows brings its own */
			out->n -= 2;
	} else if (high || has_long_line(text)) {
		*ret_encoding = S("quoted-printable");
		qp_encode(out, text);
	} else {
		*ret_encoding = S("7bit");
		buf_put(out, text);
	}
}

slice edit_encoding_line(slice encoding, struct arena *a)
{
	return arena_printf(a, "Content-Transfer-Encoding: %.*s\r\n", SFMT(encoding));
}

/*
 * Where in quoted-printable text the decoded byte `want` begins: the way that qp_decode goes. *ret_start:
 * a line begins there.
 */
static size_t qp_locate(slice in, size_t want, bool *ret_start)
{
	size_t at = 0, seen = 0;
	while (at < in.n) {
		slice rest = slice_skip(in, at);
		size_t n = slice_index(rest, '\n'), ending = n < rest.n, len = n;
		if (ending && n && rest.p[n - 1] == '\r') {
			len--;
			ending++;
		}
		size_t end = len;
		while (end && (rest.p[end - 1] == ' ' || rest.p[end - 1] == '\t'))
			end--;
		bool soft = false;
		for (size_t i = 0; i < end; seen++) {
			if (seen == want) {
				*ret_start = i == 0;
				return at + i;
			}
			soft = rest.p[i] == '=' && i + 1 == end;
			if (soft)
				break;
			bool coded = rest.p[i] == '=' && i + 2 < end &&
				     hex_digit(rest.p[i + 1]) >= 0 && hex_digit(rest.p[i + 2]) >= 0;
			i += coded ? 3 : 1;
		}
		if (!soft && (want < seen + ending || (!ending && want == seen))) {
			*ret_start = end == 0;
			return at + end;
		}
		seen += soft ? 0 : ending;
		at += n + (n < rest.n);
	}
	*ret_start = in.n == 0 || in.p[in.n - 1] == '\n';
	return in.n;
}

/* ---- the cuts, made in the encoded body ---- */

static void cut_plain(struct work *w)
{
	for (size_t i = 0; i < w->ncuts; i++)
		edit_splice(w->x, w->p->body.p + w->cuts[i].at, w->cuts[i].remove, w->cuts[i].with);
}

/* Soft line breaks around it, so that no line gets too long. */
static void cut_qp(struct work *w)
{
	for (size_t i = 0; i < w->ncuts; i++) {
		const struct edit_cut *c = &w->cuts[i];
		AUTO(buf) struct buf out = BUF(4 * c->with.n + 64);
		bool start, end_start;
		size_t from = qp_locate(w->p->body, c->at, &start), to = from;
		if (c->remove)
			to = qp_locate(w->p->body, c->at + c->remove, &end_start);
		if (!start)
			buf_put(&out, S("=\r\n"));
		qp_encode(&out, c->with);
		if (!slice_ends(c->with, S("\n")) && to < w->p->body.n)
			buf_put(&out, S("=\r\n"));
		edit_splice(
			w->x, w->p->body.p + from, to - from, arena_dup(w->x->a, buf_slice(&out)));
	}
}

static void put_cut(const struct work *w, struct buf *out)
{
	size_t at = 0;
	for (size_t i = 0; i < w->ncuts; i++) {
		const struct edit_cut *c = &w->cuts[i];
		buf_put(out, slice_first(slice_skip(w->text, at), c->at - at));
		buf_put(out, c->with);
		at = c->at + c->remove;
	}
	buf_put(out, slice_skip(w->text, at));
}

/* The whole body again: base64 as it was, or with another charset or encoding. */
static void write_anew(struct work *w)
{
	struct editing *x = w->x;
	AUTO(buf) struct buf text = BUF(w->text.n + w->growth + 16);
	put_cut(w, &text);
	AUTO(buf) struct buf body = BUF(4 * text.n + 1024);
	slice encoding = S("base64");
	if (w->anew) {
		edit_encode(x, buf_slice(&text), &body, &encoding);
		edit_set_field(x, w->p, S("Content-Transfer-Encoding"),
			edit_encoding_line(encoding, x->a));
		edit_ensure_mime(x, w->p);
	} else {
		b64_encode_lines(&body, buf_slice(&text));
		if (!slice_ends(w->p->body, S("\n")) && body.n >= 2)
			body.n -= 2;
	}
	if (slice_ends(w->p->body, S("\n")) && !slice_ends(buf_slice(&body), S("\n")))
		buf_put(&body, S("\r\n"));
	edit_splice(x, w->p->body.p, w->p->body.n, arena_dup(x->a, buf_slice(&body)));
}

/* Its Content-Type with UTF-8 for a charset. */
static void relabel(struct work *w)
{
	AUTO(buf) struct buf line = BUF(64 * 1024);
	buf_printf(&line, "Content-Type: text/%s; charset=utf-8", w->html ? "html" : "plain");
	slice format = mime_param(&w->p->type, S("format"));
	slice delsp = mime_param(&w->p->type, S("delsp"));
	if (slice_ieq(format, S("flowed")))
		buf_put(&line, S("; format=flowed"));
	if (slice_ieq(delsp, S("yes")))
		buf_put(&line, S("; delsp=yes"));
	buf_put(&line, S("\r\n"));
	edit_set_field(w->x, w->p, S("Content-Type"), arena_dup(w->x->a, buf_slice(&line)));
	edit_ensure_mime(w->x, w->p);
	w->x->notes |= EDIT_RECODED;
}

/* ---- which charset ---- */

/* False: base64 that had to be mended; what was broken would be lost when it is written again. */
static bool decode(struct work *w)
{
	w->text = w->p->body;
	if (w->p->encoding != MIME_QP && w->p->encoding != MIME_BASE64)
		return true;
	AUTO(buf) struct buf out = BUF(w->p->body.n + 16);
	bool good = mime_decode(w->p, &out);
	w->text = arena_dup(w->x->a, buf_slice(&out));
	return good || w->p->encoding == MIME_QP;
}

/* UTF-16 without mark is read in either order. */
static bool has_mark(slice s)
{
	return slice_starts(s, S("\xff\xfe")) || slice_starts(s, S("\xfe\xff")) ||
	       slice_starts(s, S("\0\0\xfe\xff"));
}

/* False: it makes no sense in any charset that we know; others may know better. */
static bool recode(struct work *w)
{
	AUTO(buf) struct buf out = BUF(READ_GROWTH * w->text.n + 16);
	struct charset_reading r = {.replaced = 0};
	bool wide =
		slice_istarts(w->charset, S("utf-16")) || slice_istarts(w->charset, S("utf-32"));
	if (!utf8_is_ascii(w->text) || !charset_is_transparent(w->charset)) {
		bool marked = !wide || w->charset.n > 6 || has_mark(w->text);
		charset_read(w->charset, w->text, w->html, &out, &r);
		if (r.replaced || !buf_ok(&out) || !marked)
			return false;
		w->text = arena_dup(w->x->a, buf_slice(&out));
	}
	w->charset = S("utf-8");
	w->recoded = w->anew = true;
	return true;
}

/* The charset in which ours goes in; empty: none is known, and ASCII alone is safe. */
static slice charset_of(const struct work *w)
{
	slice declared = mime_param(&w->p->type, S("charset"));
	if (!declared.n || slice_ieq(declared, S("us-ascii")) || slice_ieq(declared, S("ascii")))
		return S("");
	return declared;
}

/* Can the part hold this text as it is? */
static bool holds(const struct work *w, slice utf8)
{
	AUTO(buf) struct buf out = BUF(8 * utf8.n + 64);
	if (!w->charset.n)
		return utf8_is_ascii(utf8);
	return charset_from_utf8(w->charset, utf8, &out);
}

static slice in_charset(const struct work *w, slice utf8)
{
	AUTO(buf) struct buf out = BUF(8 * utf8.n + 64);
	if (!w->charset.n || !charset_from_utf8(w->charset, utf8, &out))
		return arena_dup(w->x->a, utf8);
	return arena_dup(w->x->a, buf_slice(&out));
}

/* ---- what goes in ---- */

/* Lines of format=flowed that begin like quotes are stuffed (RFC 3676 4.4). */
static slice for_plain(const struct work *w, slice text)
{
	AUTO(buf) struct buf out = BUF(2 * text.n + 16);
	if (!w->flowed)
		return text;
	for (slice line; slice_cut(&text, '\n', &line);) {
		if (line.n && strchr(" >", line.p[0]))
			buf_byte(&out, ' ');
		buf_put(&out, line);
		if (text.p)
			buf_byte(&out, '\n');
	}
	return arena_dup(w->x->a, buf_slice(&out));
}

/* Non-ASCII in HTML can be written in any charset. */
static slice for_html(const struct work *w, slice html)
{
	AUTO(buf) struct buf out = BUF(12 * html.n + 64);
	if (holds(w, html))
		return html;
	for (uint32_t cp; utf8_next(&html, &cp);)
		if (cp < 0x80)
			buf_byte(&out, (char)cp);
		else
			buf_printf(&out, "&#%u;", (unsigned)cp);
	return arena_dup(w->x->a, buf_slice(&out));
}

static slice html_of(const struct work *w, const struct edit_text *t, slice notices, bool banner)
{
	AUTO(buf) struct buf out = BUF(32 * EDIT_TEXT_MAX + 8 * notices.n);
	edit_html_box(t, notices, banner, &out);
	return for_html(w, arena_dup(w->x->a, buf_slice(&out)));
}

static void add_cut(struct work *w, size_t at, size_t remove, slice utf8)
{
	must(w->ncuts < CUTS_MAX); /* edit_strip has counted */
	slice with = in_charset(w, utf8);
	w->growth += with.n;
	w->cuts[w->ncuts++] = (struct edit_cut){at, remove, with};
	w->anew = w->anew || edit_delimits(w->x, with) || has_long_line(with) ||
		  (w->p->encoding == MIME_7BIT && !utf8_is_ascii(with) && utf8_is_ascii(w->text));
}

static void add_banner(struct work *w)
{
	size_t at = slice_starts(w->text, S("\xef\xbb\xbf")) ? 3 : 0;
	if (w->html)
		at = edit_html_top(w->text);
	slice text = w->html ? html_of(w, &w->x->banner, S(""), true)
			     : arena_printf(w->x->a, "%.*s\r\n\r\n",
				       SFMT(for_plain(w, w->x->banner.text)));
	add_cut(w, at, 0, text);
}

/* What ISO-2022 charsets need to be in ASCII again at the end of a text. */
static slice back_to_ascii(const struct work *w)
{
	size_t at = slice_rindex(w->text, 0x1b);
	if (!slice_istarts(w->charset, S("iso-2022-")) || at == w->text.n ||
		slice_starts(slice_skip(w->text, at), S("\x1b(")))
		return S("");
	return S("\x1b(B");
}

static void add_disclaimer(struct work *w)
{
	bool ended = !w->text.n || slice_ends(w->text, S("\n"));
	if (w->html) {
		add_cut(w, edit_html_bottom(w->text), 0,
			html_of(w, &w->x->disclaimer, w->x->notices, false));
		return;
	}
	slice text = for_plain(w, w->x->below);
	add_cut(w, w->text.n, 0,
		arena_printf(w->x->a, "%.*s%s\r\n%.*s%s", SFMT(back_to_ascii(w)),
			ended ? "" : "\r\n", SFMT(text), ended ? "\r\n" : ""));
}

/* ---- uuencoded files ---- */

static const struct edit_strip *strip_of(const struct work *w, int block)
{
	const struct edit *e = w->x->e;
	for (size_t i = 0; i < e->nstrip; i++)
		if (e->strip[i].part == w->index && e->strip[i].block == block)
			return &e->strip[i];
	return NULL;
}

static void cut_blocks(struct work *w)
{
	slice rest = w->text, block;
	bool any = false;
	for (size_t i = 0; i < w->x->e->nstrip; i++)
		any = any || (w->x->e->strip[i].part == w->index && w->x->e->strip[i].block >= 0);
	for (int n = 0; any && uu_next(&rest, &block); n++) {
		const struct edit_strip *s = strip_of(w, n);
		if (s)
			add_cut(w, (size_t)(block.p - w->text.p), block.n,
				arena_printf(
					w->x->a, "%.*s\r\n", SFMT(edit_tidy(s->notice, w->x->a))));
	}
}

/* ---- all together ---- */

/* Without another charset. */
static bool all_held(const struct work *w)
{
	const struct edit *e = w->x->e;
	if (w->html) /* what it cannot hold is written as entities */
		return charset_is_transparent(w->charset);
	if (!holds(w, w->x->banner.text) || !holds(w, w->x->below))
		return false;
	for (size_t i = 0; i < e->nstrip; i++)
		if (e->strip[i].part == w->index && e->strip[i].block >= 0 &&
			!holds(w, e->strip[i].notice))
			return false;
	return true;
}

/* Its text, in a charset that holds what comes in. */
static bool read_part(struct editing *x, size_t index, struct work *w)
{
	*w = (struct work){.x = x, .index = index, .p = &x->mime.v[index]};
	w->html = mime_is(w->p, S("text"), S("html"));
	w->flowed = slice_ieq(mime_param(&w->p->type, S("format")), S("flowed"));
	w->charset = charset_of(w);
	return decode(w) && (all_held(w) || recode(w));
}

struct work *edit_text_work(struct editing *x, size_t index)
{
	if (!x->works)
		x->works = ARENA_ARRAY(x->a, struct work *, x->mime.n);
	if (!x->works[index]) {
		x->works[index] = ARENA_NEW(x->a, struct work);
		x->works[index]->fits = read_part(x, index, x->works[index]);
	}
	return x->works[index]->fits ? x->works[index] : NULL;
}

bool edit_text_part(struct editing *x, size_t index, bool banner, bool disclaimer)
{
	struct work *w = edit_text_work(x, index);
	if (!w)
		return false;
	x->notes |= EDIT_BODY;
	edit_close_header(x, index);
	if (banner)
		add_banner(w);
	cut_blocks(w);
	if (disclaimer)
		add_disclaimer(w);
	if (w->recoded)
		relabel(w);
	if (w->anew || w->p->encoding == MIME_BASE64)
		write_anew(w);
	else if (w->p->encoding == MIME_QP)
		cut_qp(w);
	else
		cut_plain(w);
	edit_set_field(x, w->p, S("Content-MD5"), S(""));
	return true;
}
