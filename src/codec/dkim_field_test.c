#include "base/mem.h"
#include "base/test.h"
#include "codec/dkim_field.h"

#define REST " d=Example.COM; s=Sel; h=From : To; bh=Zm9v; b=YmFy"

TEST(dkim_field_faults)
{
	static const struct {
		const char *in;
		enum dkim_fault fault;
	} cases[] = {
		{"v=1; a=rsa-sha256;" REST, DKIM_FIELD_FINE},
		{"v=1; a=RSA-SHA256;" REST, DKIM_FIELD_FINE},
		{"a=rsa-sha256; v=1;" REST, DKIM_FIELD_FINE},
		{"v=1; a=rsa-sha256; a=rsa-sha256;" REST, DKIM_FIELD_SYNTAX},
		{"v=1; a=rsa-sha256;; " REST, DKIM_FIELD_SYNTAX},
		{"", DKIM_FIELD_MISSING},
		{"a=rsa-sha256;" REST, DKIM_FIELD_MISSING},
		{"v=2; a=rsa-sha256;" REST, DKIM_FIELD_VERSION},
		{"v=1.0; a=rsa-sha256;" REST, DKIM_FIELD_VERSION},
		{"v=1; a=rsa-md5;" REST, DKIM_FIELD_ALGORITHM},
		{"v=1; a=rsa-sha256; c=;" REST, DKIM_FIELD_CANON},
		{"v=1; a=rsa-sha256; c=nowsp;" REST, DKIM_FIELD_CANON},
		{"v=1; a=rsa-sha256; c=simple/;" REST, DKIM_FIELD_CANON},
		{"v=1; a=rsa-sha256; c=simple/simple/simple;" REST, DKIM_FIELD_CANON},
		{"v=1; a=rsa-sha256; q=dns/txt;" REST, DKIM_FIELD_FINE},
		{"v=1; a=rsa-sha256; q=http:dns/txt;" REST, DKIM_FIELD_FINE},
		{"v=1; a=rsa-sha256; q=http;" REST, DKIM_FIELD_QUERY},
		{"v=1; a=rsa-sha256; i=@example.com;" REST, DKIM_FIELD_FINE},
		{"v=1; a=rsa-sha256; i=joe=40home@sub.EXAMPLE.com;" REST, DKIM_FIELD_FINE},
		{"v=1; a=rsa-sha256; i=@other.example;" REST, DKIM_FIELD_IDENTITY},
		{"v=1; a=rsa-sha256; i=@badexample.com;" REST, DKIM_FIELD_IDENTITY},
		{"v=1; a=rsa-sha256; i=example.com;" REST, DKIM_FIELD_IDENTITY},
		{"v=1; a=rsa-sha256; i=a=4@example.com;" REST, DKIM_FIELD_IDENTITY},
		{"v=1; a=rsa-sha256; l=0;" REST, DKIM_FIELD_FINE},
		{"v=1; a=rsa-sha256; l=-1;" REST, DKIM_FIELD_NUMBER},
		{"v=1; a=rsa-sha256; t=;" REST, DKIM_FIELD_NUMBER},
		{"v=1; a=rsa-sha256; x=1e3;" REST, DKIM_FIELD_NUMBER},
		{"v=1; a=rsa-sha256; d=-; s=s; h=From; bh=Zm9v; b=YmFy", DKIM_FIELD_DOMAIN},
		{"v=1; a=rsa-sha256; d=; s=s; h=From; bh=Zm9v; b=YmFy", DKIM_FIELD_DOMAIN},
		{"v=1; a=rsa-sha256; d=b.example; s=; h=From; bh=Zm9v; b=YmFy",
			DKIM_FIELD_SELECTOR},
		{"v=1; a=rsa-sha256; d=b.example; s=a..b; h=From; bh=Zm9v; b=YmFy",
			DKIM_FIELD_SELECTOR},
		{"v=1; a=rsa-sha256; d=b.example; s=20230601; h=From; bh=Zm9v; b=YmFy",
			DKIM_FIELD_FINE},
		{"v=1; a=rsa-sha256; d=b.example; s=s; h=; bh=Zm9v; b=YmFy", DKIM_FIELD_NAMES},
		{"v=1; a=rsa-sha256; d=b.example; s=s; h=From::To; bh=Zm9v; b=YmFy",
			DKIM_FIELD_NAMES},
		{"v=1; a=rsa-sha256; d=b.example; s=s; h=From To; bh=Zm9v; b=YmFy",
			DKIM_FIELD_NAMES},
		{"v=1; a=rsa-sha256; d=b.example; s=s; h=From; bh=Zm9v; b=", DKIM_FIELD_BASE64},
		{"v=1; a=rsa-sha256; d=b.example; s=s; h=From; bh=Zm9v; b=!!!!", DKIM_FIELD_BASE64},
		{"v=1; a=rsa-sha256; d=b.example; s=s; h=From; bh=Z; b=YmFy", DKIM_FIELD_BASE64},
	};
	AUTO(arena) struct arena a = {0};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct dkim_field f;
		enum dkim_fault got =
			dkim_field_parse(slice_z(cases[i].in), DKIM_SIGNATURE, &a, &f);
		if (got != cases[i].fault)
			test_fail(__FILE__, __LINE__, "\"%s\" is %d", cases[i].in, got);
		CHECK(dkim_fault_text(got)[0] != 0);
	}
}

