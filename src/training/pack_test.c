/* Features as bytes, and which letters are alike. */
#include "training/training_testing.h"

static bool has(const struct learn_features *f, uint64_t hash, unsigned group)
{
	for (size_t i = 0; i < f->n; i++)
		if (f->v[i].hash == hash && f->v[i].group == group)
			return true;
	return false;
}

TEST(pack_and_unpack)
{
	struct learn_feature v[LETTER_WORDS + 2];
	AUTO(buf) struct buf b = BUF(TRAINING_PACKED_MAX), again = BUF(TRAINING_PACKED_MAX);
	AUTO(learn_features) struct learn_features f;
	size_t n = letter_features(3, 1, v);
	v[n++] = (struct learn_feature){.hash = UINT64_MAX, .group = LEARN_GROUPS - 1};
	v[n++] = (struct learn_feature){.hash = 0, .group = 0};
	learn_features_init(&f, false);
	training_pack(v, n, &b);
	CHECK(training_unpack(buf_slice(&b), &f));
	for (size_t i = 0; i < n; i++)
		CHECK(has(&f, training_hash(v[i].hash), v[i].group));
	CHECK(f.n <= n);
	CHECK_INT(f.per_group[LEARN_GROUPS - 1], 1);
	training_pack(f.v, f.n, &again);
	CHECK_STR(buf_slice(&again), buf_slice(&b));
	CHECK(b.n < n * 6);
}

TEST(pack_order_does_not_matter)
{
	struct learn_feature v[LETTER_WORDS], back[LETTER_WORDS];
	AUTO(buf) struct buf a = BUF(TRAINING_PACKED_MAX), b = BUF(TRAINING_PACKED_MAX);
	size_t n = letter_features(1, 2, v);
	for (size_t i = 0; i < n; i++)
		back[i] = v[n - 1 - i];
	training_pack(v, n, &a);
	training_pack(back, n, &b);
	CHECK_STR(buf_slice(&b), buf_slice(&a));
}

TEST(unpack_refuses_what_is_damaged)
{
	struct learn_feature v[LETTER_WORDS];
	AUTO(buf) struct buf b = BUF(TRAINING_PACKED_MAX);
	AUTO(learn_features) struct learn_features f;
	learn_features_init(&f, false);
	training_pack(v, letter_features(1, 3, v), &b);
	for (size_t n = 0; n < b.n; n++)
		CHECK(!training_unpack(slice_first(buf_slice(&b), n), &f) && f.n == 0);
	buf_byte(&b, 0);
	CHECK(!training_unpack(buf_slice(&b), &f));
	b.n--;
	b.p[0]++; /* another version */
	CHECK(!training_unpack(buf_slice(&b), &f));
}

static unsigned shared(unsigned changed)
{
	struct learn_feature v[LETTER_WORDS];
	struct learn_features f = {.v = v, .n = letter_features(5, 9, v)};
	uint8_t digest[TRAINING_DIGEST] = {0};
	uint64_t one[TRAINING_KIN], other[TRAINING_KIN];
	unsigned n = 0;
	CHECK(training_kin(&f, digest, one));
	for (size_t i = 0; i < changed; i++)
		v[i].hash = ~v[i].hash;
	CHECK(training_kin(&f, digest, other));
	for (unsigned k = 0; k < TRAINING_KIN; k++)
		n += one[k] == other[k];
	return n;
}

TEST(kin_of_letters_alike)
{
	CHECK_INT(shared(0), TRAINING_KIN);
	CHECK(shared(2) >= 6);
	CHECK_INT(shared(LETTER_WORDS), 0);
}

TEST(kin_of_short_letters_is_their_own)
{
	struct learn_feature v[2] = {
		{.hash = 1, .group = LEARN_PAIRS}, {.hash = 2, .group = LEARN_PAIRS}};
	struct learn_features f = {.v = v, .n = 2};
	uint8_t one[TRAINING_DIGEST] = {1}, other[TRAINING_DIGEST] = {2};
	uint64_t a[TRAINING_KIN], b[TRAINING_KIN];
	CHECK(!training_kin(&f, one, a) && !training_kin(&f, other, b));
	for (unsigned k = 0; k < TRAINING_KIN; k++)
		CHECK(a[k] != b[k]);
}
