/*
 * io over a socket or a pipe. A read that brings less than asked has emptied the socket: the next
 * one waits without asking the kernel first (epoll(7), edge-triggered streams), unless the peer is
 * known to have closed, because data and the end may come with one event.
 */
#include "run/io.h"

#include "base/mem.h"
#include "base/must.h"
#include "run/loop.h"
#include "run/sched.h"
#include <errno.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

enum { DRAIN_CHUNK = 2048, DRAIN_READS_MAX = 64 };

struct plain {
	int fd;
	bool drained; /* nothing more to read until an event says so */
};

static ssize_t plain_read(void *self, char *to, size_t n, struct err *e)
{
	struct plain *p = self;
	bool news = loop_fd_take(p->fd, EPOLLIN);
	if (p->drained && !news && !loop_fd_hup(p->fd))
		return IO_AGAIN;
	ssize_t got;
	do
		got = read(p->fd, to, n);
	while (got < 0 && errno == EINTR);
	if (got >= 0) {
		p->drained = (size_t)got < n;
		return got;
	}
	if (errno != EAGAIN)
		return err_sys(e, errno, "read");
	p->drained = true;
	return IO_AGAIN;
}

static ssize_t plain_write(void *self, slice s, struct err *e)
{
	struct plain *p = self;
	ssize_t put;
	loop_fd_take(p->fd, EPOLLOUT);
	do
		put = write(p->fd, s.p, s.n);
	while (put < 0 && errno == EINTR);
	if (put >= 0)
		return put;
	return errno == EAGAIN ? IO_AGAIN : err_sys(e, errno, "write");
}

static int plain_wait(void *self, enum io_dir dir, instant deadline, struct err *e)
{
	struct plain *p = self;
	int r = loop_wait_fd(p->fd, dir == IO_IN ? EPOLLIN : EPOLLOUT, deadline, e);
	if (r == 0 && dir == IO_IN)
		p->drained = false;
	return r;
}

static bool plain_ready(void *self)
{
	struct plain *p = self;
	int n = 0;
	if (p->drained && !loop_fd_hup(p->fd) && !loop_fd_latched(p->fd, EPOLLIN))
		return false;
	return ioctl(p->fd, FIONREAD, &n) == 0 && n > 0;
}

/*
 * Closing a socket with unread input makes TCP send a reset, which may destroy our last reply on
 * its way (a 421 or 552 to a client that still sends). So read away what is there, within bounds.
 */
static void drain(int fd)
{
	char junk[DRAIN_CHUNK];
	shutdown(fd, SHUT_WR);
	for (int i = 0; i < DRAIN_READS_MAX; i++)
		if (recv(fd, junk, sizeof junk, MSG_DONTWAIT) < (ssize_t)sizeof junk)
			break;
}

static void plain_close(void *self, bool clean)
{
	struct plain *p = self;
	if (clean && !p->drained)
		drain(p->fd);
	loop_forget_fd(p->fd);
	close(p->fd);
	free(p);
}

static int plain_fd(const void *self)
{
	return ((const struct plain *)self)->fd;
}

static const struct io_ops plain_ops = {
	.read = plain_read,
	.write = plain_write,
	.wait = plain_wait,
	.ready = plain_ready,
	.close = plain_close,
	.fd = plain_fd,
};

struct io *io_plain(int fd)
{
	must(fd >= 0);
	struct plain *p = NEW(struct plain);
	p->fd = fd;
	return io_new(&plain_ops, p);
}
