/*
 * What changed between two documents, line by line, with three lines around it. The longest common
 * part is found by the usual table; where the changed stretch is too large for that, the one is shown
 * whole behind the other. Called by `posthouse policy diff`.
 */
#include "bin/cli_policy.h"

#include "base/mem.h"

enum { AROUND = 3, TABLE_MAX = 8 << 20 };

struct lines {
	slice *v;
	size_t n;
};

static struct lines split(slice text, struct arena *a)
{
	struct lines l = {0};
	size_t n = 1;
	for (size_t i = 0; i < text.n; i++)
		n += text.p[i] == '\n';
	l.v = ARENA_ARRAY(a, slice, n);
	if (slice_ends(text, S("\n")))
		text.n--;
	for (slice line; text.p && l.n < n && slice_cut(&text, '\n', &line);)
		l.v[l.n++] = line;
	return l;
}

static void put(struct buf *out, char sign, slice line)
{
	buf_byte(out, sign);
	buf_byte(out, ' ');
	buf_put(out, line);
	buf_byte(out, '\n');
}

/* length[i][j]: of the longest common part of what is behind i and j. */
static void by_table(const struct lines *x, const struct lines *y, struct buf *out)
{
	size_t width = y->n + 1, i = 0, j = 0;
	AUTO(free) uint32_t *length = mem_alloc((x->n + 1) * width * sizeof *length);
	for (i = x->n; i-- > 0;)
		for (j = y->n; j-- > 0;) {
			uint32_t down = length[(i + 1) * width + j],
				 right = length[i * width + j + 1];
			length[i * width + j] = slice_eq(x->v[i], y->v[j])
							? length[(i + 1) * width + j + 1] + 1
						: down > right ? down
							       : right;
		}
	for (i = j = 0; i < x->n && j < y->n;) {
		if (slice_eq(x->v[i], y->v[j])) {
			put(out, ' ', x->v[i++]);
			j++;
		} else if (length[(i + 1) * width + j] >= length[i * width + j + 1]) {
			put(out, '-', x->v[i++]);
		} else {
			put(out, '+', y->v[j++]);
		}
	}
	while (i < x->n)
		put(out, '-', x->v[i++]);
	while (j < y->n)
		put(out, '+', y->v[j++]);
}

static void changed(const struct lines *x, const struct lines *y, struct buf *out)
{
	if ((x->n + 1) * (y->n + 1) <= TABLE_MAX) {
		by_table(x, y, out);
		return;
	}
	for (size_t i = 0; i < x->n; i++)
		put(out, '-', x->v[i]);
	for (size_t j = 0; j < y->n; j++)
		put(out, '+', y->v[j]);
}

void policy_diff(slice before, slice after, struct buf *out)
{
	AUTO(arena) struct arena a = {0};
	struct lines x = split(before, &a), y = split(after, &a);
	size_t top = 0, end = 0;
	while (top < x.n && top < y.n && slice_eq(x.v[top], y.v[top]))
		top++;
	while (end < x.n - top && end < y.n - top &&
		slice_eq(x.v[x.n - 1 - end], y.v[y.n - 1 - end]))
		end++;
	if (top == x.n && top == y.n)
		return;
	for (size_t i = top > AROUND ? top - AROUND : 0; i < top; i++)
		put(out, ' ', x.v[i]);
	const struct lines old = {x.v + top, x.n - top - end}, new = {y.v + top, y.n - top - end};
	changed(&old, &new, out);
	for (size_t i = 0; i < AROUND && i < end; i++)
		put(out, ' ', x.v[x.n - end + i]);
}
