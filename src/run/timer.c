/*
 * Timers in a binary heap; each knows its place, so that moving and clearing are O(log n). Waiting
 * coroutines do not even do that: they leave an early timer alone and look again when it fires
 * (co.c), because deadlines are nearly always pushed back and hardly ever reached.
 */
#include "run/timer.h"

#include "base/mem.h"

static struct timer **heap; /* heap[1] is the earliest */
static size_t n_heap, heap_cap;

static void place(struct timer *t, size_t pos)
{
	heap[pos] = t;
	t->pos = pos;
}

static void sift_up(struct timer *t, size_t pos)
{
	for (; pos > 1 && heap[pos / 2]->at > t->at; pos /= 2)
		place(heap[pos / 2], pos);
	place(t, pos);
}

static void sift_down(struct timer *t, size_t pos)
{
	for (;;) {
		size_t child = 2 * pos;
		if (child > n_heap)
			break;
		if (child < n_heap && heap[child + 1]->at < heap[child]->at)
			child++;
		if (heap[child]->at >= t->at)
			break;
		place(heap[child], pos);
		pos = child;
	}
	place(t, pos);
}

static void grow(void)
{
	heap_cap = heap_cap ? 2 * heap_cap : 64;
	heap = mem_grow(heap, (heap_cap + 1) * sizeof(*heap));
}

void timer_set(struct timer *t, instant at)
{
	bool later = t->pos && at > t->at;
	t->at = at;
	if (t->pos == 0) {
		if (n_heap == heap_cap)
			grow();
		t->pos = ++n_heap;
	}
	if (later)
		sift_down(t, t->pos);
	else
		sift_up(t, t->pos);
}

void timer_clear(struct timer *t)
{
	if (t->pos == 0)
		return;
	size_t hole = t->pos;
	struct timer *last = heap[n_heap--];
	t->pos = 0;
	if (last == t)
		return;
	if (hole > 1 && heap[hole / 2]->at > last->at)
		sift_up(last, hole);
	else
		sift_down(last, hole);
}

struct timer *timer_first(void)
{
	return n_heap ? heap[1] : NULL;
}

void timer_forget_all(void)
{
	free(heap);
	heap = NULL;
	n_heap = heap_cap = 0;
}
