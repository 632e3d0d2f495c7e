/*
 * Frames of a link on its SOCK_SEQPACKET socket: six bytes of head, then the payload, one frame a
 * datagram. Order and integrity are the kernel's.
 */
#include "run/link_wire.h"

#include "base/mem.h"
#include "run/co.h"
#include "run/link.h"
#include "run/loop.h"
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

int link_pair(int ret_fds[2], struct err *e)
{
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ret_fds) < 0)
		return err_sys(e, errno, "socketpair");
	/* Best effort: net.core.wmem_max caps it. A full link is an ordinary event. */
	int size = 1 << 20;
	for (int i = 0; i < 2; i++)
		setsockopt(ret_fds[i], SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
	return 0;
}

/* Control space for one descriptor (cmsg(3)). */
union file_space {
	struct cmsghdr head;
	char bytes[CMSG_SPACE(sizeof(int))];
};

static void put_file(struct msghdr *mh, union file_space *space, int fd)
{
	memset(space, 0, sizeof *space);
	mh->msg_control = space->bytes;
	mh->msg_controllen = sizeof space->bytes;
	struct cmsghdr *c = CMSG_FIRSTHDR(mh);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof fd);
	memcpy(CMSG_DATA(c), &fd, sizeof fd);
}

static int get_file(struct msghdr *mh)
{
	int fd = -1;
	struct cmsghdr *c = mh->msg_controllen ? CMSG_FIRSTHDR(mh) : NULL;
	if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS &&
		c->cmsg_len == CMSG_LEN(sizeof fd))
		memcpy(&fd, CMSG_DATA(c), sizeof fd);
	return fd;
}

int link_frame_send(int fd, const struct link_frame *f, struct err *e)
{
	if (f->payload.n > LINK_MESSAGE_MAX)
		return err_set(e, ERR_LIMIT, "link: message of %zu bytes", f->payload.n);
	uint8_t head[LINK_HEAD] = {(uint8_t)f->type, (uint8_t)f->kind, (uint8_t)(f->seq >> 24),
		(uint8_t)(f->seq >> 16), (uint8_t)(f->seq >> 8), (uint8_t)f->seq};
	struct iovec iov[2] = {
		{head, sizeof head}, {(void *)(uintptr_t)f->payload.p, f->payload.n}};
	struct msghdr mh = {.msg_iov = iov, .msg_iovlen = f->payload.n ? 2 : 1};
	union file_space space;
	if (f->fd >= 0)
		put_file(&mh, &space, f->fd);
	ssize_t n;
	do {
		n = sendmsg(fd, &mh, MSG_NOSIGNAL | MSG_DONTWAIT);
	} while (n < 0 && errno == EINTR);
	return n < 0 ? err_sys(e, errno, "link") : 0;
}

int link_frame_receive(int fd, struct link_frame *ret, struct err *e)
{
	static char *bytes; /* one for all links: a frame is used or copied before anyone waits */
	if (!bytes)
		bytes = mem_alloc(LINK_HEAD + LINK_MESSAGE_MAX);
	union file_space space;
	struct iovec iov = {bytes, LINK_HEAD + LINK_MESSAGE_MAX};
	struct msghdr mh = {.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = space.bytes,
		.msg_controllen = sizeof space.bytes};
	ssize_t n;
	do {
		n = recvmsg(fd, &mh, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return err_sys(e, errno, "link");
	if (n < LINK_HEAD)
		return 0;
	const uint8_t *h = (const uint8_t *)bytes;
	*ret = (struct link_frame){
		.type = h[0],
		.kind = h[1],
		.seq = (uint32_t)h[2] << 24 | (uint32_t)h[3] << 16 | (uint32_t)h[4] << 8 | h[5],
		.payload = slice_of(bytes + LINK_HEAD, (size_t)n - LINK_HEAD),
		.fd = get_file(&mh),
	};
	return 1;
}

int link_frame_next(int fd, unsigned *burst, struct link_frame *ret)
{
	struct err e;
	if (++*burst % LINK_BURST == 0)
		co_yield();
	for (;;) {
		int got = link_frame_receive(fd, ret, &e);
		if (got >= 0)
			return got;
		if (e.sys != EAGAIN || loop_wait_fd(fd, EPOLLIN, INSTANT_NEVER, &e) < 0)
			return 0;
	}
}
