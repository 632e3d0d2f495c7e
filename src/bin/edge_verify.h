/*
 * edge_verify: who stands behind a message that a stranger brings (RFC 7208, 6376, 8617, 9989,
 * 8601). Runs beside the session and answers at the message's end:
 *
 *	connect	the client's name (iprev) is looked up in the background
 *	mail	SPF likewise; edge_verify_spf() waits for it
 *	header	forged results are marked for removal; signatures say which digests they need
 *	body	the digests are made as it passes
 *	verdict	keys are looked up, signatures verified, DMARC evaluated; the policy is applied;
 *		Authentication-Results, events and signals are written
 *
 *	edge_verify.c		the above in order, waiting
 *	edge_verify_tell.c	what it writes
 *	edge_verify_policy.c	what follows from it
 *	edge_verify_forged.c	results that claim to be ours
 *	edge_verify_conf.c	section [verify]
 *
 * What the DNS does not answer in time is a temperror and never keeps mail from being taken.
 */
#pragma once
#include "bin/edge.h"
#include "codec/signal.h"
#include "senderauth/arc.h"
#include "senderauth/dkim.h"
#include "senderauth/dmarc.h"
#include "senderauth/iprev.h"
#include "senderauth/spf.h"

enum verify_action { VERIFY_MARK, VERIFY_REJECT };
enum verify_temporary { VERIFY_ACCEPT, VERIFY_DEFER };
struct verify_conf {
	slice authserv_id; /* empty: our host name */
	bool iprev, spf, spf_helo, dkim, arc, dmarc;
	int spf_fail; /* enum verify_action */
	int dmarc_fail; /* enum verify_action, for domains that ask for rejection */
	int dmarc_unknown; /* enum verify_temporary: the DNS did not answer */
	int dmarc_method; /* enum dmarc_method */
	struct conf_list dmarc_exceptions; /* domains of From:, ".domain" for all below */
	struct conf_list arc_trusted; /* domains of sealers, likewise */
	bool strip_forged;
	struct conf_list our_ids; /* authserv-ids that are ours beside authserv_id, likewise */
	int64_t time_limit; /* for all lookups after the end of a message */
	bool dkim_partial_body; /* a signature over a part of the body (l=) counts */
	int64_t max_signatures, max_arc_sets;
};
extern const struct conf_section verify_section;

/* Why a failed DMARC policy was not applied (RFC 9990: the names of its overrides). */
enum verify_override { OVERRIDE_NONE, OVERRIDE_TRUSTED_FORWARDER, OVERRIDE_LOCAL_POLICY };

/* What was found about one message. Everything lives until the next MAIL or the end of the session.
 * What was not asked is AUTH_NONE with empty names. */
struct edge_verified {
	struct iprev iprev; /* of the connection */
	struct spf_result spf; /* of MAIL FROM; of HELO for a null sender */
	struct spf_result spf_helo; /* of HELO, when that was asked beside it */
	struct dkim_results dkim;
	slice *domains; /* d= of the signatures that passed, each once */
	size_t ndomains;
	struct arc_result arc;
	slice header; /* as it came */
	struct dmarc_from from;
	struct dmarc_result dmarc;
	slice from_domain; /* the one that DMARC judged, else the first of From:; may be empty */
	slice list_id; /* List-Id: as text, may be empty */
	enum dmarc_policy
		disposition; /* what was done for DMARC: NONE, QUARANTINE (marked), REJECT */
	enum verify_override override;
	struct arc_word forwarder; /* with OVERRIDE_TRUSTED_FORWARDER */
	unsigned forged; /* Authentication-Results fields of others in our name */
};

struct edge_verify; /* of one session; NULL while nothing was to be verified */

/* Is mail of this client verified? Known after connect(), changes with a login. */
bool edge_verify_wanted(const struct edge_session *s);
/* At connect, also after XCLIENT: forgets the client before. */
void edge_verify_connect(struct edge_session *s);
/* At MAIL: forgets the message before. signals: where the message's go (the door's), or NULL. */
void edge_verify_mail(struct edge_session *s, slice sender, struct signals *signals);
/* Waits for SPF; NULL when it was not asked. */
const struct spf_result *edge_verify_spf(struct edge_session *s);
/* At RCPT: -1 when SPF failed and such mail is refused. */
int edge_verify_rcpt(struct edge_session *s, slice address, struct smtpd_refusal *no);
int edge_verify_header(
	struct edge_session *s, struct smtpd_header *h, struct arena *a, struct smtpd_refusal *no);
void edge_verify_body(struct edge_session *s, slice bytes);
/* -1: refused by DMARC's policy, or to be tried later. */
int edge_verify_verdict(struct edge_session *s, struct smtpd_verdict *v, struct smtpd_refusal *no);
/* The message at hand, after the verdict (also when that was a refusal); NULL: not verified. */
const struct edge_verified *edge_verify_found(const struct edge_session *s);
/* The signals of the message at hand; NULL: not verified. */
struct signals *edge_verify_signals(const struct edge_session *s);
/* At the end of the session: ends what is under way. */
void edge_verify_end(struct edge_session *s);
