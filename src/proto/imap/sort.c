/*
 * SORT, UID SORT (RFC 5256 3, SORT=DISPLAY RFC 5957, ESORT RFC 5267 3, RELEVANCY RFC 6203 6): messages that a search found, with what their order depends on taken
 * from rows and summaries: no message is read. Memory: some bytes a message and the texts, cut at SEARCH_KEY_MAX.
 */
#include "base/mem.h"
#include "codec/fold.h"
#include "codec/words.h"
#include "proto/imap/search.h"

enum { CRITERIA_MAX = 12 };
enum criterion { ARRIVAL, CC, DATE, FROM, SIZE, SUBJECT, TO, DISPLAYFROM, DISPLAYTO, RELEVANCY };

struct order {
	enum criterion by[CRITERIA_MAX];
	bool reverse[CRITERIA_MAX];
	size_t n;
};
union value {
	int64_t number;
	slice text;
};
struct row {
	uint32_t uid;
	union value *v; /* one for each criterion */
};
struct sorting {
	const struct search *q;
	struct order order;
	struct row *rows;
	size_t n, cap;
	struct arena mem;
	struct buf text, folded;
};

/* ---- arguments ---- */

static bool criterion(struct imap_reader *r, struct order *o)
{
	static const char *const names[] = {[ARRIVAL] = "ARRIVAL",
		[CC] = "CC",
		[DATE] = "DATE",
		[FROM] = "FROM",
		[SIZE] = "SIZE",
		[SUBJECT] = "SUBJECT",
		[TO] = "TO",
		[DISPLAYFROM] = "DISPLAYFROM",
		[DISPLAYTO] = "DISPLAYTO",
		[RELEVANCY] = "RELEVANCY"};
	slice word;
	bool reverse = false;
	if (!imap_atom(r, &word))
		return false;
	if (imap_is(word, "REVERSE")) {
		reverse = true;
		if (!imap_space(r) || !imap_atom(r, &word))
			return false;
	}
	if (o->n == CRITERIA_MAX)
		return imap_wrong_size(r, "too many sort criteria");
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (imap_is(word, names[i])) {
			o->by[o->n] = (enum criterion)i;
			o->reverse[o->n++] = reverse;
			return true;
		}
	return imap_wrong(r, "a sort criterion is expected");
}

static bool arguments(struct imap *s, struct search *q, struct order *o)
{
	struct imap_reader *r = &s->in;
	if (!imap_space(r) || !search_returns(s, q) || !imap_char(r, '('))
		return false;
	do {
		if (!criterion(r, o))
			return false;
	} while (imap_accept(r, ' '));
	for (size_t i = 0; i < o->n; i++)
		q->scores |= o->by[i] == RELEVANCY;
	return imap_char(r, ')') && imap_space(r) && search_charset(s, q) && search_keys(s, q);
}

/* ---- what order depends on ---- */

slice search_order_text(slice utf8, struct buf *scratch, struct arena *a)
{
	buf_reset(scratch);
	text_fold(slice_first(utf8, 4 * SEARCH_KEY_MAX), scratch);
	slice key = arena_dup(a, slice_first(buf_slice(scratch), SEARCH_KEY_MAX));
	for (char *p = (char *)key.p; p < key.p + key.n; p++)
		if (*p >= 'a' && *p <= 'z')
			*p -= 'a' - 'A';
	return key;
}

/* The first address: its mailbox; for display its name, or the whole address. */
static slice who(struct sorting *t, const struct summary *sum, enum summary_who w, bool display)
{
	struct summary_address a;
	unsigned it = 0;
	if (!summary_next_address(sum, 0, w, &it, &a))
		return S("");
	if (!display)
		return search_order_text(a.mailbox, &t->folded, &t->mem);
	buf_reset(&t->text);
	if (a.name.n) {
		words_decode(&t->text, a.name);
	} else {
		buf_put(&t->text, a.mailbox);
		if (a.host.n) {
			buf_byte(&t->text, '@');
			buf_put(&t->text, a.host);
		}
	}
	return search_order_text(buf_slice(&t->text), &t->folded, &t->mem);
}

