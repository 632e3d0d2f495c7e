/*
 * Many accounts from a table, and back (codec/csv.h). The first row names the columns, in English or
 * Chinese; a table is looked at as a whole first, and nothing is changed when it has mistakes.
 *
 *	directory_import.c	the table becomes drafts: columns, cells
 *	directory_import_check.c	drafts against the directory
 *	directory_import_apply.c	passwords, departments, transactions
 *	directory_export.c	the other way
 */
#pragma once
#include "base/buf.h"
#include "store/directory_org.h"

enum {
	IMPORT_BYTES_MAX = 64 << 20,
	IMPORT_ROWS_MAX = 200000,
	IMPORT_TOLD_MAX = 1000, /* mistakes that are told one by one */
	IMPORT_BATCH = 2000, /* accounts a transaction */
	IMPORT_PASSWORD = 16, /* characters of one that is made */
};

struct password_rule;
struct import_options {
	bool update; /* accounts that are there are changed; else they are mistakes */
	bool make_passwords; /* for new people without one; told by `made` */
	bool no_passwords; /* new people without one have none: they log in otherwise (LDAP, OpenID) */
	const struct password_rule *rule; /* for passwords that stand in the table; NULL: any */
	unsigned threads; /* that hash passwords */
	/* e: what is wrong with that line. */
	void (*mistake)(void *arg, unsigned line, const struct err *e);
	/* After the account is there. -1 stops. */
	int (*made)(void *arg, slice address, slice name, slice password);
	void *arg;
};
struct import_result {
	size_t rows, mistakes, added, changed, departments;
};
/* A table that was read and has no mistakes. */
struct import;
/* `file` as it is, in any of csv_text's charsets. -1: ERR_PROTO when there are mistakes (ret_result tells how many; they
 * were told), ERR_TEMP. */
int directory_import_read(struct sql *db, slice file, const struct import_options *o,
	struct import **ret, struct import_result *ret_result, struct err *e);
/* Does it. After an error what was done before stays done: ret_result. */
int directory_import_run(struct import *x, struct import_result *ret_result, struct err *e);
void directory_import_free(struct import *x); /* NULL is fine */

/* A header, then rows of a page of accounts. */
void directory_export_head(struct buf *out, bool chinese);
int directory_export_rows(
	struct sql *db, const struct account *v, size_t n, struct buf *out, struct err *e);
