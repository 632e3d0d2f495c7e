#include "base/buf.h"
#include "base/mem.h"
#include "base/test.h"
#include "senderauth/bodyhash.h"
#include "senderauth/pubkey.h"

/* The digest of `body` in pieces of `chunk` bytes is that of `want`. */
static void check_body(enum dkim_canon canon, slice body, size_t chunk, int64_t limit, slice want)
{
	AUTO(arena) struct arena a = {0};
	unsigned char digest[32];
	struct body_hashes *b = body_hashes_new(&a);
	int i = body_hashes_want(b, canon, BODY_SHA256, limit);
	int all = body_hashes_want(b, canon, BODY_SHA256, -1);
	for (slice rest = body; rest.n; rest = slice_skip(rest, chunk))
		body_hashes_add(b, slice_first(rest, chunk));
	body_hashes_end(b);
	pubkey_sha256(want, digest);
	bool same = slice_eq(body_hashes_get(b, i), slice_of(digest, 32));
	uint64_t length = body_hashes_length(b, all);
	body_hashes_free(b);
	if (!same)
		test_fail(__FILE__, __LINE__, "canon %d, chunk %zu: \"%.*s\"", canon, chunk,
			SFMT(body));
	if (limit < 0)
		CHECK_INT(length, want.n);
}

