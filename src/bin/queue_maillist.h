/*
 * queue_maillist: mailing lists in the queue process. Groups with the destination "list" are posts and letters to lists' addresses,
 * "list:out" a post that is being sent out, "list:archive" and "list:digest" its other copies.
 *
 *	queue_maillist.c	one group; a post: judged, changed, on its way
 *	queue_maillist_out.c	to the members, in pieces, each in one transaction with how far it came
 *	queue_maillist_mail.c	commands, bounces, decisions by mail
 *	queue_maillist_run.c	what time brings: moderators to be told, posts nobody decided about, probes
 *	queue_maillist_digest.c	digests
 */
#pragma once
#include "bin/maillist_act.h"
#include "bin/queue.h"
#include "mail/digest.h"
#include <pthread.h>

enum {
	MAILLISTS_PIECE = 250, /* readers of one transaction */
	MAILLISTS_HEADER_READ = 64 * 1024,
	MAILLISTS_PREFIX_MAX = 256 * 1024,
	MAILLISTS_KEY_S = 60, /* the key of tokens is asked for again */
	MAILLISTS_EVERY_S = 20, /* looks of queue_maillist_run.c */
	MAILLISTS_TELL_S = 60, /* moderators are told at most so often */
	MAILLISTS_BOUNCED_MAX = 1000, /* lists with members that were disabled lately */
};

struct queue_maillists {
	struct queue *q;
	/* In the pool, under the lock: what reads, and acts. */
	struct maillist_hands hands;
	struct sql *queue_read;
	pthread_mutex_t lock;
	/* Bounces, together. */
	struct sql *bounces_db;
	struct commit *bounces;
	unsigned char key[2][MAILLIST_KEY]; /* present, former */
	int nkeys;
	instant key_at;
	int64_t bounced[MAILLISTS_BOUNCED_MAX]; /* lists whose owners are to be told */
	size_t nbounced;
	int64_t swept_at;
	struct cond wake;
	bool asked;
};
int queue_maillists_open(struct queue *q, struct queue_maillists **ret, struct err *e);
void queue_maillists_close(struct queue_maillists *m); /* NULL is fine */
void queue_maillists_run(void *queue_maillists); /* a coroutine */
void queue_maillists_wake(struct queue_maillists *m);

/* The present group: results for all of it. */
void queue_maillist_deliver(struct queue_session *s);

/* ---- among these files ---- */

/* In the pool, under the lock. */
typedef int (*maillists_fn)(struct queue_maillists *m, void *arg, struct err *e);
int queue_maillists_call(struct queue_maillists *m, maillists_fn fn, void *arg, struct err *e);
/* The keys of tokens are there. In a coroutine. */
int queue_maillists_keys(struct queue_maillists *m, struct err *e);
/* By any of the keys. */
int queue_maillists_token(
	struct queue_maillists *m, slice text, struct maillist_token *ret, struct err *e);
/* Pages for links; empty: none. */
slice queue_maillists_url(const struct queue_maillists *m);

/* One recipient, in the making. */
struct maillist_work {
	struct queue_maillists *l;
	struct queue_session *s;
	const struct queue_msg *m;
	const struct queue_rcpt *r;
	struct arena *a;
	struct maillist list;
	enum maillist_part part;
};
struct result maillist_outcome(enum result_kind kind, struct status_code status, slice text);
struct result maillist_later(const struct maillist_work *k, const struct err *e);
/* Queued already: into the window. */
void maillist_feed(struct queue *q, const struct queue_msg *m);
struct result queue_maillist_out(struct maillist_work *k);
struct result queue_maillist_mail(struct maillist_work *k);
/* Those that are due. */
int queue_maillist_digests(struct queue_maillists *l, struct arena *a, int64_t now, struct err *e);
/* Is the author proven? Of a login's letter: may it send as he. -1: try later. */
int maillist_is_proven(struct maillist_work *k, slice author, slice *ret_policy, struct err *e);
