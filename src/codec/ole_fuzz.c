/* Compound files of any content: no byte outside, no chain without end, budgets kept. */
#include "codec/extract_testing.h"
#include "codec/ole.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	return extract_fuzz(ole_read, data, n);
}