TEST(bodyhash_canonical_forms)
{
	static const struct {
		const char *body, *simple, *relaxed;
	} cases[] = {
		{"", "\r\n", ""},
		{"\r\n", "\r\n", ""},
		{"\r\n\r\n\r\n", "\r\n", ""},
		{"a", "a\r\n", "a\r\n"},
		{"a\r\n", "a\r\n", "a\r\n"},
		{"a\r\n\r\n\r\n", "a\r\n", "a\r\n"},
		{"\r\n\r\na", "\r\n\r\na\r\n", "\r\n\r\na\r\n"},
		{"a\r\n\r\n\r\nb\r\n", "a\r\n\r\n\r\nb\r\n", "a\r\n\r\n\r\nb\r\n"},
		/* RFC 6376 3.4.5 */
		{" C \r\nD \t E\r\n\r\n\r\n", " C \r\nD \t E\r\n", " C\r\nD E\r\n"},
		{" \r\n", " \r\n", ""},
		{"a\r\n \t \r\n \r\n", "a\r\n \t \r\n \r\n", "a\r\n"},
		{"\t\ta\t\tb\t\t\r\n", "\t\ta\t\tb\t\t\r\n", " a b\r\n"},
		{"a \r\n b\r\n", "a \r\n b\r\n", "a\r\n b\r\n"},
		{"a\rb\r\n", "a\rb\r\n", "a\rb\r\n"},
		{"a\r\r\n", "a\r\r\n", "a\r\r\n"},
		{"a \r", "a \r\r\n", "a \r\r\n"},
		{"\r", "\r\r\n", "\r\r\n"},
		{"\r\r\r", "\r\r\r\r\n", "\r\r\r\r\n"},
		{"\r\n\r", "\r\n\r\r\n", "\r\n\r\r\n"},
		{"a\nb \nc\r\n", "a\nb \nc\r\n", "a\nb \nc\r\n"},
		{"a \n\r\n", "a \n\r\n", "a \n\r\n"},
		{"\n", "\n\r\n", "\n\r\n"},
		{"a\r\n\n\r\n\r\n", "a\r\n\n\r\n", "a\r\n\n\r\n"},
		{"a b  c\r\n", "a b  c\r\n", "a b c\r\n"},
		{"a   ", "a   \r\n", "a\r\n"},
		{"\x80\xff\r\n", "\x80\xff\r\n", "\x80\xff\r\n"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		slice body = slice_z(cases[i].body);
		for (size_t chunk = 1; chunk <= body.n + 1; chunk++) {
			check_body(CANON_SIMPLE, body, chunk, -1, slice_z(cases[i].simple));
			check_body(CANON_RELAXED, body, chunk, -1, slice_z(cases[i].relaxed));
		}
	}
}

TEST(bodyhash_cut_anywhere_is_the_same)
{
	slice body = S("one  two\r\n\r\n \t\r\nthree \r\n\rfour\r\n\n\r\n \r\n\r\n");
	slice relaxed = S("one two\r\n\r\n\r\nthree\r\n\rfour\r\n\n\r\n");
	for (size_t cut = 0; cut <= body.n; cut++) {
		AUTO(arena) struct arena a = {0};
		unsigned char digest[32];
		struct body_hashes *b = body_hashes_new(&a);
		int i = body_hashes_want(b, CANON_RELAXED, BODY_SHA256, -1);
		body_hashes_add(b, slice_first(body, cut));
		body_hashes_add(b, (slice){0});
		body_hashes_add(b, slice_skip(body, cut));
		body_hashes_end(b);
		pubkey_sha256(relaxed, digest);
		CHECK(slice_eq(body_hashes_get(b, i), slice_of(digest, 32)));
		body_hashes_free(b);
	}
}

TEST(bodyhash_limit_counts_canonical_bytes)
{
	slice body = S("a  b \r\n\r\nc\r\n\r\n"), relaxed = S("a b\r\n\r\nc\r\n");
	for (size_t limit = 0; limit <= relaxed.n + 3; limit++)
		check_body(CANON_RELAXED, body, 3, (int64_t)limit, slice_first(relaxed, limit));
	check_body(CANON_SIMPLE, (slice){0}, 1, 0, (slice){0});
	check_body(CANON_SIMPLE, (slice){0}, 1, 1, S("\r"));
}

/* Larger than what is gathered, with runs of every kind. */
TEST(bodyhash_long_bodies)
{
	AUTO(buf) struct buf body = BUF(1 << 20), want = BUF(1 << 20);
	for (int i = 0; i < 3000; i++) {
		buf_fill(&body, 'x', (size_t)(i % 97));
		buf_fill(&want, 'x', (size_t)(i % 97));
		buf_put(&body, i % 3 ? S(" ") : S("\t  "));
		buf_put(&body, i % 5 ? S("y\r\n") : S("\r\n\r\n"));
		if (i % 5)
			buf_put(&want, S(" y\r\n"));
		else
			buf_put(&want, S("\r\n\r\n"));
	}
	for (size_t chunk = 1000; chunk < 200000; chunk *= 3)
		check_body(CANON_RELAXED, buf_slice(&body), chunk, -1, buf_slice(&want));
	buf_reset(&body);
	buf_fill(&body, 'z', 10000);
	for (int i = 0; i < 5000; i++)
		buf_put(&body, S("\r\n"));
	buf_put(&body, S("end\r\n"));
	check_body(CANON_RELAXED, buf_slice(&body), 4096, -1, buf_slice(&body));
	check_body(CANON_SIMPLE, buf_slice(&body), 777, -1, buf_slice(&body));
}

TEST(bodyhash_wishes)
{
	AUTO(arena) struct arena a = {0};
	struct body_hashes *b = body_hashes_new(&a);
	int first = body_hashes_want(b, CANON_SIMPLE, BODY_SHA1, -1);
	CHECK_INT(body_hashes_want(b, CANON_SIMPLE, BODY_SHA1, -1), first);
	for (int i = 1; i < BODY_HASHES_MAX; i++)
		CHECK_INT(body_hashes_want(b, CANON_RELAXED, BODY_SHA256, i), i);
	int above = body_hashes_want(b, CANON_RELAXED, BODY_SHA256, 1000);
	int again = body_hashes_want(b, CANON_RELAXED, BODY_SHA256, 5);
	body_hashes_end(b);
	/* SHA-1 of CRLF, RFC 6376 3.4.3 */
	static const unsigned char empty[] = {0xba, 0x8a, 0xb5, 0xa0, 0x28, 0x0b, 0x95, 0x3a, 0xa9,
		0x74, 0x35, 0xff, 0x89, 0x46, 0xcb, 0xcb, 0xb2, 0x75, 0x5a, 0x27};
	bool same = slice_eq(body_hashes_get(b, first), slice_of(empty, sizeof empty));
	body_hashes_free(b);
	body_hashes_free(NULL);
	CHECK(same);
	CHECK_INT(above, -1);
	CHECK_INT(again, 5);
}
