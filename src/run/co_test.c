/* Coroutines, conds, groups, timers, the loop's messages and signals, the pool. */
#include "run/co.h"

#include "base/mem.h"
#include "base/must.h"
#include "base/rand.h"
#include "base/test.h"
#include "run/loop.h"
#include "run/pool.h"
#include "run/sched.h"
#include "run/stack.h"
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

static void run(void (*fn)(void *), void *arg)
{
	loop_init();
	loop_main(fn, arg);
	loop_done();
}

/* ---- switching */

static int switches;

static void yielder(void *arg)
{
	volatile int *mine = arg;
	double kept = *mine * 1.5; /* lives across switches */
	for (int i = 0; i < 2000; i++) {
		switches++;
		co_yield();
		CHECK(kept == *mine * 1.5);
	}
}

static void start_yielders(void *arg)
{
	static int ids[50];
	struct group g;
	(void)arg;
	group_init(&g);
	for (int i = 0; i < 50; i++) {
		ids[i] = i;
		group_go(&g, "yielder", yielder, &ids[i]);
	}
	group_join(&g);
	CHECK_INT(switches, 50 * 2000);
}

TEST(many_coroutines_switch)
{
	run(start_yielders, NULL);
}

static int depth_reached;

static int dig(int depth)
{
	volatile char room[256];
	room[0] = (char)depth;
	if (depth == 0)
		co_yield();
	else
		depth_reached += dig(depth - 1);
	return room[0] == (char)depth;
}

static void digger(void *arg)
{
	(void)arg;
	dig(100);
}

static void churn(void *arg)
{
	(void)arg;
	for (int i = 0; i < 200; i++) {
		struct group g;
		group_init(&g);
		for (int k = 0; k < 20; k++)
			group_go(&g, "digger", digger, NULL);
		group_join(&g);
	}
	CHECK_INT(depth_reached, 200 * 20 * 100);
	CHECK_INT(stack_spare(), 20);
	stack_sweep(); /* the first only takes the watermark */
	stack_sweep();
	CHECK(stack_spare() < 20 && stack_spare() > 0);
}

TEST(stacks_are_recycled)
{
	run(churn, NULL);
}

/* ---- sleeping and timers */

static int order[4], n_order;

static void sleeper(void *arg)
{
	int ms = *(int *)arg;
	struct err e;
	CHECK_INT(co_sleep(instant_in(ms * MSEC), &e), 0);
	order[n_order++] = ms;
}

static void start_sleepers(void *arg)
{
	static int ms[] = {30, 10, 40, 20};
	struct group g;
	(void)arg;
	group_init(&g);
	instant before = instant_now();
	for (int i = 0; i < 4; i++)
		group_go(&g, "sleeper", sleeper, &ms[i]);
	group_join(&g);
	instant took = instant_now() - before;
	CHECK(took >= 40 * MSEC && took < 2 * SECOND);
	for (int i = 0; i < 4; i++)
		CHECK_INT(order[i], 10 * (i + 1));
}

TEST(sleepers_wake_in_order)
{
	run(start_sleepers, NULL);
}

TEST(timer_heap_is_ordered)
{
	static struct timer t[500];
	for (int round = 0; round < 20; round++) {
		for (int i = 0; i < 500; i++)
			timer_set(&t[i], (instant)rand_below(1000));
		for (int i = 0; i < 500; i += 3)
			timer_set(&t[i], (instant)rand_below(1000));
		for (int i = 0; i < 500; i += 7)
			timer_clear(&t[i]);
		instant last = 0;
		int n = 0;
		for (struct timer *f; (f = timer_first()); n++) {
			CHECK(f->at >= last);
			last = f->at;
			timer_clear(f);
		}
		CHECK_INT(n, 500 - 72);
	}
	timer_forget_all();
}

/* A deadline that is pushed back again and again, then reached: the lazy timer must follow. */
static void push_deadlines(void *arg)
{
	struct cond *never = arg;
	struct err e;
	cond_init(never);
	for (int i = 0; i < 50; i++)
		CHECK(co_sleep(instant_in(1 * MSEC), &e) == 0);
	instant long_one = instant_in(40 * MSEC), before = instant_now();
	CHECK(cond_wait(never, instant_in(20 * MSEC), &e) < 0 && e.kind == ERR_TIMEOUT);
	CHECK(instant_now() - before >= 20 * MSEC);
	CHECK(cond_wait(never, long_one, &e) < 0 && e.kind == ERR_TIMEOUT);
	CHECK(instant_now() >= long_one);
	CHECK(cond_wait(never, loop_now() - 1, &e) < 0 && e.kind == ERR_TIMEOUT);
	CHECK(list_empty(&never->waiting));
}

