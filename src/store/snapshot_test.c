/* Which snapshots go. */
#include "store/snapshot.h"

#include "base/test.h"
#include "base/time.h"
#include "store/store_testing.h"
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static void path_of(const struct testdir *d, const char *name, char out[400])
{
	snprintf(out, 400, "%s/snapshot/%s", d->path, name);
}

static void make(const struct testdir *d, const char *name, int days)
{
	char path[400];
	path_of(d, name, path);
	int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	CHECK(fd >= 0 && close(fd) == 0);
	int64_t at = (wall_now() - days * DAY) / SECOND;
	const struct timespec t[2] = {{.tv_sec = at}, {.tv_sec = at}};
	CHECK_INT(utimensat(AT_FDCWD, path, t, 0), 0);
}

static bool there(const struct testdir *d, const char *name)
{
	char path[400];
	path_of(d, name, path);
	return access(path, F_OK) == 0;
}

TEST(snapshots_old_ones_go_but_for_the_newest)
{
	AUTO(testdir) struct testdir d = testdir_make();
	char name[100], path[400];
	struct err e;
	CHECK(snapshots_thin(testdir_slice(&d), &e) == 0); /* no directory: nothing to do */
	path_of(&d, "", path);
	CHECK(mkdir(path, 0700) == 0);
	for (int i = 1; i <= SNAPSHOTS_KEPT + 2; i++) {
		snprintf(name, sizeof name, "queue-v%d-2020-01-01T00-00-00.000Z.sqlite", i);
		make(&d, name, 1000 - i);
		snprintf(name, sizeof name, "trace-v%d-2020-01-01T00-00-00.000Z.sqlite", i);
		make(&d, name, SNAPSHOTS_DAYS - 10 + i);
	}
	make(&d, "mail-00-v1-2020-01-01T00-00-00.000Z.sqlite", 2000);
	make(&d, "queue.sqlite", 3000);
	make(&d, "mine.txt", 3000);
	CHECK(snapshots_thin(testdir_slice(&d), &e) == 0);
	for (int i = 1; i <= SNAPSHOTS_KEPT + 2; i++) {
		snprintf(name, sizeof name, "queue-v%d-2020-01-01T00-00-00.000Z.sqlite", i);
		CHECK_INT(there(&d, name), i > 2);
		snprintf(name, sizeof name, "trace-v%d-2020-01-01T00-00-00.000Z.sqlite", i);
		CHECK_INT(there(&d, name), 1); /* young enough */
	}
	CHECK(there(&d, "mail-00-v1-2020-01-01T00-00-00.000Z.sqlite"));
	CHECK(there(&d, "queue.sqlite") && there(&d, "mine.txt"));
}
