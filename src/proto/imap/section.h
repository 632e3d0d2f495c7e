/*
 * section: which bytes of a message "1.2.HEADER.FIELDS (From To)" means (RFC 9051 6.4.5.1): for FETCH, and for the URLs of
 * CATENATE (RFC 5092). Places come from the message's summary; nothing is parsed but the header lines that fields are picked from.
 */
#pragma once
#include "codec/summary.h"
#include "mail/box.h"

enum {
	IMAP_SECTION_DEPTH = 32, /* numbers of a path: mime.h goes 30 deep */
	IMAP_SECTION_FIELDS = 500, /* names in a HEADER.FIELDS */
	IMAP_SECTION_HEADER = 1 << 20, /* bytes of a header that fields are picked from */
};
enum imap_section_kind {
	IMAP_SECTION_ALL,
	IMAP_SECTION_HEAD,
	IMAP_SECTION_PICK, /* HEADER.FIELDS */
	IMAP_SECTION_PICK_NOT,
	IMAP_SECTION_TEXT,
	IMAP_SECTION_MIME,
};
struct imap_section {
	unsigned path[IMAP_SECTION_DEPTH];
	size_t npath;
	enum imap_section_kind kind;
	slice *fields;
	size_t nfields;
};
/* "1.2.HEADER.FIELDS" without its list of names. */
bool imap_section_parse(slice word, struct imap_section *ret);
/* The same with a list behind it, for URLs: "1.HEADER.FIELDS (From To)". */
bool imap_section_parse_all(slice text, struct arena *a, struct imap_section *ret);

struct imap_place {
	uint64_t at, n; /* in a box_content */
};
/* False: there is no such part (NIL). For PICK and PICK_NOT: the header to be picked from. */
bool imap_section_find(const struct imap_section *x, const struct summary *sum, uint64_t prefix,
	uint64_t size, struct imap_place *ret);
/* Appends the fields of `header` that were asked for, and an empty line. */
void imap_section_pick(const struct imap_section *x, slice header, struct buf *out);
