/* HTTP/1.1: what is understood, and above all what is not: the ways in which requests are smuggled past other readers. */
#include "codec/http1.h"

#include "base/mem.h"
#include "base/test.h"
#include "base/time.h"

static enum http1_result read_all(slice in, struct http1_head *h)
{
	size_t from = 0, n = 0;
	enum http1_result r = http1_head_end(in, &from, &n);
	return r == HTTP1_FINE ? http1_read_request(slice_first(in, n), h) : r;
}

TEST(http1_requests)
{
#define HOST "Host: a\r\n"
	static const struct {
		slice in;
		enum http1_result want;
	} all[] = {
		{S_INIT("GET / HTTP/1.1\r\nHost: a\r\n\r\n"), HTTP1_FINE},
		{S_INIT("GET / HTTP/1.0\r\n\r\n"), HTTP1_FINE},
		{S_INIT("GET http://a/x?y HTTP/1.1\r\n" HOST "\r\n"), HTTP1_FINE},
		{S_INIT("GET / HTTP/1.1\r\nHost: a\r\n"), HTTP1_MORE},
		{S_INIT("GET / HTTP/1.1\r\nHost: a\r"), HTTP1_MORE},
		{S_INIT(""), HTTP1_MORE},
		/* line ends */
		{S_INIT("\r\n"), HTTP1_BAD},
		{S_INIT("GET / HTTP/1.1\nHost: a\n\n"), HTTP1_BAD},
		{S_INIT("GET / HTTP/1.1\r\nHost: a\n\r\n"), HTTP1_BAD},
		{S_INIT("GET / HTTP/1.1\r\nHost: a\rb\r\n\r\n"), HTTP1_BAD},
		{S_INIT("GET / HTTP/1.1\r\nHost: a\r\r\n\r\n"), HTTP1_BAD},
		{S_INIT("GET / HTTP/1.1\r\nHost: a\0\r\n\r\n"), HTTP1_BAD},
		/* request lines */
		{S_INIT("GET  / HTTP/1.1\r\n" HOST "\r\n"), HTTP1_BAD},
		{S_INIT("GET / HTTP/1.1 \r\n" HOST "\r\n"), HTTP1_BAD},
		{S_INIT(" GET / HTTP/1.1\r\n" HOST "\r\n"), HTTP1_BAD},
		{S_INIT("GET /\r\n" HOST "\r\n"), HTTP1_BAD},
		{S_INIT("GET / http/1.1\r\n" HOST "\r\n"), HTTP1_BAD},
		{S_INIT("GET / HTTP/1.1x\r\n" HOST "\r\n"), HTTP1_BAD},
		{S_INIT("GET / HTTP/2.0\r\n" HOST "\r\n"), HTTP1_VERSION},
		{S_INIT("G@T / HTTP/1.1\r\n" HOST "\r\n"), HTTP1_BAD},
		{S_INIT("GET /\xe4 HTTP/1.1\r\n" HOST "\r\n"), HTTP1_BAD},
		{S_INIT("GET /a#b HTTP/1.1\r\n" HOST "\r\n"), HTTP1_BAD},
		{S_INIT("GET /a\tb HTTP/1.1\r\n" HOST "\r\n"), HTTP1_BAD},
		/* Host */
		{S_INIT("GET / HTTP/1.1\r\n\r\n"), HTTP1_BAD},
		{S_INIT("GET / HTTP/1.1\r\n" HOST HOST "\r\n"), HTTP1_BAD},
		{S_INIT("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"), HTTP1_BAD},
		{S_INIT("GET / HTTP/1.1\r\nHost: a b\r\n\r\n"), HTTP1_BAD},
		{S_INIT("GET / HTTP/1.1\r\nHost: u@a\r\n\r\n"), HTTP1_BAD},
		/* fields */
		{S_INIT("GET / HTTP/1.1\r\n" HOST "A: b\r\n c\r\n\r\n"), HTTP1_BAD},
		{S_INIT("GET / HTTP/1.1\r\n A: b\r\n" HOST "\r\n"), HTTP1_BAD},
		{S_INIT("GET / HTTP/1.1\r\n" HOST "A : b\r\n\r\n"), HTTP1_BAD},
		{S_INIT("GET / HTTP/1.1\r\n" HOST "A\t: b\r\n\r\n"), HTTP1_BAD},
		{S_INIT("GET / HTTP/1.1\r\n" HOST ": b\r\n\r\n"), HTTP1_BAD},
		{S_INIT("GET / HTTP/1.1\r\n" HOST "A\r\n\r\n"), HTTP1_BAD},
		{S_INIT("GET / HTTP/1.1\r\n" HOST "A: \x01\r\n\r\n"), HTTP1_BAD},
		{S_INIT("GET / HTTP/1.1\r\n" HOST "A:\r\n\r\n"), HTTP1_FINE},
		{S_INIT("GET / HTTP/1.1\r\n" HOST "A: \xe4\xb8\xad\r\n\r\n"), HTTP1_FINE},
		/* how long the body is */
		{S_INIT("POST / HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\n"), HTTP1_FINE},
		{S_INIT("POST / HTTP/1.1\r\n" HOST "Content-Length: +5\r\n\r\n"), HTTP1_BAD},
		{S_INIT("POST / HTTP/1.1\r\n" HOST "Content-Length: -5\r\n\r\n"), HTTP1_BAD},
		{S_INIT("POST / HTTP/1.1\r\n" HOST "Content-Length: 5, 5\r\n\r\n"), HTTP1_BAD},
		{S_INIT("POST / HTTP/1.1\r\n" HOST "Content-Length: 0x5\r\n\r\n"), HTTP1_BAD},
		{S_INIT("POST / HTTP/1.1\r\n" HOST "Content-Length: 5 5\r\n\r\n"), HTTP1_BAD},
		{S_INIT("POST / HTTP/1.1\r\n" HOST "Content-Length:\r\n\r\n"), HTTP1_BAD},
		{S_INIT("POST / HTTP/1.1\r\n" HOST "Content-Length: 99999999999999999999\r\n\r\n"),
			HTTP1_BAD},
		{S_INIT("POST / HTTP/1.1\r\n" HOST "Content-Length: 9223372036854775808\r\n\r\n"),
			HTTP1_BAD},
		{S_INIT("POST / HTTP/1.1\r\n" HOST
			"Content-Length: 5\r\nContent-Length: 5\r\n\r\n"),
			HTTP1_BAD},
		{S_INIT("POST / HTTP/1.1\r\n" HOST
			"Content-Length: 5\r\ncontent-length: 6\r\n\r\n"),
			HTTP1_BAD},
		{S_INIT("POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n"),
			HTTP1_FINE},
		{S_INIT("POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: CHUNKED\r\n\r\n"),
			HTTP1_FINE},
		{S_INIT("POST / HTTP/1.1\r\n" HOST
			"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n"),
			HTTP1_BAD},
		{S_INIT("POST / HTTP/1.1\r\n" HOST
			"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"),
			HTTP1_BAD},
		{S_INIT("POST / HTTP/1.1\r\n" HOST
			"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n"),
			HTTP1_BAD},
		{S_INIT("POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked, identity\r\n\r\n"),
			HTTP1_CODING},
		{S_INIT("POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: gzip, chunked\r\n\r\n"),
			HTTP1_CODING},
		{S_INIT("POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: xchunked\r\n\r\n"),
			HTTP1_CODING},
		{S_INIT("POST / HTTP/1.1\r\n" HOST "Transfer-Encoding:\x0b"
			"chunked\r\n\r\n"),
			HTTP1_BAD},
		{S_INIT("POST / HTTP/1.1\r\n" HOST "Transfer-Encoding : chunked\r\n\r\n"),
			HTTP1_BAD},
		{S_INIT("POST / HTTP/1.0\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n"),
			HTTP1_BAD},
	};
	struct http1_head *h = mem_alloc(sizeof *h);
	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		if (read_all(all[i].in, h) != all[i].want)
			test_fail(__FILE__, __LINE__, "%zu: %.*s is %d", i, SFMT(all[i].in),
				(int)read_all(all[i].in, h));
	free(h);
}

