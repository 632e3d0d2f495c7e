/*
 * Searching in the bytes of one message (box_search.h): header fields with their encoded words undone; texts with transfer encoding and
 * charset undone, of HTML the words. In pieces: memory does not grow with the message. Texts are parts of type text, reports
 * (message/delivery-status ...) and the headers of parts (names of files). Attachments are not looked into.
 */
#include "base/mem.h"
#include "codec/charset.h"
#include "codec/fold.h"
#include "codec/html_strip.h"
#include "codec/mime_stream.h"
#include "codec/words.h"
#include "mail/box_impl.h"
#include "mail/box_search.h"

enum {
	PIECE = 64 * 1024,
	LINE_HELD_MAX = 256 * 1024, /* a line is converted whole up to here */
	HEADER_MAX = 1 << 20, /* bytes of a header that are looked at */
};

struct reading {
	struct box_content *c;
	const struct box_text_want *want;
	bool *met;
	uint64_t prefix, size;
	size_t longest; /* of the texts */
	struct buf raw, decoded, utf8, words, window;
};

static bool of_body(const struct box_criterion *c)
{
	return c->kind == BOX_BODY || c->kind == BOX_TEXT;
}

static bool done(const struct reading *r, bool bodies_only)
{
	for (size_t i = 0; i < r->want->n; i++)
		if (!r->met[i] && (!bodies_only || of_body(r->want->v[i])))
			return false;
	return true;
}

static bool contains(const struct buf *text, slice what)
{
	return slice_find(buf_slice(text), what) < text->n || !what.n;
}

/* ---- headers ---- */

static slice field_of(const struct box_criterion *c)
{
	static const slice names[] = {[SUMMARY_FROM] = S_INIT("From"),
		[SUMMARY_SENDER] = S_INIT("Sender"),
		[SUMMARY_REPLY_TO] = S_INIT("Reply-To"),
		[SUMMARY_TO] = S_INIT("To"),
		[SUMMARY_CC] = S_INIT("Cc"),
		[SUMMARY_BCC] = S_INIT("Bcc")};
	if (c->kind == BOX_WHO)
		return names[c->who];
	return c->kind == BOX_SUBJECT ? S("Subject") : c->name;
}

/* One field: of the message itself, or of a part in it (then it belongs to the body). */
static void ask_field(struct reading *r, const struct header_field *f, bool part)
{
	buf_reset(&r->utf8);
	words_decode(&r->utf8, f->value);
	buf_reset(&r->window);
	text_fold(f->name, &r->window);
	buf_put(&r->window, S(": "));
	size_t name = r->window.n;
	text_fold(buf_slice(&r->utf8), &r->window);
	for (size_t i = 0; i < r->want->n; i++) {
		const struct box_criterion *c = r->want->v[i];
		if (r->met[i])
			continue;
		if (of_body(c)) {
			r->met[i] = (part || c->kind == BOX_TEXT) && contains(&r->window, c->text);
		} else if (!part && slice_ieq(field_of(c), f->name)) {
			slice value = slice_skip(buf_slice(&r->window), name);
			r->met[i] = !c->text.n || slice_find(value, c->text) < value.n;
		}
	}
}

static int ask_header(struct reading *r, uint64_t at, uint64_t n, bool part, struct err *e)
{
	struct header_field f;
	buf_reset(&r->raw);
	if (box_content_read(r->c, at, n < HEADER_MAX ? n : HEADER_MAX, &r->raw, e))
		return -1;
	slice block = buf_slice(&r->raw);
	while (!done(r, part) && header_next(&block, &f))
		ask_field(r, &f, part);
	return 0;
}

/* ---- texts ---- */

/* More of a text, folded: what may be the beginning of a match stays for the next piece. */
static void ask_words(struct reading *r, slice utf8)
{
	text_fold(utf8, &r->window);
	for (size_t i = 0; i < r->want->n; i++)
		if (!r->met[i] && of_body(r->want->v[i]))
			r->met[i] = contains(&r->window, r->want->v[i]->text);
	if (r->window.n > r->longest)
		buf_drop_front(&r->window, r->window.n - r->longest);
}

struct text_part {
	struct mime_stream stream;
	struct html_strip strip;
	bool html;
	slice charset;
};

