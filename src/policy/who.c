/*
 * Patterns of addresses, as groups and the conditions from, to, organisation and login have them:
 * "a@example.com", "@example.com", ".example.com", "sales-*@example.com", groups. Prepared while the
 * document is read: sorted, so that groups of thousands cost a few comparisons. Which words may stand
 * where, and that groups exist, is for document_groups.c.
 */
#include "codec/address.h"
#include "policy/policy_impl.h"
#include "store/wildcard.h"

#include <stdlib.h>

void policy_slices_add(struct policy_slices *l, slice s, struct arena *a)
{
	if (l->n == l->cap) {
		slice *old = l->v;
		l->cap = l->cap ? l->cap * 2 : 4;
		l->v = ARENA_ARRAY(a, slice, l->cap);
		if (l->n)
			memcpy(l->v, old, l->n * sizeof *old);
	}
	l->v[l->n++] = s;
}

int policy_slice_order(slice a, slice b)
{
	if (a.n != b.n)
		return a.n < b.n ? -1 : 1;
	return a.n ? memcmp(a.p, b.p, a.n) : 0;
}

static int by_order(const void *a, const void *b)
{
	return policy_slice_order(*(const slice *)a, *(const slice *)b);
}

static bool has(const struct policy_slices *l, slice s)
{
	size_t low = 0, high = l->n;
	while (low < high) {
		size_t mid = low + (high - low) / 2;
		int order = policy_slice_order(l->v[mid], s);
		if (order == 0)
			return true;
		if (order < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return false;
}

slice policy_lower(slice s, struct arena *a)
{
	size_t i = 0;
	while (i < s.n && ascii_lower(s.p[i]) == s.p[i])
		i++;
	if (i == s.n)
		return s;
	char *p = (char *)arena_dup(a, s).p;
	for (; i < s.n; i++)
		p[i] = ascii_lower(p[i]);
	return slice_of(p, s.n);
}

static slice ascii_domain(slice domain, struct arena *a)
{
	slice ascii;
	return domain_to_ascii(domain, a, &ascii) ? ascii : policy_lower(domain, a);
}

struct policy_address policy_address_of(slice address, struct arena *a)
{
	slice local, domain;
	if (!address_split(address, &local, &domain))
		return (struct policy_address){.whole = policy_lower(address, a)};
	slice ascii = ascii_domain(domain, a);
	if (slice_eq(ascii, domain)) {
		slice whole = policy_lower(address, a);
		return (struct policy_address){
			.whole = whole, .domain = slice_skip(whole, whole.n - ascii.n)};
	}
	slice whole = arena_printf(a, "%.*s@%.*s", SFMT(policy_lower(local, a)), SFMT(ascii));
	return (struct policy_address){.whole = whole, .domain = ascii};
}

/* ---- words ---- */

static enum policy_who_fault add_domain(struct policy_who *w, slice domain, struct arena *a)
{
	bool below = slice_starts(domain, S("."));
	slice ascii;
	if (!domain_to_ascii(slice_skip(domain, below), a, &ascii) || !domain_valid(ascii, false))
		return POLICY_WHO_BAD;
	w->below |= below;
	policy_slices_add(&w->domains, below ? arena_printf(a, ".%.*s", SFMT(ascii)) : ascii, a);
	return POLICY_WHO_FINE;
}

static enum policy_who_fault add_address(struct policy_who *w, slice word, struct arena *a)
{
	struct address parsed;
	if (slice_index(word, '@') == word.n)
		return POLICY_WHO_BARE;
	if (address_parse(word, true, &parsed) != ADDRESS_FINE)
		return POLICY_WHO_BAD;
	policy_slices_add(&w->exact, policy_address_of(word, a).whole, a);
	return POLICY_WHO_FINE;
}

/* A group with '@' is the directory's, one without is the document's. */
bool policy_who_is_of_directory(slice word)
{
	static const slice kinds[] = {S_INIT("org:"), S_INIT("class:"), S_INIT("department:")};
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
		if (slice_starts(word, kinds[i]))
			return true;
	return slice_starts(word, S("group:")) && slice_index(word, '@') < word.n;
}

enum policy_who_fault policy_who_add(
	struct policy_who *w, enum policy_who_kind kind, slice word, struct arena *a)
{
	if (policy_who_is_of_directory(word)) {
		if (slice_ends(word, S(":")))
			return POLICY_WHO_BAD;
		policy_slices_add(&w->belongs, policy_lower(word, a), a);
		return POLICY_WHO_FINE;
	}
	if (slice_index(word, '*') < word.n) {
		policy_slices_add(&w->wild, policy_lower(word, a), a);
		return POLICY_WHO_FINE;
	}
	if (slice_starts(word, S("@")))
		return add_domain(w, slice_skip(word, 1), a);
	if (slice_starts(word, S(".")) || kind == POLICY_WHO_DOMAIN)
		return add_domain(w, word, a);
	if (slice_eq(word, S("<>")) && kind == POLICY_WHO_ADDRESS) {
		policy_slices_add(&w->exact, S(""), a);
		return POLICY_WHO_FINE;
	}
	if (kind == POLICY_WHO_LOGIN) {
		policy_slices_add(&w->exact, policy_lower(word, a), a);
		return POLICY_WHO_FINE;
	}
	return add_address(w, word, a);
}

void policy_who_ready(struct policy_who *w)
{
	if (w->exact.n)
		qsort(w->exact.v, w->exact.n, sizeof(slice), by_order);
	if (w->domains.n)
		qsort(w->domains.v, w->domains.n, sizeof(slice), by_order);
	if (w->belongs.n)
		qsort(w->belongs.v, w->belongs.n, sizeof(slice), by_order);
}

/* ---- matching ---- */

static bool has_domain(const struct policy_who *w, slice domain)
{
	if (w->domains.n == 0 || domain.n == 0)
		return false;
	if (has(&w->domains, domain))
		return true;
	for (size_t i = 1; w->below && i < domain.n; i++)
		if (domain.p[i] == '.' && has(&w->domains, slice_skip(domain, i)))
			return true;
	return false;
}

static bool has_belonging(const struct policy_who *w, slice belongs)
{
	slice word;
	while (w->belongs.n && slice_cut(&belongs, '\n', &word))
		if (has(&w->belongs, word))
			return true;
	return false;
}

static bool has_itself(const struct policy_who *w, const struct policy_address *x)
{
	if (has(&w->exact, x->whole) || has_domain(w, x->domain) || has_belonging(w, x->belongs))
		return true;
	for (size_t i = 0; i < w->wild.n; i++)
		if (x->whole.n && wildcard_match(w->wild.v[i], x->whole))
			return true;
	return false;
}

bool policy_who_has(const struct policy_who *w, const struct policy_address *x)
{
	if (has_itself(w, x))
		return true;
	for (size_t i = 0; i < w->ngroups; i++)
		if (has_itself(w->groups[i], x))
			return true;
	return false;
}
