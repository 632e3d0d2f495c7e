/* Inside an import: what directory_import*.c share. */
#pragma once
#include "base/map.h"
#include "store/directory_impl.h"
#include "store/directory_import.h"
#include "store/password.h"

enum import_column {
	IMPORT_SKIP,
	IMPORT_ADDRESS,
	IMPORT_NAME,
	IMPORT_PASSWORD_CELL,
	IMPORT_HASH,
	IMPORT_KIND,
	IMPORT_DEPARTMENT,
	IMPORT_CLASS,
	IMPORT_QUOTA,
	IMPORT_MESSAGES,
	IMPORT_SERVICES,
	IMPORT_LANGUAGE,
	IMPORT_ALIASES,
	IMPORT_DISABLED,
	IMPORT_FIELDS, /* and FIELD_... above it */
	IMPORT_COLUMNS = IMPORT_FIELDS + FIELD_COUNT,
};
struct import_name {
	enum import_column column;
	const char *en, *zh;
	const char *others; /* further spellings, separated by blanks */
};
extern const struct import_name import_names[];
extern const size_t import_names_n;

/* One row. Cells that are missing or empty leave things as they are. */
struct import_row {
	unsigned line;
	uint16_t given; /* bits of what is not empty, 1 << enum import_column */
	bool disabled, is_new;
	unsigned services;
	enum account_kind kind;
	int64_t id, org_id, quota, messages;
	int64_t class_id;
	slice address, name, password, hash, department, class, language, aliases;
	slice *field; /* FIELD_COUNT of them, or NULL: none */
	struct password verifier;
};
struct import_told {
	unsigned line;
	size_t order;
	struct err e;
};
struct import {
	struct sql *db;
	struct import_options o;
	struct arena mem;
	struct buf text;
	struct import_row *rows;
	size_t n, cap;
	size_t mistakes;
	struct import_told *told; /* the first IMPORT_TOLD_MAX of them, told by line at the end */
	struct map by_address, classes, departments;
};
static inline bool import_given(const struct import_row *r, enum import_column c)
{
	return (r->given >> c) & 1;
}
/* A mistake of that line, to be told. */
void import_mistake(struct import *x, unsigned line, const struct err *e);
#define IMPORT_MISTAKE(x, line, ...)                                                               \
	do {                                                                                       \
		struct err mistake_e;                                                              \
		err_set(&mistake_e, ERR_PROTO, __VA_ARGS__);                                       \
		import_mistake(x, line, &mistake_e);                                               \
	} while (0)
/* All rows against each other and the directory. 0, -1: it could not be looked at. */
int import_check(struct import *x, struct err *e);
/* The next address of a list ("a@x, b@y; c@z"). */
bool import_next_address(slice *list, slice *ret);