/* What is decoded so far, up to the end of a line. */
static void ask_decoded(struct reading *r, struct text_part *t, bool end)
{
	struct charset_reading as;
	size_t n = slice_rindex(buf_slice(&r->decoded), '\n');
	n = end || (n == r->decoded.n && n > LINE_HELD_MAX) ? r->decoded.n
	    : n < r->decoded.n                              ? n + 1
							    : 0;
	if (!n)
		return;
	buf_reset(&r->utf8);
	charset_read(t->charset, slice_first(buf_slice(&r->decoded), n), t->html, &r->utf8, &as);
	buf_drop_front(&r->decoded, n);
	if (!t->html) {
		ask_words(r, buf_slice(&r->utf8));
		return;
	}
	buf_reset(&r->words);
	html_strip(&t->strip, buf_slice(&r->utf8), &r->words);
	ask_words(r, buf_slice(&r->words));
}

static slice charset_of(const struct summary_part *p)
{
	slice params = p->params, name, v;
	while (summary_next_pair(&params, &name, &v))
		if (slice_ieq(name, S("charset")))
			return v;
	return (slice){0};
}

static int ask_part(struct reading *r, const struct summary_part *p, struct err *e)
{
	struct text_part t = {.html = slice_ieq(p->subtype, S("html")), .charset = charset_of(p)};
	uint64_t at = r->prefix + p->body_at, end = at + p->body_n;
	int failed = 0;
	mime_stream_init(&t.stream, p->encoding);
	buf_reset(&r->decoded);
	buf_reset(&r->window);
	for (uint64_t n; at < end && !done(r, true) && !failed; at += n) {
		n = end - at < PIECE ? end - at : PIECE;
		buf_reset(&r->raw);
		failed = box_content_read(r->c, at, n, &r->raw, e);
		mime_stream_feed(&t.stream, buf_slice(&r->raw), &r->decoded);
		ask_decoded(r, &t, false);
		if (end - at > PIECE)
			co_yield();
	}
	mime_stream_end(&t.stream, &r->decoded);
	if (!failed && !done(r, true))
		ask_decoded(r, &t, true);
	return failed ? -1 : 0;
}

static bool is_text(const struct summary_part *p)
{
	return !p->multipart && !p->message &&
	       (slice_ieq(p->type, S("text")) || slice_ieq(p->type, S("message")));
}

static int ask_parts(struct reading *r, const struct summary *sum, struct err *e)
{
	for (size_t i = 0; i < sum->nparts && !done(r, true); i++) {
		struct summary_part p;
		summary_part(sum, i, &p);
		if (r->prefix + p.body_at + p.body_n > r->size)
			return err_set(e, ERR_TEMP, "a summary does not fit its message");
		if (i && ask_header(r, r->prefix + p.header_at, p.header_n, true, e))
			return -1;
		if (is_text(&p) && ask_part(r, &p, e))
			return -1;
	}
	return 0;
}

int box_search_bytes(struct box_view *v, const struct mailbox_message *m, const struct summary *sum,
	const struct box_text_want *want, bool *met, struct err *e)
{
	struct reading r = {.want = want,
		.met = met,
		.longest = 1,
		.raw = BUF(HEADER_MAX),
		.decoded = BUF(8 * LINE_HELD_MAX),
		.utf8 = BUF(32 * LINE_HELD_MAX),
		.words = BUF(32 * LINE_HELD_MAX),
		.window = BUF(64 * LINE_HELD_MAX)};
	bool body = false;
	for (size_t i = 0; i < want->n; i++) {
		body |= of_body(want->v[i]);
		if (want->v[i]->text.n > r.longest)
			r.longest = want->v[i]->text.n;
	}
	if (box_content_open(v, m, &r.c, e))
		return -1;
	r.prefix = box_content_prefix(r.c);
	r.size = box_content_size(r.c);
	int failed = ask_header(&r, 0, r.prefix + sum->header_n, false, e);
	if (!failed && body)
		failed = ask_parts(&r, sum, e);
	box_content_close(r.c);
	buf_done(&r.raw);
	buf_done(&r.decoded);
	buf_done(&r.utf8);
	buf_done(&r.words);
	buf_done(&r.window);
	return failed ? -1 : 0;
}
