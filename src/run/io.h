/*
 * io: a byte stream as protocol code sees it: a socket, TLS over it, or memory. Input is buffered
 * and looked at in place; output is buffered until io_flush (or until it is large).
 * Reads and writes wait in the calling coroutine until the deadline set with io_set_deadline.
 * Whoever is about to wait for input flushes its output first, so replies to pipelined commands
 * travel together and nobody can forget to flush.
 * Errors: ERR_TIMEOUT, ERR_CLOSED (reset, cancelled), ERR_PROTO (TLS), ERR_LIMIT.
 */
#pragma once
#include "base/buf.h"
#include "base/err.h"
#include "base/time.h"
#include <sys/types.h>

struct io;

void io_set_deadline(struct io *io, instant deadline); /* for all later waits */

/* What has arrived and is not consumed. Valid until the next io_fill/io_consume/io_close. */
slice io_peek(struct io *io);
void io_consume(struct io *io, size_t n);
/* Waits for more input: 1 and io_peek() has grown, 0 end of stream, -1. ERR_LIMIT when `max`
 * unconsumed bytes are buffered already. Flushes the output before it waits. An idle io holds no
 * buffers. */
int io_fill(struct io *io, size_t max, struct err *e);
/* As io_fill, but reads so that no more than `total` bytes are buffered: what follows them stays
 * with the implementation, e.g. a TLS handshake behind a PROXY header. */
int io_fill_to(struct io *io, size_t total, struct err *e);
/* Whether more input is likely to be had without waiting: a hint, for who wants to do something
 * else first. Nobody needs it to flush replies: see above. */
bool io_ready(struct io *io);

/*
 * One line including its LF, at most max bytes: 1 with *ret_line (borrowed until the next call;
 * already consumed), 0 at a clean end of stream, -1: ERR_LIMIT (longer than max: the line is not
 * consumed), ERR_CLOSED (end inside a line) and the rest. What precedes LF is the caller's to
 * judge.
 */
int io_line(struct io *io, size_t max, slice *ret_line, struct err *e);

/* Appends to the output; flushes by itself above 32 KiB. After a failed write all later ones
 * fail. */
int io_write(struct io *io, slice s, struct err *e);
int io_printf(struct io *io, struct err *e, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
int io_flush(struct io *io, struct err *e);
/* Output bytes not yet flushed. */
size_t io_pending(const struct io *io);

/* Flushes what it can within a second, sends TLS close_notify, frees. NULL is fine. */
void io_close(struct io *io);
/* Closes at once, nothing flushed. */
void io_abort(struct io *io);
static inline void auto_io(struct io **io)
{
	io_close(*io);
}

/* The socket below, or -1 (memory). */
int io_fd(const struct io *io);

struct io *io_plain(int fd); /* takes the non-blocking socket over */

/* Two connected ends in memory, for tests and fuzzers: bytes written to one are read from the
 * other. */
void io_mem_pair(struct io **ret_a, struct io **ret_b);
/* Input from a slice (copied), then end of stream; output is collected in *out (may be NULL). */
struct io *io_mem(slice input, struct buf *out);

/*
 * Implementations (plain, TLS, memory) fill this in. read and write never wait: IO_AGAIN says that
 * they would have to, then `wait` does (it may return early). One direction, one coroutine.
 */
enum { IO_AGAIN = -2 };
enum io_dir { IO_IN, IO_OUT };
struct io_ops {
	/* >0, 0 end, -1, IO_AGAIN */
	ssize_t (*read)(void *self, char *to, size_t n, struct err *e);
	/* >0, -1, IO_AGAIN */
	ssize_t (*write)(void *self, slice s, struct err *e);
	int (*wait)(void *self, enum io_dir dir, instant deadline, struct err *e);
	bool (*ready)(void *self); /* bytes waiting below the io's own buffer, without blocking */
	void (*close)(void *self, bool clean);
	int (*fd)(const void *self);
};
struct io *io_new(const struct io_ops *ops, void *self);
/* Takes the implementation out from under an io, for wrapping (STARTTLS): buffers must be empty. */
const struct io_ops *io_ops_of(const struct io *io);
void *io_self(const struct io *io, const struct io_ops *expected);
void io_replace(struct io *io, const struct io_ops *ops, void *self);
instant io_deadline(const struct io *io);
