/* Requests to the engine process and its answers, as bytes; what is read back says the same. */
#include "bin/engine_wire.h"

#include "base/mem.h"
#include "base/must.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	slice in = slice_of(data, n);
	AUTO(buf) struct buf out = BUF(1 << 20);
	struct engine_request r, again;
	struct engines_answer w, same;
	if (engine_request_decode(in, &r)) {
		engine_request_encode(&out, &r);
		must(engine_request_decode(buf_slice(&out), &again));
		must(again.ask == r.ask && again.from == r.from && again.size == r.size);
	}
	buf_reset(&out);
	if (engine_answer_decode(in, &w)) {
		engine_answer_encode(&out, &w);
		must(engine_answer_decode(buf_slice(&out), &same));
		must(same.infected == w.infected && slice_eq(same.failed, w.failed));
	}
	return 0;
}
