/* DMARC records: what is read is within its limits, and report addresses are safe to write into a
 * header. */
#include "base/mem.h"
#include "base/must.h"
#include "codec/address.h"
#include "codec/dmarc_record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void check_uris(const struct dmarc_uri *v, unsigned n)
{
	must(n <= DMARC_URIS_MAX);
	for (unsigned i = 0; i < n; i++) {
		struct address parsed;
		must(v[i].text.n > 0);
		must(v[i].address.n == 0 ||
			address_parse(v[i].address, false, &parsed) == ADDRESS_FINE);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	AUTO(arena) struct arena a = {0};
	slice text = slice_of(data, n), problem;
	struct dmarc_record r;
	bool good = dmarc_record_parse(text, &a, &r, &problem);
	must(!good || dmarc_record_is(text));
	must(good || problem.n > 0);
	if (!good)
		return 0;
	must(r.p <= DMARC_REJECT && r.sp <= DMARC_REJECT && r.np <= DMARC_REJECT);
	must(r.pct <= 100 && strchr("ynu", r.psd) && r.fo > 0);
	check_uris(r.rua, r.nrua);
	check_uris(r.ruf, r.nruf);
	return 0;
}
