/*
 * The buffered byte stream. Buffers have one size, come from a short list of spares when bytes
 * move and go back when they are empty, so thousands of idle sessions hold none. What moves bytes
 * below is an io_ops: io_plain.c, io_mem.c, tls.c.
 */
#include "run/io.h"

#include "base/mem.h"
#include "base/must.h"
#include "run/arch_san.h"
#include "run/loop.h"
#include "run/sched.h"
#include <stdio.h>

enum {
	IO_BUF = 32 * 1024,
	SPARES_MAX = SAN_ON ? 0 : 64, /* a sanitizer should see use after release */
	CLOSE_WAIT = 1 * SECOND,
};

struct io {
	const struct io_ops *ops;
	void *self;
	instant deadline;
	char *in;
	size_t in_at, in_end, in_cap;
	size_t searched; /* so many bytes from in_at have no LF */
	char *out;
	size_t out_n;
	bool dead; /* a write failed: what follows it must not be sent */
};

static void *spares[SPARES_MAX + 1];
static int n_spares;

static char *buffer_get(void)
{
	if (n_spares > 0)
		return spares[--n_spares];
	char *p = malloc(IO_BUF);
	must(p != NULL);
	return p;
}

static void buffer_put(char *p, size_t cap)
{
	if (p && cap == IO_BUF && n_spares < SPARES_MAX)
		spares[n_spares++] = p;
	else
		free(p);
}

struct io *io_new(const struct io_ops *ops, void *self)
{
	struct io *io = NEW(struct io);
	io->ops = ops;
	io->self = self;
	io->deadline = INSTANT_NEVER;
	return io;
}

void io_set_deadline(struct io *io, instant deadline)
{
	io->deadline = deadline;
}

instant io_deadline(const struct io *io)
{
	return io->deadline;
}

int io_fd(const struct io *io)
{
	return io->ops->fd(io->self);
}

const struct io_ops *io_ops_of(const struct io *io)
{
	return io->ops;
}

void *io_self(const struct io *io, const struct io_ops *expected)
{
	return io->ops == expected ? io->self : NULL;
}

void io_replace(struct io *io, const struct io_ops *ops, void *self)
{
	must(io->in_at == io->in_end && io->out_n == 0);
	io->ops = ops;
	io->self = self;
}

static int wait_for(struct io *io, enum io_dir dir, struct err *e)
{
	if (!co_self())
		return err_set(e, ERR_BUG, "input or output would wait outside a coroutine");
	return io->ops->wait(io->self, dir, io->deadline, e);
}

/* ---- input */

slice io_peek(struct io *io)
{
	return slice_of(io->in + io->in_at, io->in_end - io->in_at);
}

/* The bytes stay where they are until the next fill: io_line lends them out. */
void io_consume(struct io *io, size_t n)
{
	must(n <= io->in_end - io->in_at);
	io->in_at += n;
	io->searched = io->searched > n ? io->searched - n : 0;
}

static void release_input(struct io *io)
{
	buffer_put(io->in, io->in_cap);
	io->in = NULL;
	io->in_at = io->in_end = io->in_cap = 0;
}

static void make_room(struct io *io)
{
	if (!io->in) {
		io->in = buffer_get();
		io->in_cap = IO_BUF;
	}
	if (io->in_at == io->in_end)
		io->in_at = io->in_end = 0;
	if (io->in_end < io->in_cap)
		return;
	if (io->in_at > 0) {
		memmove(io->in, io->in + io->in_at, io->in_end - io->in_at);
		io->in_end -= io->in_at;
		io->in_at = 0;
		return;
	}
	char *p = malloc(2 * io->in_cap);
	must(p != NULL);
	memcpy(p, io->in, io->in_end);
	buffer_put(io->in, io->in_cap);
	io->in = p;
	io->in_cap *= 2;
}

static int wait_for_input(struct io *io, struct err *e)
{
	if (io->out_n > 0 && io_flush(io, e) < 0)
		return -1;
	if (io->in_at == io->in_end)
		release_input(io);
	return wait_for(io, IO_IN, e);
}

/* Reads once, at most `most` bytes. */
static int fill(struct io *io, size_t most, struct err *e)
{
	for (;;) {
		make_room(io);
		size_t room = io->in_cap - io->in_end;
		ssize_t n =
			io->ops->read(io->self, io->in + io->in_end, room < most ? room : most, e);
		if (n > 0) {
			io->in_end += (size_t)n;
			return co_breathe(io->deadline, e) < 0 ? -1 : 1;
		}
		if (n != IO_AGAIN)
			return (int)n;
		if (wait_for_input(io, e) < 0)
			return -1;
	}
}

