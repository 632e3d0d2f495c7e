/*
 * Bytes of messages for FETCH (RFC 9051 6.4.5, RFC 3516): streamed from where they are kept to the client in pieces. Called by fetch.c
 * with the beginning of the answer in f->line. What cannot be read is NIL as long as nothing of it was told; a literal that
 * breaks off in the middle ends the connection, because nobody could tell the rest from the next answer.
 */
#include "base/mem.h"
#include "codec/mime.h"
#include "codec/mime_stream.h"
#include "proto/imap/fetch.h"

static void flush_line(struct imap *s, struct fetch *f)
{
	imap_put(s, buf_slice(&f->line));
	buf_reset(&f->line);
}

static void fail(struct fetch *f, const struct err *e)
{
	if (!f->failed++ && !f->denied)
		f->why = *e;
}

/* No literal holds NUL but those of BINARY (RFC 9051 9: CHAR8). */
static void no_nul(char *p, size_t n)
{
	for (char *z = p; (z = memchr(z, 0, n - (size_t)(z - p)));)
		*z = (char)0x80;
}

static int read_exactly(
	struct box_content *c, uint64_t at, uint64_t n, struct buf *out, struct err *e)
{
	size_t before = out->n;
	if (box_content_read(c, at, n, out, e))
		return -1;
	if (out->n - before != n || !buf_ok(out))
		return err_set(e, ERR_TEMP, "the message is shorter than it should be");
	return 0;
}

static void put_place(struct imap *s, struct fetch *f, struct box_content *c, struct imap_place p)
{
	struct err e = {0};
	size_t mark = f->line.n;
	uint64_t n = p.n < FETCH_PIECE ? p.n : FETCH_PIECE;
	buf_printf(&f->line, "{%llu}\r\n", (unsigned long long)p.n);
	size_t start = f->line.n;
	if (n && read_exactly(c, p.at, n, &f->line, &e)) {
		f->line.n = mark;
		buf_put(&f->line, S("NIL"));
		fail(f, &e);
		return;
	}
	no_nul(f->line.p + start, n);
	if (n == p.n)
		return;
	flush_line(s, f);
	for (uint64_t at = n; at < p.n && !s->lost; at += n) {
		n = p.n - at < FETCH_PIECE ? p.n - at : FETCH_PIECE;
		buf_reset(&f->piece);
		if (read_exactly(c, p.at + at, n, &f->piece, &e)) {
			fail(f, &e);
			s->lost = s->ending = true;
			return;
		}
		no_nul(f->piece.p, n);
		imap_put(s, buf_slice(&f->piece));
	}
}

static struct imap_place window(const struct fetch_body *b, struct imap_place p)
{
	if (!b->partial)
		return p;
	if (b->from >= p.n)
		return (struct imap_place){p.at, 0};
	p.at += b->from;
	p.n -= b->from;
	if (p.n > b->count)
		p.n = b->count;
	return p;
}

static void put_picked(
	struct fetch *f, struct box_content *c, const struct fetch_body *b, struct imap_place p)
{
	AUTO(buf) struct buf picked = BUF(IMAP_SECTION_HEADER + 4);
	struct err e = {0};
	buf_reset(&f->piece);
	if (p.n > IMAP_SECTION_HEADER)
		p.n = IMAP_SECTION_HEADER;
	if (read_exactly(c, p.at, p.n, &f->piece, &e)) {
		buf_put(&f->line, S("NIL"));
		fail(f, &e);
		return;
	}
	imap_section_pick(&b->section, buf_slice(&f->piece), &picked);
	struct imap_place w = window(b, (struct imap_place){0, picked.n});
	buf_printf(&f->line, "{%llu}\r\n", (unsigned long long)w.n);
	size_t start = f->line.n;
	buf_put(&f->line, slice_of(picked.p + w.at, w.n));
	no_nul(f->line.p + start, w.n);
}

/* A part being decoded: once to count, and if it is large once more to tell. */
struct decoding {
	struct imap *s;
	struct fetch *f;
	struct box_content *c;
	struct imap_place place;
	enum mime_encoding encoding;
	uint64_t from, until; /* of the decoded bytes */
	uint64_t at; /* decoded so far */
	bool telling, nul, large;
	struct buf kept; /* the first FETCH_PIECE bytes of the window */
};

/* Takes decoded bytes; only those in the window count. */
static void decoded(struct decoding *d, slice v)
{
	uint64_t begin = d->at;
	d->at += v.n;
	if (d->at <= d->from || begin >= d->until)
		return;
	if (begin < d->from)
		v = slice_skip(v, d->from - begin);
	if (d->at > d->until)
		v.n -= d->at - d->until;
	if (d->telling) {
		imap_put(d->s, v);
		return;
	}
	d->nul |= memchr(v.p, 0, v.n) != NULL;
	if (d->large || d->kept.n + v.n > FETCH_PIECE)
		d->large = true;
	else
		buf_put(&d->kept, v);
}

