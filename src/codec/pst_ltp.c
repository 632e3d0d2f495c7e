/*
 * Heaps, lists of properties and tables on the nodes of a PST (MS-PST 2.3). Called by the other pst*.c. What is named and not there is
 * as if it was not named; a heap or a tree that cannot be read is damage of its object.
 */
#include "codec/pst_impl.h"

enum {
	TREE_LEVELS = 8,
	BLOCK_SIGNATURE = 0xec,
	KIND_PROPS = 0xbc,
	KIND_TABLE = 0x7c,
	KIND_TREE = 0xb5
};

/* ---- heaps (2.3.1) ---- */

static void heap_done(struct pst_heap *h)
{
	buf_done(&h->data);
	free(h->ends.v);
	h->ends = (struct pst_ends){0};
}

static bool heap_open(struct pst *p, const struct pst_node *n, struct pst_heap *h)
{
	*h = (struct pst_heap){.p = p, .data = BUF(PST_HEAP_MAX), .sub = n->sub};
	if (!pst_data(p, n->data, &h->data, &h->ends))
		return false;
	if (h->data.n < 12 || h->ends.v[0] < 12 || (unsigned char)h->data.p[2] != BLOCK_SIGNATURE)
		return pst_fail(p, "its properties are damaged");
	h->kind = (unsigned char)h->data.p[3];
	h->root = pst_32(h->data.p + 4);
	return true;
}

static slice heap_block(const struct pst_heap *h, size_t i)
{
	if (i >= h->ends.n)
		return S("");
	size_t from = i ? h->ends.v[i - 1] : 0;
	return slice_of(h->data.p + from, h->ends.v[i] - from);
}

/* An allocation (2.3.1.5); empty: it is not there. */
static slice heap_get(const struct pst_heap *h, uint32_t hid)
{
	unsigned shift = h->p->format == PST_UNICODE_4K ? 19 : 16;
	slice b = heap_block(h, hid >> shift);
	size_t i = (hid & ((UINT32_C(1) << shift) - 1)) >> 5, map = b.n >= 2 ? pst_16(b.p) : 0;
	if (hid & 31 || !i || map + 4 > b.n || i > pst_16(b.p + map) || map + 4 + 2 * (i + 1) > b.n)
		return S("");
	size_t from = pst_16(b.p + map + 4 + 2 * (i - 1)), to = pst_16(b.p + map + 4 + 2 * i);
	return from <= to && to <= b.n ? slice_of(b.p + from, to - from) : S("");
}

/* What a number names: in the heap, or a node below (2.3.3.2). */
static bool value_of(struct pst_heap *h, uint32_t hnid, size_t most, struct pst_raw *r)
{
	struct pst_node n;
	if (!hnid)
		return r->s = S(""), true;
	if (!(hnid & 31)) {
		r->s = heap_get(h, hnid);
		return r->s.n <= most || pst_fail(h->p, "it is larger than may be");
	}
	r->own = BUF(most);
	if (!pst_sub(h->p, h->sub, hnid, &n) || !pst_data(h->p, n.data, &r->own, NULL)) {
		buf_done(&r->own);
		return false;
	}
	r->s = buf_slice(&r->own);
	return true;
}

void auto_pst_raw(struct pst_raw *r)
{
	buf_done(&r->own);
}

/* ---- trees in heaps (2.3.2) ---- */

typedef void record_fn(void *arg, const char *record);
struct tree {
	struct pst_heap *h;
	size_t key, data;
	record_fn *fn;
	void *arg;
	size_t left; /* records that may still come */
};

static bool tree_level(struct tree *t, uint32_t hid, unsigned level)
{
	slice s = heap_get(t->h, hid);
	size_t step = t->key + (level ? 4 : t->data);
	for (; s.n >= step; s = slice_skip(s, step)) {
		if (!t->left--)
			return pst_fail(t->h->p, "it has too many properties");
		if (!level)
			t->fn(t->arg, s.p);
		else if (!tree_level(t, pst_32(s.p + t->key), level - 1))
			return false;
	}
	return true;
}

