/* Office documents in zip files: any bytes are read to the end within their budget. */
#include "codec/extract_testing.h"
#include "codec/office.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	return extract_fuzz(office_read, data, n);
}
