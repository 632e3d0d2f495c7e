/*
 * Tokens that stand beside each other (index_impl.h). A phrase begins with the rarest of its whole words: its places, in emails that have
 * all the whole words, are confirmed by the places of the others; words of which the phrase has only an end come last, since they may be
 * thousands. Words that are near each other go from left to right.
 */
#include "store/index_leaf.h"

enum {
	COMMON = 8, /* words of a group that are asked first, ... */
	COMMON_SHARE = 32, /* if they are in such a part of its emails */
};

/* ---- places ---- */

/* In candidates. */
static int each_place(struct index_finding *f, const struct index_entry *x,
	void (*fn)(struct index_finding *f, uint32_t ordinal, uint32_t place), struct err *e)
{
	f->i = 0;
	for (unsigned k = 0; k < f->distances; k++)
		f->distance[k].i = 0;
	if (x->alone) {
		if (x->ordinal >= f->r->seg->emails)
			return index_damaged(e, "email of a word");
		if (index_bit(f->candidates, x->ordinal))
			fn(f, x->ordinal, x->place);
		return 0;
	}
	buf_reset(&f->docs);
	buf_reset(&f->places);
	if (index_reader_bytes(f->r, INDEX_DOC_STREAM, x->docs_at, x->docs_n, &f->docs, e))
		return -1;
	struct index_docs d = index_docs_of(buf_slice(&f->docs), x->emails, f->r->seg->emails);
	size_t skip = 0;
	while (index_docs_next(&d) && !index_bit(f->candidates, d.ordinal))
		skip += d.times;
	if (d.bad)
		return index_damaged(e, "emails of a word");
	if (!index_bit(f->candidates, d.ordinal))
		return 0; /* in none of them */
	if (index_reader_bytes(f->r, INDEX_PLACE_STREAM, x->places_at, x->places_n, &f->places, e))
		return -1;
	slice places = buf_slice(&f->places);
	index_places_skip(&places, skip);
	do {
		if (!index_bit(f->candidates, d.ordinal)) {
			index_places_skip(&places, d.times);
			continue;
		}
		uint32_t place = 0;
		for (uint32_t i = 0; i < d.times && places.p; i++) {
			place = index_place_next(&places, place, !i);
			fn(f, d.ordinal, place);
		}
	} while (index_docs_next(&d));
	return d.bad || !places.p ? index_damaged(e, "places of a word") : 0;
}

static void push(struct index_finding *f, uint32_t ordinal, uint32_t place)
{
	if (f->nnext == f->cap_next) {
		f->cap_next = f->cap_next ? 2 * f->cap_next : 256;
		f->next = mem_grow(f->next, f->cap_next * sizeof *f->next);
	}
	f->next[f->nnext++] = (uint64_t)ordinal << 32 | place;
}

/* What was pushed becomes at[]. */
static void turn(struct index_finding *f)
{
	uint64_t *v = f->at;
	size_t cap = f->cap_at;
	f->at = f->next;
	f->nat = f->nnext;
	f->cap_at = f->cap_next;
	f->next = v;
	f->cap_next = cap;
	f->nnext = 0;
}

static int push_group(struct index_finding *f, const struct index_group *g,
	void (*fn)(struct index_finding *f, uint32_t ordinal, uint32_t place), struct err *e)
{
	f->nnext = 0;
	for (size_t k = 0; k < g->n; k++)
		if (each_place(f, &g->v[k], fn, e))
			return -1;
	if (g->n > 1)
		index_sort(f->next, f->nnext);
	turn(f);
	return 0;
}

static void hit_all(struct index_finding *f)
{
	for (size_t i = 0, k; i < f->nat; i += k) {
		for (k = 1; i + k < f->nat && f->at[i + k] >> 32 == f->at[i] >> 32; k++)
			;
		index_hit(f, (uint32_t)(f->at[i] >> 32), (uint32_t)k);
	}
}

/* ---- emails that have all of them ---- */

static void mark_email(struct index_finding *f, uint32_t ordinal, uint32_t times)
{
	(void)times;
	index_set_bit(f->one, ordinal);
}