TEST(http1_request_parts)
{
	struct http1_head *h = mem_alloc(sizeof *h);
	CHECK_INT(read_all(S("POST /q?a=1 HTTP/1.1\r\nHost:  a.example:80 \r\nX-A: b\r\nx-a: c\r\n"
			     "Connection: Foo,\tclose\r\nContent-Length: 12\r\nExpect: "
			     "100-Continue\r\n\r\nrest"),
			  h),
		HTTP1_FINE);
	CHECK_STR(h->method, S("POST"));
	CHECK_STR(h->target, S("/q?a=1"));
	CHECK_STR(h->host, S("a.example:80"));
	CHECK_STR(http1_field(h, S("X-a")), S("b"));
	CHECK_INT(http1_count(h, S("X-A")), 2);
	CHECK(!h->keep_alive && h->expects && h->body == HTTP1_LENGTH && h->length == 12);
	CHECK_INT(read_all(S("GET / HTTP/1.1\r\nHost: a\r\n\r\n"), h), HTTP1_FINE);
	CHECK(h->keep_alive && h->body == HTTP1_NO_BODY && !h->expects);
	CHECK_INT(read_all(S("GET / HTTP/1.0\r\n\r\n"), h), HTTP1_FINE);
	CHECK(!h->keep_alive);
	CHECK_INT(read_all(S("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"), h), HTTP1_FINE);
	CHECK(h->keep_alive);
	free(h);
}

