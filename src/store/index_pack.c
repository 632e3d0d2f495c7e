/*
 * Blocks of the index packed and unpacked (index_impl.h). Streams of numbers are taken apart first: the low bytes of numbers, their
 * high bytes, and of lists of emails how often, go to planes of their own, each of which zstd packs better than their mixture (by a
 * tenth). What is read may be damaged: every length is checked.
 *
 *	u8 how, u32 bytes		then those bytes (PLAIN)
 *	PLANES: for each plane		u32 bytes before, u32 bytes packed; then the packed planes (as many bytes: not packed)
 */
#include "store/index_impl.h"

#include <zstd.h>

enum { WORTH = 64 /* bytes; smaller blocks are not compressed */ };
enum { PLAIN, PLANES };
enum { PLANE_NUMBERS, PLANE_TIMES, PLANE_HIGH, PLANES_MAX };

int index_damaged(struct err *e, const char *what)
{
	return err_set(e, ERR_TEMP, "the search index is damaged (%s)", what);
}

/* Contexts take longer to make than a small block to compress. */
static ZSTD_CCtx *compressor(void)
{
	static _Thread_local ZSTD_CCtx *c;
	if (!c)
		c = ZSTD_createCCtx();
	return c;
}

static ZSTD_DCtx *decompressor(void)
{
	static _Thread_local ZSTD_DCtx *d;
	if (!d)
		d = ZSTD_createDCtx();
	return d;
}

/* To which plane the next byte belongs. A block may begin within a list: then the guess is wrong for a while, on both sides alike. */
struct plane_at {
	unsigned next, current;
	bool docs;
	bool once; /* of the number at hand: no times follow */
};

static inline void plane_step(struct plane_at *p, unsigned char c)
{
	if (p->next != PLANE_HIGH) {
		p->current = p->next;
		p->once = c & 1;
	}
	if (c >= 0x80)
		p->next = PLANE_HIGH;
	else
		p->next = p->docs && p->current == PLANE_NUMBERS && !p->once ? PLANE_TIMES
									     : PLANE_NUMBERS;
}

static void split(enum index_stream s, slice raw, char *planes[PLANES_MAX], size_t n[PLANES_MAX])
{
	struct plane_at at = {.docs = s == INDEX_DOC_STREAM};
	if (s == INDEX_WORD_STREAM) {
		memcpy(planes[0], raw.p, raw.n);
		n[0] = raw.n;
		return;
	}
	for (size_t i = 0; i < raw.n; i++) {
		unsigned p = at.next;
		planes[p][n[p]++] = raw.p[i];
		plane_step(&at, (unsigned char)raw.p[i]);
	}
}

/* ---- and together again: bytes by the million, so with care ---- */

struct joining {
	const char *p[PLANES_MAX], *end[PLANES_MAX];
	char *to, *to_end;
};

/* Numbers of one byte, eight at a time, as long as there are eight of them. */
static void join_low(struct joining *j)
{
	while (j->end[PLANE_NUMBERS] - j->p[PLANE_NUMBERS] >= 8 && j->to_end - j->to >= 8) {
		uint64_t v;
		memcpy(&v, j->p[PLANE_NUMBERS], 8);
		if (v & 0x8080808080808080u)
			return;
		memcpy(j->to, &v, 8);
		j->to += 8;
		j->p[PLANE_NUMBERS] += 8;
	}
}

/* Up to eight numbers of one or two bytes, with how often if that is one byte. What comes next is as good as random, so there is no branch for
 * it: all bytes that may follow are written, and those that do are passed. False: it stands at something longer, or near an end. The
 * byte behind the planes may be read. */
static bool join_short(struct joining *j, bool docs)
{
	const char *number = j->p[PLANE_NUMBERS], *times = j->p[PLANE_TIMES],
		   *high = j->p[PLANE_HIGH];
	char *to = j->to;
	int left = 8;
	for (; left && number < j->end[PLANE_NUMBERS] && j->to_end - to >= 3; left--) {
		unsigned char c = (unsigned char)*number, h = (unsigned char)*high,
			      k = (unsigned char)*times;
		unsigned two = c >> 7, often = docs & ~c & 1u;
		if ((two & ((high == j->end[PLANE_HIGH]) | h >> 7)) |
			(often & ((times == j->end[PLANE_TIMES]) | k >> 7)))
			break;
		to[0] = (char)c;
		to[1] = (char)h;
		to += 1 + two;
		to[0] = (char)k;
		to += often;
		number++;
		high += two;
		times += often;
	}
	j->p[PLANE_NUMBERS] = number;
	j->p[PLANE_TIMES] = times;
	j->p[PLANE_HIGH] = high;
	j->to = to;
	return !left;
}

