/* Counters that two openings (two processes) share; a file that was cut, and one that cannot be made. */
#include "store/changes.h"

#include "store/store_testing.h"

#include <sys/stat.h>
#include <sys/wait.h>

static void make_db_dir(const struct testdir *d, char path[100])
{
	snprintf(path, 100, "%s/db", d->path);
	CHECK(mkdir(path, 0700) == 0);
	snprintf(path, 100, "%s/db/changes.map", d->path);
}

TEST(changes_are_seen_by_another_process)
{
	AUTO(testdir) struct testdir d = testdir_make();
	char path[100];
	struct err e;
	struct changes *a, *b;
	make_db_dir(&d, path);
	CHECK(changes_open(testdir_slice(&d), &a, &e) == 0);
	uint64_t any = changes_any(a), seven = changes_seen(a, 7), eight = changes_seen(a, 8);
	pid_t pid = fork();
	if (pid == 0) {
		int r = changes_open(testdir_slice(&d), &b, &e);
		if (r == 0)
			changes_tell(b, 7);
		_exit(r == 0 ? 0 : 1);
	}
	int status;
	CHECK(waitpid(pid, &status, 0) == pid && status == 0);
	CHECK_INT(changes_seen(a, 7), seven + 1);
	CHECK_INT(changes_seen(a, 8), eight);
	CHECK_INT(changes_any(a), any + 1);
	changes_tell(a, 7 + CHANGES_SLOTS); /* shares the slot: somebody looks in vain */
	CHECK_INT(changes_seen(a, 7), seven + 2);
	changes_close(a);
	CHECK(changes_open(testdir_slice(&d), &a, &e) == 0);
	CHECK_INT(changes_any(a), any + 2);
	changes_close(a);
	changes_close(NULL);
	changes_tell(NULL, 7);
}

TEST(changes_file_that_is_too_short)
{
	AUTO(testdir) struct testdir d = testdir_make();
	char path[100];
	struct err e;
	struct changes *c;
	make_db_dir(&d, path);
	AUTO(fd) int fd = open(path, O_WRONLY | O_CREAT, 0600);
	CHECK(write(fd, "garbage", 7) == 7);
	CHECK(changes_open(testdir_slice(&d), &c, &e) == 0);
	for (int64_t i = 0; i < CHANGES_SLOTS; i++)
		changes_tell(c, i);
	changes_close(c);
}

TEST(changes_without_their_directory)
{
	AUTO(testdir) struct testdir d = testdir_make();
	struct err e;
	struct changes *c;
	CHECK(changes_open(testdir_slice(&d), &c, &e) < 0);
	CHECK_INT(e.kind, ERR_NOTFOUND);
}
