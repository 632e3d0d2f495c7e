/* What build.c (making versions), build_judge.c (comparing them) and build_user.c share. */
#pragma once
#include "training/build.h"

#define BUILD_SPAM_AT 0.5 /* probability from which a letter counts as caught */

/* A layer in the making. */
struct trainer {
	struct learn_linear linear;
	struct training_counts counts;
	struct learn_features features; /* of the letter at hand */
	uint64_t lessons[2];
};
void trainer_init(struct trainer *t, unsigned bits, unsigned bucket_bits);
void trainer_done(struct trainer *t);
static inline void auto_trainer(struct trainer *t)
{
	trainer_done(t);
}
/* offset: what the layers below say. count: the words are counted, too (in the first round). */
void trainer_learn(
	struct trainer *t, slice packed, bool spam, double weight, double offset, bool count);

/* Few lessons are gone through several times. */
unsigned trainer_rounds(uint64_t lessons);

static inline bool is_witness(const struct journal_lesson *l)
{
	return l->digest[0] % BUILD_WITNESS == 0;
}

/* Something that judges: a version, or nothing but the shipped model. */
struct judge {
	const struct learn_weights *weights; /* NULL: none */
	const struct learn_counts *counts; /* NULL: none */
	const struct learn_fuse *fuse;
};
struct judge judge_of(const struct training_published *p, const struct learn_fuse *fallback);
/* in: replaces what the site's layers say. */
void judge_inputs(const struct judge *j, const struct learn_features *f, float in[LEARN_INPUTS]);

/* Witnesses as two judges see them. */
struct witness {
	float in[2][LEARN_INPUTS];
	bool spam, representative; /* not told because it had been judged wrongly */
};
struct witnesses {
	struct witness *v; /* BUILD_WITNESSES_MAX */
	size_t n;
};
int witnesses_read(const struct build *b, const struct judge *one, const struct judge *other,
	struct witnesses *ret, struct err *e);
void witnesses_done(struct witnesses *w);
static inline void auto_witnesses(struct witnesses *w)
{
	witnesses_done(w);
}
struct training_figures witnesses_figures(
	const struct witnesses *w, unsigned judge, const struct learn_fuse *fuse);
/* How many of the sample are judged otherwise. */
int sample_compare(const struct build *b, const struct judge *one, const struct judge *other,
	uint64_t *ret_sampled, uint64_t *ret_changed, uint64_t *ret_more_spam, struct err *e);
