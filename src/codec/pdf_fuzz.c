/* PDFs of any content: objects, filters, fonts and pictures stay inside, budgets are kept. */
#include "codec/extract_testing.h"
#include "codec/pdf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	return extract_fuzz(pdf_read, data, n);
}
