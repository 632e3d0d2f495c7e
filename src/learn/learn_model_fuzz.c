/* Model files: whatever stands in them is either refused or gives a model that can score, and that
 * is written back as the same bytes. The checksum is put right, so that what is behind it is
 * reached. */
#include "base/hash.h"
#include "base/mem.h"
#include "base/must.h"
#include "learn/model.h"
#include <math.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void score(const struct learn_model *m)
{
	struct learn_feature v[LEARN_GROUPS];
	struct learn_features f = {.v = v, .n = LEARN_GROUPS};
	for (unsigned g = 0; g < LEARN_GROUPS; g++) {
		v[g] = (struct learn_feature){.hash = learn_hash(g, S("x")), .group = (uint8_t)g};
		f.per_group[g] = 1;
	}
	float in[LEARN_INPUTS] = {0};
	in[LEARN_BASE] = (float)learn_weights_margin(&m->weights, &f);
	double p = learn_fuse_probability(&m->fuse, in);
	must(p >= 0 && p <= 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	AUTO(buf) struct buf file = BUF(LEARN_MODEL_MAX), again = BUF(LEARN_MODEL_MAX);
	AUTO(learn_model) struct learn_model m = {0};
	struct err e;
	if (n < 4)
		return 0;
	buf_put(&file, slice_of(data, n - 4));
	buf_u32(&file, crc32c(0, buf_slice(&file)));
	if (learn_model_read(buf_slice(&file), &m, &e) < 0)
		return 0;
	score(&m);
	learn_model_write(&m, &again);
	must(buf_ok(&again));
	return 0;
}
