/*
 * search_text: the texts of a message that are searched: header fields with their encoded words undone, texts with transfer encoding and
 * charset undone, of HTML the words, fields of parts (names of files). The full-text index (bin/scan_text.h) and looking at messages
 * themselves (mail/box_search.h) both go through this, so that they find the same.
 *
 * In pieces: memory does not grow with the message. What is inside files that are attached is not here: content/texts.h.
 */
#pragma once
#include "base/err.h"
#include "codec/header.h"
#include "codec/summary.h"

enum { SEARCH_HEADER_MAX = 1 << 20 }; /* bytes of a header that are looked at */

struct search_field {
	slice name;
	slice value; /* decoded UTF-8, all of it */
	/* What of the value people may look for without naming the field; p == NULL: nothing (signatures, traces ...). Delimiters of
	 * multiparts are left out, file names that RFC 2231 wraps are added. */
	slice text;
	bool part; /* of a part: belongs to the body */
};
/* Where the bytes come from, and what is done with what is found in them. */
struct search_texts {
	/* Appends up to n bytes from `at` of what is stored with `prefix` bytes before it. */
	int (*read)(void *arg, uint64_t at, uint64_t n, struct buf *out, struct err *e);
	void (*field)(void *arg, const struct search_field *f);
	/* More of a text; begins: of another one. Pieces end where lines do, if lines are not very long. */
	void (*text)(void *arg, slice utf8, bool begins);
	/* Nothing else is wanted: `part`: of the body; else at all. May be NULL. */
	bool (*enough)(void *arg, bool part);
	void *arg;
	uint64_t prefix, size; /* size: with the prefix */
	/* Of search_text.c. */
	struct arena mem;
	struct buf raw, decoded, utf8, words, field_text;
};
/* Sets up what is ours in it; search_texts_done frees. */
void search_texts_init(struct search_texts *t);
void search_texts_done(struct search_texts *t);
/* The header of the message itself; its parts. -1: reading failed, or the summary (ERR_TEMP) is of another message. */
int search_texts_header(struct search_texts *t, const struct summary *sum, struct err *e);
int search_texts_body(struct search_texts *t, const struct summary *sum, struct err *e);

/* Do values of that field count for searches that name none? Not those that only programs read: signatures, traces. */
bool search_field_counts(slice name);
/* Is a value of that field looked for as it is written (nothing left out)? Else only the message itself can tell. */
bool search_field_is_whole(slice name);
/* Is that part a file that may have text in it (content/texts.h)? */
bool search_part_is_file(const struct summary_part *p);
bool search_has_files(const struct summary *sum);
/* Appends the addresses of a field as they are searched: `Ann <ann@example.com>, <bob@example.com>`. */
void search_addresses(const struct summary *sum, enum summary_who who, struct buf *out);
