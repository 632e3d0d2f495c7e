/*
 * Messages with descriptors on the control socket between the master and a child (unix(7),
 * SCM_RIGHTS). Does not wait: the sockets' buffers hold what a child has not read yet.
 */
#include "run/proc_wire.h"

#include "base/mem.h"
#include "base/must.h"
#include "run/memfile.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

union fd_space {
	struct cmsghdr align;
	char space[CMSG_SPACE(sizeof(int) * (PROC_FDS_MAX + 1))];
};

int proc_wire_send(int socket, slice message, const int *fds, size_t nfds, struct err *e)
{
	must(message.n <= PROC_WIRE_MAX && nfds <= PROC_FDS_MAX + 1);
	union fd_space u = {0};
	struct iovec iov = {(void *)(uintptr_t)message.p, message.n};
	struct msghdr mh = {.msg_iov = &iov, .msg_iovlen = 1};
	if (nfds > 0) {
		mh.msg_control = u.space;
		mh.msg_controllen = CMSG_SPACE(sizeof(int) * nfds);
		struct cmsghdr *c = CMSG_FIRSTHDR(&mh);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int) * nfds);
		memcpy(CMSG_DATA(c), fds, sizeof(int) * nfds);
	}
	if (sendmsg(socket, &mh, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		return err_sys(e, errno, "control socket: send");
	return 0;
}

static void keep_fds(struct msghdr *mh, struct proc_received *ret)
{
	ret->nfds = 0;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(mh); c; c = CMSG_NXTHDR(mh, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		memcpy(ret->fds, CMSG_DATA(c), n * sizeof(int));
		ret->nfds = n;
	}
}

int proc_wire_receive(int socket, struct proc_received *ret, struct err *e)
{
	union fd_space u;
	struct iovec iov = {ret->bytes, sizeof ret->bytes};
	struct msghdr mh = {.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = u.space,
		.msg_controllen = sizeof u.space};
	ssize_t n;
	do {
		n = recvmsg(socket, &mh, MSG_CMSG_CLOEXEC);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return err_sys(e, errno, "control socket: receive");
	ret->n = (size_t)n;
	keep_fds(&mh, ret);
	if (mh.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) {
		proc_received_close(ret);
		return err_set(e, ERR_LIMIT, "control socket: message or descriptors cut off");
	}
	return n > 0;
}

void proc_received_close(struct proc_received *r)
{
	for (size_t i = 0; i < r->nfds; i++)
		auto_fd(&r->fds[i]);
	r->nfds = 0;
}

int proc_wire_text_fd(slice text, int *ret_fd, struct err *e)
{
	if (text.n > PROC_CONFIG_MAX)
		return err_set(
			e, ERR_LIMIT, "configuration of more than %d bytes", PROC_CONFIG_MAX);
	AUTO(fd) int fd = memfile_of("posthouse.conf", text, e);
	if (fd < 0)
		return -1;
	if (fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) < 0)
		return err_sys(e, errno, "memfd: seal");
	*ret_fd = take_fd(&fd);
	return 0;
}

int proc_wire_read_text(int fd, struct buf *ret, struct err *e)
{
	*ret = BUF(PROC_CONFIG_MAX);
	for (;;) {
		char piece[4096 - 256];
		ssize_t n = pread(fd, piece, sizeof piece, (off_t)ret->n);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(e, errno, "memfd: read");
		if (n == 0)
			return 0;
		buf_put(ret, slice_of(piece, (size_t)n));
		if (!buf_ok(ret))
			return err_set(e, ERR_LIMIT, "configuration too long");
	}
}
