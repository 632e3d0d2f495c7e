/* One mail on its way: shared by send.c (envelope, results), check.c (what can be sent), body.c. */
#pragma once
#include "proto/smtpc/session.h"

struct tx {
	struct smtpc *s;
	const struct smtpc_mail *m;
	struct smtpc_body body;
	struct arena *a; /* the caller's */
	struct smtpc_result *results;
	struct smtpc_sent *sent;
	bool utf8; /* the transaction is SMTPUTF8 */
	size_t *go; /* indices of the recipients that are tried */
	size_t n_go;
	size_t n_accepted;
	bool source_failed; /* it was not the peer who broke it */
	bool mail_ok, mail_failed;
	/* Commands and their replies, in order: RSET, MAIL, RCPT x n_go. */
	size_t put, answered;
};

/* check.c: fills t->go and t->utf8, and the results of those that cannot be sent to this peer. */
void smtpc_check(struct tx *t);
bool smtpc_clean_mailbox(slice mailbox);

/* body.c: 0, or -1: broken. Only the bytes; replies are read in send.c. */
int smtpc_body_data(struct tx *t); /* with the final dot */
int smtpc_body_bdat(struct tx *t); /* one chunk of exactly m->size, LAST */
int smtpc_body_bdat_pieces(
	struct tx *t); /* size unknown: a chunk a piece, replies but the last read */
