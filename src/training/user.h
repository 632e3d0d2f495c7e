/*
 * user: layers of single users: what only his own lessons taught, for his own mail. Asked by the
 * edges for each recipient; files DATA/learn/users/HASH.site (published.h), written by the learn
 * process. The files of those who were asked about last stay open; one that changed is noticed
 * within TRAINING_USER_STALE.
 */
#pragma once
#include "base/slice.h"
#include "base/time.h"
#include "learn/features.h"

enum {
	TRAINING_USER_BITS = 14, /* of the linear layer: 2^14 weights */
	TRAINING_USER_BUCKET_BITS = 11, /* 16,000 features counted, 128 KiB */
	TRAINING_USER_STALE = 5 * SECOND,
};

struct training_users;
struct training_users *training_users_open(slice data);
void training_users_close(struct training_users *u);

/* Has this recipient (any spelling of case) a layer? Cheap; the first question about somebody may
 * read a file of some 100 KiB. */
bool training_user_has(struct training_users *u, slice address);

/* What his layers say, as inputs for learn/fuse.h; 0 when they say nothing. */
struct training_user_says {
	float linear; /* LEARN_USER */
	float bayes; /* LEARN_BAYES_USER */
};
/* Features as content_report has them (wish CONTENT_FEATURES). False: he has no layer. */
bool training_user_ask(struct training_users *u, slice address, const struct learn_feature *f,
	size_t n, struct training_user_says *ret);

/* The name of his file, without directory: hexadecimal. */
enum { TRAINING_USER_NAME = 41 };
void training_user_name(slice address, char out[TRAINING_USER_NAME]);
