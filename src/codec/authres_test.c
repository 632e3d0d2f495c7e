#include "base/mem.h"
#include "base/test.h"
#include "codec/authres.h"
#include <stdio.h>

/* "id/version: method=result(comment)[reason] ptype.prop=value ...; ..." or "bad" */
static slice shown(slice value, struct arena *a)
{
	struct authres r;
	AUTO(buf) struct buf out = BUF(64 * 1024);
	if (!authres_parse(value, a, &r))
		return S("bad");
	buf_printf(&out, "%.*s/%u", SFMT(r.authserv_id), r.version);
	for (size_t i = 0; i < r.n; i++) {
		const struct authres_method *m = &r.v[i];
		buf_printf(&out, "; %.*s=%.*s", SFMT(m->method), SFMT(m->result));
		if (m->comment.n)
			buf_printf(&out, "(%.*s)", SFMT(m->comment));
		if (m->reason.n)
			buf_printf(&out, "[%.*s]", SFMT(m->reason));
		for (unsigned k = 0; k < m->nprops; k++)
			buf_printf(&out, " %.*s.%.*s=%.*s", SFMT(m->props[k].ptype),
				SFMT(m->props[k].property), SFMT(m->props[k].value));
	}
	return arena_dup(a, buf_slice(&out));
}

