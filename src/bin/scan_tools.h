/*
 * scan_tools: what judges the content of mail here: the models, the rules, what the site has set up
 * (content/content.h). Opened from files before the sandbox is entered; later parts are exchanged
 * for what other processes send (SCAN_USE). Used by the scan role and by `posthouse explain`.
 */
#pragma once
#include "bin/config.h"
#include "content/content.h"

struct scan_tools;
/* What the master hands out; borrowed descriptors, -1: none. */
struct scan_given {
	int rules; /* from rule_files_pack */
	int model; /* a base model in place of the shipped one */
	int yara; /* from yara_files_pack */
};
/* Reads what was learned; the site's domains come by SCAN_USE. Rules and a base model that are
 * wrong are an error (ERR_PROTO, with file and line), or, unless strict, left out and logged. A
 * learned model that is damaged is logged and not used. */
int scan_tools_open(const struct config *c, const struct scan_given *given, bool strict,
	struct scan_tools **ret, struct err *e);
void scan_tools_close(struct scan_tools *t); /* NULL is fine */

/* While nothing is examined. fd is borrowed and may be closed afterwards; bytes: what is in it, for
 * now. What was learned stays mapped, shared with the other processes; an empty file: nothing was
 * learned. On failure everything stays as it was: ERR_PROTO and a sentence. */
int scan_tools_use(struct scan_tools *t, enum scan_use what, int fd, slice bytes, struct err *e);
/* Valid until the next of the above. */
const struct content_tools *scan_tools_get(const struct scan_tools *t);
