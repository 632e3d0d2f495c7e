/*
 * changes: who waits for changes of a mailbox (IDLE, NOTIFY, push) learns of them at once: a file of counters that all
 * processes map, DATA/db/changes.map. Whoever has committed a change of an account counts its slot up; whoever waits
 * looks at its slot a few times a second. It decides nothing: slots are shared by accounts, a counter that moved means
 * "look", one that was not moved (a process killed between commit and count) is found by the slow look at the database.
 */
#pragma once
#include "base/err.h"
#include "base/slice.h"

enum { CHANGES_SLOTS = 65536 };

struct changes;
int changes_open(slice dir, struct changes **ret, struct err *e); /* made when missing */
void changes_close(struct changes *c); /* NULL is fine */
/* After the commit. Thread-safe, never waits. NULL is fine. */
void changes_tell(struct changes *c, int64_t account_id);
uint64_t changes_seen(const struct changes *c, int64_t account_id);
/* Moves with every tell of anyone: one look tells whether to look at all. */
uint64_t changes_any(const struct changes *c);
