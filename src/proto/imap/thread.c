/*
 * THREAD, UID THREAD (RFC 5256): of messages that a search found, from their summaries. ORDEREDSUBJECT here, REFERENCES in thread_refs.c.
 */
#include "base/mem.h"
#include "base/must.h"
#include "proto/imap/search.h"

struct topic { /* ORDEREDSUBJECT: a message */
	uint32_t uid;
	int64_t sent;
	slice subject;
};
struct threading {
	bool references;
	struct threads *refs;
	struct topic *topics;
	size_t n, cap;
	struct arena mem;
	struct buf folded;
};

static bool arguments(struct imap *s, struct search *q, struct threading *t)
{
	struct imap_reader *r = &s->in;
	slice word;
	if (!imap_space(r) || !imap_atom(r, &word))
		return false;
	t->references = imap_is(word, "REFERENCES");
	if (!t->references && !imap_is(word, "ORDEREDSUBJECT"))
		return imap_wrong(r, "a way of threading that is known is expected");
	return imap_space(r) && search_charset(s, q) && search_keys(s, q);
}

static void add(struct threading *t, const struct mailbox_message *m, struct arena *a)
{
	struct summary sum = {0};
	slice subject = {0}, id = {0}, field;
	bool reply = false;
	int64_t sent = m->received_at / SECOND;
	unsigned it = 0;
	bool known = summary_open(m->summary, &sum);
	if (known) {
		if (sum.sent_at != INT64_MIN)
			sent = sum.sent_at;
		subject = search_order_text(summary_text(&sum, 0, SUMMARY_BASE_SUBJECT), &t->folded,
			t->references ? a : &t->mem);
	}
	if (!t->references) {
		t->topics[t->n++] = (struct topic){m->uid, sent, subject};
		return;
	}
	if (known) {
		field = summary_text(&sum, 0, SUMMARY_MESSAGE_ID);
		if (!field.p || !summary_message_id(&field, a, &id))
			id = (slice){0};
		summary_base_subject(summary_text(&sum, 0, SUMMARY_SUBJECT_TEXT), a, &reply);
		while (summary_next_reference(&sum, &it, &field))
			threads_refer(t->refs, field);
	}
	threads_add(t->refs, m->uid, sent, id, subject, reply);
}

static int read_rows(struct imap *s, struct threading *t, const struct uidset *uids, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	struct box_query q = {.uids = uids, .want = MAILBOX_WANT_SUMMARY};
	t->cap = uids->count;
	if (t->references)
		t->refs = threads_new();
	else
		t->topics = mem_alloc((t->cap + 1) * sizeof(*t->topics));
	while (q.after < uidset_last(uids)) {
		struct mailbox_message *v;
		size_t n;
		arena_reset(&a);
		if (box_rows(s->view, &q, &a, &v, &n, e))
			return -1;
		if (!n)
			break;
		q.after = v[n - 1].uid;
		for (size_t i = 0; i < n && (t->references || t->n < t->cap); i++)
			add(t, &v[i], &a);
	}
	return 0;
}

static uint32_t number(void *arg, uint32_t uid)
{
	struct imap *s = arg;
	return s->uid ? uid : imap_number_of(s, uid);
}

static void put(void *arg, slice text)
{
	imap_put(arg, text);
}

/* ---- ORDEREDSUBJECT ---- */

static int by_sent(const struct topic *x, const struct topic *y)
{
	if (x->sent != y->sent)
		return x->sent < y->sent ? -1 : 1;
	return (x->uid > y->uid) - (x->uid < y->uid);
}

static int by_subject(const void *a, const void *b)
{
	const struct topic *x = a, *y = b;
	int c = slice_cmp(x->subject, y->subject);
	return c ? c : by_sent(x, y);
}

struct run {
	const struct topic *v;
	size_t n;
};

static int by_first(const void *a, const void *b)
{
	return by_sent(((const struct run *)a)->v, ((const struct run *)b)->v);
}

static void put_run(struct imap *s, const struct run *r)
{
	imap_printf(s, "(%u", number(s, r->v[0].uid));
	for (size_t i = 1; i < r->n; i++)
		imap_printf(s,
			r->n == 2 ? " %u"
			: i == 1  ? " (%u)"
				  : "(%u)",
			number(s, r->v[i].uid));
	imap_put(s, S(")"));
}

static void put_topics(struct imap *s, struct threading *t)
{
	AUTO(free) struct run *runs = mem_alloc((t->n + 1) * sizeof(*runs));
	size_t n = 0;
	qsort(t->topics, t->n, sizeof(*t->topics), by_subject);
	for (size_t i = 0; i < t->n; i++) {
		if (!i || !slice_eq(t->topics[i].subject, t->topics[i - 1].subject))
			runs[n++] = (struct run){.v = &t->topics[i]};
		runs[n - 1].n++;
	}
	qsort(runs, n, sizeof(*runs), by_first);
	for (size_t i = 0; i < n && !s->lost; i++)
		put_run(s, &runs[i]);
}

static void thread(struct imap *s, struct search *q, struct threading *t)
{
	struct err e = {0};
	if (!arguments(s, q, t)) {
		imap_complain(s);
		return;
	}
	if (!search_charset_is_good(s, q) || !search_run(s, q))
		return;
	if (read_rows(s, t, &q->found.uids, &e)) {
		imap_fail(s, &e);
		return;
	}
	imap_put(s, S("* THREAD"));
	if (q->found.uids.count)
		imap_put(s, S(" "));
	if (t->references)
		threads_print(t->refs, number, put, s);
	else
		put_topics(s, t);
	imap_put(s, S("\r\n"));
	search_end(s, q);
}

void imap_cmd_thread(struct imap *s)
{
	struct search q = {0};
	struct threading t = {.folded = BUF(1 << 16)};
	thread(s, &q, &t);
	threads_free(t.refs);
	free(t.topics);
	arena_done(&t.mem);
	buf_done(&t.folded);
	search_done(&q);
}
