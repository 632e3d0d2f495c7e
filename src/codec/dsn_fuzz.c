/*
 * Reports from hostile facts: the header stays ours, lines stay short, parts stay parts. The
 * input's lines are the facts; what is left is the original.
 */
#include "base/mem.h"
#include "base/must.h"
#include "base/time.h"
#include "base/utf8.h"
#include "codec/dsn.h"
#include "codec/header.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static slice next_line(slice *in)
{
	slice line = {0};
	slice_cut(in, '\n', &line);
	return line;
}

/* The header that put_header() writes, and nothing that a fact smuggled in. */
static void check_header(slice message)
{
	static const slice ours[] = {S_INIT("From"), S_INIT("To"), S_INIT("Subject"),
		S_INIT("Date"), S_INIT("Message-ID"), S_INIT("In-Reply-To"), S_INIT("References"),
		S_INIT("Auto-Submitted"), S_INIT("MIME-Version"), S_INIT("Content-Type")};
	struct header_field f;
	while (header_next(&message, &f)) {
		bool known = false;
		for (size_t i = 0; i < sizeof ours / sizeof ours[0]; i++)
			known |= slice_eq(f.name, ours[i]);
		must(known);
	}
}

static unsigned count_boundaries(slice message)
{
	unsigned n = 0;
	for (slice line; slice_cut(&message, '\n', &line);)
		n += slice_starts(line, S("--=_posthouse_0DSN_0\r")) ||
		     slice_starts(line, S("--=_posthouse_0DSN_0--\r"));
	return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	slice in = slice_of(data, n);
	slice knobs = slice_first(in, 4);
	in = slice_skip(in, 4);
	if (knobs.n < 4)
		return 0;
	struct dsn_rcpt r = {.action = (enum dsn_action)((unsigned char)knobs.p[0] % 5),
		.status = {(unsigned char)knobs.p[1] % 4 + 2, (unsigned char)knobs.p[2],
			(unsigned char)knobs.p[3]},
		.last_attempt = SECOND,
		.retry_until = SECOND};
	r.address = next_line(&in);
	r.orcpt = next_line(&in);
	r.remote_mta = next_line(&in);
	r.diagnostic = next_line(&in);
	struct dsn_facts f = {.reporting_mta = S("mx.example"),
		.from = S("mailer-daemon@example"),
		.to = knobs.p[0] & 0x40 ? S("李@example") : S("li@example"),
		.id = S("0MSG"),
		.dsn_id = S("0DSN"),
		.arrived_at = SECOND,
		.now = 2 * SECOND,
		.rcpts = &r,
		.nrcpts = 1,
		.full = knobs.p[0] & 0x20};
	f.envid = next_line(&in);
	f.subject = next_line(&in);
	f.original_message_id = next_line(&in);
	f.original = in;
	AUTO(buf) struct buf out = BUF(DSN_MESSAGE_MAX);
	struct dsn_needs needs;
	must(dsn_build(&out, &f, &needs));
	check_header(buf_slice(&out));
	must(needs.eightbit || utf8_is_ascii(buf_slice(&out)));
	if (slice_find(in, S("=_posthouse")) == in.n)
		must(count_boundaries(buf_slice(&out)) == 4);
	for (slice s = buf_slice(&out), line; slice_cut(&s, '\n', &line);)
		must(line.n <= 999 && (!s.p || slice_ends(line, S("\r"))));
	return 0;
}
