/* OneNote sections of any content. */
#include "codec/extract_testing.h"
#include "codec/onenote.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	return extract_fuzz(onenote_read, data, n);
}
