/*
 * cli_out: what the command line prints: tables whose columns also line up with Chinese, JSON,
 * sizes, ages and times, and errors with their exit codes.
 */
#pragma once
#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "bin/commands.h"

/* ---- tables ---- */

enum { TABLE_COLUMNS_MAX = 12, TABLE_ROWS_MAX = 1000 };
/* Rows are collected and printed when TABLE_ROWS_MAX are there, or at the end; the last column is
 * not padded. Columns after a literal '>' in the header are right-aligned: ">SIZE". */
struct table;
struct table *table_new(const char *const *headers, size_t ncolumns);
/* Control characters become '?', so that nothing in a message can move the cursor. */
void table_cell(struct table *t, slice text); /* the next cell; a full row begins another */
void table_cellf(struct table *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Appends what is left (all but the first call: without headers). Frees. */
void table_end(struct table *t);
/* Where tables print: stdout, or a buffer in tests. */
void table_to(struct table *t, struct buf *out);

/* ---- JSON ---- */

/* Writes indented JSON, one value a line, to stdout or *out. */
struct json {
	struct buf *out; /* NULL: stdout */
	unsigned depth;
	bool first;
};
void json_begin(struct json *j); /* the object that holds all */
void json_end(struct json *j);
void json_open_object(struct json *j, const char *key); /* key NULL: an element of an array */
void json_open_array(struct json *j, const char *key);
void json_close(struct json *j, char bracket); /* '}' or ']' */
void json_text(struct json *j, const char *key, slice v);
void json_int(struct json *j, const char *key, int64_t v);
void json_bool(struct json *j, const char *key, bool v);
void json_time(struct json *j, const char *key, int64_t wall); /* ISO in UTC; 0 is null */

/* A list in either form: an array `key` inside an object, or a table. */
struct listing {
	bool json;
	struct table *table; /* NULL with json */
	struct json j;
};
void listing_begin(
	struct listing *l, bool json, const char *key, const char *const *headers, size_t ncolumns);
/* The end of the array; what follows are members of the object. Then listing_end. */
void listing_end_rows(struct listing *l);
void listing_end(struct listing *l);

/* ---- for people ---- */

enum { OUT_TEXT = 48 };
/* "12.3 KiB", "5 B" */
const char *out_size(uint64_t bytes, char out[OUT_TEXT]);
/* "3d 4h", "15m", "8s"; negative: "in 5m" / "5m 后" */
const char *out_age(int64_t usec, char out[OUT_TEXT]);
/* "2026-11-22 09:11:10" local time; 0 is "-" */
const char *out_time(int64_t wall, char out[OUT_TEXT]);
/* An address as people write it: the domain in its own letters. Memory from *a. */
slice out_address(slice address, struct arena *a);
/* The text without control characters, to stdout. */
void out_safe(slice text);

/* ---- errors ---- */

/* The error in the chosen language: known English sentences of the lower floors are translated. */
void out_err_text(const struct err *e, struct buf *out);
/* "posthouse: ..." to stderr; returns the exit code of its kind. */
int out_fail(const struct err *e);
/* A message of our own, both languages, to stderr; returns CLI_USAGE. */
int out_usage(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
