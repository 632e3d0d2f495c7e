/*
 * Allow and block lists: entries of the system, of organisations (domains of ours) and of users,
 * durable in the directory's database, and a fast matcher of all of them for the servers.
 *
 * Who asks, when (defence/door*.c, which the edge drives): at the connection with the address (and
 * its verified name once known), at HELO, at MAIL with the envelope sender, at each RCPT with the
 * recipient (only now entries of organisations and users can count), and after the message with
 * From: and everything that is proven about the sender. Facts that are not known yet are left
 * empty.
 *
 * What decides (the manual's page "lists" says the same to administrators):
 * 1. Within one level, entries about the connection (address, HELO, host name) and entries about
 * the sender (address, pattern, domain) are looked at apart. Of each group the most specific entry
 *    counts: the longest network prefix; a full address before a pattern, the longer pattern first,
 *    before a domain, the longer domain first. Of the connection's, an address before a host name
 *    before HELO. Of two that are equally specific the block counts.
 * 2. If one group says block, the level says block.
 * 3. A block of any level counts: what the system blocks no organisation or user lets in again, and
 *    what a user does not want he does not get, whoever allows it. With several blocks the widest
 *    level is told; without any, the allow of the narrowest level.
 * 4. An allow entry about the sender counts only when his domain is proven (`proven` below), and
 * one about HELO only when the name is verified, unless the entry insists. Until then it is told as
 *    `waiting`. It does not hide a block that is less specific.
 */
#pragma once
#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "run/net.h"
#include "store/sql.h"

/* The numbers are stored. */
enum lists_level { LISTS_SYSTEM = 0, LISTS_ORG = 1, LISTS_USER = 2, LISTS_LEVELS };
enum lists_kind {
	LISTS_IP = 0, /* "192.0.2.0/24", "2001:db8::/32" */
	LISTS_PTR = 1, /* host name, verified forward and back, and all below it */
	LISTS_HELO = 2, /* name in HELO or EHLO, and all below it */
	LISTS_DOMAIN = 3, /* of the sender, and all below it */
	LISTS_PATTERN = 4, /* of the sender's address: "*" stands for anything */
	LISTS_ADDRESS = 5, /* of the sender */
	LISTS_KINDS
};
enum {
	LISTS_ENTRIES_MAX = 1000000, /* all told; more cannot be added */
	LISTS_PATTERNS_MAX = 1000, /* of one scope: they are tried one after the other */
	LISTS_COMMENT_MAX = 400,
	LISTS_LINE_MAX = 2000, /* of an import */
	LISTS_PROVEN_MAX = 32, /* proven domains that are looked at */
	LISTS_KEEP_DAYS = 90, /* what has expired stays visible for so long */
};

struct lists_entry {
	int64_t id;
	enum lists_level level;
	slice scope; /* empty; the organisation's domain; the user's address */
	enum lists_kind kind;
	slice what; /* canonical */
	bool allow; /* else block */
	bool insist; /* an allow entry counts without proof */
	int64_t expires_at; /* wall microseconds; 0: never */
	int64_t created_at;
	slice created_by, comment; /* UTF-8, may be empty */
};
const char *lists_level_name(enum lists_level l); /* "system", "organisation", "user" */
const char *lists_kind_name(enum lists_kind k); /* "ip", "host", "helo", "domain" ... */
bool lists_level_parse(slice s, enum lists_level *ret); /* also "org" */
bool lists_kind_parse(slice s, enum lists_kind *ret); /* also "ptr", "cidr" */

/* ---- the table (list.c); SQL of the directory's database, blocks ---- */

/* Makes kind, what and scope canonical. kind is what the entry says, or, with guess, what `what`
 * looks like. ERR_PROTO with a sentence. Strings from *a. */
int lists_canonical(struct lists_entry *entry, bool guess, struct arena *a, struct err *e);
/* Adds entries in one transaction; one with the same level, scope, kind and what is replaced.
 * Returns how many were new, or -1: ERR_PROTO (the entry's number, from 1, in *ret_bad), ERR_LIMIT,
 * ERR_TEMP; then none was added. */
int64_t lists_add(
	struct sql *db, const struct lists_entry *v, size_t n, size_t *ret_bad, struct err *e);
