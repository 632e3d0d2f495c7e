/* Inside the reputation: reputation.c (subjects and notes), reputation_judge.c (signals). */
#pragma once
#include "defence/asn.h"
#include "defence/reputation.h"
#include "defence/reputation_record.h"

struct reputation {
	struct kv *kv; /* or NULL */
	const struct reputation_conf *conf;
	struct asn *asn; /* or NULL */
	double half_life, doubt; /* seconds, observations */
};
/* Reads a subject's record; false when there is none. */
bool reputation_record(
	struct reputation *r, enum rep_kind kind, slice name, struct rep_record *ret);
/* How often ours have written to that address within `keep`; -1: not known. */
int64_t reputation_written_to(struct reputation *r, slice address);
