/* Whatever an ICAP server may answer. The first byte says how it is asked. */
#include "proto/icap/icap.h"

#include "base/mem.h"
#include "run/loop.h"

static void ask(void *arg)
{
	slice in = *(slice *)arg;
	AUTO(arena) struct arena a = {0};
	AUTO(io) struct io *io = io_mem(slice_skip(in, 1), NULL);
	const struct icap_target t = {S("192.0.2.5:1344"), S("/scan")};
	unsigned how = in.n ? (unsigned char)in.p[0] : 0;
	const struct icap_question q = {
		.bytes = S("hello"), .reqmod = how & 1, .preview = how & 2 ? 3 : -1};
	struct icap_options o;
	struct icap_answer w;
	struct err e;
	if (how & 4)
		icap_options(io, &t, &a, &o, &e);
	else if (icap_ask(io, &t, &q, &a, &w, &e) == 0 && w.infected && !w.virus.n)
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
