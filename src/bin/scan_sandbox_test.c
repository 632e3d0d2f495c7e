/*
 * What somebody who has taken a scan process over would try, tried from inside its sandbox (each
 * test is a process of its own): everything must be denied. And that the libraries which take
 * letters apart still work there.
 */
#include "bin/role.h"

#include "base/mem.h"
#include "base/test.h"
#include "bin/scan_tools.h"
#include "codec/charset.h"
#include "content/report.h"
#include "run/arch_san.h"
#include "run/sandbox.h"
#include "store/store_testing.h"
#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <gd.h>
#include <libxml/parser.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static struct config c;
static char secret[600], inside[600];
static pid_t victim; /* a process of the same user */
static int sockets[2]; /* that were open before: TCP, Unix */

static void configure(const struct testdir *d)
{
	char text[1400];
	struct err e;
	chmod(d->path, 0755);
	snprintf(secret, sizeof secret, "%s/secret", d->path);
	snprintf(inside, sizeof inside, "%s/new", d->path);
	int fd = open(secret, O_CREAT | O_WRONLY | O_CLOEXEC, 0666);
	CHECK(fd >= 0 && close(fd) == 0 && chmod(secret, 0666) == 0);
	snprintf(text, sizeof text, "[server]\ndata = %s\nrun = %s\n", d->path, d->path);
	if (config_parse(slice_z(text), S("test.conf"), &c, &e) < 0)
		test_fail(__FILE__, __LINE__, "%s", e.text);
}

/* Lives until this test's process has ended, and as the same user as that. */
static void make_victim(void)
{
	unsigned uid, gid;
	int alive[2];
	char nothing;
	struct err e;
	CHECK(pipe2(alive, O_CLOEXEC) == 0);
	victim = fork();
	CHECK(victim >= 0);
	if (victim > 0) {
		close(alive[0]);
		return;
	}
	close(alive[1]);
	if (geteuid() == 0 && (sandbox_user_ids(c.server->user, &uid, &gid, &e) < 0 ||
				      setgid(gid) < 0 || setuid(uid) < 0))
		_exit(1);
	_exit(read(alive[0], &nothing, 1) != 0);
}

