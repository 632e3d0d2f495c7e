/*
 * Rows of a segment (index_impl.h): words come in order with their lists; full blocks become rows, and what is small altogether goes into
 * the segment's own row. Called by index_build.c and index_merge.c, in their transactions.
 */
#include "store/index_impl.h"

void index_writer_init(
	struct index_writer *w, struct sql *db, int64_t account_id, int64_t segment, int level)
{
	*w = (struct index_writer){
		.db = db, .account_id = account_id, .segment = segment, .level = level};
	for (int i = 0; i < INDEX_STREAMS; i++)
		w->stream[i].limit = (size_t)1 << 31;
	w->packed.limit = 4 * INDEX_RAW_MAX;
}

void index_writer_done(struct index_writer *w)
{
	index_words_done(&w->words);
	for (int i = 0; i < INDEX_STREAMS; i++)
		buf_done(&w->stream[i]);
	buf_done(&w->packed);
}

static int put_row(struct index_writer *w, enum index_stream s, slice first, struct err *e)
{
	if (!buf_ok(&w->packed))
		return err_set(e, ERR_BUG, "a block of the index is too large");
	w->rows = true;
	w->bytes += w->packed.n;
	int64_t n = sql_run(w->db, e,
		"INSERT INTO block (account_id, segment, kind, first, data) VALUES ($1, $2, $3, "
		"$4, $5)",
		"iiibb", w->account_id, w->segment, (int64_t)s, first, buf_slice(&w->packed));
	return n < 0 ? -1 : 0;
}

static int put_words(struct index_writer *w, struct err *e)
{
	if (!w->words.n)
		return 0;
	buf_reset(&w->packed);
	index_words_pack(&w->words, w->level, &w->packed);
	return put_row(w, INDEX_WORD_STREAM, slice_of(w->first, w->first_n), e);
}

/* n bytes of what a stream has: pieces, each behind its length. */
static int put_chunk(
	struct index_writer *w, enum index_stream s, size_t done, size_t n, struct err *e)
{
	char first[8];
	uint64_t at = w->at[s] + done;
	for (int i = 0; i < 8; i++)
		first[i] = (char)(at >> (56 - 8 * i));
	buf_reset(&w->packed);
	for (slice rest = slice_first(slice_skip(buf_slice(&w->stream[s]), done), n); rest.n;
		rest = slice_skip(rest, INDEX_PIECE_RAW)) {
		size_t head = w->packed.n;
		buf_u32(&w->packed, 0);
		index_pack(s, slice_first(rest, INDEX_PIECE_RAW), w->level, &w->packed);
		index_put_u32_at(&w->packed, head, (uint32_t)(w->packed.n - head - 4));
	}
	return put_row(w, s, slice_of(first, 8), e);
}

/* Whole blocks of a stream, and what remains when `all`. */
static int put_chunks(struct index_writer *w, enum index_stream s, bool all, struct err *e)
{
	size_t done = 0;
	struct buf *b = &w->stream[s];
	for (size_t n; b->n - done >= INDEX_BLOCK_RAW || (all && b->n > done); done += n) {
		n = b->n - done < INDEX_BLOCK_RAW ? b->n - done : INDEX_BLOCK_RAW;
		if (put_chunk(w, s, done, n, e))
			return -1;
	}
	buf_drop_front(b, done);
	w->at[s] += done;
	return 0;
}

static bool small(const struct index_writer *w)
{
	return !w->rows && w->words.words.n + w->words.entries.n + w->stream[INDEX_DOC_STREAM].n +
					   w->stream[INDEX_PLACE_STREAM].n <=
				   INDEX_INLINE_MAX - INDEX_BLOCK_RAW;
}

static int put_full(struct index_writer *w, struct err *e)
{
	if (small(w))
		return 0;
	if (w->words.words.n >= INDEX_WORDS_RAW && put_words(w, e))
		return -1;
	for (int s = INDEX_DOC_STREAM; s < INDEX_STREAMS; s++)
		if (w->stream[s].n >= INDEX_BLOCK_RAW && put_chunks(w, s, false, e))
			return -1;
	return 0;
}

int index_writer_word(struct index_writer *w, slice word, const struct index_entry *entry,
	slice docs, slice places, struct err *e)
{
	struct index_entry x = *entry;
	x.docs_at = w->at[INDEX_DOC_STREAM] + w->stream[INDEX_DOC_STREAM].n;
	x.places_at = w->at[INDEX_PLACE_STREAM] + w->stream[INDEX_PLACE_STREAM].n;
	x.docs_n = docs.n;
	x.places_n = places.n;
	if (!w->words.n) {
		memcpy(w->first, word.p, word.n);
		w->first_n = word.n;
	}
	index_words_put(&w->words, word, &x);
	w->nwords++;
	if (!x.alone) {
		buf_put(&w->stream[INDEX_DOC_STREAM], docs);
		buf_put(&w->stream[INDEX_PLACE_STREAM], places);
	}
	return put_full(w, e);
}

int index_writer_flush(struct index_writer *w, struct err *e)
{
	if (put_words(w, e))
		return -1;
	for (int s = INDEX_DOC_STREAM; s < INDEX_STREAMS; s++)
		if (put_chunks(w, s, true, e))
			return -1;
	return 0;
}

/* u32 length of the words, they; u32, docs; places. */
int index_writer_end(struct index_writer *w, struct buf *inlined, struct err *e)
{
	buf_reset(inlined);
	if (!small(w))
		return index_writer_flush(w, e);
	if (!w->words.n)
		return 0;
	for (int s = 0; s < INDEX_STREAMS; s++) {
		buf_reset(&w->packed);
		if (s == INDEX_WORD_STREAM)
			index_words_pack(&w->words, w->level, &w->packed);
		else
			index_pack(s, buf_slice(&w->stream[s]), w->level, &w->packed);
		buf_str(inlined, buf_slice(&w->packed));
	}
	w->bytes += inlined->n;
	return buf_ok(inlined) && buf_ok(&w->packed)
		       ? 0
		       : err_set(e, ERR_BUG, "a small segment is too large");
}

int64_t index_next_segment(struct sql *db, int64_t account_id, int64_t known, struct err *e)
{
	struct sql_stmt *s = sql_prepare(db,
		"INSERT INTO indexed (account_id, known, next_segment, due, removing) VALUES ($1, "
		"$2, 2, 0, 0)"
		" ON CONFLICT (account_id) DO UPDATE SET known = CASE WHEN indexed.known > "
		"excluded.known"
		" THEN indexed.known ELSE excluded.known END, next_segment = indexed.next_segment "
		"+ 1"
		" RETURNING next_segment - 1",
		e);
	if (!s)
		return -1;
	sql_bind_int(s, 1, account_id);
	sql_bind_int(s, 2, known);
	if (sql_step(s, e) != 1)
		return -1;
	int64_t id = sql_int(s, 0);
	sql_reset(s);
	return id;
}
