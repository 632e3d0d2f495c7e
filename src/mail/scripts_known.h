/*
 * scripts_known: what rules ask about an account's mailbox, read from its shard. Blocks: in the pool, or on the command line. Answers
 * as struct scripts_judge (scripts_run.h) wants them.
 */
#pragma once
#include "mail/scripts_run.h"

int scripts_known_folders(struct sql *shard, int64_t account_id, struct arena *a,
	struct sieve_folder **ret, size_t *ret_n, struct err *e);
int scripts_known_metadata(struct sql *shard, int64_t account_id, slice folder, slice entry,
	struct arena *a, slice *ret, struct err *e);
/* The address of a group that a list's name means; false: none that is known here. */
bool scripts_known_group(slice list, slice *ret_address);
