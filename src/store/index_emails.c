/*
 * The emails of a segment (index_impl.h): their rows, and the order in which they stand. Emails that are like each other stand together: same
 * script, same addresses, same subject. Words of one are words of the next at the same places, so that lists have short distances
 * and repeat themselves; a tenth of the index is saved by it. Nobody asks for this order, so answers are put in that of ids at last.
 */
#include "store/index_impl.h"

#include "base/hash.h"

enum { FEW = 2048 /* numbers that qsort puts in order sooner than counting */ };

/* ---- rows ---- */

/* How far the key is above the one before and the id from it (to either side); code of the length with a bit for what was cut. */
void index_emails_put(
	struct buf *out, struct index_email_row *last, const struct index_email_row *m)
{
	uint64_t d = (uint64_t)m->id - (uint64_t)last->id;
	index_put(out, m->like - last->like);
	index_put(out, d << 1 ^ (m->id < last->id ? UINT64_MAX : 0));
	buf_u8(out, (uint8_t)(m->length << 1 | m->cut));
	*last = *m;
}

struct index_emails index_emails_of(const struct index_segment *g)
{
	return (struct index_emails){.rest = g->docs,
		.last.id = g->first_email,
		.first = g->first_email,
		.limit = g->last_email};
}

bool index_emails_next(struct index_emails *v, struct index_email_row *ret)
{
	slice s = v->rest;
	uint64_t like = v->last.like + index_get(&s), d = index_get(&s);
	int64_t id = (int64_t)((uint64_t)v->last.id + (d >> 1 ^ (d & 1 ? UINT64_MAX : 0)));
	if (!s.n || like < v->last.like || id < v->first || id > v->limit)
		return false;
	*ret = (struct index_email_row){
		.id = id, .like = like, .cut = *s.p & 1, .length = (uint8_t)*s.p >> 1};
	v->rest = slice_skip(s, 1);
	v->last = *ret;
	return true;
}

/* Four steps for each power of two. */
uint8_t index_length_code(uint64_t tokens)
{
	if (tokens < 4)
		return (uint8_t)tokens;
	unsigned top = 63 - (unsigned)__builtin_clzll(tokens);
	unsigned code = 4 * (top - 1) + (unsigned)(tokens >> (top - 2) & 3);
	return (uint8_t)(code < 127 ? code : 127);
}

float index_length_of(uint8_t code)
{
	return code < 4 ? code : (float)((uint64_t)(4 + code % 4) << (code / 4 - 1));
}

/* ---- what is like what ---- */

static uint64_t some_bits(slice text, unsigned n)
{
	static const uint64_t key[2] = {0x706f737468, 0x6f757365}; /* the same on every machine */
	return hash_with(key, text) >> (64 - n);
}

/* Without the "re:" and "fwd:" of answers. */
static slice subject_of(slice s)
{
	for (size_t colon; (colon = slice_index(s, ':')) < 4 && colon + 1 < s.n;)
		s = slice_trim(slice_skip(s, colon + 1));
	return s;
}

/* Eight classes: how many of its bytes are of characters beyond European scripts. */
static uint64_t script_of(slice body)
{
	size_t n = 0;
	body = slice_first(body, 4096);
	for (size_t i = 0; i < body.n; i++)
		n += (unsigned char)body.p[i] >= 0xe0;
	return n * 24 / (body.n + 1) < 7 ? n * 24 / (body.n + 1) : 7;
}

/* 36 bits: more would cost more than they save. */
uint64_t index_likeness(const struct index_email *m)
{
	return script_of(m->text[INDEX_BODY]) << 33 | some_bits(m->text[INDEX_TO], 10) << 23 |
	       some_bits(m->text[INDEX_FROM], 14) << 9 |
	       some_bits(subject_of(m->text[INDEX_SUBJECT]), 9);
}

int index_by_likeness(const void *a, const void *b)
{
	const struct index_email_row *x = a, *y = b;
	if (x->like != y->like)
		return x->like < y->like ? -1 : 1;
	return x->id < y->id ? -1 : x->id > y->id;
}

/* ---- numbers in order ---- */

static int by_number(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return x < y ? -1 : x > y;
}

/* By counting, a byte at a time; bytes that are the same everywhere cost one look. */
void index_sort(uint64_t *v, size_t n)
{
	AUTO(free) uint64_t *other = n > FEW ? mem_alloc(n * sizeof *v) : NULL;
	if (!other) {
		if (n > 1)
			qsort(v, n, sizeof *v, by_number);
		return;
	}
	uint64_t *from = v, *to = other, all = 0;
	for (size_t i = 0; i < n; i++)
		all |= v[i] ^ v[0];
	for (unsigned shift = 0; shift < 64; shift += 8) {
		size_t count[257] = {0};
		if (!(all >> shift & 0xff))
			continue;
		for (size_t i = 0; i < n; i++)
			count[(from[i] >> shift & 0xff) + 1]++;
		for (size_t i = 1; i < 257; i++)
			count[i] += count[i - 1];
		for (size_t i = 0; i < n; i++)
			to[count[from[i] >> shift & 0xff]++] = from[i];
		uint64_t *t = from;
		from = to;
		to = t;
	}
	if (from != v)
		memcpy(v, from, n * sizeof *v);
}
