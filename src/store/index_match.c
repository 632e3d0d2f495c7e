/*
 * Words of a segment that match a token of a query (index_impl.h): as they are or by their beginning at their place in the order; by their end
 * or a part by going through all words of the field, which is most of the time of a search: whatever a block of words is not, is known
 * from its bytes as soon as possible.
 */
#include "store/index_impl.h"

struct scan {
	enum index_field field;
	slice piece;
	size_t rare; /* place of its rarest byte */
	bool (*fn)(void *arg, const struct index_entry *e);
	void *arg;
	bool stop;
};

/* ---- a block ---- */

/* Letters of which a text has few are looked for first. */
static size_t rarest(slice piece)
{
	static const char common[] = "etaoinsrhl012dcumf3ypgw4b5v6k7x8j9zq";
	size_t best = 0;
	long rank = -1;
	for (size_t i = 0; i < piece.n; i++) {
		const char *c = memchr(common, piece.p[i], sizeof common - 1);
		long r = c ? c - common : piece.p[i] == INDEX_WORD_END ? -1 : (long)sizeof common;
		if (r > rank) {
			rank = r;
			best = i;
		}
	}
	return best;
}

/* The piece in bytes from `at` on, or their end. */
static size_t find_piece(const struct scan *q, slice bytes, size_t at)
{
	size_t tail = q->piece.n - q->rare - 1;
	for (size_t i = at + q->rare; i + tail < bytes.n; i++) {
		const char *p = memchr(bytes.p + i, q->piece.p[q->rare], bytes.n - tail - i);
		if (!p)
			break;
		i = (size_t)(p - bytes.p);
		if (!memcmp(p - q->rare, q->piece.p, q->piece.n))
			return i - q->rare;
	}
	return bytes.n;
}

/* Entries of words before `to` are passed; that of the word there is *ret. */
static bool go_to(struct index_words_in *w, const char *to, struct index_entry *ret)
{
	while (index_words_next(w) && index_words_entry(w, ret))
		if (w->word.p + w->word.n >= to)
			return true;
	return false;
}

/* Words that have the piece: found in the bytes of all of them; entries are read when there is one. */
static int scan_block(struct index_reader *r, struct scan *q, slice block, struct err *e)
{
	struct index_words_in *w = &r->words;
	struct index_entry x;
	if (index_words_open(w, block, false, e))
		return -1;
	size_t at = find_piece(q, w->words, 0);
	if (at == w->words.n)
		return 0;
	if (index_words_add_entries(w, block, e))
		return -1;
	slice all = w->words;
	while (at < all.n && !q->stop) {
		if (!go_to(w, all.p + at, &x))
			return index_damaged(e, "words");
		size_t end = (size_t)(w->word.p - all.p) + w->word.n;
		if (at == (size_t)(w->word.p - all.p)) { /* not a token's, but the field's byte */
			at = find_piece(q, all, at + 1);
			if (at >= end) /* not in the rest of this word */
				continue;
		}
		if (*w->word.p == (char)q->field)
			q->stop = !q->fn(q->arg, &x);
		at = find_piece(q, all, end);
	}
	return 0;
}

static int scan_rows(struct index_reader *r, struct scan *q, struct err *e)
{
	char from[1] = {(char)q->field}, to[1] = {(char)(q->field + 1)};
	struct sql_stmt *s = sql_prepare(r->db,
		"SELECT data FROM block WHERE account_id = $1 AND segment = $2 AND kind = $3 AND "
		"first < $5"
		" AND first >= COALESCE((SELECT MAX(first) FROM block WHERE account_id = $1 AND "
		"segment = $2"
		" AND kind = $3 AND first <= $4), $4) ORDER BY first",
		e);
	if (!s)
		return -1;
	sql_bind_int(s, 1, r->account_id);
	sql_bind_int(s, 2, r->seg->id);
	sql_bind_int(s, 3, INDEX_WORD_STREAM);
	sql_bind_blob(s, 4, slice_of(from, 1));
	sql_bind_blob(s, 5, slice_of(to, 1));
	int found;
	while ((found = sql_step(s, e)) == 1)
		if (scan_block(r, q, sql_text(s, 0), e) || q->stop) {
			sql_reset(s);
			return q->stop ? 0 : -1;
		}
	return found;
}

/* Words that are, or begin with, a text: where they stand in the order. */
static int match_from(struct index_reader *r, slice key, bool whole,
	bool (*fn)(void *arg, const struct index_entry *e), void *arg, struct err *e)
{
	struct index_entry x;
	if (index_reader_seek(r, key, true, e))
		return -1;
	for (int found; (found = index_reader_next(r, true, e));) {
		if (found < 0)
			return -1;
		if (!index_words_entry(&r->words, &x))
			return index_damaged(e, "entries");
		slice word = index_word(&r->words);
		if (slice_cmp(word, key) < 0)
			continue;
		if (!slice_starts(word, key) || (whole && word.n > key.n) || !fn(arg, &x) || whole)
			break;
	}
	return 0;
}

int index_reader_match(struct index_reader *r, enum index_field f, slice piece,
	enum index_match how, bool (*fn)(void *arg, const struct index_entry *e), void *arg,
	struct err *e)
{
	if (how == INDEX_MATCH_WHOLE || how == INDEX_MATCH_START) {
		char key[INDEX_WORD_MAX] = {(char)f};
		if (piece.n > TOKEN_MAX)
			return 0;
		memcpy(key + 1, piece.p, piece.n);
		return match_from(
			r, slice_of(key, piece.n + 1), how == INDEX_MATCH_WHOLE, fn, arg, e);
	}
	char end[INDEX_WORD_MAX + 1];
	if (piece.n > TOKEN_MAX)
		return 0;
	memcpy(end, piece.p, piece.n);
	end[piece.n] = INDEX_WORD_END;
	struct scan q = {.field = f, .fn = fn, .arg = arg};
	q.piece = slice_of(end, piece.n + (how == INDEX_MATCH_END));
	q.rare = rarest(q.piece);
	return r->seg->inlined.n ? scan_block(r, &q, r->inlined[INDEX_WORD_STREAM], e)
				 : scan_rows(r, &q, e);
}
