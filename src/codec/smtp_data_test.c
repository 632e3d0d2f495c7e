/* DATA in both directions: where it ends, what is content, what is a trick. */
#include "base/buf.h"
#include "base/mem.h"
#include "base/rand.h"
#include "base/test.h"
#include "codec/smtp_data.h"

/* Feeds in pieces of `step` bytes; the content goes to *out, what follows the end to *ret_rest. */
static bool receive(struct smtp_data *d, slice in, size_t step, struct buf *out, slice *ret_rest)
{
	smtp_data_init(d);
	while (in.n) {
		slice chunk = slice_first(in, step), run;
		size_t fed = chunk.n;
		enum smtp_data_step got;
		while ((got = smtp_data_next(d, &chunk, &run)) == SMTP_DATA_RUN) {
			CHECK(run.n > 0);
			buf_put(out, run);
		}
		in = slice_skip(in, fed - chunk.n);
		if (got == SMTP_DATA_END) {
			*ret_rest = in;
			return true;
		}
		CHECK_INT(chunk.n, 0);
	}
	return false;
}

static const struct {
	slice in, out, rest;
	bool ended;
	unsigned cr, lf;
} streams[] = {
	{S_INIT("a\r\n.\r\nQUIT\r\n"), S_INIT("a\r\n"), S_INIT("QUIT\r\n"), true, 0, 0},
	{S_INIT(".\r\n"), S_INIT(""), S_INIT(""), true, 0, 0},
	{S_INIT("..\r\n.\r\n"), S_INIT(".\r\n"), S_INIT(""), true, 0, 0},
	{S_INIT("a\r\n.b\r\n..c\r\n...\r\n.\r\n"), S_INIT("a\r\nb\r\n.c\r\n..\r\n"), S_INIT(""),
		true, 0, 0},
	{S_INIT("a.\r\n.b.\r\n\r\n.\r\n"), S_INIT("a.\r\nb.\r\n\r\n"), S_INIT(""), true, 0, 0},
	{S_INIT("a\r\n.\r"), S_INIT("a\r\n"), S_INIT(""), false, 0, 0},
	{S_INIT("a\r\n."), S_INIT("a\r\n"), S_INIT(""), false, 0, 0},
	/* smuggling: none of these ends the data */
	{S_INIT("a\n.\nb\r\n.\r\n"), S_INIT("a\n.\nb\r\n"), S_INIT(""), true, 0, 2},
	{S_INIT("a\n.\r\nb\r\n.\r\n"), S_INIT("a\n.\r\nb\r\n"), S_INIT(""), true, 0, 1},
	{S_INIT("a\r\n.\nb\r\n.\r\n"), S_INIT("a\r\n\nb\r\n"), S_INIT(""), true, 0, 1},
	{S_INIT("a\r.\rb\r\n.\r\n"), S_INIT("a\r.\rb\r\n"), S_INIT(""), true, 2, 0},
	{S_INIT("a\r.\r\nb\r\n.\r\n"), S_INIT("a\r.\r\nb\r\n"), S_INIT(""), true, 1, 0},
	{S_INIT("a\r\n.\rb\r\n.\r\n"), S_INIT("a\r\n\rb\r\n"), S_INIT(""), true, 1, 0},
	{S_INIT("a\r\n.\r\r\nb\r\n.\r\n"), S_INIT("a\r\n\r\r\nb\r\n"), S_INIT(""), true, 1, 0},
	{S_INIT("a\r\n\0.\r\nb\r\n.\r\n"), S_INIT("a\r\n\0.\r\nb\r\n"), S_INIT(""), true, 0, 0},
	{S_INIT("a\r\r\n.\r\n"), S_INIT("a\r\r\n"), S_INIT(""), true, 1, 0},
	{S_INIT("a\n\r\n.\r\n"), S_INIT("a\n\r\n"), S_INIT(""), true, 0, 1},
};

TEST(data_ends_only_where_it_ends)
{
	for (size_t i = 0; i < sizeof streams / sizeof streams[0]; i++) {
		for (size_t step = 1; step <= streams[i].in.n; step++) {
			AUTO(buf) struct buf out = BUF(1000);
			struct smtp_data d;
			slice rest = {0};
			CHECK_INT(receive(&d, streams[i].in, step, &out, &rest), streams[i].ended);
			CHECK_STR(buf_slice(&out), streams[i].out);
			CHECK_STR(rest, streams[i].rest);
			CHECK_INT(d.bare_cr, streams[i].cr);
			CHECK_INT(d.bare_lf, streams[i].lf);
			CHECK_INT(d.bytes, out.n);
		}
	}
}

TEST(data_counts)
{
	static const char text[] =
		"Received: a\r\n b\r\nReceived-SPF: x\r\nRECEIVED: c\r\nSubject: y\r\n\r\n"
		"Received: body\r\n0123456789012345678901234567890123456789\r\n.\r\n";
	size_t header = (size_t)(strstr(text, "\r\n\r\n") + 4 - text);
	for (size_t step = 1; step <= sizeof text - 1; step++) {
		AUTO(buf) struct buf out = BUF(1000);
		struct smtp_data d;
		slice rest;
		CHECK(receive(&d, slice_of(text, sizeof text - 1), step, &out, &rest));
		CHECK_INT(d.received, 2);
		CHECK_INT(d.header_bytes, header);
		CHECK_INT(d.longest_line, 40);
		CHECK_INT(d.lines, 8);
		CHECK(!d.in_header && !d.has_8bit && !d.has_nul);
	}
}

