/*
 * Checks of the structure (FEATURES D13): defects of MIME that programs of honest people do not
 * make, encodings that only serve to hide, labels that lie, letters without text, and texts that
 * say one thing to programs that show plain text and another to those that show HTML.
 */
#include "base/utf8.h"
#include "content/checking.h"
#include "content/checks.h"

enum {
	DEEP = 6,
	TEXT_LEAST = 10, /* visible bytes of a letter that says something */
	BASE64_LEAST = 200, /* bytes of text */
	COMPARED_MAX = 24 * 1024, /* bytes of the HTML's text */
	COMPARED_PLAIN = 2 * 1024, /* of the plain one */
	WORDS_LEAST = 20,
	BULK = 50,
	WORDS_MAX = 4096, /* a power of two */
};

/* ---- defects ---- */

static void look_at_defects(struct content_exam *x)
{
	unsigned d = x->c->mime->defects;
	if (d & (MIME_NO_BOUNDARY | MIME_BOUNDARY_UNSEEN))
		checking_found(x, SIGNAL_MIME_BOUNDARY, 1, S(""));
	else if (d & MIME_UNCLOSED)
		checking_found(x, SIGNAL_MIME_UNCLOSED, checking_is_list(x) ? 0.3F : 1, S(""));
	if (d & (MIME_TOO_DEEP | MIME_TOO_MANY))
		checking_found(x, SIGNAL_MIME_LIMIT, 1, S(""));
	if (d & (MIME_BAD_TYPE | MIME_BAD_ENCODING))
		checking_found(x, SIGNAL_MIME_BAD_LABEL, 1, S(""));
	if (d & MIME_TWICE)
		checking_found(x, SIGNAL_MIME_TWICE, 1, S(""));
	if (d & MIME_NO_HEADER)
		checking_found(x, SIGNAL_MIME_NO_HEADER, 1, S(""));
}

static void look_at_depth(struct content_exam *x)
{
	unsigned deepest = 0;
	for (size_t i = 0; i < x->c->mime->n; i++)
		if (x->c->mime->v[i].depth > deepest)
			deepest = x->c->mime->v[i].depth;
	if (deepest > DEEP)
		checking_found(x, SIGNAL_MIME_DEEP, 1, arena_printf(x->a, "%u", deepest));
}

/* ---- labels and encodings ---- */

static void look_at_charsets(struct content_exam *x)
{
	const struct learn_mail *m = &x->c->mail;
	if (m->charset_unknown)
		checking_found(x, SIGNAL_CHARSET_UNKNOWN, 1, S(""));
	else if (m->charset_lies)
		checking_found(x, SIGNAL_CHARSET_LIE, 1, S(""));
	if (m->charset_replaced)
		checking_found(x, SIGNAL_CHARSET_BROKEN, 1, S(""));
}

static bool is_text(const struct mime_part *p)
{
	return mime_is(p, S("text"), S("plain")) || mime_is(p, S("text"), S("html"));
}

/* ASCII needs no base64: it is done so that simple filters cannot read it, or by programs that
 * encode everything, and those say that it is UTF-8 or a charset of their country. */
static void look_at_base64(struct content_exam *x)
{
	for (size_t i = 0; i < x->c->mime->n; i++) {
		const struct mime_part *p = &x->c->mime->v[i];
		if (!is_text(p) || p->encoding != MIME_BASE64 || p->body.n < BASE64_LEAST)
			continue;
		if (!utf8_is_ascii(x->c->mail.text))
			return;
		slice charset = mime_param(&p->type, S("charset"));
		bool plain = !charset.n || slice_ieq(charset, S("us-ascii")) ||
			     slice_istarts(charset, S("iso-8859"));
		checking_found(x, plain ? SIGNAL_BASE64_NEEDLESS : SIGNAL_BASE64_ASCII,
			checking_unless_bulk(x), S(""));
	}
}

/* ---- without text ---- */

