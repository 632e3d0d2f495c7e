/*
 * door: decides about a caller, stage by stage, what the edge does with it. Knows rules, not
 * sockets: the DNS is asked through struct lookup, what is remembered is in the key-value store and
 * in shared counters. One struct door a process, one struct door_visit a connection:
 *
 *	door_knock      accepted; no waiting: may it in at all?
 *	door_enter      its session begins; lookups start and run beside it
 *	door_helo       it has named itself
 *	door_login      a login succeeded or failed
 *	door_mail       MAIL; waits for the lookups; then edge_verify asks SPF and adds its signals
 *	door_rcpt       RCPT; the scores decide here, so that the trace knows both ends
 *	door_greylist   the recipient exists; greylisting of the doubtful
 *	door_rcpt_was   what became of it: good, or no such user
 *	door_data       the message is there, with what its signatures say
 *	door_message_was	what became of it
 *	door_leave      over
 *
 * Refusals carry a reason code in brackets, "[dnsbl]", that doc/en/connection-rules.md explains.
 */
#pragma once
#include "codec/authres.h"
#include "codec/origin.h"
#include "codec/signal.h"
#include "defence/source.h"
#include "run/net.h"
#include "senderauth/iprev.h"

struct kv;
struct rates;
struct dnsbls;
struct lists;
struct reputation;
struct greylist;
struct autowhite;

/* Everything is borrowed and must outlive the door; what is NULL is not used. */
struct door_config {
	const struct conf *conf; /* sections [source], [scores], [caps] */
	const struct lookup *lookup;
	struct rates *rates;
	struct kv *kv;
	struct dnsbls *dnsbls;
	struct lists *lists;
	struct reputation *reputation;
	struct greylist *greylist;
	struct autowhite *autowhite;
	slice hostname;
	bool (*ours)(void *arg, slice domain); /* is this a domain of ours? may be NULL */
	void *arg;
};
struct door;
/* ERR_PERM with a sentence for the administrator. */
int door_new(const struct door_config *c, struct door **ret, struct err *e);
void door_free(struct door *d);

enum { DOOR_TEXT_MAX = 200, DOOR_WHY_MAX = 300 };
/* What to do. ACCEPT and MARK: go on (after `delay`, which may be 0). */
struct door_verdict {
	enum door_action action;
	int code; /* 4xx or 5xx when refused, else 0 */
	char status[12]; /* "4.7.1" */
	char text[DOOR_TEXT_MAX]; /* for the peer */
	const char *reason; /* "dnsbl": the code in the text; NULL when nothing happened */
	char why[DOOR_WHY_MAX]; /* for the trace: numbers and signals */
	int64_t delay; /* usec to wait before the answer */
};
static inline bool door_refuses(const struct door_verdict *v)
{
	return v->action >= DOOR_GREYLIST;
}

enum door_service { DOOR_MX, DOOR_SUBMISSION, DOOR_INTERNAL };
struct door_caller {
	struct net_addr ip; /* as a load balancer told, where there is one */
	enum door_service service;
	bool trusted; /* in one of the listener's trusted networks */
	unsigned open; /* connections open from there now, this one included; 0: not known */
};
/* Counts a connection and judges it by what is known without waiting. */
void door_knock(struct door *d, const struct door_caller *c, struct door_verdict *ret);

struct door_visit;
/* Asks the lists about the address and starts the lookups that its class needs. In a coroutine;
 * never NULL, whatever the verdict. */
struct door_visit *door_enter(
	struct door *d, const struct door_caller *c, struct door_verdict *ret);
/* Ends the lookups, keeps what was learnt. NULL is fine. */
struct door_end {
	unsigned commands, errors, auth_failures;
	bool nonsense; /* it never spoke mail: HTTP, TLS, binary */
	bool early, unsync; /* talked before the greeting; did not wait where it must */
	bool harvest;
	bool cut; /* ended for too many mistakes or useless commands */
};
void door_leave(struct door_visit *v, const struct door_end *end);

/* What holds for this visit now; may change at every stage. */
const struct source *door_source(const struct door_visit *v);
/* The name its address has, confirmed; valid after door_mail (result NONE: not asked). */
const struct iprev *door_iprev(const struct door_visit *v);
/* The signals of the connection and of the message at hand: checks add theirs here. Until the next
 * door_mail. */
struct signals *door_signals(struct door_visit *v);
/* "class=unknown source=unknown score=3.2 signals=..." for the trace: pairs for trace_event. */
struct door_words {
	slice cls, source, score, signals;
};
struct door_words door_words(struct door_visit *v, struct arena *a);

struct door_helo {
	slice name;
	bool odd, esmtp, tls;
	bool early; /* it talked before the greeting */
};
void door_helo(struct door_visit *v, const struct door_helo *h, struct door_verdict *ret);
/* Before the exchange (failures so far), and after it. */
void door_may_login(struct door_visit *v, struct door_verdict *ret);
void door_login(struct door_visit *v, slice login, bool ok);

struct door_mail {
	slice sender; /* without <>; empty: null sender */
	uint64_t size;
	slice login; /* empty: none */
};
void door_mail(struct door_visit *v, const struct door_mail *m, struct door_verdict *ret);

/* What the sender is known to be. SPF before RCPT, the rest after the message. */
struct door_evidence {
	enum auth_result spf;
	slice spf_domain; /* the domain that passed or failed */
	const slice *dkim; /* domains whose signatures passed */
	size_t ndkim;
	enum auth_result dmarc;
	slice from; /* address in From: */
	slice in_reply_to, references; /* header fields, or empty */
	const struct origin_ip *origin; /* behind a trusted hop; NULL: the caller itself */
};
struct door_rcpt {
	slice address;
	bool postmaster; /* reachable for complaints: no scores, no greylisting */
	const struct door_evidence *evidence; /* SPF, or NULL */
};
void door_rcpt(struct door_visit *v, const struct door_rcpt *r, struct door_verdict *ret);
/* The recipient exists: must a doubtful caller come again for it? */
void door_greylist(struct door_visit *v, struct door_verdict *ret);
enum door_fate { DOOR_GOOD, DOOR_NO_SUCH_USER, DOOR_OTHER };
void door_rcpt_was(struct door_visit *v, enum door_fate fate);

void door_data(struct door_visit *v, const struct door_evidence *ev, struct door_verdict *ret);
/* Who knows the sender of the message at hand; after door_data. */
struct door_friends {
	bool allowed; /* an entry of a list, of the system or of a recipient */
	bool written_to; /* a recipient wrote to him, or this answers mail of ours */
};
struct door_friends door_friends(const struct door_visit *v);
/* What the content of the message at hand was found to be: for what is learnt from it. */
enum door_content {
	DOOR_CONTENT_UNKNOWN,
	DOOR_CONTENT_GOOD,
	DOOR_CONTENT_DOUBTFUL,
	DOOR_CONTENT_SPAM
};
void door_content(struct door_visit *v, enum door_content what);
/* What became of the message: stored, refused (not its fault), refused for what it is. */
enum door_end_of { DOOR_STORED, DOOR_NOT_STORED, DOOR_REFUSED_BAD };
void door_message_was(struct door_visit *v, enum door_end_of what);
