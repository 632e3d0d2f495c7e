/* Key records: what was read is read again from what is built of it. */
#include "base/mem.h"
#include "base/must.h"
#include "codec/dkim_record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	AUTO(arena) struct arena a = {0};
	AUTO(buf) struct buf built = BUF(4 * DKIM_RECORD_MAX);
	struct dkim_record r, again;
	enum dkim_record_fault fault = dkim_record_parse(slice_of(data, n), &a, &r);
	must(dkim_record_fault_text(fault)[0]);
	if (fault)
		return 0;
	must(r.key.n > 0 && (r.type == DKIM_KEY_RSA || r.key.n == DKIM_ED25519_KEY));
	dkim_record_build(&built, r.type, r.key, r.testing);
	fault = dkim_record_parse(buf_slice(&built), &a, &again);
	must(built.n > DKIM_RECORD_MAX || !fault);
	if (!fault)
		must(slice_eq(again.key, r.key) && again.type == r.type &&
			again.testing == r.testing && again.sha1 && again.sha256);
	return 0;
}