/* Candidates are those that have a word of the group. 1 if any is left, 0, -1. */
static int keep_candidates(struct index_finding *f, const struct index_group *g, struct err *e)
{
	uint64_t left = 0;
	memset(f->one, 0, f->nbits / 8);
	for (size_t k = 0; k < g->n; k++)
		if (index_each_email(f, &g->v[k], mark_email, e))
			return -1;
	for (size_t k = 0; k < f->nbits / 64; k++)
		left |= f->candidates[k] &= f->one[k];
	return left != 0;
}

/* Loads the groups that are quick to find: those that are no ends of words. 0: a word is in no email, or no email has all. */
static int find_candidates(struct index_finding *f, struct err *e)
{
	memset(f->candidates, 0xff, f->nbits / 8);
	for (size_t i = 0; i < f->l->n; i++) {
		f->groups[i].n = 0;
		f->groups[i].any = false;
		f->groups[i].loaded = f->l->v[i].how != INDEX_MATCH_END;
		if (!f->groups[i].loaded)
			continue;
		if (index_group_load(f, i, e))
			return -1;
		if (!f->groups[i].n)
			return 0;
	}
	for (size_t i = 0; i < f->l->n; i++) {
		if (!f->groups[i].loaded || f->groups[i].any)
			continue;
		int some = keep_candidates(f, &f->groups[i], e);
		if (some <= 0)
			return some;
	}
	return 1;
}

/* ---- a phrase ---- */

/* The first of at[] from i on that is not below: in growing steps, since words may be few and places many, or the reverse. */
static size_t forward(const uint64_t *at, size_t n, size_t i, uint64_t want)
{
	size_t step = 1;
	while (i + step < n && at[i + step] < want) {
		i += step;
		step *= 2;
	}
	while (i < n && at[i] < want) {
		while (step > 1 && (i + step >= n || at[i + step] >= want))
			step /= 2;
		i += step;
	}
	return i;
}

static void confirm(struct index_finding *f, uint32_t ordinal, uint32_t place)
{
	for (unsigned k = 0; k < f->distances; k++) {
		int64_t begin = (int64_t)place - f->distance[k].at;
		if (begin < 0 || begin > UINT32_MAX)
			continue;
		uint64_t want = (uint64_t)ordinal << 32 | (uint64_t)begin;
		size_t i = f->distance[k].i = forward(f->at, f->nat, f->distance[k].i, want);
		if (i < f->nat && f->at[i] == want)
			f->marks[i] |= (uint8_t)(1u << k);
	}
}

/* Emails in which there are places yet to be confirmed. */
static void ask_again(struct index_finding *f)
{
	uint8_t all = (uint8_t)((1u << f->distances) - 1);
	memset(f->candidates, 0, f->nbits / 8);
	for (size_t k = 0; k < f->nat; k++)
		if (f->marks[k] != all)
			index_set_bit(f->candidates, (uint32_t)(f->at[k] >> 32));
}

/* Of many words a few stand in most emails: when they come first, less is left to ask of the others. */
static int confirm_common(
	struct index_finding *f, const struct index_group *g, bool *done, struct err *e)
{
	for (int round = 0; round < COMMON; round++) {
		size_t best = g->n;
		for (size_t k = 0; k < g->n; k++)
			if (!done[k] && (best == g->n || g->v[k].emails > g->v[best].emails))
				best = k;
		if (best == g->n || g->v[best].emails * (uint64_t)COMMON_SHARE < g->emails)
			break;
		done[best] = true;
		if (each_place(f, &g->v[best], confirm, e))
			return -1;
		ask_again(f);
	}
	return 0;
}

/* Only those places remain that a group confirms at all distances. */
static int confirm_group(struct index_finding *f, const struct index_group *g, struct err *e)
{
	if (f->cap_marks < f->nat) {
		f->cap_marks = f->nat;
		f->marks = mem_grow(f->marks, f->cap_marks);
	}
	AUTO(free) bool *done = mem_alloc(g->n + 1);
	memset(f->marks, 0, f->nat);
	ask_again(f);
	if (confirm_common(f, g, done, e))
		return -1;
	for (size_t k = 0; k < g->n; k++)
		if (!done[k] && each_place(f, &g->v[k], confirm, e))
			return -1;
	size_t n = 0;
	for (size_t k = 0; k < f->nat; k++)
		if (f->marks[k] == (1u << f->distances) - 1)
			f->at[n++] = f->at[k];
	f->nat = n;
	f->distances = 0;
	return 0;
}

