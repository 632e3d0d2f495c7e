/*
 * Contents of the index's blocks: words and lists (index_impl.h). No SQL. What is read may be damaged: every length is checked,
 * and the answer is then ERR_TEMP: the index can be made anew.
 */
#include "store/index_impl.h"

/* ---- words ---- */

void index_words_put(struct index_words_out *w, slice word, const struct index_entry *e)
{
	if (!w->n) {
		w->words.limit = w->entries.limit = INDEX_RAW_MAX;
		w->docs_at = e->docs_at;
		w->places_at = e->places_at;
	}
	buf_put(&w->words, word);
	buf_byte(&w->words, INDEX_WORD_END);
	w->n++;
	if (e->alone) {
		index_put(&w->entries, (uint64_t)e->ordinal << 1 | 1);
		index_put(&w->entries, e->place);
		return;
	}
	index_put(&w->entries, (uint64_t)e->emails << 1);
	index_put(&w->entries, e->docs_n);
	index_put(&w->entries, e->places_n);
}

/* u32 length of the packed words, they, packed: where lists begin, entries. */
void index_words_pack(struct index_words_out *w, int level, struct buf *out)
{
	AUTO(buf) struct buf all = BUF(INDEX_RAW_MAX);
	size_t head = out->n;
	buf_u32(out, 0);
	index_pack(INDEX_WORD_STREAM, buf_slice(&w->words), level, out);
	uint32_t n = (uint32_t)(out->n - head - 4);
	index_put_u32_at(out, head, n);
	index_put(&all, w->docs_at);
	index_put(&all, w->places_at);
	buf_put(&all, buf_slice(&w->entries));
	index_pack(INDEX_WORD_STREAM, buf_slice(&all), level, out);
	buf_reset(&w->words);
	buf_reset(&w->entries);
	w->n = 0;
}

void index_words_done(struct index_words_out *w)
{
	buf_done(&w->words);
	buf_done(&w->entries);
}

/* The packed words, or the packed entries, of a block. */
static int part_of(slice block, int i, slice *ret, struct err *e)
{
	struct cur c = cur_of(block);
	slice words = cur_str(&c);
	if (!cur_ok(&c))
		return index_damaged(e, "block of words");
	*ret = i ? cur_rest(&c) : words;
	return 0;
}

static int unpack_part(struct index_words_in *w, slice block, int i, struct err *e)
{
	slice packed;
	w->raw[i].limit = INDEX_RAW_MAX;
	buf_reset(&w->raw[i]);
	if (part_of(block, i, &packed, e))
		return -1;
	return (w->keep ? index_unpack_kept : index_unpack)(
		INDEX_WORD_STREAM, packed, &w->raw[i], e);
}

int index_words_add_entries(struct index_words_in *w, slice block, struct err *e)
{
	if (unpack_part(w, block, 1, e))
		return -1;
	w->entries = buf_slice(&w->raw[1]);
	w->docs_at = index_get(&w->entries);
	w->places_at = index_get(&w->entries);
	return 0;
}

int index_words_open(struct index_words_in *w, slice block, bool entries, struct err *e)
{
	w->word = w->words = w->entries = (slice){0};
	w->bad = false;
	if (unpack_part(w, block, 0, e))
		return -1;
	w->words = buf_slice(&w->raw[0]);
	return entries ? index_words_add_entries(w, block, e) : 0;
}

void index_words_close(struct index_words_in *w)
{
	buf_done(&w->raw[0]);
	buf_done(&w->raw[1]);
}

bool index_words_next(struct index_words_in *w)
{
	if (!w->words.n || w->bad)
		return false;
	w->word = slice_first(w->words, slice_index(w->words, INDEX_WORD_END));
	w->bad = !w->word.n || w->word.n > INDEX_WORD_MAX || w->word.n == w->words.n;
	w->words = slice_skip(w->words, w->word.n + 1);
	return !w->bad;
}

bool index_words_entry(struct index_words_in *w, struct index_entry *ret)
{
	uint64_t v = index_get(&w->entries);
	struct index_entry x = {.alone = v & 1, .docs_at = w->docs_at, .places_at = w->places_at};
	if (x.alone) {
		x.emails = 1;
		x.ordinal = (uint32_t)(v >> 1);
		x.place = (uint32_t)index_get(&w->entries);
	} else {
		x.emails = (uint32_t)(v >> 1);
		x.docs_n = index_get(&w->entries);
		x.places_n = index_get(&w->entries);
	}
	w->bad |= !w->entries.p || !x.emails || v >> 33 || x.docs_n >> 40 || x.places_n >> 40;
	if (w->bad)
		return false;
	w->docs_at += x.docs_n;
	w->places_at += x.places_n;
	*ret = x;
	return true;
}

/* ---- lists ---- */

struct index_docs index_docs_of(slice list, uint32_t emails, uint32_t limit)
{
	return (struct index_docs){
		.rest = list, .ordinal = UINT32_MAX, .left = emails, .limit = limit};
}

/* Distance from the one before, and a bit: once only; else how often, less two. */
bool index_docs_next(struct index_docs *d)
{
	if (!d->left)
		return false;
	uint64_t v = index_get(&d->rest), times = v & 1 ? 1 : 2 + index_get(&d->rest);
	uint64_t ordinal = (uint64_t)(uint32_t)(d->ordinal + 1) + (v >> 1);
	if (!d->rest.p || ordinal >= d->limit || times > UINT32_MAX) {
		d->bad = true;
		d->left = 0;
		return false;
	}
	d->ordinal = (uint32_t)ordinal;
	d->times = (uint32_t)times;
	d->left--;
	return true;
}

uint32_t index_place_next(slice *places, uint32_t before, bool first)
{
	uint32_t v = (uint32_t)index_get(places);
	return first ? v : before + v;
}

/* A number ends with a byte below 128: eight bytes at a time. */
void index_places_skip(slice *places, size_t n)
{
	size_t i = 0;
	while (n >= 8 && i + 8 <= places->n) {
		uint64_t v;
		memcpy(&v, places->p + i, 8);
		n -= 8 - (size_t)__builtin_popcountll(v & 0x8080808080808080u);
		i += 8;
	}
	while (n && i < places->n)
		n -= (unsigned char)places->p[i++] < 0x80;
	*places = n ? (slice){0} : slice_skip(*places, i);
}