TEST(deadlines_follow_lazily)
{
	struct cond c;
	run(push_deadlines, &c);
}

/* ---- cancel in every kind of wait */

static struct {
	struct cond cond;
	int fds[2];
	int ended;
	enum err_kind kinds[4];
} cancelled;

static void wait_cond(void *arg)
{
	struct err e;
	(void)arg;
	CHECK(cond_wait(&cancelled.cond, INSTANT_NEVER, &e) < 0);
	cancelled.kinds[0] = e.kind;
	CHECK(cond_wait(&cancelled.cond, INSTANT_NEVER, &e) < 0 && e.kind == ERR_CLOSED);
	cancelled.ended++;
}

static void wait_sleep(void *arg)
{
	struct err e;
	(void)arg;
	CHECK(co_sleep(instant_in(HOUR), &e) < 0);
	cancelled.kinds[1] = e.kind;
	cancelled.ended++;
}

static void wait_fd(void *arg)
{
	struct err e;
	(void)arg;
	CHECK(loop_wait_fd(cancelled.fds[0], EPOLLIN, INSTANT_NEVER, &e) < 0);
	cancelled.kinds[2] = e.kind;
	cancelled.ended++;
}

static void wait_group(void *arg)
{
	struct group g;
	(void)arg;
	group_init(&g);
	group_go(&g, "cond", wait_cond, NULL);
	group_go(&g, "sleep", wait_sleep, NULL);
	group_go(&g, "fd", wait_fd, NULL);
	group_join(&g);
	CHECK_INT(cancelled.ended, 3);
	cancelled.kinds[3] = co_cancelled() ? ERR_CLOSED : ERR_NONE;
}

static void slow_job(void *arg)
{
	usleep(30000);
	*(int *)arg = 1;
}

static void wait_pool(void *arg)
{
	pool_call(slow_job, arg);
	CHECK_INT(*(int *)arg, 1);
	cancelled.ended++;
}

static void cancel_all_kinds(void *arg)
{
	struct err e;
	static int job_ran;
	struct group g;
	(void)arg;
	cond_init(&cancelled.cond);
	CHECK(pipe2(cancelled.fds, O_NONBLOCK) == 0);
	group_init(&g);
	struct co *tree = group_go(&g, "group", wait_group, NULL);
	struct co *pooled = group_go(&g, "pool", wait_pool, &job_ran);
	CHECK(co_sleep(instant_in(5 * MSEC), &e) == 0);
	co_cancel(tree);
	co_cancel(tree);
	co_cancel(pooled); /* has no effect on work under way */
	group_join(&g);
	CHECK_INT(cancelled.ended, 4);
	for (int i = 0; i < 4; i++)
		CHECK_INT(cancelled.kinds[i], ERR_CLOSED);
	loop_forget_fd(cancelled.fds[0]);
	close(cancelled.fds[0]);
	close(cancelled.fds[1]);
}

TEST(cancel_ends_every_wait)
{
	loop_init();
	pool_init(2);
	loop_main(cancel_all_kinds, NULL);
	pool_done();
	loop_done();
}

static void born_cancelled(void *arg)
{
	struct err e;
	CHECK(co_sleep(instant_in(HOUR), &e) < 0 && e.kind == ERR_CLOSED);
	++*(int *)arg;
}

static void stopper(void *arg)
{
	struct err e;
	co_go("sleeper", born_cancelled, arg);
	co_yield();
	loop_stop();
	co_go("late", born_cancelled, arg);
	CHECK(co_sleep(instant_in(HOUR), &e) < 0 && e.kind == ERR_CLOSED);
}

TEST(stop_ends_everything)
{
	int ended = 0;
	loop_init();
	co_go("stopper", stopper, &ended);
	loop_run();
	loop_done();
	CHECK_INT(ended, 2);
}

/* ---- conds and groups */

static struct cond turnstile;
static int passed;

static void pass(void *arg)
{
	struct err e;
	(void)arg;
	CHECK_INT(cond_wait(&turnstile, INSTANT_NEVER, &e), 0);
	passed++;
}

