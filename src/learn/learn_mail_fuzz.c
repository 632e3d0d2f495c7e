/* Any bytes as a message: features come out within their limits, the same ones each time. */
#include "base/mem.h"
#include "base/must.h"
#include "learn/features.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	AUTO(arena) struct arena a = {0};
	AUTO(learn_features) struct learn_features f;
	struct learn_mail m;
	uint64_t sum = 0;
	learn_features_init(&f, n % 2);
	learn_mail_read(slice_of(data, n), NULL, &a, &m);
	must(m.text.n <= LEARN_TEXT_MAX && m.nurls <= LEARN_URLS_MAX);
	learn_features_read(&f, &m, LEARN_ALL_GROUPS, &a);
	must(f.n <= LEARN_FEATURES_MAX);
	for (size_t i = 0; i < f.n; i++)
		sum += f.v[i].hash;
	learn_features_read(&f, &m, LEARN_ALL_GROUPS, &a);
	for (size_t i = 0; i < f.n; i++) {
		sum -= f.v[i].hash;
		must(learn_feature_text(&f, i).n <= 1000);
	}
	must(sum == 0);
	return 0;
}
