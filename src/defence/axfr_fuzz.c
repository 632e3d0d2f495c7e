/* The messages of a zone transfer, each behind its length, with and without TSIG: never a byte
 * beyond them is read, and what is taken over can be written. */
#include "defence/axfr.h"

#include "base/cur.h"
#include "base/mem.h"
#include "base/must.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void run(slice in, const struct tsig_key *key)
{
	struct err e;
	struct cur c = cur_of(in);
	struct tsig t;
	AUTO(mirror_builder) struct mirror_builder *b = mirror_builder_new();
	struct axfr x = {.zone = S("bl.test"), .to = b};
	tsig_init(&t, key);
	while (cur_ok(&c) && !cur_at_end(&c)) {
		slice m = cur_bytes(&c, cur_u16(&c));
		if (!cur_ok(&c))
			break;
		char *copy = mem_dup(m.p, m.n); /* its end is the end of the allocation */
		if (key->name.n)
			must(tsig_verify(&t, slice_of(copy, m.n), 0, &e) < 0 || t.nsigned > 0);
		int r = axfr_message(&x, slice_of(copy, m.n), &e);
		free(copy);
		if (r)
			break;
	}
	must(mirror_builder_entries(b) <= x.records);
	tsig_done(&t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static const struct tsig_key none = {0};
	const struct tsig_key key = {S("k.test"), S("hmac-sha256"), {S("secret")}};
	run(slice_of(data, n), &none);
	run(slice_of(data, n), &key);
	return 0;
}
