/* Metrics: counting before and after the page exists, reading from outside, rendering, damaged
 * pages. */
#include "base/mem.h"
#include "base/test.h"
#include "run/metrics.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

METRIC_COUNTER(apples, "test_apples_total", "kind=\"green\"", "Apples.\nAll of them.");
METRIC_GAUGE(open_now, "test_open", "", "Open.");
METRIC_HISTOGRAM(sizes, "test_sizes", "", "Sizes.");
METRIC_DURATION(took, "test_took_seconds", "", "Durations.");

static char dir[] = "/tmp/ph-metrics-XXXXXX";

static void make_dir(void)
{
	CHECK(mkdtemp(dir) != NULL);
}

static void remove_dir(void)
{
	char cmd[64];
	snprintf(cmd, sizeof cmd, "rm -r %s", dir);
	CHECK(system(cmd) == 0);
}

static slice render(struct arena *a)
{
	struct metric_set set;
	struct err e;
	struct buf out = BUF(1 << 20);
	CHECK(metrics_read(slice_z(dir), a, &set, &e) == 0);
	metrics_render(&set, &out);
	slice s = arena_dup(a, buf_slice(&out));
	buf_done(&out);
	return s;
}

static void has(slice text, const char *line)
{
	if (slice_find(text, slice_z(line)) == text.n)
		test_fail(__FILE__, __LINE__, "no \"%s\" in:\n%.*s", line, SFMT(text));
}

TEST(metrics_are_read_from_outside)
{
	AUTO(arena) struct arena a = {0};
	struct err e;
	make_dir();
	metric_add(&apples, 2); /* before the page */
	CHECK(metrics_open(slice_z(dir), S("edge"), 3, &e) == 0);
	metric_add(&apples, 5);
	metric_set(&open_now, -4);
	metric_observe(&sizes, 0);
	metric_observe(&sizes, 1);
	metric_observe(&sizes, 7);
	metric_observe(&sizes, UINT64_MAX >> 1);
	metric_observe(&took, 1500000);
	slice s = render(&a);
	has(s, "# HELP test_apples_total Apples.\\nAll of them.\n# TYPE test_apples_total counter\n"
	       "test_apples_total{role=\"edge\",instance=\"3\",kind=\"green\"} 7\n");
	has(s, "test_open{role=\"edge\",instance=\"3\"} -4\n");
	has(s, "test_sizes_bucket{role=\"edge\",instance=\"3\",le=\"0\"} 1\n");
	has(s, "le=\"1\"} 2\n");
	has(s, "le=\"7\"} 3\n");
	has(s, "test_sizes_bucket{role=\"edge\",instance=\"3\",le=\"+Inf\"} 4\n");
	has(s, "test_took_seconds_bucket{role=\"edge\",instance=\"3\",le=\"1.048575\"} 0\n");
	has(s, "le=\"2.097151\"} 1\n");
	has(s, "test_took_seconds_sum{role=\"edge\",instance=\"3\"} 1.5\n");
	remove_dir();
}

TEST(metrics_of_processes_add_up)
{
	AUTO(arena) struct arena a = {0};
	struct metric_set set;
	struct err e;
	make_dir();
	for (int i = 0; i < 3; i++) {
		if (fork() == 0) {
			metric_add(&apples, 10 + i);
			_exit(metrics_open(slice_z(dir), S("edge"), (unsigned)i, &e) != 0);
		}
	}
	for (int status; wait(&status) > 0;)
		CHECK_INT(status, 0);
	CHECK(metrics_read(slice_z(dir), &a, &set, &e) == 0);
	CHECK_INT(metrics_total(&set, S("test_apples_total")), 33);
	CHECK_INT(metrics_total(&set, S("test_absent")), 0);
	slice s = render(&a);
	size_t first = slice_find(s, S("# TYPE test_apples_total"));
	CHECK(first < s.n);
	CHECK_INT(slice_find(slice_skip(s, first + 5), S("# TYPE test_apples_total")),
		s.n - first - 5);
	remove_dir();
}

TEST(metrics_without_a_directory_are_empty)
{
	AUTO(arena) struct arena a = {0};
	struct metric_set set;
	struct err e;
	CHECK(metrics_read(S("/tmp/ph-no-such-dir"), &a, &set, &e) == 0 && set.n == 0);
}

/* Every byte of the description destroyed in turn, and every shorter file: never a crash. */
TEST(metrics_pages_may_be_damaged)
{
	char path[64], page[16384];
	struct err e;
	make_dir();
	CHECK(metrics_open(slice_z(dir), S("edge"), 0, &e) == 0);
	snprintf(path, sizeof path, "%s/edge-0", dir);
	int fd = open(path, O_RDWR);
	ssize_t n = read(fd, page, sizeof page);
	CHECK(n > 500 && n < (ssize_t)sizeof page);
	unlink(path); /* our own page lives on, the copies below are the damaged ones */
	close(fd);
	fd = open(path, O_RDWR | O_CREAT, 0600);
	for (ssize_t i = 0; i < 400; i++) {
		AUTO(arena) struct arena a = {0};
		char broken[16384];
		memcpy(broken, page, sizeof broken);
		broken[i] = (char)~broken[i];
		CHECK(pwrite(fd, broken, (size_t)n, 0) == n);
		render(&a);
		CHECK(pwrite(fd, page, (size_t)n, 0) == n && ftruncate(fd, n * i / 400) == 0);
		render(&a);
	}
	remove_dir();
}
