/*
 * Charsets to UTF-8, by ICU, with the names and the mistakes that mail has. Everything is inside
 * ICU's library: no file is opened, so sandboxed processes can convert.
 */
#pragma once
#include "base/buf.h"

enum {
	CHARSET_NAME_MAX = 40,
	CHARSET_LOOK_MAX = 16 * 1024, /* how much of a text is looked at to guess its charset */
	CHARSET_META_MAX = 4096, /* how far into HTML a <meta charset> is looked for */
};

/* Appends the text as UTF-8; bytes that have no meaning become U+FFFD. False (nothing appended) if
 * the charset is unknown. gb2312 and gbk are read as GB18030, iso-8859-1 and us-ascii with 8-bit as
 * windows-1252, as senders mean them. */
bool charset_to_utf8(slice charset, slice in, struct buf *out);

/* The other way: appends UTF-8 text in that charset, as a text of its own (stateful charsets begin and
 * end in ASCII). False (nothing appended): the charset is unknown, cannot hold all of it, or is none
 * that texts are written in any more (UTF-7, UTF-16 ...). Made for short texts. */
bool charset_from_utf8(slice charset, slice utf8, struct buf *out);
/* Do ASCII bytes mean ASCII in it wherever they stand? Not in ISO-2022-JP, UTF-16 ... */
bool charset_is_transparent(slice charset);

/* Whether every byte of it makes sense in that charset. */
bool charset_fits(slice charset, slice in);

/* Loads what conversions need, so that later ones cost no page faults of the first time. */
void charset_warm_up(void);

/* ---- whole texts, whose label may be missing or lie ---- */

enum charset_origin {
	CHARSET_DECLARED, /* what the Content-Type says */
	CHARSET_BOM, /* the text begins with a byte order mark */
	CHARSET_META, /* what the HTML says of itself */
	CHARSET_VALID, /* undeclared or lied: it is plain ASCII or valid UTF-8 */
	CHARSET_GUESSED, /* by escape sequences and statistics */
	CHARSET_LAST_RESORT, /* windows-1252: nothing else makes sense */
};

struct charset_reading {
	char name[CHARSET_NAME_MAX + 1]; /* lower case; what it was read as: "utf-8", "gb18030" */
	enum charset_origin origin;
	size_t replaced; /* U+FFFD put in place of what makes no sense */
	bool unknown; /* a charset was declared that nobody knows */
	bool lied; /* one was declared that it is not */
};

/*
 * Appends the text as UTF-8, read as a mail client or a patient reader would: the declared charset
 * if the bytes make sense in it, else what they are. html: look for <meta charset>, too. A mark at
 * the beginning is left out. What does not fit out's limit is dropped (buf_ok).
 */
void charset_read(
	slice declared, slice in, bool html, struct buf *out, struct charset_reading *ret);

/* "utf-8", "gb18030" ... of bytes without a label; never empty. */
slice charset_guess(slice in);
/* The same of names, one a line: short, and rather Chinese. */
slice charset_guess_names(slice in);