/* The entries that feature packs bring, all of them, in place of those that they brought before; one that
 * stands where somebody else has written one is left out. `created_by` begins with LISTS_OF_FEATURES. In one transaction;
 * returns how many there are, or -1. */
#define LISTS_OF_FEATURES "features:"
int64_t lists_set_features(struct sql *db, const struct lists_entry *v, size_t n, struct err *e);
struct lists_filter {
	bool has_level, has_kind, has_allow;
	enum lists_level level;
	enum lists_kind kind;
	bool allow;
	slice scope, what; /* empty: any; what: "*" is a wildcard */
	bool expired; /* only those whose time is up */
	int64_t id; /* 0: any */
};
/* Removes what the filter finds. Returns how many. An empty filter is ERR_PROTO. */
int64_t lists_remove(struct sql *db, const struct lists_filter *f, struct err *e);
/* In the order of level, scope, kind, what, until fn says false. */
int lists_each(struct sql *db, const struct lists_filter *f,
	bool (*fn)(void *arg, const struct lists_entry *entry), void *arg, struct err *e);

/* ---- text (list_text.c): import and export, one entry a line ----
 *
 *	block ip 192.0.2.0/24 level=organisation:example.org expires=2026-12-31 comment="a b"
 *	allow domain partner.example insist by=alice at=2026-11-22
 *	192.0.2.7		with defaults for everything else, the kind guessed
 */
/* defaults->created_at stands for now ("expires=30d"). False: no entry: the line is empty or a
 * comment (then e->kind is ERR_NONE), or *e says why not. `defaults` is for what the line does not
 * say. Not canonical yet. Strings from *a. */
bool lists_line_parse(slice line, const struct lists_entry *defaults, struct arena *a,
	struct lists_entry *ret, bool *ret_guess, struct err *e);
void lists_line_print(struct buf *out, const struct lists_entry *entry); /* with LF */

/* ---- the matcher (list_match.c, list_table.c) ---- */

struct lists_facts {
	const struct net_addr *ip; /* of the client, or NULL */
	slice host; /* its verified name; empty: none or not known yet */
	slice helo;
	bool helo_verified; /* the name leads to the address */
	slice sender; /* of the envelope, without <>; empty: none */
	slice from; /* the address in From:; empty: not known yet */
	/* Domains that are proven to have sent this: of the envelope sender when SPF passes, d= of
	 * each signature that passes, and the domain of From: when DMARC passes. A domain is proven
	 * by itself or by one above it. */
	const slice *proven;
	size_t nproven;
	slice rcpt; /* whose lists count, beside the system's; empty: none */
};
enum lists_verdict { LISTS_NONE, LISTS_ALLOW, LISTS_BLOCK };
struct lists_answer {
	enum lists_verdict verdict;
	const struct lists_entry *by; /* the entry that decides, or NULL */
	slice fact; /* what it matched: "192.0.2.7", "a@b.example" */
	const struct lists_entry
		*waiting; /* an allow entry that counts once the sender is proven */
};

struct lists;
/* For a process of a running server: reads all entries of DIR's directory database. In a coroutine,
 * or in a program without loop. ERR_TEMP, ERR_NOTFOUND. */
int lists_open(slice dir, struct lists **ret, struct err *e);
void lists_close(struct lists *l); /* NULL is fine */
/* Never fails. May wait, when the last look for changes is more than a second ago, for a new one;
 * with a database that does not answer the old entries hold. Strings and entries from *a. */
void lists_match(
	struct lists *l, const struct lists_facts *f, struct arena *a, struct lists_answer *ret);
/* "block ip 192.0.2.0/24 (organisation example.org, entry 12: comment)": a signal's detail. */
void lists_explain(struct buf *out, const struct lists_answer *answer);

/* Compiled entries by themselves: what lists_open makes; for the command line and tests. */
struct lists_table;
int lists_table_read(struct sql *db, struct lists_table **ret, struct err *e);
void lists_table_free(struct lists_table *t);
void lists_table_match(const struct lists_table *t, const struct lists_facts *f, int64_t wall,
	struct arena *a, struct lists_answer *ret);
size_t lists_table_size(const struct lists_table *t);
