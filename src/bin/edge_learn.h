/*
 * edge_learn: what the edges have to do with learning: users' own layers judge along, some of the
 * mail that passes is shown to the learn process as a sample, mail to honeypots is taken in. Called
 * by edge_scan.c; never waits.
 */
#pragma once
#include "bin/edge_scan.h"

/* What the scan process shall add to its report (enum content_wish). */
unsigned edge_learn_wishes(struct edge_session *s, struct edge_scan *x, const struct queue_msg *m);
/* After the examination, before the probability is worked out: the recipient's layer. A message to
 * several is judged without: there is one verdict for all. */
void edge_learn_layers(struct edge_session *s, struct edge_scan *x);
/* A recipient is a honeypot: whoever wrote this sends spam. */
bool edge_learn_trapped(const struct queue_msg *m);
/* Somebody speaks for its sender: an allow list, one of ours who wrote to him, or he is proven and
 * well known for good mail. Anybody can have a newsletter sent to a trap: such mail teaches
 * nothing. After door_data. */
bool edge_learn_vouched(struct edge_session *s);
/* Before it is stored: what the queue has to know of that. */
void edge_learn_mark(struct edge_session *s, struct queue_msg *m);
/* All of them are: it is accepted, whatever is in it. */
bool edge_learn_only_traps(const struct queue_msg *m);
/* The verdict is known. */
void edge_learn_sample(struct edge_session *s, struct edge_scan *x);
