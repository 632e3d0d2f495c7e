/*
 * Words and emails of several segments become those of one (index_merge.h). Emails are put in order anew, so that those that are like each other
 * stand together whenever they came (index_emails.c); lists are read email by email and written in that order. Called by
 * index_merge.c, a piece at a time.
 */
#include "store/index_merge.h"

/* ---- emails ---- */

struct place { /* of an email that remains */
	struct index_email_row row; /* first: index_by_likeness */
	uint32_t input, ordinal;
};

static int read_emails(struct index_input *in, uint32_t number, struct place **to, struct err *e)
{
	struct index_emails from = index_emails_of(&in->seg);
	struct index_email_row row;
	for (uint32_t i = 0; i < in->seg.emails; i++) {
		if (!index_emails_next(&from, &row))
			return index_damaged(e, "emails of a segment");
		in->ordinals[i] = INDEX_GONE;
		if (!in->gone || !index_bit(in->gone, i))
			*(*to)++ = (struct place){row, number, i};
	}
	return 0;
}

int index_merge_emails(struct index_merge *m, struct err *e)
{
	size_t n = 0;
	for (size_t i = 0; i < m->n; i++)
		n += m->in[i].seg.emails;
	if (n > INDEX_SEGMENT_EMAILS_MAX)
		return err_set(e, ERR_LIMIT, "too many emails in one segment");
	AUTO(free) struct place *v = mem_alloc((n + 1) * sizeof *v);
	struct place *end = v;
	for (size_t i = 0; i < m->n; i++) {
		m->in[i].ordinals = ARENA_ARRAY(m->a, uint32_t, m->in[i].seg.emails + 1);
		if (read_emails(&m->in[i], (uint32_t)i, &end, e))
			return -1;
	}
	m->nemails = (size_t)(end - v);
	qsort(v, m->nemails, sizeof *v, index_by_likeness);
	m->emails = ARENA_ARRAY(m->a, struct index_email_row, m->nemails + 1);
	for (size_t k = 0; k < m->nemails; k++) {
		m->emails[k] = v[k].row;
		m->in[v[k].input].ordinals[v[k].ordinal] = (uint32_t)k;
	}
	return 0;
}

/* ---- words ---- */

static int next_word(struct index_input *in, struct err *e)
{
	int r = index_reader_next(&in->r, true, e);
	in->end = !r;
	if (r == 1 && !index_words_entry(&in->r.words, &in->x))
		return index_damaged(e, "entries");
	return r < 0 ? -1 : 0;
}

static int open_input(struct index_merge *m, struct index_input *in, struct err *e)
{
	slice done = slice_of(m->done, m->done_n);
	if (index_reader_open(&in->r, m->db, m->account_id, &in->seg, false, e) ||
		index_reader_seek(&in->r, done, true, e) || next_word(in, e))
		return -1;
	while (!in->end && done.n && slice_cmp(index_word(&in->r.words), done) <= 0)
		if (next_word(in, e))
			return -1;
	return 0;
}

int index_merge_open(struct index_merge *m, struct err *e)
{
	for (size_t i = 0; i < m->n; i++)
		if (open_input(m, &m->in[i], e))
			return -1;
	return 0;
}

/* ---- lists ---- */

static void add_item(struct index_merge *m, struct index_item x)
{
	if (x.ordinal == INDEX_GONE)
		return;
	if (m->nitems == m->items_cap) {
		m->items_cap = m->items_cap ? 2 * m->items_cap : 256;
		m->items = mem_grow(m->items, m->items_cap * sizeof *m->items);
		m->order = mem_grow(m->order, m->items_cap * sizeof *m->order);
	}
	m->order[m->nitems] = (uint64_t)x.ordinal << 32 | m->nitems;
	m->items[m->nitems++] = x;
}

static int take_alone(struct index_merge *m, const struct index_input *in, struct err *e)
{
	size_t from = m->old_places.n;
	if (in->x.ordinal >= in->seg.emails)
		return index_damaged(e, "email of a word");
	index_put(&m->old_places, in->x.place);
	add_item(m, (struct index_item){in->ordinals[in->x.ordinal], 1, from, m->old_places.n});
	return 0;
}

