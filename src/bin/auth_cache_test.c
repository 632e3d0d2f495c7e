/* Digests of right passwords: bound to account, verifier and password, for a time, in bounded memory. */
#include "base/test.h"
#include "bin/auth_cache.h"
#include <stdio.h>

TEST(auth_cache_is_bound_to_all_of_it)
{
	struct auth_cache c;
	auth_cache_init(&c, HOUR, 1000 * HOUR);
	instant now = 1000 * HOUR;
	auth_cache_add(&c, 7, S("verifier"), S("secret"), now);
	CHECK(auth_cache_knows(&c, 7, S("verifier"), S("secret"), now));
	CHECK(!auth_cache_knows(&c, 8, S("verifier"), S("secret"), now));
	CHECK(!auth_cache_knows(&c, 7, S("verifies"), S("secret"), now));
	CHECK(!auth_cache_knows(&c, 7, S("verifier"), S("secrets"), now));
	CHECK(!auth_cache_knows(&c, 7, S("verifiers"), S("ecret"), now)); /* nothing slides over */
	CHECK(!auth_cache_knows(&c, 7, S(""), S("secret"), now));
	auth_cache_done(&c);
}

TEST(auth_cache_forgets_after_its_time)
{
	struct auth_cache c;
	instant now = 1000 * HOUR;
	auth_cache_init(&c, HOUR, now);
	auth_cache_add(&c, 7, S("v"), S("p"), now);
	CHECK(auth_cache_knows(&c, 7, S("v"), S("p"), now + 29 * MINUTE));
	CHECK(auth_cache_knows(&c, 7, S("v"), S("p"), now + 31 * MINUTE));
	CHECK(!auth_cache_knows(&c, 7, S("v"), S("p"), now + 62 * MINUTE));
	auth_cache_add(&c, 7, S("v"), S("p"), now + 62 * MINUTE);
	CHECK(!auth_cache_knows(
		&c, 7, S("v"), S("p"), now + 10 * HOUR)); /* both generations are old */
	auth_cache_done(&c);
	auth_cache_init(&c, 0, now);
	auth_cache_add(&c, 7, S("v"), S("p"), now);
	CHECK(!auth_cache_knows(&c, 7, S("v"), S("p"), now)); /* switched off */
	auth_cache_done(&c);
}

TEST(auth_cache_is_bounded)
{
	struct auth_cache c;
	char text[32];
	auth_cache_init(&c, HOUR, HOUR);
	for (int i = 0; i < AUTH_CACHE_MAX + 1000; i++) {
		int n = snprintf(text, sizeof text, "p%d", i);
		auth_cache_add(&c, i, S("v"), slice_of(text, (size_t)n), HOUR);
	}
	CHECK(c.now.n + c.before.n <= AUTH_CACHE_MAX);
	auth_cache_done(&c);
}
