/*
 * Enhanced mail system status codes (RFC 3463): class.subject.detail, and what they mean to people.
 */
#pragma once
#include "base/buf.h"

struct status_code {
	uint16_t cls; /* 2, 4, 5; 0: there is none */
	uint16_t subject, detail;
};

#define STATUS(c, s, d) ((struct status_code){(c), (s), (d)})

/* Cuts "5.1.1" off the front of *in (and one following space). False leaves *in alone. */
bool status_parse(slice *in, struct status_code *ret);
void status_print(struct buf *out, struct status_code s);

/* The best guess for a reply without one: from its three digits (550 -> 5.0.0). */
struct status_code status_of_reply(unsigned code);

/*
 * Plain sentences for a reader who is no mail administrator: what happened, and what the sender can
 * do. Never NULL: the more precise code is looked for first (X.1.1), then the subject (X.1), then
 * the class. `delayed` chooses the wording while we still try. Table in status_text.c.
 */
struct status_text {
	const char *what_en, *todo_en; /* one sentence each, UTF-8 */
	const char *what_zh, *todo_zh;
};
struct status_text status_explain(struct status_code s, bool delayed);
