/*
 * notice: letters that the server itself writes to people: digests, requests for approval, what became of a
 * report, alarms. Plain text and HTML, in the reader's language (zh-CN or en), marked as automatic (RFC 3834:
 * Auto-Submitted), signed like other mail of ours, put into the queue directly: never filtered.
 *
 *	notice.c	the message (MIME), and its way into the queue
 *	notice_page.c	text and HTML, written side by side
 *	notice_write.c	the letters behind the outbox, one function each; notice_report.c, notice_own.c likewise
 *	digest_write.c	the digest (digest.h)
 *
 * What a row of the outbox (store/notice.h) carries in `data`, as JSON; everything may be left out:
 *	about held mail	{"text": the policy's own words, "by": who did it, "subject", "from", "to": of the message,
 *			 where it may have left the quarantine already}
 *	REPORT		{"spam": bool, "letters": [{"subject", "from", "done"}], "fault": word}, words of user_report.h
 *	ALARM, LOGIN	notice_alarm_data()
 *	SCRIPT		notice_script_data()
 */
#pragma once
#include "codec/zone.h"
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
	slice references; /* with that one at its end; empty: it alone */
	bool stays; /* about the safety of the reader's mailbox: whoever has his mail passed on must not get it instead */
	slice entity; /* in place of text and html: a MIME entity (Content-* fields, empty line, body) */
	bool as_written; /* a person's words: nobody knows in which language; `from` is that person */
};
enum { NOTICE_TEXT_MAX = 2 * 1024 * 1024 /* text, HTML, the whole message */ };

/* The whole message, CRLF lines, 7-bit but for a recipient's address that is UTF-8. `id`: makes Message-ID and
 * boundary. ERR_LIMIT. */
int notice_build(const struct notice_letter *n, slice hostname, slice id, int64_t now,
	struct buf *out, struct err *e);
/* Builds and stores it; fills *ret with a message of one recipient and the null sender, to be added by queue_add_tx with
 * commit_run_blob. In a coroutine. ERR_NOTFOUND: the address leads nowhere. */
int notice_make(const struct notice_letter *n, slice hostname, const struct signing *signing,
	const struct route_lookup *l, struct blobs *blobs, int64_t now, struct arena *a,
	struct queue_msg *ret, struct err *e);

/* ---- the letters behind the outbox ---- */

struct notice_facts {
	enum notice_kind kind;
	slice data; /* of the row */
	int64_t more; /* of the row */
	bool chinese;
	const struct zone *zone; /* NULL: UTC */
	slice hostname;
	/* about held mail: as the quarantine has it; empty ones are taken from `data` */
	msg_id about;
	slice subject, from, sender, to; /* to: one address, or several with commas */
	slice class_text, policy, reasons;
	int64_t held_at, expires_at;
	/* links; empty: the letter says the command instead */
	slice approve_url, refuse_url, preview_url, release_url;
};
/* Fills subject, text, html, kind, chinese, automatic_reply. From *a. False: nothing to say. */
bool notice_write(const struct notice_facts *f, struct arena *a, struct notice_letter *ret);

/* An alarm, for the administrator. Both languages; texts are plain. */
struct notice_alarm {
	slice what_en, what_zh; /* what happened: one sentence, the subject */
	slice why_en, why_zh; /* how it is known */
	slice done_en, done_zh; /* what the server did about it */
	slice todo_en, todo_zh; /* what to do */
	const slice *lines; /* facts: accounts, addresses, examples */
	size_t nlines;
};
enum { NOTICE_ALARM_LINES_MAX = 20, NOTICE_ALARM_TEXT_MAX = 600 /* longer ones are cut */ };
slice notice_alarm_data(const struct notice_alarm *w, struct arena *a);

/* A script that went wrong, for its owner. */
struct script_fault;
slice notice_script_data(const struct script_fault *f, struct arena *a);

/* ---- text and HTML side by side (notice_page.c) ---- */

struct notice_page {
	struct buf text, html;
	bool chinese;
	struct arena *a;
};
/* In `zh` or `en`, as the page is. */
static inline slice notice_word(const struct notice_page *p, const char *en, const char *zh)
{
	return slice_z(p->chinese ? zh : en);
}
void notice_page_begin(struct notice_page *p, bool chinese, slice title, struct arena *a);
void notice_page_para(struct notice_page *p, slice text);
void notice_page_heading(struct notice_page *p, slice text);
/* "Subject: ..." in a list of such; nothing when the value is empty. */
void notice_page_fact(struct notice_page *p, slice label, slice value);
void notice_page_facts_end(struct notice_page *p);
/* A command line or another text to be copied. */
void notice_page_code(struct notice_page *p, slice text);
enum notice_button { NOTICE_PLAIN, NOTICE_GOOD, NOTICE_BAD };
/* Buttons stand in one line until notice_page_buttons_end. */
void notice_page_button(struct notice_page *p, slice label, slice url, enum notice_button look);
void notice_page_buttons_end(struct notice_page *p);
/* `footer`: small print. False: it became too long. */
bool notice_page_end(struct notice_page *p, slice footer);
void notice_page_done(struct notice_page *p);

/* Text of strangers, harmless: controls of direction, characters without width and control characters become a visible
 * sign; at most `most` columns, cut with an ellipsis. */
slice notice_safe(slice text, size_t most, struct arena *a);
/* An address: with the true form of its domain behind it when that is not ASCII. */
slice notice_safe_address(slice address, size_t most, struct arena *a);
/* "2026-11-22 15:04", "11月22日 15:04". */
slice notice_time(int64_t wall, const struct zone *z, bool chinese, struct arena *a);
slice notice_size(uint64_t bytes, struct arena *a);