static union value value(struct sorting *t, enum criterion by, const struct mailbox_message *m,
	const struct summary *sum)
{
	union value v = {.text = {0}};
	switch (by) {
	case ARRIVAL:
		v.number = m->received_at;
		break;
	case SIZE:
		v.number = (int64_t)m->size;
		break;
	case DATE:
		v.number = sum->record.p && sum->sent_at != INT64_MIN ? sum->sent_at
								      : m->received_at / SECOND;
		break;
	case SUBJECT:
		v.text = search_order_text(
			summary_text(sum, 0, SUMMARY_BASE_SUBJECT), &t->folded, &t->mem);
		break;
	case CC:
		v.text = who(t, sum, SUMMARY_CC, false);
		break;
	case FROM:
	case DISPLAYFROM:
		v.text = who(t, sum, SUMMARY_FROM, by == DISPLAYFROM);
		break;
	case RELEVANCY: /* the best one comes first (RFC 6203 6) */
		v.number = -(int64_t)search_relevancy(t->q, m->uid);
		break;
	case TO:
	case DISPLAYTO:
		v.text = who(t, sum, SUMMARY_TO, by == DISPLAYTO);
		break;
	}
	return v;
}

static bool is_number(enum criterion by)
{
	return by == ARRIVAL || by == SIZE || by == DATE || by == RELEVANCY;
}

static void add_row(struct sorting *t, const struct mailbox_message *m)
{
	struct summary sum = {0};
	bool known = summary_open(m->summary, &sum);
	struct row *r = &t->rows[t->n++];
	r->uid = m->uid;
	r->v = ARENA_ARRAY(&t->mem, union value, t->order.n);
	for (size_t i = 0; i < t->order.n; i++)
		if (known || is_number(t->order.by[i]))
			r->v[i] = value(t, t->order.by[i], m, &sum);
}

static int read_rows(struct imap *s, struct sorting *t, const struct uidset *uids, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	struct box_query q = {.uids = uids};
	for (size_t i = 0; i < t->order.n; i++)
		if (t->order.by[i] != ARRIVAL && t->order.by[i] != SIZE &&
			t->order.by[i] != RELEVANCY)
			q.want = MAILBOX_WANT_SUMMARY;
	t->cap = uids->count;
	t->rows = mem_alloc(sizeof(*t->rows) * (t->cap + 1));
	while (q.after < uidset_last(uids)) {
		struct mailbox_message *v;
		size_t n;
		arena_reset(&a);
		if (box_rows(s->view, &q, &a, &v, &n, e))
			return -1;
		for (size_t i = 0; i < n && t->n < t->cap; i++)
			add_row(t, &v[i]);
		if (!n)
			break;
		q.after = v[n - 1].uid;
	}
	return 0;
}

static int compare(const void *a, const void *b, void *arg)
{
	const struct row *x = a, *y = b;
	const struct order *o = arg;
	for (size_t i = 0; i < o->n; i++) {
		int c = is_number(o->by[i]) ? (x->v[i].number > y->v[i].number) -
						      (x->v[i].number < y->v[i].number)
					    : slice_cmp(x->v[i].text, y->v[i].text);
		if (c)
			return o->reverse[i] ? -c : c;
	}
	return (x->uid > y->uid) - (x->uid < y->uid);
}

/* ---- answers ---- */

static uint32_t shown(struct imap *s, uint32_t uid)
{
	return s->uid ? uid : imap_number_of(s, uid);
}

/* "2 3 6" or "2:3,6": in the order of rows; neighbours that rise are a range. */
static void put_rows(struct imap *s, const struct sorting *t, size_t from, size_t until, bool set)
{
	AUTO(buf) struct buf out = BUF(SIZE_MAX);
	for (size_t i = from; i < until; i++) {
		const char *before = !set ? " " : i == from ? "" : ",";
		uint32_t first = shown(s, t->rows[i].uid), last = first;
		while (set && i + 1 < until && shown(s, t->rows[i + 1].uid) == last + 1) {
			last++;
			i++;
		}
		if (first == last)
			buf_printf(&out, "%s%u", before, first);
		else
			buf_printf(&out, "%s%u:%u", before, first, last);
		if (out.n > 16384) {
			imap_put(s, buf_slice(&out));
			buf_reset(&out);
		}
	}
	imap_put(s, buf_slice(&out));
}

/* Rows that PARTIAL means; false: none. */
static bool part(
	const struct search *q, const struct sorting *t, size_t *ret_from, size_t *ret_until)
{
	size_t first = q->partial.first, last = q->partial.last < t->n ? q->partial.last : t->n;
	*ret_from = q->partial.from_end ? t->n - last : first - 1;
	*ret_until = q->partial.from_end ? t->n - first + 1 : last;
	return first <= last;
}

