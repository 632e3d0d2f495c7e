/*
 * Word 97-2003 (MS-DOC): the text by its table of pieces (2.4.1, 2.9.177), field codes in it.
 * Called by ole_parts.c. Headers, notes and text boxes are part of the same run of characters.
 * Formatting, also what hides text, is not looked at.
 */
#include "base/mem.h"
#include "base/utf8.h"
#include "codec/charset.h"
#include "codec/field.h"
#include "codec/ole_impl.h"

enum {
	TEXT_MAX = 1 << 20,
	CODE_MAX = 4096,
	FLAGS_AT = 10,
	ENCRYPTED = 0x100,
	TABLE_1 = 0x200,
	CLX_AT = 0x1a2,
};

/* Plain text out of Word's characters; codes of fields apart. */
static void text_of(struct ole *o, slice utf8)
{
	AUTO(buf) struct buf text = BUF(TEXT_MAX);
	AUTO(buf) struct buf code = BUF(CODE_MAX);
	bool in_code = false;
	for (size_t i = 0; i < utf8.n; i++) {
		char c = utf8.p[i];
		if (c == 0x13) {
			in_code = true;
			buf_reset(&code);
		} else if (c == 0x14 || c == 0x15) {
			if (in_code)
				field_read(buf_slice(&code), o->x);
			in_code = false;
		} else if (in_code) {
			buf_byte(&code, c);
		} else if (c == '\r' || c == 7 || c == 11 || c == 12) {
			buf_byte(&text, '\n');
		} else if ((unsigned char)c >= ' ' || c == '\t') {
			buf_byte(&text, c);
		}
	}
	o->x->text(o->x->ctx, buf_slice(&text));
}

/* One piece: bytes of windows-1252, or UTF-16 (2.9.73). */
static void piece(slice document, uint32_t fc, uint32_t count, struct buf *out)
{
	bool narrow = fc & 0x40000000;
	size_t at = fc & 0x3fffffff;
	size_t n = narrow ? count : (size_t)count * 2;
	slice raw = slice_first(slice_skip(document, narrow ? at / 2 : at), n);
	charset_to_utf8(narrow ? S("windows-1252") : S("utf-16le"), raw, out);
}

static void pieces(slice document, slice plc, struct buf *out)
{
	size_t n = plc.n > 4 ? (plc.n - 4) / 12 : 0, budget = document.n;
	for (size_t i = 0; i < n && buf_ok(out); i++) {
		uint32_t from = ole_le32(plc, 4 * i), to = ole_le32(plc, 4 * i + 4);
		uint32_t fc = ole_le32(plc, 4 * (n + 1) + 8 * i + 2);
		if (to <= from || to - from > budget)
			return;
		budget -= to - from;
		piece(document, fc, to - from, out);
	}
}

/* 2.9.38: properties (1), then the table (2). */
static slice piece_table(slice clx)
{
	while (clx.n > 3 && clx.p[0] == 1)
		clx = slice_skip(clx, 3u + ole_le16(clx, 1));
	if (!clx.n || clx.p[0] != 2)
		return (slice){0};
	return slice_first(slice_skip(clx, 5), ole_le32(clx, 1));
}

void ole_word(struct ole *o, const struct ole_entry *e, slice document)
{
	unsigned flags = ole_le16(document, FLAGS_AT);
	AUTO(buf) struct buf table = BUF(o->in.n + 1);
	AUTO(buf) struct buf utf8 = BUF(TEXT_MAX);
	if (flags & ENCRYPTED) {
		o->x->fact(o->x->ctx, EXTRACT_ENCRYPTED, S(""));
		return;
	}
	const struct ole_entry *t = ole_beside(o, e, flags & TABLE_1 ? S("1Table") : S("0Table"));
	if (!t || !ole_stream(o, t, &table))
		return;
	slice clx = slice_skip(buf_slice(&table), ole_le32(document, CLX_AT));
	clx = slice_first(clx, ole_le32(document, CLX_AT + 4));
	pieces(document, piece_table(clx), &utf8);
	text_of(o, buf_slice(&utf8));
	ole_pictures(o, document);
}
