/* Whatever decodes encodes to the same bytes: there is one spelling. */
#include "codec/mutf7.h"

#include "base/mem.h"
#include "base/must.h"
#include "base/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	slice in = slice_of(data, n);
	AUTO(buf) struct buf utf8 = BUF(4 * n + 16), again = BUF(8 * n + 16);
	if (mutf7_decode(in, &utf8)) {
		must(utf8_valid(buf_slice(&utf8)));
		mutf7_encode(buf_slice(&utf8), &again);
		must(slice_eq(buf_slice(&again), in));
	}
	if (utf8_valid(in)) {
		buf_reset(&again);
		buf_reset(&utf8);
		mutf7_encode(in, &again);
		must(mutf7_decode(buf_slice(&again), &utf8));
		must(slice_eq(buf_slice(&utf8), in));
	}
	return 0;
}
