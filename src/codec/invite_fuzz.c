/* Calendars and cards of any content. */
#include "codec/extract_testing.h"
#include "codec/invite.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	return extract_fuzz(invite_read, data, n);
}
