/* The loop: descriptors, messages from threads, signals, the pool, fork. */
#include "run/loop.h"

#include "base/mem.h"
#include "base/test.h"
#include "run/co.h"
#include "run/pool.h"
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <unistd.h>

static void run(void (*fn)(void *), void *arg)
{
	loop_init();
	loop_main(fn, arg);
	loop_done();
}

static void slow_job(void *arg)
{
	usleep(30000);
	*(int *)arg = 1;
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

static void in_pool(void *arg)
{
	pool_call(slow_job, arg);
	CHECK_INT(*(int *)arg, 1);
}

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
		loop_main(in_pool, &(int){0});
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
