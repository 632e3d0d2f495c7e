/*
 * csv: tables as text, as spreadsheets write them (RFC 4180): cells between commas (or semicolons, or
 * tabs), in quotes when they hold a separator, a quote (doubled) or a line break. Lines end with CRLF,
 * LF or CR. The text is UTF-8 (csv_text makes it so).
 */
#pragma once
#include "base/arena.h"
#include "base/buf.h"

enum { CSV_COLUMNS_MAX = 100, CSV_CELL_MAX = 64 * 1024 };

/* The whole of a file as UTF-8 without a mark at its beginning: UTF-8, UTF-16 with a mark, GB18030. False: none of
 * these, or larger than out's limit. */
bool csv_text(slice file, struct buf *out);
/* Which of ',' ';' '\t' the first line uses. */
char csv_separator(slice text);

enum csv_result { CSV_ROW, CSV_END, CSV_OPEN_QUOTE, CSV_TOO_MANY, CSV_TOO_LONG };
struct csv {
	slice rest;
	char separator;
	unsigned line; /* on which the last row began, from 1 */
	unsigned next; /* the line of what comes */
};
struct csv csv_begin(slice text);
/* The next row with its cells, empty lines left out. After what is no row: the end. Cells from *a, or borrowed. */
enum csv_result csv_next(
	struct csv *c, struct arena *a, slice cells[CSV_COLUMNS_MAX], size_t *ret_n);

/* Appends a cell, quoted where needed. first: without the separator before it. */
void csv_put(struct buf *out, slice cell, bool first);
void csv_end_row(struct buf *out); /* CRLF */
