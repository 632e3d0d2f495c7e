/*
 * Transfer encodings undone in pieces: see mime_stream.h. Called by IMAP's BINARY and by searches. uuencode is not undone (its bytes are
 * known only by lines that say how long they are).
 */
#include "codec/mime_stream.h"
#include "codec/qp.h"

enum { LINE_MAX_HELD = 64 * 1024 };

bool mime_stream_init(struct mime_stream *b, enum mime_encoding encoding)
{
	*b = (struct mime_stream){.encoding = encoding, .held = BUF(4 * LINE_MAX_HELD)};
	return encoding != MIME_UUENCODE && encoding != MIME_UNKNOWN;
}

static int b64_value(unsigned char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

static void feed_b64(struct mime_stream *b, slice in, struct buf *out)
{
	char *to = buf_room(out, in.n);
	size_t n = 0;
	if (!to)
		return;
	for (size_t i = 0; i < in.n; i++) {
		int v = b64_value((unsigned char)in.p[i]);
		if (in.p[i] == '=')
			b->nbits = 0;
		if (v < 0)
			continue;
		b->bits = b->bits << 6 | (uint32_t)v;
		b->nbits += 6;
		if (b->nbits >= 8) {
			b->nbits -= 8;
			to[n++] = (char)(b->bits >> b->nbits);
		}
	}
	buf_commit(out, n);
}

static bool is_hex(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'F') || (c >= 'a' && c <= 'f');
}

/* How much of a line without end can be undone now: not the blanks at its end, nor an escape that is not complete. */
static size_t safe_cut(slice s)
{
	size_t cut = s.n;
	if (cut > 1 && is_hex(s.p[cut - 1]) && s.p[cut - 2] == '=')
		cut -= 2;
	while (cut && (s.p[cut - 1] == ' ' || s.p[cut - 1] == '\t' || s.p[cut - 1] == '\r' ||
			      s.p[cut - 1] == '='))
		cut--;
	return cut ? cut : s.n;
}

static void feed_qp(struct mime_stream *b, slice in, struct buf *out)
{
	while (in.n) {
		slice piece = slice_first(in, LINE_MAX_HELD);
		in = slice_skip(in, piece.n);
		buf_put(&b->held, piece);
		slice held = buf_slice(&b->held);
		size_t end = slice_rindex(held, '\n');
		size_t n = end < held.n ? end + 1 : held.n > LINE_MAX_HELD ? safe_cut(held) : 0;
		qp_decode(out, slice_first(held, n));
		buf_drop_front(&b->held, n);
	}
}

void mime_stream_feed(struct mime_stream *b, slice in, struct buf *out)
{
	if (b->encoding == MIME_BASE64)
		feed_b64(b, in, out);
	else if (b->encoding == MIME_QP)
		feed_qp(b, in, out);
	else
		buf_put(out, in);
}

void mime_stream_end(struct mime_stream *b, struct buf *out)
{
	if (b->encoding == MIME_QP)
		qp_decode(out, buf_slice(&b->held));
	buf_done(&b->held);
}