static bool each_record(struct pst_heap *h, uint32_t root, size_t key, size_t data, size_t most,
	record_fn *fn, void *arg)
{
	slice s = heap_get(h, root);
	if (s.n < 8 || (unsigned char)s.p[0] != KIND_TREE || (size_t)s.p[1] != key ||
		(data && (size_t)s.p[2] != data) || s.p[3] < 0 || s.p[3] > TREE_LEVELS)
		return pst_fail(h->p, "its properties are damaged");
	struct tree t = {
		.h = h, .key = key, .data = (size_t)s.p[2], .fn = fn, .arg = arg, .left = most};
	uint32_t top = pst_32(s.p + 4);
	if (!t.data || t.data > 64)
		return pst_fail(h->p, "its properties are damaged");
	return !top || tree_level(&t, top, (unsigned)s.p[3]);
}

/* ---- properties (2.3.3) ---- */

static void add_prop(void *arg, const char *r)
{
	struct pst_props *o = arg;
	if (o->n == o->cap)
		o->v = mem_grow(o->v, (o->cap = o->cap ? 2 * o->cap : 64) * sizeof *o->v);
	o->v[o->n++] = (struct pst_prop){pst_16(r), pst_16(r + 2), pst_32(r + 4)};
}

bool pst_props_open(struct pst *p, const struct pst_node *n, struct pst_props *ret)
{
	*ret = (struct pst_props){0};
	if (heap_open(p, n, &ret->heap) && ret->heap.kind != KIND_PROPS)
		pst_fail(p, "its properties are damaged");
	else if (ret->heap.kind == KIND_PROPS &&
		 each_record(&ret->heap, ret->heap.root, 2, 6, PST_VALUES_MAX, add_prop, ret))
		return true;
	pst_props_done(ret);
	return false;
}

void pst_props_done(struct pst_props *o)
{
	heap_done(&o->heap);
	free(o->v);
	*o = (struct pst_props){0};
}

static const struct pst_prop *find_prop(const struct pst_props *o, unsigned id)
{
	for (size_t i = 0; i < o->n; i++)
		if (o->v[i].id == id)
			return &o->v[i];
	return NULL;
}

bool pst_has(const struct pst_props *o, unsigned id)
{
	return find_prop(o, id) != NULL;
}

/* Bytes of a value that stands in its place. */
static size_t size_inside(unsigned type)
{
	switch (type) {
	case PST_T_BOOL:
		return 1;
	case PST_T_16:
		return 2;
	case PST_T_32:
	case 1: /* PtypNull ... */
	case 4: /* PtypFloating32 */
	case 10: /* PtypErrorCode */
		return 4;
	default:
		return 0;
	}
}

bool pst_get(struct pst_props *o, unsigned id, size_t most, struct pst_raw *ret)
{
	const struct pst_prop *v = find_prop(o, id);
	*ret = (struct pst_raw){.s = S("")};
	if (!v)
		return false;
	ret->type = v->type;
	size_t n = size_inside(v->type);
	if (n) { /* little endian, as all of it */
		ret->own = BUF(4);
		for (size_t i = 0; i < n; i++)
			buf_byte(&ret->own, (char)(v->hnid >> 8 * i));
		ret->s = buf_slice(&ret->own);
		return true;
	}
	return value_of(&o->heap, v->hnid, most, ret);
}

bool pst_object(struct pst_props *o, unsigned id, struct pst_node *ret)
{
	AUTO(pst_raw) struct pst_raw r;
	return pst_get(o, id, 64, &r) && r.type == PST_T_OBJECT && r.s.n >= 4 &&
	       pst_sub(o->heap.p, o->heap.sub, pst_32(r.s.p), ret);
}

/* ---- tables (2.3.4) ---- */

static void add_row(void *arg, const char *r)
{
	struct pst_table *t = arg;
	if (t->n == t->cap)
		t->index =
			mem_grow(t->index, (t->cap = t->cap ? 2 * t->cap : 64) * sizeof *t->index);
	t->index[t->n++] = t->heap.p->format == PST_ANSI ? pst_16(r + 4) : pst_32(r + 4);
}

