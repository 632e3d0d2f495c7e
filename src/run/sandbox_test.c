/*
 * The sandbox, from inside: each test enters one (a test is a process of its own) and tries what
 * must not work, and what must.
 */
#include "run/sandbox.h"

#include "base/mem.h"
#include "base/test.h"
#include "run/arch_san.h"
#include "run/log.h"
#include "run/loop.h"
#include "run/net.h"
#include "run/pool.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static bool have_landlock(int abi)
{
	return syscall(SYS_landlock_create_ruleset, NULL, 0, 1) >= abi;
}

static char dir[64];

/* Removes the directory when this process has ended, which cannot do so itself from its sandbox. */
static void clean_up_later(void)
{
	int alive[2];
	char nothing;
	CHECK(pipe2(alive, O_CLOEXEC) == 0);
	if (fork() != 0) {
		close(alive[0]);
		return;
	}
	close(alive[1]);
	signal(SIGALRM, SIG_IGN);
	ssize_t n = read(alive[0], &nothing, 1);
	execlp("rm", "rm", "-rf", dir, NULL);
	_exit(n < 0);
}

/* A private directory with rw/ and ro/, ro/file. */
static void make_dir(void)
{
	char path[128];
	snprintf(dir, sizeof dir, "/tmp/posthouse-sandbox-XXXXXX");
	CHECK(mkdtemp(dir) != NULL);
	clean_up_later();
	chmod(dir, 0755);
	snprintf(path, sizeof path, "%s/rw", dir);
	CHECK(mkdir(path, 0777) == 0 && chmod(path, 0777) == 0);
	snprintf(path, sizeof path, "%s/ro", dir);
	CHECK(mkdir(path, 0755) == 0);
	snprintf(path, sizeof path, "%s/ro/file", dir);
	int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0644);
	CHECK(fd >= 0 && close(fd) == 0);
}

static slice below(const char *name)
{
	static char path[4][128];
	static unsigned i;
	char *p = path[i++ % 4];
	return slice_of(p, (size_t)snprintf(p, sizeof path[0], "%s/%s", dir, name));
}

static void enter(unsigned may)
{
	struct err e;
	struct sandbox s = {.mode = SANDBOX_AUTO, .may = may, .user = S("nobody")};
	s.paths[0] = (struct sandbox_path){below("rw"), true};
	s.paths[1] = (struct sandbox_path){below("ro"), false};
	s.paths[2] = (struct sandbox_path){below("absent"), true};
	s.npaths = 3;
	if (sandbox_enter(&s, &e) < 0)
		test_fail(__FILE__, __LINE__, "%s", e.text);
}

static int try_open(slice path, int flags)
{
	int fd = open(path.p, flags | O_CLOEXEC, 0600);
	if (fd < 0)
		return errno;
	close(fd);
	return 0;
}

TEST(sandbox_files)
{
	if (!have_landlock(1))
		test_skip("no landlock here");
	make_dir();
	enter(0);
	CHECK_INT(try_open(below("rw/new"), O_CREAT | O_RDWR), 0);
	CHECK_INT(rename(below("rw/new").p, below("rw/newer").p), 0);
	CHECK_INT(unlink(below("rw/newer").p), 0);
	CHECK_INT(try_open(below("ro/file"), O_RDONLY), 0);
	CHECK_INT(try_open(below("ro/file"), O_RDWR), EACCES);
	CHECK_INT(try_open(below("ro/new"), O_CREAT | O_RDWR), EACCES);
	CHECK_INT(try_open(S("/etc/passwd"), O_RDONLY), EACCES);
	CHECK_INT(try_open(S("/tmp/posthouse-should-not"), O_CREAT | O_RDWR), EACCES);
	CHECK_INT(try_open(S("/"), O_RDONLY | O_DIRECTORY), EACCES);
}

