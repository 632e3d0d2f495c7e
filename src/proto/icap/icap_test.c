/* ICAP: heads of answers, fields of threats, whole conversations through memory. */
#include "proto/icap/icap.h"

#include "base/buf.h"
#include "base/mem.h"
#include "base/test.h"
#include "proto/icap/icap_impl.h"
#include "run/loop.h"

struct talk {
	slice input;
	struct icap_question question;
	struct buf out;
	struct icap_answer answer;
	struct icap_options options;
	int result;
	struct err e;
	struct arena a;
};

static const struct icap_target target = {S_INIT("192.0.2.5:1344"), S_INIT("/scan")};

static void ask(void *arg)
{
	struct talk *t = arg;
	AUTO(io) struct io *io = io_mem(t->input, &t->out);
	t->result = icap_ask(io, &target, &t->question, &t->a, &t->answer, &t->e);
}

static void options(void *arg)
{
	struct talk *t = arg;
	AUTO(io) struct io *io = io_mem(t->input, &t->out);
	t->result = icap_options(io, &target, &t->a, &t->options, &t->e);
}

static void run(struct talk *t, void (*fn)(void *))
{
	t->out = BUF(1 << 20);
	loop_init();
	loop_main(fn, t);
	loop_done();
}

static void forget(struct talk *t)
{
	buf_done(&t->out);
	arena_done(&t->a);
}

#define OK200 "ICAP/1.0 200 OK\r\n"
#define PAGE                                                                                       \
	OK200 "Encapsulated: res-hdr=0, res-body=26\r\n\r\nHTTP/1.1 403 "                          \
	      "Forbidden\r\n\r\n3\r\nbad\r\n0\r\n\r\n"
#define SAME OK200 "Encapsulated: res-hdr=0, res-body=19\r\n\r\nHTTP/1.1 200 OK\r\n\r\n"

TEST(icap_answers)
{
	static const struct {
		slice input, virus;
		int result;
		bool infected;
		enum err_kind kind;
	} v[] = {
		{S_INIT("ICAP/1.0 204 No Content\r\n\r\n"), S_INIT(""), 0, false, 0},
		{S_INIT("ICAP/1.0 204 No\r\nX-Infection-Found: Type=0; Resolution=2; "
			"Threat=Eicar;\r\n\r\n"),
			S_INIT("Eicar"), 0, true, 0},
		{S_INIT(OK200 "X-Violations-Found: 1\r\n\tfile\r\n\tBad.Thing\r\n\t0\r\n\t0\r\n"
			      "Encapsulated: null-body=0\r\n\r\n"),
			S_INIT("Bad.Thing"), 0, true, 0},
		{S_INIT(OK200 "X-Virus-ID: EICAR Test String\r\n\r\n"), S_INIT("EICAR Test String"),
			0, true, 0},
		{S_INIT(PAGE), S_INIT("blocked"), 0, true, 0},
		{S_INIT(SAME "5\r\nhello\r\n0\r\n\r\n"), S_INIT(""), 0, false, 0},
		{S_INIT(SAME "2\r\nhe\r\n3;x=y\r\nllo\r\n0\r\n\r\n"), S_INIT(""), 0, false, 0},
		{S_INIT(SAME "5\r\nhELlo\r\n0\r\n\r\n"), S_INIT("changed-by-the-server"), 0, true,
			0},
		{S_INIT(SAME "0\r\n\r\n"), S_INIT("changed-by-the-server"), 0, true, 0},
		{S_INIT(SAME "6\r\nhello!\r\n0\r\n\r\n"), S_INIT("changed-by-the-server"), 0, true,
			0},
		{S_INIT(SAME "zz\r\n"), S_INIT(""), -1, false, ERR_PROTO},
		{S_INIT(SAME "5\r\nhel"), S_INIT(""), -1, false, ERR_CLOSED},
		{S_INIT("ICAP/1.0 404 Service not found\r\n\r\n"), S_INIT(""), -1, false,
			ERR_NOTFOUND},
		{S_INIT("ICAP/1.0 503 Overloaded\r\n\r\n"), S_INIT(""), -1, false, ERR_TEMP},
		{S_INIT("HTTP/1.1 200 OK\r\n\r\n"), S_INIT(""), -1, false, ERR_PROTO},
		{S_INIT("ICAP/1.0 204 No Content\r\n"), S_INIT(""), -1, false, ERR_CLOSED},
		{S_INIT(""), S_INIT(""), -1, false, ERR_CLOSED},
	};
	for (size_t i = 0; i < sizeof v / sizeof *v; i++) {
		struct talk t = {
			.input = v[i].input, .question = {.bytes = S("hello"), .preview = -1}};
		run(&t, ask);
		CHECK_INT(t.result, v[i].result);
		if (t.result < 0)
			CHECK_INT(t.e.kind, v[i].kind);
		else
			CHECK_INT(t.answer.infected, v[i].infected);
		CHECK_STR(t.answer.virus, v[i].virus);
		forget(&t);
	}
}

