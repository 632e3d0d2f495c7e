/*
 * rbldnsd: the file formats in which lists are handed out (those of the rbldnsd server; see its
 * manual): ip4set, ip4tset, ip4trie, ip6tset, ip6trie, dnset, combined.
 *
 *	:127.0.0.2:listed		what follows has this answer
 *	192.0.2.0/24			an entry; also 192.0.2, 192.0.2.1-9
 *	198.51.100.7 :4:seen today	an answer of its own (127.0.0.4)
 *	!192.0.2.9			an exception
 *	.bad.example			dnset: a name and all below it; *.x: below it only
 */
#pragma once
#include "defence/mirror_data.h"

enum rbldnsd_format {
	RBLDNSD_IP4SET,
	RBLDNSD_IP4TSET,
	RBLDNSD_IP4TRIE,
	RBLDNSD_IP6TSET,
	RBLDNSD_IP6TRIE,
	RBLDNSD_DNSET,
	RBLDNSD_COMBINED,
};
enum { RBLDNSD_LINE_MAX = 4096 };

/* Lines that make no sense are left out, counted, and the first is told. */
struct rbldnsd_report {
	uint64_t lines, bad;
	char first_bad[160]; /* "line 12: ..." */
};
struct rbldnsd {
	struct mirror_builder *to;
	enum rbldnsd_format format; /* of the present data set */
	slice subzone; /* combined: only data sets for it count; "@" the zone itself */
	bool combined, skip; /* the present data set is not wanted */
	uint32_t code; /* default answer */
	unsigned widest; /* $MAXRANGE4: no entry wider than /N, 0 none */
	struct rbldnsd_report report;
};
void rbldnsd_init(
	struct rbldnsd *r, enum rbldnsd_format format, slice subzone, struct mirror_builder *to);
/* One line without its line end. False: a limit was reached, no more can be taken. */
bool rbldnsd_line(struct rbldnsd *r, slice line);
/* All lines of a text. */
bool rbldnsd_text(struct rbldnsd *r, slice text);
