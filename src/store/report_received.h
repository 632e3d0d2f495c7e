/*
 * report_received: what other domains told about mail in our name: DMARC aggregate reports, TLS
 * reports, feedback (complaints and DMARC failures). Tables are in report.c (database "report");
 * the content is kept as the JSON that codec/report_in.h describes, beside the columns by which it
 * is listed.
 */
#pragma once
#include "base/arena.h"
#include "store/sql.h"

enum { REPORT_BODY_MAX = 8 * 1024 * 1024 };

struct report_received {
	int64_t id;
	slice kind; /* "dmarc", "tls", "feedback" */
	int64_t received_at; /* wall */
	slice org, contact, report_id; /* as the reporter calls itself and the report */
	slice domain; /* about which */
	int64_t begin_at, end_at; /* wall */
	int64_t messages, failed; /* messages; sessions of a TLS report */
	slice sender; /* domain that authenticated the message that brought it; empty: none did */
	slice body; /* JSON */
};

/* ERR_EXISTS: the same report (kind, org, id, domain; of feedback: the same content) is there. */
int report_received_add_tx(
	struct sql *db, const struct report_received *r, int64_t *ret_id, struct err *e);

struct report_received_filter {
	slice kind, domain; /* empty: all; '*' is a wildcard in domain */
	int64_t since, until; /* received_at; 0: none */
};
/* Newest first, at most `most`, without bodies, until row says false. */
int report_received_list(struct sql *db, const struct report_received_filter *f, uint64_t most,
	bool (*row)(void *arg, const struct report_received *r), void *arg, struct err *e);
/* One with its body; in *a. ERR_NOTFOUND. */
int report_received_load(
	struct sql *db, int64_t id, struct arena *a, struct report_received *ret, struct err *e);
