/*
 * DKIM results for others: the best of all, and the words of Authentication-Results (RFC 8601
 * section 2.7.1, RFC 6008).
 */
#include "senderauth/dkim.h"

enum { B_SHORTEST = 8 }; /* characters of b=, RFC 6008 section 4 */

enum auth_result dkim_results_best(const struct dkim_results *r)
{
	static const enum auth_result order[] = {
		AUTH_PASS, AUTH_TEMPERROR, AUTH_POLICY, AUTH_FAIL, AUTH_PERMERROR, AUTH_NEUTRAL};
	for (size_t o = 0; o < sizeof order / sizeof *order; o++)
		for (size_t i = 0; i < r->n; i++)
			if (r->v[i].result == order[o])
				return order[o];
	return AUTH_NONE;
}

/* The beginning of b= that no other signature of this domain and selector shares. */
static slice telling_b(const struct dkim_results *all, size_t mine)
{
	slice b = all->v[mine].field.b_text;
	size_t n = B_SHORTEST;
	for (size_t i = 0; i < all->n; i++) {
		slice other = all->v[i].field.b_text;
		if (i == mine || slice_eq(other, b))
			continue;
		while (n < b.n && slice_eq(slice_first(other, n), slice_first(b, n)))
			n++;
	}
	return slice_first(b, n);
}

static void add(struct authres_method *m, slice property, slice value)
{
	if (value.n)
		m->props[m->nprops++] = (struct authres_prop){S("header"), property, value};
}

void dkim_result_method(
	const struct dkim_results *all, size_t i, struct arena *a, struct authres_method *ret)
{
	const struct dkim_result *r = &all->v[i];
	const struct dkim_field *f = &r->field;
	*ret = (struct authres_method){
		.method = S("dkim"), .result = slice_z(auth_result_name(r->result))};
	if (r->result != AUTH_PASS)
		ret->reason = slice_z(r->reason);
	if (r->bits)
		ret->comment =
			arena_printf(a, "%u-bit key%s", r->bits, r->testing ? ", test mode" : "");
	add(ret, S("d"), f->domain);
	add(ret, S("i"), f->identity);
	add(ret, S("s"), f->selector);
	if (f->signature.n)
		add(ret, S("a"), slice_z(dkim_algorithm_name(f->algorithm)));
	add(ret, S("b"), telling_b(all, i));
}
