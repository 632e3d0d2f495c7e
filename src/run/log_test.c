/* Logs: rendering, quoting, secrets, levels, and that a full pipe never makes us wait. */
#include "base/mem.h"
#include "base/test.h"
#include "run/log.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static char got[8 << 20];

static slice read_all(int fd)
{
	size_t n = 0;
	fcntl(fd, F_SETFL, O_NONBLOCK);
	for (ssize_t r; n < sizeof got && (r = read(fd, got + n, sizeof got - n)) > 0;)
		n += (size_t)r;
	return slice_of(got, n);
}

/* What is behind "event=test" in the only line written. */
static slice tail_of_line(int fd)
{
	slice s = read_all(fd), mark = S("event=test role=t");
	size_t at = slice_find(s, mark);
	CHECK(at < s.n);
	return slice_skip(s, at + mark.n);
}

static int pipe_log(enum log_level level)
{
	int p[2];
	CHECK(pipe(p) == 0);
	log_init("t", p[1], level);
	return p[0];
}

TEST(log_renders_fields)
{
	static const char zero_inside[] = "a\0b";
	struct err e;
	err_set(&e, ERR_TEMP, "sqlite: %s", "locked");
	struct {
		struct log_field f;
		const char *want;
	} table[] = {
		{F("k", S("plain.text/@1")), " k=plain.text/@1\n"},
		{F("k", ""), " k=\"\"\n"},
		{F("k", (slice){0}), " k=\"\"\n"},
		{F("k", "two words"), " k=\"two words\"\n"},
		{F("k", "a=b"), " k=\"a=b\"\n"},
		{F("k", "say \"x\" \\"), " k=\"say \\\"x\\\" \\\\\"\n"},
		{F("k", "l1\r\nl2\t"), " k=\"l1\\r\\nl2\\t\"\n"},
		{F("k", "\x1b[31m\x7f"), " k=\"\\x1b[31m\\x7f\"\n"},
		{F("k", slice_of(zero_inside, 3)), " k=\"a\\x00b\"\n"},
		{F("k", "驿站"), " k=\"驿站\"\n"},
		{F("k", "\xe9\x80"), " k=\"\\xe9\\x80\"\n"},
		{F("k", "\xc2\x85\xed\xa0\x80\xc0\xaf"),
			" k=\"\\xc2\\x85\\xed\\xa0\\x80\\xc0\\xaf\"\n"},
		{F("k", -5), " k=-5\n"},
		{F("k", (uint64_t)UINT64_MAX), " k=18446744073709551615\n"},
		{F("k", INT64_MIN), " k=-9223372036854775808\n"},
		{F("k", (bool)true), " k=true\n"},
		{F("k", 0.25), " k=0.25\n"},
		{F_USEC("took", 153400), " took=0.153\n"},
		{F("k", &e), " k=\"sqlite: locked\"\n"},
		{F("k", ((struct secret){S("hunter2")})), " k=***\n"},
	};
	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		int fd = pipe_log(LEVEL_INFO);
		log_emit(LEVEL_INFO, NULL, "test", (struct log_field[]){table[i].f, {.key = NULL}});
		CHECK_STR(tail_of_line(fd), slice_z(table[i].want));
		close(fd);
	}
}

TEST(log_contexts_come_first_and_stack)
{
	struct log_ctx role, session;
	log_ctx_init(&role, NULL);
	log_ctx_add(&role, F("listener", "mx"));
	log_ctx_init(&session, &role);
	log_ctx_add(&session, F("ip", "192.0.2.1"));
	int fd = pipe_log(LEVEL_INFO);
	log_info(&session, "test", F("n", 1));
	CHECK_STR(tail_of_line(fd), S(" listener=mx ip=192.0.2.1 n=1\n"));
	log_info(&role, "test");
	CHECK_STR(tail_of_line(fd), S(" listener=mx\n"));
}

TEST(log_context_that_is_full_keeps_whole_fields)
{
	struct log_ctx c;
	log_ctx_init(&c, NULL);
	for (int i = 0; i < 100; i++)
		log_ctx_add(&c, F("key", "0123456789"));
	int fd = pipe_log(LEVEL_INFO);
	log_info(&c, "test");
	slice s = tail_of_line(fd);
	CHECK(s.n > LOG_CTX_MAX - 20 && s.n <= LOG_CTX_MAX + 1);
	CHECK(slice_ends(s, S(" key=0123456789\n")));
}

