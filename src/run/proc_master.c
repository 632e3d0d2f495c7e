/*
 * The master's side of run/proc.h: starting children, watching them, giving them orders. What to
 * start, when to start it again and how to link it is decided in bin/master.c.
 */
#include "run/proc_wire.h"

#include "base/mem.h"
#include "base/must.h"
#include "run/co.h"
#include "run/log.h"
#include "run/loop.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

struct proc {
	char role[PROC_NAME_MAX];
	unsigned instance, generation;
	pid_t pid;
	int socket;
	bool ready;
	char about[PROC_ABOUT_MAX];
	instant started_at;
	struct proc_events events;
};

/* In the child, between fork and exec: only async-signal-safe calls. */
static _Noreturn void become_child(int socket, pid_t master, char *const argv[])
{
	sigset_t none;
	sigemptyset(&none);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != master)
		_exit(1);
	signal(SIGINT, SIG_IGN); /* of the terminal: for the master alone */
	signal(SIGHUP, SIG_IGN);
	signal(SIGTERM, SIG_DFL);
	signal(SIGPIPE, SIG_DFL);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (socket == PROC_CONTROL_FD) {
		if (fcntl(socket, F_SETFD, 0) < 0)
			_exit(1);
	} else if (dup2(socket, PROC_CONTROL_FD) < 0) {
		_exit(1);
	}
	close_range(PROC_CONTROL_FD + 1, ~0u, CLOSE_RANGE_CLOEXEC);
	execv("/proc/self/exe", argv);
	_exit(126);
}

static int start_message(const struct proc_spec *spec, struct buf *m, struct err *e)
{
	buf_u8(m, PROC_MSG_START);
	buf_str(m, slice_z(spec->role));
	buf_u32(m, spec->instance);
	buf_u32(m, spec->generation);
	buf_str(m, spec->config_path);
	buf_u16(m, (uint16_t)spec->nfds);
	for (size_t i = 0; i < spec->nfds; i++)
		buf_str(m, slice_z(spec->fds[i].name));
	return buf_ok(m) ? 0 : err_set(e, ERR_LIMIT, "start message too long");
}

static int send_start(int socket, const struct proc_spec *spec, struct err *e)
{
	AUTO(buf) struct buf m = BUF(PROC_WIRE_MAX);
	AUTO(fd) int text = -1;
	if (start_message(spec, &m, e) < 0 || proc_wire_text_fd(spec->config_text, &text, e) < 0)
		return -1;
	int fds[PROC_FDS_MAX + 1] = {text};
	for (size_t i = 0; i < spec->nfds; i++)
		fds[i + 1] = spec->fds[i].fd;
	return proc_wire_send(socket, buf_slice(&m), fds, spec->nfds + 1, e);
}

/* It may come from a process that was taken over, and people will see it. */
static void keep_about(struct proc *p, slice about)
{
	if (about.n >= sizeof p->about)
		return;
	for (size_t i = 0; i < about.n; i++)
		p->about[i] = about.p[i] >= ' ' && about.p[i] <= '~' ? about.p[i] : '?';
}

static void hear(struct proc *p, const struct proc_received *r)
{
	struct cur c = cur_of(slice_of(r->bytes, r->n));
	if (cur_u8(&c) != PROC_MSG_READY || p->ready)
		return;
	p->ready = true;
	keep_about(p, cur_str(&c));
	if (p->events.ready)
		p->events.ready(p->events.arg, p);
}

/* Until the child closes its socket (it ends), hangs, or the master itself is stopped. */
static void watch_socket(struct proc *p, struct proc_received *r)
{
	struct err e;
	for (;;) {
		int got = proc_wire_receive(p->socket, r, &e);
		if (got > 0) {
			proc_received_close(r);
			hear(p, r);
			continue;
		}
		if (got == 0 || e.sys != EAGAIN)
			return;
		if (loop_wait_fd(p->socket, EPOLLIN, instant_in(PROC_SILENT_MAX * SECOND), &e) == 0)
			continue;
		if (e.kind == ERR_TIMEOUT)
			log_error(NULL, "proc.hangs", F("role", p->role),
				F("instance", p->instance), F("pid", p->pid));
		kill(p->pid, e.kind == ERR_TIMEOUT ? SIGABRT : SIGKILL);
		return;
	}
}

/* The socket is closed before the process is gone; a core dump may take a while. */
static int reap(pid_t pid)
{
	int status = 0;
	struct err e;
	instant give_up = instant_in(10 * SECOND);
	while (waitpid(pid, &status, WNOHANG) == 0) {
		if (instant_now() < give_up && co_sleep(instant_in(2 * MSEC), &e) == 0)
			continue;
		kill(pid, SIGKILL);
		while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
			;
		break;
	}
	return status;
}

