/* Shared by office*.c. */
#pragma once
#include "base/buf.h"
#include "codec/office.h"

struct office {
	struct extract_limits *limits;
	const struct extract *x;
	struct buf text; /* of the present entry */
	struct buf value; /* one attribute or field code */
	uint64_t taken; /* bytes of entries, from the limits */
	bool stopped;
};

/* office_parts.c: one entry of the zip file, by its name. */
void office_relations(struct office *o, slice xml);
void office_words(struct office *o, slice xml); /* Word, PowerPoint, Excel */
void office_open_document(struct office *o, slice xml);
void office_fixed(struct office *o, slice xml); /* XPS, OFD */
void office_page(struct office *o, slice xhtml);
void office_workbook(struct office *o, slice xml);
/* A target that leads out of the document. */
void office_target(struct office *o, slice type, slice target);
