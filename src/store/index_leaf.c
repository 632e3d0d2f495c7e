/*
 * One text of a query in one segment (index_impl.h): what the tokens of the text stand for. The first may be the end of words, the last the
 * beginning; a single one is looked for within words. Where they must stand beside each other: index_phrase.c.
 */
#include "store/index_leaf.h"

enum {
	NEAR = 4, /* distance of whole words with signs and blanks between them */
	WORDS_MAX = 1 << 17, /* that one token stands for; more: any word will do */
};

/* ---- from the query ---- */

struct leaf_tokens {
	struct token v[INDEX_LEAF_TOKENS_MAX];
	size_t n;
};

static int read_tokens(struct leaf_tokens *k, slice folded, bool signs, struct err *e)
{
	struct tokens t = {.rest = folded};
	struct token w;
	while (token_next(&t, &w)) {
		if (!signs && (w.kind == TOKEN_SIGN || w.kind == TOKEN_JOINT))
			continue;
		if (k->n == INDEX_LEAF_TOKENS_MAX)
			return err_set(e, ERR_LIMIT, "a text of a search has more than %d words",
				INDEX_LEAF_TOKENS_MAX);
		k->v[k->n++] = w;
	}
	return 0;
}

static bool may_begin_within(const struct token *t)
{
	return t->kind != TOKEN_SINGLE && t->kind != TOKEN_CLUSTER;
}

static slice last_bytes(slice s, size_t n)
{
	size_t at = s.n - n;
	while (((unsigned char)s.p[at] & 0xc0) == 0x80)
		at++;
	return slice_skip(s, at);
}

/* The ends of a piece of text may be within words. Where a long run was cut into tokens is known only if its beginning is: of
 * one that begins within a word as much is looked for as is within one token. */
static void open_ends(struct index_leaf *l, struct leaf_tokens *k, slice folded)
{
	bool within = *folded.p != ' ' && may_begin_within(&k->v[0]);
	size_t skip = 0;
	while (within && k->v[skip].more)
		skip++;
	memmove(k->v, k->v + skip, (k->n - skip) * sizeof *k->v);
	k->n -= skip;
	struct token *a = &k->v[0], *z = &k->v[k->n - 1];
	bool open = folded.p[folded.n - 1] != ' ' && z->kind != TOKEN_SINGLE;
	bool shorten = within && a->text.n > TOKEN_OVERLAP;
	if (shorten)
		a->text = last_bytes(a->text, TOKEN_OVERLAP);
	l->sure &= !skip && !shorten;
	l->v[k->n - 1].how = open ? INDEX_MATCH_START : INDEX_MATCH_WHOLE;
	if (within)
		l->v[0].how = k->n == 1 && open ? INDEX_MATCH_PART : INDEX_MATCH_END;
}

static void set_distances(struct index_leaf *l, const struct leaf_tokens *k, bool loose)
{
	for (size_t i = 0; i < k->n; i++) {
		const struct token *t = &k->v[i];
		uint32_t d = i ? t->at - t[-1].at : 0;
		bool any = loose && i &&
			   !(d == 1 && t->kind == TOKEN_SINGLE && t[-1].kind == TOKEN_SINGLE);
		l->v[i].text = t->text;
		l->v[i].least = any ? 1 : d;
		l->v[i].most = any ? NEAR : d;
		l->loose |= any;
	}
	l->n = k->n;
}

int index_leaf_init(
	struct index_leaf *l, const struct index_query *q, struct arena *a, struct err *e)
{
	if (q->text.n > INDEX_QUERY_TEXT_MAX)
		return err_set(e, ERR_LIMIT, "a text of a search is longer than %d bytes",
			INDEX_QUERY_TEXT_MAX);
	AUTO(buf) struct buf made = BUF(16 * INDEX_QUERY_TEXT_MAX);
	search_fold(q->text, &made);
	slice folded = arena_dup(a, buf_slice(&made));
	struct leaf_tokens *k = ARENA_NEW(a, struct leaf_tokens);
	*l = (struct index_leaf){.fields = q->fields, .sure = true};
	l->v = ARENA_ARRAY(a, struct index_leaf_token, INDEX_LEAF_TOKENS_MAX);
	if (read_tokens(k, folded, q->how == INDEX_PHRASE, e))
		return -1;
	l->everything = !k->n;
	if (q->how == INDEX_PHRASE && folded.n)
		l->sure = *folded.p != ' ' && folded.p[folded.n - 1] != ' ' &&
			  !memchr(folded.p, 1, folded.n);
	if (k->n && q->how == INDEX_PHRASE)
		open_ends(l, k, folded);
	if (k->n && q->how == INDEX_BEGINNING)
		l->v[k->n - 1].how = INDEX_MATCH_START;
	set_distances(l, k, q->how != INDEX_PHRASE);
	return 0;
}

