/*
 * Raw DEFLATE as an io over another io's implementation (deflate.h). Used by proto/imap (COMPRESS). Each write of the io below is
 * compressed in pieces and ends with a sync flush, so that what was flushed can be read.
 *
 * Memory of a session that moves bytes: compressor 6 + 16 + 16 KiB (a window of 4 KiB, memLevel 5: measured against the usual 32 KiB and
 * level 8 answers of IMAP become some 7 % longer), decompressor 7 + 32 KiB (the client chooses its window, so it must be whole), buffers of
 * 4 and 8 KiB. When it rests, the compressor and the buffers go, and the decompressor shrinks to the text that it may be referred to:
 * what the client sent last, at most 32 KiB.
 *
 * A small input that becomes much output is read in pieces as the reader asks for them, so it takes time of the reader and no
 * memory; input that becomes nothing at all is an error.
 */
#include "run/deflate.h"

#include "base/mem.h"
#include "base/must.h"
#include <zlib.h>

enum {
	IN_SIZE = 4096,
	OUT_SIZE = 8192,
	WINDOW_OUT = 12, /* bits */
	MEMORY_OUT = 5, /* memLevel */
	LEVEL = 5,
	WINDOW_IN = 15,
	WINDOW_MAX = 1 << WINDOW_IN,
	BARREN_MAX = 64 * 1024, /* bytes of input without any output */
	PIECE_MAX = 32 * 1024, /* compressed at once */
};

struct deflate {
	const struct io_ops *below;
	void *below_self;
	/* Reading. */
	z_stream in;
	bool inflating; /* `in` is set up; else `window` is what it starts with */
	bool more; /* output may wait in the decompressor */
	bool ended; /* the client's stream has */
	size_t barren;
	char *window, *in_buf;
	unsigned window_n;
	/* Writing. */
	z_stream out;
	bool deflating;
	bool flushed; /* all of the piece at hand is in out_buf or sent */
	char *out_buf;
	size_t out_at, out_n; /* in out_buf, not sent yet */
	size_t owed; /* bytes of the caller's that the compressor has and the caller was not told of */
};

static int fail(struct err *e, enum err_kind kind, const z_stream *z, const char *what)
{
	return err_set(e, kind, "DEFLATE: %s", z->msg ? z->msg : what);
}

/* ---- reading ---- */

static void start_inflating(struct deflate *d)
{
	if (d->inflating)
		return;
	d->in = (z_stream){0};
	must(inflateInit2(&d->in, -WINDOW_IN) == Z_OK);
	if (d->window_n)
		must(inflateSetDictionary(&d->in, (const Bytef *)d->window, d->window_n) == Z_OK);
	free(take(&d->window));
	d->window_n = 0;
	d->inflating = true;
}

/* 1: in_buf has bytes; else as io_ops.read. */
static ssize_t refill(struct deflate *d, struct err *e)
{
	if (d->in.avail_in > 0)
		return 1;
	if (!d->in_buf)
		d->in_buf = mem_alloc(IN_SIZE);
	ssize_t n = d->below->read(d->below_self, d->in_buf, IN_SIZE, e);
	if (n <= 0)
		return n;
	d->in.next_in = (Bytef *)d->in_buf;
	d->in.avail_in = (uInt)n;
	d->barren += (size_t)n;
	return 1;
}

/* Fills `to` as far as what is there goes: bytes, 0 end, -1. */
static ssize_t decompress(struct deflate *d, char *to, size_t n, struct err *e)
{
	d->in.next_out = (Bytef *)to;
	d->in.avail_out = (uInt)(n < PIECE_MAX ? n : PIECE_MAX);
	uInt room = d->in.avail_out;
	int r = inflate(&d->in, Z_SYNC_FLUSH);
	ssize_t got = (ssize_t)(room - d->in.avail_out);
	d->more = d->in.avail_out == 0;
	if (got > 0)
		d->barren = 0;
	d->ended = r == Z_STREAM_END;
	if (r == Z_OK || r == Z_BUF_ERROR || r == Z_STREAM_END)
		return got;
	return fail(e, ERR_PROTO, &d->in, "damaged");
}

static ssize_t deflate_read(void *self, char *to, size_t n, struct err *e)
{
	struct deflate *d = self;
	if (n == 0)
		return 0;
	start_inflating(d);
	for (;;) {
		if (d->more || d->in.avail_in > 0) {
			ssize_t got = decompress(d, to, n, e);
			if (got != 0)
				return got;
		}
		if (d->ended)
			return 0;
		if (d->barren > BARREN_MAX)
			return err_set(e, ERR_PROTO, "DEFLATE: nothing but empty blocks");
		ssize_t r = refill(d, e);
		if (r != 1)
			return r;
	}
}

/* ---- writing ---- */

static void start_deflating(struct deflate *d)
{
	if (d->deflating)
		return;
	d->out = (z_stream){0};
	must(deflateInit2(&d->out, LEVEL, Z_DEFLATED, -WINDOW_OUT, MEMORY_OUT,
		     Z_DEFAULT_STRATEGY) == Z_OK);
	d->deflating = true;
}

