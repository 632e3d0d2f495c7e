/*
 * A peer that says anything at all. The first byte chooses the mail and the configuration, the rest
 * is what the peer says; whatever it is, every recipient has a verdict, and nobody counts as
 * delivered without a 2xx reply that came last.
 */
#include "base/mem.h"
#include "base/must.h"
#include "proto/smtpc/smtpc.h"
#include "run/loop.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static int next_piece(void *arg, slice *ret, struct err *e)
{
	int *left = arg;
	(void)e;
	*ret = S(".x\r\n");
	return (*left)-- > 0;
}

static void check_result(const struct smtpc_result *r)
{
	must(r->status.cls >= 2 && r->status.cls <= 5);
	must((r->kind == SMTPC_OK) == (r->status.cls == 2));
	if (r->kind == SMTPC_OK)
		must(r->code / 100 == 2 && r->stage == SMTPC_AT_END);
	for (size_t i = 0; i < r->text.n; i++)
		must((unsigned char)r->text.p[i] >= ' ');
}

static void send_one(struct smtpc *s, unsigned choice)
{
	AUTO(arena) struct arena a = {0};
	struct smtpc_rcpt rcpts[] = {
		{.address = S("a@b.test"), .orcpt = S("rfc822;x@y"), .notify = choice & 15},
		{.address = S("驿@b.test")}, {.address = S("c@d.test")}};
	struct smtpc_result r[3];
	struct smtpc_sent sent;
	int pieces = choice & 3;
	struct smtpc_mail m = {.sender = S("s@a.test"),
		.flags = choice & 1   ? SMTPC_8BIT
			 : choice & 2 ? SMTPC_BINARY
				      : 0,
		.size = choice & 4 ? 4 * (uint64_t)pieces : 0,
		.rcpts = rcpts,
		.nrcpts = 3};
	smtpc_send(s, &m, (struct smtpc_body){next_piece, &pieces}, &a, r, &sent);
	for (int i = 0; i < 3; i++)
		check_result(&r[i]);
}

struct input {
	slice said;
	unsigned choice;
};

static void session(void *arg)
{
	struct input *in = arg;
	AUTO(arena) struct arena a = {0};
	struct smtpc_config cfg = {
		.helo = S("me.test"), .lmtp = in->choice & 8, .auth_plaintext = true};
	struct smtpc_result probe;
	struct smtpc *s;
	struct err e;
	if (in->choice & 16)
		cfg.auth_user = cfg.auth_password.value = S("user");
	if (smtpc_open(io_mem(in->said, NULL), &cfg, &s, &e) == 0) {
		for (int i = 0; i < 3 && smtpc_usable(s); i++)
			send_one(s, in->choice);
		if (in->choice & 32 && smtpc_usable(s))
			smtpc_probe(s, S(""), S("p@b.test"), &a, &probe);
		send_one(s, in->choice);
	} else {
		check_result(smtpc_failure(s));
		send_one(s, in->choice);
	}
	if (in->choice & 64)
		smtpc_quit(s);
	else
		smtpc_close(s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	if (n == 0)
		return 0;
	struct input in = {slice_of(data + 1, n - 1), data[0]};
	loop_init();
	loop_main(session, &in);
	loop_done();
	return 0;
}
