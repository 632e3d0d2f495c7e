/* Inside the credentials: what credential*.c share. */
#pragma once
#include "store/credential.h"

/* Ends the transaction that sql_begin began and raises the version; r < 0: it went wrong. */
int credential_end(struct sql *db, int64_t r, struct err *e);
/* All that is about an account. */
int64_t credential_remove_tx(struct sql *db, int64_t account_id, struct err *e);
/* A second factor's sealed secret, under other keys or for another number. False: it does not open. */
enum { FACTOR_SEALED = 48 };
bool factor_seal_anew(const struct credential_keys *from, int64_t from_id, slice sealed,
	const struct credential_keys *to, int64_t to_id, unsigned char ret[FACTOR_SEALED]);
