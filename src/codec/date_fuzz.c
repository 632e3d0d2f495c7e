/* Any bytes as a date: what is read lies between the years that can be written. */
#include "base/must.h"
#include "codec/date.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	int64_t at, day = 86400;
	if (date_parse(slice_of(data, n), &at))
		must(at > -71 * 366 * day && at < 8100 * 366 * day);
	return 0;
}
