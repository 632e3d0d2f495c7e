/*
 * rename: an account gets another address, a domain another name. What belongs to an account by its number stays as it is: password, second
 * factor, application passwords, mail, rules, forwarding, quota, retention and holds, memberships. Where its address stands as text, this
 * changes it: in the directory in one transaction with the change itself, in the other databases afterwards. That something is
 * still to follow is a row of the directory, so whoever is killed between the two is followed by the keeper (bin/rename_run.h).
 *
 *	rename.c	the directory		rename_follow.c		the other databases
 *	rename_text.c	one text
 *
 * Not changed: what tells of the past (trace, logs of logins and deletions, lessons' senders), and what people wrote (policies, lists of
 * senders, scripts, configuration): rename_mentions() counts those.
 */
#pragma once
#include "base/map.h"
#include "store/directory.h"

enum { RENAME_BATCH = 1000 /* texts of one transaction */ };

extern const char rename_schema_up[], rename_schema_down[];

/* The former address stays one of the account's own with `keep`. Also of shared mailboxes and resources. The new one may be an
 * address of its own until now. ERR_EXISTS, ERR_NOTFOUND, ERR_PROTO, ERR_PERM (a legal hold of its organisation would end). */
int directory_account_rename(
	struct sql *db, slice address, slice to, bool keep, slice by, struct err *e);
/* A local domain with all that is in it. With `keep` the former name stands for the new one from now on. The new one
 * may have stood for this domain until now. */
int directory_domain_rename(
	struct sql *db, slice name, slice to, bool keep, slice by, struct err *e);

/* ---- what is still to follow ---- */

struct rename {
	int64_t id;
	slice from, to; /* addresses, or "@domain" both */
	int64_t at;
	slice by;
};
/* In order. */
int rename_waiting(
	struct sql *directory, struct arena *a, struct rename **ret, size_t *ret_n, struct err *e);
/* What an address that was changed since then is now: mail that was accepted before still arrives. 1, 0: it was not changed, -1. */
int rename_since(struct sql *directory, slice address, int64_t since, struct arena *a, slice *ret,
	struct err *e);
/* All up to this one have been followed everywhere. */
int rename_done(struct sql *directory, int64_t last_id, struct err *e);

/* Everything that waits, as one change of texts. */
struct rename_map {
	struct arena *a;
	const struct rename *v;
	size_t n;
	struct map exact; /* address -> const struct rename */
};
void rename_map_init(struct rename_map *m, const struct rename *v, size_t n, struct arena *a);
void rename_map_done(struct rename_map *m);
/* An address, also with "+detail", or "@domain". True: changed. Texts from the map's arena. */
bool rename_address(const struct rename_map *m, slice address, slice *ret);

/* One database of the store. ERR_NOTFOUND never: one that is not there has nothing to change. */
int rename_follow(slice data, const struct rename_map *m, struct err *e);

/* ---- what people wrote ---- */

struct rename_mentions {
	uint64_t scripts, policies,
		senders; /* scripts of people; the policy in force: 0 or 1; entries of lists */
};
/* Of an address or "@domain". */
int rename_mentioned(struct sql *directory, slice what, struct rename_mentions *ret, struct err *e);