static void confine(const struct testdir *d)
{
	struct err e;
	if (SAN_ON)
		test_skip("seccomp is left out in builds with sanitizers");
	if (syscall(SYS_landlock_create_ruleset, NULL, 0, 1) < 1)
		test_skip("no landlock here");
	configure(d);
	make_victim();
	sockets[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	sockets[1] = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	CHECK(sockets[0] >= 0 && sockets[1] >= 0);
	if (role_confine("scan", &c, &e) < 0)
		test_fail(__FILE__, __LINE__, "%s", e.text);
}

/* ---- what is tried ---- */

#define DENIED(call) check_denied(#call, (long)(call))
static void check_denied(const char *what, long result)
{
	if (result >= 0)
		test_fail(__FILE__, __LINE__, "%s was possible", what);
	if (errno != EPERM && errno != EACCES && errno != ENOSYS)
		test_fail(__FILE__, __LINE__, "%s failed, but only by %s", what, strerror(errno));
}

TEST(scan_opens_nothing)
{
	AUTO(testdir) struct testdir d = testdir_make();
	char own[64];
	confine(&d);
	DENIED(open("/etc/passwd", O_RDONLY | O_CLOEXEC));
	DENIED(open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	DENIED(open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	DENIED(open(secret, O_RDONLY | O_CLOEXEC));
	DENIED(open(secret, O_WRONLY | O_CLOEXEC));
	DENIED(open(inside, O_CREAT | O_RDWR | O_CLOEXEC, 0600));
	DENIED(open("/tmp/posthouse-should-not", O_CREAT | O_RDWR | O_CLOEXEC, 0600));
	DENIED(open("/proc/self/environ", O_RDONLY | O_CLOEXEC));
	DENIED(open("/proc/self/maps", O_RDONLY | O_CLOEXEC));
	DENIED(open("/proc/self/mem", O_RDWR | O_CLOEXEC));
	snprintf(own, sizeof own, "/proc/%d/mem", (int)victim);
	DENIED(open(own, O_RDWR | O_CLOEXEC));
	DENIED(open("/dev/null", O_RDWR | O_CLOEXEC));
	DENIED(syscall(SYS_open_by_handle_at, AT_FDCWD, NULL, 0));
}

TEST(scan_changes_no_files)
{
	AUTO(testdir) struct testdir d = testdir_make();
	confine(&d);
	DENIED(chmod(secret, 0777));
	DENIED(truncate(secret, 0));
	DENIED(unlink(secret));
	DENIED(rename(secret, inside));
	DENIED(link(secret, inside));
	DENIED(symlink(secret, inside));
	DENIED(mkdir(inside, 0700));
	DENIED(mknod(inside, S_IFIFO | 0600, 0));
	DENIED(chown(secret, 0, 0));
	DENIED(utimensat(AT_FDCWD, secret, NULL, 0));
	DENIED(chroot("/"));
	DENIED(syscall(SYS_mount, "none", "/tmp", "tmpfs", 0, NULL));
	DENIED(syscall(SYS_umount2, "/", 0));
}

TEST(scan_reaches_no_network)
{
	AUTO(testdir) struct testdir d = testdir_make();
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	struct net_addr a;
	struct err e;
	confine(&d);
	static const struct {
		int family, type;
	} kinds[] = {{AF_INET, SOCK_STREAM}, {AF_INET, SOCK_DGRAM}, {AF_INET6, SOCK_STREAM},
		{AF_INET6, SOCK_DGRAM}, {AF_INET, SOCK_RAW}, {AF_UNIX, SOCK_STREAM},
		{AF_UNIX, SOCK_DGRAM}, {AF_NETLINK, SOCK_RAW}, {AF_PACKET, SOCK_RAW},
		{AF_VSOCK, SOCK_STREAM}, {AF_ALG, SOCK_SEQPACKET}};
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
		DENIED(socket(kinds[i].family, kinds[i].type | SOCK_CLOEXEC, 0));
	CHECK(net_parse(S("127.0.0.1:25"), 0, &a, &e) == 0);
	DENIED(connect(sockets[0], (struct sockaddr *)&a.ss, a.len));
	DENIED(bind(sockets[0], (struct sockaddr *)&a.ss, a.len));
	snprintf(un.sun_path, sizeof un.sun_path, "/run/systemd/notify");
	DENIED(connect(sockets[1], (struct sockaddr *)&un, sizeof un));
	DENIED(listen(sockets[0], 1));
}

TEST(scan_starts_and_touches_no_process)
{
	AUTO(testdir) struct testdir d = testdir_make();
	char byte = 0;
	struct iovec here = {&byte, 1}, there = {&byte, 1};
	confine(&d);
	char *argv[] = {(char *)"/bin/true", NULL};
	DENIED(execv(argv[0], argv));
	DENIED(syscall(SYS_execveat, AT_FDCWD, "/bin/true", argv, NULL, 0));
	DENIED(fork());
	DENIED(syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL));
	DENIED(syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, NULL, NULL, NULL, NULL));
	DENIED(syscall(SYS_clone3, NULL, 0));
	DENIED(ptrace(PTRACE_ATTACH, victim, NULL, NULL));
	DENIED(ptrace(PTRACE_TRACEME, 0, NULL, NULL));
	DENIED(process_vm_readv(victim, &here, 1, &there, 1, 0));
	DENIED(process_vm_writev(victim, &here, 1, &there, 1, 0));
	DENIED(kill(victim, SIGKILL));
	DENIED(kill(-1, 0));
	DENIED(syscall(SYS_tkill, victim, SIGKILL));
	DENIED(syscall(SYS_tgkill, victim, victim, SIGKILL));
	DENIED(syscall(SYS_rt_sigqueueinfo, victim, SIGKILL, NULL));
	DENIED(syscall(SYS_rt_tgsigqueueinfo, victim, victim, SIGKILL, NULL));
	DENIED(syscall(SYS_pidfd_open, victim, 0));
	DENIED(syscall(SYS_prlimit64, victim, 7, &byte, NULL));
	DENIED(syscall(SYS_setpriority, 0, victim, 5));
	DENIED(syscall(SYS_sched_setaffinity, victim, 1, &byte));
	CHECK(waitpid(victim, NULL, WNOHANG) == 0); /* it lives */
}

TEST(scan_makes_no_code_and_gets_no_rights)
{
	AUTO(testdir) struct testdir d = testdir_make();
	confine(&d);
	void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(page != MAP_FAILED);
	DENIED(mprotect(page, 4096, PROT_READ | PROT_EXEC));
	CHECK(mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) ==
		MAP_FAILED);
	DENIED(syscall(SYS_pkey_mprotect, page, 4096, PROT_EXEC, -1));
	DENIED(syscall(SYS_memfd_create, "x", 0));
	DENIED(syscall(SYS_memfd_secret, 0));
	DENIED(syscall(SYS_setuid, 0));
	DENIED(syscall(SYS_setresuid, 0, 0, 0));
	DENIED(syscall(SYS_setgroups, 0, NULL));
	DENIED(syscall(SYS_capset, NULL, NULL));
	DENIED(syscall(SYS_unshare, CLONE_NEWUSER));
	DENIED(syscall(SYS_setns, 0, 0));
	DENIED(prctl(PR_SET_DUMPABLE, 1));
	DENIED(prctl(PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0));
	DENIED(syscall(SYS_personality, 0xffffffff));
	DENIED(syscall(SYS_bpf, 0, NULL, 0));
	DENIED(syscall(SYS_perf_event_open, NULL, 0, -1, -1, 0));
	DENIED(syscall(SYS_userfaultfd, 0));
	DENIED(syscall(SYS_io_uring_setup, 1, NULL));
	DENIED(syscall(SYS_keyctl, 0, 0, 0, 0, 0));
	DENIED(syscall(SYS_seccomp, 0, 0, NULL));
}