static void wake_some(void *arg)
{
	struct group g;
	(void)arg;
	cond_init(&turnstile);
	cond_wake_one(&turnstile); /* nobody there: nothing happens */
	group_init(&g);
	group_join(&g); /* of none */
	for (int i = 0; i < 5; i++)
		group_go(&g, "pass", pass, NULL);
	co_yield();
	cond_wake_one(&turnstile);
	cond_wake_one(&turnstile);
	co_yield();
	CHECK_INT(passed, 2);
	cond_wake_all(&turnstile);
	group_join(&g);
	CHECK_INT(passed, 5);
}

TEST(cond_wakes_one_or_all)
{
	run(wake_some, NULL);
}

/* A wake is never lost on someone who is cancelled in the same round. */
static void wake_and_cancel(void *arg)
{
	struct group g;
	(void)arg;
	passed = 0;
	cond_init(&turnstile);
	group_init(&g);
	struct co *first = group_go(&g, "first", pass, NULL);
	co_yield();
	cond_wake_one(&turnstile);
	co_cancel(first);
	group_join(&g);
	CHECK_INT(passed, 1);
}

TEST(woken_before_cancelled_counts_as_woken)
{
	run(wake_and_cancel, NULL);
}

/* ---- descriptors */

static void read_twice(void *arg)
{
	int *fds = arg;
	char b[8];
	struct err e;
	for (int i = 0; i < 2; i++) {
		while (read(fds[0], b, sizeof b) < 0) {
			CHECK(errno == EAGAIN);
			CHECK_INT(loop_wait_fd(fds[0], EPOLLIN, instant_in(5 * SECOND), &e), 0);
		}
	}
	while (read(fds[0], b, sizeof b) != 0) /* the end comes as an event, too */
		CHECK_INT(loop_wait_fd(fds[0], EPOLLIN, instant_in(5 * SECOND), &e), 0);
}

static void wait_for_nothing(void *arg)
{
	struct err e;
	int r = loop_wait_fd(((int *)arg)[0], EPOLLIN, INSTANT_NEVER, &e);
	CHECK(r < 0 && e.kind == ERR_CLOSED);
}

static void fd_events(void *arg)
{
	int fds[2];
	struct err e;
	struct group g;
	(void)arg;
	CHECK(pipe2(fds, O_NONBLOCK) == 0);
	CHECK(loop_wait_fd(fds[0], EPOLLIN, instant_in(5 * MSEC), &e) < 0 && e.kind == ERR_TIMEOUT);
	group_init(&g);
	group_go(&g, "reader", read_twice, fds);
	for (int i = 0; i < 2; i++) {
		CHECK(co_sleep(instant_in(3 * MSEC), &e) == 0);
		CHECK(write(fds[1], "x", 1) == 1);
	}
	CHECK(co_sleep(instant_in(3 * MSEC), &e) == 0);
	close(fds[1]);
	group_join(&g);
	loop_forget_fd(fds[0]);
	close(fds[0]);

	CHECK(pipe2(fds, O_NONBLOCK) == 0); /* most likely the same numbers again */
	group_go(&g, "waiter", wait_for_nothing, fds);
	co_yield();
	co_yield();
	loop_forget_fd(fds[0]);
	close(fds[0]);
	group_join(&g);
	close(fds[1]);
	AUTO(fd) int file = open("/proc/self/exe", O_RDONLY); /* epoll knows no files */
	CHECK_INT(loop_wait_fd(file, EPOLLIN, INSTANT_NEVER, &e), 0);
}

TEST(descriptors_wake_waiters)
{
	run(fd_events, NULL);
}

/* ---- messages, signals, pool */

static int posts;

static void count_post(void *arg)
{
	(void)arg;
	posts++; /* in the loop's thread: no lock needed */
}

static void *poster(void *arg)
{
	for (int i = 0; i < 5000; i++)
		loop_post(count_post, arg);
	return NULL;
}

static void wait_for_posts(void *arg)
{
	struct err e;
	(void)arg;
	while (posts < 4 * 5000)
		CHECK(co_sleep(loop_now() + MSEC, &e) == 0);
}

TEST(threads_post_to_the_loop)
{
	loop_init();
	pthread_t t[4];
	for (int i = 0; i < 4; i++)
		pthread_create(&t[i], NULL, poster, NULL);
	loop_main(wait_for_posts, NULL);
	for (int i = 0; i < 4; i++)
		pthread_join(t[i], NULL);
	loop_done();
	CHECK_INT(posts, 4 * 5000);
}

