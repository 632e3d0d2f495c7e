/*
 * edge_outbound: what our own accounts send, watched in the edge (defence/outbound.h): suspended ones are
 * refused at MAIL, the surplus over a cap at RCPT; a message that makes an account suspect suspends it and is
 * refused itself. The suspension, what waits of the account in the queue, and the alarm to the administrator are
 * one transaction.
 */
#pragma once
#include "bin/edge.h"
#include "defence/outbound.h"

/* Of the process. */
struct edge_outbound;
struct edge_outbound *edge_outbound_new(struct edge *e); /* needs edge.kv, edge.config */
void edge_outbound_free(struct edge_outbound *o); /* after the loop; NULL is fine */

/* Each -1: refused. In a coroutine. */
int edge_outbound_mail(struct edge_session *s, struct smtpd_refusal *no);
/* It exists and may be sent to; foreign: not of our domains. */
int edge_outbound_rcpt(struct edge_session *s, bool foreign, struct smtpd_refusal *no);
/* The message is whole and examined. */
int edge_outbound_verdict(struct edge_session *s, struct smtpd_refusal *no);
/* It is stored. */
void edge_outbound_sent(struct edge_session *s);

/* Suspends, holds what waits, tells the administrator. In a coroutine; also for the queue process. */
int outbound_act(struct commit *queue, const struct outbound_suspension *s, struct err *e);
