/* What the files of verification at the edge share (edge_verify.h). */
#pragma once
#include "bin/config.h"
#include "bin/edge_verify.h"

enum {
	VERIFY_KEEP = 16 * 1024, /* memory that a message may leave to the next one */
	VERIFY_HELOS_MAX = 10, /* names in HELO that SPF is asked about, of one connection */
};

/* What is checked: as configured, without what is off for this kind of caller. */
struct verify_checks {
	bool iprev, spf, dkim, arc, dmarc;
};

struct edge_verify {
	struct edge_session *session;
	const struct verify_conf *conf;
	/* Of the connection. */
	struct arena mem;
	struct group client; /* lookups about it */
	bool iprev_begun;
	struct iprev iprev;
	unsigned helos; /* asked about */
	struct spf_query helo_query;
	struct spf_result helo; /* of helo_query.helo */
	/* Of the message; `active` from MAIL on. */
	bool active, judged;
	struct verify_checks checks;
	struct arena msg;
	struct group message; /* SPF; at the end ARC */
	struct spf_query query;
	struct body_hashes *hashes;
	struct dkim_verifier *dkim;
	struct arc *arc;
	instant deadline; /* of the lookups at the end */
	struct signals *signals;
	struct edge_verified found;
};

/* Whether a domain is in a list; ".example.com" stands for all below example.com. */
bool edge_verify_listed(const struct conf_list *list, slice domain);

/* edge_verify_forged.c: fields that claim to be ours, for h->left_out. */
unsigned edge_verify_forged(const struct edge_session *s, struct smtpd_header *h, struct arena *a);
/* edge_verify_policy.c: found.disposition, override, forwarder; -1: refused. */
int edge_verify_decide(struct edge_verify *v, struct smtpd_refusal *no);
/* edge_verify_tell.c; SPF's signal is needed before the message is here. */
void edge_verify_signal_spf(struct edge_verify *v);
void edge_verify_tell(struct edge_verify *v, struct smtpd_verdict *out);
