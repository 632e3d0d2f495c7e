/* What the report_*.c files share. Nobody else includes this. */
#pragma once
#include "store/report.h"

enum { REPORT_ROW_MAX = 64 * 1024, REPORT_DIGEST = 32 /* hex digits of a 128-bit digest */ };

/* Which window a row belongs to. */
struct report_place {
	enum report_kind kind;
	slice domain, policy;
	bool by_suffix;
	int64_t day;
};
struct report_place report_place_dmarc(const struct dmarc_stat *s);
struct report_place report_place_tls(const struct tls_stat *s);

/* A counted row as bytes that are equal for equal rows. */
void report_pack_dmarc(struct buf *out, const struct dmarc_stat *s);
void report_pack_tls(struct buf *out, const struct tls_stat *s);
/* Text columns of a row: results ("dkim pass example.com sel"), reasons, lists: one a line. */
void report_auth_text(struct buf *out, const struct dmarc_stat *s);
void report_auth_parse(slice text, struct dmarc_stat *ret); /* borrows */
void report_reasons_text(struct buf *out, const struct dmarc_stat *s);
void report_reasons_parse(slice text, struct dmarc_stat *ret);
void report_list_text(struct buf *out, const slice *v, unsigned n);
unsigned report_list_parse(slice text, slice v[REPORT_STRINGS_MAX]);
void report_digest(slice bytes, char out[REPORT_DIGEST + 1]);

/* Packed rows with their counts into the place's open window, inside a transaction. */
struct report_packed {
	slice row;
	int64_t count;
};
int report_write_tx(struct sql *db, const struct report_place *p, const struct report_packed *v,
	size_t n, struct err *e);
/* The columns of report_window that report_read_window reads, in its order. */
#define REPORT_WINDOW_COLUMNS                                                                      \
	"id, kind, domain, policy, by_suffix, day, begin_at, end_at, messages, failed, row_count," \
	" dropped, sent_at, sent, claim, outcome"
struct report_window report_read_window(struct sql_stmt *s); /* borrows */
