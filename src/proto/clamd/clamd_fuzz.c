/* Whatever a clamd may answer. */
#include "proto/clamd/clamd.h"

#include "base/mem.h"
#include "run/loop.h"

static void ask(void *arg)
{
	AUTO(arena) struct arena a = {0};
	AUTO(io) struct io *io = io_mem(*(slice *)arg, NULL);
	struct clamd_answer w;
	struct err e;
	if (clamd_scan_stream(io, S("hello"), &a, &w, &e) == 0 && w.infected && !w.virus.n)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	slice in = slice_of(data, n);
	loop_init();
	loop_main(ask, &in);
	loop_done();
	return 0;
}
