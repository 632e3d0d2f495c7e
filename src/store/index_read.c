/*
 * Segments from their rows (index_impl.h): which there are, the words of one in order or from a word on, bytes of its streams. Used by
 * queries and merges. What does not fit together is ERR_TEMP.
 */
#include "store/index_impl.h"

static int read_segments(struct sql_stmt *s, bool whole, struct arena *a, struct index_segment **v,
	size_t *n, struct err *e)
{
	size_t cap = 0;
	int r;
	while ((r = sql_step(s, e)) > 0) {
		if (*n == cap) {
			struct index_segment *more =
				ARENA_ARRAY(a, struct index_segment, cap = cap ? 2 * cap : 16);
			if (*n)
				memcpy(more, *v, *n * sizeof *more);
			*v = more;
		}
		int64_t emails = sql_int(s, 4);
		if (emails < 0 || emails > INDEX_SEGMENT_EMAILS_MAX) {
			sql_reset(s);
			return index_damaged(e, "emails of a segment");
		}
		struct index_segment *g = &(*v)[(*n)++];
		*g = (struct index_segment){.id = sql_int(s, 0),
			.level = (unsigned)sql_int(s, 1),
			.first_email = sql_int(s, 2),
			.last_email = sql_int(s, 3),
			.emails = (uint32_t)emails,
			.bytes = (uint64_t)sql_int(s, 5),
			.text_bytes = (uint64_t)sql_int(s, 6)};
		if (whole) {
			g->docs = arena_dup(a, sql_text(s, 7));
			g->inlined = arena_dup(a, sql_text(s, 8));
		}
	}
	return r;
}

#define SOME "SELECT id, level, first_email, last_email, emails, bytes, text_bytes"
#define ALL SOME ", docs, inlined"
#define LIVE " FROM segment WHERE account_id = $1 AND state = 0 ORDER BY first_email DESC"
#define INTO " FROM segment WHERE account_id = $1 AND goal = $2 ORDER BY first_email DESC"

int index_segments(struct sql *db, int64_t account_id, bool whole, struct arena *a,
	struct index_segment **ret, size_t *ret_n, struct err *e)
{
	struct sql_stmt *s = whole ? sql_prepare(db, ALL LIVE, e) : sql_prepare(db, SOME LIVE, e);
	if (!s)
		return -1;
	sql_bind_int(s, 1, account_id);
	*ret = NULL;
	*ret_n = 0;
	return read_segments(s, whole, a, ret, ret_n, e) < 0 ? -1 : 0;
}

int index_segments_into(struct sql *db, int64_t account_id, int64_t goal, struct arena *a,
	struct index_segment **ret, size_t *ret_n, struct err *e)
{
	struct sql_stmt *s = sql_prepare(db, ALL INTO, e);
	if (!s)
		return -1;
	sql_bind_int(s, 1, account_id);
	sql_bind_int(s, 2, goal);
	*ret = NULL;
	*ret_n = 0;
	return read_segments(s, true, a, ret, ret_n, e) < 0 ? -1 : 0;
}

/* ---- a segment ---- */

int index_reader_open(struct index_reader *r, struct sql *db, int64_t account_id,
	const struct index_segment *seg, bool keep, struct err *e)
{
	*r = (struct index_reader){
		.db = db, .account_id = account_id, .seg = seg, .keep = keep, .words.keep = keep};
	for (int i = 0; i < INDEX_STREAMS; i++)
		r->chunk[i].raw.limit = r->chunk[i].row.limit = INDEX_RAW_MAX;
	if (!seg->inlined.n)
		return 0;
	struct cur c = cur_of(seg->inlined);
	for (int i = 0; i < INDEX_STREAMS; i++) {
		r->inlined[i] = cur_str(&c);
		if (i && cur_ok(&c) &&
			index_unpack((enum index_stream)i, r->inlined[i], &r->chunk[i].raw, e))
			return -1;
	}
	return cur_ok(&c) ? 0 : index_damaged(e, "small segment");
}

void index_reader_close(struct index_reader *r)
{
	index_words_close(&r->words);
	for (int i = 0; i < INDEX_STREAMS; i++) {
		buf_done(&r->chunk[i].raw);
		buf_done(&r->chunk[i].row);
	}
}

/* The row of a stream at or before `key`, or behind it. 1, 0, -1; the caller resets *ret. */
static int find_row(struct index_reader *r, enum index_stream st, slice key, bool behind,
	struct sql_stmt **ret, struct err *e)
{
	struct sql_stmt *s = behind ? sql_prepare(r->db,
					      "SELECT first, data FROM block WHERE account_id = $1 "
					      "AND segment = $2 AND kind = $3"
					      " AND first > $4 ORDER BY first LIMIT 1",
					      e)
				    : sql_prepare(r->db,
					      "SELECT first, data FROM block WHERE account_id = $1 "
					      "AND segment = $2 AND kind = $3"
					      " AND first <= $4 ORDER BY first DESC LIMIT 1",
					      e);
	if (!s)
		return -1;
	sql_bind_int(s, 1, r->account_id);
	sql_bind_int(s, 2, r->seg->id);
	sql_bind_int(s, 3, st);
	sql_bind_blob(s, 4, key);
	*ret = s;
	return sql_step(s, e);
}

