/*
 * The words of HTML, and their folding, of any bytes: the first one chooses where they are cut. In two pieces they are the same as in
 * one where no entity can lie at the cut; what is folded is UTF-8 and does not grow beyond measure.
 */
#include "base/must.h"
#include "base/utf8.h"
#include "codec/fold.h"
#include "codec/html_strip.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	if (!n)
		return 0;
	slice in = slice_of(data + 1, n - 1);
	struct buf whole = BUF(8 * n + 64), pieces = BUF(8 * n + 64), folded = BUF(200 * n + 64);
	struct html_strip one = {0}, two = {0};
	html_strip(&one, in, &whole);
	html_strip(&two, slice_first(in, data[0]), &pieces);
	html_strip(&two, slice_skip(in, data[0]), &pieces);
	must(buf_ok(&whole) && buf_ok(&pieces));
	must(slice_index(in, '&') < in.n || slice_eq(buf_slice(&whole), buf_slice(&pieces)));
	text_fold(buf_slice(&whole), &folded);
	must(buf_ok(&folded) && utf8_valid(buf_slice(&folded)));
	buf_done(&whole);
	buf_done(&pieces);
	buf_done(&folded);
	return 0;
}
