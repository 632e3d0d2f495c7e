/* The first byte chooses a chunk size: pieces together are the input, and cuts do not depend on it.
 */
#include "base/buf.h"
#include "base/must.h"
#include "codec/mime_cut.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

struct cuts {
	struct buf bytes, marks;
};

static void run(slice msg, size_t chunk, struct cuts *c)
{
	struct mime_cut m = {0};
	while (msg.n) {
		slice in = slice_first(msg, chunk), bytes;
		msg = slice_skip(msg, chunk);
		for (enum mime_event ev; (ev = mime_cut_next(&m, &in, &bytes)) != MIME_MORE;) {
			if (ev == MIME_BYTES) {
				buf_put(&c->bytes, bytes);
			} else {
				buf_u32(&c->marks, (uint32_t)c->bytes.n);
				buf_u8(&c->marks, ev);
			}
		}
	}
	buf_put(&c->bytes, mime_cut_end(&m));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	if (!n)
		return 0;
	slice msg = slice_of(data + 1, n - 1);
	struct cuts whole = {BUF(n + 16), BUF(8 * n + 64)}, pieces = {BUF(n + 16), BUF(8 * n + 64)};
	run(msg, n, &whole);
	run(msg, 1 + data[0] % 17, &pieces);
	must(slice_eq(buf_slice(&whole.bytes), msg) && slice_eq(buf_slice(&pieces.bytes), msg));
	must(slice_eq(buf_slice(&whole.marks), buf_slice(&pieces.marks)));
	buf_done(&whole.bytes);
	buf_done(&whole.marks);
	buf_done(&pieces.bytes);
	buf_done(&pieces.marks);
	return 0;
}
