/* The reader of packs: an archive; a manifest behind its signature, which nobody can make here. */
#include "base/mem.h"
#include "feature/feature.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	AUTO(arena) struct arena a = {0};
	struct feature_keys none = {0};
	struct feature_pack p;
	struct feature_manifest m;
	struct feature_set s;
	struct err e;
	slice in = slice_of(data, n);
	feature_pack_read(in, &none, &a, &p, &e);
	feature_pack_decode(in, &none, &a, &p, &e);
	feature_set_parse(in, &s);
	if (feature_manifest_read(in, &a, &m, &e) == 0) {
		AUTO(buf) struct buf out = BUF(2 * FEATURE_MANIFEST_MAX);
		feature_manifest_write(&m, &out);
	}
	return 0;
}
