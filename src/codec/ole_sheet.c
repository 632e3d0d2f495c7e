/*
 * Excel 97-2003 (MS-XLS): strings of the shared table (2.4.265), labels, links, macro sheets, names
 * that run by themselves, passwords. Called by ole_parts.c. Formulas are not read, so what XLM
 * macros do is not known: that there are some is.
 */
#include "base/mem.h"
#include "codec/charset.h"
#include "codec/ole_impl.h"

enum {
	TEXT_MAX = 1 << 20,
	RECORD_CONTINUE = 0x3c,
	RECORD_SST = 0xfc,
	RECORD_LABEL = 0x204,
	RECORD_BOUNDSHEET = 0x85,
	RECORD_FILEPASS = 0x2f,
	RECORD_NAME = 0x18,
	NAME_BUILTIN = 0x20,
	AUTO_OPEN = 1,
	AUTO_CLOSE = 2,
};

static void characters(slice raw, bool wide, struct buf *out)
{
	charset_to_utf8(wide ? S("utf-16le") : S("windows-1252"), raw, out);
}

/*
 * The shared strings: records one behind the other; a string cut by a record's end goes on in the
 * next with a new flag byte (2.5.293, 2.5.294). Rich and phonetic data behind a string is skipped.
 */
struct strings {
	slice rest; /* of the present record */
	slice following; /* records behind it */
	struct buf *out;
};

static bool next_record(struct strings *s)
{
	if (ole_le16(s->following, 0) != RECORD_CONTINUE || s->following.n < 4)
		return false;
	size_t n = ole_le16(s->following, 2);
	s->rest = slice_first(slice_skip(s->following, 4), n);
	s->following = slice_skip(s->following, 4 + n);
	return true;
}

static void skip(struct strings *s, size_t n)
{
	while (n > s->rest.n) {
		n -= s->rest.n;
		if (!next_record(s)) {
			s->rest = (slice){0};
			return;
		}
	}
	s->rest = slice_skip(s->rest, n);
}

static bool one_string(struct strings *s)
{
	if (s->rest.n < 3 && !next_record(s))
		return false;
	size_t count = ole_le16(s->rest, 0), trailing = 0;
	unsigned flags = s->rest.n > 2 ? (unsigned char)s->rest.p[2] : 0;
	s->rest = slice_skip(s->rest, 3);
	if (flags & 8) {
		trailing += 4u * ole_le16(s->rest, 0);
		s->rest = slice_skip(s->rest, 2);
	}
	if (flags & 4) {
		trailing += ole_le32(s->rest, 0);
		s->rest = slice_skip(s->rest, 4);
	}
	for (;;) {
		bool wide = flags & 1;
		size_t here = wide ? s->rest.n / 2 : s->rest.n;
		here = here < count ? here : count;
		characters(slice_first(s->rest, wide ? 2 * here : here), wide, s->out);
		s->rest = slice_skip(s->rest, wide ? 2 * here : here);
		count -= here;
		if (!count)
			break;
		if (!next_record(s) || !s->rest.n)
			return false;
		flags = (unsigned char)s->rest.p[0];
		s->rest = slice_skip(s->rest, 1);
	}
	buf_byte(s->out, '\n');
	skip(s, trailing);
	return true;
}

static void shared_strings(slice record, slice following, struct buf *out)
{
	struct strings s = {slice_skip(record, 8), following, out};
	uint32_t n = ole_le32(record, 4);
	for (uint32_t i = 0; i < n && buf_ok(out); i++)
		if (!one_string(&s))
			return;
}

static void record(struct ole *o, unsigned id, slice r)
{
	const struct extract *x = o->x;
	if (id == RECORD_BOUNDSHEET && r.n > 5 && r.p[5] == 1)
		x->fact(x->ctx, EXTRACT_MACRO, S("XLM"));
	else if (id == RECORD_FILEPASS)
		x->fact(x->ctx, EXTRACT_ENCRYPTED, S(""));
	else if (id == RECORD_NAME && r.n > 15 && ole_le16(r, 0) & NAME_BUILTIN &&
		 (r.p[15] == AUTO_OPEN || r.p[15] == AUTO_CLOSE))
		x->fact(x->ctx, EXTRACT_AUTORUN, S("Auto_Open"));
}

void ole_sheet(struct ole *o, slice workbook)
{
	AUTO(buf) struct buf text = BUF(TEXT_MAX);
	slice s = workbook;
	while (s.n >= 4) {
		unsigned id = ole_le16(s, 0);
		slice r = slice_first(slice_skip(s, 4), ole_le16(s, 2));
		s = slice_skip(s, 4u + ole_le16(s, 2));
		if (id == RECORD_SST) {
			shared_strings(r, s, &text);
		} else if (id == RECORD_LABEL && r.n > 9) {
			characters(slice_skip(r, 9), r.p[8] & 1, &text);
			buf_byte(&text, '\n');
		} else {
			record(o, id, r);
		}
	}
	o->x->text(o->x->ctx, buf_slice(&text));
	ole_monikers(o, workbook);
	ole_pictures(o, workbook);
}
