/*
 * external: accounts and groups that come from a directory server, in the directory's database: which of its entries each is, by what never
 * changes there. Their passwords are checked there; accounts without a row here are our own and stay what they are when the server is gone.
 */
#pragma once
#include "base/arena.h"
#include "store/sql.h"

struct external {
	int64_t account_id; /* or the group's */
	slice id; /* "5f0c...": entryUUID, objectGUID in hex */
	slice dn; /* where it was seen last */
	int64_t seen_at; /* wall */
	bool gone; /* the last sync did not find it, and did something about it */
};
enum external_kind { EXTERNAL_ACCOUNT = 1, EXTERNAL_GROUP = 2 }; /* stored */

/* Of one account. ERR_NOTFOUND: it is our own. */
int external_get(
	struct sql *db, int64_t account_id, struct arena *a, struct external *ret, struct err *e);
int external_list(struct sql *db, enum external_kind kind, struct arena *a, struct external **ret,
	size_t *ret_n, struct err *e);
/* Inside directory_begin and directory_end. */
int external_put_tx(
	struct sql *db, enum external_kind kind, const struct external *x, struct err *e);
int external_remove_tx(struct sql *db, enum external_kind kind, int64_t id, struct err *e);
