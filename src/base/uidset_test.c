/* Sets of ranges against a plain array of bits, with random operations; and the ends of the numbers. */
#include "base/uidset.h"

#include "base/mem.h"
#include "base/rand.h"
#include "base/test.h"

#include <stdio.h>

enum { SPACE = 200 };

struct naive {
	bool in[SPACE + 1]; /* 1 .. SPACE */
};

static void check_same(const struct uidset *s, const struct naive *n)
{
	uint64_t count = 0;
	for (uint32_t u = 1; u <= SPACE; u++) {
		CHECK(uidset_has(s, u) == n->in[u]);
		CHECK_INT(uidset_position(s, u), count);
		if (!n->in[u])
			continue;
		CHECK_INT(uidset_at(s, count), u);
		count++;
	}
	CHECK_INT(s->count, count);
	CHECK_INT(uidset_at(s, count), 0);
	for (size_t i = 0; i < s->n; i++) {
		CHECK(s->v[i].first <= s->v[i].last);
		CHECK(i == 0 || s->v[i - 1].last + 1 < s->v[i].first);
	}
	for (uint32_t u = 1; u <= SPACE; u++) {
		uint32_t next = u;
		while (next <= SPACE && !n->in[next])
			next++;
		CHECK_INT(uidset_next(s, u), next <= SPACE ? next : 0);
	}
}

static void change(struct uidset *s, struct naive *n, bool add, uint32_t most)
{
	uint32_t first = 1 + (uint32_t)rand_below(SPACE);
	uint32_t last = first + (uint32_t)rand_below(most);
	if (last > SPACE)
		last = SPACE;
	if (add)
		uidset_add(s, first, last);
	else
		uidset_remove(s, first, last);
	for (uint32_t u = first; u <= last; u++)
		n->in[u] = add;
}

TEST(uidset_as_an_array_of_bits)
{
	for (int round = 0; round < 40; round++) {
		AUTO(uidset) struct uidset s = {0};
		struct naive n = {0};
		uint32_t most = 1 + (uint32_t)rand_below(20);
		for (int i = 0; i < 120; i++) {
			change(&s, &n, rand_below(3) != 0, most);
			if (i % 10 == 0 || i < 12)
				check_same(&s, &n);
			if (rand_below(30) == 0)
				uidset_trim(&s);
		}
		check_same(&s, &n);
	}
}

static void combine(int how)
{
	AUTO(uidset) struct uidset a = {0};
	AUTO(uidset) struct uidset b = {0};
	struct naive x = {0}, y = {0};
	for (int i = (int)rand_below(30); i > 0; i--)
		change(&a, &x, true, 1 + (uint32_t)rand_below(12));
	for (int i = (int)rand_below(30); i > 0; i--)
		change(&b, &y, true, 1 + (uint32_t)rand_below(12));
	check_same(&a, &x);
	for (int u = 1; u <= SPACE; u++)
		x.in[u] = how == 0   ? x.in[u] && y.in[u]
			  : how == 1 ? x.in[u] && !y.in[u]
				     : x.in[u] || y.in[u];
	(how == 0 ? uidset_keep : how == 1 ? uidset_drop : uidset_join)(&a, &b);
	check_same(&a, &x);
	check_same(&b, &y);
	AUTO(uidset) struct uidset c = {0};
	uidset_add(&c, 7, 9);
	CHECK(!uidset_eq(&c, &b) || b.count == 3);
	uidset_copy(&c, &b);
	check_same(&c, &y);
	CHECK(uidset_eq(&c, &b));
}

TEST(uidset_sets_with_sets)
{
	for (int i = 0; i < 600; i++)
		combine(i % 3);
}

TEST(uidset_with_itself)
{
	AUTO(uidset) struct uidset s = {0};
	uidset_add(&s, 3, 5);
	uidset_add(&s, 9, 9);
	uidset_keep(&s, &s);
	uidset_join(&s, &s);
	uidset_copy(&s, &s);
	CHECK_INT(s.count, 4);
	uidset_drop(&s, &s);
	CHECK_INT(s.count, 0);
	CHECK_INT(s.n, 0);
}

TEST(uidset_ends_of_the_numbers)
{
	AUTO(uidset) struct uidset s = {0};
	uidset_add(&s, UINT32_MAX, UINT32_MAX);
	uidset_add(&s, UINT32_MAX - 1, UINT32_MAX);
	uidset_add(&s, 1, 1);
	CHECK_INT(s.count, 3);
	CHECK_INT(s.n, 2);
	CHECK_INT(uidset_at(&s, 2), UINT32_MAX);
	CHECK_INT(uidset_next(&s, UINT32_MAX), UINT32_MAX);
	CHECK_INT(uidset_next(&s, 0), 0);
	uidset_add(&s, 1, UINT32_MAX);
	CHECK_INT(s.n, 1);
	CHECK_INT(s.count, UINT32_MAX);
	uidset_remove(&s, 2, UINT32_MAX - 1);
	CHECK_INT(s.count, 2);
	uidset_remove(&s, 1, UINT32_MAX);
	CHECK_INT(s.count, 0);
	CHECK_INT(uidset_last(&s), 0);
}

TEST(uidset_of_many_ranges_is_quick)
{
	AUTO(uidset) struct uidset s = {0};
	AUTO(uidset) struct uidset odd = {0};
	for (uint32_t u = 1; u < 200000; u += 2)
		uidset_add(&s, u, u);
	CHECK_INT(s.n, 100000);
	for (uint64_t i = 0; i < s.count; i++)
		CHECK_INT(uidset_position(&s, uidset_at(&s, i)), i);
	for (uint32_t u = 1; u < 200000; u += 4)
		uidset_add(&odd, u, u);
	uidset_drop(&s, &odd);
	CHECK_INT(s.count, 50000);
	CHECK_INT(uidset_at(&s, 0), 3);
}