/* ---- what must go on working ---- */

static void put_base64(struct buf *out, slice bytes)
{
	static const char letters[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const unsigned char *p = (const unsigned char *)bytes.p;
	for (size_t i = 0; i < bytes.n; i += 3) {
		size_t left = bytes.n - i;
		unsigned v = (unsigned)p[i] << 16 | (left > 1 ? (unsigned)p[i + 1] << 8 : 0) |
			     (left > 2 ? p[i + 2] : 0);
		buf_byte(out, letters[v >> 18]);
		buf_byte(out, letters[v >> 12 & 63]);
		buf_byte(out, left > 1 ? letters[v >> 6 & 63] : '=');
		buf_byte(out, left > 2 ? letters[v & 63] : '=');
		if (i % 57 == 54)
			buf_put(out, S("\r\n"));
	}
	buf_put(out, S("\r\n"));
}

static void put_part(struct buf *out, const char *type, const char *name, slice bytes)
{
	buf_printf(out,
		"--b\r\nContent-Type: %s; name=\"%s\"\r\nContent-Disposition: attachment; "
		"filename=\"%s\"\r\nContent-Transfer-Encoding: base64\r\n\r\n",
		type, name, name);
	put_base64(out, bytes);
}

static void put_zip(struct buf *out)
{
	static char bytes[4096];
	size_t used = 0;
	struct archive *a = archive_write_new();
	struct archive_entry *entry = archive_entry_new();
	archive_write_set_format_zip(a);
	CHECK(archive_write_open_memory(a, bytes, sizeof bytes, &used) == ARCHIVE_OK);
	archive_entry_set_pathname(entry, "inside.html");
	archive_entry_set_filetype(entry, AE_IFREG);
	archive_entry_set_perm(entry, 0600);
	archive_entry_set_size(entry, 41);
	CHECK(archive_write_header(a, entry) == ARCHIVE_OK);
	archive_write_data(a, "<a href=\"https://zip.example/x\">here</a> !", 41);
	archive_entry_free(entry);
	archive_write_close(a);
	archive_write_free(a);
	put_part(out, "application/zip", "a.zip", slice_of(bytes, used));
}

static void put_picture(struct buf *out)
{
	int n;
	gdImagePtr im = gdImageCreateTrueColor(120, 90);
	gdImageFilledRectangle(im, 0, 0, 119, 89, gdTrueColor(255, 255, 255));
	gdImageFilledEllipse(im, 60, 45, 50, 50, gdTrueColor(200, 30, 60));
	void *png = gdImagePngPtr(im, &n);
	put_part(out, "image/png", "p.png", slice_of(png, (size_t)n));
	gdFree(png);
	png = gdImageJpegPtr(im, &n, 80);
	put_part(out, "image/jpeg", "p.jpg", slice_of(png, (size_t)n));
	gdFree(png);
	gdImageDestroy(im);
}

static void make_letter(struct buf *out)
{
	buf_put(out, S("From: Ann <ann@far.test>\r\nTo: bob@near.test\r\nSubject: "
		       "=?gb2312?B?xOO6ww==?=\r\nMIME-Version: 1.0\r\nContent-Type: "
		       "multipart/mixed; boundary=b\r\n\r\n"
		       "--b\r\nContent-Type: text/html; charset=gbk\r\n\r\n"
		       "<p>\xc4\xe3\xba\xc3 <a href=\"https://html.example/y\">x</a></p>\r\n"));
	put_zip(out);
	put_picture(out);
	put_part(out, "text/calendar", "i.ics",
		S("BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nDESCRIPTION:https://ics.example/z\r\n"
		  "END:VEVENT\r\nEND:VCALENDAR\r\n"));
	put_part(out, "message/rfc822", "m.eml",
		S("From: eve@x.test\r\nSubject: inner\r\n\r\nsee https://inner.example/\r\n"));
	buf_put(out, S("--b--\r\n"));
}

static bool has_host(const struct content_report *r, const char *host)
{
	for (size_t i = 0; i < r->nhosts; i++)
		if (slice_eq(r->hosts[i], slice_z(host)))
			return true;
	return false;
}

/* In the sandbox where there is one; with the shipped rules and model. */
TEST(scan_takes_letters_apart_in_its_sandbox)
{
	AUTO(testdir) struct testdir d = testdir_make();
	AUTO(arena) struct arena a = {0};
	AUTO(buf) struct buf letter = BUF(1 << 20);
	struct scan_tools *tools;
	struct err e;
	configure(&d);
	make_letter(&letter);
	charset_warm_up();
	xmlInitParser();
	if (scan_tools_open(&c, &(struct scan_given){-1, -1, -1}, true, &tools, &e) < 0 || role_confine("scan", &c, &e) < 0)
		test_fail(__FILE__, __LINE__, "%s", e.text);
	struct content_examiner *x = content_examiner_new();
	struct content_report *r = ARENA_NEW(&a, struct content_report);
	const struct content_context context = {.sender = S("ann@far.test")};
	content_examine(
		x, buf_slice(&letter), &context, scan_tools_get(tools), CONTENT_EXPLAIN, &a, r);
	CHECK_STR(r->subject, S("你好"));
	CHECK(has_host(r, "html.example") && has_host(r, "inner.example"));
	CHECK(has_host(r, "zip.example") && has_host(r, "ics.example"));
	CHECK(r->content->nfiles >= 5);
	CHECK(r->content->npictures == 2 && r->content->pictures[0].decoded &&
		r->content->pictures[1].decoded);
	CHECK(r->in[LEARN_BASE] != 0 && r->nreasons > 0);
	content_examiner_free(x);
	scan_tools_close(tools);
	config_done(&c);
}
