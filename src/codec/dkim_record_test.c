#include "base/mem.h"
#include "base/test.h"
#include "codec/dkim_record.h"

#define ED "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=" /* RFC 8463 A.2 */

/* "rsa 12h testing same", with 1 and 2 for the hashes. */
static slice show(struct arena *a, const struct dkim_record *r)
{
	return arena_printf(a, "%s %s%s%s%s%zu", r->type == DKIM_KEY_RSA ? "rsa" : "ed25519",
		r->sha1 ? "1" : "", r->sha256 ? "2" : "", r->testing ? "y" : "",
		r->same_domain ? "s" : "", r->key.n);
}

TEST(dkim_records)
{
	static const struct {
		const char *in;
		enum dkim_record_fault fault;
		const char *want;
	} cases[] = {
		{"p=Zm9vYmFy", DKIM_RECORD_FINE, "rsa 126"},
		{"v=DKIM1; k=rsa; p=Zm9v YmFy;", DKIM_RECORD_FINE, "rsa 126"},
		{"v=DKIM1; k=ed25519; p=" ED, DKIM_RECORD_FINE, "ed25519 1232"},
		{"v=DKIM1; h=sha256; p=Zm9vYmFy", DKIM_RECORD_FINE, "rsa 26"},
		{"v=DKIM1; h=md5:sha1; p=Zm9vYmFy", DKIM_RECORD_FINE, "rsa 16"},
		{"v=DKIM1; h=; p=Zm9vYmFy", DKIM_RECORD_FINE, "rsa 6"},
		{"t=y : s:other; p=Zm9vYmFy", DKIM_RECORD_FINE, "rsa 12ys6"},
		{"s=email; p=Zm9vYmFy", DKIM_RECORD_FINE, "rsa 126"},
		{"s=web : *; p=Zm9vYmFy", DKIM_RECORD_FINE, "rsa 126"},
		{"n=some words=here; unknown=1; g=jl*g; p=Zm9vYmFy", DKIM_RECORD_FINE, "rsa 126"},
		{"s=web; p=Zm9vYmFy", DKIM_RECORD_SERVICE, NULL},
		{"s=web:tlsrpt; p=Zm9vYmFy", DKIM_RECORD_FINE, "rsa 126"},
		{"p=", DKIM_RECORD_REVOKED, NULL},
		{"v=DKIM1; p= ;", DKIM_RECORD_REVOKED, NULL},
		{"v=DKIM1; k=rsa", DKIM_RECORD_SYNTAX, NULL},
		{"", DKIM_RECORD_SYNTAX, NULL},
		{"hello", DKIM_RECORD_SYNTAX, NULL},
		{"p=Zm9vYmFy; p=Zm9vYmFy", DKIM_RECORD_SYNTAX, NULL},
		{"v=DKIM2; p=Zm9vYmFy", DKIM_RECORD_VERSION, NULL},
		{"v=dkim1; p=Zm9vYmFy", DKIM_RECORD_VERSION, NULL},
		{"p=Zm9vYmFy; v=DKIM1", DKIM_RECORD_VERSION, NULL},
		{"k=dsa; p=Zm9vYmFy", DKIM_RECORD_TYPE, NULL},
		{"p=!", DKIM_RECORD_DATA, NULL},
		{"p==", DKIM_RECORD_DATA, NULL},
		{"k=ed25519; p=Zm9vYmFy", DKIM_RECORD_DATA, NULL},
	};
	AUTO(arena) struct arena a = {0};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct dkim_record r;
		enum dkim_record_fault fault = dkim_record_parse(slice_z(cases[i].in), &a, &r);
		if (fault != cases[i].fault)
			test_fail(__FILE__, __LINE__, "\"%s\" is %d", cases[i].in, fault);
		if (!fault)
			CHECK_STR(show(&a, &r), slice_z(cases[i].want));
		CHECK(dkim_record_fault_text(fault)[0] != 0);
	}
}

TEST(dkim_record_is_read_as_built)
{
	AUTO(arena) struct arena a = {0};
	AUTO(buf) struct buf out = BUF(1000);
	struct dkim_record r;
	dkim_record_build(&out, DKIM_KEY_ED25519, S("0123456789abcdef0123456789abcdef"), true);
	CHECK_INT(dkim_record_parse(buf_slice(&out), &a, &r), DKIM_RECORD_FINE);
	CHECK(r.type == DKIM_KEY_ED25519 && r.testing);
	CHECK_STR(r.key, S("0123456789abcdef0123456789abcdef"));
	buf_reset(&out);
	dkim_record_build(&out, DKIM_KEY_RSA, S("foobar"), false);
	CHECK_STR(buf_slice(&out), S("v=DKIM1; k=rsa; p=Zm9vYmFy"));
}

TEST(dkim_algorithms)
{
	enum dkim_algorithm got;
	for (int i = DKIM_RSA_SHA256; i <= DKIM_RSA_SHA1; i++) {
		slice name = slice_z(dkim_algorithm_name((enum dkim_algorithm)i));
		CHECK(dkim_algorithm_parse(name, &got) && (int)got == i);
	}
	CHECK(!dkim_algorithm_parse(S("rsa-md5"), &got));
	CHECK(!dkim_algorithm_parse(S(""), &got));
}
