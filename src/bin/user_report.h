/*
 * user_report: what follows when a user says of a letter that it is spam, or that it is none: a lesson for the filter with
 * the user's weight (training/lesson.h), and for a letter that is held its release, or the request for it. One
 * function for mail to the report addresses (queue_user_report.c) and for the buttons of mail programs (web_report.c).
 *
 * Who the user is must be proven by the caller. The letter is as the user has it; fields above our own Received are
 * not looked at.
 */
#pragma once
#include "bin/quarantine_act.h"
#include "training/conf.h"
#include <pthread.h>

struct link;
struct lists;

enum user_report_fate {
	USER_REPORT_LEARNED = 1,
	USER_REPORT_PERSONAL, /* an allow entry speaks for the sender: his word stays with him */
	USER_REPORT_RELEASED, /* it was held */
	USER_REPORT_ASKED, /* likewise: the administrator was asked */
	USER_REPORT_KEPT, /* likewise, and this user may not even ask */
	USER_REPORT_OFF, /* [learning] enabled = no */
	USER_REPORT_BUSY, /* too much waits already */
	USER_REPORT_UNREADABLE, /* this is no letter */
	USER_REPORT_FATES
};
/* "learned" ...: JSON of answers and notices. */
const char *user_report_fate_name(enum user_report_fate f);

struct user_report_hands {
	struct link *learn;
	struct lists *lists; /* NULL: no list speaks for anybody */
	const struct learning_conf *learning;
	slice hostname; /* ours, as Received has it */
	/* Where held mail is looked for: a reader, and whoever acts; used in the pool. NULL: nowhere. */
	struct sql *queue_read;
	pthread_mutex_t *lock; /* of both; NULL: they are not shared */
	const struct quarantine_hands *hands; /* its teach() is not called */
};
struct user_report {
	slice who; /* address of the user */
	bool spam;
	slice letter; /* raw */
};
struct user_report_done {
	enum user_report_fate fate;
	msg_id held; /* RELEASED, ASKED, KEPT */
	slice subject, from; /* of the letter, decoded; from *a */
};
/* In a coroutine. -1: ERR_TEMP, ERR_TIMEOUT: come again (doing it twice is no mistake). */
int user_report(const struct user_report_hands *h, const struct user_report *r, struct arena *a,
	struct user_report_done *ret, struct err *e);

/* The letter from our own Received field on, without what was put above it; *ret_id: what it says, or 0. */
slice user_report_strip(slice letter, slice hostname, msg_id *ret_id);
