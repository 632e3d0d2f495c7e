/* Password verifiers: made, checked, and refused when they are not what they should be. */
#include "base/b64.h"
#include "base/mem.h"
#include "base/test.h"
#include "store/password.h"
#include "store/password_rule.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>

TEST(password_is_verified)
{
	struct arena a = {0};
	struct err e;
	struct password p, q;
	CHECK(password_make(S("correct horse"), &a, &p, &e) == 0);
	CHECK(password_make(S("correct horse"), &a, &q, &e) == 0);
	CHECK(!slice_eq(p.argon2, q.argon2) && !slice_eq(p.scram, q.scram)); /* salted */
	CHECK(slice_starts(p.argon2, S("$argon2id$v=19$m=19456,t=2,p=1$")));
	CHECK(password_verify(p.argon2, S("correct horse")));
	CHECK(!password_verify(p.argon2, S("correct horsf")));
	CHECK(!password_verify(p.argon2, S("")));
	CHECK(!password_verify(p.argon2, S("correct horse\0")));
	CHECK(!password_verify(p.scram, S("correct horse")));
	arena_done(&a);
}

TEST(password_is_prepared) /* RFC 4013: mapped to space or nothing, NFKC */
{
	struct arena a = {0};
	struct err e;
	struct password p;
	CHECK(password_make(S("p\xc2\xad" "assword" "\xef\xbc\xa1"), &a, &p, &e) ==
		0); /* soft hyphen, fullwidth A */
	CHECK(password_verify(p.argon2, S("passwordA")));
	CHECK(password_make(S("短密码也要八个字"), &a, &p, &e) == 0);
	CHECK(password_verify(p.argon2, S("短密码也要八个字")));
	static const slice bad[] = {S_INIT(""), S_INIT("control\x01here"), S_INIT("nul\0nulnul"), S_INIT("broken\xff\xfeutf8")};
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		CHECK(password_make(bad[i], &a, &p, &e) < 0 && e.kind == ERR_PROTO);
	char longer[PASSWORD_MAX + 1];
	memset(longer, 'x', sizeof longer);
	CHECK(password_make(slice_of(longer, sizeof longer), &a, &p, &e) < 0 &&
		e.kind == ERR_PROTO);
	arena_done(&a);
}

TEST(malformed_verifiers_fail_closed)
{
	static const char *const bad[] = {"", "x", "$argon2id$", "$argon2id$v=19$m=19456,t=2,p=1$",
		"$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHQ$",
		"$argon2id$v=19$m=4194304,t=2,p=1$c2FsdHNhbHRzYWx0$"
		"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
		"$argon2i$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0$"
		"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
		"$argon2id$v=19$m=19456,t=2000000,p=1$c2FsdHNhbHRzYWx0$"
		"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
		"plain:correct horse"};
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		CHECK(!password_verify(slice_z(bad[i]), S("correct horse")));
}

static slice decoded(slice b64, struct arena *a)
{
	AUTO(buf) struct buf out = BUF(100);
	CHECK(b64_decode(&out, b64));
	return arena_dup(a, buf_slice(&out));
}

TEST(scram_keys_are_those_of_rfc_5802)
{
	struct arena a = {0};
	struct err e;
	struct password p;
	struct password_scram s;
	CHECK(password_make(S("correct horse"), &a, &p, &e) == 0);
	CHECK(password_scram_parse(p.scram, &s));
	CHECK_STR(s.iterations, S("65536"));
	/* ServerKey := HMAC(SaltedPassword, "Server Key") */
	slice salt = decoded(s.salt, &a);
	unsigned char salted[32], key[32];
	PKCS5_PBKDF2_HMAC("correct horse", 13, (const unsigned char *)salt.p, (int)salt.n, 65536,
		EVP_sha256(), 32, salted);
	HMAC(EVP_sha256(), salted, 32, (const unsigned char *)"Server Key", 10, key, NULL);
	CHECK(slice_eq(decoded(s.server_key, &a), slice_of(key, 32)));
	static const char *const bad[] = {"", "SCRAM-SHA-1$4096:c2FsdA==$x:y", "SCRAM-SHA-256$4096",
		"SCRAM-SHA-256$4096:c2FsdA==",
		"SCRAM-SHA-256$1:c2FsdA==$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=:"
		"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
		"SCRAM-SHA-256$4096:c2FsdA==$AAAA:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="};
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		CHECK(!password_scram_parse(slice_z(bad[i]), &s));
	arena_done(&a);
}

TEST(password_rules)
{
	static const struct password_rule rule = {.minimum = 8, .classes = 2};
	static const struct {
		slice password;
		bool fine;
	} v[] = {
		{S_INIT("seven77"), false},
		{S_INIT("eight888"), true},
		{S_INIT("短密码"), false},
		{S_INIT("短密码也要八个字a"), true},
		{S_INIT("onlysmallletters"), false}, /* one kind of characters */
		{S_INIT("password1"), false}, /* everybody's */
		{S_INIT("alice.example1"), false}, /* made of the address */
		{S_INIT("Wonderland22"), false}, /* of the name */
		{S_INIT("correct horse 7"), true},
	};
	struct err e;
	for (size_t i = 0; i < sizeof v / sizeof *v; i++)
		CHECK_INT(password_check(&rule, v[i].password, S("alice.example@local.test"),
				  S("Alice Wonderland"), &e) == 0,
			v[i].fine);
	struct password_rule loose = {.own_name = true, .common = true};
	CHECK(password_check(&loose, S("password1"), S("password1@local.test"), S(""), &e) == 0);
	loose.max_age = 10;
	CHECK(!password_expired(&loose, 0, 100) && !password_expired(&loose, 91, 100) &&
		password_expired(&loose, 90, 100));
}
