/*
 * Coroutines: stackful, one thread, one epoll loop a process. A coroutine always returns: cancel,
 * timeout and close come out of every wait as ordinary errors (ERR_CLOSED, ERR_TIMEOUT), so its
 * cleanup always runs. No large locals: stacks are 128 KiB reserved with a guard page, few touched.
 */
#pragma once
#include "base/err.h"
#include "base/list.h"
#include "base/time.h"
#include <stdbool.h>

struct co;

/* Starts fn(arg) as a coroutine of the running loop; it first runs in the loop's next round. `name`
 * is a literal, shown in panics and by the debugger helper. Use group_go where someone must join.
 * The pointer is good until fn returns; callers bound how many they start (32,000 a process by
 * vm.max_map_count). Started while the loop stops, it is born cancelled but still runs. */
struct co *co_go(const char *name, void (*fn)(void *), void *arg);

/* Makes the coroutine's present and every later wait fail with ERR_CLOSED. Idempotent. */
void co_cancel(struct co *co);

/* Ends the coroutine's present wait as if its deadline had come: ERR_TIMEOUT. Nothing when it does not wait (or in the pool). For who
 * waits for input and for something else at once: a flag first, then this. */
void co_nudge(struct co *co);

struct co *co_self(void); /* NULL outside coroutines */
bool co_cancelled(void); /* whether the caller was; false outside coroutines */

/* Sleeps until the instant; 0, or -1 with ERR_CLOSED when cancelled. */
int co_sleep(instant until, struct err *e);
/* Lets the others run once. */
void co_yield(void);

/* What a panic prints about this coroutine, e.g. the session's client and state; NULL for none.
 * The function must only write to the given FILE. */
struct co_card {
	void (*print)(void *arg, void *file);
	void *arg;
};
void co_set_card(struct co_card card);

/* cond: where coroutines wait for something that another one (of this loop) changes. */
struct cond {
	struct list waiting; /* initialise with cond_init */
};
void cond_init(struct cond *c);
/* 0 when woken; -1 ERR_TIMEOUT or ERR_CLOSED. Check the condition again in a loop. */
int cond_wait(struct cond *c, instant deadline, struct err *e);
/* Until woken, deaf to cancel: for who has lent out memory of its stack. The waker must be sure. */
void cond_wait_firm(struct cond *c);
void cond_wake_one(struct cond *c);
void cond_wake_all(struct cond *c);

/* group: children that are joined before their parent goes on. */
struct group {
	struct list members;
	unsigned n;
	struct cond empty;
};
void group_init(struct group *g);
struct co *group_go(struct group *g, const char *name, void (*fn)(void *), void *arg);
void group_cancel(struct group *g);
/* Waits for all, even when the caller itself is cancelled (then it cancels them too). */
void group_join(struct group *g);