static void watch(void *arg)
{
	struct proc *p = arg;
	struct proc_received *r = NEW(struct proc_received);
	watch_socket(p, r);
	free(r);
	int status = reap(p->pid);
	loop_forget_fd(p->socket);
	close(p->socket);
	p->socket = -1;
	p->pid = -1;
	p->events.ended(p->events.arg, p, status);
	free(p);
}

int proc_spawn(const struct proc_spec *spec, const struct proc_events *events, struct proc **ret,
	struct err *e)
{
	must(spec->nfds <= PROC_FDS_MAX && strlen(spec->role) < PROC_NAME_MAX);
	int ends[2];
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) < 0)
		return err_sys(e, errno, "socketpair");
	AUTO(fd) int mine = ends[0];
	AUTO(fd) int theirs = ends[1];
	if (send_start(mine, spec, e) < 0)
		return -1;
	char number[12];
	snprintf(number, sizeof number, "%u", spec->instance);
	char *argv[] = {
		(char *)"posthouse", (char *)"role", (char *)(uintptr_t)spec->role, number, NULL};
	pid_t master = getpid(), pid = fork();
	if (pid < 0)
		return err_sys(e, errno, "fork");
	if (pid == 0)
		become_child(theirs, master, argv);
	struct proc *p = NEW(struct proc);
	snprintf(p->role, sizeof p->role, "%s", spec->role);
	p->instance = spec->instance;
	p->generation = spec->generation;
	p->pid = pid;
	p->socket = take_fd(&mine);
	p->started_at = instant_now();
	p->events = *events;
	co_go("proc.watch", watch, p);
	*ret = p;
	return 0;
}

pid_t proc_pid(const struct proc *p)
{
	return p->pid;
}

unsigned proc_generation(const struct proc *p)
{
	return p->generation;
}

bool proc_is_ready(const struct proc *p)
{
	return p->ready;
}

const char *proc_about(const struct proc *p)
{
	return p->about;
}

instant proc_started_at(const struct proc *p)
{
	return p->started_at;
}

static bool order(struct proc *p, struct buf *m, int fd)
{
	struct err e;
	if (p->socket < 0 || !buf_ok(m))
		return false;
	if (proc_wire_send(p->socket, buf_slice(m), &fd, fd >= 0, &e) == 0)
		return true;
	log_warn(
		NULL, "proc.order", F("role", p->role), F("instance", p->instance), F("error", &e));
	return false;
}

bool proc_order_stop(struct proc *p, enum proc_stop how, int64_t within_usec)
{
	AUTO(buf) struct buf m = BUF(64);
	buf_u8(&m, PROC_MSG_STOP);
	buf_u8(&m, (uint8_t)how);
	buf_u64(&m, (uint64_t)within_usec);
	return order(p, &m, -1);
}

bool proc_order_link(struct proc *p, const char *role, unsigned instance, int fd)
{
	AUTO(buf) struct buf m = BUF(256);
	buf_u8(&m, PROC_MSG_LINK);
	buf_str(&m, slice_z(role));
	buf_u32(&m, instance);
	return order(p, &m, fd);
}

bool proc_order_reload(struct proc *p, slice path, slice text)
{
	AUTO(buf) struct buf m = BUF(PROC_WIRE_MAX);
	AUTO(fd) int fd = -1;
	struct err e;
	buf_u8(&m, PROC_MSG_RELOAD);
	buf_str(&m, path);
	return proc_wire_text_fd(text, &fd, &e) == 0 && order(p, &m, fd);
}

bool proc_order_wake(struct proc *p)
{
	AUTO(buf) struct buf m = BUF(16);
	buf_u8(&m, PROC_MSG_WAKE);
	return order(p, &m, -1);
}

void proc_kill(struct proc *p, int signo)
{
	if (p->pid > 0)
		kill(p->pid, signo);
}

void proc_status_print(int status, char out[64])
{
	if (WIFSIGNALED(status))
		snprintf(out, 64, "signal %d (%s)%s", WTERMSIG(status), strsignal(WTERMSIG(status)),
			WCOREDUMP(status) ? ", core" : "");
	else
		snprintf(out, 64, "exit %d", WEXITSTATUS(status));
}

int64_t proc_backoff_next(struct proc_backoff *b, int64_t lived_usec)
{
	if (lived_usec > MINUTE)
		b->next_usec = 0;
	b->crashes++;
	int64_t wait = b->next_usec ? b->next_usec : 100 * MSEC;
	b->next_usec = wait * 2 > 30 * SECOND ? 30 * SECOND : wait * 2;
	return wait;
}
