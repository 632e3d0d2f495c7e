/* Inside rename*.c: columns that hold addresses as text. */
#pragma once
#include "store/rename.h"

enum rename_form {
	RENAME_WHOLE, /* "a@b", "@b" */
	RENAME_LINES, /* several, a line each */
	RENAME_WORDS, /* with blanks between */
	RENAME_RIGHTS, /* "a@b", "-a@b", "group:a@b", "-group:a@b" */
	RENAME_FOLDER, /* "Other Users/a@b/Work", "Shared/a@b/Work" */
	RENAME_SETTINGS, /* "key=value" lines, of which archive has one */
	RENAME_DOMAIN, /* "b" */
};
struct rename_column {
	const char *list; /* SELECT DISTINCT: the texts there are */
	enum rename_form form;
	const char *clear; /* $1 new, $2 old: rows that would be there twice; NULL: cannot be */
	const char *set; /* $1 new, $2 old */
	const char *after; /* a statement when something was changed; NULL: none */
};
bool rename_text(const struct rename_map *m, enum rename_form form, slice text, slice *ret);
/* In transactions of its own, or with `tx` inside the caller's. */
int rename_columns(struct sql *db, const struct rename_column *v, size_t n,
	const struct rename_map *m, bool tx, struct err *e);
