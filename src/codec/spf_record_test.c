/* SPF's grammar and macros: RFC 7208 sections 4.5, 4.6, 5.6, 6, 7.4, 12. */
#include "base/mem.h"
#include "base/test.h"
#include "codec/spf_macro.h"

TEST(spf_record_is_by_its_version)
{
	CHECK(spf_record_is(S("v=spf1")));
	CHECK(spf_record_is(S("V=SPF1 -all")));
	CHECK(!spf_record_is(S("v=spf10 -all")));
	CHECK(!spf_record_is(S("v=spf1\t-all")));
	CHECK(!spf_record_is(S(" v=spf1 -all")));
	CHECK(!spf_record_is(S("v=spf")));
	CHECK(!spf_record_is(S("")));
}

static const struct {
	slice text;
	enum spf_fault fault;
	slice where;
} records[] = {
	{S_INIT("v=spf1"), SPF_FINE, S_INIT("")},
	{S_INIT("v=spf1   a  -all  "), SPF_FINE, S_INIT("")},
	{S_INIT("v=spf1 A:EXAMPLE.com/24//64 MX/8 ptr PTR:x.y exists:%{i}.x.y"), SPF_FINE,
		S_INIT("")},
	{S_INIT("v=spf1 a//0 mx:x.y//128 a/0"), SPF_FINE, S_INIT("")},
	{S_INIT("v=spf1 ip4:1.2.3.4 ip4:1.2.3.4/0 ip6:::1 ip6:1::/0 ip6:::ffff:1.2.3.4/128"),
		SPF_FINE, S_INIT("")},
	{S_INIT("v=spf1 a:x.museum. a:%{d} a:%%%_%- a:foo/24.com a:x.a1-b a:x.1a"), SPF_FINE,
		S_INIT("")},
	{S_INIT("v=spf1 moo=cow exp=x.y x-y_z.1= ip4=1.2.3.4 t=%{t} redirect=%{d}"), SPF_FINE,
		S_INIT("")},
	{S_INIT("v=spf1 ?ALL ~all +all -all"), SPF_FINE, S_INIT("")},

	{S_INIT("v=spf1 all/8"), SPF_ARGUMENT_EXTRA, S_INIT("all/8")},
	{S_INIT("v=spf1 all:x.y"), SPF_ARGUMENT_EXTRA, S_INIT("all:x.y")},
	{S_INIT("v=spf1 include"), SPF_ARGUMENT_MISSING, S_INIT("include")},
	{S_INIT("v=spf1 include:"), SPF_ARGUMENT_MISSING, S_INIT("include:")},
	{S_INIT("v=spf1 include:x.y/24"), SPF_DOMAIN_BAD, S_INIT("include:x.y/24")},
	{S_INIT("v=spf1 include/24"), SPF_ARGUMENT_EXTRA, S_INIT("include/24")},
	{S_INIT("v=spf1 ptr/0"), SPF_ARGUMENT_EXTRA, S_INIT("ptr/0")},
	{S_INIT("v=spf1 a:"), SPF_ARGUMENT_MISSING, S_INIT("a:")},
	{S_INIT("v=spf1 a:/24"), SPF_ARGUMENT_MISSING, S_INIT("a:/24")},
	{S_INIT("v=spf1 a/24/64"), SPF_PREFIX_BAD, S_INIT("a/24/64")},
	{S_INIT("v=spf1 a/33"), SPF_PREFIX_BAD, S_INIT("a/33")},
	{S_INIT("v=spf1 a/08"), SPF_PREFIX_BAD, S_INIT("a/08")},
	{S_INIT("v=spf1 a//129"), SPF_PREFIX_BAD, S_INIT("a//129")},
	{S_INIT("v=spf1 a//64/24"), SPF_ARGUMENT_EXTRA, S_INIT("a//64/24")},
	{S_INIT("v=spf1 a/"), SPF_ARGUMENT_EXTRA, S_INIT("a/")},
	{S_INIT("v=spf1 a:x.y/"), SPF_DOMAIN_BAD, S_INIT("a:x.y/")},
	{S_INIT("v=spf1 a:x.y:8080"), SPF_DOMAIN_BAD, S_INIT("a:x.y:8080")},
	{S_INIT("v=spf1 a:111.222.33.44"), SPF_DOMAIN_BAD, S_INIT("a:111.222.33.44")},
	{S_INIT("v=spf1 a:com"), SPF_DOMAIN_BAD, S_INIT("a:com")},
	{S_INIT("v=spf1 a:x.-y"), SPF_DOMAIN_BAD, S_INIT("a:x.-y")},
	{S_INIT("v=spf1 a:%{d}com"), SPF_DOMAIN_BAD, S_INIT("a:%{d}com")},
	{S_INIT("v=spf1 ip4"), SPF_ARGUMENT_MISSING, S_INIT("ip4")},
	{S_INIT("v=spf1 ip4:1.2.3"), SPF_ADDRESS_BAD, S_INIT("ip4:1.2.3")},
	{S_INIT("v=spf1 ip4:1.2.3.4:80"), SPF_ADDRESS_BAD, S_INIT("ip4:1.2.3.4:80")},
	{S_INIT("v=spf1 ip4:1.2.3.4//32"), SPF_PREFIX_BAD, S_INIT("ip4:1.2.3.4//32")},
	{S_INIT("v=spf1 ip4:1.2.3.4/33"), SPF_PREFIX_BAD, S_INIT("ip4:1.2.3.4/33")},
	{S_INIT("v=spf1 ip4:1.2.3.4/"), SPF_PREFIX_BAD, S_INIT("ip4:1.2.3.4/")},
	{S_INIT("v=spf1 ip6::cafe::1"), SPF_ADDRESS_BAD, S_INIT("ip6::cafe::1")},
	{S_INIT("v=spf1 ip6:::1/129"), SPF_PREFIX_BAD, S_INIT("ip6:::1/129")},
	{S_INIT("v=spf1 moo"), SPF_UNKNOWN, S_INIT("moo")},
	{S_INIT("v=spf1 -moo=cow"), SPF_UNKNOWN, S_INIT("-moo=cow")},
	{S_INIT("v=spf1 1x=cow"), SPF_UNKNOWN, S_INIT("1x=cow")},
	{S_INIT("v=spf1 =cow"), SPF_UNKNOWN, S_INIT("=cow")},
	{S_INIT("v=spf1 -"), SPF_UNKNOWN, S_INIT("-")},
	{S_INIT("v=spf1 moo=%c"), SPF_MACRO_BAD, S_INIT("moo=%c")},
	{S_INIT("v=spf1 exists:%(x)s.y"), SPF_MACRO_BAD, S_INIT("exists:%(x)s.y")},
	{S_INIT("v=spf1 exists:%{q}.y"), SPF_MACRO_BAD, S_INIT("exists:%{q}.y")},
	{S_INIT("v=spf1 exists:%{d0}"), SPF_MACRO_BAD, S_INIT("exists:%{d0}")},
	{S_INIT("v=spf1 exists:%{dr2}"), SPF_MACRO_BAD, S_INIT("exists:%{dr2}")},
	{S_INIT("v=spf1 exists:%{d"), SPF_MACRO_BAD, S_INIT("exists:%{d")},
	{S_INIT("v=spf1 exists:%"), SPF_MACRO_BAD, S_INIT("exists:%")},
	{S_INIT("v=spf1 exists:%{}.y"), SPF_MACRO_BAD, S_INIT("exists:%{}.y")},
	{S_INIT("v=spf1 exists:%{c}.y"), SPF_MACRO_FORBIDDEN, S_INIT("exists:%{c}.y")},
	{S_INIT("v=spf1 exp=%{r}.y"), SPF_MACRO_FORBIDDEN, S_INIT("exp=%{r}.y")},
	{S_INIT("v=spf1 exp="), SPF_ARGUMENT_MISSING, S_INIT("exp=")},
	{S_INIT("v=spf1 exp=x.y redirect=x.y exp=x.y"), SPF_MODIFIER_TWICE, S_INIT("exp=x.y")},
	{S_INIT("v=spf1 a\tmx"), SPF_CHARACTER, S_INIT("a\tmx")},
	{S_INIT("v=spf1 a:caf\xc3\xa9.com -all"), SPF_CHARACTER, S_INIT("a:caf\xc3\xa9.com")},
	{S_INIT("v=spf1 a\0 -all"), SPF_CHARACTER, S_INIT("a\0")},
};