static int signals_seen;

static void on_signal(int signo, void *arg)
{
	CHECK_INT(signo, SIGUSR1);
	signals_seen++;
	cond_wake_all(arg);
}

static void wait_signal(void *arg)
{
	struct err e;
	kill(getpid(), SIGUSR1);
	while (signals_seen == 0)
		CHECK(cond_wait(arg, instant_in(5 * SECOND), &e) == 0);
}

TEST(signals_come_as_events)
{
	struct cond c;
	cond_init(&c);
	loop_init();
	loop_on_signal(SIGUSR1, on_signal, &c);
	loop_main(wait_signal, &c);
	loop_done();
	CHECK_INT(signals_seen, 1);
}

static int pool_sum;
static pthread_mutex_t sum_lock = PTHREAD_MUTEX_INITIALIZER;

static void add_in_pool(void *arg)
{
	CHECK(co_self() == NULL);
	pool_call(slow_job, &(int){0}); /* within the pool: runs right here */
	pthread_mutex_lock(&sum_lock);
	pool_sum += *(int *)arg;
	pthread_mutex_unlock(&sum_lock);
}

static void pool_user(void *arg)
{
	for (int i = 0; i < 3; i++)
		pool_call(add_in_pool, arg);
}

static void post_done(void *arg)
{
	CHECK(co_self() == NULL);
	*(int *)arg = 100;
}

static void use_pool(void *arg)
{
	static int one = 1, posted = 0;
	struct group g;
	(void)arg;
	group_init(&g);
	instant before = instant_now();
	for (int i = 0; i < 40; i++)
		group_go(&g, "user", pool_user, &one);
	pool_post(slow_job, post_done, &posted);
	group_join(&g);
	CHECK_INT(pool_sum, 120);
	CHECK_INT(posted, 100);
	CHECK(instant_now() - before < 2 * SECOND); /* 3.6 s of work on 8 threads */
}

TEST(pool_serves_many_coroutines)
{
	loop_init();
	pool_init(8);
	loop_main(use_pool, NULL);
	pool_done();
	loop_done();
	int ran = 0;
	pool_call(slow_job, &ran); /* outside coroutines and without a pool */
	CHECK_INT(ran, 1);
}

/* ---- fork */

static void in_child(void *arg)
{
	*(int *)arg += 1;
}

static void fork_inside(void *arg)
{
	struct err e;
	int status;
	int ran = 0;
	(void)arg;
	pool_call(slow_job, &ran);
	pid_t pid = fork();
	if (pid == 0) { /* a new loop, on this very stack */
		loop_init();
		pool_init(1);
		loop_main(wait_pool, &(int){0});
		loop_main(in_child, &ran);
		pool_done();
		_exit(ran == 2 ? 0 : 9);
	}
	CHECK(co_sleep(instant_in(5 * MSEC), &e) == 0); /* the parent's loop is unharmed */
	CHECK(waitpid(pid, &status, 0) == pid);
	CHECK_INT(status, 0);
	CHECK(co_sleep(instant_in(5 * MSEC), &e) == 0);
}

TEST(a_forked_child_gets_its_own_loop)
{
	loop_init();
	pool_init(2);
	loop_main(fork_inside, NULL);
	pool_done();
	loop_done();
}

/* ---- last words */

static char *last_words(void (*fn)(void *))
{
	static char text[8192];
	int fds[2];
	CHECK(pipe(fds) == 0);
	pid_t pid = fork();
	if (pid == 0) {
		dup2(fds[1], 2);
		close(fds[0]);
		close(fds[1]);
		loop_init();
		loop_main(fn, NULL);
		_exit(0);
	}
	close(fds[1]);
	size_t n = 0;
	for (ssize_t r;
		n < sizeof text - 1 && (r = read(fds[0], text + n, sizeof text - 1 - n)) > 0;)
		n += (size_t)r;
	text[n] = 0;
	close(fds[0]);
	int status;
	CHECK(waitpid(pid, &status, 0) == pid);
	CHECK(WIFSIGNALED(status) || WEXITSTATUS(status) != 0);
	return text;
}

static void print_card(void *arg, void *file)
{
	fprintf(file, "card=%s", (const char *)arg);
}

__attribute__((noipa)) static int fail_a_must(const void *arg)
{
	must(arg != NULL);
	return 1;
}

