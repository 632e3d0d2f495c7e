/*
 * learn_client: how other processes tell the learn process (learn_role.c) what they know of a
 * letter. Nobody who serves mail waits for it: learn_tell() is for those who can come again (the
 * queue, for letters to honeypots; a quarantine; a mailbox), learn_sample() never waits.
 */
#pragma once
#include "base/err.h"
#include "base/time.h"
#include "run/link.h"
#include "training/lesson.h"

enum { LEARN_TELL_TIME = 30 * SECOND };

/* In a coroutine. 0: it is on stable storage and will be learned; told twice it counts once.
 * ERR_TEMP, ERR_TIMEOUT: come again; ERR_LIMIT: too much waits already. */
int learn_tell(struct link *learn, const struct training_told *t, struct err *e);

/* A letter that went its way: one of the recent ones that new versions are tried on. Packed
 * features (training/pack.h), what the models said, the sum of the signals' scores. */
void learn_sample(struct link *learn, const float in[LEARN_INPUTS], double rules, slice packed);
