/* What the report_*.c files share. Nobody else includes this. */
#pragma once
#include "mail/report.h"

/* A message with one file in it. */
struct report_mail {
	const struct report_sender *sender;
	slice to, subject, id; /* id: left part of Message-ID */
	slice headers; /* more header lines, CRLF each; may be empty */
	const char *type; /* "multipart/mixed", "multipart/report; report-type=tlsrpt" */
	slice text; /* for people, LF lines */
	slice file_name, file_type, file; /* as it is: encoded here */
	int64_t now;
};
int report_mail_build(struct buf *out, const struct report_mail *m, struct err *e);
/* gzip (RFC 1952), without name and time: the same bytes each time. */
int report_gzip(slice in, struct buf *out, struct err *e);
/* From, To, Subject, Date, Message-ID, Auto-Submitted, MIME-Version. */
void report_put_header(struct buf *out, const struct report_sender *s, slice to, slice subject,
	slice id, int64_t now);
/* "20261122": of a day. */
slice report_day_text(int64_t wall, struct arena *a);
/* Text for people with CRLF lines, encoded as base64. */
void report_put_text(struct buf *out, slice text);

/* What the two kinds of reports provide to report_mail.c, which cuts them into parts. */
struct report_parts {
	struct arena mem;
	struct report_window window;
	struct report_sender sender;
	struct report_to to;
	struct buf text; /* all rows, rendered, in their order */
	size_t *ends; /* of each in it */
	size_t n, cap;
	struct {
		size_t first, n;
	} part[REPORT_PARTS_MAX];
	unsigned nparts;
};
/* How the text for people names a kind of report and what it counts. */
struct report_words {
	const char *kind_en, *unit_en, *kind_zh, *unit_zh, *failed_zh;
};
/* The message of part i, but for its type and the file's: that text in both languages, the names of RFC 7489 section 7.2.1.1 and RFC 8460
 * section 5.1, the file with this suffix. From *a. */
struct report_mail report_message(const struct report_parts *p, slice gz, slice id, unsigned i,
	int64_t now, const struct report_words *words, const char *suffix, struct arena *a);
/* Renders all rows of p->window. */
int report_dmarc_render(struct report_parts *p, struct sql *db, struct err *e);
int report_tls_render(struct report_parts *p, struct sql *db, struct err *e);
/* The file of the rows [first, first + n), uncompressed; `id` is the report's. */
void report_dmarc_file(
	const struct report_parts *p, size_t first, size_t n, slice id, struct buf *out);
void report_tls_file(
	const struct report_parts *p, size_t first, size_t n, slice id, struct buf *out);
/* The message around the compressed file. */
int report_dmarc_mail(const struct report_parts *p, slice gz, slice id, unsigned i, int64_t now,
	struct arena *a, slice *ret_subject, struct buf *out, struct err *e);
int report_tls_mail(const struct report_parts *p, slice gz, slice id, unsigned i, int64_t now,
	struct arena *a, slice *ret_subject, struct buf *out, struct err *e);
/* What was put into p->text since the last one is a row. False: the limit. */
bool report_add_row(struct report_parts *p);
slice report_rows(const struct report_parts *p, size_t first, size_t n);
