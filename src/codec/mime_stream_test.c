#include "base/mem.h"
#include "base/test.h"
#include "codec/mime.h"
#include "codec/mime_stream.h"

/* In pieces of every size the bytes are those of mime_decode. */
static void check_same(enum mime_encoding encoding, slice body)
{
	AUTO(buf) struct buf whole = BUF(100000);
	struct mime_part part = {.body = body, .encoding = encoding};
	mime_decode(&part, &whole);
	for (size_t piece = 1; piece <= body.n; piece++) {
		AUTO(buf) struct buf out = BUF(100000);
		struct mime_stream s;
		CHECK(mime_stream_init(&s, encoding));
		for (slice in = body; in.n; in = slice_skip(in, piece))
			mime_stream_feed(&s, slice_first(in, piece), &out);
		mime_stream_end(&s, &out);
		CHECK_STR(buf_slice(&out), buf_slice(&whole));
	}
}

TEST(pieces_decode_to_the_same_bytes)
{
	static const struct {
		enum mime_encoding encoding;
		const char *body;
	} rows[] = {
		{MIME_BASE64, "SGVsbG8gd29ybGQ=\r\n"},
		{MIME_BASE64, "SGVs bG8\r\n!gd29y\r\nbGQ"},
		{MIME_BASE64, "SGk=SGk=\r\n"},
		{MIME_BASE64, "SGVsbG8"},
		{MIME_BASE64, "=="},
		{MIME_QP, "caf=C3=A9 =\r\nau lait  \r\n=3D=\r\n end=2"},
		{MIME_QP, "no=ZZ =c3=\n x \t\n"},
		{MIME_8BIT, "as it\r\nis"},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		check_same(rows[i].encoding, slice_z(rows[i].body));
}

TEST(a_line_without_end_is_undone_in_pieces)
{
	AUTO(buf) struct buf in = BUF(1 << 20), want = BUF(1 << 20), out = BUF(1 << 20);
	struct mime_stream s;
	for (unsigned i = 0; i < 100000; i++) {
		buf_put(&in, S("=41b "));
		buf_put(&want, S("Ab "));
	}
	buf_byte(&in, '.');
	buf_byte(&want, '.');
	CHECK(mime_stream_init(&s, MIME_QP));
	for (slice rest = buf_slice(&in); rest.n; rest = slice_skip(rest, 1001))
		mime_stream_feed(&s, slice_first(rest, 1001), &out);
	mime_stream_end(&s, &out);
	CHECK(slice_eq(buf_slice(&out), buf_slice(&want)));
}

TEST(uuencode_is_said_not_to_be_undone)
{
	struct mime_stream s;
	CHECK(!mime_stream_init(&s, MIME_UUENCODE));
	CHECK(!mime_stream_init(&s, MIME_UNKNOWN));
}
