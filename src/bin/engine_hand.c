/*
 * The hand (engine_command.h): a process beside the engine process that starts commands. Forked before the
 * sandbox, because a program of others needs its files; it runs as the server's user, without
 * new privileges, reads no mail and nothing of the network. Commands have limits of time, memory and
 * output, a process group of their own, and die with it. It also opens the unix sockets of the configuration,
 * so that the engine process itself may open none: it would reach those of other daemons, too.
 *
 * Between the two: a SOCK_SEQPACKET pair with orders (descriptors come along) and reports.
 */
#include "base/list.h"
#include "base/mem.h"
#include "bin/config.h"
#include "bin/engine_command.h"
#include "run/log.h"
#include "run/loop.h"
#include "run/sandbox.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

enum { ORDER_START = 1, ORDER_KILL, ORDER_CONNECT };
enum { RUNNING_MAX = 1024, HAND_FILES = 4096, COMMAND_FILES = 1024, ARGUMENTS_MAX = 256 };
#define BACKLOG_RETRY (20 * MSEC)
#define COMMAND_FILE_SIZE (4ULL << 30) /* of files that a command writes */

struct order {
	uint32_t what, id, index;
};
struct report {
	uint32_t id;
	int32_t status; /* as of waitpid; -1: could not be started. Of a connection: errno; 0: its
			   descriptor comes along */
};

/* ================ both ================ */

enum { FDS_MAX = 2 };

/* A record with descriptors; n 0: none. */
static int put(int link, const void *record, size_t size, const int *fds, size_t n)
{
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(FDS_MAX * sizeof(int))];
	} control = {0};
	struct iovec v = {(void *)(uintptr_t)record, size};
	struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1};
	if (n) {
		m.msg_control = &control;
		m.msg_controllen = CMSG_SPACE(n * sizeof(int));
		control.head.cmsg_level = SOL_SOCKET;
		control.head.cmsg_type = SCM_RIGHTS;
		control.head.cmsg_len = CMSG_LEN(n * sizeof(int));
		memcpy(CMSG_DATA(&control.head), fds, n * sizeof(int));
	}
	return sendmsg(link, &m, MSG_NOSIGNAL) < 0 ? -1 : 0;
}

/* Those descriptors that did not come are -1. */
static ssize_t get(int link, void *record, size_t size, int fds[FDS_MAX])
{
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(FDS_MAX * sizeof(int))];
	} control;
	struct iovec v = {record, size};
	struct msghdr m = {.msg_iov = &v,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof control};
	ssize_t n = recvmsg(link, &m, MSG_CMSG_CLOEXEC);
	fds[0] = fds[1] = -1;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); n >= 0 && c; c = CMSG_NXTHDR(&m, c))
		if (c->cmsg_type == SCM_RIGHTS && c->cmsg_len <= CMSG_LEN(FDS_MAX * sizeof(int)))
			memcpy(fds, CMSG_DATA(c), c->cmsg_len - CMSG_LEN(0));
	return n;
}

/* ================ in the hand ================ */

struct running {
	uint32_t id;
	pid_t pid;
	bool has_file;
};

struct hand_process {
	const struct config *config;
	int link, children; /* signalfd */
	struct running v[RUNNING_MAX];
	size_t n;
};

static slice file_of(const struct hand_process *h, uint32_t id, struct arena *a)
{
	return arena_printf(a, "%.*s/engine/%" PRIu32, SFMT(h->config->server->run), id);
}

static void remove_file(const struct hand_process *h, uint32_t id)
{
	AUTO(arena) struct arena a = {0};
	unlink(arena_strz(&a, file_of(h, id, &a)));
}

static void tell_with(const struct hand_process *h, uint32_t id, int status, int fd)
{
	const struct report r = {id, status};
	if (put(h->link, &r, sizeof r, &fd, fd >= 0) < 0)
		_exit(1); /* nobody is there */
}

static void tell(const struct hand_process *h, uint32_t id, int status)
{
	tell_with(h, id, status, -1);
}

static const struct engine_conf *engine_of(const struct hand_process *h, uint32_t index)
{
	slice name;
	const struct conf *c = h->config->conf;
	return index < conf_count(c, &engine_section) ? conf_nth(c, &engine_section, index, &name)
						      : NULL;
}

