/* pack_scan: every record of a pack in the order of the file, stepping over damage. For verify,
 * repair and gc's rewriting. */
#pragma once
#include "store/pack_in.h"

enum pack_scan_kind {
	SCAN_RECORD, /* *ret holds it */
	SCAN_DAMAGED, /* a record whose head is good and whose payload is not: ret->head only */
	SCAN_GAP, /* bytes that are no record, with records behind them */
	SCAN_TAIL, /* bytes that are no record until the end: unwritten, or torn by a crash */
	SCAN_END,
};
struct pack_scan {
	struct pack_in *pack;
	uint64_t at, size;
	struct buf window;
	uint64_t window_at;
	/* of the last step */
	uint64_t from, to; /* where it lies in the file */
	bool blank; /* SCAN_TAIL: all zero */
};
int pack_scan_begin(struct pack_in *p, struct pack_scan *ret, struct err *e);
/* -1 when the file cannot be read. The record is borrowed until the next step. */
int pack_scan_next(
	struct pack_scan *s, struct pack_record *ret, enum pack_scan_kind *ret_kind, struct err *e);
void pack_scan_done(struct pack_scan *s);
static inline void auto_pack_scan(struct pack_scan *s)
{
	pack_scan_done(s);
}

/* The step itself, on a pack in memory (fuzzed): `at` is moved over what was found. */
enum pack_scan_kind pack_scan_step(
	slice bytes, uint64_t salt, size_t *at, struct record *ret, slice *ret_payload);
