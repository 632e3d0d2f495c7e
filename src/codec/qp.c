/* Quoted-printable (RFC 2045 section 6.7): strict in what we write, patient in what we read. */
#include "codec/qp.h"

#include "base/hex.h"

enum { QP_LINE = 76 };

/* One line without its end. Blanks at its end and all but printable ASCII are written as =XX. */
static void encode_line(struct buf *out, slice line)
{
	static const char digits[] = "0123456789ABCDEF";
	size_t column = 0;
	for (size_t i = 0; i < line.n; i++) {
		unsigned char c = (unsigned char)line.p[i];
		bool last = i + 1 == line.n;
		bool plain =
			(c > ' ' && c < 0x7f && c != '=') || ((c == ' ' || c == '\t') && !last);
		size_t width = plain ? 1 : 3;
		if (column + width > QP_LINE - (last ? 0 : 1)) {
			buf_put(out, S("=\r\n"));
			column = 0;
		}
		if (plain) {
			buf_byte(out, (char)c);
		} else {
			char coded[3] = {'=', digits[c >> 4], digits[c & 15]};
			buf_put(out, slice_of(coded, 3));
		}
		column += width;
	}
}

void qp_encode(struct buf *out, slice text)
{
	while (text.n) {
		size_t n = slice_index(text, '\n');
		slice line = slice_first(text, n);
		bool ended = n < text.n;
		if (ended && slice_ends(line, S("\r")))
			line.n--;
		encode_line(out, line);
		if (ended)
			buf_put(out, S("\r\n"));
		text = slice_skip(text, n + 1);
	}
}

/* One line without its end; true: it ends in a soft break. */
static bool decode_line(struct buf *out, slice line)
{
	while (line.n && (line.p[line.n - 1] == ' ' || line.p[line.n - 1] == '\t'))
		line.n--; /* RFC 2045 6.7 (3): added on the way */
	for (size_t i = 0; i < line.n; i++) {
		char c = line.p[i];
		if (c == '=' && i + 1 == line.n)
			return true;
		if (c == '=' && i + 2 < line.n && hex_digit(line.p[i + 1]) >= 0 &&
			hex_digit(line.p[i + 2]) >= 0) {
			c = (char)(hex_digit(line.p[i + 1]) << 4 | hex_digit(line.p[i + 2]));
			i += 2;
		}
		buf_byte(out, c);
	}
	return false;
}

void qp_decode(struct buf *out, slice in)
{
	while (in.n) {
		size_t n = slice_index(in, '\n');
		slice line = slice_first(in, n);
		slice end = slice_first(slice_skip(in, n), 1);
		if (end.n && slice_ends(line, S("\r"))) {
			line.n--;
			end = slice_of(end.p - 1, 2);
		}
		if (!decode_line(out, line))
			buf_put(out, end);
		in = slice_skip(in, n + 1);
	}
}
