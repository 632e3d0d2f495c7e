/*
 * reputation: what became of earlier mail of the same origin, kept in the key-value store and
 * fading with time. A message is known by several subjects: its client's address, network and
 * autonomous system, HELO, the envelope's domain, verified DKIM domains, the sender, the origin
 * behind a trusted hop. Whatever decides about the mail notes the outcome for all of them; the next
 * one is asked about before its content is known. Section [reputation].
 *
 * Who calls (defence/door*.c, which the edge drives):
 *	reputation_connection	after the greeting or at MAIL: signals of address, network, system
 *	reputation_message	at RCPT and again after the message: signals of domain, sender, origin
 *	reputation_note		at the end of each recipient or message, with what became of it; also
 *				later: the scan's verdict, a report of a user, a bounce
 *	reputation_sent		when a user of ours sends to somebody (submission)
 * All return at once; without a store nothing is known and nothing is noted.
 *
 * What cannot be forged makes the difference: a domain or sender that is not proven is known only
 * together with the client's network, so that nobody's good name suffers from forgeries, or helps
 * them.
 */
#pragma once
#include "base/arena.h"
#include "base/buf.h"
#include "codec/origin.h"
#include "codec/signal.h"
#include "run/conf.h"
#include "run/net.h"
#include "store/kv.h"

struct reputation_conf {
	int64_t half_life; /* usec: what was noted so long ago weighs half */
	int64_t doubt; /* observations that "nothing is known" weighs as much as */
	int64_t keep; /* usec: forgotten when nothing came for so long */
	slice asn_database; /* .mmdb file, or empty */
	struct conf_nets trusted_hops; /* whose Received: lines are believed */
	int64_t surge_factor, surge_minimum; /* sudden volume */
	int64_t mute_messages; /* a sender that never receives: from so many messages on */
};
extern const struct conf_section reputation_section;

enum rep_kind {
	REP_IP,
	REP_NET, /* /24 or /48 */
	REP_ASN, /* "AS64500" */
	REP_HELO,
	REP_DOMAIN, /* of the envelope sender */
	REP_DKIM, /* signing domain, verified */
	REP_SENDER, /* address */
	REP_ORIGIN, /* address behind a trusted hop */
	REP_KINDS
};
const char *rep_kind_name(enum rep_kind k); /* "ip", "network", "asn", "helo" ... */
bool rep_kind_parse(slice s, enum rep_kind *ret);

/* What became of it. Each has a weight (reputation.c), good or bad. */
enum rep_event {
	REP_ACCEPTED, /* delivered, nothing against it */
	REP_GOOD, /* a person or a strong check says so: answered, moved out of junk */
	REP_SPAM,
	REP_PHISHING,
	REP_VIRUS,
	REP_UNKNOWN_USER, /* a recipient that does not exist */
	REP_HARVEST, /* the connection was ended for asking about too many of them */
	REP_REFUSED, /* by policy: lists, SPF, DMARC ... */
	REP_ABUSE, /* no mail spoken, talked early, failed logins */
	REP_REPORTED, /* a person calls it junk */
	REP_EVENTS
};
const char *rep_event_name(enum rep_event e);

/* By what a message is known. Empty or NULL: not known (yet). Borrowed. */
struct rep_subjects {
	const struct net_addr *ip;
	slice helo;
	slice sender; /* envelope; empty: null sender or not known */
	bool sender_proven; /* SPF passed for its domain, or DMARC did */
	const slice *dkim; /* d= of signatures that passed */
	size_t ndkim;
	const struct origin_ip *origin; /* when it is not the client */
};
enum { REP_DKIM_MAX = 8 }; /* signatures that are looked at */

struct reputation;
/* kv, conf are borrowed; kv may be NULL. An mmdb that cannot be read is logged and not used. */
struct reputation *reputation_open(struct kv *kv, const struct reputation_conf *conf);
void reputation_close(struct reputation *r); /* NULL is fine */

/* weight: usually 1; 0.5 for half sure. n recipients that do not exist: weight n. */
void reputation_note(
	struct reputation *r, const struct rep_subjects *s, enum rep_event event, double weight);
/* A user of ours sent mail to this address (not automatically). */
void reputation_sent(struct reputation *r, slice rcpt);

/* Score -1 (bad) .. 1 (good), 0 nothing known or mixed; confidence 0 .. 1. */
struct rep_answer {
	double score, confidence;
	double messages, bad_share; /* of the last window: for words */
	unsigned window_days;
	int64_t first_at, last_at; /* wall seconds; 0: never seen */
	double events[REP_EVENTS]; /* faded counts */
	double rate, baseline; /* messages an hour: now, and as usual */
};
/* False: nothing known. name as reputation_name writes it. */
bool reputation_ask(struct reputation *r, enum rep_kind kind, slice name, struct rep_answer *ret);
/* The name of a subject's record, e.g. "192.0.2.0/24", "example.org", "example.org|192.0.2.0/24"
 * (not proven). Empty when there is none of that kind. i: which DKIM domain. */
slice reputation_name(struct reputation *r, const struct rep_subjects *s, enum rep_kind kind,
	size_t i, struct arena *a);

/* Adds signals (rep-*): of the connection alone, or of the rest. An address of which little is
 * known is judged by its network, that one by its system; a sender by his domain. Returns the
 * combined score -1 .. 1 of what was looked at, and how sure it is in *ret_confidence (may be
 * NULL).
 */
double reputation_connection(struct reputation *r, const struct rep_subjects *s,
	struct signals *out, double *ret_confidence);
double reputation_message(struct reputation *r, const struct rep_subjects *s, struct signals *out,
	double *ret_confidence);

/* Is this address one of [reputation] trusted_hops? For origin_find; arg is the struct reputation.
 */
bool reputation_trusts_hop(void *arg, const struct origin_ip *ip);

/* "192.0.2.0/24: 212 messages in 30 days, 3 % bad" in either language. */
void reputation_explain(struct buf *out, enum rep_kind kind, slice name,
	const struct rep_answer *answer, enum conf_lang lang);

/* ---- for the command line ---- */
/* Every record, of one kind or all (kind REP_KINDS). */
int reputation_each(struct reputation *r, enum rep_kind kind,
	bool (*fn)(void *arg, enum rep_kind kind, slice name, const struct rep_answer *answer),
	void *arg, struct err *e);
void reputation_forget(struct reputation *r, enum rep_kind kind, slice name);
