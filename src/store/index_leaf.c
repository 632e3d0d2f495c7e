/*
 * One text of a query in one segment (index_impl.h). The tokens of the text stand for sets of words (the first may be the end of one, the last
 * the beginning); emails that have one of each are candidates; then positions from left to right.
 */
#include "store/index_impl.h"

enum {
	NEAR = 4, /* distance of whole words with signs and blanks between them */
	WORDS_MAX = 1 << 17, /* that one token stands for; more: any word will do */
};

/* ---- from the query ---- */

/* The ends of a piece of text may be within words. */
static void open_ends(
	struct index_leaf *l, const struct token *first, const struct token *last, slice folded)
{
	struct index_leaf_token *a = &l->v[0], *z = &l->v[l->n - 1];
	bool begins =
		*folded.p != ' ' && first->kind != TOKEN_SINGLE && first->kind != TOKEN_CLUSTER;
	bool ends = folded.p[folded.n - 1] != ' ' && last->kind != TOKEN_SINGLE;
	if (l->n == 1) {
		a->how = begins && ends ? INDEX_MATCH_PART
			 : begins       ? INDEX_MATCH_END
			 : ends         ? INDEX_MATCH_START
					: INDEX_MATCH_WHOLE;
		return;
	}
	a->how = begins ? INDEX_MATCH_END : INDEX_MATCH_WHOLE;
	z->how = ends ? INDEX_MATCH_START : INDEX_MATCH_WHOLE;
}

int index_leaf_init(
	struct index_leaf *l, const struct index_query *q, struct arena *a, struct err *e)
{
	if (q->text.n > INDEX_QUERY_TEXT_MAX)
		return err_set(e, ERR_LIMIT, "a text of a search is longer than %d bytes",
			INDEX_QUERY_TEXT_MAX);
	AUTO(buf) struct buf folded = BUF(16 * INDEX_QUERY_TEXT_MAX);
	search_fold(q->text, &folded);
	struct tokens t = {.rest = arena_dup(a, buf_slice(&folded))};
	slice whole = t.rest;
	struct token k, first = {0}, last = {0};
	*l = (struct index_leaf){.fields = q->fields, .sure = true};
	l->v = ARENA_ARRAY(a, struct index_leaf_token, INDEX_LEAF_TOKENS_MAX);
	uint32_t before = 0;
	while (token_next(&t, &k)) {
		if (q->how != INDEX_PHRASE && (k.kind == TOKEN_SIGN || k.kind == TOKEN_JOINT))
			continue;
		if (l->n == INDEX_LEAF_TOKENS_MAX)
			return err_set(e, ERR_LIMIT, "a text of a search has more than %d words",
				INDEX_LEAF_TOKENS_MAX);
		uint32_t d = k.at - before;
		bool loose = q->how != INDEX_PHRASE &&
			     !(d == 1 && k.kind == TOKEN_SINGLE && last.kind == TOKEN_SINGLE);
		l->v[l->n++] = (struct index_leaf_token){
			k.text, INDEX_MATCH_WHOLE, loose ? 1 : d, loose ? NEAR : d};
		if (l->n == 1)
			first = k;
		last = k;
		before = k.at;
	}
	l->everything = !l->n;
	if (l->n && q->how == INDEX_PHRASE)
		open_ends(l, &first, &last, whole);
	if (l->n && q->how == INDEX_BEGINNING)
		l->v[l->n - 1].how = INDEX_MATCH_START;
	if (q->how == INDEX_PHRASE && whole.n)
		l->sure = *whole.p != ' ' && whole.p[whole.n - 1] != ' ' && !t.cut &&
			  !memchr(whole.p, 1, whole.n);
	return 0;
}

/* ---- words of a token ---- */

struct group {
	struct index_entry *v;
	size_t n, cap;
	bool any; /* too many: not looked at */
};

static bool add_entry(void *arg, const struct index_entry *e)
{
	struct group *g = arg;
	if (g->n == WORDS_MAX) {
		g->any = true;
		return false;
	}
	if (g->n == g->cap) {
		g->cap = g->cap ? 2 * g->cap : 8;
		g->v = mem_grow(g->v, g->cap * sizeof *g->v);
	}
	g->v[g->n++] = *e;
	return true;
}

struct finding {
	struct index_reader *r;
	const struct index_leaf *l;
	enum index_field field;
	struct group *groups;
	size_t nbits;
	uint64_t *found, *candidates, *one;
	uint8_t *times;
	struct buf docs, places;
	uint64_t *at,
		*next; /* email << 32 | position: where the last token stood, where this one does */
	size_t nat, nnext, cap_at, cap_next;
	bool sure;
};

