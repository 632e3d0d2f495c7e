/*
 * queue_scripts: people's scripts, run for local delivery (mail/scripts_run.h): scan processes run them, here are the rest of what a run
 * needs: the scripts, the account's folders, what was seen before; what an account may send in a day. Webhooks that scripts ask for
 * are posted by queue_webhook.c.
 */
#pragma once
#include "bin/scan.h"
#include "mail/scripts_run.h"

struct queue;
struct queue_scripts;
struct queue_scripts *queue_scripts_new(struct queue *q);
int queue_scripts_open(struct queue_scripts *r, struct err *e);
void queue_scripts_close(struct queue_scripts *r); /* NULL is fine */
const struct scripts_judge *queue_scripts_judge(struct queue_scripts *r);

/* A coroutine: posts what is due until it is cancelled. */
void queue_webhooks_run(void *queue);
