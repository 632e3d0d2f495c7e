/*
 * edge_door: the rules of defence/door in the edge process. Opens what they need (rates, key-value
 * store, lists, reputation, DNS lists), asks them at each step of a session, and turns verdicts
 * into replies of proto/smtpd. LMTP and Unix sockets have no door.
 *
 *	edge_door.c	 the process; the connection, HELO, logins
 *	edge_door_mail.c the envelope and the message; what our own users sent
 *	edge_brake.c	 how much one network's refusals may fill the trace
 */
#pragma once
#include "bin/edge.h"
#include "defence/door.h"

struct edge_brake;
struct edge_door {
	struct door *door;
	struct rates *rates;
	struct dnsbls *dnsbls;
	struct mirrors *mirrors;
	struct lists *lists;
	struct reputation *reputation;
	struct fingerprints *fingerprints;
	struct greylist *greylist;
	struct autowhite *autowhite;
	struct edge_brake *brake;
};
/* In a coroutine; needs edge.kv, edge.directory, edge.lookup. */
int edge_door_open(struct edge *e, struct err *err);
void edge_door_close(struct edge *e); /* after the loop */

/* Is this a domain of ours? In a coroutine. */
bool edge_is_ours(struct edge *e, slice domain);

/* A connection was accepted; no waiting. False: turned away, *ret says how. */
bool edge_door_knock(struct edge *e, const struct smtpd_service *service,
	const struct net_addr *peer, struct door_verdict *ret);

/* Each -1: refused. */
int edge_door_connect(struct edge_session *s, struct smtpd_refusal *no);
int edge_door_helo(struct edge_session *s, struct smtpd_refusal *no);
bool edge_door_may_login(struct edge_session *s, slice *ret_why);
void edge_door_login(struct edge_session *s, slice login, bool ok);
int edge_door_mail(
	struct edge_session *s, const struct smtpd_ask_mail *m, struct smtpd_refusal *no);
int edge_door_rcpt(
	struct edge_session *s, const struct smtpd_ask_rcpt *r, struct smtpd_refusal *no);
/* It exists. -1: a doubtful caller has to come again. */
int edge_door_greylist(struct edge_session *s, struct smtpd_refusal *no);
void edge_door_rcpt_was(struct edge_session *s, bool taken, const struct smtpd_refusal *no);
void edge_door_header(struct edge_session *s, const struct smtpd_header *h);
int edge_door_verdict(struct edge_session *s, struct smtpd_verdict *v, struct smtpd_refusal *no);
enum door_end_of;
void edge_door_message_was(struct edge_session *s, enum door_end_of what);
/* A message was stored: for a login, notes whom it wrote to. */
void edge_door_sent(struct edge_session *s, const struct queue_msg *m);
void edge_door_end(struct edge_session *s, const struct smtpd_summary *sum);

/* Verdict to refusal; waits for its delay. 0 or -1. */
int edge_door_obey(struct edge_session *s, const struct door_verdict *v, struct smtpd_refusal *no);
/* The session's limits by the section that holds now. */
void edge_door_limits(struct edge_session *s);

/* ---- edge_brake.c ---- */
struct edge_brake *edge_brake_new(struct edge *e);
void edge_brake_free(struct edge_brake *b);
/* May this refusal have a row of its own in the trace? Else it is counted, and an hour later one
 * row tells how many of that network there were. */
bool edge_brake_passes(struct edge_session *s, const struct smtpd_refused *what);
/* The same for a connection that was turned away: a line in the log, or only counted. */
void edge_brake_turned_away(struct edge_brake *b, const struct smtpd_service *service,
	const struct net_addr *peer, const struct door_verdict *v);
/* Writes the rows that are due; all: also those that are not. */
void edge_brake_flush(struct edge_brake *b, bool all);
