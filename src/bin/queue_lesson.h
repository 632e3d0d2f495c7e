/*
 * queue_lesson: letters that people moved into Junk, or out of it, become lessons for the filter (mail/box_teach.h), under the
 * same safeguards as letters that they report (user_report.h, [reports] letters_per_hour).
 */
#pragma once
#include "base/err.h"

enum {
	LESSONS_EVERY_MS = 10 * 1000, /* how often they are looked for */
};

struct queue;
struct queue_lessons;
/* Opens the mailboxes; blocks. */
int queue_lessons_open(struct queue *q, struct queue_lessons **ret, struct err *e);
/* Coroutine: until cancelled. arg: struct queue_lessons. */
void queue_lessons_run(void *arg);
void queue_lessons_close(struct queue_lessons *l); /* NULL is fine */
