/*
 * cli_directory: what the commands about the directory share: numbers and sizes of limits, which
 * organisation, department or class is meant, sheets of facts, who a member is.
 */
#pragma once
#include "bin/cli_env.h"
#include "store/directory_org.h"

/* One thing, fact by fact: a table of two columns, or a JSON object. */
struct sheet {
	bool json;
	struct table *table;
	const char *heads[2]; /* the table's, for as long as it is there */
	struct json j;
};
void sheet_begin(struct sheet *s, bool json);
void sheet_text(struct sheet *s, const char *key, const char *label, slice v);
void sheet_int(struct sheet *s, const char *key, const char *label, int64_t v);
void sheet_limit(struct sheet *s, const char *key, const char *label, uint64_t v); /* 0: none */
void sheet_size(struct sheet *s, const char *key, const char *label, uint64_t v); /* 0: none */
void sheet_bool(struct sheet *s, const char *key, const char *label, bool v);
void sheet_time(struct sheet *s, const char *key, const char *label, int64_t v);
/* One line each, an array in JSON. */
void sheet_list(struct sheet *s, const char *key, const char *label, const slice *v, size_t n);
void sheet_end(struct sheet *s);

/* "2g", "none"; "200", "none". An option that is not given leaves *ret. An exit code. */
int cli_size_option(struct cli_call *c, const char *name, uint64_t *ret);
int cli_count_option(struct cli_call *c, const char *name, uint64_t *ret);
/* The same with "class": 0 the class's, -1 none. */
int cli_own_size_option(struct cli_call *c, const char *name, int64_t *ret);
int cli_own_count_option(struct cli_call *c, const char *name, int64_t *ret);
/* "imap,pop3", "all", "none". */
int cli_services_option(struct cli_call *c, const char *name, unsigned *ret);

/* Opens the directory, runs fn on every argument and prints `done`, a format for the argument. An
 * exit code. */
int cli_directory_each(struct cli_call *c,
	int (*fn)(struct sql *db, slice name, struct err *e), const char *done);

/* Cells of tables: "-" when there is no limit; whether it is disabled. */
void cell_limit(struct table *t, uint64_t v);
void cell_limit_size(struct table *t, uint64_t v);
void cell_disabled(struct table *t, bool disabled);

/* --org NAME, else the first one. 0, -1. */
int cli_org_option(
	struct cli_call *c, struct sql *db, struct arena *a, struct org *ret, struct err *e);
/* The organisation of the domain of an address. */
int cli_org_of(struct sql *db, slice address, struct arena *a, int64_t *ret, struct err *e);
/* "Sales/East" of that organisation; "" or "none": 0. */
int cli_department_id(
	struct sql *db, int64_t org_id, slice path, struct arena *a, int64_t *ret, struct err *e);
/* Members: of a group, or with levels of a shared mailbox. */
void cli_print_members(
	struct cli_call *c, const struct member *v, size_t n, bool levels, struct arena *a);
