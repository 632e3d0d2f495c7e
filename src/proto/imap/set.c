/*
 * What sequence sets mean (RFC 9051 section 9, sequence-set; RFC 5182 "$"): text to UIDs. The reader has checked their form. Used by
 * all commands on messages. Ranges may come in any order and overlap; work is linear in what was written and in the view's ranges.
 */
#include "proto/imap/session.h"

#include "base/mem.h"

struct ranges {
	struct uidrange *v;
	size_t n;
};

static uint32_t number_of(slice s, uint32_t star)
{
	uint64_t v = 0;
	if (slice_eq(s, S("*")))
		return star;
	slice_u64(s, &v);
	return (uint32_t)v;
}

static int by_first(const void *a, const void *b)
{
	const struct uidrange *x = a, *y = b;
	return (x->first > y->first) - (x->first < y->first);
}

/* The ranges of a text by their beginnings. */
static struct ranges read_ranges(slice text, uint32_t star)
{
	struct ranges r = {0};
	size_t cap = 1;
	for (size_t i = 0; i < text.n; i++)
		cap += text.p[i] == ',';
	r.v = mem_alloc(cap * sizeof *r.v);
	slice one, first;
	bool sorted = true;
	while (slice_cut(&text, ',', &one)) {
		slice_cut(&one, ':', &first);
		uint32_t a = number_of(first, star), b = one.p ? number_of(one, star) : a;
		r.v[r.n] = (struct uidrange){a < b ? a : b, a < b ? b : a};
		sorted &= r.n == 0 || r.v[r.n - 1].first <= r.v[r.n].first;
		r.n++;
	}
	if (!sorted)
		qsort(r.v, r.n, sizeof *r.v, by_first);
	return r;
}

bool imap_parse_set(slice text, uint32_t star, struct uidset *ret)
{
	if (slice_eq(text, S("$")))
		return false;
	struct ranges r = read_ranges(text, star);
	for (size_t i = 0; i < r.n; i++)
		if (r.v[i].last > 0)
			uidset_add(ret, r.v[i].first ? r.v[i].first : 1, r.v[i].last);
	free(r.v);
	return true;
}

/* UIDs at positions first..last (from 1), which are there. `at` and `*before` walk along the view's ranges: calls come in rising order. */
static void add_positions(const struct uidset *uids, struct uidrange pos, size_t *at,
	uint64_t *before, struct uidset *out)
{
	uint64_t from = pos.first - 1u, to = pos.last - 1u;
	for (;;) {
		struct uidrange r = uids->v[*at];
		uint64_t n = (uint64_t)r.last - r.first + 1;
		if (from < *before + n) {
			uint64_t a = from > *before ? from - *before : 0;
			uint64_t b = to < *before + n ? to - *before : n - 1;
			uidset_add(out, r.first + (uint32_t)a, r.first + (uint32_t)b);
			if (to < *before + n)
				return;
		}
		*before += n;
		++*at;
	}
}

static bool resolve_numbers(struct imap *s, slice text, struct uidset *ret)
{
	const struct uidset *uids = &s->view->uids;
	uint32_t most = (uint32_t)uids->count;
	struct ranges r = read_ranges(text, most);
	struct uidset all = {0};
	bool good = true;
	size_t at = 0;
	uint64_t before = 0, next = 1; /* positions below it are in already */
	for (size_t i = 0; i < r.n; i++)
		good &= r.v[i].first > 0 && r.v[i].last <= most;
	if (good && r.n == 1 && r.v[0].first == r.v[0].last) {
		uint32_t uid = uidset_at(uids, r.v[0].first - 1);
		uidset_add(&all, uid, uid);
		r.n = 0;
	}
	for (size_t i = 0; good && i < r.n; i++) {
		struct uidrange p = r.v[i];
		if (p.first < next)
			p.first = (uint32_t)next;
		if (p.first > p.last)
			continue;
		add_positions(uids, p, &at, &before, &all);
		next = (uint64_t)p.last + 1;
	}
	free(r.v);
	uidset_join(ret, &all);
	uidset_done(&all);
	return good;
}

bool imap_resolve(struct imap *s, slice text, struct uidset *ret_uids)
{
	if (slice_eq(text, S("$"))) {
		struct uidset u = {0};
		uidset_copy(&u, &s->saved);
		uidset_keep(&u, &s->view->uids);
		uidset_join(ret_uids, &u);
		uidset_done(&u);
		return true;
	}
	if (s->uid) {
		struct uidset u = {0};
		imap_parse_set(text, uidset_last(&s->view->uids), &u);
		uidset_keep(&u, &s->view->uids);
		uidset_join(ret_uids, &u);
		uidset_done(&u);
		return true;
	}
	if (resolve_numbers(s, text, ret_uids))
		return true;
	imap_bad(s, "There is no message with that number");
	return false;
}

uint32_t imap_number_of(struct imap *s, uint32_t uid)
{
	return (uint32_t)uidset_position(&s->view->uids, uid) + 1;
}