/* Emails of an input that have the word, with their places. */
static int take_list(struct index_merge *m, struct index_input *in, struct err *e)
{
	const struct index_entry *x = &in->x;
	size_t from = m->old_places.n;
	if (x->alone)
		return take_alone(m, in, e);
	buf_reset(&m->old_docs);
	if (index_reader_bytes(&in->r, INDEX_DOC_STREAM, x->docs_at, x->docs_n, &m->old_docs, e) ||
		index_reader_bytes(
			&in->r, INDEX_PLACE_STREAM, x->places_at, x->places_n, &m->old_places, e))
		return -1;
	struct index_docs d = index_docs_of(buf_slice(&m->old_docs), x->emails, in->seg.emails);
	slice places = slice_skip(buf_slice(&m->old_places), from);
	while (index_docs_next(&d)) {
		index_places_skip(&places, d.times);
		if (!places.p)
			break;
		size_t to = (size_t)(places.p - m->old_places.p);
		add_item(m, (struct index_item){in->ordinals[d.ordinal], d.times, from, to});
		from = to;
	}
	return d.bad || !places.p ? index_damaged(e, "list") : 0;
}

static void put_items(struct index_merge *m)
{
	uint32_t last = UINT32_MAX;
	buf_reset(&m->docs);
	buf_reset(&m->places);
	for (size_t i = 0; i < m->nitems; i++) {
		const struct index_item *x = &m->items[m->order[i] & UINT32_MAX];
		index_put(&m->docs,
			(uint64_t)(x->ordinal - (uint32_t)(last + 1)) << 1 | (x->times == 1));
		if (x->times > 1)
			index_put(&m->docs, x->times - 2);
		buf_put(&m->places, slice_of(m->old_places.p + x->from, x->to - x->from));
		last = x->ordinal;
	}
}

static int put_word(struct index_merge *m, slice word, struct err *e)
{
	struct index_entry x = {.emails = (uint32_t)m->nitems};
	if (!m->nitems)
		return 0;
	if (m->nitems == 1 && m->items->times == 1) {
		slice place = slice_skip(buf_slice(&m->old_places), m->items->from);
		x.alone = true;
		x.ordinal = m->items->ordinal;
		x.place = (uint32_t)index_get(&place);
		return index_writer_word(&m->w, word, &x, (slice){0}, (slice){0}, e);
	}
	put_items(m);
	return index_writer_word(&m->w, word, &x, buf_slice(&m->docs), buf_slice(&m->places), e);
}

int index_merge_word(struct index_merge *m, struct err *e)
{
	slice least = {0};
	size_t lists = 0;
	for (size_t i = 0; i < m->n; i++)
		if (!m->in[i].end &&
			(!least.p || slice_cmp(index_word(&m->in[i].r.words), least) < 0))
			least = index_word(&m->in[i].r.words);
	if (!least.p)
		return 0;
	memcpy(m->done, least.p, least.n);
	m->done_n = least.n;
	least.p = (char *)m->done;
	buf_reset(&m->old_places);
	m->nitems = 0;
	for (size_t i = 0; i < m->n; i++) {
		if (m->in[i].end || !slice_eq(index_word(&m->in[i].r.words), least))
			continue;
		if (take_list(m, &m->in[i], e) || next_word(&m->in[i], e))
			return -1;
		lists++;
	}
	if (lists > 1)
		index_sort(m->order, m->nitems);
	return put_word(m, least, e) ? -1 : 1;
}

void index_merge_done(struct index_merge *m)
{
	for (size_t i = 0; i < m->n; i++)
		index_reader_close(&m->in[i].r);
	index_writer_done(&m->w);
	buf_done(&m->docs);
	buf_done(&m->places);
	buf_done(&m->old_docs);
	buf_done(&m->old_places);
	buf_done(&m->inlined);
	free(m->items);
	free(m->order);
}
