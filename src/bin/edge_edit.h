/*
 * edge_edit: what policy wants changed in a message, for one group of recipients (those with the same
 * decision): subject tag, banner, disclaimer, parts taken out, viruses cleaned. Makes a new blob of
 * it; the message as it came stays what it is, and the caller keeps it as QUARANTINE_ORIGINAL in the same
 * commit. Called by edge_policy*.c in accept(), before anything is durable; in a coroutine.
 *
 *	if (edge_edit_wanted(d))
 *		switch (edge_edit(s, &ask, &arena, &edited, &err)) ...
 *
 * decision->fields and marks are no matter of this: they go into the group's prefix beforehand, where
 * nothing is changed by them. Signatures: our own DKIM signature is made anew over what goes out (so
 * edge_sign_end comes after all groups were edited); mail of others that goes on to another system
 * gets an ARC seal where forwards get one.
 */
#pragma once
#include "bin/edge.h"
#include "policy/policy.h"

enum edge_edit_result {
	EDGE_EDIT_SAME, /* nothing had to be changed: the message goes as it came */
	EDGE_EDIT_DONE,
	EDGE_EDIT_INFECTED, /* it could not be cleaned, or no engine could say so: to be held as virus */
	EDGE_EDIT_CANNOT, /* `virus` says why (a limit, broken structure): to be held; it never will */
	EDGE_EDIT_FAILED, /* *err: temporary (disk, keys), 4xx for all */
};
struct edge_edit_ask {
	/* The whole message as it is stored, header and body (of a headless one the body). Not a
	 * shortened one: one that is not whole in memory cannot be edited. */
	slice message;
	bool headless;
	const struct policy_decision *decision;
	/* Its files say by `part` what decision->stripped takes out. */
	const struct policy_facts *facts;
	/* The group's, with the prefix, flags and recipients that it would have without edits.
	 * (of a headless message the prefix ends with the empty line). */
	const struct queue_msg *m;
};
struct edge_edited { /* DONE: what the group's queue row gets instead; from the arena */
	blob_id blob; /* finished, not settled: as after blob_finish */
	uint64_t size;
	slice prefix;
	unsigned flags;
	unsigned notes; /* enum edit_note */
	slice log; /* the event `changed`, to be appended to the group's timeline */
	slice virus; /* INFECTED: what is still in it, or which engine was silent; CANNOT: why */
};
/* Does this decision ask for anything that changes the message's own bytes? */
bool edge_edit_wanted(const struct policy_decision *d);
enum edge_edit_result edge_edit(struct edge_session *s, const struct edge_edit_ask *q,
	struct arena *a, struct edge_edited *ret, struct err *e);
