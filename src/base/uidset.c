/*
 * Sets of numbers as sorted ranges (uidset.h). Ranges are found by bisection; adding behind the last one costs
 * nothing more. Positions (message sequence numbers) need to know how many numbers lie before a range: that
 * index is made at the first question and dropped by every change that would make it wrong.
 *
 * Two sets are combined in one walk over both.
 */
#include "base/uidset.h"

#include "base/mem.h"
#include "base/must.h"

enum { FEW_RANGES = 8 }; /* counted without an index */

static void drop_index(struct uidset *s)
{
	free(take(&s->below));
}

void uidset_done(struct uidset *s)
{
	free(s->v);
	free(s->below);
	*s = (struct uidset){0};
}

static void make_room(struct uidset *s, size_t n)
{
	if (n <= s->cap)
		return;
	s->cap = s->cap ? s->cap * 2 : 4;
	if (s->cap < n)
		s->cap = n;
	s->v = mem_grow(s->v, s->cap * sizeof *s->v);
}

static uint64_t width(struct uidrange r)
{
	return (uint64_t)r.last - r.first + 1;
}

/* The first range that ends at or behind uid, or s->n. */
static size_t find(const struct uidset *s, uint64_t uid)
{
	size_t low = 0, high = s->n;
	while (low < high) {
		size_t mid = low + (high - low) / 2;
		if (s->v[mid].last < uid)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

/* Behind all there are. True: done. */
static bool add_at_end(struct uidset *s, uint32_t first, uint32_t last)
{
	struct uidrange *end = s->n ? &s->v[s->n - 1] : NULL;
	if (end && first <= end->last)
		return false;
	s->count += (uint64_t)last - first + 1;
	if (end && first - 1 == end->last) {
		end->last = last; /* the index counts what is before a range: it stays */
		return true;
	}
	drop_index(s);
	make_room(s, s->n + 1);
	s->v[s->n++] = (struct uidrange){first, last};
	return true;
}

/* Ranges [from, to) give way to n others, of which the caller fills the places. */
static void replace(struct uidset *s, size_t from, size_t to, size_t n)
{
	drop_index(s);
	for (size_t i = from; i < to; i++)
		s->count -= width(s->v[i]);
	make_room(s, s->n + n);
	memmove(s->v + from + n, s->v + to, (s->n - to) * sizeof *s->v);
	s->n += n;
	s->n -= to - from;
}

void uidset_add(struct uidset *s, uint32_t first, uint32_t last)
{
	must(first && first <= last);
	if (add_at_end(s, first, last))
		return;
	size_t from = find(s, (uint64_t)first - 1),
	       to = from; /* one that ends just before it touches, too */
	struct uidrange r = {first, last};
	for (; to < s->n && s->v[to].first <= (uint64_t)last + 1; to++) {
		if (s->v[to].first < r.first)
			r.first = s->v[to].first;
		if (s->v[to].last > r.last)
			r.last = s->v[to].last;
	}
	if (to == from + 1 && width(r) == width(s->v[from]))
		return; /* known */
	replace(s, from, to, 1);
	s->v[from] = r;
	s->count += width(r);
}

void uidset_remove(struct uidset *s, uint32_t first, uint32_t last)
{
	must(first && first <= last);
	size_t from = find(s, first), to = from, n = 0;
	while (to < s->n && s->v[to].first <= last)
		to++;
	if (from == to)
		return;
	struct uidrange rest[2];
	if (s->v[from].first < first)
		rest[n++] = (struct uidrange){s->v[from].first, first - 1};
	if (s->v[to - 1].last > last)
		rest[n++] = (struct uidrange){last + 1, s->v[to - 1].last};
	replace(s, from, to, n);
	for (size_t i = 0; i < n; i++) {
		s->v[from + i] = rest[i];
		s->count += width(rest[i]);
	}
}

bool uidset_has(const struct uidset *s, uint32_t uid)
{
	size_t i = find(s, uid);
	return i < s->n && s->v[i].first <= uid;
}

uint32_t uidset_next(const struct uidset *s, uint32_t from)
{
	size_t i = find(s, from);
	if (i == s->n || !from) /* 0: one past the largest number */
		return 0;
	return s->v[i].first > from ? s->v[i].first : from;
}

/* ---- positions ---- */

/* How many numbers lie before range i, which may be s->n. */
static uint64_t before(const struct uidset *s, size_t i)
{
	uint64_t n = 0;
	if (i == s->n)
		return s->count;
	if (s->n <= FEW_RANGES) {
		while (i-- > 0)
			n += width(s->v[i]);
		return n;
	}
	if (!s->below) {
		struct uidset *to = (struct uidset *)s; /* only a note of what is true anyway */
		to->below = mem_alloc(s->n * sizeof *s->below);
		for (size_t k = 0; k < s->n; k++) {
			to->below[k] = n;
			n += width(s->v[k]);
		}
	}
	return s->below[i];
}

uint32_t uidset_at(const struct uidset *s, uint64_t position)
{
	if (position >= s->count)
		return 0;
	size_t low = 0, high = s->n - 1; /* the last range that begins at or before it */
	while (low < high) {
		size_t mid = low + (high - low + 1) / 2;
		if (before(s, mid) <= position)
			low = mid;
		else
			high = mid - 1;
	}
	return s->v[low].first + (uint32_t)(position - before(s, low));
}

uint64_t uidset_position(const struct uidset *s, uint32_t uid)
{
	size_t i = find(s, uid);
	uint64_t n = before(s, i);
	return i < s->n && s->v[i].first < uid ? n + (uid - s->v[i].first) : n;
}

/* ---- sets with sets ---- */

void uidset_copy(struct uidset *to, const struct uidset *from)
{
	if (to == from)
		return;
	drop_index(to);
	make_room(to, from->n);
	if (from->n)
		memcpy(to->v, from->v, from->n * sizeof *to->v);
	to->n = from->n;
	to->count = from->count;
}

bool uidset_eq(const struct uidset *a, const struct uidset *b)
{
	if (a->n != b->n)
		return false;
	return !a->n || memcmp(a->v, b->v, a->n * sizeof *a->v) == 0;
}

static void become(struct uidset *s, struct uidset *made)
{
	uidset_done(s);
	*s = *made;
}

void uidset_keep(struct uidset *s, const struct uidset *others)
{
	struct uidset made = {0};
	for (size_t i = 0, k = 0; i < s->n && k < others->n;) {
		struct uidrange a = s->v[i], b = others->v[k];
		uint32_t first = a.first > b.first ? a.first : b.first;
		uint32_t last = a.last < b.last ? a.last : b.last;
		if (first <= last)
			uidset_add(&made, first, last);
		if (a.last < b.last)
			i++;
		else
			k++;
	}
	become(s, &made);
}

/* What of r is not in `others`, from its range *k on. */
static void add_rest(struct uidset *made, struct uidrange r, const struct uidset *others, size_t *k)
{
	uint64_t first = r.first;
	while (*k < others->n && others->v[*k].last < first)
		++*k;
	for (; *k < others->n && others->v[*k].first <= r.last; ++*k) {
		if (others->v[*k].first > first)
			uidset_add(made, (uint32_t)first, others->v[*k].first - 1);
		first = (uint64_t)others->v[*k].last + 1;
		if (first > r.last)
			return; /* this range of theirs may reach into the next of ours */
	}
	uidset_add(made, (uint32_t)first, r.last);
}

void uidset_drop(struct uidset *s, const struct uidset *others)
{
	if (!others->n || !s->n)
		return;
	if (others->n == 1 && others != s) {
		uidset_remove(s, others->v[0].first, others->v[0].last);
		return;
	}
	struct uidset made = {0};
	for (size_t i = 0, k = 0; i < s->n; i++)
		add_rest(&made, s->v[i], others, &k);
	become(s, &made);
}

void uidset_join(struct uidset *s, const struct uidset *others)
{
	if (s == others || !others->n)
		return;
	if (!s->n || others->v[0].first > uidset_last(s) || others->n == 1) {
		for (size_t i = 0; i < others->n; i++)
			uidset_add(s, others->v[i].first, others->v[i].last);
		return;
	}
	struct uidset made = {0};
	for (size_t i = 0, k = 0; i < s->n || k < others->n;) {
		bool ours = k == others->n || (i < s->n && s->v[i].first <= others->v[k].first);
		struct uidrange r = ours ? s->v[i++] : others->v[k++];
		uidset_add(&made, r.first, r.last);
	}
	become(s, &made);
}

void uidset_trim(struct uidset *s)
{
	drop_index(s);
	if (s->n == 0)
		uidset_done(s);
	else if (s->cap > s->n)
		s->v = mem_grow(s->v, (s->cap = s->n) * sizeof *s->v);
}
