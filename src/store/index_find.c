/*
 * Queries (index.h): a tree over the texts of index_leaf.c, evaluated segment by segment, newest first. For each node two sets of emails: those
 * that surely match, and those that may. Who may ask: any process with a connection; one read transaction, so that a merge that
 * ends meanwhile takes nothing away.
 */
#include "store/index_impl.h"

#include <math.h>

enum { ORDINAL_BITS = 24 };
_Static_assert(INDEX_SEGMENT_EMAILS_MAX == 1 << ORDINAL_BITS, "ordinals have so many bits");

struct sets {
	uint64_t *sure, *maybe; /* sure is part of maybe */
};
struct node {
	enum { LEAF, AND, OR, NOT } op;
	struct node *first, *next;
	struct index_leaf *leaf;
	size_t slot; /* of the leaf */
	bool scored; /* not below an odd number of INDEX_NOT */
};
struct asking {
	const struct index_ask *q;
	struct sql *db;
	struct arena *a, scratch; /* the caller's; of one segment */
	struct index_leaf *leaves[INDEX_QUERY_LEAVES_MAX];
	size_t nleaves;
	/* of the segment at hand */
	struct index_reader r;
	size_t words; /* of a set */
	uint64_t *cut;
	uint8_t *times[INDEX_QUERY_LEAVES_MAX]; /* for each email */
	/* for scores: of each hit, times of each leaf, and a code of its length */
	struct buf facts;
	uint64_t emails;
	double length;
	struct index_found *found;
	size_t cap;
};

/* ---- the query ---- */

static int make_node(struct asking *k, const struct index_query *q, unsigned depth, bool scored,
	struct node **ret, struct err *e)
{
	struct node *n = ARENA_NEW(k->a, struct node), **tail = &n->first;
	n->op = q->op == INDEX_LEAF  ? LEAF
		: q->op == INDEX_AND ? AND
		: q->op == INDEX_OR  ? OR
				     : NOT;
	n->scored = scored;
	if (depth > INDEX_QUERY_DEPTH_MAX)
		return err_set(
			e, ERR_LIMIT, "a search is nested deeper than %d", INDEX_QUERY_DEPTH_MAX);
	if (q->op == INDEX_LEAF) {
		if (k->nleaves == INDEX_QUERY_LEAVES_MAX)
			return err_set(e, ERR_LIMIT, "a search has more than %d texts",
				INDEX_QUERY_LEAVES_MAX);
		n->slot = k->nleaves;
		k->leaves[k->nleaves++] = n->leaf = ARENA_NEW(k->a, struct index_leaf);
		*ret = n;
		return index_leaf_init(n->leaf, q, k->a, e);
	}
	for (const struct index_query *c = q->first; c; c = c->next) {
		if (make_node(k, c, depth + 1, q->op == INDEX_NOT ? !scored : scored, tail, e))
			return -1;
		tail = &(*tail)->next;
	}
	*ret = n;
	return 0;
}

/* ---- one segment ---- */

static uint64_t *set_new(struct asking *k)
{
	return ARENA_ARRAY(&k->scratch, uint64_t, k->words + 1);
}

static bool empty(const struct asking *k, const uint64_t *set)
{
	for (size_t i = 0; i < k->words; i++)
		if (set[i])
			return false;
	return true;
}

static int eval_leaf(struct asking *k, struct node *n, struct sets *ret, struct err *e)
{
	uint64_t *found = set_new(k);
	uint8_t *times = NULL;
	bool sure = true;
	if (k->q->score && n->scored)
		times = k->times[n->slot] = ARENA_ARRAY(&k->scratch, uint8_t, k->r.seg->emails + 1);
	if (n->leaf->everything) {
		memset(found, 0xff, k->words * sizeof *found);
		sure = n->leaf->sure;
	} else if (index_leaf_find(&k->r, n->leaf, found, times, &sure, e)) {
		return -1;
	}
	if (k->r.seg->emails % 64)
		found[k->words - 1] &= ((uint64_t)1 << (k->r.seg->emails % 64)) - 1;
	for (size_t i = 0; i < k->words; i++) {
		ret->sure[i] = sure ? found[i] : 0;
		ret->maybe[i] = found[i] | k->cut[i];
		n->leaf->df += (uint64_t)__builtin_popcountll(found[i]);
	}
	return 0;
}

