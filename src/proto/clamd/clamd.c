/*
 * Questions to clamd and its answers (clamd.h). Called by bin/engine_net.c. clamd says what is wrong while it
 * is still being sent to (a limit, its end), so whoever sends listens, too.
 */
#include "proto/clamd/clamd.h"

#include "base/mem.h"
#include <errno.h>
#include <sys/socket.h>

enum { CHUNK = 128 * 1024 };

/* ---- answers ---- */

bool clamd_reply_parse(slice line, struct clamd_answer *ret)
{
	slice s = slice_trim(line);
	size_t at = slice_find(s, S(": "));
	if (at == s.n)
		return false;
	slice what = slice_skip(s, at + 2);
	if (slice_eq(what, S("OK"))) {
		*ret = (struct clamd_answer){0};
		return true;
	}
	if (!slice_ends(what, S(" FOUND")) || what.n == 6)
		return false;
	*ret = (struct clamd_answer){true, slice_first(what, what.n - 6)};
	return true;
}

static int read_reply(struct io *io, struct arena *a, slice *ret, struct err *e)
{
	for (;;) {
		slice have = io_peek(io);
		size_t end = slice_index(have, '\0');
		if (end < have.n) {
			*ret = arena_dup(a, slice_trim(slice_first(have, end)));
			return 0;
		}
		int r = io_fill(io, CLAMD_REPLY_MAX, e);
		if (r < 0)
			return -1;
		if (r == 0)
			return err_set(e, ERR_CLOSED, "clamd closed the connection");
	}
}

static int read_answer(struct io *io, struct arena *a, struct clamd_answer *ret, struct err *e)
{
	slice reply;
	if (read_reply(io, a, &reply, e) < 0)
		return -1;
	if (clamd_reply_parse(reply, ret))
		return 0;
	if (slice_find(reply, S("size limit exceeded")) < reply.n)
		return err_set(e, ERR_LIMIT, "clamd takes no message so large");
	return err_set(e, ERR_TEMP, "clamd: %.*s", SFMT(slice_first(reply, 120)));
}

/* ---- questions ---- */

static int send_chunk(struct io *io, slice bytes, struct err *e)
{
	unsigned char n[4] = {(unsigned char)(bytes.n >> 24), (unsigned char)(bytes.n >> 16),
		(unsigned char)(bytes.n >> 8), (unsigned char)bytes.n};
	if (io_write(io, slice_of(n, sizeof n), e) < 0)
		return -1;
	return bytes.n ? io_write(io, bytes, e) : 0;
}

/* True: all of it went; false: it has something to say before. */
static int send_all(struct io *io, slice bytes, bool *ret_all, struct err *e)
{
	while (bytes.n) {
		slice piece = slice_first(bytes, CHUNK);
		if (send_chunk(io, piece, e) < 0 || io_flush(io, e) < 0)
			return -1;
		bytes = slice_skip(bytes, piece.n);
		if (bytes.n && io_ready(io)) {
			*ret_all = false;
			return 0;
		}
	}
	*ret_all = true;
	return send_chunk(io, S(""), e) < 0 ? -1 : io_flush(io, e);
}

int clamd_scan_stream(
	struct io *io, slice bytes, struct arena *a, struct clamd_answer *ret, struct err *e)
{
	bool all;
	if (io_write(io, S("zINSTREAM\0"), e) < 0 || send_all(io, bytes, &all, e) < 0)
		return -1;
	if (read_answer(io, a, ret, e) < 0)
		return -1;
	if (!all && !ret->infected)
		return err_set(e, ERR_PROTO, "clamd answered before it had everything");
	return 0;
}

static int pass_file(struct io *io, int fd, struct err *e)
{
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int))];
	} control = {0};
	char byte = 0;
	struct iovec v = {&byte, 1};
	struct msghdr m = {.msg_iov = &v,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof control};
	control.head.cmsg_level = SOL_SOCKET;
	control.head.cmsg_type = SCM_RIGHTS;
	control.head.cmsg_len = CMSG_LEN(sizeof fd);
	memcpy(CMSG_DATA(&control.head), &fd, sizeof fd);
	/* Only some bytes are on their way: the socket has room. */
	return sendmsg(io_fd(io), &m, MSG_NOSIGNAL) == 1
		       ? 0
		       : err_sys(e, errno, "clamd: passing a file");
}

int clamd_scan_file(struct io *io, int fd, struct arena *a, struct clamd_answer *ret, struct err *e)
{
	if (io_write(io, S("zFILDES\0"), e) < 0 || io_flush(io, e) < 0 || pass_file(io, fd, e) < 0)
		return -1;
	return read_answer(io, a, ret, e);
}

int clamd_version(struct io *io, struct arena *a, slice *ret, struct err *e)
{
	if (io_write(io, S("zVERSION\0"), e) < 0 || read_reply(io, a, ret, e) < 0)
		return -1;
	return ret->n ? 0 : err_set(e, ERR_PROTO, "clamd has no version");
}
