/*
 * The seccomp half of run/sandbox.h: the list of system calls that a role may use (libseccomp(3)).
 * All other calls fail with EPERM. Those that only an intruder would try are trapped: the handler
 * writes one line for each kind of them and returns the EPERM itself.
 */
#include "run/sandbox_parts.h"

#include "run/arch_san.h"
#include "run/arch_trap.h"
#include "run/log.h"
#include <errno.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

/* What every role needs: memory, time, its loop and threads, open descriptors, files as far as
 * landlock lets it. */
static const char *const base_calls[] = {"read", "write", "readv", "writev", "pread64", "pwrite64",
	"preadv", "pwritev", "preadv2", "pwritev2", "lseek", "close", "close_range", "openat",
	"open", "creat", "stat", "lstat", "fstat", "newfstatat", "statx", "statfs", "fstatfs",
	"access", "faccessat", "faccessat2", "readlink", "readlinkat", "getcwd", "getdents64",
	"rename", "renameat", "renameat2", "unlink", "unlinkat", "rmdir", "mkdir", "mkdirat",
	"ftruncate", "fallocate", "fadvise64", "readahead", "copy_file_range", "fsync", "fdatasync",
	"sync_file_range", "flock", "umask", "fcntl", "ioctl", "dup", "dup2", "dup3", "pipe2",
	"munmap", "mremap", "madvise", "brk", "msync", "mincore", "membarrier", "rt_sigaction",
	"rt_sigprocmask", "rt_sigreturn", "rt_sigpending", "rt_sigtimedwait", "sigaltstack",
	"signalfd4", "restart_syscall", "exit", "exit_group", "futex", "futex_waitv",
	"set_robust_list", "get_robust_list", "rseq", "set_tid_address", "arch_prctl",
	"sched_yield", "sched_getaffinity", "sched_getparam", "sched_getscheduler", "getcpu",
	"getpid", "gettid", "getppid", "getuid", "geteuid", "getgid", "getegid", "getresuid",
	"getresgid", "getrandom", "getrusage", "getrlimit", "times", "uname", "sysinfo",
	"clock_gettime", "clock_getres", "clock_nanosleep", "nanosleep", "gettimeofday", "time",
	"epoll_create1", "epoll_ctl", "epoll_wait", "epoll_pwait", "epoll_pwait2", "eventfd2",
	"timerfd_create", "timerfd_settime", "timerfd_gettime", "poll", "ppoll", "select",
	"pselect6", "accept4", "accept", "getsockname", "getpeername", "getsockopt", "setsockopt",
	"shutdown", "sendto", "recvfrom", "sendmsg", "recvmsg", "sendmmsg", "recvmmsg",
	"socketpair", "sendfile", "wait4"};

/* What changes files other than by writing and replacing; not with SANDBOX_LEAVE_FILES. */
static const char *const file_calls[] = {
	"link", "linkat", "truncate", "fchmod", "fchmodat", "chmod", "fchown", "utimensat"};

/* Only somebody who has taken a process over would try these: worth a line in the log. */
static const char *const alarming_calls[] = {"execve", "execveat", "fork", "vfork", "ptrace",
	"process_vm_readv", "process_vm_writev", "process_madvise", "mount", "umount2",
	"pivot_root", "chroot", "move_mount", "open_tree", "fsopen", "setns", "unshare", "bpf",
	"kexec_load", "kexec_file_load", "init_module", "finit_module", "delete_module", "keyctl",
	"add_key", "request_key", "reboot", "swapon", "swapoff", "perf_event_open", "userfaultfd",
	"open_by_handle_at", "name_to_handle_at", "kcmp", "personality", "io_uring_setup",
	"memfd_secret", "kill", "tkill", "setuid", "setgid", "setresuid", "setresgid", "setgroups",
	"capset", "acct", "quotactl", "syslog", "iopl", "ioperm"};

