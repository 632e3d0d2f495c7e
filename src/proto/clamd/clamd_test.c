/* clamd: its answers; whole conversations through memory. */
#include "proto/clamd/clamd.h"

#include "base/mem.h"
#include "base/test.h"
#include "run/loop.h"

TEST(clamd_replies)
{
	static const struct {
		slice line, virus;
		bool good, infected;
	} v[] = {
		{S_INIT("stream: OK"), S_INIT(""), true, false},
		{S_INIT("fd[7]: OK"), S_INIT(""), true, false},
		{S_INIT("stream: Win.Test.EICAR_HDB-1 FOUND"), S_INIT("Win.Test.EICAR_HDB-1"), true,
			true},
		{S_INIT("fd[10]: Local: Odd FOUND\n"), S_INIT("Local: Odd"), true, true},
		{S_INIT("stream:  FOUND"), S_INIT(""), false, false},
		{S_INIT("INSTREAM size limit exceeded. ERROR"), S_INIT(""), false, false},
		{S_INIT("stream: Can't allocate memory ERROR"), S_INIT(""), false, false},
		{S_INIT("UNKNOWN COMMAND"), S_INIT(""), false, false},
		{S_INIT("OK"), S_INIT(""), false, false},
		{S_INIT(""), S_INIT(""), false, false},
	};
	for (size_t i = 0; i < sizeof v / sizeof *v; i++) {
		struct clamd_answer w = {0};
		CHECK_INT(clamd_reply_parse(v[i].line, &w), v[i].good);
		CHECK_INT(w.infected, v[i].infected);
		CHECK_STR(w.virus, v[i].virus);
	}
}

struct talk {
	slice input, bytes;
	struct buf out;
	struct clamd_answer answer;
	int result;
	struct err e;
	struct arena a;
};

static void talk(void *arg)
{
	struct talk *t = arg;
	AUTO(io) struct io *io = io_mem(t->input, &t->out);
	t->result = clamd_scan_stream(io, t->bytes, &t->a, &t->answer, &t->e);
}

static void run(struct talk *t)
{
	t->out = BUF(1 << 20);
	loop_init();
	loop_main(talk, t);
	loop_done();
}

static void forget(struct talk *t)
{
	buf_done(&t->out);
	arena_done(&t->a);
}

TEST(clamd_stream_has_chunks_and_an_end)
{
	struct talk t = {.input = S("stream: Eicar FOUND\0"), .bytes = S("hello")};
	run(&t);
	CHECK_INT(t.result, 0);
	CHECK(t.answer.infected);
	CHECK_STR(t.answer.virus, S("Eicar"));
	CHECK_STR(buf_slice(&t.out), S("zINSTREAM\0\0\0\0\5hello\0\0\0\0"));
	forget(&t);
}

TEST(clamd_errors_are_kinds)
{
	static const struct {
		slice input;
		enum err_kind kind;
	} v[] = {
		{S_INIT("INSTREAM size limit exceeded. ERROR\0"), ERR_LIMIT},
		{S_INIT("stream: something ERROR\0"), ERR_TEMP},
		{S_INIT("stream: OK"), ERR_CLOSED}, /* broken off: no end */
		{S_INIT(""), ERR_CLOSED},
	};
	for (size_t i = 0; i < sizeof v / sizeof *v; i++) {
		struct talk t = {.input = v[i].input, .bytes = S("x")};
		run(&t);
		CHECK_INT(t.result, -1);
		CHECK_INT(t.e.kind, v[i].kind);
		forget(&t);
	}
}