static int eval(struct asking *k, struct node *n, struct sets *ret, struct err *e)
{
	*ret = (struct sets){set_new(k), set_new(k)};
	if (n->op == LEAF)
		return eval_leaf(k, n, ret, e);
	if (n->op == AND) {
		memset(ret->sure, 0xff, k->words * sizeof *ret->sure);
		memset(ret->maybe, 0xff, k->words * sizeof *ret->maybe);
	}
	for (struct node *c = n->first; c; c = c->next) {
		struct sets s;
		if (eval(k, c, &s, e))
			return -1;
		for (size_t i = 0; i < k->words; i++) {
			ret->sure[i] =
				n->op == AND ? ret->sure[i] & s.sure[i] : ret->sure[i] | s.sure[i];
			ret->maybe[i] = n->op == AND ? ret->maybe[i] & s.maybe[i]
						     : ret->maybe[i] | s.maybe[i];
		}
		if (n->op == AND && empty(k, ret->maybe))
			break;
	}
	for (size_t i = 0; n->op == NOT && i < k->words; i++) {
		uint64_t sure = ret->sure[i];
		ret->sure[i] = ~ret->maybe[i];
		ret->maybe[i] = ~sure;
	}
	return 0;
}

static void add_hit(struct asking *k, const struct index_email_row *m, uint32_t ordinal, bool sure)
{
	struct index_found *f = k->found;
	if (f->n == k->cap) {
		size_t cap = k->cap ? 2 * k->cap : 64;
		struct index_hit *v = ARENA_ARRAY(k->a, struct index_hit, cap);
		if (f->n)
			memcpy(v, f->v, f->n * sizeof *v);
		f->v = v;
		k->cap = cap;
	}
	f->v[f->n++] = (struct index_hit){.email_id = m->id, .sure = sure};
	f->unsure += !sure;
	if (!k->q->score)
		return;
	buf_u8(&k->facts, m->length);
	for (size_t i = 0; i < k->nleaves; i++)
		buf_u8(&k->facts, k->times[i] ? k->times[i][ordinal] : 0);
}

static int read_emails(struct asking *k, struct index_email_row **ret, struct err *e)
{
	const struct index_segment *g = k->r.seg;
	struct index_email_row *v = ARENA_ARRAY(&k->scratch, struct index_email_row, g->emails + 1);
	struct index_emails in = index_emails_of(g);
	for (uint32_t i = 0; i < g->emails; i++) {
		if (!index_emails_next(&in, &v[i]))
			return index_damaged(e, "emails of a segment");
		if (v[i].cut)
			index_set_bit(k->cut, i);
		k->length += index_length_of(v[i].length);
	}
	k->emails += g->emails;
	*ret = v;
	return 0;
}

static bool enough(const struct asking *k)
{
	return k->q->most && k->found->n >= k->q->most;
}

/* Those that may match and are asked for, by id. */
static uint64_t *in_order(
	struct asking *k, const uint64_t *maybe, const struct index_email_row *v, size_t *ret_n)
{
	uint64_t *order = ARENA_ARRAY(&k->scratch, uint64_t, k->r.seg->emails + 1);
	size_t n = 0;
	for (uint32_t i = 0; i < k->r.seg->emails; i++)
		if (index_bit(maybe, i) && v[i].id >= k->q->from &&
			(!k->q->to || v[i].id <= k->q->to))
			order[n++] =
				(uint64_t)(v[i].id - k->r.seg->first_email) << ORDINAL_BITS | i;
	index_sort(order, n);
	*ret_n = n;
	return order;
}

