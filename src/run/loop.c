/*
 * The event loop: runs ready coroutines, then asks epoll for descriptors, then looks at messages
 * from other threads, signals and timers. One per process. After fork() the child's copy is
 * disarmed at once (it must not touch the parent's epoll set); the child may call loop_init again.
 */
#include "run/loop.h"

#include "base/mem.h"
#include "base/must.h"
#include "run/log.h"
#include "run/loop_fd.h"
#include "run/sched.h"
#include "run/stack.h"
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum {
	RUNS_A_ROUND = 32, /* coroutines resumed before messages are looked at */
	TURNS_A_ROUND = 4, /* both, one after the other, before descriptors are asked again */
	EVENTS_A_ROUND = 256,
	ROUNDS_A_FLUSH = 16, /* of the log, while there is no time to sleep */
	SWEEP_EVERY = 5 * SECOND,
};

static struct {
	int epoll_fd, wake_fd; /* -1: not initialised (in this process) */
	bool ready, stopping;
	instant now, next_sweep;
	unsigned holds, rounds;
	struct {
		void (*fn)(int, void *);
		void *arg;
	} on_signal[NSIG];
} loop = {.epoll_fd = -1, .wake_fd = -1};

static struct {
	pthread_mutex_t lock;
	struct loop_msg *first, **last;
	bool asleep; /* the loop is or will be in epoll_wait: a sender must wake it */
} mail = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* Written by signal handlers. */
static volatile sig_atomic_t signal_pending[NSIG], any_signal_pending;

int loop_epoll_fd(void)
{
	return loop.epoll_fd;
}

static void wake_up(void)
{
	uint64_t one = 1;
	if (loop.wake_fd >= 0 && write(loop.wake_fd, &one, sizeof one) < 0)
		must(errno == EAGAIN || errno == EBADF);
}

static void disarm(void)
{
	if (loop.epoll_fd >= 0)
		close(loop.epoll_fd);
	if (loop.wake_fd >= 0)
		close(loop.wake_fd);
	loop.epoll_fd = loop.wake_fd = -1;
	loop.ready = false;
	loop_fd_forget_all();
}

static void in_forked_child(void)
{
	pthread_mutex_init(&mail.lock, NULL); /* its holder may not exist here */
	disarm();
}

static void forget_signals(void)
{
	for (int i = 1; i < NSIG; i++) {
		if (loop.on_signal[i].fn)
			signal(i, SIG_DFL);
		loop.on_signal[i].fn = NULL;
		signal_pending[i] = 0;
	}
	any_signal_pending = 0;
}

void loop_init(void)
{
	static bool once;
	must(!loop.ready);
	if (!once) {
		once = true;
		must(pthread_atfork(log_flush, NULL, in_forked_child) == 0);
		must(atexit(log_flush_dying) == 0);
	}
	forget_signals();
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN); /* writing then fails with EFBIG, which is handled */
	timer_forget_all();
	sched_init();
	mail.first = NULL;
	mail.last = &mail.first;
	mail.asleep = false;
	loop.holds = 0;
	loop.stopping = false;
	loop.epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	loop.wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	must(loop.epoll_fd >= 0 && loop.wake_fd >= 0);
	/* Edge-triggered, so it never needs reading. */
	struct epoll_event ev = {.events = EPOLLIN | EPOLLET, .data.fd = loop.wake_fd};
	must(epoll_ctl(loop.epoll_fd, EPOLL_CTL_ADD, loop.wake_fd, &ev) == 0);
	loop.now = instant_now();
	loop.next_sweep = loop.now + SWEEP_EVERY;
	loop.ready = true;
	panic_init();
}

void loop_done(void)
{
	must(loop.ready && sched.n == 0);
	forget_signals();
	disarm();
	timer_forget_all();
	stack_drop_spare();
}

instant loop_now(void)
{
	return loop.ready ? loop.now : instant_now();
}

void loop_hold(void)
{
	loop.holds++;
}

void loop_release(void)
{
	must(loop.holds > 0);
	loop.holds--;
}

void loop_post_msg(struct loop_msg *m)
{
	m->next = NULL;
	pthread_mutex_lock(&mail.lock);
	*mail.last = m;
	mail.last = &m->next;
	bool wake = mail.asleep;
	mail.asleep = false;
	pthread_mutex_unlock(&mail.lock);
	if (wake)
		wake_up();
}

struct posted {
	struct loop_msg msg;
	void (*fn)(void *);
	void *arg;
};

static void run_posted(void *arg)
{
	struct posted *p = arg;
	p->fn(p->arg);
	free(p);
}

void loop_post(void (*fn)(void *), void *arg)
{
	struct posted *p = NEW(struct posted);
	*p = (struct posted){{NULL, run_posted, p}, fn, arg};
	loop_post_msg(&p->msg);
}

