/*
 * A layer in the making: learns letters one after the other (build_impl.h). The site's and users'
 * layers are made alike and differ in size.
 */
#include "training/build_impl.h"
#include "training/pack.h"

enum {
	ROUNDS_MAX = 3,
	MANY = 4000, /* lessons, of which one round is enough */
	COUNTED_MAX = 6000, /* features of one letter: a letter stuffed with words counts no more */
};
#define COUNTED_WEIGHT 0.2 /* lessons that weigh less are not counted: counts are whole numbers */

void trainer_init(struct trainer *t, unsigned bits, unsigned bucket_bits)
{
	struct learn_linear_conf conf = learn_linear_default;
	conf.bits = bits;
	*t = (struct trainer){0};
	learn_linear_init(&t->linear, &conf);
	training_counts_init(&t->counts, bucket_bits);
	learn_features_init(&t->features, false);
}

void trainer_done(struct trainer *t)
{
	learn_linear_done(&t->linear);
	training_counts_done(&t->counts);
	learn_features_done(&t->features);
}

unsigned trainer_rounds(uint64_t lessons)
{
	return lessons < MANY ? ROUNDS_MAX : 1;
}

struct adding {
	struct trainer *t;
	bool spam;
	size_t n;
};

static void add(void *ctx, uint64_t hash)
{
	struct adding *a = ctx;
	if (a->n++ < COUNTED_MAX)
		training_counts_add(&a->t->counts, hash, a->spam);
}

void trainer_learn(
	struct trainer *t, slice packed, bool spam, double weight, double offset, bool count)
{
	struct adding a = {t, spam, 0};
	if (!training_unpack(packed, &t->features))
		return; /* of another version of the features: it taught what it could */
	learn_linear_train(&t->linear, &t->features, spam, weight, offset);
	if (!count)
		return;
	t->lessons[spam]++;
	if (weight < COUNTED_WEIGHT)
		return;
	learn_bayes_each(&t->features, &learn_bayes_default, add, &a);
	t->counts.messages[spam]++;
}
