/*
 * Fingerprints of a text (fingerprint.c calls): two texts made from one template, with other names,
 * numbers, amounts and addresses, some words changed and sentences moved, have at least one in
 * common; two that have nothing to do with each other, hardly ever.
 *
 * The text in its one spelling becomes a set of shingles (three words, or four Chinese characters,
 * in a row; numbers, addresses and quoted lines left out). Of the set the least values under SKETCH
 * hash functions are kept (Broder 1997): each is the same in two sets with a probability of their
 * likeness. BAND of them together make a fingerprint, so that it takes more than a common phrase.
 *
 * Texts too short for that get one fingerprint of their whole; those shorter still, none.
 */
#include "content/fingerprint_impl.h"

#include "base/utf8.h"

enum {
	BAND = 3,
	BANDS = FINGERPRINTS_OF_TEXT,
	SKETCH = BAND * BANDS,
	SHINGLES_MIN = 24,
	SHINGLES_MAX = 1000, /* the beginning of a text decides */
	SAMPLE = 160, /* of them are compared */
	TOKENS_MIN = 10,
	ROW = 4, /* tokens that are kept */
};

struct shingles {
	uint64_t row[ROW]; /* of the last tokens, newest first */
	unsigned tokens, n;
	uint64_t whole; /* of all tokens in a row */
	uint64_t *v; /* SHINGLES_MAX */
	bool quoted; /* in a line that begins with '>' */
};

static uint64_t mixed(uint64_t h)
{
	h ^= h >> 30;
	h *= 0xbf58476d1ce4e5b9;
	h ^= h >> 27;
	h *= 0x94d049bb133111eb;
	return h ^ h >> 31;
}

static bool is_cjk(uint32_t c)
{
	return (c >= 0x3400 && c <= 0x9fff) || (c >= 0x3040 && c <= 0x30ff) ||
	       (c >= 0xac00 && c <= 0xd7af) || (c >= 0xf900 && c <= 0xfaff) ||
	       (c >= 0x20000 && c <= 0x3ffff);
}

static void put_token(struct shingles *s, slice token, bool cjk)
{
	if (s->n == SHINGLES_MAX)
		return;
	memmove(s->row + 1, s->row, sizeof s->row - sizeof *s->row);
	s->row[0] = learn_hash(31, token);
	s->whole = mixed(s->whole ^ s->row[0]) + 1;
	unsigned k = cjk ? 4 : 3;
	if (++s->tokens < k)
		return;
	uint64_t h = k;
	for (unsigned i = 0; i < k; i++)
		h = mixed(h ^ s->row[i]) + i;
	s->v[s->n++] = h;
}

/* ---- tokens ---- */

static bool is_blank(uint32_t c)
{
	return c <= ' ' || c == 0xa0 || (c >= 0x2000 && c <= 0x200a) || c == 0x3000;
}

static bool is_letter(unsigned char c)
{
	return c >= 0x80 || (ascii_lower((char)c) >= 'a' && ascii_lower((char)c) <= 'z');
}

static bool is_address(slice run)
{
	for (size_t i = 0; i < run.n; i++)
		if (run.p[i] == '@' ||
			(run.p[i] == ':' && slice_starts(slice_skip(run, i), S("://"))))
			return true;
	return ascii_lower(run.p[0]) == 'w' && slice_istarts(run, S("www."));
}

/* Words of what stands between blanks and Chinese characters; no numbers, no addresses. */
static void put_run(struct shingles *s, slice run)
{
	if (run.n == 0 || is_address(run))
		return;
	size_t from = 0;
	bool digits = false;
	for (size_t i = 0; i <= run.n; i++) {
		unsigned char c = i < run.n ? (unsigned char)run.p[i] : 0;
		bool digit = c >= '0' && c <= '9';
		digits |= digit;
		if (c && (is_letter(c) || digit || c == '\''))
			continue;
		if (i > from && !digits)
			put_token(s, slice_of(run.p + from, i - from), false);
		from = i + 1;
		digits = false;
	}
}

