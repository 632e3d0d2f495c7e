/*
 * What the process that takes a container apart says (import_wire.h), for import_zip.c and import_pst.c. It has read hostile bytes and may be anybody's by
 * now: frames have bounds, silence has an end, and all that it names goes the way of names from archives.
 */
#include "base/mem.h"
#include "base/must.h"
#include "mail/import_file_impl.h"
#include "run/co.h"
#include "run/loop.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

int import_reader_open(struct import_reader *r, struct import_files *f, enum import_container kind,
	int fd, struct err *e)
{
	struct stat st;
	*r = (struct import_reader){.f = f, .in = BUF(2 * (WIRE_HEAD + WIRE_FRAME_MAX))};
	if (fstat(fd, &st) < 0)
		return err_sys(e, errno, "fstat");
	r->u = (struct import_unpack){.kind = kind,
		.file = fd,
		.socket = -1,
		.max_message = f->how->max_message,
		.size = (uint64_t)st.st_size};
	r->most = import_unpack_most(r->u.size);
	if (f->how->reader.start(f->how->arg, &r->u, e) < 0)
		return -1;
	int flags = fcntl(r->u.socket, F_GETFL);
	if (flags < 0 || fcntl(r->u.socket, F_SETFL, flags | O_NONBLOCK) < 0)
		return err_sys(e, errno, "fcntl");
	return 0;
}

/* Returns how it ended. */
static int end(struct import_reader *r, bool kill)
{
	int status = 0;
	struct err e;
	if (r->u.socket < 0)
		return 0;
	loop_forget_fd(r->u.socket);
	close(take_fd(&r->u.socket));
	return r->f->how->reader.end(r->f->how->arg, kill, &status, &e) < 0 ? 0 : status;
}

void import_reader_close(struct import_reader *r)
{
	end(r, true);
	buf_done(&r->in);
}

/* ---- its frames ---- */

/* Who has closed its end may live on for all that: it is not waited for. To one that is ending, the signal comes too late to matter. */
static int died(struct import_reader *r, struct err *e)
{
	int status = end(r, true);
	if (WIFSIGNALED(status))
		return err_set(e, ERR_PROTO, "its reader was ended by signal %d (%s)",
			WTERMSIG(status), strsignal(WTERMSIG(status)));
	return err_set(e, ERR_PROTO, "its reader ended too early (%d)", WEXITSTATUS(status));
}

static int fill(struct import_reader *r, struct err *e)
{
	char *room = buf_room(&r->in, WIRE_BYTES_MAX);
	must(room);
	for (;;) {
		ssize_t n = read(r->u.socket, room, WIRE_BYTES_MAX);
		if (n > 0)
			return buf_commit(&r->in, (size_t)n), 0;
		if (n == 0 || (errno != EAGAIN && errno != EINTR))
			return died(r, e);
		if (errno == EINTR)
			continue;
		if (loop_wait_fd(r->u.socket, EPOLLIN, instant_in(IMPORT_SILENCE * SECOND), e) == 0)
			continue;
		if (e->kind != ERR_TIMEOUT)
			return -1;
		end(r, true);
		return err_set(
			e, ERR_PROTO, "its reader said nothing for %d seconds", IMPORT_SILENCE);
	}
}

static uint32_t length_of(const struct import_reader *r)
{
	struct cur c = cur_of(slice_skip(buf_slice(&r->in), 1));
	return cur_u32(&c);
}

static int nonsense(struct import_reader *r, struct err *e)
{
	end(r, true);
	return err_set(e, ERR_PROTO, "its reader says what makes no sense");
}

int import_reader_next(
	struct import_reader *r, enum wire_frame *ret, struct cur *ret_payload, struct err *e)
{
	buf_drop_front(&r->in, r->used);
	r->used = 0;
	do {
		if (r->u.socket < 0)
			return err_set(e, ERR_PROTO, "its reader has ended");
		while (r->in.n < WIRE_HEAD)
			if (fill(r, e) < 0)
				return -1;
		uint32_t n = length_of(r);
		if (n > WIRE_FRAME_MAX)
			return nonsense(r, e);
		while (r->in.n < WIRE_HEAD + (size_t)n)
			if (fill(r, e) < 0)
				return -1;
		*ret = (enum wire_frame)r->in.p[0];
		r->used = WIRE_HEAD + n;
		if (*ret == WIRE_ALIVE)
			buf_drop_front(&r->in, r->used), r->used = 0;
	} while (*ret == WIRE_ALIVE);
	*ret_payload = cur_of(slice_of(r->in.p + WIRE_HEAD, r->used - WIRE_HEAD));
	r->said += r->used;
	return r->said <= r->most + WIRE_FRAME_MAX ? 0 : nonsense(r, e);
}

int import_reader_answer(struct import_reader *r, enum wire_answer a, struct err *e)
{
	const char c = (char)a;
	if (r->u.socket < 0)
		return err_set(e, ERR_PROTO, "its reader has ended");
	/* A byte has room: it waits for one at a time. */
	return send(r->u.socket, &c, 1, MSG_NOSIGNAL) == 1 ? 0 : died(r, e);
}