TEST(spf_record_faults)
{
	for (size_t i = 0; i < sizeof records / sizeof *records; i++) {
		AUTO(arena) struct arena a = {0};
		struct spf_record r;
		slice where;
		CHECK(spf_record_is(records[i].text));
		enum spf_fault f = spf_record_parse(records[i].text, &a, &r, &where);
		CHECK_STR(where, records[i].where);
		CHECK_STR(slice_z(spf_fault_text(f)), slice_z(spf_fault_text(records[i].fault)));
	}
}

TEST(spf_record_terms)
{
	AUTO(arena) struct arena a = {0};
	struct spf_record r;
	slice where;
	slice text = S("v=spf1 -A:x.%{d}/24//64 ip6:2001:db8::/32 redirect=r.s m=n ?mx exp=e.f");
	CHECK_INT(spf_record_parse(text, &a, &r, &where), SPF_FINE);
	CHECK_INT(r.n, 3);
	CHECK_INT(r.terms[0].mechanism, SPF_A);
	CHECK_INT(r.terms[0].qualifier, '-');
	CHECK_STR(r.terms[0].domain, S("x.%{d}"));
	CHECK_INT(r.terms[0].bits4, 24);
	CHECK_INT(r.terms[0].bits6, 64);
	CHECK_STR(r.terms[0].text, S("-A:x.%{d}/24//64"));
	CHECK_INT(r.terms[1].mechanism, SPF_IP6);
	CHECK_INT(r.terms[1].qualifier, '+');
	CHECK_INT(r.terms[1].bits6, 32);
	CHECK_INT(r.terms[1].ip[3], 0xb8);
	CHECK_INT(r.terms[2].mechanism, SPF_MX);
	CHECK_INT(r.terms[2].bits4, 32);
	CHECK_INT(r.terms[2].domain.n, 0);
	CHECK_STR(r.redirect, S("r.s"));
	CHECK_STR(r.exp, S("e.f"));
	CHECK_INT(r.others, 1);
}

