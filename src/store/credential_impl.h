/* Inside the credentials: what credential*.c share. */
#pragma once
#include "store/credential.h"

/* Ends the transaction that sql_begin began and raises the version; r < 0: it went wrong. */
int credential_end(struct sql *db, int64_t r, struct err *e);
