/* DEFLATE over an io: both ways against zlib itself, in small pieces, with rests between, over a slow stream; what is damaged or barren. */
#include "run/deflate.h"

#include "base/mem.h"
#include "base/test.h"
#include "run/co.h"
#include "run/loop.h"
#include <stdio.h>
#include <zlib.h>

static void run(void (*fn)(void *), void *arg)
{
	loop_init();
	loop_main(fn, arg);
	loop_done();
}

/* ---- the other side, by zlib alone ---- */

static void zip(z_stream *z, slice text, struct buf *out)
{
	char piece[1000];
	z->next_in = (Bytef *)(uintptr_t)text.p;
	z->avail_in = (uInt)text.n;
	do {
		z->next_out = (Bytef *)piece;
		z->avail_out = sizeof piece;
		deflate(z, Z_SYNC_FLUSH);
		buf_put(out, slice_of(piece, sizeof piece - z->avail_out));
	} while (z->avail_out == 0);
}

static void unzip(z_stream *z, slice packed, struct buf *out)
{
	char piece[1000];
	z->next_in = (Bytef *)(uintptr_t)packed.p;
	z->avail_in = (uInt)packed.n;
	do {
		z->next_out = (Bytef *)piece;
		z->avail_out = sizeof piece;
		int r = inflate(z, Z_SYNC_FLUSH);
		CHECK(r == Z_OK || r == Z_BUF_ERROR);
		buf_put(out, slice_of(piece, sizeof piece - z->avail_out));
	} while (z->avail_out == 0);
}

static void numbers(struct buf *out, unsigned from, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		buf_printf(out, "line %u of a text that repeats itself %u\r\n", from + i,
			(from + i) * 2654435761u);
}

struct world {
	struct io *ours, *theirs;
	bool rests;
	size_t least, bytes; /* sent by us, packed */
};

/* Answers each line it reads with the same line. */
static void echo(void *arg)
{
	struct world *w = arg;
	slice line;
	struct err e = {0};
	while (io_line(w->ours, 1000, &line, &e) > 0) {
		if (io_write(w->ours, line, &e) < 0)
			break;
		if (w->rests)
			deflate_rest(w->ours);
	}
	CHECK(e.kind == 0);
	io_close(w->ours);
}

static void read_back(struct world *w, z_stream *in, size_t want, struct buf *got)
{
	struct err e = {0};
	while (got->n < want) {
		int r = io_fill(w->theirs, 1 << 20, &e);
		if (r <= 0)
			test_fail(__FILE__, __LINE__, "%s", r ? e.text : "end");
		w->bytes += io_peek(w->theirs).n;
		unzip(in, io_peek(w->theirs), got);
		io_consume(w->theirs, io_peek(w->theirs).n);
	}
}

static void talk(void *arg)
{
	struct world *w = arg;
	struct err e = {0};
	struct group g;
	z_stream out = {0}, in = {0};
	group_init(&g);
	io_mem_pair(&w->ours, &w->theirs);
	CHECK_INT(deflate_start(w->ours, &e), 0);
	CHECK(deflate_active(w->ours));
	group_go(&g, "echo", echo, w);
	deflateInit2(&out, 9, Z_DEFLATED, -15, 9, Z_DEFAULT_STRATEGY);
	inflateInit2(&in, -15);
	size_t said = 0;
	for (unsigned round = 0; round < 60; round++) {
		AUTO(buf) struct buf text = BUF(1 << 20), packed = BUF(1 << 20), got = BUF(1 << 20);
		numbers(&text, round % 7, round % 9 == 8 ? 2000 : 3);
		zip(&out, buf_slice(&text), &packed);
		/* In pieces, also inside of blocks. */
		for (size_t at = 0; at < packed.n; at += w->least) {
			CHECK_INT(io_write(w->theirs,
					  slice_first(slice_skip(buf_slice(&packed), at), w->least),
					  &e),
				0);
			CHECK_INT(io_flush(w->theirs, &e), 0);
			if (w->least < 100)
				co_yield();
		}
		said += text.n;
		read_back(w, &in, text.n, &got);
		CHECK_STR(buf_slice(&got), buf_slice(&text));
	}
	CHECK(w->bytes < said * 2 / 3);
	io_close(w->theirs);
	group_join(&g);
	deflateEnd(&out);
	inflateEnd(&in);
}

TEST(deflate_speaks_with_zlib)
{
	static const size_t pieces[] = {1, 7, 100000};
	for (size_t i = 0; i < 3; i++) {
		struct world w = {.least = pieces[i]};
		run(talk, &w);
	}
}

TEST(deflate_rests_and_goes_on)
{
	struct world w = {.rests = true, .least = 33};
	run(talk, &w);
}

/* ---- what is hostile ---- */

static int read_all(slice input, uint64_t *ret_n, struct err *e)
{
	AUTO(io) struct io *io = io_mem(input, NULL);
	int r = deflate_start(io, e);
	if (r < 0)
		return r;
	*ret_n = 0;
	while ((r = io_fill(io, 1 << 20, e)) > 0) {
		*ret_n += io_peek(io).n;
		io_consume(io, io_peek(io).n);
	}
	return r;
}

TEST(deflate_bombs_take_no_memory)
{
	AUTO(buf) struct buf packed = BUF(1 << 20);
	AUTO(free) char *zeros = mem_alloc(1 << 20);
	z_stream z = {0};
	struct err e = {0};
	uint64_t n;
	deflateInit2(&z, 9, Z_DEFLATED, -15, 9, Z_DEFAULT_STRATEGY);
	for (int i = 0; i < 64; i++)
		zip(&z, slice_of(zeros, 1 << 20), &packed);
	deflateEnd(&z);
	CHECK_INT(read_all(buf_slice(&packed), &n, &e), 0);
	CHECK_INT(n, 64 << 20);
}

TEST(deflate_refuses_what_is_damaged_or_barren)
{
	AUTO(buf) struct buf barren = BUF(1 << 20);
	struct err e = {0};
	uint64_t n;
	CHECK(read_all(S("\xff\xff\xff\xff"), &n, &e) < 0 && e.kind == ERR_PROTO);
	while (barren.n < 200000)
		buf_put(&barren, S("\0\0\0\xff\xff")); /* empty stored blocks */
	CHECK(read_all(buf_slice(&barren), &n, &e) < 0 && e.kind == ERR_PROTO);
	CHECK_INT(n, 0);
	/* The client's end of stream is the end. */
	CHECK_INT(read_all(S("\x03\0more"), &n, &e), 0);
	CHECK_INT(n, 0);
}

TEST(deflate_refuses_what_came_too_early)
{
	AUTO(io) struct io *io = io_mem(S("too early"), NULL);
	struct err e = {0};
	CHECK_INT(io_fill(io, 100, &e), 1);
	CHECK(deflate_start(io, &e) < 0 && e.kind == ERR_PROTO);
	CHECK(!deflate_active(io));
	deflate_rest(io);
}
