/*
 * yara: rules of others that recognise files by their bytes (libyara). Compiled once, before a message is
 * seen; every decoded file of a letter, its text and its header are looked at. What matches is a signal named
 * "yara-" and the rule's name; the rule's own words in `meta` say what it is worth:
 *
 *	class = "virus"		for policies; virus: the letter counts as infected
 *	score = 3		at most YARA_SCORE_MAX; without: 3, of class virus YARA_SCORE_MAX
 *	en = "...", zh = "..."	sentences for people; without: description
 *
 * Rules know the external variables filename, extension, filetype and where ("file", "text", "header").
 */
#pragma once
#include "base/err.h"
#include "codec/signal.h"
#include "content/content.h"

enum {
	YARA_TEXT_MAX = 32 << 20, /* of all sources */
	YARA_SCORE_MAX = 25,
	YARA_MATCHES_MAX = 64, /* of one letter that are told */
	YARA_BROKEN_MAX = 1000, /* bytes of what is told about a source that is wrong */
};
struct yara_source {
	slice name, text;
};
struct yara_rules;

/* Sources that are wrong are left out, each told by broken(): file, line and what is wrong. NULL when there
 * is no rule. ERR_TEMP: the library is out of memory. */
int yara_compile(const struct yara_source *v, size_t n, void (*broken)(void *arg, slice about),
	void *arg, struct yara_rules **ret, struct err *e);
void yara_free(struct yara_rules *r); /* NULL is fine */
size_t yara_count(const struct yara_rules *r);

/* One letter: begin, look at its pieces, then what was found as signals. `time`: usec for all pieces. */
void yara_begin(struct yara_rules *r, int64_t time);
struct yara_piece {
	slice bytes;
	const char *where; /* "file", "text", "header" */
	slice name, type; /* of a file */
};
void yara_look(struct yara_rules *r, const struct yara_piece *p);
/* Adds what matched; their definitions live as long as *r. False: time was up. */
bool yara_end(struct yara_rules *r, struct signals *s);
