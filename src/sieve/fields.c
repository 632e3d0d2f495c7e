/*
 * The header as a run sees it: read once, changed by editheader (RFC 5293), with texts decoded when they are asked for (RFC 5228
 * section 2.7.2). Tests of header, address, exists, date call it; sieve_edited() makes the same changes for those who deliver.
 */
#include "base/utf8.h"
#include "codec/words.h"
#include "sieve/impl.h"

enum { FIELDS_MAX = 10000, TEXT_MAX = 64 * 1024 };

static void add_field(struct fields *v, struct arena *a, size_t at, const struct field *f)
{
	if (v->n == v->room) {
		struct field *more =
			ARENA_ARRAY(a, struct field, v->room = v->room ? v->room * 2 : 8);
		if (v->n)
			memcpy(more, v->v, v->n * sizeof *more);
		v->v = more;
	}
	memmove(v->v + at + 1, v->v + at, (v->n - at) * sizeof *v->v);
	v->v[at] = *f;
	v->n++;
}

static void read_fields(slice header, struct arena *a, struct fields *ret, slice *ret_body)
{
	struct header_field f;
	while (ret->n < FIELDS_MAX && header_next(&header, &f))
		add_field(ret, a, ret->n,
			&(struct field){.raw = f.raw, .name = f.name, .value = f.value});
	*ret_body = header;
}

/* Of the letter itself, with edits. */
static struct fields *own_fields(struct run *r)
{
	slice body;
	if (!r->have_fields) {
		slice header = slice_first(r->message, header_length(r->message));
		r->fields = (struct fields){0};
		r->have_fields = true;
		sieve_run_look(r, header.n);
		read_fields(header, r->a, &r->fields, &body);
	}
	return &r->fields;
}

struct fields *sieve_run_part_fields(struct run *r, size_t part)
{
	slice body;
	if (part == 0)
		return own_fields(r);
	const struct mime *m = sieve_run_mime(r);
	if (!r->part_fields[part]) {
		r->part_fields[part] = ARENA_NEW(r->a, struct fields);
		sieve_run_look(r, m->v[part].header.n);
		read_fields(m->v[part].header, r->a, r->part_fields[part], &body);
	}
	return r->part_fields[part];
}

struct fields *sieve_run_fields(struct run *r)
{
	return sieve_run_part_fields(r, r->loop ? r->loop->part : 0);
}

slice sieve_field_text(struct run *r, struct field *f)
{
	AUTO(buf) struct buf out = BUF(TEXT_MAX);
	if (f->have_text || !sieve_run_look(r, f->value.n))
		return f->text;
	slice plain = header_unfold(f->value, r->a);
	if (slice_find(plain, S("=?")) == plain.n && utf8_valid(plain)) {
		f->text = plain;
	} else {
		words_decode(&out, f->value);
		f->text = sieve_run_dup(r, slice_trim(buf_slice(&out)));
	}
	f->have_text = true;
	return f->text;
}

struct field *sieve_fields_next(
	struct run *r, struct fields *v, slice name, const struct node *n, size_t *i)
{
	bool indexed, last;
	const struct arg *index = sieve_node_tag(n, TAG_INDEX, &indexed);
	last = node_has(n, TAG_LAST);
	if (!indexed) {
		size_t from = *i;
		while (*i < v->n && !slice_ieq(v->v[*i].name, name))
			++*i;
		return sieve_run_look(r, (*i - from + 1) * 4) && *i < v->n ? &v->v[(*i)++] : NULL;
	}
	sieve_run_look(r, v->n * 4);
	uint64_t want = index->number;
	for (size_t k = 0; *i == 0 && want && k < v->n; k++) {
		struct field *f = &v->v[last ? v->n - 1 - k : k];
		if (slice_ieq(f->name, name) && --want == 0) {
			*i = v->n + 1; /* only this one */
			return f;
		}
	}
	return NULL;
}

bool sieve_field_name(slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] <= ' ' || s.p[i] == ':' || (unsigned char)s.p[i] >= 0x7f)
			return false;
	return s.n > 0 && s.n <= 900;
}

/* ---- edits ---- */

static void make_edit(struct fields *v, struct arena *a, const struct sieve_edit *e)
{
	if (e->kind == SIEVE_EDIT_ADD) {
		slice raw = arena_printf(a, "%.*s: %.*s\r\n", SFMT(e->name), SFMT(e->value));
		slice value = slice_first(slice_skip(raw, e->name.n + 1), e->value.n + 1);
		struct field f = {.raw = raw, .name = slice_first(raw, e->name.n), .value = value};
		add_field(v, a, e->last ? v->n : 0, &f);
		return;
	}
	unsigned at = e->at;
	for (size_t i = 0; i < v->n; i++)
		if (slice_ieq(v->v[i].name, e->name) && at-- == 0) {
			memmove(v->v + i, v->v + i + 1, (v->n - i - 1) * sizeof *v->v);
			v->n--;
			return;
		}
}

void sieve_run_edit(struct run *r, const struct sieve_edit *e)
{
	struct sieve_result *out = r->out;
	if (r->nedits >= r->lim.edits) {
		sieve_run_fail(r,
			arena_printf(r->a, "the script changes more than %u fields", r->lim.edits),
			arena_printf(r->a, "脚本修改的信头字段超过 %u 个", r->lim.edits));
		return;
	}
	if (e->kind != SIEVE_EDIT_MESSAGE) {
		make_edit(own_fields(r), r->a, e); /* parts of it stay as they are */
		sieve_run_look(r, r->fields.n * 16);
	}
	if (r->nedits == r->edits_room) {
		size_t room = r->edits_room ? r->edits_room * 2 : 8;
		struct sieve_edit *more = sieve_run_alloc(r, room * sizeof *more);
		if (r->nedits)
			memcpy(more, out->edits, r->nedits * sizeof *more);
		out->edits = more;
		r->edits_room = room;
	}
	out->edits[r->nedits++] = *e;
	out->nedits = r->nedits;
}

static slice join_fields(const struct fields *v, struct arena *a)
{
	size_t n = 2;
	for (size_t i = 0; i < v->n; i++)
		n += v->v[i].raw.n + 2;
	char *p = arena_alloc(a, n), *to = p;
	for (size_t i = 0; i < v->n; i++) {
		slice raw = v->v[i].raw;
		memcpy(to, raw.p, raw.n);
		to += raw.n;
		if (!slice_ends(raw, S("\n"))) {
			*to++ = '\r';
			*to++ = '\n';
		}
	}
	*to++ = '\r';
	*to++ = '\n';
	return slice_of(p, (size_t)(to - p));
}

void sieve_edited(slice message, const struct sieve_edit *v, size_t n, struct arena *a,
	slice *ret_header, slice *ret_body)
{
	size_t from = 0;
	for (size_t i = 0; i < n; i++)
		if (v[i].kind == SIEVE_EDIT_MESSAGE) {
			message = v[i].value;
			from = i + 1;
		}
	size_t length = header_length(message);
	*ret_header = slice_first(message, length);
	*ret_body = slice_skip(message, length);
	if (from == n)
		return;
	struct fields f = {0};
	slice rest;
	read_fields(*ret_header, a, &f, &rest);
	for (size_t i = from; i < n; i++)
		make_edit(&f, a, &v[i]);
	*ret_header = join_fields(&f, a);
	if (rest.n) { /* more fields than are looked at: they stay behind */
		ret_header->n -= 2;
		*ret_header = arena_printf(a, "%.*s%.*s", SFMT(*ret_header), SFMT(rest));
	}
}
