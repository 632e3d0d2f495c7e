/* Any bytes as a grey picture, as text and as HTML in which QR codes are sought. */
#include "codec/qrcode.h"

#include "base/mem.h"
#include "base/must.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void check(const struct qrcode *v, unsigned n)
{
	must(n <= QRCODES_MAX);
	for (unsigned i = 0; i < n; i++)
		must(v[i].text.n && v[i].text.n <= QRCODE_TEXT_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	AUTO(arena) struct arena a = {0};
	struct qrcode v[QRCODES_MAX];
	struct picture p = {0};
	unsigned tries = 4 * QRCODE_TRIES;
	slice in = slice_of(data, n);
	check(v, qrcode_read_text(in, &tries, &a, v));
	check(v, qrcode_read_html(in, &tries, &a, v));
	check(v, qrcode_read_html_text(in, &tries, &a, v));
	if (n < 3)
		return 0;
	/* The first byte: how wide; a bit of the others is a pixel, or a block of them. */
	unsigned side = data[0] & 1 ? 4 : 1, bits = (unsigned)(n - 1) * 8;
	unsigned width = data[0] / 2 + 1, height = bits / width;
	if (height == 0 || height > 400)
		return 0;
	p.width = width * side;
	p.height = height * side;
	p.grey = arena_alloc(&a, (size_t)p.width * p.height);
	p.rgb = arena_alloc(&a, 3 * (size_t)p.width * p.height);
	for (unsigned i = 0; i < p.width * p.height; i++) {
		unsigned at = i / p.width / side * width + i % p.width / side;
		p.grey[i] = data[1 + at / 8] >> (at & 7) & 1 ? 255 : 0;
		memset(p.rgb + 3 * i, p.grey[i], 3);
	}
	check(v, qrcode_read(&p, &tries, &a, v));
	return 0;
}
