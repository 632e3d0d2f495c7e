/* Requests to the scan processes and their answers, there and back; and what is none. */
#include "bin/scan_wire.h"

#include "base/mem.h"
#include "base/test.h"

static struct content_context context(struct signals *known)
{
	static const slice rcpts[] = {S_INIT("a@near.test"), S_INIT("b@near.test")};
	signals_add(known, SIGNAL_SPF_FAIL, 1, S("far.test"));
	signals_add(known, SIGNAL_DNSWL, 1, S(""));
	return (struct content_context){.direction = CONTENT_OUTBOUND,
		.client_ip = S("192.0.2.1"),
		.client_name = S("mx.far.test"),
		.helo = S("far"),
		.sender = S("ann@far.test"),
		.login = S("u"),
		.rcpts = rcpts,
		.nrcpts = 2,
		.rcpts_total = 700,
		.proven = true,
		.written_to = true,
		.now = 1800000000,
		.known = known};
}

static void check_context(const struct content_context *c, const struct signals *known)
{
	CHECK_INT(c->direction, CONTENT_OUTBOUND);
	CHECK_STR(c->client_ip, S("192.0.2.1"));
	CHECK_STR(c->client_name, S("mx.far.test"));
	CHECK_STR(c->helo, S("far"));
	CHECK_STR(c->sender, S("ann@far.test"));
	CHECK_STR(c->login, S("u"));
	CHECK_INT(c->nrcpts, 2);
	CHECK_INT(c->rcpts_total, 700);
	CHECK_STR(c->rcpts[1], S("b@near.test"));
	CHECK(c->proven && c->written_to && !c->verified && !c->wrote_before);
	CHECK_INT(c->now, 1800000000);
	CHECK_INT(c->known->n, 2);
	for (unsigned i = 0; i < 2; i++) {
		CHECK(c->known->v[i].def == known->v[i].def);
		CHECK_INT(c->known->v[i].score * 10, known->v[i].score * 10);
		CHECK_STR(c->known->v[i].detail, known->v[i].detail);
	}
}

TEST(scan_wire_message_there_and_back)
{
	AUTO(arena) struct arena a = {0};
	struct signals *known = ARENA_NEW(&a, struct signals);
	known->mem = &a;
	struct scan_request r = {.job = SCAN_MESSAGE,
		.wishes = CONTENT_EXPLAIN,
		.context = context(known),
		.lead = S("Date: now\r\n"),
		.message = S("From: \0x\r\n\r\n"),
		.lead_n = 11};
	for (int in_file = 0; in_file < 2; in_file++) {
		AUTO(buf) struct buf wire = BUF(SCAN_WIRE_MAX);
		struct scan_request got;
		r.in_file = in_file;
		r.from = in_file ? 77 : 0;
		scan_request_encode(&wire, &r);
		CHECK(buf_ok(&wire) && scan_request_decode(buf_slice(&wire), &a, &got));
		CHECK(got.job == SCAN_MESSAGE && got.wishes == CONTENT_EXPLAIN);
		CHECK_INT(got.in_file, in_file);
		CHECK_INT(got.lead_n, 11);
		CHECK_INT(got.from, r.from);
		CHECK_STR(got.message, in_file ? S("") : S("Date: now\r\nFrom: \0x\r\n\r\n"));
		check_context(&got.context, known);
		/* A piece of it is none, more of it neither. */
		for (size_t n = 0; n < wire.n; n++)
			CHECK(!scan_request_decode(slice_first(buf_slice(&wire), n), &a, &got));
		buf_byte(&wire, 'x');
		CHECK(!scan_request_decode(buf_slice(&wire), &a, &got));
	}
}

