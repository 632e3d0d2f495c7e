/*
 * uuencode (POSIX uuencode, the historical form), as mail programs of old put files into text.
 * Called by mime_decode and by the readers of attachments. Lines are read as far as their length
 * says; what is cut or too short counts as zero bits, as decoders do.
 */
#include "codec/uu.h"

static slice next_line(slice *s)
{
	size_t n = slice_index(*s, '\n');
	slice line = slice_first(*s, n);
	*s = slice_skip(*s, n + 1);
	return slice_trim(line);
}

/* "begin", three or four octal digits, a name. */
static bool is_begin(slice line, slice *ret_name)
{
	if (!slice_starts(line, S("begin ")))
		return false;
	slice rest = slice_skip(line, 6);
	size_t digits = 0;
	while (digits < rest.n && rest.p[digits] >= '0' && rest.p[digits] <= '7')
		digits++;
	if (digits < 3 || digits > 4 || digits >= rest.n || rest.p[digits] != ' ')
		return false;
	*ret_name = slice_trim(slice_skip(rest, digits));
	return true;
}

static bool one_line(slice line, struct buf *out)
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

bool uu_next(slice *text, slice *ret_block)
{
	slice s = *text, name;
	while (s.n) {
		slice at = s, line = next_line(&s);
		if (!is_begin(line, &name))
			continue;
		while (s.n && !slice_eq(next_line(&s), S("end")))
			;
		*ret_block = slice_first(at, at.n - s.n);
		*text = s;
		return true;
	}
	return false;
}

bool uu_read(slice block, struct buf *out, slice *ret_name)
{
	bool good = true;
	slice line = next_line(&block);
	*ret_name = (slice){0};
	if (!is_begin(line, ret_name))
		return false;
	while (block.n) {
		line = next_line(&block);
		if (slice_eq(line, S("end")))
			return good;
		if (line.n)
			good = one_line(line, out) && good;
	}
	return false;
}
