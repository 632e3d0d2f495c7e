/*
 * Fragments of a message with what was looked for in them (box_find.h). Searching compares folded texts (codec/tokens.h), where nothing stands at
 * its old place: so a text is folded character by character here, and each folded byte remembers where it came from. Only as much
 * of a text as is needed to come to the first hit and a little behind it.
 */
#include "base/mem.h"
#include "base/utf8.h"
#include "codec/search_text.h"
#include "codec/tokens.h"
#include "mail/box_find.h"
#include "mail/box_index.h"
#include <stdlib.h>

enum {
	LOOK_MAX = 512 * 1024, /* bytes of a text */
	STEP = 8 * 1024, /* folded between two looks for a hit */
	BEFORE_CHARS = 40, /* shown before the first hit */
	BEHIND = 4 * BOX_SNIPPET_CHARS + 64, /* bytes that are folded behind it */
	NEEDLES_MAX = 50,
	MARKS_MAX = 40,
};

/* ---- what is looked for ---- */

struct needles {
	const struct box_criterion *v[NEEDLES_MAX];
	size_t n;
};

static void collect(const struct box_criterion *c, struct needles *out)
{
	if (c->kind == BOX_NONE_OF)
		return;
	for (const struct box_criterion *k = c->first; k; k = k->next)
		collect(k, out);
	if (c->kind >= BOX_WHO && c->kind != BOX_HEADER && c->text.n && out->n < NEEDLES_MAX)
		out->v[out->n++] = c;
}

static bool applies(const struct box_criterion *c, enum index_field field)
{
	static const enum summary_who whos[] = {[INDEX_FROM] = SUMMARY_FROM,
		[INDEX_TO] = SUMMARY_TO,
		[INDEX_CC] = SUMMARY_CC,
		[INDEX_BCC] = SUMMARY_BCC};
	if (c->kind == BOX_TEXT)
		return true;
	if (c->kind == BOX_SUBJECT)
		return field == INDEX_SUBJECT;
	if (c->kind == BOX_BODY)
		return field == INDEX_BODY || field == INDEX_ATTACHMENT;
	return field < INDEX_SUBJECT && whos[field] == c->who;
}

/* ---- folded, with the way back ---- */

struct mapped {
	slice text;
	size_t done; /* of text */
	struct buf folded;
	uint32_t *at; /* of each folded byte: where its character begins */
	size_t cap;
};

static bool is_mark(uint32_t cp)
{
	return (cp >= 0x300 && cp <= 0x36f) || cp == 0x3099 || cp == 0x309a ||
	       (cp >= 0xfe00 && cp <= 0xfe0f) || cp == 0x200d || (cp >= 0x1160 && cp <= 0x11ff);
}

/* A character and the marks on it. */
static slice next_cluster(slice text)
{
	slice rest = text, before;
	uint32_t cp;
	utf8_next(&rest, &cp);
	do
		before = rest;
	while (rest.n && (unsigned char)*rest.p > 127 && utf8_next(&rest, &cp) && is_mark(cp));
	return slice_of(text.p, (size_t)(before.p - text.p));
}

static void fold_some(struct mapped *m, size_t until)
{
	while (m->done < m->text.n && m->done < until) {
		slice one = next_cluster(slice_skip(m->text, m->done));
		size_t before = m->folded.n;
		search_fold(one, &m->folded);
		if (m->folded.n > m->cap) {
			m->cap = 2 * m->folded.n + STEP;
			m->at = mem_grow(m->at, m->cap * sizeof *m->at);
		}
		for (size_t i = before < m->folded.n ? before : m->folded.n; i < m->folded.n; i++)
			m->at[i] = (uint32_t)m->done;
		m->done += one.n;
	}
}

/* Where the first hit begins in what is folded, from `from` on; SIZE_MAX: none. */
static size_t first_hit(
	const struct mapped *m, const struct needles *q, enum index_field field, size_t from)
{
	size_t first = SIZE_MAX;
	slice in = slice_skip(buf_slice(&m->folded), from);
	for (size_t i = 0; i < q->n; i++) {
		size_t at = applies(q->v[i], field) ? slice_find(in, q->v[i]->text) : in.n;
		if (at < in.n && from + at < first)
			first = from + at;
	}
	return first;
}

/* ---- marks ---- */

static int by_place(const void *a, const void *b)
{
	const struct box_mark *x = a, *y = b;
	return x->from != y->from ? (x->from < y->from ? -1 : 1)
				  : (x->to > y->to) - (x->to < y->to);
}

