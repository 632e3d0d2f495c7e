/*
 * model: a linear model together with its calibration, as a file. The shipped one and the versions
 * that a site keeps of its own look alike.
 */
#pragma once
#include "learn/fuse.h"
#include "learn/linear.h"

enum { LEARN_MODEL_MAX = 16 << 20 }; /* bytes of a file */

struct learn_model {
	struct learn_weights weights;
	struct learn_fuse fuse;
};
void learn_model_done(struct learn_model *m);
static inline void auto_learn_model(struct learn_model *m)
{
	learn_model_done(m);
}
void learn_model_write(const struct learn_model *m, struct buf *out);
/* ERR_PROTO: no model, damaged, or made for other features. *ret is untouched then. */
int learn_model_read(slice file, struct learn_model *ret, struct err *e);