/* Byte by byte it is the same, and nothing is decided early. */
TEST(http1_head_end_in_pieces)
{
	slice in = S("GET / HTTP/1.1\r\nHost: a\r\n\r\nGET");
	size_t from = 0, n = 0;
	for (size_t have = 0; have < in.n - 3; have++)
		CHECK_INT(http1_head_end(slice_first(in, have), &from, &n), HTTP1_MORE);
	CHECK_INT(http1_head_end(in, &from, &n), HTTP1_FINE);
	CHECK_INT(n, in.n - 3);
}

TEST(http1_limits)
{
	AUTO(buf) struct buf b = BUF(1 << 20);
	struct http1_head *h = mem_alloc(sizeof *h);
	buf_put(&b, S("GET /"));
	buf_fill(&b, 'a', HTTP1_LINE_MAX);
	CHECK_INT(read_all(buf_slice(&b), h), HTTP1_LONG_TARGET);
	buf_reset(&b);
	buf_put(&b, S("GET / HTTP/1.1\r\nHost: a\r\nB: "));
	buf_fill(&b, 'a', HTTP1_LINE_MAX);
	CHECK_INT(read_all(buf_slice(&b), h), HTTP1_LARGE);
	buf_reset(&b);
	buf_put(&b, S("GET / HTTP/1.1\r\nHost: a\r\n"));
	while (b.n <= HTTP1_HEAD_MAX) {
		buf_put(&b, S("B: "));
		buf_fill(&b, 'a', 4000);
		buf_put(&b, S("\r\n"));
	}
	CHECK_INT(read_all(buf_slice(&b), h), HTTP1_LARGE);
	buf_reset(&b);
	buf_put(&b, S("GET / HTTP/1.1\r\nHost: a\r\n"));
	for (int i = 1; i < HTTP1_FIELDS_MAX; i++)
		buf_put(&b, S("B: c\r\n"));
	size_t n = b.n;
	buf_put(&b, S("\r\n"));
	CHECK_INT(read_all(buf_slice(&b), h), HTTP1_FINE);
	b.n = n;
	buf_put(&b, S("B: c\r\n\r\n"));
	CHECK_INT(read_all(buf_slice(&b), h), HTTP1_LARGE);
	free(h);
}

TEST(http1_responses)
{
	static const struct {
		slice in;
		bool to_head;
		enum http1_result want;
		enum http1_body body;
		bool keep;
	} all[] = {
		{S_INIT("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n"), false, HTTP1_FINE,
			HTTP1_LENGTH, true},
		{S_INIT("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"), false, HTTP1_FINE,
			HTTP1_NO_BODY, true},
		{S_INIT("HTTP/1.1 200 \r\n\r\n"), false, HTTP1_FINE, HTTP1_TO_END, false},
		{S_INIT("HTTP/1.1 204 None\r\n\r\n"), false, HTTP1_FINE, HTTP1_NO_BODY, true},
		{S_INIT("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n"), true, HTTP1_FINE,
			HTTP1_NO_BODY, true},
		{S_INIT("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"), false, HTTP1_FINE,
			HTTP1_CHUNKED, true},
		{S_INIT("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: "
			"3\r\n\r\n"),
			false, HTTP1_BAD, 0, false},
		{S_INIT("HTTP/1.1 2000 OK\r\n\r\n"), false, HTTP1_BAD, 0, false},
		{S_INIT("HTTP/1.1 099 OK\r\n\r\n"), false, HTTP1_BAD, 0, false},
		{S_INIT("HTTP/1.1 200\r\n\r\n"), false, HTTP1_FINE, HTTP1_TO_END, false},
		{S_INIT("ICAP/1.0 200 OK\r\n\r\n"), false, HTTP1_BAD, 0, false},
	};
	struct http1_head *h = mem_alloc(sizeof *h);
	for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
		CHECK_INT(http1_read_response(all[i].in, all[i].to_head, h), all[i].want);
		if (all[i].want == HTTP1_FINE)
			CHECK(h->body == all[i].body && h->keep_alive == all[i].keep);
	}
	free(h);
}

