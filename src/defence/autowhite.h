/*
 * autowhite: whom our users write to is welcome to write back (E12). Section [autowhite].
 *
 * Who calls: the edge at submission (and the mailbox later), once for each recipient of a message
 * that a person sent: autowhite_note_sent. Not for what is sent automatically (vacation notes,
 * bounces, lists): a spammer could have himself whitelisted by them. defence/door*.c at RCPT and
 * after the message: autowhite_ask.
 *
 * It is bound to proven domains: the answer is yes only when the sender's domain is one of
 * `proven`; before that `waiting` tells that it could become yes. A reply to a message that we sent
 * (In-Reply-To:, References:) also counts, when it comes from the domain that the message went to.
 */
#pragma once
#include "run/conf.h"
#include "store/kv.h"

struct autowhite_conf {
	bool enabled;
	int64_t keep; /* usec after the last message to that address */
	bool whole_organisation; /* whom one user wrote to is known for all of his domain */
	int64_t answer_time; /* usec: how long a reply is recognised */
};
extern const struct conf_section autowhite_section;

enum {
	AUTOWHITE_PROVEN_MAX = 32, /* domains that are looked at */
	AUTOWHITE_REFERENCES_MAX = 20, /* message ids of In-Reply-To: and References: */
};
struct autowhite_facts {
	slice rcpt; /* our user */
	slice sender; /* envelope; may be empty */
	slice from; /* address in From:; empty: not known yet */
	const slice *proven; /* see struct lists_facts */
	size_t nproven;
	slice in_reply_to, references; /* the header fields, folded or not; may be empty */
};
enum autowhite_how { AUTOWHITE_NO, AUTOWHITE_USER, AUTOWHITE_ORG, AUTOWHITE_ANSWER };
const char *autowhite_how_name(enum autowhite_how h); /* "no", "user", "organisation", "answer" */
struct autowhite_answer {
	enum autowhite_how how;
	enum autowhite_how waiting; /* what it would be if the sender were proven */
	int64_t last_at; /* wall seconds of our last message to him; 0: not known */
	unsigned sent; /* messages to him */
};

struct autowhite;
struct autowhite *autowhite_open(struct kv *kv, const struct autowhite_conf *conf);
void autowhite_close(struct autowhite *w);
/* user: the login or envelope sender, an address of ours. message_id with or without <>, or empty.
 */
void autowhite_note_sent(struct autowhite *w, slice user, slice rcpt, slice message_id);
void autowhite_ask(
	struct autowhite *w, const struct autowhite_facts *f, struct autowhite_answer *ret);
