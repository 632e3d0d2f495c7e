/* What a dying process says, and what the debugger helper shows of a living one. */
#include "base/must.h"
#include "base/test.h"
#include "run/co.h"
#include "run/loop.h"
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

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

static volatile int musts_passed;

static int fail_a_must(const void *arg)
{
	must(arg != NULL);
	return 1;
}

/* Calls through volatile pointers, and work after them, keep frames from being optimised away. */
static int (*volatile fail_it)(const void *) = fail_a_must;

void test_fails_a_must(void *arg);

void test_fails_a_must(void *arg)
{
	co_set_card((struct co_card){print_card, "client-192.0.2.1"});
	musts_passed = fail_it(arg) + 1;
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

static int test_parks_here(int depth)
{
	struct err e;
	int (*volatile deeper)(int) = test_parks_here;
	volatile int r = depth ? deeper(depth - 1) : cond_wait(&nobody_wakes, INSTANT_NEVER, &e);
	return r + 1;
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
	char command[256], b;
	static char text[16384];
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