static int64_t place_of(const struct index_leaf *l, size_t i)
{
	int64_t at = 0;
	for (size_t k = 1; k <= i; k++)
		at += l->v[k].least;
	return at;
}

/* The loaded group, not yet done, that is in the fewest emails, or -1. */
static int rarest_group(const struct index_finding *f)
{
	int best = -1;
	for (size_t i = 0; i < f->l->n; i++) {
		const struct index_group *g = &f->groups[i];
		if (g->loaded && !g->any && !g->done &&
			(best < 0 || g->emails < f->groups[best].emails))
			best = (int)i;
	}
	return best;
}

static void add_distance(struct index_finding *f, size_t i, int base)
{
	f->groups[i].done = true;
	f->distance[f->distances++].at = place_of(f->l, i) - place_of(f->l, (size_t)base);
}

/* The rarest first; a word that stands at several places is read once. */
static int confirm_loaded(struct index_finding *f, int base, struct err *e)
{
	for (int best; f->nat && (best = rarest_group(f)) >= 0;) {
		const struct index_leaf_token *t = &f->l->v[best];
		add_distance(f, (size_t)best, base);
		for (size_t i = 0; i < f->l->n && f->distances < INDEX_SAME_MAX; i++)
			if (f->groups[i].loaded && !f->groups[i].done && f->l->v[i].how == t->how &&
				slice_eq(f->l->v[i].text, t->text))
				add_distance(f, i, base);
		if (confirm_group(f, &f->groups[best], e))
			return -1;
	}
	return 0;
}

/* Words that end as the text begins: as late as can be, but it may be all there is. */
static int load_end(struct index_finding *f, struct err *e)
{
	if (f->groups[0].loaded)
		return 0;
	f->groups[0].loaded = true;
	return index_group_load(f, 0, e);
}

static bool has_whole(const struct index_finding *f)
{
	for (size_t i = 0; i < f->l->n; i++)
		if (f->l->v[i].how == INDEX_MATCH_WHOLE)
			return true;
	return false;
}

static int find_phrase(struct index_finding *f, struct err *e)
{
	for (size_t i = 0; i < f->l->n; i++)
		f->groups[i].done = false;
	if (!has_whole(f) && load_end(f, e))
		return -1;
	int base = rarest_group(f);
	if (base < 0) {
		memset(f->found, 0xff, f->nbits / 8);
		return 0;
	}
	f->groups[base].done = true;
	if (push_group(f, &f->groups[base], push, e) || confirm_loaded(f, base, e))
		return -1;
	if (f->nat && (load_end(f, e) || confirm_loaded(f, base, e)))
		return -1;
	hit_all(f);
	return 0;
}

/* ---- words near each other ---- */

static void follow(struct index_finding *f, uint32_t ordinal, uint32_t place)
{
	uint64_t at = (uint64_t)ordinal << 32 | place;
	f->i = forward(f->at, f->nat, f->i, at > f->t->most ? at - f->t->most : 0);
	if (f->i < f->nat && f->at[f->i] + f->t->least <= at && f->at[f->i] >> 32 == ordinal)
		push(f, ordinal, place);
}

static int find_near(struct index_finding *f, struct err *e)
{
	for (size_t i = 0; i < f->l->n && (!i || f->nat); i++) {
		f->t = &f->l->v[i];
		if (f->groups[i].any)
			continue; /* the last one */
		if (push_group(f, &f->groups[i], i ? follow : push, e))
			return -1;
	}
	hit_all(f);
	return 0;
}

int index_phrase_find(struct index_finding *f, struct err *e)
{
	int some = find_candidates(f, e);
	if (some <= 0)
		return some;
	return f->l->loose ? find_near(f, e) : find_phrase(f, e);
}
