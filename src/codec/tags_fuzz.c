/* Tag lists: both readers agree, spans lie in the text, base64 is within its size. */
#include "base/b64.h"
#include "base/mem.h"
#include "base/must.h"
#include "codec/tags.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	AUTO(arena) struct arena a = {0};
	slice text = slice_of(data, n), rest = text, bytes;
	struct tags t;
	struct tag tag;
	unsigned good = 0, bad = 0;
	enum tag_found found;
	while ((found = tags_next(&rest, &tag)) != TAG_END) {
		good += found == TAG_FOUND;
		bad += found == TAG_BAD;
		must(good + bad <= n + 1);
	}
	bool ok = tags_parse(text, &t);
	must(!ok || (t.n == good && bad == 0));
	for (unsigned i = 0; ok && i < t.n; i++) {
		must(t.v[i].span.p >= text.p && t.v[i].span.p + t.v[i].span.n <= text.p + n);
		must(tags_get(&t, t.v[i].name) == &t.v[i]);
		slice compact = tags_compact(t.v[i].value, &a);
		must(slice_index(compact, ' ') == compact.n && compact.n <= t.v[i].value.n);
		if (tags_base64(t.v[i].value, &a, &bytes))
			must(bytes.n <= compact.n * 3 / 4 + 2);
	}
	return 0;
}