static const struct engine_conf *command_of(const struct hand_process *h, uint32_t index)
{
	const struct engine_conf *v = engine_of(h, index);
	return v && v->type == ENGINE_COMMAND && v->command.n < ARGUMENTS_MAX ? v : NULL;
}

static bool wants_file(const struct engine_conf *c)
{
	for (size_t i = 0; i < c->command.n; i++)
		if (slice_eq(c->command.v[i], S("%f")))
			return true;
	return false;
}

static bool copy_file(int from, const char *path)
{
	struct stat st;
	AUTO(fd) int to = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (to < 0 || fstat(from, &st) < 0)
		return false;
	off_t at = 0;
	while (at < st.st_size)
		if (sendfile(to, from, &at, (size_t)(st.st_size - at)) <= 0)
			return false;
	return true;
}

static void set_limit(int what, rlim_t most)
{
	const struct rlimit r = {most, most};
	setrlimit(what, &r);
}

/* In the child that becomes the command. */
static _Noreturn void become(const struct engine_conf *c, int file, int out, slice path)
{
	static char *const environment[] = {
		"PATH=/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin", "LANG=C",
		NULL};
	char *args[ARGUMENTS_MAX + 1];
	sigset_t none;
	int null = open("/dev/null", O_WRONLY);
	for (size_t i = 0; i < c->command.n; i++)
		args[i] =
			(char *)(uintptr_t)(slice_eq(c->command.v[i], S("%f")) ? path.p
									       : c->command.v[i].p);
	args[c->command.n] = NULL;
	setsid();
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	set_limit(RLIMIT_AS, (rlim_t)c->memory);
	set_limit(RLIMIT_CPU, (rlim_t)(c->timeout / SECOND + 1));
	set_limit(RLIMIT_FSIZE, COMMAND_FILE_SIZE);
	set_limit(RLIMIT_CORE, 0);
	set_limit(RLIMIT_NOFILE, COMMAND_FILES);
	if (null < 0 || lseek(file, 0, SEEK_SET) < 0 || dup2(file, 0) < 0 || dup2(out, 1) < 0 ||
		dup2(null, 2) < 0 || close_range(3, ~0U, 0) < 0 || chdir("/") < 0)
		_exit(127);
	execve(args[0], args, environment);
	_exit(127);
}

static pid_t start(const struct hand_process *h, uint32_t id, const struct engine_conf *c, int file,
	int out, bool *ret_has_file)
{
	AUTO(arena) struct arena a = {0};
	slice path = file_of(h, id, &a);
	path.p = arena_strz(&a, path);
	*ret_has_file = wants_file(c);
	if (*ret_has_file && !copy_file(file, path.p))
		return -1;
	pid_t pid = fork();
	if (pid == 0)
		become(c, file, out, path);
	return pid;
}

static void obey_start(struct hand_process *h, const struct order *o, int file, int out)
{
	const struct engine_conf *c = command_of(h, o->index);
	bool has_file = false;
	pid_t pid = c && file >= 0 && out >= 0 && h->n < RUNNING_MAX
			    ? start(h, o->id, c, file, out, &has_file)
			    : -1;
	if (pid < 0 && has_file)
		remove_file(h, o->id);
	if (pid < 0)
		tell(h, o->id, -1);
	else
		h->v[h->n++] = (struct running){o->id, pid, has_file};
}

static void obey_kill(struct hand_process *h, uint32_t id)
{
	for (size_t i = 0; i < h->n; i++)
		if (h->v[i].id == id) {
			kill(-h->v[i].pid, SIGKILL);
			kill(h->v[i].pid, SIGKILL); /* it has not become a leader yet */
		}
}

/* To the socket that the configuration names, whatever is asked for. It never waits. */
static void obey_connect(const struct hand_process *h, const struct order *o)
{
	const struct engine_conf *c = engine_of(h, o->index);
	struct net_addr to;
	struct err e;
	AUTO(fd) int fd = -1;
	int status = EINVAL;
	if (c && c->type == ENGINE_CLAMD && engine_clamd_parse(c->address, &to, &e) == 0 &&
		to.ss.ss_family == AF_UNIX) {
		fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		bool good = fd >= 0 && connect(fd, (struct sockaddr *)&to.ss, to.len) == 0;
		status = good ? 0 : errno;
	}
	tell_with(h, o->id, status, status == 0 ? fd : -1);
}

