/*
 * Transfer encodings undone (mime.h; RFC 2045 section 6, uuencode): as much as fits, whatever is
 * broken. Charsets are not looked at here.
 */
#include "base/b64.h"
#include "codec/mime.h"
#include "codec/qp.h"

static size_t line_length(slice s)
{
	size_t n = slice_index(s, '\n');
	return n < s.n ? n + 1 : n;
}

/* ---- uuencode: "begin 644 name", lines, "end" ---- */

static bool uu_line(slice line, struct buf *out)
{
	size_t want = ((size_t)(unsigned char)line.p[0] - ' ') & 63, have = 0;
	for (size_t i = 1; have < want; i += 4) {
		unsigned v = 0;
		for (size_t k = 0; k < 4; k++) {
			char c = i + k < line.n ? line.p[i + k] : '`';
			if (c < ' ' || c > '`')
				return false;
			v = v << 6 | (((unsigned)c - ' ') & 63);
		}
		for (int shift = 16; shift >= 0 && have < want; shift -= 8, have++)
			buf_byte(out, (char)(v >> shift));
	}
	return true;
}

static bool uu_decode(struct buf *out, slice in)
{
	bool inside = false, good = true;
	while (in.n) {
		slice line = slice_first(in, line_length(in));
		in = slice_skip(in, line.n);
		line = slice_trim(line);
		if (!inside)
			inside = slice_starts(line, S("begin "));
		else if (slice_eq(line, S("end")))
			return good;
		else if (line.n)
			good = uu_line(line, out) && good;
	}
	return false;
}

bool mime_decode(const struct mime_part *p, struct buf *out)
{
	bool good = true;
	size_t room = out->limit > out->n ? out->limit - out->n : 0;
	slice body = p->body;
	if (p->encoding == MIME_BASE64 && room < body.n / 4 * 3)
		body = slice_first(body, room / 3 * 4);
	else if (p->encoding != MIME_BASE64 && room < body.n)
		body = slice_first(body, room);
	switch (p->encoding) {
	case MIME_QP:
		qp_decode(out, body);
		break;
	case MIME_BASE64:
		good = b64_decode_tolerant(out, body);
		break;
	case MIME_UUENCODE:
		good = uu_decode(out, body);
		break;
	default:
		buf_put(out, body);
	}
	out->full |= body.n < p->body.n;
	return good && buf_ok(out);
}
