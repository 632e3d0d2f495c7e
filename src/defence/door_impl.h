/* What the files of the door share: door.c (life, classes), door_knock.c (the connection),
 * door_lookups.c (what runs beside it), door_mail.c (the envelope), door_data.c (the message),
 * door_verdict.c (words). */
#pragma once
#include "base/must.h"
#include "defence/caps.h"
#include "defence/dnsbl.h"
#include "defence/door.h"
#include "defence/helo.h"
#include "defence/rate.h"
#include "run/co.h"

enum {
	/* Recipients of one connection, refused while none was taken; who goes on is cut off. */
	DOOR_PUT_OFF_MAX = 200,
	DOOR_HELOS_MAX = 5, /* names of one connection that are looked up */
	DOOR_RCPTS_KEPT = 100, /* of one message, for what is asked at its end */
	DOOR_PROVEN_MAX = 32,
	DOOR_DKIM_KEPT = 8,
};
#define DOOR_LOOKUP_TIME (10 * SECOND) /* of all lookups of a connection */

struct door {
	struct door_config c;
	struct arena mem;
	struct sources sources;
	const struct caps_conf *caps;
};

enum door_stage { STAGE_AT_CONNECT, STAGE_AT_HELO, STAGE_AT_MAIL, STAGE_AT_RCPT, STAGE_AT_DATA };

/* One message of a visit. */
struct door_message {
	struct arena mem;
	slice sender;
	char sender_key[RATE_KEY_MAX + 260];
	size_t sender_key_n;
	slice rcpts[DOOR_RCPTS_KEPT];
	unsigned nrcpts, nkept; /* good ones */
	unsigned complaints; /* of them: postmaster and the like */
	slice rcpt; /* the one at hand */
	bool complaint;
	unsigned asked; /* recipients asked for */
	unsigned first_signal; /* those before are the connection's */
	bool known; /* an allow entry or an answer to our mail: scores do not count */
	bool waiting; /* would be so once the sender is proven */
	bool doubtful; /* the recipient at hand is to be greylisted */
	bool open;
	/* What was proven, for what is learnt from the message; and what teaches nothing. */
	bool spf, proven, spf_or_dmarc;
	bool marked, blocked;
	struct door_friends friends;
	enum door_content content;
	struct origin_ip origin;
	slice dkim[DOOR_DKIM_KEPT];
	size_t ndkim;
};

struct door_visit {
	struct door *door;
	struct door_caller caller;
	const struct source *source;
	struct arena mem;
	char address[RATE_KEY_MAX], network[RATE_KEY_MAX];
	size_t address_n, network_n;
	/* Lookups beside the session. */
	struct group lookups;
	bool looking, settled;
	struct iprev iprev;
	struct dnsbl_result *listed; /* NULL: not asked */
	instant deadline;
	/* What it said. */
	char helo[256];
	size_t helo_n;
	bool helo_odd, early, excepted;
	slice login;
	unsigned helos, delays, session_rcpts, unknown_rcpts, good_rcpts, stored;
	unsigned put_off, rejected; /* recipients: in all, and for good */
	struct signals *signals; /* made when the first one comes */
	struct door_message *m; /* made with the first message */
};

static inline slice visit_address(const struct door_visit *v)
{
	return slice_of(v->address, v->address_n);
}
static inline slice visit_helo(const struct door_visit *v)
{
	return slice_of(v->helo, v->helo_n);
}
/* Spared the rules for strangers: it has logged in, or is in the section's exceptions. */
static inline bool visit_spared(const struct door_visit *v)
{
	return v->login.n || v->excepted;
}
static inline bool visit_checks(const struct door_visit *v, enum source_check check)
{
	return !visit_spared(v) && (v->source->checks & check);
}

/* ---- door.c ---- */
void visit_set_source(struct door_visit *v, const struct source *s);
/* Its class by now, unless its section is a range. */
void visit_set_class(struct door_visit *v, enum source_class c);
/* Domains that are proven to have sent the message. */
size_t evidence_proven(const struct door_evidence *ev, slice out[DOOR_PROVEN_MAX]);

/* ---- door_knock.c ---- */
/* Failed logins of the last hour, above twice the number of good ones: an office behind one address
 * has always somebody with an old password. */
int64_t failed_logins(const struct door_visit *v);

/* ---- door_mail.c ---- */
/* Forgets the message at hand, if any: its signals go, the connection's stay. */
void message_close(struct door_visit *v);
void judge_score(struct door_visit *v, enum door_stage stage, struct door_verdict *ret);
struct greylist_facts;
struct greylist_facts greylist_facts_of(const struct door_visit *v, slice rcpt);

/* ---- door_lookups.c ---- */
void lookups_start(struct door_visit *v);
void lookups_helo(struct door_visit *v);
/* Waits for them and draws the conclusions, once. */
void lookups_settle(struct door_visit *v);

/* ---- door_verdict.c ---- */
enum door_reason {
	WHY_CONNECTIONS,
	WHY_CONNECTION_RATE,
	WHY_NETWORK_RATE,
	WHY_MESSAGE_RATE,
	WHY_SENDER_RATE,
	WHY_RCPTS,
	WHY_ERRORS,
	WHY_PASSWORDS,
	WHY_HARVEST,
	WHY_OFFENCES,
	WHY_BLOCKED,
	WHY_SCORE,
	WHY_GREYLIST,
	WHY_LOGIN_RATE,
	WHY_ORG_RATE,
	WHY_SURGE,
	DOOR_REASONS
};
void verdict_none(struct door_verdict *ret);
/* Fills *ret for the action: code and text by stage, `why` for the trace. */
void verdict_set(struct door_verdict *ret, enum door_stage stage, enum door_action action,
	enum door_reason reason, const char *why, ...) __attribute__((format(printf, 5, 6)));
/* The action slow: a delay that grows with each time. */
void verdict_slow(struct door_visit *v, struct door_verdict *ret);
/* One limit of the visit's section against a number. True: exceeded, *ret is filled; an action slow
 * only delays, and goes on (false). */
bool verdict_limit(struct door_visit *v, enum door_stage stage, enum source_limit limit,
	enum door_reason reason, int64_t count, struct door_verdict *ret);
