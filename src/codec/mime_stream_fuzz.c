/* The first byte chooses encoding and piece size: whatever the pieces, the bytes are those of mime_decode. */
#include "base/must.h"
#include "codec/mime.h"
#include "codec/mime_stream.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static const enum mime_encoding encodings[] = {MIME_QP, MIME_BASE64, MIME_8BIT};
	if (!n)
		return 0;
	slice body = slice_of(data + 1, n - 1);
	size_t piece = 1 + data[0] / 3;
	struct mime_part part = {.body = body, .encoding = encodings[data[0] % 3]};
	struct buf whole = BUF(2 * n + 64), out = BUF(2 * n + 64);
	struct mime_stream s;
	mime_decode(&part, &whole);
	must(mime_stream_init(&s, part.encoding));
	for (; body.n; body = slice_skip(body, piece))
		mime_stream_feed(&s, slice_first(body, piece), &out);
	mime_stream_end(&s, &out);
	must(buf_ok(&out) && slice_eq(buf_slice(&out), buf_slice(&whole)));
	buf_done(&whole);
	buf_done(&out);
	return 0;
}