TEST(log_levels_select)
{
	enum log_level l;
	CHECK(log_level_parse(S("warn"), &l) && l == LEVEL_WARN);
	CHECK(!log_level_parse(S("loud"), &l));
	int fd = pipe_log(LEVEL_WARN);
	log_info(NULL, "test");
	log_debug(NULL, "test");
	CHECK_INT(read_all(fd).n, 0);
	log_error(NULL, "test");
	CHECK(read_all(fd).n > 0);
}

TEST(log_lines_have_a_limit)
{
	static char big[LOG_LINE_MAX * 2];
	memset(big, 'x', sizeof big - 1);
	int fd = pipe_log(LEVEL_INFO);
	log_info(NULL, "test", F("a", big), F("b", big), F("c", big), F("d", big), F("e", 1));
	slice s = read_all(fd);
	CHECK(s.n <= LOG_LINE_MAX);
	CHECK_INT(slice_index(s, '\n'), s.n - 1);
	CHECK(slice_find(s, S("x\"... b=")) < s.n);
	CHECK(slice_ends(s, S(" cut=true\n")));
}

TEST(log_gathers_until_flushed)
{
	int fd = pipe_log(LEVEL_INFO);
	log_gather(true);
	log_info(NULL, "one");
	log_warn(NULL, "two");
	CHECK_INT(read_all(fd).n, 0);
	log_flush();
	slice s = read_all(fd);
	CHECK(slice_find(s, S("event=one")) < slice_find(s, S("event=two")) &&
		slice_find(s, S("event=two")) < s.n);
	log_info(NULL, "three");
	log_error(NULL, "four"); /* at once, in order */
	s = read_all(fd);
	CHECK(slice_find(s, S("event=three")) < slice_find(s, S("event=four")) &&
		slice_find(s, S("event=four")) < s.n);
	for (int i = 0; i < 2 * LOG_LINE_MAX / 32;
		i++) /* a full buffer goes by itself, whole lines */
		log_info(NULL, "filler");
	s = read_all(fd);
	CHECK(s.n > LOG_LINE_MAX / 2 && slice_ends(s, S("\n")));
	log_info(NULL, "last");
	log_gather(false);
	CHECK(slice_find(read_all(fd), S("event=last")) < sizeof got);
	CHECK_INT(log_dropped(), 0);
}

TEST(log_never_waits_for_a_full_pipe)
{
	int fd = pipe_log(LEVEL_INFO);
	for (int i = 0; i < 5000; i++) /* more than a pipe's 64 KiB; would hang here */
		log_info(NULL, "test", F("i", i), F("x", "0123456789 0123456789"));
	CHECK(log_dropped() > 0 && log_dropped() < 5000);
	slice s = read_all(fd);
	CHECK_INT(s.p[s.n - 1], '\n');
	log_info(NULL, "test", F("i", "last"));
	s = read_all(fd);
	char want[64];
	snprintf(want, sizeof want, "event=log.dropped role=t lines=%d\n", (int)log_dropped());
	CHECK(slice_find(s, slice_z(want)) < s.n);
	CHECK(slice_ends(s, S("i=last\n")));
	close(fd);
	signal(SIGPIPE, SIG_IGN);
	log_info(NULL, "test"); /* nobody reads any more: no harm */
}

TEST(log_to_a_socket_keeps_lines_whole)
{
	int p[2];
	CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, p) == 0);
	log_init("t", p[1], LEVEL_INFO);
	for (int i = 0; i < 20000; i++)
		log_info(NULL, "test", F("end", "here"));
	CHECK(log_dropped() > 0);
	slice s = read_all(p[0]);
	log_info(NULL, "test", F("end", "here"));
	size_t n = s.n + (size_t)read(p[0], got + s.n, sizeof got - s.n);
	slice all = slice_of(got, n), part;
	slice_cut(&all, '\n', &part);
	for (int i = 0; all.n; i++, slice_cut(&all, '\n', &part))
		CHECK(slice_starts(part, S("ts=")) &&
			(slice_ends(part, S(" end=here")) ||
				slice_find(part, S("log.dropped")) < part.n));
}

TEST(log_speaks_the_journal_dialect)
{
	int p[2];
	struct stat st;
	char stream[64];
	CHECK(pipe(p) == 0 && fstat(p[1], &st) == 0);
	snprintf(stream, sizeof stream, "%ju:%ju", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino);
	setenv("JOURNAL_STREAM", stream, 1);
	log_init("t", p[1], LEVEL_INFO);
	log_warn(NULL, "test", F("a", 1));
	CHECK_STR(read_all(p[0]), S("<4>event=test role=t a=1\n"));
	setenv("JOURNAL_STREAM", "1:1", 1);
	log_init("t", p[1], LEVEL_INFO);
	log_warn(NULL, "test");
	CHECK(slice_starts(read_all(p[0]), S("ts=")));
}