TEST(spf_record_with_too_many_terms)
{
	AUTO(arena) struct arena a = {0};
	AUTO(buf) struct buf b = BUF(SPF_RECORD_MAX);
	struct spf_record r;
	slice where;
	buf_put(&b, S("v=spf1"));
	for (int i = 0; i < SPF_TERMS_MAX; i++)
		buf_put(&b, S(" all"));
	CHECK_INT(spf_record_parse(buf_slice(&b), &a, &r, &where), SPF_FINE);
	CHECK_INT(r.n, SPF_TERMS_MAX);
	buf_put(&b, S(" all"));
	CHECK_INT(spf_record_parse(buf_slice(&b), &a, &r, &where), SPF_TERMS_MANY);
}

/* Section 7.4, and what it does not show. */
static const struct {
	slice macro, want;
} expansions[] = {
	{S_INIT("%{s}"), S_INIT("strong-bad@email.example.com")},
	{S_INIT("%{o}"), S_INIT("email.example.com")},
	{S_INIT("%{d}"), S_INIT("email.example.com")},
	{S_INIT("%{d4}"), S_INIT("email.example.com")},
	{S_INIT("%{d3}"), S_INIT("email.example.com")},
	{S_INIT("%{d2}"), S_INIT("example.com")},
	{S_INIT("%{d1}"), S_INIT("com")},
	{S_INIT("%{dr}"), S_INIT("com.example.email")},
	{S_INIT("%{d2r}"), S_INIT("example.email")},
	{S_INIT("%{l}"), S_INIT("strong-bad")},
	{S_INIT("%{l-}"), S_INIT("strong.bad")},
	{S_INIT("%{lr}"), S_INIT("strong-bad")},
	{S_INIT("%{lr-}"), S_INIT("bad.strong")},
	{S_INIT("%{l1r-}"), S_INIT("strong")},
	{S_INIT("%{ir}.%{v}._spf.%{d2}"), S_INIT("3.2.0.192.in-addr._spf.example.com")},
	{S_INIT("%{lr-}.lp._spf.%{d2}"), S_INIT("bad.strong.lp._spf.example.com")},
	{S_INIT("%{lr-}.lp.%{ir}.%{v}._spf.%{d2}"),
		S_INIT("bad.strong.lp.3.2.0.192.in-addr._spf.example.com")},
	{S_INIT("%{d2}.trusted-domains.example.net"),
		S_INIT("example.com.trusted-domains.example.net")},
	{S_INIT("%{S}"), S_INIT("strong-bad%40email.example.com")},
	{S_INIT("%{H}"), S_INIT("mx.example.org%2F%3Cx%3E~_")},
	{S_INIT("%{h./}"), S_INIT("mx.example.org.<x>~_")},
	{S_INIT("%{d99999999999999999999r}"), S_INIT("com.example.email")},
	{S_INIT("%%%_%-%{p}"), S_INIT("% %20mx.example.org")},
	{S_INIT("%{c} %{r} %{t}"), S_INIT("192.0.2.3 us.example 1700000000")},
	{S_INIT("%{I}"), S_INIT("192.0.2.3")},
	{S_INIT("plain"), S_INIT("plain")},
	{S_INIT(""), S_INIT("")},
};

