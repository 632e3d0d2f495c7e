/*
 * Hostile bytes as a pack: heads, links, records, lists of pieces. The first byte chooses whether
 * the input is taken as it is or gets a valid head and CRCs, so that what lies behind them is
 * reached.
 */
#include "base/buf.h"
#include "base/must.h"
#include "store/pack_scan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void walk_list(slice content)
{
	struct piece_list list;
	struct piece p;
	if (!piece_list_parse(content, &list))
		return;
	uint64_t sum = 0;
	while (piece_next(&list, &p)) {
		must(p.kind != PIECE_INLINE || p.bytes.n == p.n);
		sum += p.n;
	}
	must(sum == list.size && list.left == 0);
}

static void walk_records(slice bytes, uint64_t salt)
{
	size_t at = 0, before;
	struct record r;
	slice payload;
	for (;;) {
		before = at;
		enum pack_scan_kind kind = pack_scan_step(bytes, salt, &at, &r, &payload);
		if (kind == SCAN_END)
			break;
		must(at > before && at <= bytes.n);
		if (kind != SCAN_RECORD)
			continue;
		must(payload.n == r.stored);
		if (r.type == RECORD_MESSAGE && !(r.flags & RECORD_ZSTD))
			walk_list(payload);
	}
}

/* The input cut into records of at most 300 bytes with proper heads; one may be hurt. */
static void framed(slice input, unsigned hurt)
{
	struct buf pack = BUF(16 << 20);
	uint64_t salt = 12345;
	unsigned count = 0;
	for (; input.n; count++) {
		slice content = slice_first(input, 300);
		input = slice_skip(input, content.n);
		struct record r = {.type = RECORD_MESSAGE,
			.stored = (uint32_t)content.n,
			.raw = (uint32_t)content.n,
			.offset = PACK_RECORDS_AT + pack.n,
			.crc = record_crc(salt, content)};
		char head[RECORD_HEAD_SIZE];
		record_put(&r, salt, head);
		struct record back;
		must(record_parse(slice_of(head, sizeof head), salt, &back) &&
			back.offset == r.offset);
		must(!record_parse(slice_of(head, sizeof head), salt + 1, &back));
		if (count == hurt)
			head[hurt % RECORD_HEAD_SIZE] ^= 1;
		buf_put(&pack, slice_of(head, sizeof head));
		buf_put(&pack, content);
		buf_fill(&pack, 0, record_size(&r) - RECORD_HEAD_SIZE - content.n);
		walk_list(content);
	}
	walk_records(buf_slice(&pack), salt);
	buf_done(&pack);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	if (!n)
		return 0;
	slice input = slice_of(data + 1, n - 1);
	if (data[0] & 1) {
		framed(input, data[0] >> 1);
		return 0;
	}
	struct pack_head head = {0};
	uint32_t links[PACK_LINKS_MAX];
	unsigned nlinks;
	pack_head_parse(input, &head);
	if (pack_links_parse(input, head.salt, links, &nlinks))
		must(nlinks <= PACK_LINKS_MAX);
	walk_records(input, head.salt);
	walk_list(input);
	return 0;
}