static bool is_punctuation(uint32_t c)
{
	return (c >= 0x2010 && c <= 0x206f) || (c >= 0x3001 && c <= 0x303f) ||
	       (c >= 0xff00 && c <= 0xff20) || (c >= 0xff3b && c <= 0xff40) ||
	       (c >= 0xff5b && c <= 0xff65) || (c >= 0x2190 && c <= 0x2bff) || c == 0xb7;
}

static void put_text(struct shingles *s, slice text)
{
	slice rest = text;
	const char *run = text.p;
	bool line_start = true;
	while (rest.n && s->n < SHINGLES_MAX) {
		uint32_t c;
		const char *at = rest.p;
		if ((unsigned char)*at < 0x80) {
			c = (unsigned char)*at;
			rest = slice_skip(rest, 1);
		} else {
			utf8_next(&rest, &c);
		}
		bool wide = c >= 0x80, cjk = wide && is_cjk(c), blank = is_blank(c);
		if (blank || cjk || (wide && is_punctuation(c))) {
			if (!s->quoted)
				put_run(s, slice_of(run, (size_t)(at - run)));
			run = rest.p;
		}
		if (cjk && !s->quoted)
			put_token(s, slice_of(at, (size_t)(rest.p - at)), true);
		if (line_start && !blank)
			s->quoted = c == '>';
		line_start = c == '\n' || (line_start && blank);
	}
	if (rest.n == 0 && !s->quoted)
		put_run(s, slice_of(run, (size_t)(rest.p - run)));
}

/* ---- the sketch ---- */

/* Of a long text those with the least hashes stand for all: near sets keep near samples. */
static void sample(struct shingles *s)
{
	uint16_t count[256] = {0};
	unsigned below = 0, enough = 0, n = 0;
	if (s->n <= SAMPLE)
		return;
	for (unsigned i = 0; i < s->n; i++)
		count[s->v[i] >> 56]++;
	for (; below < 256 && enough < SAMPLE; below++)
		enough += count[below];
	for (unsigned i = 0; i < s->n; i++)
		if (s->v[i] >> 56 < below)
			s->v[n++] = s->v[i];
	s->n = n;
}

/* Each product gives two values of 32 bits: three of them in a band tell texts apart well. */
static void sketch(const struct shingles *s, uint32_t least[SKETCH])
{
	uint64_t factor[SKETCH / 2];
	for (unsigned k = 0; k < SKETCH / 2; k++)
		factor[k] = mixed(k + 1) | 1;
	for (unsigned k = 0; k < SKETCH; k++)
		least[k] = UINT32_MAX;
	for (unsigned i = 0; i < s->n; i++) {
		uint64_t h = s->v[i] ^ s->v[i] >> 29;
		for (unsigned k = 0; k < SKETCH / 2; k++) {
			uint64_t v = h * factor[k];
			uint32_t high = (uint32_t)(v >> 32), low = (uint32_t)v;
			least[2 * k] = high < least[2 * k] ? high : least[2 * k];
			least[2 * k + 1] = low < least[2 * k + 1] ? low : least[2 * k + 1];
		}
	}
}

void fingerprints_of_text(struct fingerprints_out *out, slice normal, struct arena *a)
{
	uint32_t least[SKETCH];
	struct shingles s = {.v = ARENA_ARRAY(a, uint64_t, SHINGLES_MAX)};
	put_text(&s, normal);
	if (s.tokens < TOKENS_MIN)
		return;
	if (s.n < SHINGLES_MIN) {
		fingerprint_put(out, FINGERPRINT_TEXT, s.whole);
		return;
	}
	sample(&s);
	sketch(&s, least);
	for (unsigned b = 0; b < BANDS; b++)
		fingerprint_put(out, FINGERPRINT_TEXT,
			learn_hash(b, slice_of(&least[b * BAND], BAND * sizeof *least)));
}
