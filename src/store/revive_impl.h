/* Inside revive*.c. */
#pragma once
#include "store/revive.h"

/* Rows that are taken over as they are, but for whose they are. */
struct revive_rows {
	enum revive_kind kind; /* REVIVE_KINDS: nothing that is told */
	bool by_address; /* $1 of both is the address, else the account's number then and now */
	const char *read;
	const char *write; /* $2 and so on: what was read; RETURNING a row when it is there now */
	const char *types; /* of the columns: i, t, b */
	int name; /* the column by which people know it; -1: none */
	const char *after; /* a statement when something came back; NULL: none */
};
int revive_copy(struct revive *v, struct sql *from, struct sql *to, const struct revive_rows *rows,
	struct err *e);
void revive_note(struct revive *v, enum revive_kind kind, bool back, slice name);
