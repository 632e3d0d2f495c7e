/*
 * mailbox_email: the emails of an account as such, whatever folders they are in, in the order in which they came: for the full-text index
 * and what is found with it. Reads only; bytes and rights are the caller's business.
 */
#pragma once
#include "store/mailbox.h"

struct mailbox_account {
	int64_t account_id, last_email; /* 0: none yet */
};
/* Accounts of the shard above `after`, ascending, at most `most`. */
int mailbox_accounts(struct sql *db, int64_t after, size_t most, struct arena *a,
	struct mailbox_account **ret, size_t *ret_n, struct err *e);
/* The highest id that an email of the account was given; 0: none. */
int mailbox_last_email(struct sql *db, int64_t account_id, int64_t *ret, struct err *e);

struct mailbox_email {
	int64_t id;
	blob_id blob;
	uint64_t size; /* of the blob */
	slice prefix;
};
/* Those with ids above `after`, ascending, at most `most`. */
int mailbox_emails(struct sql *db, int64_t account_id, int64_t after, size_t most, struct arena *a,
	struct mailbox_email **ret, size_t *ret_n, struct err *e);
/* How many there are above `after`. */
int mailbox_emails_above(
	struct sql *db, int64_t account_id, int64_t after, uint64_t *ret, struct err *e);
/* Is it in a folder, or can it come back? 1, 0, -1. */
int mailbox_email_there(struct sql *db, int64_t email_id, struct err *e);

/* Where an email is. */
struct mailbox_spot {
	int64_t email_id, folder_id;
	uint32_t uid;
	/* When rows were asked for. */
	uint32_t flags;
	uint64_t modseq, size;
	int64_t received_at, saved_at;
};
/* Messages of a folder that are one of these emails (ids descending), or one with an id above `above`: in any order. */
struct mailbox_spots {
	int64_t account_id, folder_id; /* folder 0: all of the account */
	const int64_t *ids;
	size_t n;
	int64_t above;
	bool rows; /* flags, dates ... too */
	bool dated; /* with rows: of those that were received then, and maybe others */
	int64_t received_from, received_to;
	uint64_t messages; /* in the folder, about: decides how they are looked for */
};
int mailbox_spots(struct sql *db, const struct mailbox_spots *q, struct arena *a,
	struct mailbox_spot **ret, size_t *ret_n, struct err *e);
/* All places of one email. */
int mailbox_spots_of(struct sql *db, int64_t email_id, struct arena *a, struct mailbox_spot **ret,
	size_t *ret_n, struct err *e);
