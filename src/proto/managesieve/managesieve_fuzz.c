/*
 * Whole sessions from memory on a small real store: whatever a client says, the session ends, and every line that is no capability, no name
 * and no script begins with OK, NO or BYE.
 */
#include "proto/managesieve/managesieve_testing.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static struct world *w;

static void remove_world(void)
{
	auto_testdir(&w->dir);
}

static struct world *world(void)
{
	if (!w) {
		w = world_open();
		atexit(remove_world);
	}
	return w;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct world *a = world();
	AUTO(buf) struct buf in = BUF(1 << 20), out = BUF(16 << 20);
	/* Half of the inputs begin behind a login. */
	if (n && data[0] & 1)
		buf_put(&in, S("AUTHENTICATE \"PLAIN\" \"AGFsaWNlAHNlIGNyZXQ=\"\r\n"));
	if (n)
		buf_put(&in, slice_of(data + 1, n - 1));
	struct session_run r = {a, io_mem(buf_slice(&in), &out), n && data[0] & 2};
	loop_main(session_run, &r);
	must(a->end[0] != 0);
	must(slice_starts(buf_slice(&out), S("\"IMPLEMENTATION\"")));
	must(slice_ends(buf_slice(&out), S("\r\n")));
	return 0;
}