TEST(icap_request_has_all_parts)
{
	struct talk t = {.input = S("ICAP/1.0 204 No\r\n\r\n"),
		.question = {.bytes = S("hello"), .name = S("a b.eml"), .preview = -1}};
	run(&t, ask);
	CHECK_STR(buf_slice(&t.out),
		S("RESPMOD icap://192.0.2.5:1344/scan ICAP/1.0\r\nHost: 192.0.2.5:1344\r\n"
		  "User-Agent: Posthouse\r\nAllow: 204\r\n"
		  "Encapsulated: req-hdr=0, res-hdr=66, res-body=144\r\n\r\n"
		  "GET http://mail.invalid/a%20b.eml HTTP/1.1\r\nHost: mail.invalid\r\n\r\n"
		  "HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\n"
		  "Content-Length: 5\r\n\r\n5\r\nhello\r\n0\r\n\r\n"));
	forget(&t);
}

TEST(icap_preview_sends_the_rest_when_it_is_wanted)
{
	static const struct {
		slice input, end;
		int64_t preview;
	} v[] = {
		{S_INIT("ICAP/1.0 100 Continue\r\n\r\nICAP/1.0 204 No\r\n\r\n"),
			S_INIT("2\r\nhe\r\n0\r\n\r\n3\r\nllo\r\n0\r\n\r\n"), 2},
		{S_INIT("ICAP/1.0 204 No\r\n\r\n"), S_INIT("2\r\nhe\r\n0\r\n\r\n"), 2},
		{S_INIT("ICAP/1.0 204 No\r\n\r\n"), S_INIT("5\r\nhello\r\n0; ieof\r\n\r\n"), 5},
		{S_INIT("ICAP/1.0 100 Continue\r\n\r\nICAP/1.0 204 No\r\n\r\n"),
			S_INIT("0\r\n\r\n5\r\nhello\r\n0\r\n\r\n"), 0},
	};
	for (size_t i = 0; i < sizeof v / sizeof *v; i++) {
		struct talk t = {.input = v[i].input,
			.question = {.bytes = S("hello"), .preview = v[i].preview}};
		run(&t, ask);
		CHECK_INT(t.result, 0);
		CHECK(slice_ends(buf_slice(&t.out), v[i].end));
		forget(&t);
	}
}

TEST(icap_options_are_read)
{
	struct talk t = {
		.input = S(
			"ICAP/1.0 200 OK\r\nMethods: RESPMOD, REQMOD\r\nService: X 1\r\n"
			"ISTag: \"abc-7\"\r\nPreview: 1024\r\nEncapsulated: null-body=0\r\n\r\n")};
	run(&t, options);
	CHECK_INT(t.result, 0);
	CHECK_STR(t.options.version, S("abc-7"));
	CHECK_STR(t.options.server, S("X 1"));
	CHECK_INT(t.options.preview, 1024);
	CHECK(t.options.respmod && t.options.reqmod);
	forget(&t);
}
