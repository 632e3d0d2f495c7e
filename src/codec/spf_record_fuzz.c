/* SPF records never go astray; what is accepted has terms that lie in the text, domain-specs whose
 * macros expand within the limit, and is accepted again when put together from its terms. */
#include "base/mem.h"
#include "base/must.h"
#include "codec/spf_macro.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static bool within(slice part, slice whole)
{
	return part.n == 0 || (part.p >= whole.p && part.p + part.n <= whole.p + whole.n);
}

static void check_domain(slice spec, slice in)
{
	static const struct spf_macro_values values = {
		.sender = S_INIT("a+b=c@x.example"),
		.local = S_INIT("a+b=c"),
		.sender_domain = S_INIT("x.example"),
		.domain = S_INIT("..y.example."),
		.helo = S_INIT(""),
		.validated = S_INIT("unknown"),
		.ip = S_INIT("192.0.2.1"),
		.family = S_INIT("in-addr"),
	};
	AUTO(buf) struct buf out = BUF(2000);
	must(within(spec, in) && (spec.n == 0 || spf_domain_check(spec) == SPF_FINE));
	spf_macro_expand(spec, &values, &out);
	must(out.n <= 2000);
	if (slice_index(spec, '%') == spec.n && buf_ok(&out))
		must(slice_eq(buf_slice(&out), spec));
}

static void check_again(const struct spf_record *r, struct arena *a)
{
	AUTO(buf) struct buf text = BUF(SPF_RECORD_MAX * 2);
	struct spf_record again;
	slice where;
	buf_put(&text, S("v=spf1"));
	for (size_t i = 0; i < r->n; i++)
		buf_printf(&text, " %.*s", SFMT(r->terms[i].text));
	must(spf_record_parse(buf_slice(&text), a, &again, &where) == SPF_FINE);
	must(again.n == r->n && again.others == 0);
	for (size_t i = 0; i < r->n; i++) {
		must(again.terms[i].mechanism == r->terms[i].mechanism);
		must(memcmp(again.terms[i].ip, r->terms[i].ip, sizeof r->terms[i].ip) == 0);
		must(again.terms[i].bits4 == r->terms[i].bits4 &&
			again.terms[i].bits6 == r->terms[i].bits6);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	AUTO(arena) struct arena a = {0};
	AUTO(buf) struct buf out = BUF(2000);
	slice in = slice_of(data, n), where;
	struct spf_record r;
	if (n > SPF_RECORD_MAX)
		return 0;
	if (spf_explain_valid(in))
		spf_macro_expand(in, &(struct spf_macro_values){0}, &out);
	if (!spf_record_is(in))
		return 0;
	if (spf_record_parse(in, &a, &r, &where) != SPF_FINE) {
		must(within(where, in));
		return 0;
	}
	for (size_t i = 0; i < r.n; i++) {
		must(r.terms[i].bits4 <= 32 && r.terms[i].bits6 <= 128);
		must(within(r.terms[i].text, in));
		check_domain(r.terms[i].domain, in);
	}
	check_domain(r.redirect, in);
	check_domain(r.exp, in);
	check_again(&r, &a);
	return 0;
}
