/* What each role may touch, tried from inside its sandbox (each test is a process of its own). */
#include "bin/role.h"

#include "base/mem.h"
#include "base/test.h"
#include "store/store_testing.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *const places[] = {"auth/secret", "db/directory.sqlite", "blob/1.pack",
	"tls/key.pem", "keys/secret", "learn/journal"};
enum { PLACES = sizeof places / sizeof *places };

static struct config c;

static void make_file(const struct testdir *d, const char *name)
{
	char path[512];
	snprintf(path, sizeof path, "%s/%s", d->path, name);
	*strrchr(path, '/') = 0;
	CHECK(mkdir(path, 0777) == 0 || errno == EEXIST);
	chmod(path, 0777);
	path[strlen(path)] = '/';
	int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0666);
	CHECK(fd >= 0);
	fchmod(fd, 0666);
	close(fd);
}

static void prepare(const struct testdir *d)
{
	char text[1024];
	struct err e;
	chmod(d->path, 0755);
	for (int i = 0; i < PLACES; i++)
		make_file(d, places[i]);
	snprintf(text, sizeof text, "[server]\ndata = %s\nrun = %s\n", d->path, d->path);
	if (config_parse(slice_z(text), S("test.conf"), &c, &e) < 0)
		test_fail(__FILE__, __LINE__, "%s", e.text);
}

static bool opens(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC);
	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

/* In a process of its own: bits of the places that could be opened; 128: more than the store. */
static int reach(const struct testdir *d, const char *role)
{
	struct err e;
	int found = 0;
	if (role_confine(role, &c, &e) < 0)
		return 255;
	for (int i = 0; i < PLACES; i++) {
		char path[512];
		snprintf(path, sizeof path, "%s/%s", d->path, places[i]);
		if (opens(path, O_RDONLY))
			found |= 1 << i;
	}
	if (opens("/etc/passwd", O_RDONLY) || opens("/proc/self/environ", O_RDONLY) ||
		opens("/tmp", O_RDONLY))
		found |= 128;
	return found;
}

static int reach_of(const struct testdir *d, const char *role)
{
	int status;
	pid_t pid = fork();
	if (pid == 0)
		_exit(reach(d, role));
	CHECK(waitpid(pid, &status, 0) == pid && WIFEXITED(status));
	return WEXITSTATUS(status);
}

TEST(role_reaches_what_it_needs_and_no_more)
{
	static const struct {
		const char *role;
		int reach; /* secret 1, directory 2, packs 4, certificate's key 8, signing keys 16,
			      what was learned 32 */
	} all[] = {{"edge", 2 | 4}, {"queue", 2 | 4}, {"auth", 1 | 2},
		{"keeper", 2 | 4 | 32}, /* changed addresses reach the lessons, too */
		{"keys", 16}, {"learn", 32}, {"reader", 0}, {"prepare", 1 | 2 | 4 | 8 | 16 | 32},
		{"backup", 1 | 2 | 4 | 8 | 16 | 32}}; /* it reads everything */
	if (syscall(SYS_landlock_create_ruleset, NULL, 0, 1) < 1)
		test_skip("no landlock here");
	AUTO(testdir) struct testdir d = testdir_make();
	prepare(&d);
	for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
		int got = reach_of(&d, all[i].role);
		if (got != all[i].reach)
			test_fail(__FILE__, __LINE__, "%s reaches %d, not %d", all[i].role, got,
				all[i].reach);
	}
	struct err e;
	CHECK(role_confine("nobody", &c, &e) < 0 && e.kind == ERR_NOTFOUND);
	config_done(&c);
}
