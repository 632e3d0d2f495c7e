/* Files of what was learned, and packed features: whatever stands in them is either refused or can
 * be scored with. The first byte chooses; checksums are put right, so that what is behind is
 * reached. */
#include "base/hash.h"
#include "base/mem.h"
#include "base/must.h"
#include "training/pack.h"
#include "training/published.h"
#include <math.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

enum { HEAD = 64, BODY_CRC = 52, HEAD_CRC = 56 };

static void put_crc(char *at, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		at[i] = (char)(v >> (24 - 8 * i));
}

static void score(const struct training_published *p)
{
	struct learn_feature v[LEARN_GROUPS];
	struct learn_features f = {.v = v, .n = LEARN_GROUPS};
	struct learn_bayes b;
	for (unsigned g = 0; g < LEARN_GROUPS; g++) {
		v[g] = (struct learn_feature){.hash = learn_hash(g, S("x")), .group = (uint8_t)g};
		f.per_group[g] = 1;
	}
	must(isfinite(learn_weights_margin(&p->model.weights, &f)));
	if (!p->has_counts)
		return;
	learn_bayes_score(&p->counts, &f, &learn_bayes_default, &b);
	must(b.p >= 0 && b.p <= 1);
}

static void try_file(slice s)
{
	AUTO(training_published) struct training_published p = {0};
	AUTO(free) char *file = mem_dup(s.p, s.n);
	struct err e;
	if (s.n >= HEAD) {
		put_crc(file + BODY_CRC, crc32c(0, slice_of(file + HEAD, s.n - HEAD)));
		put_crc(file + HEAD_CRC, crc32c(0, slice_of(file, HEAD_CRC)));
	}
	if (training_published_read(slice_of(file, s.n), &p, &e) == 0)
		score(&p);
}

/* What is read is written back the same, once. */
static void try_packed(slice s)
{
	AUTO(learn_features) struct learn_features f = {0}, again = {0};
	AUTO(buf) struct buf packed = BUF(TRAINING_PACKED_MAX);
	if (!training_unpack(s, &f))
		return;
	must(f.n <= LEARN_FEATURES_MAX);
	training_pack(f.v, f.n, &packed);
	must(training_unpack(buf_slice(&packed), &again) && again.n == f.n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	if (!n)
		return 0;
	slice rest = slice_of(data + 1, n - 1);
	if (data[0] & 1)
		try_packed(rest);
	else
		try_file(rest);
	return 0;
}
