/* What the files of `posthouse maillist` share. */
#pragma once
#include "bin/cli_env.h"
#include "bin/maillist_act.h"

/* What a command works with. */
struct cli_lists {
	struct cli_env env;
	struct maillist_hands h;
	struct maillist l;
	int code;
	uint64_t room; /* members that it may have besides, once counted */
	bool counted;
};
void cli_lists_done(struct cli_lists *x);
static inline void auto_cli_lists(struct cli_lists *x)
{
	cli_lists_done(x);
}

/* False: complained, x->code. The list of the first argument, where there is one. */
bool cli_maillist_begin(struct cli_call *c, struct cli_lists *x, bool list);
/* Commits when r is 0, else undoes. 0, -1. */
int cli_maillist_end(struct sql *db, int r, struct err *e);

/* ---- verbs of cli_maillist_member.c ---- */

int cli_maillist_join(struct cli_call *c);
int cli_maillist_leave(struct cli_call *c);
int cli_maillist_import(struct cli_call *c);
int cli_maillist_members(struct cli_call *c);
int cli_maillist_bounces(struct cli_call *c);
int cli_maillist_export(struct cli_call *c);
int cli_maillist_member(struct cli_call *c);

/* ---- verbs of cli_maillist_work.c ---- */

int cli_maillist_include(struct cli_call *c);
int cli_maillist_exclude(struct cli_call *c);
int cli_maillist_role(struct cli_call *c);
int cli_maillist_unrole(struct cli_call *c);
int cli_maillist_pending(struct cli_call *c);
int cli_maillist_approve(struct cli_call *c);
int cli_maillist_reject(struct cli_call *c);
int cli_maillist_discard(struct cli_call *c);
int cli_maillist_digest(struct cli_call *c);
