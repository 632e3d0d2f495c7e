/*
 * Emails into one segment (index_impl.h): texts are folded and cut, every token becomes a number of a table of words and a position; at the
 * end they are put in order by counting, words by their bytes, and lists are written word by word. One pass, no lists that grow.
 * Memory is bounded by INDEX_BATCH_BYTES and TOKENS_MAX.
 */
#include "store/index_impl.h"

#include "base/hash.h"

enum {
	TOKENS_MAX = 4 << 20, /* of a batch that is not one email alone */
	TOKENS_EMAIL_MAX = INDEX_TEXT_MAX,
	SLOTS_FIRST = 1 << 12,
};

struct word {
	uint32_t text, count; /* where it is in `texts`; tokens */
	uint32_t hash;
	uint8_t n;
};
struct token_at {
	uint32_t word, place;
};
struct email {
	struct index_email_row row; /* first: index_by_likeness */
	uint32_t from, to; /* its tokens */
};
struct index_build {
	struct buf texts, folded, docs, places, list;
	uint32_t *slots; /* number of a word + 1; a power of two of them */
	size_t nslots;
	struct word *words;
	size_t nwords, words_cap;
	struct token_at *tokens;
	size_t ntokens, tokens_cap;
	struct email *emails;
	size_t nemails, emails_cap, cut;
	int64_t first_email, last_email;
	uint64_t text_bytes;
};

struct index_build *index_build_new(void)
{
	struct index_build *b = NEW(struct index_build);
	b->texts.limit = (size_t)1 << 31;
	b->folded.limit = 4 * (size_t)INDEX_TEXT_MAX;
	b->docs.limit = b->places.limit = b->list.limit = (size_t)1 << 31;
	b->nslots = SLOTS_FIRST;
	b->slots = mem_alloc(b->nslots * sizeof *b->slots);
	return b;
}

void index_build_free(struct index_build *b)
{
	if (!b)
		return;
	buf_done(&b->texts);
	buf_done(&b->folded);
	buf_done(&b->docs);
	buf_done(&b->places);
	buf_done(&b->list);
	free(b->slots);
	free(b->words);
	free(b->tokens);
	free(b->emails);
	free(b);
}

size_t index_build_emails(const struct index_build *b)
{
	return b->nemails;
}

#define ROOM(p, n, cap)                                                                            \
	do {                                                                                       \
		if ((n) == (cap)) {                                                                \
			(cap) = (cap) ? 2 * (cap) : 1024;                                          \
			(p) = mem_grow((p), (cap) * sizeof *(p));                                  \
		}                                                                                  \
	} while (0)

static void grow_slots(struct index_build *b)
{
	size_t n = 2 * b->nslots;
	uint32_t *slots = mem_alloc(n * sizeof *slots);
	for (size_t i = 0; i < b->nwords; i++) {
		size_t at = b->words[i].hash & (n - 1);
		while (slots[at])
			at = (at + 1) & (n - 1);
		slots[at] = (uint32_t)i + 1;
	}
	free(b->slots);
	b->slots = slots;
	b->nslots = n;
}

/* key: field and token. */
static uint32_t word_number(struct index_build *b, slice key)
{
	uint32_t hash = (uint32_t)hash_keyed(key);
	size_t at = hash & (b->nslots - 1);
	for (; b->slots[at]; at = (at + 1) & (b->nslots - 1)) {
		const struct word *w = &b->words[b->slots[at] - 1];
		if (w->hash == hash && w->n == key.n && !memcmp(b->texts.p + w->text, key.p, key.n))
			return b->slots[at] - 1;
	}
	ROOM(b->words, b->nwords, b->words_cap);
	b->words[b->nwords] = (struct word){(uint32_t)b->texts.n, 0, hash, (uint8_t)key.n};
	buf_put(&b->texts, key);
	b->slots[at] = (uint32_t)++b->nwords;
	if (b->nwords * 2 > b->nslots)
		grow_slots(b);
	return (uint32_t)b->nwords - 1;
}

