/*
 * tlspolicy: MTA-STS policies of other domains, kept so that nobody wins a downgrade by letting us
 * forget them (RFC 8461 5.1). Database DIR/db/tlspolicy.sqlite, written by the queue process alone.
 */
#pragma once
#include "store/sql.h"

#define TLSPOLICY_DB "tlspolicy"

extern const struct sql_migration tlspolicy_migrations[];
extern const size_t tlspolicy_migrations_n;

struct sts_row {
	slice domain; /* lower-case A-labels */
	slice id; /* of the record that announced it */
	slice policy; /* its text */
	int64_t fetched_at, expires_at, used_at; /* wall */
};
int sts_put_tx(struct sql *db, const struct sts_row *r, struct err *e);
/* Those that have ended by then. */
int sts_expire_tx(struct sql *db, int64_t wall, struct err *e);
/* Those used last come first, at most `most`. */
int sts_rows(struct sql *db, int64_t most, void (*row)(void *arg, const struct sts_row *r),
	void *arg, struct err *e);
