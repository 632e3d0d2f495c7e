/* The buffered stream over memory and sockets: lines, limits, deadlines, coalescing, idle buffers.
 */
#include "run/io.h"

#include "base/mem.h"
#include "base/test.h"
#include "run/arch_san.h"
#include "run/co.h"
#include "run/loop.h"
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

static void run(void (*fn)(void *), void *arg)
{
	loop_init();
	loop_main(fn, arg);
	loop_done();
}

static struct io *plain_pair(int *ret_other)
{
	int fds[2];
	CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) == 0);
	*ret_other = fds[1];
	return io_plain(fds[0]);
}

/* ---- lines */

static const struct {
	slice input;
	size_t max;
	slice want; /* lines joined by '|', then how it ended */
} lines[] = {
	{S_INIT(""), 10, S_INIT("end")},
	{S_INIT("a\r\nbc\n"), 10, S_INIT("a\r\n|bc\n|end")},
	{S_INIT("\n\n"), 10, S_INIT("\n|\n|end")},
	{S_INIT("abc"), 10, S_INIT("closed")},
	{S_INIT("a\nbc"), 10, S_INIT("a\n|closed")},
	{S_INIT("1234\n"), 5, S_INIT("1234\n|end")},
	{S_INIT("12345\n"), 5, S_INIT("limit")},
	{S_INIT("12345"), 5, S_INIT("limit")},
	{S_INIT("1234"), 5, S_INIT("closed")},
	{S_INIT("a\n123456789\nb\n"), 5, S_INIT("a\n|limit")},
	{S_INIT("\0\n\r\r\n"), 5, S_INIT("\0\n|\r\r\n|end")},
};

TEST(io_line_edges)
{
	for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
		AUTO(buf) struct buf got = BUF(100);
		AUTO(io) struct io *io = io_mem(lines[i].input, NULL);
		slice line;
		struct err e = {0};
		int r;
		while ((r = io_line(io, lines[i].max, &line, &e)) > 0) {
			buf_put(&got, line);
			buf_byte(&got, '|');
		}
		buf_put(&got, r == 0 ? S("end") : slice_z(err_kind_name(e.kind)));
		CHECK_STR(buf_slice(&got), lines[i].want);
	}
}

TEST(io_line_goes_on_after_a_limit)
{
	AUTO(io) struct io *io = io_mem(S("toolongline\nok\n"), NULL);
	slice line;
	struct err e;
	CHECK(io_line(io, 6, &line, &e) < 0 && e.kind == ERR_LIMIT);
	CHECK(slice_starts(io_peek(io), S("toolong")));
	io_consume(io, slice_index(io_peek(io), '\n') + 1);
	CHECK(io_line(io, 6, &line, &e) == 1);
	CHECK_STR(line, S("ok\n"));
}

static void dribble(void *arg)
{
	struct err e;
	char block[1000];
	memset(block, 'x', sizeof block);
	for (int i = 0; i < 4000; i++) {
		CHECK_INT(io_write(arg, slice_of(block, sizeof block), &e), 0);
		CHECK_INT(io_flush(arg, &e), 0);
	}
	CHECK_INT(io_write(arg, S("\nnext"), &e), 0);
	io_close(arg);
}

/* A line of 4 MB in small pieces: quadratic searching would take minutes under sanitizers. */
static void read_long_line(void *arg)
{
	struct io *a, *b;
	struct group g;
	slice line;
	struct err e;
	(void)arg;
	group_init(&g);
	io_mem_pair(&a, &b);
	group_go(&g, "dribble", dribble, a);
	CHECK(io_line(b, 1000, &line, &e) < 0 && e.kind == ERR_LIMIT);
	CHECK_INT(io_line(b, 5000000, &line, &e), 1);
	CHECK_INT(line.n, 4000001);
	CHECK(io_line(b, 5000000, &line, &e) < 0 && e.kind == ERR_CLOSED);
	CHECK_STR(io_peek(b), S("next"));
	group_join(&g);
	io_close(b);
}

TEST(io_line_is_linear)
{
	run(read_long_line, NULL);
}

TEST(io_fill_has_a_limit)
{
	AUTO(io) struct io *io = io_mem(S("0123456789"), NULL);
	struct err e;
	CHECK_INT(io_fill(io, 100, &e), 1);
	CHECK(io_fill(io, 10, &e) < 0 && e.kind == ERR_LIMIT);
	CHECK(io_ready(io));
	io_consume(io, 10);
	CHECK(!io_ready(io));
	CHECK_INT(io_fill(io, 10, &e), 0);
}

/* ---- output */