static bool obey(struct hand_process *h)
{
	struct order o = {0};
	int fds[FDS_MAX];
	ssize_t n = get(h->link, &o, sizeof o, fds);
	AUTO(fd) int file = fds[0];
	AUTO(fd) int out = fds[1];
	if (n < 0 && errno == EINTR)
		return true;
	if (n != (ssize_t)sizeof o)
		return false;
	if (o.what == ORDER_START)
		obey_start(h, &o, file, out);
	else if (o.what == ORDER_CONNECT)
		obey_connect(h, &o);
	else
		obey_kill(h, o.id);
	return true;
}

static void reap(struct hand_process *h)
{
	struct signalfd_siginfo info;
	ssize_t ignored = read(h->children, &info, sizeof info);
	(void)ignored;
	pid_t pid;
	int status;
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		for (size_t i = 0; i < h->n; i++)
			if (h->v[i].pid == pid) {
				const struct running r = h->v[i];
				h->v[i] = h->v[--h->n];
				kill(-pid, SIGKILL); /* what it left behind */
				if (r.has_file)
					remove_file(h, r.id);
				tell(h, r.id, status);
				break;
			}
}

static void hand_serve(struct hand_process *h)
{
	struct pollfd v[2] = {{h->link, POLLIN, 0}, {h->children, POLLIN, 0}};
	for (;;) {
		if (poll(v, 2, -1) < 0 && errno != EINTR)
			return;
		if (v[1].revents)
			reap(h);
		if (v[0].revents && !obey(h))
			return;
	}
}

static void prepare_dir(const struct hand_process *h)
{
	AUTO(arena) struct arena a = {0};
	slice dir = arena_printf(&a, "%.*s/engine", SFMT(h->config->server->run));
	if (mkdir(arena_strz(&a, dir), 0700) < 0 && errno != EEXIST)
		log_error(NULL, "engine.hand.dir", F("errno", errno));
}

/* Only its socket and the log stay open. */
static _Noreturn void hand_main(const struct config *c, int link, pid_t parent)
{
	static struct hand_process h;
	const struct sandbox user = {
		.mode = SANDBOX_OFF, .user = c->server->user, .open_files = HAND_FILES};
	sigset_t child;
	struct err e;
	h.config = c;
	if (dup2(link, 3) < 0 || close_range(4, ~0U, 0) < 0)
		_exit(1);
	h.link = 3;
	if (sandbox_enter(&user, &e) < 0) {
		log_error(NULL, "engine.hand", F("error", &e));
		_exit(1);
	}
	fcntl(h.link, F_SETFD, FD_CLOEXEC);
	sigfillset(&child);
	sigprocmask(SIG_SETMASK, &child, NULL);
	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	h.children = signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK);
	if (h.children < 0 || getppid() != parent)
		_exit(1);
	prepare_dir(&h);
	hand_serve(&h);
	_exit(0);
}

/* ================ in the engine process ================ */

struct call {
	struct list node;
	uint32_t id;
	bool ended;
	int status;
	int fd; /* that came with the report; or -1 */
	struct cond changed;
};

struct engine_hand {
	int fd;
	uint32_t next;
	bool gone;
	struct list calls;
};

int engine_hand_start(const struct config *c, struct engine_hand **ret, struct err *e)
{
	int ends[2];
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		return err_sys(e, errno, "the hand");
	AUTO(fd) int ours = ends[0];
	AUTO(fd) int its = ends[1];
	pid_t parent = getpid(), pid = fork();
	if (pid < 0)
		return err_sys(e, errno, "the hand");
	if (pid == 0)
		hand_main(c, its, parent);
	if (fcntl(ours, F_SETFL, O_NONBLOCK) < 0)
		return err_sys(e, errno, "the hand");
	struct engine_hand *h = NEW(struct engine_hand);
	h->fd = take_fd(&ours);
	list_init(&h->calls);
	*ret = h;
	return 0;
}

void engine_hand_free(struct engine_hand *h)
{
	if (!h)
		return;
	loop_forget_fd(h->fd);
	close(h->fd);
	free(h);
}

