/* Any text: URLs inside it, each read again from its own spelling gives the same spelling. */
#include "codec/url.h"

#include "base/mem.h"
#include "base/must.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static bool any(slice s)
{
	return s.n > 1;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static const struct url_names names = {any, NULL};
	AUTO(arena) struct arena a = {0};
	slice in = slice_of(data, n);
	struct url *v, u, again;
	size_t count = url_find(in, n & 1 ? &names : NULL, &a, &v);
	for (size_t i = 0; i < count; i++)
		must(v[i].from < v[i].to && v[i].to <= n && (!i || v[i].from >= v[i - 1].to));
	if (!url_parse(in, &a, &u))
		return 0;
	must(u.text.n <= 16 * URL_MAX && u.scheme.n + u.host.n <= u.text.n + 10);
	if (!(u.flags & (URL_BAD_HOST | URL_CUT)) && u.host.n) {
		must(url_parse(u.text, &a, &again));
		must(slice_eq(again.host, u.host));
	}
	url_deceives(in, &u, &names, &a);
	return 0;
}
