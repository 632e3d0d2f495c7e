/*
 * A server that says anything at all. The first byte chooses how far the session begins in order; then it is asked for everything. It ends,
 * whatever comes, and nothing is handed on that was not asked for.
 */
#include "proto/imapc/imapc.h"

#include "base/mem.h"
#include "base/must.h"
#include "run/loop.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static bool open_message;

static int on_message(void *arg, const struct imapc_message *m, struct err *e)
{
	(void)arg, (void)e;
	must(m->uid && m->received_at >= 0);
	return 0;
}

static int on_begin(void *arg, uint32_t uid, uint64_t size, struct err *e)
{
	(void)arg, (void)e, (void)size;
	must(!open_message && uid >= 1 && uid <= 3);
	open_message = uid != 2;
	return uid == 2;
}

static int on_bytes(void *arg, slice piece, struct err *e)
{
	(void)arg, (void)e;
	must(open_message && piece.n);
	return 0;
}

static int on_end(void *arg, struct err *e)
{
	(void)arg, (void)e;
	must(open_message);
	open_message = false;
	return 0;
}

static void on_lost(void *arg, uint32_t uid, const char *why)
{
	(void)arg;
	must(uid >= 1 && uid <= 3 && why);
}

static void everything(struct imapc *s)
{
	static const uint32_t uids[] = {1, 2, 3};
	const struct imapc_sink sink = {on_begin, on_bytes, on_end, on_lost, NULL};
	AUTO(arena) struct arena a = {0};
	AUTO(uidset) struct uidset some = {0};
	struct imapc_folder *v;
	struct imapc_selected b;
	struct err e;
	size_t n;
	uidset_add(&some, 1, 2);
	if (imapc_list(s, &a, &v, &n, &e) == 0)
		for (size_t i = 1; i < n; i++)
			must(slice_cmp(v[i - 1].name, v[i].name) < 0);
	imapc_select(s, S("INBOX"), false, &b, &e);
	imapc_scan(s, 1, on_message, NULL, &e);
	imapc_fetch(s, uids, 3, &sink, &e);
	open_message = false;
	imapc_select(s, S("\xe4\xb8\xad"), true, &b, &e);
	imapc_delete(s, &some, &e);
}

struct input {
	slice said;
	unsigned choice;
};

static void session(void *arg)
{
	struct input *in = arg;
	const struct remote cfg = {.tls = REMOTE_TLS_NEVER,
		.user = S("ann"),
		.as = in->choice & 1 ? S("bob") : S(""),
		.password = {S("secret")},
		.mech = (enum remote_mech)(in->choice / 2 % 5)};
	struct imapc *s;
	struct err e;
	if (imapc_open(io_mem(in->said, NULL), &cfg, &s, &e) < 0)
		return;
	everything(s);
	imapc_logout(s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static const char start[] =
		"* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN SASL-IR LITERAL+ CONDSTORE UIDPLUS] hi\r\n"
		"A1 OK [CAPABILITY IMAP4rev1 NAMESPACE XLIST LITERAL+ CONDSTORE UIDPLUS] in\r\n";
	AUTO(buf) struct buf all = BUF(4 << 20);
	if (n == 0)
		return 0;
	if (data[0] & 128)
		buf_put(&all, slice_z(start));
	buf_put(&all, slice_of(data + 1, n - 1));
	struct input in = {buf_slice(&all), data[0] & 128 ? 0 : data[0] & 15};
	loop_init();
	loop_main(session, &in);
	loop_done();
	return 0;
}
