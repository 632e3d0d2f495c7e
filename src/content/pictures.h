/*
 * Pictures of a letter, for the classifier (F6): a small vector of what is seen in a picture and
 * around it, and a support vector machine (libsvm) over it. No model is shipped: a site trains its
 * own with pictures that its people called spam or not; without one nothing is said.
 */
#pragma once
#include "base/buf.h"
#include "base/err.h"
#include "content/content.h"

/* Is the picture inside a document, not the attachment itself? */
bool content_picture_inside(const struct content *c, int file);

enum {
	PICTURES_FEATURES = 20,
	PICTURES_OWN = 14, /* the first: of the picture itself; the others: of the letter around */
	PICTURES_MODEL_MAX = 1 << 20, /* bytes of a file */
	PICTURES_VECTORS_MAX = 2000, /* support vectors */
	PICTURES_TRAIN_MIN = 40, /* pictures of each kind that a training needs */
	PICTURES_TRAIN_MAX = 5000, /* of both kinds together */
	PICTURES_CAUGHT_MIN = 30, /* %: a model that knows less of unseen spam is none */
	PICTURES_ACCUSED_MAX = 10, /* %: nor is one that takes more honest pictures for spam */
};

/* Every number is about 0..1. */
void pictures_features(
	const struct content *c, const struct content_picture *p, float ret[PICTURES_FEATURES]);

struct pictures_model;
/* ERR_PROTO: no model, damaged, or made for other features. */
int pictures_model_read(slice file, struct pictures_model **ret, struct err *e);
void pictures_model_free(struct pictures_model *m); /* NULL is fine */
/* Above 0: like spam; 1: surely. */
float pictures_model_margin(const struct pictures_model *m, const float v[PICTURES_FEATURES]);

/* How a model judges the pictures that it was made of, each judged by one that had not seen it. */
struct pictures_figures {
	uint32_t spam, ham; /* different pictures */
	uint32_t caught, accused; /* of spam, of ham: taken for spam */
};
/* What stands in the file. ERR_PROTO as above. */
int pictures_model_figures(slice file, struct pictures_figures *ret, struct err *e);

struct pictures_example {
	float v[PICTURES_FEATURES];
	bool spam;
	bool alone; /* no letter is around it: then letters do not count for any */
};
/* Takes seconds for thousands. The same picture counts once; v is sorted. ERR_LIMIT: too few or too
 * many; they cannot be told apart (ret is filled, also otherwise when enough of them differ). */
int pictures_train(struct pictures_example *v, size_t n, struct pictures_figures *ret,
	struct buf *out, struct err *e);
/* Gives each decoded picture of the letter its margin. */
void content_judge_pictures(struct content *c, const struct pictures_model *m);
