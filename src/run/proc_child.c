/*
 * The child's side of run/proc.h: what a role process receives from the master, and its signs of
 * life. Used by bin/role.c.
 */
#include "run/proc_wire.h"

#include "base/mem.h"
#include "base/must.h"
#include "run/co.h"
#include "run/log.h"
#include "run/loop.h"
#include "run/trim.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

static const struct proc_orders *orders;

static bool copy_name(char to[PROC_NAME_MAX], slice name)
{
	if (name.n >= PROC_NAME_MAX)
		return false;
	memcpy(to, name.p, name.n);
	to[name.n] = 0;
	return true;
}

/* The descriptors of a start message: the configuration, then the named ones. */
static int parse_start(struct proc_received *r, struct proc_start *ret, struct err *e)
{
	struct cur c = cur_of(slice_of(r->bytes, r->n));
	bool start = cur_u8(&c) == PROC_MSG_START;
	bool fits = copy_name(ret->role, cur_str(&c));
	ret->instance = cur_u32(&c);
	ret->generation = cur_u32(&c);
	slice path = cur_str(&c);
	size_t n = cur_u16(&c);
	if (!start || !fits || !cur_ok(&c) || r->nfds != n + 1 || n > PROC_FDS_MAX)
		return err_set(e, ERR_PROTO, "control socket: malformed start message");
	for (size_t i = 0; i < n; i++) {
		if (!copy_name(ret->fds[i].name, cur_str(&c)))
			return err_set(e, ERR_PROTO, "control socket: name too long");
		ret->fds[i].fd = take_fd(&r->fds[i + 1]);
		ret->nfds = i + 1;
	}
	if (!cur_ok(&c))
		return err_set(e, ERR_PROTO, "control socket: malformed start message");
	ret->config_path = mem_dup(path.p, path.n);
	return proc_wire_read_text(r->fds[0], &ret->config, e);
}

int proc_start_receive(struct proc_start *ret, struct err *e)
{
	AUTO(free) struct proc_received *r = NEW(struct proc_received);
	int flags = fcntl(PROC_CONTROL_FD, F_GETFL);
	if (flags < 0)
		return err_sys(e, errno, "control socket (this command is run by the master only)");
	fcntl(PROC_CONTROL_FD, F_SETFL, flags & ~O_NONBLOCK);
	fcntl(PROC_CONTROL_FD, F_SETFD, FD_CLOEXEC);
	int got = proc_wire_receive(PROC_CONTROL_FD, r, e);
	if (got < 0)
		return -1;
	if (got == 0)
		return err_set(e, ERR_CLOSED, "control socket: the master is gone");
	*ret = (struct proc_start){0};
	int result = parse_start(r, ret, e);
	proc_received_close(r);
	if (result < 0)
		proc_start_done(ret);
	fcntl(PROC_CONTROL_FD, F_SETFL, flags | O_NONBLOCK);
	return result;
}

int proc_start_take(struct proc_start *s, const char *name)
{
	for (size_t i = 0; i < s->nfds; i++)
		if (s->fds[i].fd >= 0 && strcmp(s->fds[i].name, name) == 0)
			return take_fd(&s->fds[i].fd);
	return -1;
}

int proc_start_take_next(struct proc_start *s, const char *prefix, const char **ret_name)
{
	for (size_t i = 0; i < s->nfds; i++) {
		if (s->fds[i].fd < 0 || !slice_starts(slice_z(s->fds[i].name), slice_z(prefix)))
			continue;
		*ret_name = s->fds[i].name;
		return take_fd(&s->fds[i].fd);
	}
	return -1;
}

void proc_start_done(struct proc_start *s)
{
	for (size_t i = 0; i < s->nfds; i++)
		auto_fd(&s->fds[i].fd);
	free(s->config_path);
	buf_done(&s->config);
	*s = (struct proc_start){0};
}

