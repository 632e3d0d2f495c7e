/*
 * maillist_act: what people ask of mailing lists, carried out: joining, leaving, wishes, deciding about what waits; with the letters
 * that follow. For the queue process (commands by mail), the pages and the command line. Blocks: in the pool, with connections that
 * nobody else uses meanwhile.
 */
#pragma once
#include "mail/maillist.h"

enum { MAILLIST_CONFIRM_DAYS = 3, MAILLIST_DECIDE_DAYS = 30 };

struct maillist_hands {
	struct sql *directory; /* read */
	struct sql *lists, *queue; /* written */
	const unsigned char *key; /* of tokens; NULL: letters without links */
	slice url; /* of our pages; empty: none */
};

/* Opens all three. */
int maillist_hands_open(struct maillist_hands *h, slice data, struct err *e);
void maillist_hands_close(struct maillist_hands *h);

/* `sure`: the address is known to be his; else a letter asks for confirmation first. *ret_what: what was done, as a letter calls it
 * ("confirm", "welcome", "asked", "closed", "left", NULL: nothing to do). */
int maillist_act_join(const struct maillist_hands *h, const struct maillist *l, slice address,
	slice name, bool sure, struct arena *a, const char **ret_what, struct err *e);
int maillist_act_leave(const struct maillist_hands *h, const struct maillist *l, slice address,
	bool sure, struct arena *a, const char **ret_what, struct err *e);
/* A request that its address confirmed. */
int maillist_act_confirm(const struct maillist_hands *h, int64_t request_id, struct arena *a,
	struct maillist *ret, const char **ret_what, struct err *e);
/* A moderator agrees or not. */
int maillist_act_answer(const struct maillist_hands *h, int64_t request_id, bool agree,
	struct arena *a, struct err *e);
int maillist_act_wish(const struct maillist_hands *h, const struct maillist *l, slice address,
	enum maillist_command c, struct arena *a, struct err *e);
int maillist_act_decide(const struct maillist_hands *h, msg_id id, int32_t idx,
	enum maillist_verdict v, slice by, struct err *e);
/* One letter into the outbox. */
int maillist_act_tell(const struct maillist_hands *h, const struct maillist_letter *letter,
	struct arena *a, struct err *e);
/* All moderators (else the owners) are told what waits. */
int maillist_act_tell_moderators(
	const struct maillist_hands *h, const struct maillist *l, struct arena *a, struct err *e);
