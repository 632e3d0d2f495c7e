/* Letters of any content, with all their attachments: limits hold, every file has its place. */
#include "base/mem.h"
#include "base/must.h"
#include "codec/filetype.h"
#include "content/content.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static const struct content_tools tools;
	static const struct content_limits limits = {.files = 50,
		.depth = 4,
		.unpacked = 8 << 20,
		.text = 64 * 1024,
		.links = 100,
		.pictures = 4,
		.pixels = 1 << 20};
	AUTO(arena) struct arena a = {0};
	struct content c;
	content_read(slice_of(data, n), &tools, &limits, &a, &c);
	must(c.nfiles <= limits.files && c.attached.n <= limits.text);
	for (size_t i = 0; i < c.nfiles; i++) {
		must(c.files[i].parent < (int)i && c.files[i].type < FILETYPES);
		must(c.files[i].depth <= limits.depth + 1);
	}
	return 0;
}