/* 0: all of out_buf is sent; -1, IO_AGAIN. */
static ssize_t send_out(struct deflate *d, struct err *e)
{
	while (d->out_n > 0) {
		ssize_t n = d->below->write(
			d->below_self, slice_of(d->out_buf + d->out_at, d->out_n), e);
		if (n <= 0)
			return n;
		d->out_at += (size_t)n;
		d->out_n -= (size_t)n;
	}
	d->out_at = 0;
	return 0;
}

/* More of the piece at hand into out_buf, which is empty. */
static int compress_some(struct deflate *d, struct err *e)
{
	if (!d->out_buf)
		d->out_buf = mem_alloc(OUT_SIZE);
	d->out.next_out = (Bytef *)d->out_buf;
	d->out.avail_out = OUT_SIZE;
	int r = deflate(&d->out, Z_SYNC_FLUSH);
	if (r != Z_OK && r != Z_BUF_ERROR)
		return fail(e, ERR_BUG, &d->out, "cannot compress");
	d->out_n = OUT_SIZE - d->out.avail_out;
	d->flushed = d->out.avail_out > 0;
	return 0;
}

/* A caller who was told IO_AGAIN comes again with the same bytes. They are not looked at a second time. */
static ssize_t deflate_write(void *self, slice s, struct err *e)
{
	struct deflate *d = self;
	if (s.n == 0)
		return 0;
	if (d->owed == 0) {
		start_deflating(d);
		d->owed = s.n < PIECE_MAX ? s.n : PIECE_MAX;
		d->out.next_in = (Bytef *)(uintptr_t)s.p;
		d->out.avail_in = (uInt)d->owed;
		d->flushed = false;
	} else if (d->out.avail_in > 0) {
		/* The bytes may lie elsewhere now. */
		d->out.next_in = (Bytef *)(uintptr_t)(s.p + (d->owed - d->out.avail_in));
	}
	for (;;) {
		ssize_t r = send_out(d, e);
		if (r != 0)
			return r;
		if (d->flushed)
			break;
		if (compress_some(d, e) < 0)
			return -1;
	}
	size_t n = d->owed;
	d->owed = 0;
	return (ssize_t)n;
}

/* ---- resting ---- */

/* Between two blocks, nothing half read: what is needed to go on is the text that may be referred to. */
static void freeze_input(struct deflate *d)
{
	bool between = (d->in.data_type & 128) && !(d->in.data_type & 7) && !(d->in.data_type & 64);
	if (!d->inflating || d->more || d->in.avail_in > 0 || d->ended || !between)
		return;
	AUTO(free) char *window = mem_alloc(WINDOW_MAX);
	uInt n = 0;
	if (inflateGetDictionary(&d->in, (Bytef *)window, &n) != Z_OK)
		return;
	d->window = n ? mem_dup(window, n) : NULL;
	d->window_n = n;
	inflateEnd(&d->in);
	d->in = (z_stream){0};
	d->inflating = false;
	free(take(&d->in_buf));
}

static int deflate_wait(void *self, enum io_dir dir, instant deadline, struct err *e)
{
	struct deflate *d = self;
	return d->below->wait(d->below_self, dir, deadline, e);
}

static bool deflate_ready(void *self)
{
	struct deflate *d = self;
	return d->more || d->in.avail_in > 0 || d->below->ready(d->below_self);
}

static void deflate_close(void *self, bool clean)
{
	struct deflate *d = self;
	d->below->close(d->below_self, clean);
	if (d->inflating)
		inflateEnd(&d->in);
	if (d->deflating)
		deflateEnd(&d->out);
	free(d->window);
	free(d->in_buf);
	free(d->out_buf);
	free(d);
}

static int deflate_fd(const void *self)
{
	const struct deflate *d = self;
	return d->below->fd(d->below_self);
}

static const struct io_ops deflate_ops = {
	.read = deflate_read,
	.write = deflate_write,
	.wait = deflate_wait,
	.ready = deflate_ready,
	.close = deflate_close,
	.fd = deflate_fd,
};

int deflate_start(struct io *io, struct err *e)
{
	must(!deflate_active(io));
	if (io_flush(io, e) < 0)
		return -1;
	if (io_peek(io).n > 0)
		return err_set(
			e, ERR_PROTO, "%zu bytes before the compressed stream", io_peek(io).n);
	struct deflate *d = NEW(struct deflate);
	d->below = io_ops_of(io);
	d->below_self = io_self(io, d->below);
	io_replace(io, &deflate_ops, d);
	return 0;
}

bool deflate_active(const struct io *io)
{
	return io_ops_of(io) == &deflate_ops;
}

void deflate_rest(struct io *io)
{
	struct deflate *d = io_self(io, &deflate_ops);
	if (!d)
		return;
	freeze_input(d);
	if (d->owed > 0 || d->out_n > 0)
		return;
	if (d->deflating)
		deflateEnd(&d->out);
	d->deflating = false;
	free(take(&d->out_buf));
}