int io_fill(struct io *io, size_t max, struct err *e)
{
	if (io->in_end - io->in_at >= max)
		return err_set(e, ERR_LIMIT, "more than %zu bytes of input", max);
	return fill(io, SIZE_MAX, e);
}

int io_fill_to(struct io *io, size_t total, struct err *e)
{
	size_t have = io->in_end - io->in_at;
	if (have >= total)
		return err_set(e, ERR_LIMIT, "more than %zu bytes of input", total);
	return fill(io, total - have, e);
}

bool io_ready(struct io *io)
{
	return io->in_at < io->in_end || io->ops->ready(io->self);
}

int io_line(struct io *io, size_t max, slice *ret_line, struct err *e)
{
	for (;;) {
		slice have = io_peek(io);
		size_t lf = io->searched + slice_index(slice_skip(have, io->searched), '\n');
		if (lf < have.n && lf < max) {
			*ret_line = slice_first(have, lf + 1);
			io_consume(io, lf + 1);
			return 1;
		}
		if (have.n >= max)
			return err_set(e, ERR_LIMIT, "line longer than %zu bytes", max);
		io->searched = have.n;
		int r = io_fill(io, max, e);
		if (r < 0)
			return -1;
		if (r == 0)
			return have.n == 0 ? 0
					   : err_set(e, ERR_CLOSED, "stream ended inside a line");
	}
}

/* ---- output */

size_t io_pending(const struct io *io)
{
	return io->out_n;
}

static int write_all(struct io *io, slice s, struct err *e)
{
	while (s.n > 0) {
		ssize_t n = io->ops->write(io->self, s, e);
		int r = 0;
		if (n > 0) {
			s = slice_skip(s, (size_t)n);
			r = s.n > 0 ? co_breathe(io->deadline, e) : 0;
		} else {
			r = n == IO_AGAIN ? wait_for(io, IO_OUT, e) : -1;
		}
		if (r < 0) {
			io->dead = true;
			return -1;
		}
	}
	return 0;
}

static int check_alive(const struct io *io, struct err *e)
{
	return io->dead ? err_set(e, ERR_CLOSED, "an earlier write failed") : 0;
}

int io_flush(struct io *io, struct err *e)
{
	if (check_alive(io, e) < 0)
		return -1;
	if (io->out_n == 0)
		return 0;
	char *out = take(&io->out);
	size_t n = io->out_n;
	io->out_n = 0;
	int r = write_all(io, slice_of(out, n), e);
	buffer_put(out, IO_BUF);
	return r;
}

int io_write(struct io *io, slice s, struct err *e)
{
	if (check_alive(io, e) < 0)
		return -1;
	while (s.n > 0) {
		if (io->out_n == 0 && s.n >= IO_BUF)
			return write_all(io, s, e);
		if (io->out_n == IO_BUF && io_flush(io, e) < 0)
			return -1;
		if (!io->out)
			io->out = buffer_get();
		slice part = slice_first(s, IO_BUF - io->out_n);
		memcpy(io->out + io->out_n, part.p, part.n);
		io->out_n += part.n;
		s = slice_skip(s, part.n);
	}
	return 0;
}

/* Too long for what is left of the buffer: formatted apart. */
static int print_apart(struct io *io, int n, struct err *e, const char *fmt, va_list ap)
{
	AUTO(free) char *text = mem_alloc((size_t)n + 1);
	vsnprintf(text, (size_t)n + 1, fmt, ap);
	return io_write(io, slice_of(text, (size_t)n), e);
}

int io_printf(struct io *io, struct err *e, const char *fmt, ...)
{
	if (check_alive(io, e) < 0)
		return -1;
	if (!io->out)
		io->out = buffer_get();
	va_list ap, again;
	va_start(ap, fmt);
	va_copy(again, ap);
	size_t room = IO_BUF - io->out_n;
	int n = vsnprintf(io->out + io->out_n, room, fmt, ap);
	int r = 0;
	if (n < 0)
		r = err_set(e, ERR_BUG, "format \"%s\"", fmt);
	else if ((size_t)n < room)
		io->out_n += (size_t)n;
	else
		r = print_apart(io, n, e, fmt, again);
	va_end(again);
	va_end(ap);
	return r;
}

/* ---- the end */

static void end(struct io *io, bool clean)
{
	io->ops->close(io->self, clean);
	release_input(io);
	buffer_put(io->out, IO_BUF);
	free(io);
}

void io_close(struct io *io)
{
	struct err e;
	if (!io)
		return;
	instant latest = loop_now() + CLOSE_WAIT;
	if (io->deadline > latest || io->deadline <= loop_now())
		io->deadline = latest;
	if (!io->dead)
		io_flush(io, &e);
	end(io, !io->dead);
}

void io_abort(struct io *io)
{
	if (io)
		end(io, false);
}
