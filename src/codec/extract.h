/*
 * extract: what readers of file formats (archives, PDF, office documents, TNEF, calendars ...) tell
 * about a file, in one vocabulary. A reader calls back while it reads; slices are valid during the
 * call only. Readers are pure, linear in their input, never fail: what they cannot read they say as
 * a fact. For hostile input: only where there is nothing to steal.
 */
#pragma once
#include "base/slice.h"

enum extract_fact { /* bits */
	EXTRACT_ENCRYPTED = 1, /* needs a password */
	EXTRACT_DAMAGED = 1 << 1, /* what could be read was given */
	EXTRACT_LIMIT = 1 << 2, /* a limit was reached: not all was read */
	EXTRACT_MACRO = 1 << 3, /* VBA, XLM or the like */
	EXTRACT_AUTORUN = 1 << 4, /* that runs when the file is opened */
	EXTRACT_SUSPICIOUS_MACRO = 1 << 5, /* that starts programs, downloads, hides what it does */
	EXTRACT_SCRIPT = 1 << 6, /* JavaScript, VBScript ... inside */
	EXTRACT_REMOTE =
		1 << 7, /* loads a template, a frame or an object from elsewhere when opened */
	EXTRACT_EMBEDDED = 1 << 8, /* another file or object inside */
	EXTRACT_LAUNCH = 1 << 9, /* starts a program, sends a form */
	EXTRACT_EXPLOIT =
		1 << 10, /* made like known exploits: equation objects, DDE, odd headers */
	EXTRACT_DISGUISED = 1 << 11, /* its name or label says another kind of file than it is */
	EXTRACT_DOUBLE_NAME = 1 << 12, /* invoice.pdf.exe */
	EXTRACT_BIDI_NAME = 1 << 13, /* characters that turn the direction inside the name */
	EXTRACT_BLANKS_NAME = 1 << 14, /* blanks that push the real ending out of sight */
	EXTRACT_BOMB = 1 << 15, /* unpacks to far more than it is */
	EXTRACT_SMUGGLING = 1 << 16, /* HTML that builds a file by script */
	EXTRACT_FORM = 1 << 17, /* asks for input: HTML or PDF forms, a password field */
	EXTRACT_OPENED = 1 << 18, /* a password that stands in the letter opened it */
	EXTRACT_DEEP = 1 << 19, /* files inside files, too deep to look at */
};

enum { EXTRACT_FACTS = 20 };

/* By the number of the bit; `name` is the one in JSON. */
extern const struct extract_fact_name {
	const char *name, *en, *zh;
} extract_fact_names[EXTRACT_FACTS];

struct extract {
	void *ctx;
	/* Readable text in pieces, UTF-8. */
	void (*text)(void *ctx, slice utf8);
	/* Where it leads; text: what is seen of the link, may be empty. */
	void (*link)(void *ctx, slice target, slice text);
	/* A file inside, decoded. False: stop, a limit of the caller's. */
	bool (*file)(void *ctx, slice name, slice bytes);
	/* detail: a name, a keyword: for people; may be empty. */
	void (*fact)(void *ctx, enum extract_fact fact, slice detail);
};

/* What a reader may still make of a file. Readers count it down, also for what they do not give
 * out; at zero they stop and say EXTRACT_LIMIT. */
struct extract_limits {
	uint64_t unpacked; /* bytes decoded */
	unsigned files; /* parts that are looked into: streams, objects, entries */
};

/* For what was done already, whether it was allowed or not. */
static inline void extract_pay(struct extract_limits *l, uint64_t bytes)
{
	l->unpacked -= bytes < l->unpacked ? bytes : l->unpacked;
}

static inline bool extract_take(struct extract_limits *l, uint64_t bytes)
{
	if (!l->files || bytes > l->unpacked)
		return false;
	l->files--;
	l->unpacked -= bytes;
	return true;
}
