/* RTF of any content: groups, data and codes stay inside, budgets are kept. */
#include "codec/extract_testing.h"
#include "codec/rtf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	return extract_fuzz(rtf_read, data, n);
}
