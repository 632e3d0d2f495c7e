/* A POP3 server that says anything at all: the session ends, and lists are in order. */
#include "proto/pop3c/pop3c.h"

#include "base/mem.h"
#include "base/must.h"
#include "run/loop.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

struct input {
	slice said;
	unsigned choice;
	unsigned pieces;
};

static int on_bytes(void *arg, slice piece, struct err *e)
{
	struct input *in = arg;
	(void)e;
	must(piece.n);
	return in->pieces++ > 3;
}

static void session(void *arg)
{
	struct input *in = arg;
	AUTO(arena) struct arena a = {0};
	const struct remote cfg = {.tls = REMOTE_TLS_NEVER,
		.user = S("ann"),
		.password = {S("secret")},
		.mech = (enum remote_mech)(in->choice % 5)};
	struct pop3c *s;
	struct pop3c_message *v;
	struct err e;
	size_t n = 0;
	if (pop3c_open(io_mem(in->said, NULL), &cfg, &s, &e) < 0)
		return;
	if (pop3c_list(s, &a, &v, &n, &e) < 0)
		n = 0;
	for (size_t i = 0; i < n && i < 10 && pop3c_usable(s); i++) {
		must(i == 0 || v[i - 1].n < v[i].n);
		pop3c_fetch(s, v[i].n, on_bytes, in, &e);
		pop3c_delete(s, v[i].n, &e);
	}
	pop3c_quit(s, &e);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	if (n == 0)
		return 0;
	struct input in = {slice_of(data + 1, n - 1), data[0], 0};
	loop_init();
	loop_main(session, &in);
	loop_done();
	return 0;
}
