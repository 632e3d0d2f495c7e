/* Office documents in zip files: any bytes are read to the end within their budget. */
#include "base/must.h"
#include "codec/office.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

enum { UNPACKED = 8 << 20, PARTS = 2000 };

static uint64_t given;

static void text(void *ctx, slice utf8)
{
	(void)ctx;
	given += utf8.n ? (unsigned char)utf8.p[utf8.n - 1] : 0;
}

static void link(void *ctx, slice target, slice seen)
{
	(void)ctx;
	given += target.n + seen.n;
}

static bool file(void *ctx, slice name, slice bytes)
{
	(void)ctx, (void)name;
	given += bytes.n ? (unsigned char)bytes.p[bytes.n - 1] : 0;
	return true;
}

static void fact(void *ctx, enum extract_fact f, slice detail)
{
	(void)ctx, (void)detail;
	must(f != 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct extract_limits l = {.unpacked = UNPACKED, .files = PARTS};
	const struct extract x = {NULL, text, link, file, fact};
	office_read(slice_of(data, n), &l, &x);
	must(l.unpacked <= UNPACKED && l.files <= PARTS);
	return 0;
}
