/*
 * Words of a segment that match a token of a query (index_impl.h): as they are or by their beginning at their place in the order; by their end
 * or a part by going through all words of the field, which is most of the time of a search: whatever a block of words is not, is known
 * from its bytes as soon as possible.
 */
#include "store/index_impl.h"

struct scan {
	enum index_field field;
	slice piece;
	enum index_match how;
	bool (*fn)(void *arg, const struct index_entry *e);
	void *arg;
	bool stop;
	size_t rare; /* place of its rarest letter in `piece` */
	bool inner
		[256]; /* bytes of `piece` but for the first: what may stand behind a part of it */
	bool stored; /* the block has it in the bytes of one word, not shared with the word before */
	bool before; /* the word before matched */
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
		long r = c ? c - common : (long)sizeof common;
		if (r > rank) {
			rank = r;
			best = i;
		}
	}
	return best;
}

/* Is the piece anywhere in the bytes as they are stored? */
static bool is_in(slice bytes, slice piece, size_t rare)
{
	if (bytes.n < piece.n)
		return false;
	const char *p = bytes.p + rare, *end = bytes.p + bytes.n - (piece.n - rare - 1);
	while (p < end && (p = memchr(p, piece.p[rare], (size_t)(end - p)))) {
		if (!memcmp(p - rare, piece.p, piece.n))
			return true;
		p++;
	}
	return false;
}

static bool has_part(const unsigned char *word, size_t n, slice piece, size_t from)
{
	for (size_t i = from; i + piece.n <= n; i++)
		if (word[i] == (unsigned char)*piece.p && !memcmp(word + i, piece.p, piece.n))
			return true;
	return false;
}

/* Does the word at hand match? Of a part: it can begin in what the word shares with the one before. */
static bool word_matches(struct scan *q, const struct index_words_in *w)
{
	slice piece = q->piece;
	if (w->word[0] != q->field)
		return false;
	if (q->how == INDEX_MATCH_END)
		return w->word_n > piece.n &&
		       !memcmp(w->word + w->word_n - piece.n, piece.p, piece.n);
	if (!q->stored && w->word_n > w->shared && !q->inner[w->word[w->shared]] && w->shared)
		return q->before && has_part(w->word, w->word_n, piece, 1);
	size_t from = w->shared > piece.n && !q->before ? w->shared - piece.n + 1 : 1;
	return has_part(w->word, w->word_n, piece, from);
}

static bool next_match(struct scan *q, struct index_words_in *w)
{
	while (index_words_next(w)) {
		q->before = word_matches(q, w);
		if (q->before)
			return true;
	}
	return false;
}

static void begin_block(struct scan *q, const struct index_words_in *w)
{
	q->before = false;
	q->stored = q->how == INDEX_MATCH_PART && is_in(w->words, q->piece, q->rare);
}

/* Words that match: first the words alone; entries are read when there is one. */
static int scan_block(struct index_reader *r, struct scan *q, slice block, struct err *e)
{
	struct index_words_in *w = &r->words;
	struct index_entry x;
	if (index_words_open(w, block, false, e))
		return -1;
	begin_block(q, w);
	bool any = next_match(q, w);
	if (!any)
		return w->bad ? index_damaged(e, "words") : 0;
	if (index_words_open(w, block, true, e))
		return -1;
	q->before = false;
	while (!q->stop && index_words_next(w)) {
		q->before = word_matches(q, w);
		if (!index_words_entry(w, &x))
			break;
		if (q->before)
			q->stop = !q->fn(q->arg, &x);
	}
	return w->bad ? index_damaged(e, "words") : 0;
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
	struct scan q = {.field = f, .piece = piece, .how = how, .fn = fn, .arg = arg};
	q.rare = rarest(piece);
	for (size_t i = 1; i < piece.n; i++)
		q.inner[(unsigned char)piece.p[i]] = true;
	return r->seg->inlined.n ? scan_block(r, &q, r->inlined[INDEX_WORD_STREAM], e)
				 : scan_rows(r, &q, e);
}