static bool read_columns(struct pst_table *t, slice info)
{
	size_t n = (unsigned char)info.p[1];
	t->bits_at = pst_16(info.p + 6);
	t->row_size = pst_16(info.p + 8);
	if (n * 8 + 22 > info.n || t->row_size < 5)
		return false;
	t->v = mem_alloc((n + 1) * sizeof *t->v);
	for (size_t i = 0; i < n; i++) {
		const char *c = info.p + 22 + 8 * i;
		t->v[i] = (struct pst_column){.type = pst_16(c),
			.id = pst_16(c + 2),
			.at = pst_16(c + 4),
			.size = (uint8_t)c[6],
			.bit = (uint8_t)c[7]};
		if (t->v[i].at + (size_t)t->v[i].size > t->row_size)
			return false;
	}
	t->ncolumns = n;
	return true;
}

/* Rows do not go across blocks. */
static bool load_rows(struct pst_table *t, uint32_t hnid)
{
	struct pst_node n;
	t->rows = BUF(PST_HEAP_MAX);
	if (!hnid)
		return true;
	if (hnid & 31)
		return pst_sub(t->heap.p, t->heap.sub, hnid, &n) &&
		       pst_data(t->heap.p, n.data, &t->rows, &t->ends);
	buf_put(&t->rows, heap_get(&t->heap, hnid));
	t->ends = (struct pst_ends){.v = mem_alloc(sizeof *t->ends.v), .n = 1, .cap = 1};
	t->ends.v[0] = (uint32_t)t->rows.n;
	return true;
}

bool pst_table_open(struct pst *p, const struct pst_node *n, struct pst_table *ret)
{
	*ret = (struct pst_table){0};
	bool ok = heap_open(p, n, &ret->heap);
	slice info = ok ? heap_get(&ret->heap, ret->heap.root) : S("");
	if (ok && ret->heap.kind == KIND_TABLE && info.n >= 22 &&
		(unsigned char)info.p[0] == KIND_TABLE && read_columns(ret, info) &&
		each_record(&ret->heap, pst_32(info.p + 10), 4, p->format == PST_ANSI ? 2 : 4,
			PST_NODES_MAX, add_row, ret) &&
		load_rows(ret, pst_32(info.p + 14)))
		return true;
	if (ok)
		pst_fail(p, "a list in it is damaged");
	pst_table_done(ret);
	return false;
}

void pst_table_done(struct pst_table *t)
{
	heap_done(&t->heap);
	buf_done(&t->rows);
	free(t->ends.v);
	free(t->index);
	free(t->v);
	*t = (struct pst_table){0};
}

static slice row_of(const struct pst_table *t, size_t row)
{
	size_t per = t->ends.n ? t->ends.v[0] / t->row_size : 0, i = t->index[row];
	if (!per || i / per >= t->ends.n)
		return S("");
	size_t b = i / per, at = (b ? t->ends.v[b - 1] : 0) + i % per * t->row_size;
	return at + t->row_size <= t->ends.v[b] ? slice_of(t->rows.p + at, t->row_size) : S("");
}

uint32_t pst_row_id(const struct pst_table *t, size_t row)
{
	slice r = row_of(t, row);
	return r.n ? pst_32(r.p) : 0;
}

static bool in_row(unsigned type)
{
	return size_inside(type) || type == PST_T_TIME || type == 5 || type == 6 || type == 7 ||
	       type == 20;
}

bool pst_cell(struct pst_table *t, size_t row, unsigned id, size_t most, struct pst_raw *ret)
{
	slice r = row_of(t, row);
	*ret = (struct pst_raw){.s = S("")};
	for (size_t i = 0; r.n && i < t->ncolumns; i++) {
		const struct pst_column *c = &t->v[i];
		size_t bit = t->bits_at + c->bit / 8;
		if (c->id != id)
			continue;
		if (bit >= r.n || !(r.p[bit] & 0x80 >> c->bit % 8))
			return false;
		ret->type = c->type;
		if (in_row(c->type)) {
			ret->s = slice_of(r.p + c->at, c->size);
			return true;
		}
		return c->size == 4 && value_of(&t->heap, pst_32(r.p + c->at), most, ret);
	}
	return false;
}
