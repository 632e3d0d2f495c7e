/*
 * retention_run: what rules about how long mail stays (store/retention.h) do: in every account, folder by folder, messages that are too old
 * leave. By the keeper a few times a day, and by `posthouse retention run`. Blocks: in the pool, or in a command.
 */
#pragma once
#include "store/retention.h"

struct retention_done {
	uint64_t accounts, folders; /* that were looked at and had a rule */
	uint64_t held; /* accounts that a rule would have touched, but a hold kept */
	uint64_t messages; /* that left, or would */
};
struct retention_run {
	slice data;
	struct sql *directory;
	bool try_only;
	slice who; /* for the log of deletions */
};
/* May be interrupted at any point; what left has left. */
int retention_run(const struct retention_run *r, struct retention_done *ret, struct err *e);

/* Tells all shards who is on hold; with `release`, who is no more. */
int retention_mark(slice data, struct sql *directory, bool release, struct err *e);