/* One number of a plane; false: the plane is at its end. Less than a number where the block ends. */
static bool join_number(struct joining *j, unsigned plane)
{
	if (j->p[plane] == j->end[plane])
		return false;
	unsigned char c = (unsigned char)(*j->to++ = *j->p[plane]++);
	while (c >= 0x80 && j->to < j->to_end) {
		if (j->p[PLANE_HIGH] == j->end[PLANE_HIGH])
			return false;
		c = (unsigned char)(*j->to++ = *j->p[PLANE_HIGH]++);
	}
	return true;
}

static bool join(enum index_stream s, const slice planes[PLANES_MAX], char *to, size_t n)
{
	struct joining j = {.to = to, .to_end = to + n};
	if (s == INDEX_WORD_STREAM) {
		if (planes[0].n == n)
			memcpy(to, planes[0].p, n);
		return planes[0].n == n;
	}
	for (int i = 0; i < PLANES_MAX; i++) {
		j.p[i] = planes[i].p;
		j.end[i] = planes[i].p + planes[i].n;
	}
	while (j.to < j.to_end) {
		if (s == INDEX_PLACE_STREAM)
			join_low(&j);
		if (join_short(&j, s == INDEX_DOC_STREAM))
			continue;
		const char *number = j.to;
		if (j.to < j.to_end && !join_number(&j, PLANE_NUMBERS))
			return false;
		if (s == INDEX_DOC_STREAM && !(*number & 1) && j.to < j.to_end &&
			!join_number(&j, PLANE_TIMES))
			return false;
	}
	return true;
}

static size_t pack_plane(slice plane, int level, struct buf *out)
{
	size_t bound = ZSTD_compressBound(plane.n);
	char *to = plane.n >= WORTH ? buf_room(out, bound) : NULL;
	size_t n =
		to ? ZSTD_compressCCtx(compressor(), to, bound, plane.p, plane.n, level) : plane.n;
	if (ZSTD_isError(n) || n >= plane.n) {
		buf_put(out, plane);
		return plane.n;
	}
	buf_commit(out, n);
	return n;
}

void index_pack(enum index_stream s, slice raw, int level, struct buf *out)
{
	size_t start = out->n, n[PLANES_MAX] = {0};
	buf_u8(out, PLANES);
	buf_u32(out, (uint32_t)raw.n);
	AUTO(free) char *bytes = mem_alloc(PLANES_MAX * raw.n + 1);
	char *planes[PLANES_MAX] = {bytes, bytes + raw.n, bytes + 2 * raw.n};
	split(s, raw, planes, n);
	size_t head = out->n;
	buf_fill(out, 0, 8 * PLANES_MAX);
	for (size_t i = 0; i < PLANES_MAX; i++) {
		index_put_u32_at(out, head + 8 * i, (uint32_t)n[i]);
		index_put_u32_at(out, head + 8 * i + 4,
			(uint32_t)pack_plane(slice_of(planes[i], n[i]), level, out));
	}
	if (!buf_ok(out) || out->n - start < raw.n + 5)
		return;
	out->n = start; /* it did not pay */
	buf_u8(out, PLAIN);
	buf_u32(out, (uint32_t)raw.n);
	buf_put(out, raw);
}

static int unpack_planes(enum index_stream s, struct cur *c, size_t n, char *to, struct err *e)
{
	AUTO(free) char *bytes = mem_alloc(n + 1);
	slice planes[PLANES_MAX];
	size_t raw[PLANES_MAX], packed[PLANES_MAX], sum = 0;
	for (size_t i = 0; i < PLANES_MAX; i++) {
		raw[i] = cur_u32(c);
		packed[i] = cur_u32(c);
	}
	for (size_t i = 0; i < PLANES_MAX; i++) {
		slice in = cur_bytes(c, packed[i]);
		if (!cur_ok(c) || raw[i] > n - sum || in.n > raw[i])
			return index_damaged(e, "planes of a block");
		planes[i] = slice_of(bytes + sum, raw[i]);
		if (in.n == raw[i])
			memcpy(bytes + sum, in.n ? in.p : "", in.n);
		else if (ZSTD_decompressDCtx(decompressor(), bytes + sum, raw[i], in.p, in.n) !=
			 raw[i])
			return index_damaged(e, "bytes of a block");
		sum += raw[i];
	}
	return sum == n && join(s, planes, to, n) ? 0 : index_damaged(e, "planes of a block");
}

int index_unpack(enum index_stream s, slice block, struct buf *out, struct err *e)
{
	struct cur c = cur_of(block);
	uint8_t how = cur_u8(&c);
	size_t n = cur_u32(&c);
	char *to = cur_ok(&c) && n <= INDEX_RAW_MAX ? buf_room(out, n) : NULL;
	if (!to)
		return n || !cur_ok(&c) ? index_damaged(e, "length of a block") : 0;
	if (how == PLANES) {
		if (unpack_planes(s, &c, n, to, e))
			return -1;
	} else {
		slice body = cur_rest(&c);
		if (how != PLAIN || body.n != n)
			return index_damaged(e, "length of a block");
		memcpy(to, body.n ? body.p : "", n);
	}
	buf_commit(out, n);
	return 0;
}
