/* A message on its way into memory: small, large, in pieces, cut, with something put before it. */
#include "bin/scan_letter.h"

#include "base/mem.h"
#include "base/test.h"
#include <sys/stat.h>
#include <unistd.h>

static void add(struct scan_letter *l, size_t n, size_t piece)
{
	char *bytes = mem_alloc(piece);
	for (size_t done = 0; done < n; done += piece) {
		for (size_t i = 0; i < piece; i++)
			bytes[i] = (char)('a' + (done + i) % 26);
		scan_letter_add(l, slice_of(bytes, n - done < piece ? n - done : piece));
	}
	free(bytes);
}

static void check_file(struct scan_letter *l, slice lead, size_t want)
{
	struct err e;
	struct stat st;
	uint32_t from;
	CHECK(scan_letter_file(l, lead, &from, &e) == 0);
	CHECK(fstat(l->fd, &st) == 0 && (size_t)st.st_size == from + lead.n + want);
	char *bytes = mem_alloc(want + lead.n + 1);
	CHECK(pread(l->fd, bytes, want + lead.n, from) == (ssize_t)(want + lead.n));
	CHECK(slice_eq(slice_of(bytes, lead.n), lead));
	for (size_t i = 0; i < want; i++)
		CHECK(bytes[lead.n + i] == (char)('a' + i % 26));
	free(bytes);
}

TEST(scan_letter_whatever_the_pieces)
{
	static const struct {
		size_t n, piece, limit, want;
		bool small;
	} all[] = {
		{0, 1, 1 << 20, 0, true},
		{1000, 7, 1 << 20, 1000, true},
		{SCAN_INLINE_MAX, 1000, 1 << 20, SCAN_INLINE_MAX, true},
		{SCAN_INLINE_MAX + 1, 1000, 1 << 20, SCAN_INLINE_MAX + 1, false},
		{500000, 33333, 1 << 20, 500000, false},
		{500000, 500000, 1 << 20, 500000, false},
		{300000, 999, 200000, 200000, false},
		{300, 100, 250, 250, true},
	};
	for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
		struct scan_letter l;
		scan_letter_init(&l, all[i].limit);
		add(&l, all[i].n, all[i].piece);
		CHECK_INT(l.size, all[i].n);
		CHECK_INT(scan_letter_cut(&l), all[i].n > all[i].limit);
		CHECK_INT(scan_letter_is_small(&l, S("")), all[i].small);
		check_file(&l, S(""), all[i].want);
		check_file(
			&l, S("Date: x\r\n"), all[i].want); /* and again, with something before */
		CHECK(!scan_letter_is_small(&l, S("")));
		scan_letter_done(&l);
	}
}

TEST(scan_letter_knows_who_has_begun)
{
	struct scan_letter l;
	struct err e;
	uint32_t from;
	scan_letter_init(&l, 1000);
	scan_letter_add(&l, S("x"));
	CHECK(!scan_letter_begun(&l));
	CHECK(scan_letter_file(&l, S(""), &from, &e) == 0 && !scan_letter_begun(&l));
	CHECK(pwrite(l.fd, "\1", 1, 0) == 1 && scan_letter_begun(&l));
	/* An answer behind the message goes, and the mark with it. */
	CHECK(pwrite(l.fd, "answer", 6, from + 1) == 6);
	CHECK(scan_letter_file(&l, S(""), &from, &e) == 0 && !scan_letter_begun(&l));
	struct stat st;
	CHECK(fstat(l.fd, &st) == 0 && st.st_size == from + 1);
	scan_letter_done(&l);
}
