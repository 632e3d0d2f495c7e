/* Pages with literals of any content. */
#include "codec/extract_testing.h"
#include "codec/smuggle.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	return extract_fuzz(smuggle_read, data, n);
}