/* ---- chunks ---- */

/* The data joined; "!" at the end when it is malformed, "?" when it is cut; then what is left of the input. */
static void chunks(slice in, size_t step, struct buf *out)
{
	struct http1_chunks c = {0};
	enum http1_chunk r = HTTP1_CHUNK_MORE;
	size_t given = 0;
	slice part = {in.p, 0}, data;
	while (r == HTTP1_CHUNK_MORE && given < in.n) {
		size_t n = in.n - given < step ? in.n - given : step;
		part.n += n;
		given += n;
		while ((r = http1_chunk_next(&c, &part, &data)) == HTTP1_CHUNK_DATA)
			buf_put(out, data);
	}
	part.n += in.n - given;
	if (r == HTTP1_CHUNK_END)
		buf_printf(out, "|%.*s", SFMT(part));
	else
		buf_byte(out, r == HTTP1_CHUNK_BAD ? '!' : '?');
}

TEST(http1_chunks)
{
	static const struct {
		slice in, want;
	} all[] = {
		{S_INIT("3\r\nabc\r\n0\r\n\r\nNEXT"), S_INIT("abc|NEXT")},
		{S_INIT("3\r\nabc\r\nA\r\n0123456789\r\n0\r\n\r\n"), S_INIT("abc0123456789|")},
		{S_INIT("003;a=b;c=\"d\"\r\nabc\r\n0;x\r\nA: b\r\nC: d\r\n\r\nN"), S_INIT("abc|N")},
		{S_INIT("0\r\n\r\n"), S_INIT("|")},
		{S_INIT("3\nabc\n0\n\n"), S_INIT("!")},
		{S_INIT("3\r\nabc\n0\r\n\r\n"), S_INIT("abc!")},
		{S_INIT("3\r\nabcd\r\n0\r\n\r\n"), S_INIT("abc!")},
		{S_INIT("3;a\nb\r\nabc\r\n"), S_INIT("!")},
		{S_INIT("3;a\rb\r\nabc\r\n"), S_INIT("!")},
		{S_INIT("\r\n3\r\nabc\r\n"), S_INIT("!")},
		{S_INIT(" 3\r\nabc\r\n"), S_INIT("!")},
		{S_INIT("0x3\r\nabc\r\n"), S_INIT("!")},
		{S_INIT("-3\r\nabc\r\n"), S_INIT("!")},
		{S_INIT("g\r\n"), S_INIT("!")},
		{S_INIT("fffffffffffffffff\r\n"), S_INIT("!")},
		{S_INIT("0\r\n: a\r\n\r\n"), S_INIT("!")},
		{S_INIT("0\r\nA: b\n\r\n"), S_INIT("!")},
		{S_INIT("0\r\n\rX"), S_INIT("!")},
		{S_INIT("5\r\nab"), S_INIT("ab?")},
		{S_INIT("0\r\nA: b\r\n"), S_INIT("?")},
	};
	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		for (size_t step = 1; step < 9; step++) {
			AUTO(buf) struct buf out = BUF(1000);
			chunks(all[i].in, step, &out);
			CHECK_STR(buf_slice(&out), all[i].want);
		}
}

/* ---- targets ---- */