static void add_text(struct index_build *b, enum index_field f, slice folded)
{
	struct tokens t = {.rest = folded};
	struct token k;
	char key[INDEX_WORD_MAX] = {(char)f};
	while (token_next(&t, &k)) {
		memcpy(key + 1, k.text.p, k.text.n);
		uint32_t n = word_number(b, slice_of(key, 1 + k.text.n));
		ROOM(b->tokens, b->ntokens, b->tokens_cap);
		b->tokens[b->ntokens++] = (struct token_at){n, k.at};
		b->words[n].count++;
	}
}

/* Texts of at most INDEX_TEXT_MAX altogether. */
static bool add_texts(struct index_build *b, const struct index_email *m)
{
	size_t room = INDEX_TEXT_MAX;
	bool whole = !m->cut;
	for (int f = 0; f < INDEX_FIELDS; f++) {
		slice text = m->text[f];
		if (text.n > room) {
			while (room && ((unsigned char)text.p[room] & 0xc0) == 0x80)
				room--;
			text = slice_first(text, room);
			whole = false;
		}
		room -= text.n;
		buf_reset(&b->folded);
		search_fold(text, &b->folded);
		b->text_bytes += b->folded.n;
		whole &= buf_ok(&b->folded);
		add_text(b, f, buf_slice(&b->folded));
	}
	return whole;
}

bool index_build_add(struct index_build *b, const struct index_email *m)
{
	if (b->nemails && (b->text_bytes >= INDEX_BATCH_BYTES || b->ntokens >= TOKENS_MAX))
		return false;
	size_t before = b->ntokens;
	struct index_email_row row = {
		.id = m->email_id, .like = index_likeness(m), .cut = !add_texts(b, m)};
	row.length = index_length_code(b->ntokens - before);
	if (!b->nemails)
		b->first_email = m->email_id;
	b->last_email = m->email_id;
	b->cut += row.cut;
	ROOM(b->emails, b->nemails, b->emails_cap);
	b->emails[b->nemails++] = (struct email){row, (uint32_t)before, (uint32_t)b->ntokens};
	return true;
}

/* ---- in order ---- */

struct order {
	uint64_t front; /* the first bytes */
	slice word;
	uint32_t number;
};

static uint64_t front_of(slice s)
{
	uint64_t v = 0;
	for (size_t i = 0; i < 8; i++)
		v = v << 8 | (i < s.n ? (unsigned char)s.p[i] : 0);
	return v;
}

static int by_word(const void *a, const void *b)
{
	const struct order *x = a, *y = b;
	if (x->front != y->front)
		return x->front < y->front ? -1 : 1;
	return slice_cmp(x->word, y->word);
}

static struct order *words_in_order(const struct index_build *b)
{
	struct order *v = mem_alloc((b->nwords + 1) * sizeof *v);
	for (size_t i = 0; i < b->nwords; i++) {
		slice w = slice_of(b->texts.p + b->words[i].text, b->words[i].n);
		v[i] = (struct order){front_of(w), w, (uint32_t)i};
	}
	qsort(v, b->nwords, sizeof *v, by_word);
	return v;
}

struct at {
	uint32_t ordinal, place;
};

/* Tokens of each word together, in their order; starts[word] is where they end then. */
static struct at *tokens_by_word(const struct index_build *b, uint32_t *starts)
{
	struct at *v = mem_alloc((b->ntokens + 1) * sizeof *v);
	uint32_t sum = 0;
	for (size_t i = 0; i < b->nwords; i++) {
		starts[i] = sum;
		sum += b->words[i].count;
	}
	for (size_t k = 0; k < b->nemails; k++)
		for (size_t i = b->emails[k].from; i < b->emails[k].to; i++)
			v[starts[b->tokens[i].word]++] =
				(struct at){(uint32_t)k, b->tokens[i].place};
	return v;
}

