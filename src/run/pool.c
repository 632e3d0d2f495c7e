/*
 * The blocking pool: threads take jobs from one queue; what is finished goes back to the loop as
 * messages (loop.c wakes itself once for a whole batch). Threads start when a job finds none idle,
 * up to the number given, and stay. They block all signals: those are the loop's.
 */
#include "run/pool.h"

#include "base/mem.h"
#include "base/must.h"
#include "base/time.h"
#include "run/arch_san.h"
#include "run/loop.h"
#include "run/sched.h"
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>

/* libunbound alone puts a quarter of a MiB there when it reads the root hints. */
enum { POOL_STACK = 1024 * 1024 * SAN_STACK_FACTOR, POOL_THREADS_MAX = 256 };

struct job {
	struct job *next;
	void (*fn)(void *);
	void *arg;
	struct loop_msg msg; /* what the loop does when fn has returned */
	struct co *co; /* pool_call */
	void (*done)(void *); /* pool_post */
};

static struct {
	pthread_mutex_t lock;
	pthread_cond_t work;
	struct job *first, **last;
	unsigned threads, max, idle, queued;
	bool ending;
	pthread_t ids[POOL_THREADS_MAX];
} pool;

static void reset(void)
{
	pthread_mutex_init(&pool.lock, NULL);
	pthread_cond_init(&pool.work, NULL);
	pool.first = NULL;
	pool.last = &pool.first;
	pool.threads = pool.max = pool.idle = pool.queued = 0;
	pool.ending = false;
}

void pool_init(unsigned threads)
{
	static bool once;
	if (!once) {
		once = true;
		must(pthread_atfork(NULL, NULL, reset) == 0); /* threads do not come along */
		reset();
	}
	must(pool.max == 0 && threads > 0);
	pool.max = threads < POOL_THREADS_MAX ? threads : POOL_THREADS_MAX;
}

/* With the lock held; NULL when the pool ends. */
static struct job *next_job(void)
{
	while (!pool.first && !pool.ending) {
		pool.idle++;
		pthread_cond_wait(&pool.work, &pool.lock);
		pool.idle--;
	}
	struct job *j = pool.first;
	if (!j)
		return NULL;
	pool.queued--;
	if (!(pool.first = j->next))
		pool.last = &pool.first;
	return j;
}

static void *thread_main(void *arg)
{
	pthread_setname_np(pthread_self(), "pool");
	pthread_mutex_lock(&pool.lock);
	for (struct job *j; (j = next_job());) {
		pthread_mutex_unlock(&pool.lock);
		j->fn(j->arg);
		loop_post_msg(&j->msg);
		pthread_mutex_lock(&pool.lock);
	}
	pthread_mutex_unlock(&pool.lock);
	return arg;
}

static void start_thread(void)
{
	sigset_t all, before;
	sigfillset(&all);
	/* Blocked ones would end the process without a word (panic.c), or at all (the sandbox). */
	sigdelset(&all, SIGSEGV);
	sigdelset(&all, SIGBUS);
	sigdelset(&all, SIGSYS);
	pthread_sigmask(SIG_BLOCK, &all, &before);
	pthread_attr_t attr;
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, POOL_STACK);
	int r = pthread_create(&pool.ids[pool.threads], &attr, thread_main, NULL);
	pthread_attr_destroy(&attr);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (r == 0)
		pool.threads++;
	must(pool.threads > 0); /* with fewer than wished the work still gets done */
}

static void submit(struct job *j)
{
	must(pool.max > 0);
	pthread_mutex_lock(&pool.lock);
	must(!pool.ending);
	*pool.last = j;
	pool.last = &j->next;
	if (++pool.queued > pool.idle && pool.threads < pool.max)
		start_thread();
	pthread_mutex_unlock(&pool.lock);
	pthread_cond_signal(&pool.work);
}

static void wake_caller(void *arg)
{
	struct job *j = arg;
	co_wake(j->co, WAKE_EVENT);
}

void pool_call(void (*fn)(void *), void *arg)
{
	struct co *co = co_self();
	if (!co) {
		fn(arg);
		return;
	}
	struct job j = {.fn = fn, .arg = arg, .co = co};
	j.msg = (struct loop_msg){.fn = wake_caller, .arg = &j};
	submit(&j);
	co_park_firm();
}

/* ---- short calls ---- */

#define PACE_TIME SECOND
#define BLOCKED_MAX (20 * MSEC) /* of that time */
#define LONG MSEC

struct short_call {
	void (*fn)(void *);
	void *arg;
	bool watched;
	int64_t took, blocked;
};

/* Being preempted is not blocking: only the thread's own waits count. */
static long waits(void)
{
	struct rusage u;
	return getrusage(RUSAGE_THREAD, &u) < 0 ? 0 : u.ru_nvcsw;
}

static void run_short(void *arg)
{
	struct short_call *c = arg;
	instant began = instant_now();
	long before = c->watched ? waits() : 0;
	c->fn(c->arg);
	c->took = instant_now() - began;
	c->blocked = c->watched && waits() != before ? c->took : 0;
}

static void note_blocked(struct pool_pace *pace, int64_t blocked)
{
	instant now = instant_now();
	if (now - pace->since > PACE_TIME) {
		pace->since = now;
		pace->blocked = 0;
	}
	pace->blocked += blocked;
	if (pace->blocked > BLOCKED_MAX)
		pace->pool_until = now + PACE_TIME;
}

bool pool_here(const struct pool_pace *pace)
{
	return loop_now() >= pace->pool_until;
}

void pool_call_short(struct pool_pace *pace, void (*fn)(void *), void *arg)
{
	struct short_call c = {.fn = fn, .arg = arg, .watched = pace->suspect};
	if (!co_self())
		run_short(&c);
	else if (pool_here(pace))
		sched_call(run_short, &c);
	else
		pool_call(run_short, &c);
	if (c.blocked)
		note_blocked(pace, c.blocked);
	pace->suspect = c.took > LONG;
}

/* ---- posting ---- */

static void finish_post(void *arg)
{
	struct job *j = arg;
	j->done(j->arg);
	free(j);
	loop_release();
}

void pool_post(void (*fn)(void *), void (*done)(void *), void *arg)
{
	struct job *j = NEW(struct job);
	*j = (struct job){.fn = fn, .arg = arg, .done = done};
	j->msg = (struct loop_msg){.fn = finish_post, .arg = j};
	loop_hold();
	submit(j);
}

void pool_done(void)
{
	if (pool.max == 0)
		return;
	pthread_mutex_lock(&pool.lock);
	pool.ending = true;
	pthread_cond_broadcast(&pool.work);
	pthread_mutex_unlock(&pool.lock);
	for (unsigned i = 0; i < pool.threads; i++)
		pthread_join(pool.ids[i], NULL);
	pthread_mutex_destroy(&pool.lock);
	pthread_cond_destroy(&pool.work);
	reset();
}
