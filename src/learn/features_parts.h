/* What the files of features share: putting one observation into the set. */
#pragma once
#include "base/mem.h"
#include "learn/features.h"

enum {
	TOKENS_MAX = 6000, /* words of one text that are looked at */
	GRAM = 5, /* bytes */
	GRAMS_TEXT = 4000, /* bytes of the beginning that are cut into n-grams */
	SKELETON_GRAM = 8,
	SKELETON_TEXT = 1024,
	FACT_MAX = 80, /* bytes of a value */
};

struct token {
	uint64_t hash;
	slice text;
};

/* One observation: a hash, and where texts are kept what it stands for. */
void learn_put(struct learn_features *f, enum learn_group g, uint64_t hash, slice text);
/* Two things that belong together; apart: how far they stand from each other. */
void learn_put_pair(struct learn_features *f, enum learn_group g, const struct token *a,
	const struct token *b, unsigned apart);
/* "name=value"; the value is cut at FACT_MAX and folded to lower case. */
void learn_put_fact(struct learn_features *f, enum learn_group g, slice name, slice value);
/* A number by its order of magnitude: 1, 2, 3-4, 5-8 ...; nothing for 0. */
void learn_put_count(struct learn_features *f, enum learn_group g, slice name, size_t n);
/* A share of a whole in tenths (and "some" for less than one). Nothing when the whole is 0. */
void learn_put_share(
	struct learn_features *f, enum learn_group g, slice name, size_t part, size_t whole);
/* Only said when true. */
void learn_put_flag(struct learn_features *f, enum learn_group g, slice name, bool is);

/* The registered part of a host, or its last two labels when nobody can tell. */
slice learn_organisation(const struct learn_mail *m, slice host);
slice learn_top_level(slice host);

/* ---- one file each ---- */
size_t learn_tokens(slice normal, struct token *ret, size_t max);
void learn_put_words(struct learn_features *f, const struct learn_mail *m, unsigned groups,
	struct token *scratch);
void learn_put_cjk(struct learn_features *f, const struct learn_mail *m);
void learn_put_sender(struct learn_features *f, const struct learn_mail *m, struct arena *a);
void learn_put_header(struct learn_features *f, const struct learn_mail *m);
void learn_put_urls(struct learn_features *f, const struct learn_mail *m, struct arena *a);
void learn_put_html(struct learn_features *f, const struct learn_mail *m);
void learn_put_parts(struct learn_features *f, const struct learn_mail *m, struct arena *a);
void learn_put_shape(struct learn_features *f, const struct learn_mail *m);
void learn_put_layout(struct learn_features *f, const struct learn_mail *m);
