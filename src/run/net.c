/*
 * Listening, accepting, connecting. Everything is non-blocking and close-on-exec.
 */
#include "run/net.h"

#include "base/mem.h"
#include "run/loop.h"
#include "run/sched.h"
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/un.h>
#include <unistd.h>

enum { UNIX_BACKLOG_RETRY = 10 * MSEC };

static const struct sockaddr *sockaddr_of(const struct net_addr *a)
{
	return (const struct sockaddr *)(const void *)&a->ss;
}

static int new_socket(int family, struct err *e)
{
	int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	return fd >= 0 ? fd : err_sys(e, errno, "socket");
}

static void set_flag(int fd, int level, int option, int value)
{
	/* A kernel without the option serves as well, a bit slower. */
	(void)setsockopt(fd, level, option, &value, sizeof value);
}

/* ---- listening */

/* A socket file whose listener is gone; one that answers stays. */
static bool is_dead_unix(const struct net_addr *a)
{
	if (a->ss.ss_family != AF_UNIX)
		return false;
	AUTO(fd) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	return fd >= 0 && connect(fd, sockaddr_of(a), a->len) < 0 && errno == ECONNREFUSED;
}

static int bind_to(int fd, const struct net_addr *a, struct err *e)
{
	if (bind(fd, sockaddr_of(a), a->len) == 0)
		return 0;
	int sys = errno;
	if (sys == EADDRINUSE && is_dead_unix(a)) {
		unlink(((const struct sockaddr_un *)(const void *)&a->ss)->sun_path);
		if (bind(fd, sockaddr_of(a), a->len) == 0)
			return 0;
		sys = errno;
	}
	char text[NET_TEXT_MAX];
	net_print(a, text);
	err_sys(e, sys, "bind %s", text);
	if (sys == EADDRINUSE)
		e->kind = ERR_EXISTS;
	return -1;
}

static int listen_on(const struct net_addr *a, int backlog, int *ret_fd, struct err *e)
{
	AUTO(fd) int fd = new_socket(a->ss.ss_family, e);
	if (fd < 0)
		return -1;
	if (a->ss.ss_family != AF_UNIX) {
		set_flag(fd, SOL_SOCKET, SO_REUSEADDR, 1);
		set_flag(fd, IPPROTO_TCP, TCP_NODELAY, 1); /* inherited by what is accepted */
	}
	if (a->ss.ss_family == AF_INET6)
		set_flag(fd, IPPROTO_IPV6, IPV6_V6ONLY, !a->dual);
	if (bind_to(fd, a, e) < 0)
		return -1;
	if (listen(fd, backlog) < 0)
		return err_sys(e, errno, "listen");
	*ret_fd = take_fd(&fd);
	return 0;
}

int net_listen(const struct net_addr *a, int backlog, int *ret_fd, struct err *e)
{
	if (listen_on(a, backlog, ret_fd, e) == 0)
		return 0;
	if (!a->dual || (e->sys != EAFNOSUPPORT && e->sys != EADDRNOTAVAIL))
		return -1;
	struct net_addr v4; /* a system without IPv6 */
	if (net_from_ip(S("0.0.0.0"), net_port(a), &v4, e) < 0)
		return -1;
	return listen_on(&v4, backlog, ret_fd, e);
}

/* ---- accepting */

/* Errors of one connection, not of the listener: accept(2) says to treat them like EAGAIN. */
static bool is_of_peer(int sys)
{
	static const int list[] = {ECONNABORTED, EINTR, EPROTO, ENETDOWN, ENOPROTOOPT, EHOSTDOWN,
		ENONET, EHOSTUNREACH, EOPNOTSUPP, ENETUNREACH, EPERM};
	for (size_t i = 0; i < sizeof list / sizeof *list; i++)
		if (sys == list[i])
			return true;
	return false;
}

int net_accept(int listen_fd, int *ret_fd, struct net_addr *ret_peer, struct err *e)
{
	for (;;) {
		struct net_addr peer = {.len = sizeof peer.ss};
		int fd = accept4(listen_fd, (struct sockaddr *)(void *)&peer.ss, &peer.len,
			SOCK_NONBLOCK | SOCK_CLOEXEC);
		int sys = errno;
		if (fd >= 0) {
			net_unmap(&peer);
			*ret_fd = fd;
			*ret_peer = peer;
			co_breathe(INSTANT_NEVER, e); /* those accepted before want a turn */
			return 0;
		}
		if (sys != EAGAIN && !is_of_peer(sys))
			return err_sys(e, sys, "accept");
		int r = sys == EAGAIN ? loop_wait_fd(listen_fd, EPOLLIN, INSTANT_NEVER, e)
				      : co_breathe(INSTANT_NEVER, e);
		if (r < 0)
			return -1;
	}
}

/* ---- connecting */

static int bind_source(int fd, const struct net_addr *source, struct err *e)
{
	if (!source)
		return 0;
	set_flag(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1);
	if (bind(fd, sockaddr_of(source), source->len) == 0)
		return 0;
	char text[NET_TEXT_MAX];
	net_print_ip(source, text);
	return err_sys(e, errno, "source address %s", text);
}

static int finish_connect(int fd, instant deadline, struct err *e)
{
	int sys = 0;
	socklen_t len = sizeof sys;
	if (loop_wait_fd(fd, EPOLLOUT, deadline, e) < 0)
		return -1;
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &sys, &len) < 0)
		sys = errno;
	return sys == 0 ? 0 : err_sys(e, sys, "connect");
}

static int connect_to(int fd, const struct net_addr *to, instant deadline, struct err *e)
{
	for (;;) {
		if (connect(fd, sockaddr_of(to), to->len) == 0)
			return 0;
		if (errno == EINPROGRESS)
			return finish_connect(fd, deadline, e);
		if (errno != EAGAIN || to->ss.ss_family != AF_UNIX)
			return err_sys(e, errno, "connect");
		if (deadline <= loop_now()) /* a unix listener with a full backlog */
			return err_set(e, ERR_TIMEOUT, "connect: timed out");
		if (co_sleep(loop_now() + UNIX_BACKLOG_RETRY, e) < 0)
			return -1;
	}
}

int net_connect(const struct net_addr *to, const struct net_addr *source, instant deadline,
	struct io **ret, struct err *e)
{
	char text[NET_TEXT_MAX];
	net_print(to, text);
	int fd = new_socket(to->ss.ss_family, e);
	if (fd < 0)
		return -1;
	if (to->ss.ss_family != AF_UNIX)
		set_flag(fd, IPPROTO_TCP, TCP_NODELAY, 1);
	if (bind_source(fd, source, e) < 0 || connect_to(fd, to, deadline, e) < 0) {
		loop_forget_fd(fd);
		close(fd);
		return err_wrap(e, "%s", text);
	}
	*ret = io_plain(fd);
	io_set_deadline(*ret, deadline);
	return 0;
}

int net_local_addr(int fd, struct net_addr *ret, struct err *e)
{
	struct net_addr a = {.len = sizeof a.ss};
	if (getsockname(fd, (struct sockaddr *)(void *)&a.ss, &a.len) < 0)
		return err_sys(e, errno, "getsockname");
	net_unmap(&a);
	*ret = a;
	return 0;
}