static const uint8_t weights[INDEX_FIELDS] = {[INDEX_FROM] = 4,
	[INDEX_TO] = 2,
	[INDEX_CC] = 1,
	[INDEX_BCC] = 1,
	[INDEX_SUBJECT] = 4,
	[INDEX_HEADER] = 1,
	[INDEX_BODY] = 1,
	[INDEX_ATTACHMENT] = 1};

static void hit(struct finding *f, uint32_t ordinal, uint32_t times)
{
	index_set_bit(f->found, ordinal);
	if (!f->times)
		return;
	uint32_t sum = f->times[ordinal] + times * weights[f->field];
	f->times[ordinal] = (uint8_t)(sum < 255 ? sum : 255);
}

/* Emails of an entry: fn for each. */
static int each_email(struct finding *f, const struct index_entry *x,
	void (*fn)(struct finding *f, uint32_t, uint32_t), struct err *e)
{
	uint32_t limit = f->r->seg->emails;
	if (x->alone) {
		if (x->ordinal >= limit)
			return index_damaged(e, "email of a word");
		fn(f, x->ordinal, 1);
		return 0;
	}
	buf_reset(&f->docs);
	if (index_reader_bytes(f->r, INDEX_DOC_STREAM, x->docs_at, x->docs_n, &f->docs, e))
		return -1;
	struct index_docs d = index_docs_of(buf_slice(&f->docs), x->emails, limit);
	while (index_docs_next(&d))
		fn(f, d.ordinal, d.times);
	return d.bad ? index_damaged(e, "emails of a word") : 0;
}

static void mark_one(struct finding *f, uint32_t ordinal, uint32_t times)
{
	(void)times;
	index_set_bit(f->one, ordinal);
}

/* Emails that have a word of each group. Whole words first: they are quick to find, and may be in none. */
static int find_candidates(struct finding *f, struct err *e)
{
	memset(f->candidates, 0xff, f->nbits / 8);
	for (int pass = 0; pass < 3; pass++)
		for (size_t i = 0; i < f->l->n; i++) {
			const struct index_leaf_token *t = &f->l->v[i];
			struct group *g = &f->groups[i];
			if ((int)(t->how == INDEX_MATCH_WHOLE     ? 0
				    : t->how == INDEX_MATCH_START ? 1
								  : 2) != pass)
				continue;
			g->n = 0;
			g->any = false;
			if (index_reader_match(f->r, f->field, t->text, t->how, add_entry, g, e))
				return -1;
			f->sure &= !g->any;
			if (g->any)
				continue;
			memset(f->one, 0, f->nbits / 8);
			for (size_t k = 0; k < g->n; k++)
				if (each_email(f, &g->v[k], mark_one, e))
					return -1;
			uint64_t left = 0;
			for (size_t k = 0; k < f->nbits / 64; k++)
				left |= f->candidates[k] &= f->one[k];
			if (!left)
				return 0;
		}
	return 1;
}

/* ---- positions ---- */

static void push(struct finding *f, uint64_t at)
{
	if (f->nnext == f->cap_next) {
		f->cap_next = f->cap_next ? 2 * f->cap_next : 256;
		f->next = mem_grow(f->next, f->cap_next * sizeof *f->next);
	}
	f->next[f->nnext++] = at;
}

struct matching {
	const struct index_leaf_token *t;
	bool first; /* nothing before it */
	size_t i; /* in f->at */
};

static void match_place(struct finding *f, struct matching *m, uint32_t ordinal, uint32_t place)
{
	uint64_t at = (uint64_t)ordinal << 32 | place;
	if (m->first) {
		push(f, at);
		return;
	}
	while (m->i < f->nat && f->at[m->i] + m->t->most < at)
		m->i++;
	if (m->i < f->nat && f->at[m->i] + m->t->least <= at && f->at[m->i] >> 32 == ordinal)
		push(f, at);
}

