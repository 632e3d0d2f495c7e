/*
 * DATA: a stream cut into chunks gives what it gives whole, and what a plain byte-by-byte model
 * gives; what is stuffed comes back. The first byte chooses the cuts.
 */
#include "base/buf.h"
#include "base/mem.h"
#include "base/must.h"
#include "codec/smtp_data.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

enum { LIMIT = 1 << 24 };

/* Mostly a few bytes, now and then more than any window. */
static size_t chunk_size(unsigned random)
{
	return 1 + (random >> 16) % (random & 0x80 ? 9000 : 40);
}

/* RFC 5321 4.5.2 as simply as it can be said. */
static bool model(slice in, struct buf *out, size_t *ret_used)
{
	size_t i = 0;
	bool at_start = true;
	while (i < in.n) {
		slice rest = slice_skip(in, i);
		if (at_start && slice_starts(rest, S(".\r\n"))) {
			*ret_used = i + 3;
			return true;
		}
		if (at_start && in.p[i] == '.' && ++i == in.n)
			break;
		at_start = in.p[i] == '\n' && i > 0 && in.p[i - 1] == '\r';
		buf_byte(out, in.p[i++]);
	}
	return false;
}

static bool receive(slice in, unsigned seed, struct buf *out, struct smtp_data *d, size_t *ret_used)
{
	slice rest = in, run;
	smtp_data_init(d);
	while (rest.n) {
		seed = seed * 1103515245 + 12345;
		slice chunk = slice_first(rest, chunk_size(seed));
		size_t fed = chunk.n;
		enum smtp_data_step step;
		while ((step = smtp_data_next(d, &chunk, &run)) == SMTP_DATA_RUN) {
			must(run.n > 0);
			buf_put(out, run);
		}
		rest = slice_skip(rest, fed - chunk.n);
		*ret_used = in.n - rest.n;
		if (step == SMTP_DATA_END)
			return true;
		must(chunk.n == 0);
	}
	return false;
}

/* The counters, counted again from the content. */
static void check_counters(const struct smtp_data *d, slice s)
{
	uint64_t cr = 0, lf = 0, pairs = 0, line = 0, longest = 0;
	bool high = false, nul = false;
	for (size_t i = 0; i < s.n; i++) {
		bool pair = s.p[i] == '\r' && i + 1 < s.n && s.p[i + 1] == '\n';
		cr += s.p[i] == '\r';
		lf += s.p[i] == '\n';
		high |= (s.p[i] & 0x80) != 0;
		nul |= s.p[i] == 0;
		if (!pair) {
			line++;
			longest = line > longest ? line : longest;
			continue;
		}
		pairs++;
		line = 0;
		lf++;
		i++;
	}
	must(d->bytes == s.n && d->lines == pairs && d->bare_cr == cr - pairs &&
		d->bare_lf == lf - pairs);
	must(d->has_8bit == high && d->has_nul == nul && d->longest_line == longest);
}

static void check_receiving(slice in, unsigned seed)
{
	AUTO(buf) struct buf whole = BUF(LIMIT), cut = BUF(LIMIT);
	struct smtp_data d;
	size_t used_model = in.n, used = 0;
	bool ended = model(in, &whole, &used_model);
	must(receive(in, seed, &cut, &d, &used) == ended);
	if (!ended)
		return; /* a held-back CR is not out yet */
	must(used == used_model && slice_eq(buf_slice(&whole), buf_slice(&cut)));
	check_counters(&d, buf_slice(&cut));
	struct smtp_data bdat;
	smtp_data_init(&bdat);
	smtp_data_count(&bdat, buf_slice(&cut));
	smtp_data_finish(&bdat);
	check_counters(&bdat, buf_slice(&cut));
	must(bdat.received == d.received && bdat.header_bytes == d.header_bytes &&
		bdat.in_header == d.in_header);
}

/* What a client sends for any content is clean, ends once, and comes back with line ends mended. */
static void check_sending(slice in, unsigned seed)
{
	AUTO(buf) struct buf sent = BUF(LIMIT), back = BUF(LIMIT);
	struct smtp_stuff s;
	struct smtp_data d;
	slice rest = in, run;
	size_t used = 0;
	unsigned cuts = seed;
	smtp_stuff_init(&s);
	while (rest.n) {
		cuts = cuts * 1103515245 + 12345;
		slice chunk = slice_first(rest, chunk_size(cuts));
		rest = slice_skip(rest, chunk.n);
		while (smtp_stuff_next(&s, &chunk, &run)) {
			must(run.n > 0);
			buf_put(&sent, run);
		}
	}
	buf_put(&sent, smtp_stuff_end(&s));
	must(receive(buf_slice(&sent), seed, &back, &d, &used) && used == sent.n);
	must(d.bare_cr == 0 && d.bare_lf == 0);
	if (s.mended == 0 && (in.n == 0 || slice_ends(in, S("\r\n"))))
		must(slice_eq(buf_slice(&back), in));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	if (n == 0)
		return 0;
	slice in = slice_of(data + 1, n - 1);
	check_receiving(in, data[0]);
	check_sending(in, data[0]);
	return 0;
}