TEST(scan_wire_texts_there_and_back)
{
	AUTO(arena) struct arena a = {0};
	struct scan_request r = {
		.job = SCAN_TEXT, .wishes = 1, .message = S("From: x\r\n\r\n"), .lead_n = 9};
	for (int in_file = 0; in_file < 2; in_file++) {
		AUTO(buf) struct buf wire = BUF(SCAN_WIRE_MAX);
		struct scan_request got;
		r.in_file = in_file;
		r.from = in_file ? 77 : 0;
		scan_request_encode(&wire, &r);
		CHECK(scan_request_decode(buf_slice(&wire), &a, &got));
		CHECK(got.job == SCAN_TEXT && got.wishes == 1 && got.lead_n == 9 &&
			got.from == r.from);
		CHECK_STR(got.message, in_file ? S("") : r.message);
		for (size_t n = 0; n < wire.n; n++)
			CHECK(!scan_request_decode(slice_first(buf_slice(&wire), n), &a, &got));
		wire.p[1] = 2; /* no such wish */
		CHECK(!scan_request_decode(buf_slice(&wire), &a, &got));
	}
}

TEST(scan_wire_refuses_what_is_out_of_bounds)
{
	AUTO(arena) struct arena a = {0};
	struct scan_request got;
	CHECK(scan_request_decode(S("\1"), &a, &got) && got.job == SCAN_REPORT);
	CHECK(scan_request_decode(S("\3\1"), &a, &got) && got.use == SCAN_USE_DOMAINS);
	const char no_such_use[] = {SCAN_USE, SCAN_USES};
	CHECK(!scan_request_decode(slice_of(no_such_use, 2), &a, &got));
	const char no_such_job[] = {SCAN_JOBS};
	CHECK(!scan_request_decode(slice_of(no_such_job, 1), &a, &got));
	CHECK(!scan_request_decode(S("\1\1"), &a, &got));
	CHECK(!scan_request_decode(S(""), &a, &got));
	struct scan_request r = {.job = SCAN_MESSAGE, .in_file = true, .from = SCAN_LEAD_MAX + 1};
	AUTO(buf) struct buf wire = BUF(SCAN_WIRE_MAX);
	scan_request_encode(&wire, &r);
	CHECK(!scan_request_decode(buf_slice(&wire), &a, &got));
	wire.p[1] = 64; /* a wish that does not exist */
	CHECK(!scan_request_decode(buf_slice(&wire), &a, &got));
}

TEST(scan_wire_long_words_are_cut)
{
	AUTO(arena) struct arena a = {0};
	AUTO(buf) struct buf wire = BUF(SCAN_WIRE_MAX);
	AUTO(buf) struct buf text = BUF(4096);
	struct scan_request got;
	buf_fill(&text, 'x', 3000);
	slice v[SCAN_RCPTS_MAX + 5];
	for (size_t i = 0; i < SCAN_RCPTS_MAX + 5; i++)
		v[i] = S("r@near.test");
	const struct scan_request r = {.job = SCAN_MESSAGE,
		.context = {.helo = buf_slice(&text), .rcpts = v, .nrcpts = SCAN_RCPTS_MAX + 5}};
	scan_request_encode(&wire, &r);
	CHECK(scan_request_decode(buf_slice(&wire), &a, &got));
	CHECK_INT(got.context.helo.n, SCAN_WORD_MAX);
	CHECK_INT(got.context.nrcpts, SCAN_RCPTS_MAX);
}

TEST(scan_wire_answers)
{
	AUTO(buf) struct buf wire = BUF(1000);
	struct scan_answer got;
	scan_answer_encode(&wire, &(struct scan_answer){.text = S("{}"), .summary = S("\0s")});
	CHECK(scan_answer_decode(buf_slice(&wire), &got) && got.n == 0);
	CHECK_STR(got.text, S("{}"));
	CHECK_STR(got.summary, S("\0s"));
	buf_reset(&wire);
	scan_answer_encode(&wire, &(struct scan_answer){.from = 5, .n = SCAN_ANSWER_MAX + 1L});
	CHECK(!scan_answer_decode(buf_slice(&wire), &got));
	CHECK(!scan_answer_decode(S("short"), &got));
}
