/* Any bytes as a file of a time zone: what is read gives times that exist. */
#include "base/must.h"
#include "codec/zone.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static struct zone z;
	struct zone_time t;
	if (!zone_read(slice_of(data, n), &z))
		return 0;
	for (int64_t at = -5000000000; at < 9000000000; at += 700000007) {
		zone_local(&z, at, &t);
		must(t.month >= 1 && t.month <= 12 && t.day >= 1 && t.day <= 31 && t.hour >= 0 &&
			t.hour < 24 && t.minute >= 0 && t.minute < 60);
		zone_moment(&z, t.year, t.month, t.day + 1, 8, 0);
	}
	return 0;
}