TEST(authres_reads)
{
	AUTO(arena) struct arena a = {0};
	static const struct {
		const char *in, *want;
	} cases[] = {
		/* RFC 8601 appendix B.2 to B.7 */
		{" example.org 1; none", "example.org/1"},
		{"example.com;\r\n\tspf=pass smtp.mailfrom=example.net",
			"example.com/1; spf=pass smtp.mailfrom=example.net"},
		{"example.com;\r\n          auth=pass (cram-md5) smtp.auth=sender@example.net;\r\n"
		 "          spf=pass smtp.mailfrom=example.net",
			"example.com/1; auth=pass(cram-md5) smtp.auth=sender@example.net; "
			"spf=pass smtp.mailfrom=example.net"},
		{"example.com;\r\n\tdkim=pass reason=\"good signature\"\r\n"
		 "\t  header.i=@mail-router.example.net;\r\n\tdkim=fail reason=\"bad "
		 "signature\"\r\n"
		 "\t  header.i=@newyork.example.com",
			"example.com/1; dkim=pass[good signature] "
			"header.i=@mail-router.example.net; "
			"dkim=fail[bad signature] header.i=@newyork.example.com"},
		{"foo.example.net (foobar) 1 (baz);\r\n"
		 "   dkim (Because I like it) / 1 (One yay) = (wait for it) fail\r\n"
		 "     policy (A dot can go here) . (like that) expired\r\n"
		 "     (this surprised me) = (as I wasn't expecting it) 1362471462",
			"foo.example.net/1; dkim=fail policy.expired=1362471462"},
		/* as seen */
		{"mx.google.com;\r\n       dkim=pass header.i=@a.example header.s=s "
		 "header.b=Ab/+c=1;"
		 " spf=pass (google.com: domain of x@y designates 2001:db8::1) smtp.mailfrom=x=y@z",
			"mx.google.com/1; dkim=pass header.i=@a.example header.s=s "
			"header.b=Ab/+c=1; "
			"spf=pass(google.com: domain of x@y designates 2001:db8::1) "
			"smtp.mailfrom=x=y@z"},
		{"h; iprev=pass policy.iprev=2001:db8::1;",
			"h/1; iprev=pass policy.iprev=2001:db8::1"},
		{"h; dkim=fail reason=x header.d=", "h/1; dkim=fail[x] header.d="},
		{"\"a b\" 2; x=y \"q\"", "bad"},
		{"\"a\\\"b\" 2; x=pass reason=\"c\\)d\" smtp.mailfrom=\"q r\"@d.example",
			"a\"b/2; x=pass[c)d] smtp.mailfrom=q r@d.example"},
		{"h; spf=pass (a (nested \\) one) b) smtp.helo=c",
			"h/1; spf=pass(a (nested ) one) b) smtp.helo=c"},
		{"h;", "h/1"},
		/* no Authentication-Results */
		{"", "bad"},
		{"h", "bad"},
		{"h 1", "bad"},
		{"h x; none", "bad"},
		{"spf=pass smtp.mailfrom=x; dkim=none", "bad"},
		{"h; none; spf=pass", "bad"},
		{"h; spf", "bad"},
		{"h; spf=", "bad"},
		{"h; spf=pass smtp.", "bad"},
		{"h; spf=pass smtp.mailfrom", "bad"},
		{"h; spf=pass (open", "bad"},
		{"h; spf=pass reason=\"open", "bad"},
		{"h; spf=pass foo", "bad"},
		{"(h); spf=pass", "bad"},
		{"h 70000; none", "bad"},
		{"h 0; none", "bad"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		CHECK_STR(shown(slice_z(cases[i].in), &a), slice_z(cases[i].want));
}

TEST(authres_limits)
{
	AUTO(arena) struct arena a = {0};
	AUTO(buf) struct buf b = BUF(64 * 1024);
	struct authres r;
	buf_put(&b, S("h"));
	for (int i = 0; i < 100; i++)
		buf_put(&b, S(";x=pass"));
	for (int i = 0; i < 100; i++)
		buf_put(&b, S(" a.b=c"));
	CHECK(authres_parse(buf_slice(&b), &a, &r) && r.n == AUTHRES_METHODS_MAX);
	buf_reset(&b);
	buf_put(&b, S("h;x=pass"));
	for (int i = 0; i < 100; i++)
		buf_put(&b, S(" a.b=c"));
	CHECK(authres_parse(buf_slice(&b), &a, &r) && r.v[0].nprops == AUTHRES_PROPS_MAX);
	buf_reset(&b);
	buf_fill(&b, '(', 1000);
	buf_fill(&b, ')', 1000);
	buf_put(&b, S("h;x=pass"));
	CHECK(authres_parse(buf_slice(&b), &a, &r) && r.n == 1);
}

TEST(authres_ids)
{
	AUTO(arena) struct arena a = {0};
	static const struct {
		const char *in, *want;
	} cases[] = {
		{" mx.example; none", "mx.example"},
		{"mx.example", "mx.example"},
		{"\r\n\t(x) mx.example (y) 1; whatever (", "mx.example"},
		{"\"mx.example\";", "mx.example"},
		{"\"mx\\.example\";", "mx.example"},
		{"mx.(c)example;", "mx.example"},
		{"\"mx\".example;", "mx.example"},
		{"spf=pass smtp.mailfrom=x", ""},
		{"; spf=pass", ""},
		{"", ""},
		{"(open mx.example", ""},
		{"((((((((((((((((((((((((((((((((((((((((x))))))))))))))))))))))))))))))))))))))))"
		 "mx.example; dmarc=pass",
			"mx.example"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		CHECK_STR(authres_id(slice_z(cases[i].in), &a), slice_z(cases[i].want));
}

/* A name in a million pieces costs what its length costs. */
TEST(authres_id_in_pieces)
{
	enum { PIECES = 300000 };
	AUTO(arena) struct arena a = {0};
	AUTO(buf) struct buf b = BUF(4 * PIECES);
	for (int i = 0; i < PIECES; i++)
		buf_put(&b, S("\"a\""));
	CHECK_INT(authres_id(buf_slice(&b), &a).n, PIECES);
	CHECK(a.total < 64 * PIECES);
}

TEST(authres_builds)
{
	AUTO(buf) struct buf b = BUF(64 * 1024);
	struct authres_method v[] = {
		{.method = S("spf"),
			.result = S("pass"),
			.comment = S("a (b)\r\n\xff c"),
			.props = {{S("smtp"), S("mailfrom"), S("a@b.example")},
				{S("smtp"), S("helo"), S("[192.0.2.1]")},
				{S("smtp"), S("x"), S("")}},
			.nprops = 3},
		{.method = S("dkim"),
			.result = S("fail"),
			.reason = S("signature \"does\" not fit"),
			.props = {{S("header"), S("d"),
					  S("a-rather-long-name.of-a-domain.example")},
				{S("header"), S("i"), S("@x;y=z\r\nX: y")}},
			.nprops = 2},
	};
	struct authres r = {S("mx.example"), 1, v, 2};
	authres_build(&b, &r);
	CHECK_STR(buf_slice(&b), S("mx.example;\r\n"
				   "\tspf=pass (a \\(b\\) c) smtp.mailfrom=a@b.example "
				   "smtp.helo=\"[192.0.2.1]\";\r\n"
				   "\tdkim=fail reason=\"signature \\\"does\\\" not fit\"\r\n"
				   "\t\theader.d=a-rather-long-name.of-a-domain.example\r\n"
				   "\t\theader.i=\"@x;y=zX: y\""));
	buf_reset(&b);
	authres_build(&b, &(struct authres){S("a b@"), 2, NULL, 0});
	CHECK_STR(buf_slice(&b), S("\"a b@\" 2; none"));
}

TEST(auth_results_by_name)
{
	enum auth_result r;
	for (int i = AUTH_NONE; i <= AUTH_PERMERROR; i++) {
		CHECK(auth_result_parse(slice_z(auth_result_name((enum auth_result)i)), &r));
		CHECK_INT(r, i);
	}
	CHECK(auth_result_parse(S("HardFail"), &r) && r == AUTH_FAIL);
	CHECK(!auth_result_parse(S("bestguesspass"), &r) && !auth_result_parse(S(""), &r));
}