TEST(data_notices_bytes_anywhere)
{
	char text[300];
	for (size_t at = 0; at < 290; at++) {
		struct smtp_data d;
		slice run;
		memset(text, 'x', sizeof text);
		memcpy(text + sizeof text - 5, "\r\n.\r\n", 5);
		text[at] = (char)0x80;
		text[(at + 7) % 290] = 0;
		slice in = slice_of(text, sizeof text);
		smtp_data_init(&d);
		CHECK(smtp_data_next(&d, &in, &run) == SMTP_DATA_RUN &&
			smtp_data_next(&d, &in, &run) == SMTP_DATA_END);
		CHECK(d.has_8bit && d.has_nul && d.bare_lf == 0);
		CHECK_INT(d.longest_line, sizeof text - 5);
	}
}

TEST(data_counts_many_line_feeds)
{
	enum { N = 20000 };
	AUTO(buf) struct buf text = BUF(N);
	struct smtp_data d;
	buf_fill(&text, '\n', N);
	smtp_data_init(&d);
	smtp_data_count(&d, buf_slice(&text));
	smtp_data_finish(&d);
	CHECK_INT(d.bare_lf, N);
	CHECK_INT(d.bytes, N);
}

TEST(bdat_takes_dots_as_they_are)
{
	struct smtp_data d;
	smtp_data_init(&d);
	smtp_data_count(&d, S(".\r\n.\r"));
	smtp_data_count(&d, S("\n..\r\r"));
	smtp_data_count(&d, S(""));
	smtp_data_finish(&d);
	CHECK_INT(d.bytes, 10);
	CHECK_INT(d.lines, 2);
	CHECK_INT(d.bare_cr, 2);
	CHECK_INT(d.bare_lf, 0);
	CHECK_INT(d.longest_line, 4);
}

static void stuff(slice in, size_t step, struct buf *out, uint64_t *ret_mended)
{
	struct smtp_stuff s;
	smtp_stuff_init(&s);
	while (in.n) {
		slice chunk = slice_first(in, step), run;
		in = slice_skip(in, chunk.n);
		while (smtp_stuff_next(&s, &chunk, &run)) {
			CHECK(run.n > 0);
			buf_put(out, run);
		}
		CHECK_INT(chunk.n, 0);
	}
	buf_put(out, smtp_stuff_end(&s));
	*ret_mended = s.mended;
}

TEST(stuffing)
{
	static const struct {
		slice in, out;
		unsigned mended;
	} cases[] = {
		{S_INIT(""), S_INIT(".\r\n"), 0},
		{S_INIT("a\r\n"), S_INIT("a\r\n.\r\n"), 0},
		{S_INIT("a"), S_INIT("a\r\n.\r\n"), 0},
		{S_INIT(".\r\n.a\r\n..\r\nb.\r\n"), S_INIT("..\r\n..a\r\n...\r\nb.\r\n.\r\n"), 0},
		{S_INIT("a\n.b\n"), S_INIT("a\r\n..b\r\n.\r\n"), 2},
		{S_INIT("\n\n"), S_INIT("\r\n\r\n.\r\n"), 2},
		{S_INIT("a\rb\r"), S_INIT("a b \r\n.\r\n"), 2},
		{S_INIT("a\r\r\nb"), S_INIT("a \r\nb\r\n.\r\n"), 1},
		{S_INIT("a\r.\r\n"), S_INIT("a .\r\n.\r\n"), 1},
		{S_INIT("a\n.\r\nb\r\n"), S_INIT("a\r\n..\r\nb\r\n.\r\n"), 1},
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		for (size_t step = 1; step <= cases[i].in.n + 1; step++) {
			AUTO(buf) struct buf out = BUF(1000);
			uint64_t mended;
			stuff(cases[i].in, step, &out, &mended);
			CHECK_STR(buf_slice(&out), cases[i].out);
			CHECK_INT(mended, cases[i].mended);
		}
	}
}

TEST(stuffed_mail_comes_back)
{
	static const char pieces[][8] = {
		"\r\n", ".", "..", "a", "bcdefg", "\r\n.", "\r\n\r\n", "\xe4\xb8\xad"};
	for (int round = 0; round < 300; round++) {
		AUTO(buf) struct buf mail = BUF(100000), sent = BUF(200000), back = BUF(100000);
		size_t n = rand_below(400), big = rand_below(3) == 0 ? 5000 : 0;
		while (n--)
			buf_put(&mail, slice_z(pieces[rand_below(8)]));
		buf_fill(&mail, 'x', big); /* beyond the window of smtp_stuff.c */
		buf_put(&mail, S("\r\n"));
		uint64_t mended;
		struct smtp_data d;
		slice rest;
		stuff(buf_slice(&mail), 1 + rand_below(6000), &sent, &mended);
		CHECK(receive(&d, buf_slice(&sent), 1 + rand_below(6000), &back, &rest));
		CHECK_STR(buf_slice(&back), buf_slice(&mail));
		CHECK(mended == 0 && d.bare_cr == 0 && d.bare_lf == 0 && rest.n == 0);
	}
}
