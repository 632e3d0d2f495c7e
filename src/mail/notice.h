/*
 * notice: letters that the server itself writes to people: digests, requests for approval, what became of a
 * report, alarms. Plain text and HTML, in the reader's language (zh-CN or en), marked as automatic (RFC 3834:
 * Auto-Submitted), signed like other mail of ours, put into the queue directly: never filtered.
 */
#pragma once
#include "mail/route.h"
#include "mail/sign.h"
#include "store/blob.h"
#include "store/notice.h"

struct notice_letter {
	slice to, from, from_name; /* addresses in A-labels or UTF-8; names UTF-8 */
	bool chinese;
	slice subject; /* UTF-8 */
	slice text, html; /* UTF-8, LF lines; html may be empty */
	const char *kind; /* "digest", "alarm" ...: X-Posthouse-Notice */
	int64_t lifetime; /* usec it is tried */
	bool automatic_reply; /* answers a letter of somebody: Auto-Submitted: auto-replied */
	slice in_reply_to; /* Message-ID or empty */
};
/* Builds and stores it; fills *ret with a message of one recipient and the null sender, to be added by queue_add_tx with
 * commit_run_blob. In a coroutine. ERR_NOTFOUND: the address leads nowhere. */
int notice_make(const struct notice_letter *n, slice hostname, const struct signing *signing,
	const struct route_lookup *l, struct blobs *blobs, int64_t now, struct arena *a,
	struct queue_msg *ret, struct err *e);
