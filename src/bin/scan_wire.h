/*
 * scan_wire: what is said to the scan processes (scan.h) over their links. One call, one answer;
 * errors come by link_refuse.
 *
 * A message travels inside the request while it is small, else in a memory file that comes with
 * it: its first byte is for the scan process to say that it has begun, the message lies further
 * behind. Answers too large for a reply are written behind the message.
 */
#pragma once
#include "base/arena.h"
#include "base/buf.h"
#include "bin/scan.h"
#include "content/report.h"

enum {
	SCAN_WIRE_MAX = 120 * 1024, /* bytes of a request, of a reply */
	SCAN_INLINE_MAX = 64 * 1024, /* messages that travel inside a request */
	SCAN_LEAD_MAX = 8 * 1024, /* room in a memory file before the message as it was stored */
	SCAN_RCPTS_MAX = 50, /* of a context */
	SCAN_WORD_MAX = 1024, /* bytes of one of its texts; what is longer is cut */
};

struct scan_request {
	enum scan_job job;
	enum scan_use use; /* SCAN_USE */
	/* SCAN_MESSAGE, SCAN_TEXT and SCAN_SCRIPTS (without context): */
	unsigned wishes; /* enum content_wish; enum content_texts_want */
	struct content_context context;
	bool in_file;
	uint32_t from; /* in_file: where the message begins */
	slice lead, message; /* else; for encoding in two pieces */
	uint32_t lead_n; /* of the message: fields that are not stored with it */
};
/* Whoever reads has his own copy of the file and of the request; signals that are not in the table
 * are left out. */
void scan_request_encode(struct buf *out, const struct scan_request *r);
/* Borrows from `in`; arrays and signals from *a. False: malformed. */
bool scan_request_decode(slice in, struct arena *a, struct scan_request *ret);

/* Where an answer is. */
struct scan_answer {
	slice text; /* in the reply */
	slice summary; /* codec/summary.h, in the reply; empty: it was not asked for */
	uint64_t from, n; /* in the file; n 0: it is in the reply */
};
void scan_answer_encode(struct buf *out, const struct scan_answer *w);
bool scan_answer_decode(slice in, struct scan_answer *ret);