__attribute__((noipa)) void test_fails_a_must(void *arg);
void test_fails_a_must(void *arg)
{
	co_set_card((struct co_card){print_card, "client-192.0.2.1"});
	depth_reached = fail_a_must(arg) + 1;
}

TEST(a_failed_must_tells_the_story)
{
	char *text = last_words(test_fails_a_must);
	CHECK(strstr(text, "arg != NULL"));
	CHECK(strstr(text, "coroutine=\"main\""));
	CHECK(strstr(text, "card=client-192.0.2.1"));
	CHECK(strstr(text, "test_fails_a_must"));
}

static int overflow(volatile int depth)
{
	volatile char room[512];
	room[depth % 512] = 1;
	return depth < 0 ? 0 : overflow(depth + 1) + room[depth % 512];
}

static void overflows(void *arg)
{
	(void)arg;
	overflow(0);
}

TEST(a_stack_overflow_is_named)
{
	CHECK(strstr(last_words(overflows), "stack overflow in coroutine main"));
}

/* ---- the debugger helper */

static struct cond nobody_wakes;

__attribute__((noipa)) static int test_parks_here(int depth)
{
	struct err e;
	return depth ? test_parks_here(depth - 1) + 1 : cond_wait(&nobody_wakes, INSTANT_NEVER, &e);
}

static void sleepy_session(void *arg)
{
	test_parks_here(3);
	*(int *)arg = 1;
}

static void park_and_tell(void *arg)
{
	static int woken;
	cond_init(&nobody_wakes);
	co_go("sleepy session", sleepy_session, &woken);
	co_yield();
	co_yield();
	CHECK(write(*(int *)arg, "x", 1) == 1);
	test_parks_here(1);
}

TEST(gdb_shows_parked_coroutines)
{
	if (system("gdb --version >/dev/null 2>&1") != 0)
		test_skip("gdb is not installed");
	int fds[2];
	char command[256], b, text[16384];
	CHECK(pipe(fds) == 0);
	pid_t pid = fork();
	if (pid == 0) {
		loop_init();
		loop_main(park_and_tell, &fds[1]);
		_exit(0);
	}
	CHECK(read(fds[0], &b, 1) == 1);
	snprintf(command, sizeof command,
		"gdb -batch -nx -p %d -x tools/posthouse-gdb.py -ex 'coroutine sleepy session' "
		"2>&1",
		pid);
	FILE *gdb = popen(command, "r");
	size_t n = fread(text, 1, sizeof text - 1, gdb);
	text[n] = 0;
	pclose(gdb);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	if (strstr(text, "ptrace: Operation not permitted"))
		test_skip("gdb may not attach here");
	const char *at = text;
	for (int depth = 3; depth >= 0; depth--) {
		at = strstr(at, "test_parks_here at");
		if (!at)
			test_fail(__FILE__, __LINE__, "%s", text);
		at++;
	}
	CHECK(strstr(at, "sleepy_session at") && strstr(at, "arch_boot at"));
}

/* ---- trimming */

static size_t resident(void *low, size_t n)
{
	static unsigned char vec[1024];
	size_t pages = n / 4096, in = 0;
	CHECK(pages <= sizeof vec && mincore(low, n, vec) == 0);
	for (size_t i = 0; i < pages; i++)
		in += vec[i] & 1;
	return in;
}

static void dig_and_park(void *arg)
{
	struct err e;
	volatile int marker = 4711;
	dig(200);
	CHECK(cond_wait(arg, INSTANT_NEVER, &e) == 0);
	CHECK_INT(marker, 4711);
}

static void trim_parked(void *arg)
{
	struct cond c;
	struct group g;
	(void)arg;
	cond_init(&c);
	group_init(&g);
	struct co *co = group_go(&g, "parked", dig_and_park, &c);
	for (int i = 0; i < 4; i++)
		co_yield();
	size_t before = resident(co->stack_low, stack_size());
	CHECK(before >= 12);
	CHECK(sched_sweep(loop_now() + SECOND)); /* too early */
	CHECK_INT(resident(co->stack_low, stack_size()), before);
	sched_sweep(loop_now() + 6 * SECOND);
	CHECK(resident(co->stack_low, stack_size()) <= 3);
	cond_wake_all(&c);
	group_join(&g);
}

TEST(idle_stacks_are_trimmed)
{
	run(trim_parked, NULL);
}
