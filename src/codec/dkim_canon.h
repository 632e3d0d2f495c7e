/*
 * The header as DKIM and ARC hash it (RFC 6376 sections 3.4.1, 3.4.2, 5.4.2): canonical fields, and
 * the choice of fields that h= names, from the bottom up.
 */
#pragma once
#include "base/arena.h"
#include "base/buf.h"
#include "codec/header.h"

enum dkim_canon { CANON_SIMPLE, CANON_RELAXED };
const char *dkim_canon_name(enum dkim_canon c);

enum { DKIM_HEADER_FIELDS_MAX = 20000 };

/* The fields of a message, found by name without walking them for each signature again. */
struct dkim_header;
/* NULL: more than DKIM_HEADER_FIELDS_MAX fields. The block ends at the empty line or its end;
 * `before` holds whole fields that stand (or will stand) above it, mostly empty. Borrows both. */
struct dkim_header *dkim_header_new(slice before, slice block, struct arena *a);
size_t dkim_header_fields(const struct dkim_header *h);
/* From the top, 0 ...; NULL behind the last. */
const struct header_field *dkim_header_field(const struct dkim_header *h, size_t i);
/* How many fields have that name. */
size_t dkim_header_count(const struct dkim_header *h, slice name);

/* Appends the canonical form of the fields that `names` choose, in that order, each with CRLF. A
 * name above the number of fields that bear it adds nothing (oversigning). The field at `self` (of
 * the header, NULL: none) is never chosen: the signature that is being looked at. */
void dkim_header_select(struct dkim_header *h, const slice *names, size_t n, enum dkim_canon canon,
	const struct header_field *self, struct buf *out);

/* One whole field with its line end; CRLF is added when it has none. */
void dkim_canon_field(struct buf *out, enum dkim_canon canon, slice raw);
/* The signature's own field: `b` (a part of raw: tag.span) is left out, and the last CRLF (3.7). */
void dkim_canon_signature(struct buf *out, enum dkim_canon canon, slice raw, slice b);
