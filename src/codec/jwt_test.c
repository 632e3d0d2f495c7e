/* Tokens of three kinds of keys, made by another implementation (test/fuzz/jwt): taken when all fits, refused when anything does not. More
 * forged ones are in test/identity.py. */
#include "base/buf.h"
#include "base/mem.h"
#include "base/test.h"
#include "codec/jwt.h"
#include <fcntl.h>
#include <unistd.h>

static slice read_seed(const char *name, struct arena *a)
{
	char *room = arena_alloc(a, 8192);
	const char *path = arena_strz(a, arena_printf(a, "test/fuzz/jwt/%s", name));
	AUTO(fd) int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, room, 8192);
	if (n <= 0)
		test_fail(__FILE__, __LINE__, "%s cannot be read", path);
	return slice_of(room, (size_t)n);
}

static const slice ours = S_INIT("mail");

static struct jwt_expect honest(void)
{
	return (struct jwt_expect){.issuer = S("https://id.test"),
		.audiences = &ours,
		.naudiences = 1,
		.now = 1700000000,
		.skew = 60};
}

static int verify(slice seed, slice token, const struct jwt_expect *x, struct err *e)
{
	struct jwks *keys;
	json_t *claims = NULL;
	if (jwks_parse(slice_first(seed, slice_find(seed, S("\n\n"))), &keys, e) < 0)
		return -1;
	int r = jwt_verify(keys, token, x, &claims, e);
	json_decref(claims);
	jwks_free(keys);
	return r;
}

TEST(jwt_is_verified)
{
	static const char *const names[] = {"rsa", "ec", "ed"};
	AUTO(arena) struct arena a = {0};
	const slice other = S("calendar");
	struct err e;
	for (size_t i = 0; i < 3; i++) {
		slice seed = read_seed(names[i], &a);
		slice token = slice_trim(slice_skip(seed, slice_find(seed, S("\n\n"))));
		struct jwt_expect x = honest();
		if (verify(seed, token, &x, &e) < 0)
			test_fail(__FILE__, __LINE__, "%s: %s", names[i], e.text);
		x.now = 1700000000 + 100 + 59;
		CHECK(verify(seed, token, &x, &e) == 0); /* within the skew */
		x.now = 1700000000 + 100 + 60;
		CHECK(verify(seed, token, &x, &e) < 0 && e.kind == ERR_DENIED);
		x.now = 1699999990 - 61;
		CHECK(verify(seed, token, &x, &e) < 0 && e.kind == ERR_DENIED);
		x = honest();
		x.max_life = 60;
		CHECK(verify(seed, token, &x, &e) < 0 && e.kind == ERR_DENIED);
		x = honest();
		x.issuer = S("https://id.test/");
		CHECK(verify(seed, token, &x, &e) < 0 && e.kind == ERR_DENIED);
		x = honest();
		x.audiences = &other;
		CHECK(verify(seed, token, &x, &e) < 0 && e.kind == ERR_DENIED);
	}
}

TEST(jwt_every_byte_counts)
{
	AUTO(arena) struct arena a = {0};
	slice seed = read_seed("ed", &a);
	slice token = slice_trim(slice_skip(seed, slice_find(seed, S("\n\n"))));
	const struct jwt_expect x = honest();
	struct err e;
	for (size_t i = 0; i < token.n; i++) {
		char *bent = arena_strz(&a, token);
		bent[i] = bent[i] == 'A' ? 'B' : 'A';
		CHECK(verify(seed, slice_of(bent, token.n), &x, &e) < 0);
		CHECK(verify(seed, slice_first(token, i), &x, &e) < 0);
	}
}

TEST(jwt_keys_of_others)
{
	AUTO(arena) struct arena a = {0};
	slice rsa = read_seed("rsa", &a), ed = read_seed("ed", &a);
	slice token = slice_trim(slice_skip(ed, slice_find(ed, S("\n\n"))));
	const struct jwt_expect x = honest();
	struct err e;
	CHECK(verify(rsa, token, &x, &e) < 0 &&
		e.kind == ERR_NOTFOUND); /* so that newer keys are fetched */
	CHECK(verify(S("[]"), token, &x, &e) < 0 && e.kind == ERR_PROTO);
	CHECK(verify(S("{\"keys\": 7}"), token, &x, &e) < 0 && e.kind == ERR_PROTO);
	CHECK(verify(S("{\"keys\": [{\"kty\": \"oct\", \"k\": \"AAAA\"}]}"), token, &x, &e) < 0 &&
		e.kind == ERR_NOTFOUND);
}
