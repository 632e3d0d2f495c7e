/*
 * The texts of a message that are searched (search_text.h): walks a message by its summary, so that only what counts is read. Called by
 * mail/box_search_text.c and content/texts.c. Large parts come in pieces of PIECE bytes; a line is converted whole up to LINE_HELD_MAX.
 */
#include "codec/search_text.h"

#include "base/mem.h"
#include "codec/charset.h"
#include "codec/html_strip.h"
#include "codec/mime_stream.h"
#include "codec/words.h"

enum {
	PIECE = 64 * 1024,
	LINE_HELD_MAX = 256 * 1024,
};

void search_texts_init(struct search_texts *t)
{
	t->mem = (struct arena){0};
	t->raw = BUF(SEARCH_HEADER_MAX);
	t->decoded = BUF(8 * LINE_HELD_MAX);
	t->utf8 = BUF(32 * LINE_HELD_MAX);
	t->words = BUF(32 * LINE_HELD_MAX);
	t->field_text = BUF(SEARCH_HEADER_MAX * 4);
}

void search_texts_done(struct search_texts *t)
{
	arena_done(&t->mem);
	buf_done(&t->raw);
	buf_done(&t->decoded);
	buf_done(&t->utf8);
	buf_done(&t->words);
	buf_done(&t->field_text);
}

static bool enough(const struct search_texts *t, bool part)
{
	return t->enough && t->enough(t->arg, part);
}

/* ---- fields ---- */

bool search_field_counts(slice name)
{
	static const slice names[] = {S_INIT("received"), S_INIT("dkim-signature"),
		S_INIT("domainkey-signature"), S_INIT("authentication-results"),
		S_INIT("received-spf"), S_INIT("x-received"), S_INIT("arc-seal"),
		S_INIT("arc-message-signature"), S_INIT("arc-authentication-results"),
		S_INIT("autocrypt"), S_INIT("face"), S_INIT("x-face"), S_INIT("thread-index"),
		S_INIT("dkim-filter"), S_INIT("x-gm-message-state"), S_INIT("x-ymail-osg"),
		S_INIT("x-ham-report"), S_INIT("x-spam-report"), S_INIT("x-sg-eid"),
		S_INIT("x-sg-id"), S_INIT("feedback-id")};
	static const slice begins[] = {S_INIT("x-ms-exchange-"), S_INIT("x-microsoft-antispam"),
		S_INIT("x-forefront-"), S_INIT("x-google-"), S_INIT("x-provags-"),
		S_INIT("x-exchange-"), S_INIT("x-cm-"), S_INIT("x-coremail-"), S_INIT("x-qq-")};
	static const slice ends[] = {S_INIT("-signature"), S_INIT("-signature-data")};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (slice_ieq(name, names[i]))
			return false;
	for (size_t i = 0; i < sizeof begins / sizeof *begins; i++)
		if (slice_istarts(name, begins[i]))
			return false;
	for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
		if (slice_iends(name, ends[i]))
			return false;
	return true;
}

static bool is_typed(slice name)
{
	return slice_ieq(name, S("content-type")) || slice_ieq(name, S("content-disposition"));
}

bool search_field_is_whole(slice name)
{
	return search_field_counts(name) && !is_typed(name);
}

/* Without the delimiter, which nobody looks for and no other message has. */
static void put_without_boundary(slice value, struct buf *out)
{
	slice piece;
	while (slice_cut(&value, ';', &piece)) {
		if (slice_istarts(slice_trim(piece), S("boundary")))
			continue;
		buf_put(out, out->n ? S(";") : S(""));
		buf_put(out, piece);
	}
}

/* Names of files in several pieces or percent-encoded (RFC 2231). */
static void put_wrapped_name(struct search_texts *t, slice raw)
{
	struct mime_value v;
	if (slice_index(raw, '*') == raw.n)
		return;
	mime_value_parse(raw, &t->mem, &v);
	for (int i = 0; i < 2; i++) {
		slice name = mime_param_text(&v, i ? S("name") : S("filename"), &t->mem);
		buf_put(&t->field_text, name.n ? S(" ") : S(""));
		buf_put(&t->field_text, name);
	}
	arena_reset(&t->mem);
}

static void give_field(struct search_texts *t, const struct header_field *f, bool part)
{
	buf_reset(&t->utf8);
	words_decode(&t->utf8, f->value);
	struct search_field s = {.name = f->name, .value = buf_slice(&t->utf8), .part = part};
	if (is_typed(f->name)) {
		buf_reset(&t->field_text);
		put_without_boundary(s.value, &t->field_text);
		put_wrapped_name(t, f->value);
		s.text = buf_slice(&t->field_text);
	} else if (search_field_counts(f->name)) {
		s.text = s.value;
	}
	if (search_field_counts(f->name) && !s.text.p)
		s.text = S("");
	t->field(t->arg, &s);
}

static int header(struct search_texts *t, uint64_t at, uint64_t n, bool part, struct err *e)
{
	struct header_field f;
	buf_reset(&t->raw);
	if (t->read(t->arg, at, n < SEARCH_HEADER_MAX ? n : SEARCH_HEADER_MAX, &t->raw, e))
		return -1;
	slice block = buf_slice(&t->raw);
	while (!enough(t, part) && header_next(&block, &f))
		give_field(t, &f, part);
	return 0;
}

