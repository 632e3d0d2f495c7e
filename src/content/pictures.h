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
	PICTURES_MODEL_MAX = 1 << 20, /* bytes of a file */
	PICTURES_VECTORS_MAX = 2000, /* support vectors */
	PICTURES_TRAIN_MIN = 40, /* pictures of each kind that a training needs */
	PICTURES_TRAIN_MAX = 20000,
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

struct pictures_example {
	float v[PICTURES_FEATURES];
	bool spam;
};
/* Takes seconds for thousands. ERR_LIMIT: too few or too many examples. Writes the file; ret_right:
 * the share of examples that were judged rightly by a model that had not seen them. */
int pictures_train(const struct pictures_example *v, size_t n, double *ret_right, struct buf *out,
	struct err *e);
/* Gives each decoded picture of the letter its margin. */
void content_judge_pictures(struct content *c, const struct pictures_model *m);