/* In the text, ascending, joined where they touch. */
static size_t find_marks(const struct mapped *m, const struct needles *q, enum index_field field,
	size_t from, struct box_mark *v)
{
	size_t n = 0, kept = 0;
	for (size_t i = 0; i < q->n; i++) {
		slice needle = q->v[i]->text, in = buf_slice(&m->folded);
		for (size_t at = from; applies(q->v[i], field) && n < MARKS_MAX; at += needle.n) {
			at += slice_find(slice_skip(in, at), needle);
			if (at >= in.n)
				break;
			size_t end = at + needle.n;
			v[n++] = (struct box_mark){m->at[at], end < in.n ? m->at[end] : m->done};
		}
	}
	qsort(v, n, sizeof *v, by_place);
	for (size_t i = 0; i < n; i++) {
		while (v[i].to > v[i].from && (unsigned char)m->text.p[v[i].to - 1] <= ' ')
			v[i].to--;
		while (v[i].from < v[i].to && (unsigned char)m->text.p[v[i].from] <= ' ')
			v[i].from++;
		if (kept && v[i].from <= v[kept - 1].to)
			v[kept - 1].to = v[i].to > v[kept - 1].to ? v[i].to : v[kept - 1].to;
		else
			v[kept++] = v[i];
	}
	return kept;
}

/* ---- the fragment ---- */

static bool is_break(char c)
{
	return (unsigned char)c <= ' ' || c == 0x7f;
}

/* So many characters back, and on to where a word begins if one begins there soon. */
static size_t begin_at(slice text, size_t hit)
{
	size_t at = hit;
	for (unsigned n = 0; at && n < BEFORE_CHARS; n++)
		do
			at--;
		while (at && ((unsigned char)text.p[at] & 0xc0) == 0x80);
	if (!at)
		return 0;
	for (size_t i = at; i < hit && i < at + 20; i++)
		if (is_break(text.p[i]))
			return i + 1;
	return at;
}

static size_t end_at(slice text, size_t from, size_t least)
{
	size_t at = from;
	for (unsigned n = 0; at < text.n && (n < BOX_SNIPPET_CHARS || at < least); n++)
		do
			at++;
		while (at < text.n && ((unsigned char)text.p[at] & 0xc0) == 0x80);
	return at;
}

/* On one line; marks move with it. */
static void write_line(slice text, size_t from, size_t to, const struct box_mark *marks,
	size_t nmarks, struct arena *a, struct box_snippet *ret)
{
	AUTO(buf) struct buf out = BUF(4 * (to - from) + 16);
	size_t k = 0;
	ret->marks = ARENA_ARRAY(a, struct box_mark, nmarks + 1);
	for (size_t i = from; i <= to; i++) {
		if (k < nmarks && ret->nmarks > k && marks[k].to <= i)
			ret->marks[k++].to = out.n;
		if (k < nmarks && ret->nmarks == k && marks[k].from <= i && i < to)
			ret->marks[ret->nmarks++].from = out.n;
		if (i == to)
			break;
		if (!is_break(text.p[i]))
			buf_byte(&out, text.p[i]);
		else if (out.n && out.p[out.n - 1] != ' ')
			buf_byte(&out, ' ');
	}
	if (ret->nmarks > k)
		ret->marks[k].to = out.n;
	while (out.n && out.p[out.n - 1] == ' ' &&
		(!ret->nmarks || ret->marks[ret->nmarks - 1].to < out.n))
		out.n--;
	ret->text = arena_dup(a, buf_slice(&out));
}

/* The first hit in a text with what is around it. False: there is none. */
static bool snippet(slice text, enum index_field field, const struct needles *q, struct arena *a,
	struct box_snippet *ret)
{
	struct box_mark marks[MARKS_MAX];
	struct mapped m = {.text = utf8_first(text, LOOK_MAX), .folded = BUF(SIZE_MAX / 4)};
	size_t hit = SIZE_MAX, looked = 0;
	while (hit == SIZE_MAX && m.done < m.text.n) {
		fold_some(&m, m.done + STEP);
		hit = first_hit(&m, q, field, looked);
		looked =
			m.folded.n > BOX_CRITERIA_TEXT * 4 ? m.folded.n - BOX_CRITERIA_TEXT * 4 : 0;
	}
	*ret = (struct box_snippet){.field = field};
	if (hit != SIZE_MAX) {
		fold_some(&m, m.at[hit] + BEHIND);
		size_t n = find_marks(&m, q, field, hit, marks);
		size_t from = begin_at(m.text, marks[0].from);
		size_t to = end_at(m.text, from, marks[0].to);
		while (n > 1 && marks[n - 1].from >= to)
			n--;
		write_line(m.text, from, to, marks, n, a, ret);
		ret->cut_before = from > 0;
		ret->cut_after = to < text.n;
	}
	buf_done(&m.folded);
	free(m.at);
	return hit != SIZE_MAX;
}

