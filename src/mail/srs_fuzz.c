/* Sender rewriting: any address is read without harm; what is rewritten comes back; nothing that
 * was not made with the secret is believed. */
#include "mail/srs.h"

#include "base/hash.h"
#include "base/must.h"
#include "base/time.h"
#include "codec/address.h"

#define NOW (1700000000LL * SECOND)

static unsigned asked;

/* Not the real thing, but nobody guesses 80 bits of it by chance. */
static int hmac(void *arg, bool old, slice text, unsigned char ret[32], struct err *e)
{
	uint64_t h[2] = {hash_keyed(text), 0};
	(void)arg;
	if (old)
		return err_set(e, ERR_NOTFOUND, "none");
	asked++;
	h[1] = hash_keyed(slice_of(h, sizeof h));
	memset(ret, 0, 32);
	memcpy(ret, h, sizeof h);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct srs s = {.hmac = hmac, .valid_days = 21};
	slice in = slice_of(data, size < 2000 ? size : 2000), out, back;
	struct arena a = {0};
	struct address parsed;
	struct err e;
	/* In quotes anything may be spelt in other ways. */
	bool looks = srs_is(in) || (in.n && in.p[0] == '"');
	if (srs_reverse(&s, in, NOW, &a, &out, &e) == 0)
		must(looks && asked && address_parse(out, true, &parsed) == ADDRESS_FINE);
	if (address_parse(in, true, &parsed) == ADDRESS_FINE && parsed.domain.n &&
		srs_forward(&s, in, S("ours.example"), NOW, &a, &out, &e) == 0) {
		must(srs_is(out) && slice_ends(out, S("@ours.example")));
		must(srs_reverse(&s, out, NOW, &a, &back, &e) == 0);
		slice local, domain;
		must(address_split(back, &local, &domain));
		must(looks || slice_eq(domain, parsed.domain)); /* an SRS1 goes to its first */
	}
	arena_done(&a);
	return 0;
}