static int rule(scmp_filter_ctx f, uint32_t action, const char *name, unsigned n,
	const struct scmp_arg_cmp *args)
{
	int nr = seccomp_syscall_resolve_name(name);
	if (nr == __NR_SCMP_ERROR)
		return 0; /* this architecture or library has no such call: it stays forbidden */
	int r = seccomp_rule_add_array(f, action, nr, n, args);
	/* Names that only other architectures have resolve to pseudo numbers and are no error. */
	return r == -EDOM || (nr < 0 && r < 0) ? 0 : r;
}

static int rule_list(scmp_filter_ctx f, uint32_t action, const char *const *names, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		int r = rule(f, action, names[i], 0, NULL);
		if (r < 0)
			return r;
	}
	return 0;
}

/* No new executable memory; new threads, but no new processes; prlimit64 reads. */
static int rule_args(scmp_filter_ctx f)
{
	const struct scmp_arg_cmp no_exec = SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0);
	const struct scmp_arg_cmp thread = SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD);
	const struct scmp_arg_cmp read_limit = SCMP_A2(SCMP_CMP_EQ, 0, 0);
	const struct scmp_arg_cmp itself = SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)getpid(), 0);
	const struct scmp_arg_cmp set_name = SCMP_A0(SCMP_CMP_EQ, PR_SET_NAME, 0);
	/* Allocators name their mappings for /proc/PID/maps. */
	const struct scmp_arg_cmp name_memory =
		SCMP_A0(SCMP_CMP_EQ, 0x53564d41 /* PR_SET_VMA */, 0);
	int r = rule(f, SCMP_ACT_ALLOW, "mprotect", 1, &no_exec);
	r = r < 0 ? r : rule(f, SCMP_ACT_ALLOW, "mmap", 1, &no_exec);
	r = r < 0 ? r : rule(f, SCMP_ACT_ALLOW, "clone", 1, &thread);
	r = r < 0 ? r : rule(f, SCMP_ACT_ALLOW, "tgkill", 1, &itself);
	r = r < 0 ? r : rule(f, SCMP_ACT_ALLOW, "prlimit64", 1, &read_limit);
	r = r < 0 ? r : rule(f, SCMP_ACT_ALLOW, "prctl", 1, &set_name);
	r = r < 0 ? r : rule(f, SCMP_ACT_ALLOW, "prctl", 1, &name_memory);
	/* glibc then falls back to clone, whose flags can be looked at. */
	return r < 0 ? r : rule(f, SCMP_ACT_ERRNO(ENOSYS), "clone3", 0, NULL);
}

/* Plain fork: no namespaces, nothing shared. */
static int rule_fork(scmp_filter_ctx f)
{
	enum { EXIT_SIGNAL = 0xff };
	const uint64_t harmless = EXIT_SIGNAL | CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID;
	const struct scmp_arg_cmp plain = SCMP_A0(SCMP_CMP_MASKED_EQ, ~harmless & 0xffffffff, 0);
	return rule(f, SCMP_ACT_ALLOW, "clone", 1, &plain);
}

static int rule_socket(scmp_filter_ctx f, int family, int type)
{
	enum { TYPE_MASK = 0xf };
	const struct scmp_arg_cmp args[] = {SCMP_A0(SCMP_CMP_EQ, (unsigned)family, 0),
		SCMP_A1(SCMP_CMP_MASKED_EQ, TYPE_MASK, (unsigned)type)};
	return rule(f, SCMP_ACT_ALLOW, "socket", 2, args);
}

