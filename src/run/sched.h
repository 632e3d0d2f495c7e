/*
 * sched: what the files of run/ know about coroutines and the loop beyond co.h and loop.h.
 * Nobody outside run/ includes this.
 */
#pragma once
#include "run/co.h"
#include "run/timer.h"

enum co_state { CO_READY, CO_RUNNING, CO_PARKED };
enum wake { WAKE_EVENT, WAKE_TIMEOUT, WAKE_CANCEL };

/* Lies at the top of its own stack. tools/posthouse-gdb.py reads it. */
struct co {
	void *sp; /* while not running */
	struct list link; /* in the run queue or in a cond's list */
	struct list all;
	const char *name;
	void (*fn)(void *);
	void *arg;
	void (*call)(void *); /* of sched_call, else NULL */
	void *call_arg;
	void *stack_low;
	enum co_state state;
	enum wake wake; /* why it was made ready */
	bool cancelled;
	bool firm; /* parked where neither cancel nor deadline may disturb */
	bool trimmed; /* the sweep has been here since it parked */
	unsigned turns; /* operations that did not wait, since it last did */
	instant parked_at;
	instant deadline; /* of the present wait */
	struct timer timer; /* may be earlier than deadline, then it is set again when it fires */
	struct group *group;
	struct list member;
	struct co_card card;
	void *san_fake;
};

struct sched {
	struct list ready, all;
	unsigned n; /* coroutines that have not returned */
	bool stopping;
	void *loop_sp; /* the loop's own stack while a coroutine runs */
	void *loop_fake;
	const void *loop_low;
	size_t loop_size;
};
extern struct sched sched;

void sched_init(void);
/* Runs coroutines that are ready, `most` of them at most. */
void sched_run(unsigned most);
void sched_fire_timers(instant now);
instant sched_next_timer(void); /* INSTANT_NEVER without */
void sched_cancel_all(void);
/* Gives memory of long parked stacks back; false when nothing is left to do for now. */
bool sched_sweep(instant now);

/* Parks the caller, who put itself where it will be found. It is in no list when this returns;
 * at once when cancelled or too late already. */
enum wake co_park(instant deadline);
/* The same without deadline, deaf to cancel: somebody holds memory of this stack. */
void co_park_firm(void);
void co_wake(struct co *co, enum wake why); /* a parked one */
/* Runs fn(arg) on the loop's stack, now; nothing else runs meanwhile. For what takes more stack than a coroutine should touch. */
void sched_call(void (*fn)(void *), void *arg);
int co_wake_err(enum wake why, struct err *e); /* 0, or -1 with the error of a wake */
/* Called by operations that did not have to wait: lets others run now and then, and notices
 * cancel and deadline even on a stream that never runs dry. */
int co_breathe(instant deadline, struct err *e);

/* A message to the loop without allocation: the struct stays with the sender until fn runs. */
struct loop_msg {
	struct loop_msg *next;
	void (*fn)(void *);
	void *arg;
};
void loop_post_msg(struct loop_msg *m);
/* Keeps loop_run and loop_main going while work outside is under way. */
void loop_hold(void);
void loop_release(void);
/* Whether the peer has (half) closed, as far as the loop has heard. */
bool loop_fd_hup(int fd);
/* Whether an event came that nobody waited for. */
bool loop_fd_latched(int fd, uint32_t events);
/* The same, and forgets it: for who is about to try the system call; later news makes a new one. */
bool loop_fd_take(int fd, uint32_t events);

void panic_init(void);