static int decode(struct decoding *d, struct err *e)
{
	AUTO(buf) struct buf out = BUF(8 * FETCH_PIECE);
	struct mime_stream b;
	int r = 0;
	d->at = 0;
	mime_stream_init(&b, d->encoding);
	for (uint64_t at = 0; at < d->place.n && d->at < d->until && !r && !d->s->lost;) {
		uint64_t n = d->place.n - at < FETCH_PIECE ? d->place.n - at : FETCH_PIECE;
		buf_reset(&d->f->piece);
		buf_reset(&out);
		r = read_exactly(d->c, d->place.at + at, n, &d->f->piece, e);
		at += n;
		if (!r)
			mime_stream_feed(&b, buf_slice(&d->f->piece), &out);
		decoded(d, buf_slice(&out));
	}
	buf_reset(&out);
	mime_stream_end(&b, &out);
	decoded(d, buf_slice(&out));
	return r;
}

static void put_decoded(struct decoding *d)
{
	struct fetch *f = d->f;
	struct err e = {0};
	if (decode(d, &e)) {
		buf_put(&f->line, S("NIL"));
		fail(f, &e);
		return;
	}
	uint64_t end = d->at < d->until ? d->at : d->until;
	uint64_t n = end > d->from ? end - d->from : 0;
	buf_printf(&f->line, "%s{%llu}\r\n", d->nul ? "~" : "", (unsigned long long)n);
	if (!d->large) {
		buf_put(&f->line, buf_slice(&d->kept));
		return;
	}
	flush_line(d->s, f);
	d->telling = true;
	if (decode(d, &e)) {
		fail(f, &e);
		d->s->lost = d->s->ending = true;
	}
}

/* BINARY[...] and BINARY.SIZE[...]. False: in an encoding that nobody knows. */
static bool put_binary(struct imap *s, struct fetch *f, struct box_content *c,
	const struct fetch_body *b, const struct summary *sum, struct imap_place p)
{
	struct summary_part part;
	summary_part(sum, (size_t)summary_find_part(sum, b->section.path, b->section.npath), &part);
	struct decoding d = {.s = s,
		.f = f,
		.c = c,
		.place = p,
		.encoding = part.encoding,
		.from = b->partial ? b->from : 0,
		.until = b->partial ? b->from + b->count : UINT64_MAX,
		.kept = BUF(FETCH_PIECE)};
	if (!b->section.npath || part.multipart || part.message)
		d.encoding = MIME_BINARY;
	struct mime_stream probe;
	if (!mime_stream_init(&probe, d.encoding)) {
		f->unknown_encoding = true;
		buf_put(&f->line, b->how == FETCH_BINARY_SIZE ? S("0") : S("NIL"));
		return false;
	}
	bool as_is = d.encoding != MIME_QP && d.encoding != MIME_BASE64;
	struct err e = {0};
	if (b->how == FETCH_BINARY) {
		put_decoded(&d);
	} else if (as_is || part.decoded_n != UINT64_MAX) {
		buf_printf(&f->line, "%llu", (unsigned long long)(as_is ? p.n : part.decoded_n));
	} else {
		if (decode(&d, &e))
			fail(f, &e);
		buf_printf(&f->line, "%llu", (unsigned long long)d.at);
	}
	buf_done(&d.kept);
	return true;
}

static void put_body(struct imap *s, struct fetch *f, struct box_content *c,
	const struct fetch_body *b, const struct summary *sum)
{
	struct imap_place p;
	if (f->line.n > FETCH_PIECE)
		flush_line(s, f);
	if (!f->line.n || f->line.p[f->line.n - 1] != '(')
		buf_byte(&f->line, ' ');
	buf_put(&f->line, b->label);
	buf_byte(&f->line, ' ');
	if (!imap_section_find(&b->section, sum, box_content_prefix(c), box_content_size(c), &p))
		buf_put(&f->line, b->how == FETCH_BINARY_SIZE ? S("0") : S("NIL"));
	else if (b->how != FETCH_RAW)
		put_binary(s, f, c, b, sum, p);
	else if (b->section.kind == IMAP_SECTION_PICK || b->section.kind == IMAP_SECTION_PICK_NOT)
		put_picked(f, c, b, p);
	else
		put_place(s, f, c, window(b, p));
}

int fetch_bodies(struct imap *s, struct fetch *f, const struct mailbox_message *m,
	const struct summary *sum, struct err *e)
{
	struct box_content *c;
	if (box_content_open(s->view, m, &c, e))
		return -1;
	for (size_t i = 0; i < f->nbodies && !s->lost; i++)
		put_body(s, f, c, &f->bodies[i], sum);
	box_content_close(c);
	return 0;
}

int fetch_preview(struct imap *s, const struct mailbox_message *m, struct buf *out, struct err *e)
{
	enum { LOOK_MAX = 256 * 1024 }; /* a preview is of the beginning */
	AUTO(buf) struct buf message = BUF(LOOK_MAX);
	AUTO(arena) struct arena a = {0};
	struct box_content *c;
	struct mime mime;
	if (box_content_open(s->view, m, &c, e))
		return -1;
	uint64_t at = box_content_prefix(c), n = box_content_size(c) - at;
	int r = box_content_read(c, at, n < LOOK_MAX ? n : LOOK_MAX, &message, e);
	box_content_close(c);
	if (r)
		return -1;
	mime_parse(buf_slice(&message), &mime_limits_default, &a, &mime);
	summary_preview(buf_slice(&message), &mime, out);
	return 0;
}