TEST(io_printf_of_any_length)
{
	AUTO(buf) struct buf out = BUF(200000);
	struct io *io = io_mem(S(""), &out);
	struct err e;
	static char big[40001];
	memset(big, 'y', 40000);
	big[40000] = 0;
	CHECK_INT(io_printf(io, &e, "<%d>", 5), 0);
	CHECK_INT(io_pending(io), 3);
	CHECK_INT(io_printf(io, &e, "%s", big), 0);
	for (int i = 0; i < 10000; i++)
		CHECK_INT(io_printf(io, &e, "%04d", i), 0);
	io_close(io);
	CHECK_INT(out.n, 3 + 40000 + 40000);
	CHECK(slice_starts(buf_slice(&out), S("<5>yyy")) &&
		slice_ends(buf_slice(&out), S("99989999")));
}

TEST(io_write_fails_for_good)
{
	AUTO(buf) struct buf out = BUF(10);
	struct io *io = io_mem(S(""), &out);
	struct err e;
	CHECK_INT(io_write(io, S("0123456789a"), &e), 0);
	CHECK(io_flush(io, &e) < 0 && e.kind == ERR_LIMIT);
	CHECK(io_write(io, S("b"), &e) < 0 && e.kind == ERR_CLOSED);
	CHECK(io_printf(io, &e, "c") < 0 && e.kind == ERR_CLOSED);
	CHECK(io_flush(io, &e) < 0 && e.kind == ERR_CLOSED);
	io_close(io);
	CHECK_INT(out.n, 0);
}

static void one_write_per_flush(void *arg)
{
	int other;
	struct err e;
	char got[100];
	(void)arg;
	int fds[2];
	CHECK(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, fds) == 0);
	struct io *io = io_plain(fds[0]); /* a packet shows what one write was */
	other = fds[1];
	for (int i = 0; i < 3; i++)
		CHECK_INT(io_printf(io, &e, "250-line %d\r\n", i), 0);
	CHECK(read(other, got, sizeof got) < 0);
	CHECK_INT(io_flush(io, &e), 0);
	CHECK_STR(slice_of(got, (size_t)read(other, got, sizeof got)),
		S("250-line 0\r\n250-line 1\r\n250-line 2\r\n"));
	CHECK_INT(io_flush(io, &e), 0);
	CHECK(read(other, got, sizeof got) < 0); /* nothing to send: no write */
	io_abort(io);
	close(other);
}

TEST(replies_travel_together)
{
	run(one_write_per_flush, NULL);
}

static void ping(void *arg)
{
	slice line;
	struct err e;
	CHECK_INT(
		io_write(arg, S("ping\n"), &e), 0); /* no flush: io_line does it before it waits */
	CHECK_INT(io_line(arg, 100, &line, &e), 1);
	CHECK_STR(line, S("pong\n"));
	io_close(arg);
}

static void pong(void *arg)
{
	slice line;
	struct err e;
	CHECK_INT(io_line(arg, 100, &line, &e), 1);
	CHECK_STR(line, S("ping\n"));
	CHECK_INT(io_write(arg, S("pong\n"), &e), 0);
	CHECK_INT(io_line(arg, 100, &line, &e), 0);
	io_close(arg);
}

TEST(waiting_for_input_flushes)
{
	struct io *a, *b;
	loop_init();
	io_mem_pair(&a, &b);
	co_go("ping", ping, a);
	loop_main(pong, b);
	loop_done();
}

/* ---- sockets: deadlines, cancel, ends */

static void plain_deadlines(void *arg)
{
	int other;
	struct err e;
	slice line;
	char block[2048] = {0};
	(void)arg;
	struct io *io = plain_pair(&other);
	io_set_deadline(io, instant_in(20 * MSEC));
	CHECK(io_fill(io, 100, &e) < 0 && e.kind == ERR_TIMEOUT);
	CHECK(write(other, "late\n", 5) == 5); /* what comes after a timeout is not lost */
	io_set_deadline(io, instant_in(5 * SECOND));
	CHECK_INT(io_line(io, 100, &line, &e), 1);
	CHECK_STR(line, S("late\n"));
	io_set_deadline(io, instant_in(20 * MSEC));
	int r = 0;
	for (int i = 0; i < 2000 && r == 0; i++)
		r = io_write(io, slice_of(block, sizeof block), &e);
	CHECK(r < 0 && e.kind == ERR_TIMEOUT);
	CHECK(io_flush(io, &e) < 0 && e.kind == ERR_CLOSED);
	io_close(io);
	close(other);
}

TEST(reads_and_writes_have_deadlines)
{
	run(plain_deadlines, NULL);
}

static void flood(void *arg)
{
	static char block[65536];
	struct err e;
	while (io_write(arg, slice_of(block, sizeof block), &e) == 0)
		;
	io_close(arg);
}

/* A stream that never runs dry must not outlive its deadline, nor a cancel, nor starve others. */
static void drink_from_flood(void *arg)
{
	int other;
	struct err e;
	(void)arg;
	struct io *io = plain_pair(&other);
	co_go("flood", flood, io_plain(other));
	io_set_deadline(io, instant_in(100 * MSEC));
	int r;
	while ((r = io_fill(io, 1 << 20, &e)) > 0)
		io_consume(io, io_peek(io).n);
	CHECK(r < 0 && e.kind == ERR_TIMEOUT);
	co_cancel(co_self());
	io_set_deadline(io, INSTANT_NEVER);
	while ((r = io_fill(io, 1 << 20, &e)) > 0)
		io_consume(io, io_peek(io).n);
	CHECK(r < 0 && e.kind == ERR_CLOSED);
	io_close(io);
}