static void tell(enum proc_message type, slice text)
{
	AUTO(buf) struct buf m = BUF(PROC_ABOUT_MAX + 16);
	struct err e;
	buf_u8(&m, (uint8_t)type);
	buf_str(&m, text);
	if (proc_wire_send(PROC_CONTROL_FD, buf_slice(&m), NULL, 0, &e) < 0)
		log_debug(NULL, "proc.unheard", F("error", &e));
}

void proc_child_ready(slice about)
{
	must(about.n < PROC_ABOUT_MAX);
	tell(PROC_MSG_READY, about);
}

static void live(void *arg)
{
	(void)arg;
	struct err e;
	while (co_sleep(instant_in(PROC_ALIVE_EVERY * SECOND), &e) == 0) {
		tell(PROC_MSG_ALIVE, S(""));
		trim_when_quiet();
	}
}

/* ---- orders ---- */

struct stop_order {
	enum proc_stop how;
	instant deadline;
};

static void stop_run(void *arg)
{
	AUTO(free) struct stop_order *o = arg;
	orders->stop(orders->arg, o->how, o->deadline);
}

static void stop_go(enum proc_stop how, int64_t within_usec)
{
	struct stop_order *o = NEW(struct stop_order);
	*o = (struct stop_order){how, instant_in(within_usec)};
	co_go("proc.stop", stop_run, o);
}

static void on_sigterm(int signo, void *arg)
{
	(void)signo, (void)arg;
	stop_go(PROC_STOP_SOON, 30 * SECOND);
}

struct reload_order {
	char *path;
	struct buf text;
};

static void reload_run(void *arg)
{
	AUTO(free) struct reload_order *o = arg;
	orders->reload(orders->arg, slice_z(o->path), buf_slice(&o->text));
	buf_done(&o->text);
	free(o->path);
}

static void reload_go(slice path, int fd)
{
	struct reload_order *o = NEW(struct reload_order);
	struct err e;
	if (proc_wire_read_text(fd, &o->text, &e) < 0) {
		log_error(NULL, "proc.reload", F("error", &e));
		buf_done(&o->text);
		free(o);
		return;
	}
	o->path = mem_dup(path.p, path.n);
	co_go("proc.reload", reload_run, o);
}

static void obey(struct proc_received *r)
{
	struct cur c = cur_of(slice_of(r->bytes, r->n));
	switch (cur_u8(&c)) {
	case PROC_MSG_STOP: {
		enum proc_stop how = cur_u8(&c);
		stop_go(how, (int64_t)cur_u64(&c));
		break;
	}
	case PROC_MSG_LINK: {
		char role[PROC_NAME_MAX];
		if (!copy_name(role, cur_str(&c)) || r->nfds != 1)
			break;
		unsigned instance = cur_u32(&c);
		orders->link(orders->arg, role, instance, take_fd(&r->fds[0]));
		break;
	}
	case PROC_MSG_RELOAD:
		if (r->nfds == 1 && orders->reload)
			reload_go(cur_str(&c), r->fds[0]);
		break;
	case PROC_MSG_WAKE:
		if (orders->wake)
			orders->wake(orders->arg);
		break;
	default:
		log_error(NULL, "proc.order", F("error", "unknown order"));
	}
}

static void listen_to_master(void *arg)
{
	(void)arg;
	AUTO(free) struct proc_received *r = NEW(struct proc_received);
	struct err e;
	for (;;) {
		int got = proc_wire_receive(PROC_CONTROL_FD, r, &e);
		if (got > 0) {
			obey(r);
			proc_received_close(r);
		} else if (got < 0 && e.sys == EAGAIN) {
			if (loop_wait_fd(PROC_CONTROL_FD, EPOLLIN, INSTANT_NEVER, &e) < 0)
				return;
		} else {
			/* PR_SET_PDEATHSIG would have done the same. */
			log_error(NULL, "proc.orphan");
			_exit(1);
		}
	}
}

void proc_child_run(const struct proc_orders *o)
{
	must(o->stop && o->link);
	orders = o;
	signal(SIGINT, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	loop_on_signal(SIGTERM, on_sigterm, NULL);
	co_go("proc.orders", listen_to_master, NULL);
	co_go("proc.alive", live, NULL);
}
