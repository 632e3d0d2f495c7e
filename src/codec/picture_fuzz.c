/* Any bytes as a picture, and its later frames: decoded and described within the limits. */
#include "codec/picture.h"

#include "base/mem.h"
#include "base/must.h"

enum { PIXELS = 300 * 1000 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	AUTO(arena) struct arena a = {0};
	struct picture p;
	struct picture_stats s;
	slice in = slice_of(data, n);
	enum picture_result r = picture_read(in, PIXELS, &a, &p);
	if (r == PICTURE_UNKNOWN)
		return 0;
	must(p.header.width && p.header.height);
	if (r == PICTURE_READ) {
		must(p.width && p.height && (uint64_t)p.width * p.height <= PIXELS);
		picture_stats(&p, &a, &s);
		must(s.text >= 0 && s.text <= 1 && s.photo >= 0 && s.photo <= 1);
	}
	for (unsigned i = 1; i < PICTURE_FRAMES; i++)
		picture_read_frame(in, i, PIXELS, &a, &p);
	return 0;
}
