/*
 * queue_notice: the outbox of notices (store/notice.h) becomes letters: each row is removed in the transaction that queues
 * its letter.
 */
#pragma once
#include "base/err.h"

enum {
	NOTICES_EVERY_MS = 2000, /* how often the outbox is looked at */
	NOTICES_BATCH = 50, /* rows read at once */
	NOTICES_GIVE_UP_S = 3 * 86400, /* one that cannot be written is dropped, and logged */
};

struct queue_letters;
struct queue_notices;
struct queue_notices *queue_notices_new(struct queue_letters *l);
/* Coroutine: until cancelled. arg: struct queue_notices. */
void queue_notices_run(void *arg);
void queue_notices_wake(struct queue_notices *n);
void queue_notices_free(struct queue_notices *n); /* NULL is fine */
