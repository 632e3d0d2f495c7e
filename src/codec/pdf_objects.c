/*
 * The objects of a PDF: found by looking for "N G obj" from the beginning to the end, as readers do
 * with broken files. The cross-reference table, which can lie, is not asked. Object streams (ISO
 * 32000-1 7.5.7) are unpacked once each. Called by pdf.c.
 */
#include "base/mem.h"
#include "codec/pdf_impl.h"

enum { BACK = 24, RESOLVE_MAX = 16 };

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_space(char c)
{
	return c == ' ' || c == '\n' || c == '\r' || c == '\t' || c == '\f' || c == 0;
}

/* The number that ends at *at (going back), blanks before it; moves *at to its beginning. */
static bool number_before(slice s, size_t *at, uint32_t *ret)
{
	size_t i = *at, lowest = *at > BACK ? *at - BACK : 0;
	uint64_t v = 0, scale = 1;
	while (i > lowest && is_space(s.p[i - 1]))
		i--;
	size_t end = i;
	while (i > lowest && is_digit(s.p[i - 1]) && end - i < 10) {
		v += scale * (uint64_t)(s.p[i - 1] - '0');
		scale *= 10;
		i--;
	}
	*at = i;
	*ret = (uint32_t)v;
	return i < end && v <= 0xffffffff;
}

static struct pdf_object *add(struct pdf *p)
{
	if (p->n >= PDF_OBJECTS_MAX) {
		p->x->fact(p->x->ctx, EXTRACT_LIMIT, S(""));
		return NULL;
	}
	if (p->n == p->cap) {
		size_t cap = p->cap ? 2 * p->cap : 64;
		struct pdf_object *v = ARENA_ARRAY(&p->a, struct pdf_object, cap);
		if (p->n)
			memcpy(v, p->v, p->n * sizeof *v);
		p->v = v;
		p->cap = cap;
	}
	struct pdf_object *o = &p->v[p->n];
	*o = (struct pdf_object){.order = (uint32_t)p->n++};
	return o;
}

/* Unclosed values run on over others; all together they may be as long as a few files. */
static bool charge(struct pdf *p, slice value)
{
	if (value.n > p->values_left) {
		p->x->fact(p->x->ctx, EXTRACT_DAMAGED, S(""));
		p->values_left = 0;
		return false;
	}
	p->values_left -= value.n;
	return true;
}

/* A value, looked for no further than the budget goes. */
static slice within_budget(const struct pdf *p, slice *in)
{
	slice all = slice_first(*in, p->values_left + 1), rest = all, value = pdf_value(&rest);
	*in = slice_skip(*in, all.n - rest.n);
	return value;
}

/* Where the stream's bytes end: where /Length says, if "endstream" stands there. */
static size_t stream_length(slice dict, slice body)
{
	double length;
	if (pdf_number(pdf_get(dict, "Length"), &length) && length >= 0 && length <= body.n) {
		slice behind = slice_first(slice_skip(body, (size_t)length), 20);
		if (slice_find(behind, S("endstream")) < behind.n)
			return (size_t)length;
	}
	return slice_find(body, S("endstream"));
}

/* What follows "obj": a value, perhaps a stream. Returns what is behind it. */
static slice read_object(struct pdf *p, slice s, uint32_t number, uint32_t generation)
{
	struct pdf_token t;
	slice value = within_budget(p, &s), behind = s;
	struct pdf_object *o = charge(p, value) ? add(p) : NULL;
	if (!o)
		return (slice){0};
	o->number = number;
	o->generation = generation;
	o->value = value;
	if (!slice_starts(value, S("<<")))
		return s;
	pdf_next(&behind, &t);
	if (t.kind != PDF_WORD || !slice_eq(t.text, S("stream")))
		return s;
	if (slice_starts(behind, S("\r")))
		behind = slice_skip(behind, 1);
	if (slice_starts(behind, S("\n")))
		behind = slice_skip(behind, 1);
	o->stream = slice_first(behind, stream_length(value, behind));
	if (pdf_name_is(pdf_get(value, "Type"), "XRef"))
		p->trailer = value;
	return slice_skip(behind, o->stream.n);
}

void pdf_scan(struct pdf *p)
{
	slice s = p->in;
	size_t end = 0; /* of the next "endobj" */
	for (size_t at = 0; at < s.n && p->values_left;) {
		size_t obj = at + slice_find(slice_skip(s, at), S("obj")), from = obj;
		size_t trailer =
			at + slice_find(slice_first(slice_skip(s, at), obj - at), S("trailer"));
		uint32_t number, generation;
		if (trailer < obj) {
			slice rest = slice_skip(s, trailer + 7), value = within_budget(p, &rest);
			if (!charge(p, value))
				return;
			if (pdf_get(value, "Root").n || pdf_get(value, "Encrypt").n)
				p->trailer = value;
		}
		if (obj >= s.n)
			return;
		at = obj + 3;
		if (!number_before(s, &from, &generation) || !number_before(s, &from, &number))
			continue;
		slice body = slice_skip(s, at);
		if (end < at)
			end = at + slice_find(body, S("endobj"));
		slice rest = read_object(p, body, number, generation);
		size_t behind = s.n - rest.n;
		bool has_stream = p->n && p->v[p->n - 1].stream.p;
		at = !has_stream && behind > end ? end : behind; /* unclosed: go on inside */
	}
}

