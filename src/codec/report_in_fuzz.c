/* Any bytes as a report's message, and as the content of one. */
#include "codec/report_in.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	slice in = slice_of(data, n);
	const char *error;
	json_decref(report_in_read(in));
	json_decref(report_in_dmarc(in, &error));
	json_decref(report_in_tls(in, &error));
	return 0;
}