TEST(http1_targets)
{
	static const struct {
		const char *in, *want; /* segments joined by |, then ? query; NULL: refused */
	} all[] = {{"/", "?"}, {"/a/b", "a|b?"}, {"/a/", "a|?"}, {"/a?b=c?d", "a?b=c?d"},
		{"/%E4%B8%AD", "\xe4\xb8\xad?"}, {"/a+b", "a+b?"}, {"http://h/x", "x?"},
		{"HTTPS://h", "?"}, {"https://h?q", "?q"}, {"//evil.example/a", "|evil.example|a?"},
		{"/a%2fb", NULL}, {"/a%2Fb", NULL}, {"/a%5cb", NULL}, {"/..", NULL},
		{"/a/%2e%2e/b", NULL}, {"/.", NULL}, {"/%00", NULL}, {"/%0a", NULL}, {"/%", NULL},
		{"/%4", NULL}, {"/%zz", NULL}, {"/%ff", NULL}, {"a", NULL}, {"ftp://h/", NULL},
		{"http://", NULL}, {"http://u@h/", NULL},
		{"/1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16/17", NULL}};
	for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
		AUTO(arena) struct arena a = {0};
		AUTO(buf) struct buf out = BUF(1000);
		struct http1_target t;
		bool fine = http1_target_read(slice_z(all[i].in), &a, &t);
		if (fine != (all[i].want != NULL))
			test_fail(__FILE__, __LINE__, "%s", all[i].in);
		if (!fine)
			continue;
		for (size_t k = 0; k < t.nsegments; k++)
			buf_printf(&out, "%s%.*s", k ? "|" : "", SFMT(t.segments[k]));
		buf_printf(&out, "?%.*s", SFMT(t.query));
		/* "/" alone has one empty segment. */
		CHECK_STR(buf_slice(&out), slice_z(all[i].want));
	}
}

TEST(http1_forms)
{
	AUTO(arena) struct arena a = {0};
	slice form = S("a=1&b=x+y%26z&c&%64=%E4%B8%AD&bad=%ff&a=2&half=%4"), v;
	static const struct {
		const char *name, *want;
	} all[] = {{"a", "1"}, {"b", "x y&z"}, {"c", ""}, {"d", "\xe4\xb8\xad"}, {"bad", NULL},
		{"half", NULL}, {"e", NULL}, {"", NULL}};
	for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
		bool got = http1_form_get(form, slice_z(all[i].name), &a, &v);
		CHECK_INT(got, all[i].want != NULL);
		if (got)
			CHECK_STR(v, slice_z(all[i].want));
	}
	slice rest = form;
	CHECK(http1_form_next(&rest, S("a"), &a, &v) && slice_eq(v, S("1")));
	CHECK(http1_form_next(&rest, S("a"), &a, &v) && slice_eq(v, S("2")));
	CHECK(!http1_form_next(&rest, S("a"), &a, &v));
	AUTO(buf) struct buf out = BUF(100);
	http1_put_encoded(&out, S("a b/\xe4&~"));
	CHECK_STR(buf_slice(&out), S("a%20b%2F%E4%26~"));
}

TEST(http1_languages)
{
	static const slice offered[] = {S_INIT("en"), S_INIT("zh")};
	static const struct {
		const char *in;
		size_t want;
	} all[] = {{"", 0}, {"zh-CN,zh;q=0.9,en;q=0.8", 1}, {"en-US,en;q=0.5", 0},
		{"de, zh;q=0.1", 1}, {"de", 0}, {"en;q=0.3,zh-Hans;q=0.31", 1}, {"zh;q=0", 0},
		{"zh;q=x", 0}, {"ZH", 1}, {"en;q=0.999,zh;q=1.000", 1}, {"*", 0}};
	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		CHECK_INT(http1_language(slice_z(all[i].in), offered, 2, 0), all[i].want);
}

TEST(http1_writes)
{
	AUTO(buf) struct buf b = BUF(1000);
	char date[HTTP1_DATE_MAX];
	http1_put_status(&b, 404);
	CHECK(http1_put_field(&b, S("Location"), S("/a")));
	CHECK(!http1_put_field(&b, S("X"), S("a\r\nSet-Cookie: b")));
	CHECK(!http1_put_field(&b, S("X"), slice_of("a\0b", 3)));
	http1_put_request(&b, S("GET"), S("/"), S("h"));
	CHECK_STR(buf_slice(&b),
		S("HTTP/1.1 404 Not Found\r\nLocation: /a\r\nGET / HTTP/1.1\r\nHost: h\r\n"));
	CHECK_STR(slice_of(date, http1_date(784111777 * SECOND, date)),
		S("Sun, 06 Nov 1994 08:49:37 GMT"));
}