static int take_block(struct index_reader *r, struct sql_stmt *s, bool entries, struct err *e)
{
	slice first = sql_text(s, 0);
	if (!first.n || first.n > INDEX_WORD_MAX) {
		sql_reset(s);
		return index_damaged(e, "key of a block");
	}
	memcpy(r->block, first.p, first.n);
	r->block_n = first.n;
	int failed = index_words_open(&r->words, sql_text(s, 1), entries, e);
	sql_reset(s);
	return failed;
}

int index_reader_seek(struct index_reader *r, slice word, bool entries, struct err *e)
{
	struct sql_stmt *s;
	r->at_end = false;
	if (r->seg->inlined.n)
		return index_words_open(&r->words, r->inlined[INDEX_WORD_STREAM], entries, e);
	int found = find_row(r, INDEX_WORD_STREAM, word, false, &s, e);
	if (!found)
		found = find_row(r, INDEX_WORD_STREAM, word, true, &s, e);
	if (found == 1)
		return take_block(r, s, entries, e);
	r->at_end = true;
	return found;
}

int index_reader_next(struct index_reader *r, bool entries, struct err *e)
{
	struct sql_stmt *s;
	if (r->at_end)
		return 0;
	while (!index_words_next(&r->words)) {
		if (r->words.bad)
			return index_damaged(e, "words");
		int found = r->seg->inlined.n
				    ? 0
				    : find_row(r, INDEX_WORD_STREAM, slice_of(r->block, r->block_n),
					      true, &s, e);
		r->at_end = found != 1;
		if (found != 1)
			return found;
		if (take_block(r, s, entries, e))
			return -1;
	}
	return 1;
}

/* ---- streams ---- */

static int load_row(struct index_reader *r, enum index_stream st, uint64_t at, struct err *e)
{
	char key[8];
	struct sql_stmt *s;
	struct buf *row = &r->chunk[st].row;
	for (int i = 0; i < 8; i++)
		key[i] = (char)(at >> (56 - 8 * i));
	buf_reset(row);
	int found = r->seg->inlined.n ? 0 : find_row(r, st, slice_of(key, 8), false, &s, e);
	if (found != 1)
		return found < 0 ? -1 : index_damaged(e, "missing block");
	struct cur c = cur_of(sql_text(s, 0));
	r->chunk[st].row_from = cur_u64(&c);
	buf_put(row, sql_text(s, 1));
	sql_reset(s);
	r->chunk[st].row_to = r->chunk[st].row_from;
	for (struct cur p = cur_of(buf_slice(row)); cur_ok(&c) && cur_ok(&p) && !cur_at_end(&p);) {
		struct cur piece = cur_of(cur_str(&p));
		cur_u8(&piece);
		r->chunk[st].row_to += cur_u32(&piece); /* index_pack.c */
	}
	return buf_ok(row) && cur_ok(&c) ? 0 : index_damaged(e, "length of a block");
}

/* The piece of a row that has that byte. All but the last are of INDEX_PIECE_RAW bytes. */
static int load_piece(struct index_reader *r, enum index_stream st, uint64_t at, struct err *e)
{
	struct buf *raw = &r->chunk[st].raw;
	buf_reset(raw);
	if (!r->chunk[st].row.n || at < r->chunk[st].row_from || at >= r->chunk[st].row_to)
		if (load_row(r, st, at, e))
			return -1;
	uint64_t i = (at - r->chunk[st].row_from) / INDEX_PIECE_RAW;
	struct cur c = cur_of(buf_slice(&r->chunk[st].row));
	slice piece = cur_str(&c);
	for (uint64_t k = 0; k < i && cur_ok(&c); k++)
		piece = cur_str(&c);
	if (!cur_ok(&c)) {
		buf_reset(&r->chunk[st].row);
		return index_damaged(e, "pieces of a block");
	}
	r->chunk[st].from = r->chunk[st].row_from + i * INDEX_PIECE_RAW;
	if (!(r->keep ? index_unpack_kept : index_unpack)(st, piece, raw, e))
		return 0;
	buf_reset(raw);
	return -1;
}

int index_reader_bytes(struct index_reader *r, enum index_stream st, uint64_t at, uint64_t n,
	struct buf *out, struct err *e)
{
	while (n) {
		uint64_t from = r->chunk[st].from, have = r->chunk[st].raw.n;
		if (at < from || at >= from + have) {
			if (load_piece(r, st, at, e))
				return -1;
			from = r->chunk[st].from;
			have = r->chunk[st].raw.n;
			if (at < from || at >= from + have)
				return index_damaged(e, "gap between blocks");
		}
		uint64_t k = from + have - at < n ? from + have - at : n;
		buf_put(out, slice_of(r->chunk[st].raw.p + (at - from), k));
		at += k;
		n -= k;
	}
	return buf_ok(out) ? 0 : index_damaged(e, "length of a list");
}
