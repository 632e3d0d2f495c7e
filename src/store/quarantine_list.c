/*
 * Searching the quarantine (quarantine.h): lists, counts, bulk work, on the walk of quarantine_walk.c. What row() changes meanwhile is
 * seen. Many counts need no rows (quarantine_count.c).
 *
 * Least probable first walks an index of its own when nothing narrows, else gathers what matches and sorts it.
 */
#include "base/mem.h"
#include "store/quarantine_walk.h"

#include <stdio.h>

enum { FIRST_PIECE = 64, PICKS_MAX = 200000 };

/* ---- cursors ---- */

static void put_cursor(struct buf *cursor, const struct quarantine_spot *at)
{
	buf_reset(cursor);
	buf_printf(cursor, "%lld.%lld.%lld", (long long)at->ppm, (long long)at->id,
		(long long)at->idx);
}

static bool read_cursor(slice text, struct quarantine_spot *ret)
{
	slice part;
	uint64_t v[3];
	for (int i = 0; i < 3; i++)
		if (!slice_cut(&text, '.', &part) || !slice_u64(part, &v[i]) || v[i] > INT64_MAX)
			return false;
	*ret = (struct quarantine_spot){(int64_t)v[0], (msg_id)v[1], (int64_t)v[2]};
	return text.p == NULL;
}

static slice cursor_of(const struct quarantine_order *o)
{
	return o && o->cursor ? buf_slice(o->cursor) : (slice){0};
}

struct taker {
	struct buf *cursor;
	uint64_t left;
	bool stopped;
	bool (*row)(void *arg, const struct quarantine_row *r);
	void *arg;
};

static void give(struct taker *t, const struct quarantine_row *r, const struct quarantine_spot *at)
{
	if (t->cursor)
		put_cursor(t->cursor, at);
	t->left--;
	t->stopped = !t->row(t->arg, r) || t->left == 0;
}

/* ---- in the order of a walk ---- */

static int run_walk(struct quarantine_walk *w, struct taker *t, struct err *e)
{
	w->piece = FIRST_PIECE;
	while (!w->ended && !t->stopped) {
		if (quarantine_walk_fill(w, e) < 0)
			return -1;
		for (size_t i = 0; i < w->n && !t->stopped; i++) {
			bool whole;
			if (quarantine_walk_complete(w, &w->rows[i], &whole, e) < 0)
				return -1;
			if (whole)
				give(t, &w->rows[i], &w->spots[i]);
		}
	}
	return 0;
}

/* ---- least probable first, of few ---- */

struct picks {
	struct quarantine_spot *v;
	size_t n, cap;
};

static int compare_spots(const void *pa, const void *pb)
{
	const struct quarantine_spot *a = pa, *b = pb;
	if (a->ppm != b->ppm)
		return a->ppm < b->ppm ? -1 : 1;
	if (a->id != b->id)
		return a->id < b->id ? -1 : 1;
	return (a->idx > b->idx) - (a->idx < b->idx);
}

/* When there are too many only the least probable half is kept: a cursor leads to the others. */
static void pick(struct picks *p, const struct quarantine_spot *at)
{
	if (p->n == PICKS_MAX) {
		qsort(p->v, p->n, sizeof *p->v, compare_spots);
		p->n /= 2;
	}
	if (p->n == p->cap) {
		p->cap = p->cap ? 2 * p->cap : 256;
		p->v = mem_grow(p->v, p->cap * sizeof *p->v);
	}
	p->v[p->n++] = *at;
}

static int gather(struct quarantine_walk *w, const struct quarantine_spot *behind, struct picks *p,
	struct err *e)
{
	while (!w->ended) {
		if (quarantine_walk_fill(w, e) < 0)
			return -1;
		for (size_t i = 0; i < w->n; i++) {
			bool whole = true;
			if (w->f->signal.n &&
				quarantine_walk_complete(w, &w->rows[i], &whole, e) < 0)
				return -1;
			if (whole && (!behind || compare_spots(&w->spots[i], behind) > 0))
				pick(p, &w->spots[i]);
		}
	}
	return 0;
}

/* One row again: what row() did to others may have changed it. */
static int give_pick(
	struct quarantine_walk *w, const struct quarantine_spot *at, struct taker *t, struct err *e)
{
	w->way = BY_ID;
	w->key = at->id;
	w->at = (struct quarantine_spot){0, at->id, at->idx + 1};
	if (quarantine_walk_fill(w, e) < 0)
		return -1;
	bool whole = w->n > 0 && w->rows[0].idx == at->idx;
	if (!whole)
		return 0;
	if (quarantine_walk_complete(w, &w->rows[0], &whole, e) < 0)
		return -1;
	if (whole)
		give(t, &w->rows[0], at);
	return 0;
}

