/* Any bytes as HTML: what comes out is valid UTF-8 within its limits, and reading it a second time
 * gives the same. */
#include "codec/html.h"

#include "base/mem.h"
#include "base/must.h"
#include "base/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static const struct html_limits small = {.depth = 20,
	.rules = 20,
	.links = 20,
	.images = 10,
	.value = 300,
	.text = 2000,
	.hidden = 1000,
	.aside = 500};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	AUTO(arena) struct arena a = {0};
	const struct html_limits *l = n & 1 ? &small : &html_limits_default;
	struct html h, again;
	html_read(slice_of(data, n), l, &a, &h);
	must(h.text.n <= l->text && h.hidden.n <= l->hidden && h.nlinks <= l->links &&
		h.nimages <= l->images && h.comments.n <= l->aside && h.scripts.n <= l->aside);
	must(h.limits & HTML_LIMIT_TEXT || (utf8_valid(h.text) && utf8_valid(h.hidden)));
	for (size_t i = 0; i < h.nlinks; i++)
		must(!h.links[i].text.n || h.links[i].text.p);
	html_read(slice_of(data, n), l, &a, &again);
	must(slice_eq(h.text, again.text) && h.nlinks == again.nlinks);
	return 0;
}