/* ---- words of a token ---- */

static bool add_entry(void *arg, const struct index_entry *e)
{
	struct index_group *g = arg;
	if (g->n == WORDS_MAX) {
		g->any = true;
		return false;
	}
	if (g->n == g->cap) {
		g->cap = g->cap ? 2 * g->cap : 8;
		g->v = mem_grow(g->v, g->cap * sizeof *g->v);
	}
	g->v[g->n++] = *e;
	g->emails += e->emails;
	return true;
}

int index_group_load(struct index_finding *f, size_t i, struct err *e)
{
	struct index_group *g = &f->groups[i];
	g->n = 0;
	g->emails = 0;
	g->any = false;
	if (index_reader_match(f->r, f->field, f->l->v[i].text, f->l->v[i].how, add_entry, g, e))
		return -1;
	f->sure &= !g->any;
	return 0;
}

int index_each_email(struct index_finding *f, const struct index_entry *x,
	void (*fn)(struct index_finding *f, uint32_t ordinal, uint32_t times), struct err *e)
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

/* ---- finding ---- */

void index_hit(struct index_finding *f, uint32_t ordinal, uint32_t times)
{
	static const uint8_t weights[INDEX_FIELDS] = {[INDEX_FROM] = 4,
		[INDEX_TO] = 2,
		[INDEX_CC] = 1,
		[INDEX_BCC] = 1,
		[INDEX_SUBJECT] = 4,
		[INDEX_HEADER] = 1,
		[INDEX_BODY] = 1,
		[INDEX_ATTACHMENT] = 1};
	index_set_bit(f->found, ordinal);
	if (!f->times)
		return;
	uint64_t sum = f->times[ordinal] + (uint64_t)times * weights[f->field];
	f->times[ordinal] = (uint8_t)(sum < 255 ? sum : 255);
}

/* One token: no positions. */
static int find_single(struct index_finding *f, struct err *e)
{
	struct index_group *g = &f->groups[0];
	if (index_group_load(f, 0, e))
		return -1;
	if (g->any)
		memset(f->found, 0xff, f->nbits / 8);
	for (size_t k = 0; k < g->n && !g->any; k++)
		if (index_each_email(f, &g->v[k], index_hit, e))
			return -1;
	return 0;
}

static void finding_done(struct index_finding *f)
{
	for (size_t i = 0; i < f->l->n; i++)
		free(f->groups[i].v);
	free(f->groups);
	free(f->candidates);
	free(f->one);
	free(f->at);
	free(f->next);
	free(f->marks);
	buf_done(&f->docs);
	buf_done(&f->places);
}

int index_leaf_find(struct index_reader *r, const struct index_leaf *l, uint64_t *found,
	uint8_t *times, bool *sure, struct err *e)
{
	struct index_finding f = {.r = r, .l = l, .found = found, .times = times, .sure = l->sure};
	int failed = 0;
	f.nbits = ((size_t)r->seg->emails + 63) / 64 * 64;
	f.docs.limit = f.places.limit = (size_t)1 << 32;
	f.groups = mem_alloc((l->n + 1) * sizeof *f.groups);
	f.candidates = mem_alloc(f.nbits / 8 + 8);
	f.one = mem_alloc(f.nbits / 8 + 8);
	for (int i = 0; i < INDEX_FIELDS && !failed && l->n; i++) {
		f.field = (enum index_field)i;
		if (l->fields >> i & 1)
			failed = l->n == 1 ? find_single(&f, e) : index_phrase_find(&f, e);
	}
	finding_done(&f);
	*sure = f.sure;
	return failed;
}
