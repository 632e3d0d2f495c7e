/* Requests that no edge of ours would send. */
#include "bin/scan_wire.h"

#include "base/mem.h"
#include "base/must.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(arena) struct arena a = {0};
	AUTO(buf) struct buf again = BUF(2 * SCAN_WIRE_MAX);
	struct scan_request r, r2;
	struct scan_answer w;
	scan_answer_decode(slice_of(data, size), &w);
	if (!scan_request_decode(slice_of(data, size), &a, &r))
		return 0;
	scan_request_encode(&again, &r);
	must(!buf_ok(&again) || scan_request_decode(buf_slice(&again), &a, &r2));
	return 0;
}
