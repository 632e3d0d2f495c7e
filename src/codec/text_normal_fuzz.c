/* Any bytes as text: the result is valid UTF-8. */
#include "codec/text_normal.h"

#include "base/mem.h"
#include "base/must.h"
#include "base/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	AUTO(buf) struct buf out = BUF(20 * n + 16);
	struct text_undone u;
	text_normalise(slice_of(data, n), &out, &u);
	must(buf_ok(&out) && utf8_valid(buf_slice(&out)));
	must(u.zero_width_inside <= u.zero_width && u.wide + u.styled <= u.characters);
	return 0;
}