static void put_part(struct imap *s, const struct search *q, const struct sorting *t)
{
	size_t from, until;
	imap_put(s, S(" PARTIAL ("));
	search_put_range(s, &q->partial);
	imap_put(s, S(" "));
	if (part(q, t, &from, &until))
		put_rows(s, t, from, until, true);
	else
		imap_put(s, S("NIL"));
	imap_put(s, S(")"));
}

static void put_relevancy(struct imap *s, const struct search *q, const struct sorting *t)
{
	imap_put(s, S(" RELEVANCY ("));
	for (size_t i = 0; i < t->n; i++)
		imap_printf(s, i ? " %u" : "%u", search_relevancy(q, t->rows[i].uid));
	imap_put(s, S(")"));
}

static void put_extended(struct imap *s, const struct search *q, const struct sorting *t)
{
	search_put_esearch(s);
	if ((q->returns & IMAP_RETURN_MIN) && t->n)
		imap_printf(s, " MIN %u", shown(s, t->rows[0].uid));
	if ((q->returns & IMAP_RETURN_MAX) && t->n)
		imap_printf(s, " MAX %u", shown(s, t->rows[t->n - 1].uid));
	if ((q->returns & IMAP_RETURN_ALL) && t->n) {
		imap_put(s, S(" ALL "));
		put_rows(s, t, 0, t->n, true);
	}
	if (q->returns & IMAP_RETURN_PARTIAL)
		put_part(s, q, t);
	if (q->returns & IMAP_RETURN_COUNT)
		imap_printf(s, " COUNT %zu", t->n);
	if (q->returns & IMAP_RETURN_RELEVANCY)
		put_relevancy(s, q, t);
	if (q->modseq && t->n)
		imap_printf(s, " MODSEQ %llu", (unsigned long long)q->found.modseq);
	imap_put(s, S("\r\n"));
}

static void save_rows(struct imap *s, const struct sorting *t, size_t from, size_t until)
{
	for (size_t i = from; i < until && i < t->n; i++)
		uidset_add(&s->saved, t->rows[i].uid, t->rows[i].uid);
}

/* What was told, as of SEARCH (RFC 5182 2.4, RFC 9394 3.2). */
static void save(struct imap *s, const struct search *q, const struct sorting *t)
{
	const unsigned ends = IMAP_RETURN_MIN | IMAP_RETURN_MAX | IMAP_RETURN_PARTIAL;
	size_t from, until;
	uidset_done(&s->saved);
	if (!(q->returns & ends) || (q->returns & (IMAP_RETURN_ALL | IMAP_RETURN_COUNT))) {
		uidset_copy(&s->saved, &q->found.uids);
		uidset_trim(&s->saved);
		return;
	}
	if (q->returns & IMAP_RETURN_MIN)
		save_rows(s, t, 0, 1);
	if ((q->returns & IMAP_RETURN_MAX) && t->n)
		save_rows(s, t, t->n - 1, t->n);
	if ((q->returns & IMAP_RETURN_PARTIAL) && part(q, t, &from, &until))
		save_rows(s, t, from, until);
}

static void answer(struct imap *s, struct search *q, struct sorting *t)
{
	if (q->returns & IMAP_RETURN_SAVE)
		save(s, q, t);
	if (!q->extended) {
		imap_put(s, S("* SORT"));
		put_rows(s, t, 0, t->n, false);
		if (q->modseq && t->n)
			imap_printf(s, " (MODSEQ %llu)", (unsigned long long)q->found.modseq);
		imap_put(s, S("\r\n"));
	} else if (q->returns != IMAP_RETURN_SAVE) {
		put_extended(s, q, t);
	}
	search_end(s, q);
}

static void sort(struct imap *s, struct search *q, struct sorting *t)
{
	struct err e = {0};
	if (!arguments(s, q, &t->order)) {
		search_complain(s, q);
		return;
	}
	if (!search_charset_is_good(s, q) || !search_run(s, q))
		return;
	if (read_rows(s, t, &q->found.uids, &e)) {
		imap_fail(s, &e);
		return;
	}
	qsort_r(t->rows, t->n, sizeof(*t->rows), compare, &t->order);
	answer(s, q, t);
}

void imap_cmd_sort(struct imap *s)
{
	struct search q = {0};
	struct sorting t = {.q = &q, .text = BUF(1 << 16), .folded = BUF(1 << 16)};
	sort(s, &q, &t);
	free(t.rows);
	arena_done(&t.mem);
	buf_done(&t.text);
	buf_done(&t.folded);
	search_done(&q);
}
