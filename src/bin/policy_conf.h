/*
 * policy_conf: section [policy] of the configuration: what is kept for the sake of policies. The policies
 * themselves are a document with a history (store/policies.h), not configuration.
 */
#pragma once
#include "run/conf.h"

struct policy_conf {
	int64_t facts_keep; /* usec; 0: none are kept */
};
extern const struct conf_section policy_conf_section;
