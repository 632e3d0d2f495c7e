/* The keyring: making and importing keys, their states, secrets, and that changes are noticed. */
#include "store/keyring.h"

#include "store/store_testing.h"

#define NOW (1700000000LL * 1000000)

static struct sql *open_fresh(const struct testdir *d)
{
	struct sql *db;
	struct err e;
	if (keyring_open(testdir_slice(d), &db, &e) < 0)
		test_fail(__FILE__, __LINE__, "%s", e.text);
	return db;
}

static struct keyring_key make(
	slice domain, slice selector, enum keyring_state state, struct arena *a)
{
	struct keyring_key k;
	struct err e;
	CHECK(keyring_generate(KEYRING_ED25519, a, &k, &e) == 0);
	k.domain = domain;
	k.selector = selector;
	k.state = state;
	return k;
}

TEST(keyring_keys_are_made_and_come_back_from_pem)
{
	static const struct {
		enum keyring_algorithm g;
		unsigned bits;
		size_t least_public;
	} all[] = {{KEYRING_RSA2048, 2048, 270}, {KEYRING_ED25519, 256, 32}};
	for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
		AUTO(arena) struct arena a = {0};
		AUTO(buf) struct buf pem = BUF(KEYRING_PEM_MAX);
		struct keyring_key k, back;
		struct err e;
		CHECK(keyring_generate(all[i].g, &a, &k, &e) == 0);
		CHECK_INT(k.bits, all[i].bits);
		CHECK(k.public_key.n >= all[i].least_public);
		CHECK(keyring_export(&k, &pem, &e) == 0 && buf_ok(&pem));
		CHECK(slice_starts(buf_slice(&pem), S("-----BEGIN PRIVATE KEY-----")));
		CHECK(keyring_import(buf_slice(&pem), &a, &back, &e) == 0);
		CHECK_INT(back.algorithm, k.algorithm);
		CHECK(slice_eq(back.public_key, k.public_key));
		CHECK(slice_eq(back.private_der, k.private_der));
	}
}

TEST(keyring_refuses_keys_that_cannot_sign)
{
	/* An EC key, an encrypted one, a public one, nothing at all. */
	static const char *const bad[] = {
		"-----BEGIN PRIVATE KEY-----\n"
		"MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgyzIGR18fh86/0L3w\n"
		"1EpwckJPHYPR7QPn7DA3xHISm3qhRANCAASQZyE0Vu5rS6rzOyFArCDrXkWXm77e\n"
		"CYCVk7tW5Q31YB3Ss26FLfiJQfsPAKEd+7E4M5jvQbLuTlf1Mz9tCKNs\n"
		"-----END PRIVATE KEY-----\n",
		"-----BEGIN PUBLIC KEY-----\n"
		"MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n"
		"-----END PUBLIC KEY-----\n",
		"-----BEGIN PRIVATE KEY-----\nnonsense\n-----END PRIVATE KEY-----\n", "", "x"};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		AUTO(arena) struct arena a = {0};
		struct keyring_key k;
		struct err e;
		CHECK(keyring_import(slice_z(bad[i]), &a, &k, &e) < 0);
		CHECK_INT(e.kind, i == 0 ? ERR_DENIED : ERR_PROTO);
	}
}

TEST(keyring_states)
{
	AUTO(testdir) struct testdir d = testdir_make();
	AUTO(arena) struct arena a = {0};
	struct sql *db = open_fresh(&d);
	struct keyring_key k = make(S("Example.COM."), S("Sel-1"), KEYRING_PREPARED, &a), *v, got;
	struct err e;
	size_t n;
	int64_t id;
	CHECK(keyring_add(db, &k, S("alice"), NOW, &id, &e) == 0);
	CHECK(keyring_add(db, &k, S("alice"), NOW, &id, &e) < 0 && e.kind == ERR_EXISTS);
	CHECK(keyring_find(db, S("EXAMPLE.com"), S("SEL-1"), &a, &got, &e) == 0);
	CHECK_STR(got.domain, S("example.com"));
	CHECK_STR(got.selector, S("sel-1"));
	CHECK_STR(got.by, S("alice"));
	CHECK(slice_eq(got.private_der, k.private_der) && slice_eq(got.public_key, k.public_key));
	CHECK(got.created_at == NOW && got.activated_at == 0);
	CHECK(keyring_active(db, &a, &v, &n, &e) == 0 && n == 0);

	CHECK(keyring_set_state(db, got.id, KEYRING_ACTIVE, S("bob"), NOW + 1, &e) == 0);
	CHECK(keyring_active(db, &a, &v, &n, &e) == 0 && n == 1);
	CHECK(v[0].activated_at == NOW + 1 && slice_eq(v[0].private_der, k.private_der));
	CHECK_STR(v[0].by, S("bob"));
	CHECK(keyring_set_state(db, got.id, KEYRING_RETIRED, S("bob"), NOW + 2, &e) == 0);
	CHECK(keyring_active(db, &a, &v, &n, &e) == 0 && n == 0);
	CHECK(keyring_set_state(db, got.id, KEYRING_REVOKED, S("bob"), NOW + 3, &e) == 0);
	CHECK(keyring_find(db, S("example.com"), S("sel-1"), &a, &got, &e) == 0);
	CHECK(got.private_der.n == 0 && got.revoked_at == NOW + 3 && got.retired_at == NOW + 2);
	CHECK(keyring_set_state(db, got.id, KEYRING_ACTIVE, S("bob"), NOW, &e) < 0);
	CHECK_INT(e.kind, ERR_DENIED);
	CHECK(keyring_list(db, S(""), &a, &v, &n, &e) == 0 && n == 1);
	CHECK(keyring_list(db, S("example.org"), &a, &v, &n, &e) == 0 && n == 0);
	CHECK(keyring_remove(db, got.id, &e) == 0);
	CHECK(keyring_remove(db, got.id, &e) < 0 && e.kind == ERR_NOTFOUND);
	sql_close(db);
}