TEST(sandbox_no_exec)
{
	make_dir();
	enter(0);
	char *argv[] = {(char *)"/bin/true", NULL};
	CHECK(execv(argv[0], argv) < 0);
	CHECK(errno == EPERM || errno == EACCES);
}

TEST(sandbox_no_ports)
{
	if (!have_landlock(4))
		test_skip("landlock here knows no ports");
	make_dir();
	struct net_addr a;
	struct err e;
	CHECK(net_parse(S("127.0.0.1:1"), 0, &a, &e) == 0);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	CHECK(fd >= 0);
	enter(0);
	CHECK(connect(fd, (struct sockaddr *)&a.ss, a.len) < 0);
	CHECK(errno == EACCES || errno == EPERM);
	CHECK(net_parse(S("127.0.0.1:0"), 0, &a, &e) == 0);
	CHECK(bind(fd, (struct sockaddr *)&a.ss, a.len) < 0);
	CHECK(errno == EACCES || errno == EPERM);
}

TEST(sandbox_may_connect_but_not_bind)
{
	if (!have_landlock(4))
		test_skip("landlock here knows no ports");
	make_dir();
	struct net_addr a;
	struct err e;
	enter(SANDBOX_MAY_CONNECT);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	CHECK(fd >= 0);
	CHECK(net_parse(S("127.0.0.1:1"), 0, &a, &e) == 0);
	CHECK(connect(fd, (struct sockaddr *)&a.ss, a.len) < 0 && errno == ECONNREFUSED);
	CHECK(net_parse(S("127.0.0.1:0"), 0, &a, &e) == 0);
	CHECK(bind(fd, (struct sockaddr *)&a.ss, a.len) < 0 && (errno == EACCES || errno == EPERM));
}

TEST(sandbox_gives_up_root)
{
	if (geteuid() != 0)
		test_skip("needs root");
	make_dir();
	enter(0);
	CHECK(geteuid() != 0 && getegid() != 0 && getuid() == geteuid());
	CHECK(setuid(0) < 0);
}

TEST(sandbox_off_still_gives_up_root)
{
	if (geteuid() != 0)
		test_skip("needs root");
	struct err e;
	const struct sandbox s = {.mode = SANDBOX_OFF, .may = SANDBOX_NO_DUMP, .user = S("nobody")};
	CHECK(sandbox_enter(&s, &e) == 0);
	CHECK(geteuid() != 0);
	CHECK_INT(try_open(S("/etc/passwd"), O_RDONLY), 0);
	CHECK_INT(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0), 1);
	CHECK_INT(prctl(PR_GET_DUMPABLE), 0);
}

/* Commands work for root as the server's user, and may go back; what they confine may not. */
TEST(sandbox_gives_up_what_could_be_taken_back)
{
	if (geteuid() != 0)
		test_skip("needs root");
	unsigned uid, gid, ids[3];
	struct err e;
	CHECK(sandbox_user_ids(S("nobody"), &uid, &gid, &e) == 0);
	CHECK(setegid(gid) == 0 && seteuid(uid) == 0);
	const struct sandbox s = {.mode = SANDBOX_OFF, .user = S("nobody")};
	CHECK(sandbox_enter(&s, &e) == 0);
	CHECK(seteuid(0) < 0 && setuid(0) < 0 && setegid(0) < 0);
	CHECK(getresuid(&ids[0], &ids[1], &ids[2]) == 0);
	for (int i = 0; i < 3; i++)
		CHECK_INT(ids[i], uid);
}

TEST(sandbox_limits)
{
	struct rlimit r;
	struct err e;
	const struct sandbox s = {.may = SANDBOX_NO_DUMP, .user = S("nobody"), .open_files = 77};
	CHECK(sandbox_enter(&s, &e) == 0);
	CHECK(getrlimit(RLIMIT_NOFILE, &r) == 0 && r.rlim_cur == 77);
	CHECK(getrlimit(RLIMIT_CORE, &r) == 0 && r.rlim_max == 0);
}