static void look_at_body(struct content_exam *x)
{
	const struct learn_mail *m = &x->c->mail;
	size_t shown = slice_trim(m->text).n;
	bool html = m->html.tags > 0, plain = m->plain > 0;
	if (shown < TEXT_LEAST && m->html.images == 0) {
		bool file = x->c->nfiles > 0;
		checking_found(x, file ? SIGNAL_BODY_ONLY_FILE : SIGNAL_BODY_EMPTY, 1, S(""));
	}
	if (html && !plain)
		checking_found(x, SIGNAL_HTML_ONLY, checking_unless_bulk(x), S(""));
}

/* ---- alternatives that disagree ---- */

struct words {
	uint64_t v[WORDS_MAX];
	size_t n;
};

static bool take_word(struct words *w, uint64_t h, bool add)
{
	size_t i = h % WORDS_MAX;
	h |= 1;
	while (w->v[i] && w->v[i] != h)
		i = (i + 1) % WORDS_MAX;
	if (w->v[i] == h)
		return true;
	if (add && w->n < WORDS_MAX / 2) {
		w->v[i] = h;
		w->n++;
	}
	return false;
}

static bool is_letter(unsigned char c)
{
	return (c | 32) >= 'a' ? (c | 32) <= 'z' || c >= 0x80 : c >= '0' && c <= '9';
}

/* FNV-1a without case: a set of this size needs no more. */
static uint64_t word_hash(slice s)
{
	uint64_t h = 14695981039346656037U;
	for (size_t i = 0; i < s.n; i++)
		h = (h ^ (unsigned char)ascii_lower(s.p[i])) * 1099511628211U;
	return h ^ h >> 32;
}

static size_t link_length(slice s)
{
	size_t n = 0;
	while (n < s.n && (unsigned char)s.p[n] > ' ')
		n++;
	return n ? n : 1;
}

/* Words of three letters and more, and each three bytes of what is beyond ASCII;
 * links are written out in the plain text only. */
static size_t each_word(slice text, struct words *w, bool add, size_t *ret_known)
{
	size_t n = 0;
	*ret_known = 0;
	for (size_t i = 0; i < text.n;) {
		size_t len = 0;
		while (slice_starts(slice_skip(text, i), S("http")) && i < text.n)
			i += link_length(slice_skip(text, i));
		if (i >= text.n)
			break;
		bool wide = (unsigned char)text.p[i] >= 0x80;
		while (i + len < text.n && is_letter((unsigned char)text.p[i + len]) &&
			((unsigned char)text.p[i + len] >= 0x80) == wide && !(wide && len == 3))
			len++;
		if (len >= 3) {
			*ret_known += take_word(w, word_hash(slice_of(text.p + i, len)), add);
			n++;
		}
		i += len ? len : 1;
	}
	return n;
}

static bool has_alternatives(const struct mime *m)
{
	for (size_t i = 0; i < m->n; i++)
		if (m->v[i].multipart && mime_is(&m->v[i], S("multipart"), S("alternative")))
			return true;
	return false;
}

static void look_at_alternatives(struct content_exam *x)
{
	const struct learn_mail *m = &x->c->mail;
	slice html = slice_first(m->text, m->html_text);
	slice plain = slice_skip(m->text, m->html_text);
	size_t known;
	/* Many a newsletter has a plain text that only says where to look. */
	if (x->bulk >= BULK || !html.n || plain.n < WORDS_LEAST || !has_alternatives(x->c->mime))
		return;
	struct words *w = ARENA_NEW(x->a, struct words);
	size_t n = each_word(slice_first(html, COMPARED_MAX), w, true, &known);
	size_t all = each_word(slice_first(plain, COMPARED_PLAIN), w, false, &known);
	if (n >= WORDS_LEAST && all >= WORDS_LEAST && known * 4 < all)
		checking_found(x, SIGNAL_ALTERNATIVES_DIFFER, 1,
			arena_printf(x->a, "%zu/%zu", known, all));
}

void content_check_structure(struct content_exam *x)
{
	look_at_defects(x);
	look_at_depth(x);
	look_at_charsets(x);
	look_at_base64(x);
	look_at_body(x);
	look_at_alternatives(x);
}
