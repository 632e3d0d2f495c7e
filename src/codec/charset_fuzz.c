/* A text with any label: always valid UTF-8 or bytes that were cut by the limit, never more than
 * the limit. The first line is the label. */
#include "codec/charset.h"

#include "base/mem.h"
#include "base/must.h"
#include "base/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	slice rest = slice_of(data, n), label = S("");
	AUTO(buf) struct buf out = BUF(4 * n + 16);
	struct charset_reading r;
	slice_cut(&rest, '\n', &label);
	charset_read(label, rest.p ? rest : S(""), n & 1, &out, &r);
	must(buf_ok(&out) && utf8_valid(buf_slice(&out)));
	must(r.name[0]);
	return 0;
}