int search_texts_header(struct search_texts *t, const struct summary *sum, struct err *e)
{
	return header(t, 0, t->prefix + sum->header_n, false, e);
}

/* ---- texts ---- */

struct part {
	struct mime_stream stream;
	struct html_strip strip;
	bool html, begun;
	slice charset;
};

static void give_text(struct search_texts *t, struct part *p, slice utf8)
{
	t->text(t->arg, utf8, !p->begun);
	p->begun = true;
}

/* What is decoded so far, up to the end of a line. */
static void give_decoded(struct search_texts *t, struct part *p, bool end)
{
	struct charset_reading as;
	size_t n = slice_rindex(buf_slice(&t->decoded), '\n');
	n = end || (n == t->decoded.n && n > LINE_HELD_MAX) ? t->decoded.n
	    : n < t->decoded.n                              ? n + 1
							    : 0;
	if (!n)
		return;
	buf_reset(&t->utf8);
	charset_read(p->charset, slice_first(buf_slice(&t->decoded), n), p->html, &t->utf8, &as);
	buf_drop_front(&t->decoded, n);
	if (!p->html) {
		give_text(t, p, buf_slice(&t->utf8));
		return;
	}
	buf_reset(&t->words);
	html_strip(&p->strip, buf_slice(&t->utf8), &t->words);
	give_text(t, p, buf_slice(&t->words));
}

static slice charset_of(const struct summary_part *p)
{
	slice params = p->params, name, v;
	while (summary_next_pair(&params, &name, &v))
		if (slice_ieq(name, S("charset")))
			return v;
	return (slice){0};
}

static int text(struct search_texts *t, const struct summary_part *s, struct err *e)
{
	struct part p = {.html = slice_ieq(s->subtype, S("html")), .charset = charset_of(s)};
	uint64_t at = t->prefix + s->body_at, end = at + s->body_n;
	int failed = 0;
	mime_stream_init(&p.stream, s->encoding);
	buf_reset(&t->decoded);
	for (uint64_t n; at < end && !enough(t, true) && !failed; at += n) {
		n = end - at < PIECE ? end - at : PIECE;
		buf_reset(&t->raw);
		failed = t->read(t->arg, at, n, &t->raw, e);
		mime_stream_feed(&p.stream, buf_slice(&t->raw), &t->decoded);
		give_decoded(t, &p, false);
	}
	mime_stream_end(&p.stream, &t->decoded);
	if (!failed && !enough(t, true))
		give_decoded(t, &p, true);
	return failed ? -1 : 0;
}

static bool is_text(const struct summary_part *p)
{
	return !p->multipart && !p->message &&
	       (slice_ieq(p->type, S("text")) || slice_ieq(p->type, S("message")));
}

int search_texts_body(struct search_texts *t, const struct summary *sum, struct err *e)
{
	for (size_t i = 0; i < sum->nparts && !enough(t, true); i++) {
		struct summary_part p;
		summary_part(sum, i, &p);
		if (t->prefix + p.body_at + p.body_n > t->size)
			return err_set(e, ERR_TEMP, "a summary does not fit its message");
		if (i && header(t, t->prefix + p.header_at, p.header_n, true, e))
			return -1;
		if (is_text(&p) && text(t, &p, e))
			return -1;
	}
	return 0;
}

/* ---- files ---- */

/* Calendars, cards, RTF: texts of which little is readable as it stands. */
static bool is_read_as_file(const struct summary_part *p)
{
	static const slice subtypes[] = {S_INIT("calendar"), S_INIT("rtf"), S_INIT("vcard"),
		S_INIT("x-vcard"), S_INIT("directory")};
	for (size_t i = 0; i < sizeof subtypes / sizeof *subtypes; i++)
		if (slice_ieq(p->subtype, subtypes[i]))
			return true;
	return false;
}

bool search_part_is_file(const struct summary_part *p)
{
	if (p->multipart || p->message || !p->body_n || slice_ieq(p->type, S("message")))
		return false;
	if (slice_ieq(p->type, S("text")))
		return is_read_as_file(p);
	if (slice_ieq(p->type, S("image")))
		return slice_istarts(p->subtype, S("svg"));
	return !slice_ieq(p->type, S("audio")) && !slice_ieq(p->type, S("video")) &&
	       !slice_ieq(p->type, S("multipart"));
}

bool search_has_files(const struct summary *sum)
{
	for (size_t i = 0; i < sum->nparts; i++) {
		struct summary_part p;
		summary_part(sum, i, &p);
		if (search_part_is_file(&p))
			return true;
	}
	return false;
}

/* ---- addresses ---- */

static void put_address(struct buf *out, const struct summary_address *a)
{
	if (out->n)
		buf_put(out, S(", "));
	words_decode(out, a->name);
	buf_put(out, a->name.n ? S(" <") : S("<"));
	buf_put(out, a->mailbox);
	if (a->host.n) {
		buf_byte(out, '@');
		buf_put(out, a->host);
	}
	buf_byte(out, '>');
}

void search_addresses(const struct summary *sum, enum summary_who who, struct buf *out)
{
	struct summary_address a;
	unsigned it = 0;
	while (summary_next_address(sum, 0, who, &it, &a))
		if (a.mailbox.p || a.name.p)
			put_address(out, &a);
}
