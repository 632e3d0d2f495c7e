/* Runs the registered unit tests, one forked child each: a crash or a hang fails one test only. */
#include "base/test.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { TEST_SECONDS = 60, TEST_SKIPPED = 77 };

static struct test *tests;

void test_register(struct test *t)
{
	struct test **at = &tests;
	while (*at)
		at = &(*at)->next;
	*at = t;
}

void test_fail(const char *file, int line, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	fprintf(stderr, "%s:%d: ", file, line);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
	va_end(ap);
	_exit(1);
}

void test_skip(const char *why)
{
	fprintf(stderr, "skipped: %s\n", why);
	_exit(TEST_SKIPPED);
}

void test_check_str(const char *file, int line, const char *expr, slice got, slice want)
{
	if (!slice_eq(got, want))
		test_fail(file, line, "%s is \"%.*s\", not \"%.*s\"", expr, SFMT(got), SFMT(want));
}

static int run_one(const struct test *t)
{
	fflush(NULL);
	pid_t pid = fork();
	if (pid == 0) {
		alarm(TEST_SECONDS);
		t->fn();
		fflush(NULL);
		exit(0); /* not _exit: the leak check runs at exit */
	}
	int status;
	while (waitpid(pid, &status, 0) < 0)
		;
	if (WIFSIGNALED(status)) {
		fprintf(stderr, "%s: ended by signal %d%s\n", t->name, WTERMSIG(status),
			WTERMSIG(status) == SIGALRM ? " (took too long)" : "");
		return 1;
	}
	return WEXITSTATUS(status);
}

int main(int argc, char **argv)
{
	int passed = 0, failed = 0, skipped = 0;
	for (struct test *t = tests; t; t = t->next) {
		if (argc > 1 && !strstr(t->name, argv[1]))
			continue;
		int r = run_one(t);
		if (r == 0)
			passed++;
		else if (r == TEST_SKIPPED)
			skipped++;
		else {
			failed++;
			printf("FAIL %s (%s)\n", t->name, t->file);
		}
	}
	printf("%d passed, %d failed, %d skipped\n", passed, failed, skipped);
	return failed != 0;
}