static int ask_open(struct asking *k, struct node *tree, struct err *e)
{
	struct index_email_row *v = NULL;
	struct sets s;
	size_t n;
	if ((uint64_t)(k->r.seg->last_email - k->r.seg->first_email) >> (64 - ORDINAL_BITS))
		return index_damaged(e, "emails of a segment");
	k->words = (k->r.seg->emails + 63) / 64;
	k->cut = set_new(k);
	memset(k->times, 0, sizeof k->times);
	if (read_emails(k, &v, e) || eval(k, tree, &s, e))
		return -1;
	const uint64_t *order = in_order(k, s.maybe, v, &n);
	while (n-- && !enough(k)) {
		uint32_t i = (uint32_t)order[n] & (INDEX_SEGMENT_EMAILS_MAX - 1);
		add_hit(k, &v[i], i, index_bit(s.sure, i));
	}
	return 0;
}

static int ask_segment(
	struct asking *k, struct node *tree, const struct index_segment *g, struct err *e)
{
	if (g->last_email < k->q->from || (k->q->to && g->first_email > k->q->to) || !g->emails)
		return 0;
	arena_reset(&k->scratch);
	int failed = index_reader_open(&k->r, k->db, k->q->account_id, g, true, e) ||
		     ask_open(k, tree, e);
	index_reader_close(&k->r);
	return failed ? -1 : 0;
}

/* ---- scores ---- */

/* BM25 with k1 = 1.2, b = 0.75, divided by the most that it could be. */
static void score(struct asking *k)
{
	double idf[INDEX_QUERY_LEAVES_MAX], top = 0,
					    mean = k->emails ? k->length / (double)k->emails : 1;
	for (size_t i = 0; i < k->nleaves; i++) {
		double df = (double)k->leaves[i]->df, n = (double)k->emails;
		idf[i] = log(1 + (n - df + 0.5) / (df + 0.5));
		idf[i] = idf[i] > 0 ? idf[i] : 0;
		top += idf[i] * 2.2;
	}
	const uint8_t *p = (const uint8_t *)k->facts.p;
	for (size_t h = 0; h < k->found->n && buf_ok(&k->facts); h++) {
		double length = index_length_of(*p++), sum = 0;
		for (size_t i = 0; i < k->nleaves; i++) {
			double t = *p++;
			sum += idf[i] * t * 2.2 /
			       (t + 1.2 * (0.25 + 0.75 * length / (mean > 1 ? mean : 1)));
		}
		k->found->v[h].score = top > 0 ? (float)(sum / top) : 0;
	}
}

/* ---- all ---- */

/* Of an index that another version of the program has made nothing is known; the indexer begins anew with it. */
static int is_ours(struct sql *db, bool *ret, struct err *e)
{
	int version;
	if (sql_version(db, &version, e))
		return -1;
	*ret = version == index_migrations[index_migrations_n - 1].version;
	return 0;
}

static int ask(struct asking *k, struct err *e)
{
	struct node *tree;
	struct index_segment *v;
	size_t n;
	bool ours;
	if (is_ours(k->db, &ours, e) ||
		(ours && index_known(k->db, k->q->account_id, &k->found->known, e)) ||
		make_node(k, k->q->what, 0, true, &tree, e))
		return -1;
	if (!k->found->known)
		return 0; /* none, or being removed */
	if (index_segments(k->db, k->q->account_id, true, k->a, &v, &n, e))
		return -1;
	for (size_t i = 0; i < n && !enough(k); i++)
		if (ask_segment(k, tree, &v[i], e))
			return -1;
	if (k->q->score)
		score(k);
	return 0;
}

int index_find(struct sql *db, const struct index_ask *q, struct arena *a, struct index_found *ret,
	struct err *e)
{
	struct index_found found = {0};
	struct asking *k = NEW(struct asking);
	k->q = q;
	k->db = db;
	k->a = a;
	k->found = &found;
	k->facts.limit = (size_t)1 << 30;
	int failed = sql_read_begin(db, e);
	if (!failed) {
		failed = ask(k, e);
		sql_read_end(db);
	}
	arena_done(&k->scratch);
	buf_done(&k->facts);
	free(k);
	if (!failed)
		*ret = found;
	return failed ? -1 : 0;
}
