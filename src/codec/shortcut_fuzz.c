/* Shortcuts of any content, binary and text. */
#include "codec/extract_testing.h"
#include "codec/shortcut.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	return extract_fuzz(shortcut_read, data, n);
}
