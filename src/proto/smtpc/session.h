/* What the files of smtpc/ share: the session, reading replies, making results. */
#pragma once
#include "proto/smtpc/smtpc.h"

struct smtpc {
	struct io *io; /* NULL: could not connect */
	struct arena mem;
	struct smtpc_config cfg; /* its slices are ours */
	struct smtp_reply reply; /* the last one read */
	struct smtp_caps caps;
	struct smtpc_result failure;
	bool broken; /* of no more use for mail; failure says why */
	bool lost; /* not even for QUIT */
	bool needs_rset; /* the peer may still hold a transaction */
	bool tls_failed, auth;
	enum tls_failure tls_failure;
	unsigned mails;
	slice banner, ehlo;
};

/* An instant so many microseconds away, and not beyond the session's deadline. */
instant smtpc_in(const struct smtpc *s, int64_t usec);

/* Reads one reply into s->reply. -1: the session is broken (lost, timed out, garbage, 421) and
 * s->failure filled. Flushes the output before it waits. */
int smtpc_read(struct smtpc *s, enum smtpc_stage at, int64_t timeout);

/* Makes the session broken, unless it is already: the first failure counts. Returns -1. */
int smtpc_lost(struct smtpc *s, enum smtpc_stage at, const struct err *e);
int smtpc_fail(struct smtpc *s, struct smtpc_result r);
/* The same, but the conversation is in order: QUIT may be said. */
int smtpc_refused(struct smtpc *s, struct smtpc_result r);

/* The last reply as a result, its text in *a. 3xx is unexpected wherever this is called: TEMP. */
struct smtpc_result smtpc_result_of(const struct smtpc *s, enum smtpc_stage at, struct arena *a);
/* Our own words, no reply. */
struct smtpc_result smtpc_result_own(
	enum smtpc_kind kind, enum smtpc_stage at, struct status_code status, slice text);

/* auth.c: 0 or -1 (broken). */
int smtpc_login(struct smtpc *s);
