/*
 * edge_class: what the service class of a login says about the mail that it sends (store/directory.h, struct
 * limits): may it send at all, how large, to how many; and the copy that a shared mailbox keeps of what is sent in
 * its name.
 */
#pragma once
#include "bin/edge.h"

/* Each -1: refused. In a coroutine; without a login nothing is asked. */
int edge_class_mail(
	struct edge_session *s, const struct smtpd_ask_mail *m, struct smtpd_refusal *no);
/* The recipient is good. With the first one of a message sent in the name of a shared mailbox comes another: the
 * folder Sent of that mailbox. */
int edge_class_rcpt(struct edge_session *s, const struct smtpd_ask_rcpt *r, struct arena *a,
	struct smtpd_rcpt *ret, struct smtpd_refusal *no);
int edge_class_verdict(struct edge_session *s, const struct queue_msg *m, struct smtpd_refusal *no);
void edge_class_sent(struct edge_session *s); /* it is stored */
