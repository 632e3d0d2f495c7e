/*
 * keeper_mail: deleted mail that nobody brought back in time ([mailbox] keep_removed) gives its bytes back, lines of the log
 * of deletions ([mailbox] keep_log) go, but not of accounts on legal hold; mail leaves that rules let stay no longer (store/retention.h). A part of the keeper. Blocks: in the pool.
 */
#pragma once
#include "base/err.h"
#include "base/slice.h"
#include "bin/retention_run.h"

struct keeper_mail;
int keeper_mail_open(slice data, struct keeper_mail **ret, struct err *e);
/* Some of one shard, in a short transaction: how many rows, 0 when none of any shard is left, -1. */
int64_t keeper_mail_end_some(
	struct keeper_mail *m, int64_t keep_removed, int64_t keep_log, struct err *e);
/* All accounts: mail that is too old leaves. */
int keeper_mail_age(struct keeper_mail *m, struct retention_done *ret, struct err *e);
