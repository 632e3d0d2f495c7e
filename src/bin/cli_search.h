/* `posthouse search`: cli_search.c (finding), cli_search_index.c (the index). */
#pragma once
#include "bin/cli_verbs.h"

int cli_search_status(struct cli_call *c);
int cli_search_reindex(struct cli_call *c);
