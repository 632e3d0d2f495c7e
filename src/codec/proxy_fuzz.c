/* PROXY headers: the answer depends on the header alone, and growing input changes it only once. */
#include "base/must.h"
#include "codec/proxy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct proxy_header h = {0}, again = {0};
	slice in = slice_of(data, n);
	char text[PROXY_IP_TEXT];
	enum proxy_step whole = proxy_parse(in, &h);
	must(whole != PROXY_MORE || n < PROXY_MAX);
	if (whole == PROXY_OK) {
		must(h.length > 0 && h.length <= n && h.length <= PROXY_MAX);
		must(proxy_parse(slice_first(in, h.length), &again) == PROXY_OK &&
			again.length == h.length);
		must((proxy_ip_text(h.family, h.src, text) > 0) == (h.family != 0));
	}
	for (size_t k = 0; k < n && k < 300; k++) {
		enum proxy_step part = proxy_parse(slice_first(in, k), &again);
		if (whole == PROXY_OK)
			must(k < h.length ? part == PROXY_MORE : part == PROXY_OK);
		else if (whole == PROXY_MORE)
			must(part == PROXY_MORE);
	}
	return 0;
}