/* Sockets by family and type: unix sockets none at all, so that no role speaks to the system's daemons or to the master's control socket. */
static int rule_net(scmp_filter_ctx f, unsigned may)
{
	int r = 0;
	for (int i = 0; i < 2 && r == 0; i++) {
		int family = i ? AF_INET6 : AF_INET;
		if (may & (SANDBOX_MAY_CONNECT | SANDBOX_MAY_BIND))
			r = rule_socket(f, family, SOCK_STREAM);
		if (r == 0 && may & SANDBOX_MAY_UDP)
			r = rule_socket(f, family, SOCK_DGRAM);
	}
	if (r == 0 && may & (SANDBOX_MAY_CONNECT | SANDBOX_MAY_UDP))
		r = rule(f, SCMP_ACT_ALLOW, "connect", 0, NULL);
	if (r == 0 && may & (SANDBOX_MAY_BIND | SANDBOX_MAY_UDP))
		r = rule(f, SCMP_ACT_ALLOW, "bind", 0, NULL);
	return r;
}

/* In signal context: one line for each call number, then the call fails with EPERM. */
static void trapped(int signo, siginfo_t *info, void *context)
{
	enum { CALLS_MAX = 1024 };
	static uint8_t seen[CALLS_MAX];
	(void)signo;
	int nr = info->si_syscall;
	if (nr >= 0 && nr < CALLS_MAX && !__atomic_exchange_n(&seen[nr], 1, __ATOMIC_RELAXED)) {
		char line[] = "level=error event=sandbox.denied syscall=0000\n";
		for (int i = 3, v = nr; i >= 0; i--, v /= 10)
			line[sizeof line - 6 + (size_t)i] = (char)('0' + v % 10);
		ssize_t ignored = write(2, line, sizeof line - 1);
		(void)ignored;
	}
	trap_set_result(context, -EPERM);
}

static int build(scmp_filter_ctx f, const struct sandbox *s)
{
	enum { NBASE = sizeof base_calls / sizeof *base_calls };
	enum { NALARM = sizeof alarming_calls / sizeof *alarming_calls };
	enum { NFILE = sizeof file_calls / sizeof *file_calls };
	int r = rule_list(f, SCMP_ACT_ALLOW, base_calls, NBASE);
	if (!(s->may & SANDBOX_LEAVE_FILES))
		r = r < 0 ? r : rule_list(f, SCMP_ACT_ALLOW, file_calls, NFILE);
	r = r < 0 ? r : rule_list(f, SCMP_ACT_TRAP, alarming_calls, NALARM);
	/* Nobody can run what is in one: no exec, no executable mappings. */
	r = r < 0 ? r
		  : rule(f, s->may & SANDBOX_MAY_MEMORY_FILE ? SCMP_ACT_ALLOW : SCMP_ACT_TRAP,
			    "memfd_create", 0, NULL);
	r = r < 0 ? r : rule_args(f);
	r = r < 0 ? r : rule_net(f, s->may);
	if (s->may & SANDBOX_MAY_FORK)
		r = r < 0 ? r : rule_fork(f);
	/* The kernel's audit log has what is neither allowed nor alarming. */
	r = r < 0 ? r : seccomp_attr_set(f, SCMP_FLTATR_CTL_LOG, 1);
	r = r < 0 ? r : seccomp_attr_set(f, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	return r < 0 ? r : seccomp_load(f);
}

int sandbox_seccomp(const struct sandbox *s, slice *ret_missing, struct err *e)
{
	if (SAN_ON) {
		*ret_missing = S("seccomp"); /* the sanitizers' own calls would be forbidden */
		return 0;
	}
	*ret_missing = S("");
	struct sigaction sa = {.sa_sigaction = trapped, .sa_flags = SA_SIGINFO | SA_NODEFER};
	if (sigaction(SIGSYS, &sa, NULL) < 0)
		return err_sys(e, errno, "seccomp: SIGSYS");
	scmp_filter_ctx f = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	if (!f)
		return err_set(e, ERR_TEMP, "seccomp: no filter");
	int r = build(f, s);
	seccomp_release(f);
	if (r == -EINVAL || r == -ENOSYS || r == -EOPNOTSUPP) {
		*ret_missing = S("seccomp");
		return 0;
	}
	return r < 0 ? err_sys(e, -r, "seccomp") : 0;
}
