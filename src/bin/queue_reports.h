/*
 * queue_reports: reports to other domains leave from the queue process: what the edges and the
 * queue counted (store/report.h) becomes messages (mail/report.h), once a day and domain.
 */
#pragma once
#include "base/err.h"
#include "base/slice.h"

enum {
	REPORTS_EVERY_S = 300, /* how often it is looked whether something is due */
	REPORTS_FIRST_S = 20, /* after the start */
	REPORTS_PAUSE_MS = 50, /* between two reports: mail comes first */
	REPORTS_LOOKUP_S = 30, /* for all questions about one report's addresses */
	REPORTS_LATER_S = 3600, /* what could not be done now is tried again after this */
	REPORTS_GIVE_UP_S = 3 * 86400, /* since the end of its day */
	REPORTS_CLOSE_BATCH = 500, /* windows closed by one transaction */
	REPORTS_EXPIRE_BATCH = 100,
};

struct queue;
struct queue_reports;
int queue_reports_open(struct queue *q, struct queue_reports **ret, struct err *e);
/* Coroutine: sends what is due, until cancelled. arg: struct queue_reports. */
void queue_reports_run(void *arg);
/* Somebody asked for reports to be sent now. */
void queue_reports_wake(struct queue_reports *r);
void queue_reports_close(struct queue_reports *r); /* NULL is fine */
