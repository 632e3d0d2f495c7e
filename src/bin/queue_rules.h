/*
 * queue_rules: people's scripts, run for local delivery (mail/rules_run.h): scan processes run them, here are the rest of what a run
 * needs: the scripts, the account's folders, what was seen before; what an account may send in a day. Webhooks that scripts ask for
 * are posted by queue_webhook.c.
 */
#pragma once
#include "bin/scan.h"
#include "mail/rules_run.h"

struct queue;
struct queue_rules;
struct queue_rules *queue_rules_new(struct queue *q);
int queue_rules_open(struct queue_rules *r, struct err *e);
void queue_rules_close(struct queue_rules *r); /* NULL is fine */
const struct rules_judge *queue_rules_judge(struct queue_rules *r);

/* A coroutine: posts what is due until it is cancelled. */
void queue_webhooks_run(void *queue);
