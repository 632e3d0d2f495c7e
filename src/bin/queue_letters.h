/*
 * queue_letters: what the queue process needs for the letters that it writes to people (notices, digests, answers to
 * reports): who reads in which language and zone, signed links, reasons in words, and the way into the queue together
 * with what makes the letter true, in one transaction.
 */
#pragma once
#include "bin/cli_words.h"
#include "bin/token.h"
#include "bin/zones.h"
#include "mail/digest.h"
#include "store/commit.h"
#include <pthread.h>

enum {
	LETTERS_LIFETIME_S = 3 * 86400, /* a letter is tried to be delivered so long */
	LETTERS_TO_MAX = 50, /* readers of one letter */
	LETTERS_REASONS_MAX = DIGEST_REASONS_MAX,
};

struct queue;
struct queue_settings;
struct queue_letters {
	struct queue *q;
	struct sql *queue_db, *directory_db; /* readers; in the pool, under the lock */
	pthread_mutex_t lock;
	struct zones zones;
	struct signal_words words;
};
/* Before the sandbox: reads the site's rules, whose sentences letters may quote. */
struct queue_letters *queue_letters_new(struct queue *q);
int queue_letters_open(struct queue_letters *l, struct err *e);
void queue_letters_close(struct queue_letters *l); /* NULL is fine */

/* Reads in the pool. */
typedef int (*letters_fn)(struct sql *queue, struct sql *directory, void *arg, struct err *e);
int queue_letters_read(struct queue_letters *l, letters_fn fn, void *arg, struct err *e);

/* What holds for this reader (mail/digest.h). The default when the directory does not answer. From *a. */
struct digest_plan queue_letters_plan(
	struct queue_letters *l, const struct queue_settings *s, slice address, struct arena *a);
/* Addresses of the administrator. */
size_t queue_letters_admins(
	const struct queue_settings *s, struct arena *a, slice ret[LETTERS_TO_MAX]);

/* A link to the page that does it; empty when there are no pages ([digest] url), or on failure: *e then says why. */
slice queue_letters_link(struct queue_letters *l, const struct queue_settings *s,
	const struct token *t, struct arena *a, struct err *e);

/* Why, in sentences: of what speaks against it, the weightiest first. */
unsigned queue_letters_reasons(struct queue_letters *l, slice signals, bool chinese,
	struct arena *a, slice ret[LETTERS_REASONS_MAX]);

/*
 * Makes a letter for each reader and queues them all in the transaction in which `then` runs (NULL: alone). An address
 * that leads nowhere is left out: *ret_n is how many letters there are, 0 is no error and `then` runs all the same.
 * -1: nothing happened, try again (ERR_LIMIT: never).
 */
struct queue_letters_job {
	const struct notice_letter *letters; /* `to`, `from` are filled in */
	bool each; /* one letter for each reader; else the same one for all */
	const slice *to;
	size_t nto;
	enum queue_priority priority;
	commit_fn then;
	void *arg;
};
int queue_letters_send(struct queue_letters *l, struct queue_settings *s,
	const struct queue_letters_job *job, struct arena *a, unsigned *ret_n, msg_id *ret_first,
	struct err *e);
