/* winmail.dat of any content, with its compressed RTF. */
#include "codec/extract_testing.h"
#include "codec/tnef.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	return extract_fuzz(tnef_read, data, n);
}