static int by_number(const void *va, const void *vb)
{
	const struct pdf_object *const *a = va, *const *b = vb;
	if ((*a)->number != (*b)->number)
		return (*a)->number < (*b)->number ? -1 : 1;
	return (*a)->order < (*b)->order ? -1 : 1;
}

void pdf_index(struct pdf *p)
{
	p->by_number = ARENA_ARRAY(&p->a, struct pdf_object *, p->n + 1);
	for (size_t i = 0; i < p->n; i++)
		p->by_number[i] = &p->v[i];
	qsort(p->by_number, p->n, sizeof *p->by_number, by_number);
	p->nby = 0;
	for (size_t i = 0; i < p->n; i++)
		if (i + 1 == p->n || p->by_number[i]->number != p->by_number[i + 1]->number)
			p->by_number[p->nby++] = p->by_number[i];
}

const struct pdf_object *pdf_find(const struct pdf *p, uint32_t number)
{
	size_t low = 0, high = p->nby;
	while (low < high) {
		size_t mid = (low + high) / 2;
		if (p->by_number[mid]->number < number)
			low = mid + 1;
		else
			high = mid;
	}
	return low < p->nby && p->by_number[low]->number == number ? p->by_number[low] : NULL;
}

const struct pdf_object *pdf_target(const struct pdf *p, slice value)
{
	uint32_t number;
	return pdf_reference(value, &number) ? pdf_find(p, number) : NULL;
}

static bool look_again(const struct pdf *p, size_t n)
{
	bool may = n < *p->looks_left;
	*p->looks_left -= may ? n : *p->looks_left;
	return may;
}

slice pdf_value_again(const struct pdf *p, slice *in)
{
	slice all = slice_first(*in, *p->looks_left), rest = all, value = pdf_value(&rest);
	size_t n = all.n - rest.n;
	*in = slice_skip(*in, n);
	return look_again(p, n) ? value : (slice){0};
}

slice pdf_get_again(const struct pdf *p, slice dict, const char *key)
{
	dict = slice_first(dict, *p->looks_left);
	slice value = pdf_get(dict, key);
	size_t n = value.p ? (size_t)(value.p + value.n - dict.p) : dict.n;
	return look_again(p, n) ? value : (slice){0};
}

slice pdf_resolve(const struct pdf *p, slice value)
{
	for (unsigned i = 0; i < RESOLVE_MAX; i++) {
		uint32_t number;
		if (!pdf_reference(value, &number))
			return value;
		const struct pdf_object *o = pdf_find(p, number);
		if (!o || !look_again(p, o->value.n + 1))
			return (slice){0};
		value = o->value;
	}
	return (slice){0};
}

slice pdf_get_resolved(const struct pdf *p, slice dict, const char *key)
{
	return pdf_resolve(p, pdf_get(dict, key));
}

/* ---- 7.5.7 ---- */

static void unpack_one(struct pdf *p, const struct pdf_object *stream)
{
	AUTO(buf) struct buf out = BUF(PDF_STREAM_MAX);
	double count, first;
	const char *picture;
	if (!pdf_number(pdf_get_resolved(p, stream->value, "N"), &count) ||
		!pdf_number(pdf_get_resolved(p, stream->value, "First"), &first) || first < 0 ||
		!pdf_decode(p, stream, &out, &picture))
		return;
	slice all = arena_dup(&p->a, buf_slice(&out)), head = all;
	p->values_left += 2 * (uint64_t)all.n;
	*p->looks_left += 2 * (uint64_t)all.n;
	for (double i = 0; i < count && head.n; i++) {
		struct pdf_token number, offset;
		pdf_next(&head, &number);
		pdf_next(&head, &offset);
		if (number.kind != PDF_NUMBER || offset.kind != PDF_NUMBER || offset.number < 0 ||
			first + offset.number >= (double)all.n)
			return;
		slice body = slice_skip(all, (size_t)(first + offset.number));
		struct pdf_object *o = add(p);
		if (!o)
			return;
		o->number = (uint32_t)number.number;
		o->packed = true;
		o->value = body; /* cut below */
	}
}

/* Objects of a stream end where the next begins; unclosed ones may not read all the rest again. */
static void cut_values(struct pdf *p, size_t from)
{
	for (size_t i = from; i < p->n; i++) {
		slice *v = &p->v[i].value;
		if (i + 1 < p->n && p->v[i + 1].value.p > v->p)
			v->n = (size_t)(p->v[i + 1].value.p - v->p);
		slice rest = *v;
		*v = within_budget(p, &rest);
		if (!charge(p, *v))
			p->n = i;
	}
}

void pdf_unpack_objects(struct pdf *p)
{
	size_t n = p->n;
	for (size_t i = 0; i < n; i++) {
		size_t from = p->n;
		struct pdf_object stream = p->v[i]; /* the array may move */
		if (!stream.stream.p || !pdf_name_is(pdf_get(stream.value, "Type"), "ObjStm"))
			continue;
		unpack_one(p, &stream);
		cut_values(p, from);
	}
}
