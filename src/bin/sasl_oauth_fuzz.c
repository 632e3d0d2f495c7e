/* First responses of OAUTHBEARER and XOAUTH2: what is taken has a token of the right letters. */
#include "base/mem.h"
#include "base/must.h"
#include "bin/sasl_oauth.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void check(const struct sasl_bearer *b)
{
	must(b->token.n > 0);
	for (size_t i = 0; i < b->token.n; i++)
		must(b->token.p[i] > ' ' && b->token.p[i] < 0x7f);
	must(b->user.n == 0 || !memchr(b->user.p, 0, b->user.n));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	AUTO(arena) struct arena a = {0};
	struct sasl_bearer b;
	if (sasl_oauthbearer_parse(slice_of(data, n), &a, &b))
		check(&b);
	if (sasl_xoauth2_parse(slice_of(data, n), &b))
		check(&b);
	return 0;
}