/* True when nothing had come and senders know now that the loop may sleep. */
static bool run_messages(bool may_sleep)
{
	pthread_mutex_lock(&mail.lock);
	struct loop_msg *m = mail.first;
	mail.first = NULL;
	mail.last = &mail.first;
	mail.asleep = may_sleep && !m;
	pthread_mutex_unlock(&mail.lock);
	bool none = !m;
	while (m) {
		struct loop_msg *next = m->next; /* fn may free m */
		m->fn(m->arg);
		m = next;
	}
	return none;
}

/* Until it may sleep again nobody needs to ring. */
static void mark_awake(void)
{
	pthread_mutex_lock(&mail.lock);
	mail.asleep = false;
	pthread_mutex_unlock(&mail.lock);
}

static void on_signal(int signo)
{
	int saved = errno;
	signal_pending[signo] = 1;
	any_signal_pending = 1;
	wake_up();
	errno = saved;
}

void loop_on_signal(int signo, void (*fn)(int signo, void *arg), void *arg)
{
	must(signo > 0 && signo < NSIG);
	loop.on_signal[signo].fn = fn;
	loop.on_signal[signo].arg = arg;
	struct sigaction sa = {.sa_handler = fn ? on_signal : SIG_DFL, .sa_flags = SA_RESTART};
	must(sigaction(signo, &sa, NULL) == 0);
}

static void run_signals(void)
{
	if (!any_signal_pending)
		return;
	any_signal_pending = 0;
	for (int i = 1; i < NSIG; i++) {
		if (!signal_pending[i])
			continue;
		signal_pending[i] = 0;
		if (loop.on_signal[i].fn)
			loop.on_signal[i].fn(i, loop.on_signal[i].arg);
	}
}

static int milliseconds_until(instant at)
{
	if (at == INSTANT_NEVER)
		return -1;
	instant left = at - instant_now();
	if (left <= 0)
		return 0;
	return left > HOUR ? (int)(HOUR / MSEC) : (int)((left + MSEC - 1) / MSEC);
}

static instant next_wakeup(void)
{
	instant at = sched_next_timer();
	return loop.next_sweep < at ? loop.next_sweep : at;
}

static void poll_descriptors(int timeout_ms)
{
	static struct epoll_event events[EVENTS_A_ROUND];
	int n = epoll_wait(loop.epoll_fd, events, EVENTS_A_ROUND, timeout_ms);
	must(n >= 0 || errno == EINTR);
	loop.now = instant_now();
	if (timeout_ms)
		mark_awake();
	for (int i = 0; i < n; i++)
		if (events[i].data.fd != loop.wake_fd)
			loop_fd_event(events[i].data.fd, events[i].events);
}

/* The sweep is off (never) while there is nothing to sweep: an idle process sleeps soundly. */
static void sweep(void)
{
	if (loop.now >= loop.next_sweep)
		loop.next_sweep = sched_sweep(loop.now) ? loop.now + SWEEP_EVERY : INSTANT_NEVER;
}

static bool finished(bool when_empty)
{
	return sched.n == 0 && loop.holds == 0 && (loop.stopping || when_empty);
}

/* Coroutines, and the messages that make some of them ready again. 1: there is time to sleep, 0, -1 the work is done. */
static int run_ready(bool until_empty)
{
	for (int turn = 0; turn < TURNS_A_ROUND; turn++) {
		sched_run(RUNS_A_ROUND);
		if (finished(until_empty))
			return -1;
		bool may_sleep = list_empty(&sched.ready) && !any_signal_pending;
		if (run_messages(may_sleep))
			return may_sleep;
	}
	return 0;
}

/* False when the work is done. */
static bool one_round(bool until_empty)
{
	if (!list_empty(&sched.ready) && loop.next_sweep == INSTANT_NEVER)
		loop.next_sweep = loop.now + SWEEP_EVERY;
	int sleep = run_ready(until_empty);
	if (sleep < 0)
		return false;
	if (sleep || ++loop.rounds % ROUNDS_A_FLUSH == 0)
		log_flush();
	poll_descriptors(sleep ? milliseconds_until(next_wakeup()) : 0);
	run_signals();
	sched_fire_timers(loop.now);
	sweep();
	return true;
}

static void run(bool until_empty)
{
	must(loop.ready && !co_self());
	loop.now = instant_now();
	log_gather(true);
	while (one_round(until_empty))
		;
	run_messages(false);
	log_gather(false);
}

void loop_run(void)
{
	run(false);
}

void loop_stop(void)
{
	loop.stopping = sched.stopping = true;
	sched_cancel_all();
}

void loop_main(void (*fn)(void *), void *arg)
{
	co_go("main", fn, arg);
	run(true);
}