static void take_report(struct engine_hand *h, const struct report *r, int fd)
{
	AUTO(fd) int came = fd;
	list_each(n, &h->calls) {
		struct call *c = list_entry(n, struct call, node);
		if (c->id != r->id)
			continue;
		c->ended = true;
		c->status = r->status;
		c->fd = take_fd(&came);
		cond_wake_all(&c->changed);
		return;
	}
}

static void hand_gone(struct engine_hand *h)
{
	h->gone = true;
	list_each(n, &h->calls)
		cond_wake_all(&list_entry(n, struct call, node)->changed);
}

/* Without it nothing can be started, and from inside the sandbox there is no second one: the master starts the
 * whole process again. */
static void listen_to(void *arg)
{
	struct engine_hand *h = arg;
	struct report r;
	struct err e;
	for (;;) {
		int fds[FDS_MAX];
		ssize_t n = get(h->fd, &r, sizeof r, fds);
		if (n == (ssize_t)sizeof r)
			take_report(h, &r, fds[0]);
		else if (n >= 0 || errno != EAGAIN)
			break;
		else if (loop_wait_fd(h->fd, EPOLLIN, INSTANT_NEVER, &e) < 0)
			return;
	}
	log_error(NULL, "engine.hand.gone");
	hand_gone(h);
	_exit(1);
}

void engine_hand_run(struct engine_hand *h)
{
	co_go("engine.hand", listen_to, h);
}

static int give_order(
	struct engine_hand *h, const struct order *o, const int *fds, size_t n, struct err *e)
{
	return put(h->fd, o, sizeof *o, fds, n) < 0 ? err_sys(e, errno, "the hand") : 0;
}

/* It is killed, and its end is waited for: the file that it reads is ours. */
static void put_an_end(struct engine_hand *h, struct call *c)
{
	const struct order o = {ORDER_KILL, c->id, 0};
	struct err e;
	if (give_order(h, &o, NULL, 0, &e) < 0)
		return;
	while (!c->ended && !h->gone)
		cond_wait_firm(&c->changed);
}

static int wait_for(struct engine_hand *h, struct call *c, instant deadline, struct err *e)
{
	while (!c->ended && !h->gone)
		if (cond_wait(&c->changed, deadline, e) < 0) {
			put_an_end(h, c);
			return -1;
		}
	return c->ended ? 0 : err_set(e, ERR_TEMP, "the hand is gone");
}

/* Gives an order and waits for the report. */
static int call(struct engine_hand *h, struct order *o, const int *fds, size_t n, instant deadline,
	struct call *c, struct err *e)
{
	*c = (struct call){.id = ++h->next, .fd = -1};
	o->id = c->id;
	cond_init(&c->changed);
	if (give_order(h, o, fds, n, e) < 0)
		return -1;
	list_append(&h->calls, &c->node);
	int r = wait_for(h, c, deadline, e);
	list_remove(&c->node);
	return r;
}

int engine_hand_call(struct engine_hand *h, unsigned index, int file, int out, instant deadline,
	int *ret_status, struct err *e)
{
	AUTO(free) struct call *c = NEW(struct call);
	struct order o = {.what = ORDER_START, .index = index};
	const int fds[FDS_MAX] = {file, out};
	int r = call(h, &o, fds, FDS_MAX, deadline, c, e);
	if (r == 0 && c->status < 0)
		return err_set(e, ERR_TEMP, "could not be started");
	if (r == 0)
		*ret_status = c->status;
	return r;
}

int engine_hand_connect(
	struct engine_hand *h, unsigned index, instant deadline, int *ret_fd, struct err *e)
{
	AUTO(free) struct call *c = NEW(struct call);
	struct order o = {.what = ORDER_CONNECT, .index = index};
	for (;;) {
		int r = call(h, &o, NULL, 0, deadline, c, e);
		AUTO(fd) int fd = c->fd;
		if (r < 0)
			return -1;
		if (c->status == 0 && fd >= 0) {
			*ret_fd = take_fd(&fd);
			return 0;
		}
		if (c->status != EAGAIN)
			return err_sys(e, c->status, "connect");
		if (deadline <= loop_now()) /* a listener with a full backlog */
			return err_set(e, ERR_TIMEOUT, "connect: timed out");
		if (co_sleep(loop_now() + BACKLOG_RETRY, e) < 0)
			return -1;
	}
}