static const struct spf_macro_values values = {
	.sender = S_INIT("strong-bad@email.example.com"),
	.local = S_INIT("strong-bad"),
	.sender_domain = S_INIT("email.example.com"),
	.domain = S_INIT("email.example.com"),
	.helo = S_INIT("mx.example.org/<x>~_"),
	.validated = S_INIT("mx.example.org"),
	.ip = S_INIT("192.0.2.3"),
	.ip_readable = S_INIT("192.0.2.3"),
	.family = S_INIT("in-addr"),
	.receiver = S_INIT("us.example"),
	.now = 1700000000,
};

TEST(spf_macros_expand)
{
	for (size_t i = 0; i < sizeof expansions / sizeof *expansions; i++) {
		AUTO(buf) struct buf out = BUF(1000);
		CHECK(spf_explain_valid(expansions[i].macro));
		spf_macro_expand(expansions[i].macro, &values, &out);
		CHECK_STR(buf_slice(&out), expansions[i].want);
	}
}

TEST(spf_macro_expansion_is_bounded)
{
	AUTO(buf) struct buf in = BUF(SPF_RECORD_MAX), out = BUF(500);
	while (buf_ok(&in))
		buf_put(&in, S("%{s}"));
	spf_macro_expand(buf_slice(&in), &values, &out);
	CHECK(!buf_ok(&out));
}

TEST(spf_macro_uses_a_letter)
{
	CHECK(spf_macro_uses(S("x%{P2r}y"), 'p'));
	CHECK(!spf_macro_uses(S("p%%{p}"), 'p'));
	CHECK(!spf_macro_uses(S("%{d}"), 'p'));
	CHECK(!spf_explain_valid(S("tab\there")));
	CHECK(!spf_explain_valid(S("caf\xc3\xa9")));
	CHECK(!spf_explain_valid(S("100% sure")));
	CHECK_INT(spf_macro_check(S("a b"), true), SPF_CHARACTER);
}
