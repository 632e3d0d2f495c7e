/*
 * Whole sessions from memory on a small real store: whatever a client says, the session ends, and what it hears has the form of
 * answers: lines that begin with "* ", "+ " or a tag, literals as long as they are announced. The first byte chooses: logged in,
 * a folder selected, what is enabled.
 */
#include "proto/imap/testing.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static struct world *w;

static void remove_world(void)
{
	auto_testdir(&w->dir);
}

static void open_world(void)
{
	if (access("/dev/shm", W_OK) == 0)
		setenv("TMPDIR", "/dev/shm", 0);
	w = imap_world();
	atexit(remove_world);
	served.limits.bad_commands = 100;
	served.limits.messages = 1000;
	for (int i = 0; i < 3; i++)
		world_deliver(w, S("INBOX"),
			S("Subject: one\r\nFrom: A <a@b.test>\r\nMIME-Version: 1.0\r\n"
			  "Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n\r\ntext\r\n"
			  "--x\r\nContent-Type: text/html\r\nContent-Transfer-Encoding: "
			  "base64\r\n\r\n"
			  "PGI+\r\n--x--\r\n"));
}

struct run {
	struct io *io;
	struct buf in, out;
};

static void serve(void *arg)
{
	struct run *r = arg;
	struct net_addr peer = {0};
	imap_serve(&world_hub, r->io, &served, &world_ops, w, &peer);
	boxes_drain(w->boxes);
}

static void begin(struct run *r, unsigned how)
{
	if (how & 1)
		buf_put(&r->in, S("l LOGIN alice secret\r\n"));
	if ((how & 3) == 3)
		buf_put(&r->in, S("s SELECT INBOX\r\n"));
	if ((how & 5) == 5)
		buf_put(&r->in, S("e ENABLE QRESYNC\r\n"));
	if ((how & 9) == 9)
		buf_put(&r->in, S("e ENABLE IMAP4rev2\r\n"));
	if ((how & 17) == 17)
		buf_put(&r->in, S("e ENABLE UIDONLY\r\n"));
}

/* Bytes of the literal that a line announces; SIZE_MAX: none. */
static size_t announced(slice line)
{
	uint64_t n;
	size_t open = slice_rindex(line, '{');
	if (!slice_ends(line, S("}")) || open == line.n ||
		!slice_u64(slice_of(line.p + open + 1, line.n - open - 2), &n))
		return SIZE_MAX;
	return n;
}

static void check_form(slice out)
{
	while (out.n > 0) {
		must(slice_starts(out, S("* ")) || slice_starts(out, S("+ ")) ||
			slice_index(out, ' ') < slice_index(out, '\r'));
		for (;;) {
			size_t end = slice_find(out, S("\r\n"));
			must(end < out.n);
			size_t literal = announced(slice_first(out, end));
			out = slice_skip(out, end + 2);
			if (literal == SIZE_MAX)
				break;
			must(literal < out.n);
			out = slice_skip(out, literal);
		}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	if (!w)
		open_world();
	struct run r = {.in = BUF(1 << 20), .out = BUF(64 << 20)};
	begin(&r, n ? data[0] : 0);
	if (n)
		buf_put(&r.in, slice_of(data + 1, n - 1));
	r.io = io_mem(buf_slice(&r.in), &r.out);
	w->sum.end = NULL;
	loop_main(serve, &r);
	must(w->sum.end && world_hub.n == 0);
	must(slice_starts(buf_slice(&r.out), S("* OK [CAPABILITY ")));
	check_form(buf_slice(&r.out));
	buf_done(&r.in);
	buf_done(&r.out);
	return 0;
}