static int match_entry(
	struct finding *f, struct matching *m, const struct index_entry *x, struct err *e)
{
	m->i = 0;
	if (x->alone) {
		if (index_bit(f->candidates, x->ordinal))
			match_place(f, m, x->ordinal, x->place);
		return 0;
	}
	buf_reset(&f->docs);
	buf_reset(&f->places);
	if (index_reader_bytes(f->r, INDEX_DOC_STREAM, x->docs_at, x->docs_n, &f->docs, e) ||
		index_reader_bytes(
			f->r, INDEX_PLACE_STREAM, x->places_at, x->places_n, &f->places, e))
		return -1;
	struct index_docs d = index_docs_of(buf_slice(&f->docs), x->emails, f->r->seg->emails);
	slice places = buf_slice(&f->places);
	while (index_docs_next(&d)) {
		if (!index_bit(f->candidates, d.ordinal)) {
			index_places_skip(&places, d.times);
			continue;
		}
		uint32_t place = 0;
		for (uint32_t i = 0; i < d.times && places.p; i++) {
			place = index_place_next(&places, place, !i);
			match_place(f, m, d.ordinal, place);
		}
	}
	return d.bad || (!places.p && f->places.n) ? index_damaged(e, "places of a word") : 0;
}

static int by_number(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return x < y ? -1 : x > y;
}

static int match_group(struct finding *f, size_t i, bool first, struct err *e)
{
	struct group *g = &f->groups[i];
	f->nnext = 0;
	for (size_t k = 0; k < g->n; k++) {
		struct matching m = {.t = &f->l->v[i], .first = first};
		if (match_entry(f, &m, &g->v[k], e))
			return -1;
	}
	if (g->n > 1 && f->nnext > 1)
		qsort(f->next, f->nnext, sizeof *f->next, by_number);
	uint64_t *v = f->at;
	size_t cap = f->cap_at;
	f->at = f->next;
	f->nat = f->nnext;
	f->cap_at = f->cap_next;
	f->next = v;
	f->cap_next = cap;
	return 0;
}

static int find_places(struct finding *f, struct err *e)
{
	bool first = true;
	for (size_t i = 0; i < f->l->n; i++) {
		if (f->groups[i].any)
			continue; /* it is the first or the last */
		if (match_group(f, i, first, e))
			return -1;
		first = false;
	}
	for (size_t i = 0, k; i < f->nat; i += k) {
		for (k = 1; i + k < f->nat && f->at[i + k] >> 32 == f->at[i] >> 32; k++)
			;
		hit(f, (uint32_t)(f->at[i] >> 32), (uint32_t)k);
	}
	return 0;
}

static bool all_any(const struct finding *f)
{
	for (size_t i = 0; i < f->l->n; i++)
		if (!f->groups[i].any)
			return false;
	return true;
}

static bool hit_entry(void *arg, const struct index_entry *x)
{
	return add_entry(arg, x);
}

/* One token: no positions. */
static int find_single(struct finding *f, struct err *e)
{
	struct group *g = &f->groups[0];
	g->n = 0;
	g->any = false;
	if (index_reader_match(f->r, f->field, f->l->v[0].text, f->l->v[0].how, hit_entry, g, e))
		return -1;
	for (size_t k = 0; k < g->n && !g->any; k++)
		if (each_email(f, &g->v[k], hit, e))
			return -1;
	return 0;
}

static int find_in_field(struct finding *f, struct err *e)
{
	if (f->l->n == 1) {
		if (find_single(f, e))
			return -1;
	} else {
		int some = find_candidates(f, e);
		if (some < 0 || (some && !all_any(f) && find_places(f, e)))
			return -1;
		if (!some)
			return 0;
	}
	if (all_any(f)) {
		f->sure = false;
		memset(f->found, 0xff, f->nbits / 8);
	}
	return 0;
}

static void finding_done(struct finding *f)
{
	for (size_t i = 0; i < f->l->n; i++)
		free(f->groups[i].v);
	free(f->groups);
	free(f->candidates);
	free(f->one);
	free(f->at);
	free(f->next);
	buf_done(&f->docs);
	buf_done(&f->places);
}

int index_leaf_find(struct index_reader *r, const struct index_leaf *l, uint64_t *found,
	uint8_t *times, bool *sure, struct err *e)
{
	struct finding f = {.r = r, .l = l, .found = found, .times = times, .sure = l->sure};
	int failed = 0;
	f.nbits = ((size_t)r->seg->emails + 63) / 64 * 64;
	f.docs.limit = f.places.limit = (size_t)1 << 32;
	f.groups = mem_alloc((l->n + 1) * sizeof *f.groups);
	f.candidates = mem_alloc(f.nbits / 8 + 8);
	f.one = mem_alloc(f.nbits / 8 + 8);
	for (int i = 0; i < INDEX_FIELDS && !failed && l->n; i++) {
		f.field = (enum index_field)i;
		if (l->fields >> i & 1)
			failed = find_in_field(&f, e);
	}
	finding_done(&f);
	*sure = f.sure;
	return failed;
}