static void emails_in_order(struct index_build *b)
{
	struct index_email_row last = {.id = b->first_email};
	qsort(b->emails, b->nemails, sizeof *b->emails, index_by_likeness);
	for (size_t k = 0; k < b->nemails; k++)
		index_emails_put(&b->docs, &last, &b->emails[k].row);
}

static int write_word(struct index_build *b, struct index_writer *w, slice word, const struct at *v,
	size_t n, struct err *e)
{
	struct index_entry x = {0};
	buf_reset(&b->places);
	buf_reset(&b->list);
	if (n == 1) {
		x = (struct index_entry){
			.emails = 1, .alone = true, .ordinal = v->ordinal, .place = v->place};
		return index_writer_word(w, word, &x, (slice){0}, (slice){0}, e);
	}
	uint32_t before = UINT32_MAX;
	for (size_t i = 0, k; i < n; i += k) {
		uint32_t place = 0;
		for (k = 0; i + k < n && v[i + k].ordinal == v[i].ordinal; k++) {
			index_put(&b->places, v[i + k].place - place);
			place = v[i + k].place;
		}
		index_put(&b->list,
			(uint64_t)(v[i].ordinal - (uint32_t)(before + 1)) << 1 | (k == 1));
		if (k > 1)
			index_put(&b->list, k - 2);
		before = v[i].ordinal;
		x.emails++;
	}
	return index_writer_word(w, word, &x, buf_slice(&b->list), buf_slice(&b->places), e);
}

static int write_words(struct index_build *b, struct index_writer *w, struct err *e)
{
	AUTO(free) uint32_t *ends = mem_alloc((b->nwords + 1) * sizeof *ends);
	AUTO(free) struct at *at = tokens_by_word(b, ends);
	AUTO(free) struct order *order = words_in_order(b);
	for (size_t i = 0; i < b->nwords; i++) {
		uint32_t k = order[i].number, n = b->words[k].count;
		if (write_word(b, w, order[i].word, at + ends[k] - n, n, e))
			return -1;
	}
	return 0;
}

static void empty(struct index_build *b)
{
	buf_reset(&b->texts);
	buf_reset(&b->docs);
	memset(b->slots, 0, b->nslots * sizeof *b->slots);
	b->nwords = b->ntokens = b->nemails = b->cut = 0;
	b->text_bytes = 0;
}

int index_build_write(struct index_build *b, struct sql *db, int64_t account_id, struct err *e)
{
	struct index_writer w;
	AUTO(buf) struct buf inlined = BUF(2 * INDEX_INLINE_MAX);
	int64_t id = index_next_segment(db, account_id, b->last_email, e);
	if (id < 0)
		return -1;
	emails_in_order(b);
	index_writer_init(&w, db, account_id, id, INDEX_PACK_FAST);
	int failed = write_words(b, &w, e) || index_writer_end(&w, &inlined, e);
	if (!failed)
		failed = sql_run(db, e,
				 "INSERT INTO segment (account_id, id, state, level, first_email, "
				 "last_email, emails,"
				 " cut, words, bytes, text_bytes, goal, docs_at, places_at, done, "
				 "gone, docs, inlined)"
				 " VALUES ($1, $2, 0, $3, $4, $5, $6, $7, $8, $9, $10, 0, 0, 0, "
				 "$11, $12, $13, $14)",
				 "iiiiiiiiiibbbb", account_id, id, (int64_t)index_level(w.bytes),
				 b->first_email, b->last_email, (int64_t)b->nemails,
				 (int64_t)b->cut, (int64_t)w.nwords, (int64_t)(w.bytes + b->docs.n),
				 (int64_t)b->text_bytes, S(""), S(""), buf_slice(&b->docs),
				 buf_slice(&inlined)) < 0;
	index_writer_done(&w);
	empty(b);
	return failed ? -1 : 0;
}
