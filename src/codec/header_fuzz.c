/* Header blocks: fields cover the block without gap or overlap; the summary agrees with the walk.
 */
#include "base/mem.h"
#include "base/must.h"
#include "base/utf8.h"
#include "codec/header.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	AUTO(arena) struct arena a = {0};
	slice message = slice_of(data, n), in = message;
	struct header_field f;
	struct header_summary s;
	const char *at = message.p;
	unsigned fields = 0;
	while (header_next(&in, &f)) {
		must(f.raw.p == at && f.raw.n > 0 && f.value.n <= f.raw.n);
		at += f.raw.n;
		fields++;
		slice flat = header_unfold(f.value, &a), text = header_text(f.value, &a);
		must(slice_index(flat, '\n') == flat.n && utf8_valid(text) &&
			slice_index(text, '\r') == text.n);
		must(f.name.n == 0 || header_count(message, f.name) > 0);
	}
	must(header_length(message) == n - in.n);
	header_summarize(message, &a, &s);
	must(utf8_valid(s.subject) && s.length <= HEADER_SUMMARY_MAX);
	if (n <= HEADER_SUMMARY_MAX)
		must(s.length == header_length(message) && s.fields == fields);
	return 0;
}
