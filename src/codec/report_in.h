/*
 * report_in: reports that others send about mail in our name: DMARC aggregate reports (RFC 9990,
 * RFC 7489 appendix C), TLS reports (RFC 8460), feedback in ARF (RFC 5965: complaints; RFC 6591:
 * DMARC failures). Found in a message however it is packed, read tolerantly, given as JSON:
 *
 *	{"kind": "dmarc", "org", "contact", "id", "domain", "begin", "end", "messages", "failed",
 *	 "policy": {"p", "sp", "np", "adkim", "aspf", "pct", "t", "fo"}, "rows": [{"ip", "count",
 *	 "disposition", "dkim", "spf", "header_from", "envelope_from", "envelope_to", "reasons":
 *	 [{"type", "comment"}], "dkim_results": [{"domain", "selector", "result", "comment"}],
 *	 "spf_results": [{"domain", "scope", "result"}]}], "omitted", "errors": ["..."]}
 *	{"kind": "tls", "org", "contact", "id", "domain", "begin", "end", "messages", "failed",
 *	 "policies": [{"type", "domain", "strings", "mx", "ok", "failed", "failures": [{"type",
 *	 "sending_ip", "mx", "helo", "receiving_ip", "count", "reason", "info"}]}], "omitted"}
 *	{"kind": "feedback", "type", "agent", "ip", "domain", "original_from", "original_to",
 *	 "arrived", "incidents", "auth_failure", "delivery_result", "dkim_domain", "message_id",
 *	 "subject"}
 *	{"kind": "none"}	{"kind": "unreadable", "of": "dmarc", "error": "..."}
 *
 * Numbers are integers, times seconds since 1970, absent things are left out. For hostile input:
 * called in the scan process.
 */
#pragma once
#include "base/slice.h"
#include <jansson.h>

enum {
	REPORT_IN_UNPACKED_MAX = 64 * 1024 * 1024, /* bytes of a report unpacked */
	REPORT_IN_FILES_MAX = 10, /* files in its archive */
	REPORT_IN_ROWS_MAX = 10000, /* kept; what follows is summed up and counted in "omitted" */
	REPORT_IN_LIST_MAX = 20, /* signatures, reasons ... of one row */
	REPORT_IN_TEXT_MAX = 500, /* one text */
};

/* A new reference; never NULL. */
json_t *report_in_read(slice message);

/* For report_in.c and tests: the content of a report's file. NULL: it is none; *ret_error says why.
 */
json_t *report_in_dmarc(slice xml, const char **ret_error);
json_t *report_in_tls(slice json, const char **ret_error);
/* Sets a text, shortened and made valid UTF-8; empty ones are left out. */
void report_in_set(json_t *to, const char *key, slice text);
