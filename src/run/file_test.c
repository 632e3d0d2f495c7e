#include "run/file.h"

#include "base/mem.h"
#include "base/test.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static void check_holds(const char *path, const char *wanted, unsigned mode)
{
	char text[64];
	struct stat st;
	AUTO(fd) int fd = open(path, O_RDONLY);
	ssize_t n = read(fd, text, sizeof text);
	CHECK(n >= 0 && slice_eq(slice_of(text, n < 0 ? 0 : (size_t)n), slice_z(wanted)));
	CHECK(fstat(fd, &st) == 0);
	CHECK_INT(st.st_mode & 0777, mode);
}

TEST(file_replaces_and_refuses)
{
	char dir[] = "/tmp/file-test-XXXXXX", path[64], other[64];
	struct err e;
	CHECK(mkdtemp(dir) != NULL);
	snprintf(path, sizeof path, "%s/a", dir);
	snprintf(other, sizeof other, "%s/b", dir);
	CHECK_INT(file_replace(slice_z(dir), S("a"), S("a longer text"), &e), 0);
	CHECK_INT(file_replace(slice_z(dir), S("a"), S("new"), &e), 0);
	check_holds(path, "new", 0600);

	CHECK_INT(file_put(other, S("key"), O_EXCL, 0600, &e), 0);
	CHECK_INT(file_put(other, S("other"), O_EXCL, 0600, &e), -1);
	check_holds(other, "key", 0600);
	unlink(other);

	CHECK(symlink(path, other) == 0);
	CHECK_INT(file_put(other, S("x"), O_TRUNC | O_NOFOLLOW, 0600, &e), -1);
	check_holds(path, "new", 0600);
	unlink(other);

	unlink(path);
	CHECK_INT(rmdir(dir), 0); /* nothing was left aside */
	CHECK_INT(file_replace(slice_z(dir), S("a"), S("x"), &e), -1);
	CHECK_INT(file_sync_dir(dir, &e), -1);
}
