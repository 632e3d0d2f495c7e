/*
 * PowerPoint 97-2003 (MS-PPT): text atoms (2.9.42, 2.9.44), links (2.10.16), objects and macros
 * that are stored compressed (2.10.34); pictures of all three old formats by their marks. Called by
 * ole_parts.c.
 */
#include "base/mem.h"
#include "codec/charset.h"
#include "codec/ole_impl.h"
#include <zlib.h>

enum {
	TEXT_MAX = 1 << 20,
	STORED_MAX = 16 << 20, /* an object unpacked */
	PICTURE_MIN = 256,
	PICTURES_MAX = 200,
	TEXT_CHARS = 0xfa0,
	TEXT_BYTES = 0xfa8,
	STRING = 0xfba,
	STORED = 0x1011,
};

static void stored(struct ole *o, slice r, bool packed)
{
	uint32_t size = packed ? ole_le32(r, 0) : 0;
	slice in = slice_skip(r, 4);
	if (!packed) {
		o->stopped = !o->x->file(o->x->ctx, S(""), r);
		return;
	}
	if (size > STORED_MAX || !extract_take(o->limits, size)) {
		o->x->fact(o->x->ctx, EXTRACT_LIMIT, S(""));
		return;
	}
	AUTO(buf) struct buf out = BUF((size_t)size + 1);
	char *room = buf_room(&out, (size_t)size + 1);
	uLongf n = size;
	if (room && uncompress((Bytef *)room, &n, (const Bytef *)in.p, in.n) == Z_OK) {
		buf_commit(&out, n);
		o->stopped = !o->x->file(o->x->ctx, S(""), buf_slice(&out));
	}
}

static void atom(struct ole *o, unsigned type, unsigned instance, slice r, struct buf *text)
{
	size_t before = text->n;
	if (type == TEXT_CHARS || type == STRING)
		ole_wide(r, text);
	else if (type == TEXT_BYTES)
		charset_to_utf8(S("iso-8859-1"), r, text);
	else if (type == STORED)
		stored(o, r, instance == 1);
	slice added = slice_skip(buf_slice(text), before);
	if (type == STRING && slice_find(added, S("://")) < added.n)
		o->x->link(o->x->ctx, added, S(""));
	for (size_t i = before; i < text->n; i++)
		if (text->p[i] == '\r' || text->p[i] == 11)
			text->p[i] = '\n';
	if (added.n)
		buf_byte(text, '\n');
}

/* Records (2.3.1): of containers the inside is read as if it stood beside. */
void ole_slides(struct ole *o, slice s)
{
	AUTO(buf) struct buf text = BUF(TEXT_MAX);
	while (s.n >= 8 && !o->stopped) {
		unsigned head = ole_le16(s, 0), type = ole_le16(s, 2);
		uint32_t n = ole_le32(s, 4);
		bool container = (head & 15) == 15;
		s = slice_skip(s, 8);
		if (container)
			continue;
		atom(o, type, head >> 4, slice_first(s, n), &text);
		s = slice_skip(s, n);
	}
	o->x->text(o->x->ctx, buf_slice(&text));
}

/*
 * PNG and JPEG wherever they stand: the records around them differ from program to program. A JPEG
 * is given with all that follows it: a small one inside has an end of its own.
 */
void ole_pictures(struct ole *o, slice s)
{
	static const slice png = S_INIT("\x89PNG\r\n\x1a\n"), jpeg = S_INIT("\xff\xd8\xff\xe0");
	static const slice png_end = S_INIT("IEND\xae\x42\x60\x82"), jpeg_end = S_INIT("\xff\xd9");
	unsigned found = 0;
	for (size_t i = 0; i + PICTURE_MIN < s.n && found < PICTURES_MAX && !o->stopped; i++) {
		if (s.p[i] != '\x89' && s.p[i] != '\xff')
			continue;
		slice rest = slice_skip(s, i);
		bool is_png = slice_starts(rest, png);
		if (!is_png && !slice_starts(rest, jpeg))
			continue;
		size_t n = slice_find(rest, is_png ? png_end : jpeg_end);
		found++;
		o->stopped = !o->x->file(
			o->x->ctx, S(""), is_png ? slice_first(rest, n + png_end.n) : rest);
		i += n;
	}
}
