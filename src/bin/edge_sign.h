/*
 * edge_sign: DKIM signatures of what our users send (mail/sign.h). At the header it is decided who
 * signs; the body's digest is made while it streams; at the end the signatures come on top.
 */
#pragma once
#include "bin/edge.h"

struct edge_sign; /* of the message at hand; NULL: it is not signed */

/* -1: the keys cannot be reached, and mail is not to go without. */
int edge_sign_header(struct edge_session *s, const struct smtpd_header *h, struct arena *a,
	struct smtpd_refusal *no);
void edge_sign_add(struct edge_session *s, slice bytes, bool behind);
int edge_sign_verdict(struct edge_session *s, struct smtpd_verdict *v, struct smtpd_refusal *no);
/*
 * The same for a changed form of the message, from the verdict to edge_sign_end: `message` is header and
 * body. *ret_old: the fields of the first signature, as they stand in the prefix; *ret_new: those that take
 * their place; both empty when it is not signed. -1: the keys cannot be reached, and mail is not to go without.
 */
int edge_sign_again(struct edge_session *s, slice message, struct arena *a, slice *ret_old,
	slice *ret_new, struct err *e);
/* The message is over, accepted or not. */
void edge_sign_end(struct edge_session *s);