TEST(a_flood_ends_at_the_deadline)
{
	run(drink_from_flood, NULL);
}

/* Data and the end of stream in one packet of events: the short read must not wait for ever. */
static void data_with_end(void *arg)
{
	int other;
	struct err e;
	slice line;
	(void)arg;
	struct io *io = plain_pair(&other);
	io_set_deadline(io, instant_in(5 * SECOND));
	CHECK(write(other, "a\n", 2) == 2);
	CHECK_INT(io_line(io, 100, &line, &e), 1);
	CHECK(write(other, "b\n", 2) == 2);
	close(other);
	CHECK_INT(io_line(io, 100, &line, &e), 1);
	CHECK_STR(line, S("b\n"));
	CHECK_INT(io_line(io, 100, &line, &e), 0);
	CHECK_INT(io_line(io, 100, &line, &e), 0);
	CHECK_INT(io_write(io, S("x"), &e), 0);
	CHECK(io_flush(io, &e) < 0 && e.kind == ERR_CLOSED);
	io_close(io);
}

TEST(end_of_stream_with_data)
{
	run(data_with_end, NULL);
}

static void last_reply_arrives(void *arg)
{
	int other;
	struct err e;
	char got[64];
	(void)arg;
	struct io *io = plain_pair(&other);
	CHECK(write(other, "unread", 6) == 6);
	CHECK_INT(io_printf(io, &e, "421 bye\r\n"), 0);
	io_close(io); /* flushes */
	CHECK_STR(slice_of(got, (size_t)read(other, got, sizeof got)), S("421 bye\r\n"));
	CHECK_INT(read(other, got, sizeof got), 0);
	close(other);
	io = plain_pair(&other);
	CHECK_INT(io_printf(io, &e, "not sent"), 0);
	io_abort(io);
	CHECK_INT(read(other, got, sizeof got), 0);
	close(other);
	io_close(NULL);
}

TEST(close_flushes_and_abort_does_not)
{
	run(last_reply_arrives, NULL);
}

/* ---- memory pairs */

static void pair_blocks(void *arg)
{
	struct io *a, *b;
	struct err e;
	static char block[50000];
	(void)arg;
	io_mem_pair(&a, &b);
	io_set_deadline(a, instant_in(10 * MSEC));
	CHECK_INT(io_write(a, slice_of(block, sizeof block), &e), 0);
	CHECK(io_write(a, slice_of(block, sizeof block), &e) < 0 && e.kind == ERR_TIMEOUT);
	io_set_deadline(b, instant_in(10 * MSEC));
	CHECK_INT(io_fill(b, 1 << 20, &e), 1);
	io_close(a);
	int r;
	while ((r = io_fill(b, 1 << 20, &e)) > 0)
		;
	CHECK_INT(r, 0);
	CHECK_INT(io_peek(b).n, 65536);
	CHECK_INT(io_write(b, S("x"), &e), 0);
	CHECK(io_flush(b, &e) < 0 && e.kind == ERR_CLOSED);
	io_close(b);
	CHECK_INT(io_fd(a = io_mem(S(""), NULL)), -1);
	io_close(a);
}

TEST(memory_pairs_block_like_sockets)
{
	run(pair_blocks, NULL);
}

/* ---- idle sessions hold no buffers */

enum { IDLE = 200 };

static void idle_session(void *arg)
{
	slice line;
	struct err e;
	io_write(arg, S("220 hello\r\n"), &e);
	while (io_line(arg, 1000, &line, &e) > 0)
		io_write(arg, S("250 ok\r\n"), &e);
	io_close(arg);
}

static void idle_memory(void *arg)
{
	static int others[IDLE];
	struct err e;
	struct group g;
	(void)arg;
	group_init(&g);
	size_t before = san_heap_used();
	for (int i = 0; i < IDLE; i++)
		group_go(&g, "idle", idle_session, plain_pair(&others[i]));
	for (int i = 0; i < IDLE; i++)
		CHECK(write(others[i], "noop\r\nnoop\r\n", 12) == 12);
	CHECK(co_sleep(instant_in(20 * MSEC), &e) == 0);
	size_t after = san_heap_used();
	char got[100];
	for (int i = 0; i < IDLE; i++) {
		CHECK_INT(read(others[i], got, sizeof got), 11 + 16);
		close(others[i]);
	}
	group_join(&g);
	CHECK(after - before < IDLE * 500 + 64 * 33000); /* the io itself, and the shared spares */
}

TEST(idle_sessions_hold_no_buffers)
{
	run(idle_memory, NULL);
}
