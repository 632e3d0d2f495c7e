/*
 * shipped: what comes with the program and is data, embedded in it, so that a process without files
 * has it and a program never meets data of another version: rules (data/rules), the base model
 * (data/learn), the first policies (data/policies). Borrowed, for ever.
 */
#pragma once
#include "content/rules.h"

/* In the order of their names: "shipped:zh-invoice.rules". */
const struct rules_source *shipped_rules(size_t *ret_n);
/* learn_model_read takes it. */
slice shipped_base_model(void);
/* The policies that a new installation begins with (data/policies). */
slice shipped_policies(void);
