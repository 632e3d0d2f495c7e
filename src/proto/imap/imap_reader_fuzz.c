/*
 * Commands of any bytes: each token function on each line, chosen by the line's first byte; then the rest is skipped. Must end, and
 * must not touch what is not there.
 */
#include "proto/imap/reader.h"

#include "base/mem.h"
#include "base/must.h"
#include "base/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static bool set(struct imap_reader *r)
{
	slice v;
	return imap_set(r, &v) && memchr("$*0123456789", *v.p, 12);
}

static bool strings(struct imap_reader *r)
{
	slice v;
	while (imap_nstring(r, &v) || imap_nstring8(r, &v))
		if (!imap_space(r))
			break;
	return imap_end(r);
}

static bool flags(struct imap_reader *r)
{
	unsigned f;
	slice k;
	return imap_flag_list(r, false, &f, &k) && imap_end(r);
}

static bool dates(struct imap_reader *r)
{
	int64_t t;
	return imap_date(r, &t) && imap_space(r) && imap_date_time(r, &t);
}

static bool names(struct imap_reader *r)
{
	slice v;
	if (!imap_mailbox(r, &v))
		return false;
	must(utf8_valid(v));
	return imap_space(r) && imap_list_mailbox(r, &v) && imap_end(r);
}

static bool message(struct imap_reader *r)
{
	uint64_t size, read = 0;
	bool binary;
	slice v;
	struct err e;
	int got;
	if (!imap_literal(r, &size, &binary))
		return false;
	while ((got = imap_literal_bytes(r, &v, &e)) > 0)
		read += v.n;
	must(got < 0 || read == size);
	return got == 0 && imap_end(r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static bool (*const readers[])(struct imap_reader *) = {
		set, strings, flags, dates, names, message};
	struct arena mem = {0};
	uint64_t bytes = 0;
	struct imap_reader r = {.io = io_mem(slice_of(data, n), NULL),
		.mem = &mem,
		.line_max = 2000,
		.literal_max = 1000,
		.command_max = 3000,
		.time = SECOND,
		.bytes_in = &bytes};
	for (;;) {
		r.utf8 = bytes & 1;
		if (imap_begin(&r)) {
			unsigned which = (unsigned char)imap_peek(&r) % 6u;
			r.p += r.p < r.end;
			readers[which](&r);
		}
		must(!r.bad || r.what);
		if (r.lost || !imap_skip_rest(&r))
			break;
		arena_reset(&mem);
	}
	must(bytes <= n);
	io_close(r.io);
	arena_done(&mem);
	return 0;
}
