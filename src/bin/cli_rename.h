/* `posthouse account rename` and `posthouse domain rename`. */
#pragma once
#include "bin/cli_args.h"

extern const struct cli_option rename_options[];
int account_rename(struct cli_call *c);
int domain_rename(struct cli_call *c);
