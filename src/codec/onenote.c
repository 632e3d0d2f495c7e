/*
 * Files inside a OneNote section (MS-ONESTORE 2.6.13 FileDataStoreObject): found by the mark in
 * front of each; the rest of the format is not read. Called by the reader of attachments. Pictures
 * of the page are such files, too.
 */
#include "codec/onenote.h"

enum { HEAD = 36 }; /* mark, length of 8 bytes, 12 unused */

void onenote_read(slice in, struct extract_limits *l, const struct extract *x)
{
	static const slice mark =
		S_INIT("\xe7\x16\xe3\xbd\x65\x26\x11\x45\xa4\xc4\x8d\x4d\x0b\x7a\x9e\xac");
	for (size_t at; (at = slice_find(in, mark)) < in.n;) {
		slice object = slice_skip(in, at);
		uint64_t n = 0;
		for (size_t i = 0; i < 8 && object.n > HEAD; i++)
			n |= (uint64_t)(unsigned char)object.p[16 + i] << 8 * i;
		slice bytes = slice_skip(object, HEAD);
		if (n > bytes.n)
			x->fact(x->ctx, EXTRACT_DAMAGED, S(""));
		bytes = n < bytes.n ? slice_first(bytes, (size_t)n) : bytes;
		if (!extract_take(l, bytes.n)) {
			x->fact(x->ctx, EXTRACT_LIMIT, S(""));
			return;
		}
		x->fact(x->ctx, EXTRACT_EMBEDDED, S(""));
		if (!x->file(x->ctx, S(""), bytes))
			return;
		in = slice_skip(object, HEAD + (n <= object.n ? bytes.n : 0));
	}
}
