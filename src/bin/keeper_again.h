/*
 * keeper_again: when signatures of virus engines have changed, mail that is held and mail that was delivered lately
 * to mailboxes here is looked at once more, slowly. Held mail in which a virus is found now belongs to the class
 * virus; delivered mail is moved out of the mailbox into the quarantine, and the administrator is told; so is he of mail that
 * went to backends and was kept for this ([engines] keep). Where it
 * stands is kept in DATA/db/engines.again: killed at any point it goes on there.
 */
#pragma once
#include "bin/engines.h"
#include "bin/quarantine_conf.h"

struct again;
struct config;

/* In a coroutine of the keeper. */
int again_open(const struct config *c, struct engines *engines, struct again **ret, struct err *e);
void again_close(struct again *g); /* NULL is fine */
void again_configure(struct again *g, const struct config *c); /* after a reload */
void again_wake(struct again *g); /* look now */
void again_run(struct again *g); /* until cancelled */
/* It begins anew soon: nothing counts as looked at. For the command line, which then wakes the keeper. */
int again_forget(slice data, struct err *e);
