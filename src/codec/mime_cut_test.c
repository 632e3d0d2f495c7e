/* Cut points of messages, the same for every chunking. */
#include "base/buf.h"
#include "base/mem.h"
#include "base/test.h"
#include "codec/mime_cut.h"

/* The message with [C and [P where content and part begin. */
static void mark(slice msg, size_t chunk, struct buf *out)
{
	struct mime_cut m = {0};
	while (msg.n) {
		slice in = slice_first(msg, chunk), bytes;
		msg = slice_skip(msg, chunk);
		for (enum mime_event ev; (ev = mime_cut_next(&m, &in, &bytes)) != MIME_MORE;)
			if (ev == MIME_BYTES)
				buf_put(out, bytes);
			else
				buf_put(out, ev == MIME_CONTENT ? S("[C") : S("[P"));
	}
	buf_put(out, mime_cut_end(&m));
}

TEST(mime_cut_marks)
{
	static const struct {
		const char *in, *want;
	} cases[] = {
		{"", ""},
		{"A: b\r\n\r\nbody\r\n", "A: b\r\n\r\nbody\r\n"},
		{"H: x\r\n\r\npre\r\n--b\r\nT: y\r\n\r\ncontent\r\n--b--\r\nend\r\n",
			"H: x\r\n\r\npre\r\n[P--b\r\nT: y\r\n\r\n[Ccontent\r\n[P--b--\r\nend\r\n"},
		{"--b\n\n--b\n\nx", "[P--b\n\n[C[P--b\n\n[Cx"},
		{"--b\r\nT: y\r\n--c\r\n\r\nx", "[P--b\r\nT: y\r\n[P--c\r\n\r\n[Cx"},
		{"a\r\n-- \r\nsignature\r\n", "a\r\n-- \r\nsignature\r\n"},
		{"a\r\n--\r\n-\r\n-x\r\n\r\n", "a\r\n--\r\n-\r\n-x\r\n\r\n"},
		{"a --b\r\n--b\r\nx\r\r\n\r\ny", "a --b\r\n[P--b\r\nx\r\r\n\r\n[Cy"},
		{"--b\r\rx\r\n\rz\r\n\r\ny", "[P--b\r\rx\r\n\rz\r\n\r\n[Cy"},
		{"-", "-"},
		{"x\n--", "x\n--"},
		{"--b\n-\n--\n\n-", "[P--b\n-\n--\n\n[C-"},
		{"---b\n\nx\n----\n\n", "[P---b\n\n[Cx\n[P----\n\n[C"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		for (size_t chunk = 1; chunk <= 9; chunk++) {
			AUTO(buf) struct buf out = BUF(4096);
			mark(slice_z(cases[i].in), chunk == 9 ? 4096 : chunk, &out);
			CHECK_STR(buf_slice(&out), slice_z(cases[i].want));
		}
}
