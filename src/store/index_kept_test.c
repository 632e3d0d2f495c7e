/* Unpacked blocks that are kept: the same bytes as from unpacking, never those of another block, and not more than there is room for. */
#include "store/index_impl.h"

#include "base/test.h"

enum { NUMBERS = 6000, BLOCKS = 3500 };

/* Lists of numbers that are packed; others for each i. */
static void make_block(enum index_stream s, uint32_t i, struct buf *raw, struct buf *packed)
{
	buf_reset(raw);
	buf_reset(packed);
	for (uint32_t k = 0; k < NUMBERS; k++)
		index_put(raw, (k * (i + 3)) % 8191 << 1 | (s == INDEX_DOC_STREAM));
	index_pack(s, buf_slice(raw), INDEX_PACK_FAST, packed);
}

TEST(index_keeps_what_it_unpacked)
{
	AUTO(buf) struct buf raw = BUF(INDEX_RAW_MAX), packed = BUF(INDEX_RAW_MAX);
	AUTO(buf) struct buf out = BUF(INDEX_RAW_MAX);
	struct err e;
	for (uint32_t i = 0; i < 2 * BLOCKS; i++) {
		enum index_stream s = i % 2 ? INDEX_DOC_STREAM : INDEX_PLACE_STREAM;
		make_block(s, i % BLOCKS, &raw, &packed);
		for (int again = 0; again < 2; again++) {
			buf_reset(&out);
			OK(index_unpack_kept(s, buf_slice(&packed), &out, &e));
			CHECK(slice_eq(buf_slice(&out), buf_slice(&raw)));
		}
		CHECK(index_kept_bytes() >= raw.n && index_kept_bytes() <= INDEX_KEPT_MAX);
	}
	CHECK(index_kept_bytes() > INDEX_KEPT_MAX / 2);
}

TEST(index_keeps_nothing_of_damaged_blocks)
{
	AUTO(buf) struct buf raw = BUF(INDEX_RAW_MAX), packed = BUF(INDEX_RAW_MAX);
	AUTO(buf) struct buf out = BUF(INDEX_RAW_MAX), other = BUF(INDEX_RAW_MAX);
	struct err e;
	make_block(INDEX_PLACE_STREAM, BLOCKS, &raw, &packed);
	OK(index_unpack_kept(INDEX_PLACE_STREAM, buf_slice(&packed), &out, &e));
	for (size_t i = 0; i < packed.n; i++) {
		buf_reset(&out);
		buf_reset(&other);
		packed.p[i] ^= 1;
		int kept = index_unpack_kept(INDEX_PLACE_STREAM, buf_slice(&packed), &out, &e);
		int direct = index_unpack(INDEX_PLACE_STREAM, buf_slice(&packed), &other, &e);
		CHECK(kept == direct && (kept || slice_eq(buf_slice(&out), buf_slice(&other))));
		packed.p[i] ^= 1;
	}
}
