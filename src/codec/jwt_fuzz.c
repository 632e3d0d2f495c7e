/* Tokens and sets of keys of strangers: a set and a token, with an empty line between them. */
#include "base/mem.h"
#include "codec/jwt.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	slice in = slice_of(data, n);
	struct jwks *keys = NULL;
	json_t *claims = NULL;
	struct err e;
	const slice audience = S("mail");
	size_t at = slice_find(in, S("\n\n"));
	const struct jwt_expect x = {.issuer = S("https://id.test"),
		.audiences = &audience,
		.naudiences = 1,
		.now = 1700000000,
		.skew = 60};
	if (jwks_parse(slice_first(in, at), &keys, &e) < 0)
		return 0;
	if (jwt_verify(keys, slice_trim(slice_skip(in, at)), &x, &claims, &e) == 0)
		json_decref(claims);
	jwks_free(keys);
	return 0;
}
