/*
 * What learning looks at: a message in the form that its reader meets it. The scanner fills this
 * from what it has read anyway; learn_mail_read does it from a bare message, for training and
 * tests.
 *
 * Nothing here says who collected the message, when, or for whom: no dates, no recipients' names.
 */
#pragma once
#include "base/arena.h"
#include "codec/html.h"
#include "codec/mime.h"
#include "codec/text_normal.h"
#include "codec/url.h"

enum {
	LEARN_TEXT_MAX =
		48 * 1024, /* visible text that is looked at; hidden text a quarter of it */
	LEARN_PART_MAX = 1024 * 1024, /* bytes of one text part that are decoded */
	LEARN_URLS_MAX = 500,
};

struct learn_url {
	struct url url;
	enum html_link_kind kind; /* HTML_LINK_A for those found in text, too */
	bool in_html;
	slice text; /* of the link; empty for those found in text */
	bool deceives; /* its text names another organisation's host */
	bool hidden;
};

struct learn_mail {
	slice header; /* of the message itself, raw */
	const struct mime *mime;
	slice subject; /* decoded, as written */
	slice text; /* visible text of all HTML and plain text parts, as written, lines end in LF;
			at most half of LEARN_TEXT_MAX of each kind */
	size_t html_text; /* so many bytes at the beginning of text came from HTML */
	slice hidden; /* what HTML hides from the eye */
	slice normal, normal_subject, normal_hidden; /* the same in one spelling (text_normal.h) */
	struct text_undone undone; /* of subject and text together */
	struct html_stats html; /* of all HTML parts, summed */
	slice skeleton; /* of the longest */
	struct learn_url *urls;
	size_t nurls;
	size_t plain, rich; /* visible bytes that came from text/plain and from HTML */
	unsigned charset_lies, charset_replaced, charset_unknown;
	const struct url_names *names; /* may be NULL */
};

/* ---- filling it step by step, for those who read the parts anyway (content/read.c) ---- */
struct learn_reading {
	struct learn_mail *m;
	struct arena *a;
	struct buf plain, rich, hidden;
};
/* mime, names and *a outlive *ret. */
void learn_reading_begin(struct learn_reading *r, const struct mime *mime,
	const struct url_names *names, struct arena *a, struct learn_mail *ret);
/* A text part: decoded, its charset read, its HTML read, its links collected. */
void learn_reading_part(struct learn_reading *r, const struct mime_part *p);
void learn_reading_end(struct learn_reading *r);

/* Fills the fields in one spelling, and .undone, from those as written. */
void learn_mail_normalise(struct learn_mail *m, struct arena *a);

/* Everything from *a; borrows from `message`. names may be NULL. */
void learn_mail_read(
	slice message, const struct url_names *names, struct arena *a, struct learn_mail *ret);
