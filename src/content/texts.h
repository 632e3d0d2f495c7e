/*
 * texts: what of a message can be searched, by field: for the full-text index (store/index.h) and for showing where words were found.
 * Runs in a scan process, since it looks into attachments. Fields and texts are those of codec/search_text.h, so that the index
 * finds what looking at messages finds; what is inside files comes from their readers (codec/extract.h). Between fields, parts
 * and files stands INDEX_GAP.
 */
#pragma once
#include "base/arena.h"
#include "base/buf.h"
#include "store/index.h"

enum { CONTENT_TEXTS_FILES_MAX = 1 << 20 }; /* bytes of the text of attachments, all together */

enum content_texts_want { CONTENT_TEXTS_ALL, CONTENT_TEXTS_FILES /* INDEX_ATTACHMENT alone */ };
struct content_texts {
	slice text[INDEX_FIELDS];
	bool cut; /* INDEX_TEXT_MAX was reached: more is in the message */
};
/* The first `lead` bytes are what delivery put before the stored ones. */
void content_texts(slice message, size_t lead, enum content_texts_want want, struct arena *a,
	struct content_texts *ret);

/* As it travels. */
void content_texts_encode(struct buf *out, const struct content_texts *t);
bool content_texts_decode(slice in, struct content_texts *ret); /* borrows */
