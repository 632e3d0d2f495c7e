/*
 * greylist: "come again in a few minutes" for the doubtful alone. Real mail servers do; much of
 * what sends spam does not, and what does has become known meanwhile. Section [greylist].
 *
 * Who calls (defence/door*.c): at RCPT, when the scores make the caller doubtful and nothing speaks
 * for him (no list, no automatic whitelist, no good reputation): greylist_ask; WAIT is answered
 * with 450 4.7.1. The caller asks everybody else (lists, reputation, DNSBL) first on every attempt,
 * so a retry is judged by what is known then (E13): refused, accepted at once, or made to wait
 * longer. greylist_release when evidence comes (a signature with good reputation, an answer to our
 * mail): the next attempt passes. greylist_distrust when an attempt turns out bad (spam, virus):
 * what had been earned is forgotten.
 *
 * Attempts are recognised by the client's network (/24 or /64) and the envelope's domain (HELO for
 * the null sender), so a pool of senders and different recipients do not wait again; when SPF
 * passes by the domain alone: large providers try again from other networks. A network
 * of which enough different senders came back passes altogether.
 */
#pragma once
#include "run/conf.h"
#include "run/net.h"
#include "store/kv.h"

struct greylist_conf {
	bool enabled;
	int64_t delay_min, delay_max; /* usec: for the slightly and for the very doubtful */
	int64_t window; /* usec: the retry must come within */
	int64_t lifetime; /* usec: what has passed is known for so long after its last mail */
	int64_t network_passes; /* so many senders of a network came back: all of it passes; 0 never
				 */
	bool by_recipient; /* the recipient's domain belongs to the key */
};
extern const struct conf_section greylist_section;

struct greylist_facts {
	const struct net_addr *ip;
	slice helo;
	slice sender; /* envelope; empty: null sender */
	bool sender_proven; /* SPF passed: all hosts that the domain names are one */
	slice rcpt; /* used with by_recipient only */
	double doubt; /* 0 .. 1: how doubtful it is by what is known now */
};
enum greylist_why {
	GREYLIST_OFF, /* not enabled */
	GREYLIST_NEW, /* first seen: wait */
	GREYLIST_EARLY, /* came back too soon: wait */
	GREYLIST_CAME_BACK, /* in time: pass */
	GREYLIST_KNOWN, /* had passed before */
	GREYLIST_NETWORK, /* its network has passed */
	GREYLIST_RELEASED, /* by evidence */
	GREYLIST_UNKNOWN, /* the store does not answer: pass */
};
const char *greylist_why_name(enum greylist_why w); /* "new", "early" ... for the trace */
struct greylist_answer {
	bool pass;
	enum greylist_why why;
	int64_t wait; /* usec until an attempt passes; 0 when it passes */
	int64_t first_at; /* wall seconds of the first attempt; 0: none before */
	unsigned tries; /* this one included */
};

struct greylist;
struct greylist *greylist_open(
	struct kv *kv, const struct greylist_conf *conf); /* kv may be NULL */
void greylist_close(struct greylist *g);
/* Notes the attempt. Returns at once. Further recipients of one transaction within a few seconds
 * count as one attempt. */
void greylist_ask(struct greylist *g, const struct greylist_facts *f, struct greylist_answer *ret);
void greylist_release(struct greylist *g, const struct greylist_facts *f);
void greylist_distrust(struct greylist *g, const struct greylist_facts *f);
