/* Parts of `posthouse rule` with files of their own. */
#pragma once
#include "bin/cli_env.h"

int rule_stats(struct cli_call *c);
extern const struct cli_option rule_stats_options[];