TEST(sandbox_required_says_what_lacks)
{
	if (!SAN_ON)
		test_skip("everything is here");
	struct err e;
	const struct sandbox s = {.mode = SANDBOX_REQUIRED, .user = S("nobody")};
	CHECK(sandbox_enter(&s, &e) < 0 && e.kind == ERR_PERM);
	CHECK(strstr(e.text, "seccomp") != NULL);
}

TEST(sandbox_says_how_complete_it_is)
{
	char state[SANDBOX_STATE_MAX];
	sandbox_state(state);
	CHECK_STR(slice_z(state), S("off"));
	make_dir();
	enter(0);
	sandbox_state(state);
	if (SAN_ON)
		CHECK(strncmp(state, "without:", 8) == 0 && strstr(state, "seccomp"));
	else if (have_landlock(6))
		CHECK_STR(slice_z(state), S("complete"));
}

static void forbidden(void *ret)
{
	*(int *)ret = syscall(SYS_ptrace, PTRACE_TRACEME, 0, 0, 0) < 0 ? errno : 0;
}

static void forbidden_in_pool(void *arg)
{
	pool_call(forbidden, arg);
}

static void only_with_seccomp(void);

/* There, too, it fails and kills nobody. */
TEST(sandbox_holds_in_pool_threads)
{
	int result = 0;
	only_with_seccomp();
	loop_init();
	pool_init(1);
	make_dir();
	enter(0);
	loop_main(forbidden_in_pool, &result);
	CHECK_INT(result, EPERM);
	pool_done();
}

/* ---- system calls ---- */

static void only_with_seccomp(void)
{
	if (SAN_ON)
		test_skip("seccomp is left out in builds with sanitizers");
}

TEST(sandbox_alarming_calls_fail_and_are_told_once)
{
	only_with_seccomp();
	int told[2];
	char line[512];
	CHECK(pipe2(told, O_CLOEXEC) == 0);
	make_dir();
	enter(0);
	int was = dup(2);
	CHECK(was >= 0 && dup2(told[1], 2) == 2);
	CHECK(syscall(SYS_ptrace, PTRACE_TRACEME, 0, 0, 0) < 0 && errno == EPERM);
	CHECK(syscall(SYS_ptrace, PTRACE_TRACEME, 0, 0, 0) < 0 && errno == EPERM);
	CHECK(syscall(SYS_unshare, 0x10000000) < 0 && errno == EPERM);
	CHECK(syscall(SYS_kill, getppid(), SIGTERM) < 0 && errno == EPERM);
	CHECK(socket(AF_UNIX, SOCK_STREAM, 0) < 0 && errno == EPERM);
	CHECK(socket(AF_INET, SOCK_STREAM, 0) < 0 && errno == EPERM);
	CHECK(mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) ==
		MAP_FAILED);
	CHECK(fork() < 0);
	dup2(was, 2);
	ssize_t n = read(told[0], line, sizeof line);
	CHECK(n > 0);
	unsigned lines = 0;
	for (ssize_t i = 0; i < n; i++)
		lines += line[i] == '\n';
	CHECK_INT(lines, 3); /* ptrace, unshare, kill */
	char want[64];
	snprintf(want, sizeof want, "level=error event=sandbox.denied syscall=%04d\n", SYS_ptrace);
	CHECK_STR(slice_of(line, strlen(want)), slice_z(want));
}

static void count(void *arg)
{
	++*(int *)arg;
}

static void use_pool(void *arg)
{
	for (int i = 0; i < 4; i++)
		pool_call(count, arg);
}

/* Threads, memory and files go on as before. */
TEST(sandbox_leaves_work_possible)
{
	int counted = 0;
	make_dir();
	loop_init();
	pool_init(2);
	enter(SANDBOX_MAY_CONNECT);
	loop_main(use_pool, &counted);
	CHECK_INT(counted, 4);
	char *big = mem_alloc(10 << 20);
	memset(big, 1, 10 << 20);
	free(big);
	pool_done();
}