TEST(keyring_names_and_limits)
{
	static const slice bad[] = {S_INIT(""), S_INIT("a b"), S_INIT("-a"), S_INIT("a."),
		S_INIT("a..b"), S_INIT("\xc3\xa9"),
		S_INIT("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")};
	AUTO(testdir) struct testdir d = testdir_make();
	AUTO(arena) struct arena a = {0};
	struct sql *db = open_fresh(&d);
	struct err e;
	int64_t id;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct keyring_key k = make(S("example.com"), bad[i], KEYRING_PREPARED, &a);
		CHECK(keyring_add(db, &k, S(""), NOW, &id, &e) < 0 && e.kind == ERR_PROTO);
	}
	for (int i = 0; i <= KEYRING_ACTIVE_MAX; i++) {
		struct keyring_key k =
			make(S("example.com"), arena_printf(&a, "s%d", i), KEYRING_ACTIVE, &a);
		int r = keyring_add(db, &k, S(""), NOW, &id, &e);
		CHECK(i < KEYRING_ACTIVE_MAX ? r == 0 : r < 0 && e.kind == ERR_LIMIT);
	}
	for (int i = KEYRING_ACTIVE_MAX; i <= KEYRING_DOMAIN_KEYS_MAX; i++) {
		struct keyring_key k =
			make(S("example.com"), arena_printf(&a, "s%d", i), KEYRING_PREPARED, &a);
		int r = keyring_add(db, &k, S(""), NOW, &id, &e);
		CHECK(i < KEYRING_DOMAIN_KEYS_MAX ? r == 0 : r < 0 && e.kind == ERR_LIMIT);
	}
	CHECK(keyring_set_state(db, id, KEYRING_ACTIVE, S(""), NOW, &e) < 0);
	CHECK_INT(e.kind, ERR_LIMIT);
	sql_close(db);
}

TEST(keyring_secrets_and_version)
{
	AUTO(testdir) struct testdir d = testdir_make();
	AUTO(arena) struct arena a = {0};
	struct sql *db = open_fresh(&d);
	struct keyring_secret *v, *w;
	struct err e;
	size_t n;
	uint64_t version[3];
	CHECK(keyring_version(db, &version[0], &e) == 0);
	CHECK(keyring_secret_make(db, S("srs"), NOW, &e) == 0);
	CHECK(keyring_secrets(db, &a, &v, &n, &e) == 0 && n == 1);
	CHECK_STR(v[0].name, S("srs"));
	CHECK(v[0].bytes.n == KEYRING_SECRET && v[0].old.n == 0);
	CHECK(keyring_secret_make(db, S("srs"), NOW, &e) == 0); /* stays */
	CHECK(keyring_secrets(db, &a, &w, &n, &e) == 0 && n == 1);
	CHECK(slice_eq(v[0].bytes, w[0].bytes));
	CHECK(keyring_version(db, &version[1], &e) == 0 && version[1] > version[0]);
	CHECK(keyring_secret_renew(db, S("srs"), NOW, &e) == 0);
	CHECK(keyring_secrets(db, &a, &w, &n, &e) == 0 && n == 1);
	CHECK(slice_eq(v[0].bytes, w[0].old) && !slice_eq(w[0].bytes, w[0].old));
	CHECK(keyring_version(db, &version[2], &e) == 0 && version[2] > version[1]);
	CHECK(keyring_secret_renew(db, S("other"), NOW, &e) < 0 && e.kind == ERR_NOTFOUND);
	sql_close(db);
}