static int run_sorted(struct quarantine_walk *w, const struct quarantine_spot *behind,
	struct taker *t, struct err *e)
{
	struct picks p = {0};
	int r = gather(w, behind, &p, e);
	if (r == 0 && p.n)
		qsort(p.v, p.n, sizeof *p.v, compare_spots);
	for (size_t i = 0; r == 0 && i < p.n && !t->stopped; i++)
		r = give_pick(w, &p.v[i], t, e);
	free(p.v);
	return r;
}

/* ---- lists and counts ---- */

static int run(struct quarantine_walk *w, const struct quarantine_order *o, struct arena *a,
	struct taker *t, struct err *e)
{
	struct quarantine_spot behind;
	slice cursor = cursor_of(o);
	bool later = cursor.n > 0;
	if (later && !read_cursor(cursor, &behind))
		return err_set(e, ERR_PROTO, "no place of a list: %.*s",
			(int)(cursor.n < 40 ? cursor.n : 40), cursor.p);
	bool likely = o && o->likely_mistakes;
	if (later && !likely && behind.id < w->at.id)
		w->at = behind;
	if (quarantine_walk_choose(w, a, e) < 0)
		return -1;
	bool narrow =
		w->way != BY_ALL && !(w->way == BY_TERM && w->f->kind == QUARANTINE_HELD &&
					    !w->f->signal.n && !w->f->virus.n && !w->f->policy.n);
	if (!likely)
		return run_walk(w, t, e);
	if (narrow || w->f->kind != QUARANTINE_HELD)
		return run_sorted(w, later ? &behind : NULL, t, e);
	w->way = BY_LIKELY;
	w->at = later ? behind : (struct quarantine_spot){0, 0, -1};
	return run_walk(w, t, e);
}

int quarantine_list(struct sql *db, const struct quarantine_filter *f,
	const struct quarantine_order *o, uint64_t most,
	bool (*row)(void *arg, const struct quarantine_row *r), void *arg, struct err *e)
{
	struct quarantine_walk *w = NEW(struct quarantine_walk);
	AUTO(arena) struct arena a = {0};
	struct taker t = {.cursor = o ? o->cursor : NULL, .left = most, .stopped = most == 0};
	t.row = row;
	t.arg = arg;
	quarantine_walk_start(w, db, f);
	int r = run(w, o, &a, &t, e);
	if (r == 0 && !t.stopped && t.cursor)
		buf_reset(t.cursor); /* that was all */
	arena_done(&w->a);
	free(w);
	return r;
}

/* Whether a filter is spent by its term: counting may trust the index. */
static bool only_term(const struct quarantine_walk *w)
{
	const struct quarantine_filter *f = w->f;
	bool other = f->rcpt.n || f->sender.n || f->subject.n || f->state >= 0 ||
		     f->direction >= 0 || f->after || f->before || f->probability_from > 0 ||
		     f->probability_to > 0 || f->expires_before || f->classes || f->class >= 0 ||
		     f->kind >= 0;
	int terms = (f->signal.n > 0) + (f->policy.n > 0) +
		    (f->virus.n > 0 ? slice_eq(f->virus, S("*")) ? 1 : 2 : 0);
	bool whole = f->signal.n <= 150 && f->policy.n <= 150;
	return w->way == BY_TERM && !other && terms == 1 && whole;
}

static int count_rows(struct quarantine_walk *w, msg_id from, msg_id to, uint64_t *n, struct err *e)
{
	while (!w->ended) {
		if ((w->at.id < to || to == INT64_MAX) && w->at.id > from)
			w->at = (struct quarantine_spot){.id = from};
		if (quarantine_walk_fill(w, e) < 0)
			return -1;
		/* the walk by term is exact, others look at each row's signals */
		for (size_t i = 0; i < w->n; i++) {
			bool whole = w->rows[i].id < from || w->rows[i].id >= to;
			if (whole && w->f->signal.n && w->way != BY_TERM &&
				quarantine_walk_complete(w, &w->rows[i], &whole, e) < 0)
				return -1;
			*n += whole;
		}
	}
	return 0;
}

static int count_walk(
	struct quarantine_walk *w, const struct quarantine_filter *f, uint64_t *n, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	msg_id from, to;
	int r = quarantine_count_quick(w->db, f, n, &from, &to, e);
	if (r != 0)
		return r < 0 ? -1 : 0;
	if (quarantine_walk_choose(w, &a, e) < 0)
		return -1;
	if (!w->ended && only_term(w))
		return quarantine_count_term(w->db, w->key, n, e);
	return count_rows(w, from, to, n, e);
}

int quarantine_count(
	struct sql *db, const struct quarantine_filter *f, uint64_t *ret, struct err *e)
{
	struct quarantine_walk *w = NEW(struct quarantine_walk);
	uint64_t n = 0;
	quarantine_walk_start(w, db, f);
	int r = count_walk(w, f, &n, e);
	arena_done(&w->a);
	free(w);
	if (r == 0)
		*ret = n;
	return r;
}