/* ---- the texts of a message ---- */

struct reading {
	struct box_content *c;
	struct buf body;
};

static int read_bytes(void *arg, uint64_t at, uint64_t n, struct buf *out, struct err *e)
{
	return box_content_read(((struct reading *)arg)->c, at, n, out, e);
}

static void on_field(void *arg, const struct search_field *f)
{
	(void)arg, (void)f;
}

static void on_text(void *arg, slice utf8, bool begins)
{
	struct reading *r = arg;
	if (begins && r->body.n)
		buf_put(&r->body, S(INDEX_GAP));
	buf_put(&r->body, utf8_first(utf8, r->body.limit - r->body.n));
}

static bool enough(void *arg, bool part)
{
	const struct reading *r = arg;
	(void)part;
	return r->body.n + UTF8_MAX >= r->body.limit;
}

static int read_body(struct box_view *v, const struct mailbox_message *m, const struct summary *sum,
	struct buf *out, struct err *e)
{
	struct reading r = {.body = *out};
	struct search_texts t = {.read = read_bytes,
		.field = on_field,
		.text = on_text,
		.enough = enough,
		.arg = &r};
	if (box_content_open(v, m, &r.c, e) < 0)
		return -1;
	search_texts_init(&t);
	t.prefix = box_content_prefix(r.c);
	t.size = box_content_size(r.c);
	int failed = search_texts_body(&t, sum, e);
	search_texts_done(&t);
	box_content_close(r.c);
	*out = r.body;
	return failed;
}

struct showing {
	struct box_view *v;
	const struct mailbox_message *m;
	const struct needles *q;
	struct arena *a;
	struct box_snippet *ret;
	size_t n;
};

static void show(struct showing *s, slice text, enum index_field field)
{
	if (s->n < BOX_SNIPPETS_MAX && text.n && snippet(text, field, s->q, s->a, &s->ret[s->n]))
		s->n++;
}

static void show_header(struct showing *s, const struct summary *sum)
{
	static const enum summary_who whos[] = {SUMMARY_FROM, SUMMARY_TO, SUMMARY_CC, SUMMARY_BCC};
	AUTO(buf) struct buf text = BUF(1 << 20);
	show(s, summary_text(sum, 0, SUMMARY_SUBJECT_TEXT), INDEX_SUBJECT);
	for (int i = 0; i < 4 && s->n < BOX_SNIPPETS_MAX - 1; i++) {
		buf_reset(&text);
		search_addresses(sum, whos[i], &text);
		show(s, buf_slice(&text), (enum index_field)(INDEX_FROM + i));
	}
}

static int show_files(struct showing *s, const struct summary *sum, struct err *e)
{
	const struct box_index *index = s->v->user->b->index;
	slice text[INDEX_FIELDS];
	if (!index || !index->files || !search_has_files(sum))
		return 0;
	if (index->texts(index->arg, s->m, false, s->a, text, e) < 0)
		return e->kind == ERR_PERM ? 0 : -1;
	show(s, text[INDEX_ATTACHMENT], INDEX_ATTACHMENT);
	return 0;
}

static int show_all(struct showing *s, struct err *e)
{
	AUTO(buf) struct buf body = BUF(LOOK_MAX);
	struct summary sum;
	if (!summary_open(s->m->summary, &sum))
		return 0;
	show_header(s, &sum);
	if (read_body(s->v, s->m, &sum, &body, e) < 0)
		return -1;
	size_t before = s->n;
	show(s, buf_slice(&body), INDEX_BODY);
	return s->n > before || s->n == BOX_SNIPPETS_MAX ? 0 : show_files(s, &sum, e);
}

int box_snippets(struct box_user *u, const struct box_hit *hit, const struct box_criterion *what,
	struct arena *a, struct box_snippet **ret, size_t *ret_n, struct err *e)
{
	struct needles q = {.n = 0};
	struct box_view *v;
	collect(what, &q);
	struct showing s = {.m = &hit->m,
		.q = &q,
		.a = a,
		.ret = ARENA_ARRAY(a, struct box_snippet, BOX_SNIPPETS_MAX)};
	if (box_open(u, hit->folder.name, true, &v, e) < 0)
		return -1;
	s.v = v;
	int r = show_all(&s, e);
	box_close(v);
	if (r < 0)
		return -1;
	*ret = s.ret;
	*ret_n = s.n;
	return 0;
}