TEST(dkim_field_values)
{
	AUTO(arena) struct arena a = {0};
	struct dkim_field f;
	slice value = S(" v=1; a=ed25519-sha256; c=relaxed/simple; d=Example.COM;\r\n\ts=Sel.One;"
			" i=joe=3Bhome@sub.example.com; t=1; x=99999999999999999999; l=5;\r\n"
			"\th=From : To:\r\n\tX-Other; bh=Zm\r\n\t9v; b=Ym\r\n\tFy ; z=no:thing");
	CHECK_INT(dkim_field_parse(value, DKIM_SIGNATURE, &a, &f), DKIM_FIELD_FINE);
	CHECK_INT(f.algorithm, DKIM_ED25519_SHA256);
	CHECK(f.header_canon == CANON_RELAXED && f.body_canon == CANON_SIMPLE);
	CHECK_STR(f.domain, S("example.com"));
	CHECK_STR(f.selector, S("sel.one"));
	CHECK_STR(f.identity, S("joe;home@sub.example.com"));
	CHECK(f.signed_at == 1 && f.expires_at == INT64_MAX && f.length == 5);
	CHECK_INT(f.nnames, 3);
	CHECK_STR(f.names[2], S("X-Other"));
	CHECK(dkim_field_names(&f, S("from")) && !dkim_field_names(&f, S("Cc")));
	CHECK_STR(f.body_hash, S("foo"));
	CHECK_STR(f.signature, S("bar"));
	CHECK_STR(f.b_text, S("YmFy"));
	CHECK_STR(f.b_span, S("Ym\r\n\tFy "));
}

TEST(dkim_field_of_arc)
{
	AUTO(arena) struct arena a = {0};
	struct dkim_field f;
	CHECK_INT(dkim_field_parse(S("i=3; a=rsa-sha256;" REST), ARC_MESSAGE_SIGNATURE, &a, &f),
		DKIM_FIELD_FINE);
	CHECK_INT(f.instance, 3);
	static const struct {
		const char *in;
		enum dkim_fault fault;
	} seals[] = {
		{"i=1; a=rsa-sha256; cv=none; d=b.example; s=s; b=YmFy", DKIM_FIELD_FINE},
		{"i=0; a=rsa-sha256; cv=none; d=b.example; s=s; b=YmFy", DKIM_FIELD_IDENTITY},
		{"i=x; a=rsa-sha256; cv=none; d=b.example; s=s; b=YmFy", DKIM_FIELD_IDENTITY},
		{"i=1; a=rsa-sha256; cv=what; d=b.example; s=s; b=YmFy", DKIM_FIELD_CV},
		{"i=1; a=rsa-sha256; d=b.example; s=s; b=YmFy", DKIM_FIELD_MISSING},
		{"i=1; a=rsa-sha256; cv=none; h=From; d=b.example; s=s; b=YmFy", DKIM_FIELD_NAMES},
		{"i=1; a=rsa-sha256; cv=none; bh=Zm9v; d=b.example; s=s; b=YmFy",
			DKIM_FIELD_BASE64},
	};
	for (size_t i = 0; i < sizeof seals / sizeof *seals; i++)
		CHECK_INT(dkim_field_parse(slice_z(seals[i].in), ARC_SEAL, &a, &f), seals[i].fault);
}

/* What is read again is what was built; every line fits. */
TEST(dkim_field_is_read_as_built)
{
	AUTO(arena) struct arena a = {0};
	AUTO(buf) struct buf out = BUF(100000);
	slice names[60];
	for (size_t i = 0; i < 60; i++)
		names[i] = S("List-Unsubscribe-Post");
	struct dkim_field f = {.algorithm = DKIM_RSA_SHA256,
		.header_canon = CANON_RELAXED,
		.body_canon = CANON_SIMPLE,
		.domain = S("example.com"),
		.selector = S("2026a"),
		.identity = S("a; b=\xc3\xa9@example.com"),
		.names = names,
		.nnames = 60,
		.body_hash = S("0123456789abcdef0123456789abcdef"),
		.length = -1,
		.signed_at = 1700000000,
		.expires_at = 1700009999};
	char signature[256];
	memset(signature, 0xa5, sizeof signature);
	for (int kind = DKIM_SIGNATURE; kind <= ARC_SEAL; kind++) {
		struct header_field h;
		struct dkim_field got;
		f.kind = (enum dkim_field_kind)kind;
		f.instance = kind == DKIM_SIGNATURE ? 0 : 7;
		buf_reset(&out);
		dkim_field_begin(&out, &f);
		dkim_field_finish(&out, slice_of(signature, sizeof signature));
		slice in = buf_slice(&out), lines = in, line;
		while (slice_cut(&lines, '\n', &line))
			CHECK(line.n <= 79);
		CHECK(header_next(&in, &h) && in.n == 0);
		CHECK_INT(dkim_field_parse(h.value, f.kind, &a, &got), DKIM_FIELD_FINE);
		CHECK_STR(got.signature, slice_of(signature, sizeof signature));
		CHECK_STR(got.domain, f.domain);
		if (kind != ARC_SEAL)
			CHECK(got.nnames == 60 && slice_eq(got.body_hash, f.body_hash));
		if (kind == DKIM_SIGNATURE)
			CHECK_STR(got.identity, S("a; b=\xc3\xa9@example.com"));
		CHECK(got.signed_at == f.signed_at && got.expires_at == f.expires_at);
	}
}
