/*
 * image: a database as the bytes of its file. A moment is one state of a database that others go on writing to, read page by page: for
 * backups. A source is the way back: a database whose bytes lie elsewhere, opened for reading without being put on a disk.
 *
 * SQLite alone; other engines bring their own tools. All calls block.
 */
#pragma once
#include "store/sql.h"

/* ---- a moment ---- */

struct sql_moment;
/* Holds the state that it is now until sql_moment_end; meanwhile the engine's log cannot be made shorter, which is all that others notice.
 * Waits for the writers' turn, shortly. ERR_NOTFOUND: no such database. */
int sql_moment_begin(slice dir, const char *name, struct sql_moment **ret, struct err *e);
uint64_t sql_moment_size(const struct sql_moment *m);
/* n bytes from `at` on, all of them below the size. */
int sql_moment_read(struct sql_moment *m, uint64_t at, size_t n, char *to, struct err *e);
void sql_moment_end(struct sql_moment *m); /* NULL is fine */

/* What can be seen of a file from outside: as long as it stays the same nothing was committed. Empty: no such database. */
enum { SQL_FACE_MAX = 128 };
size_t sql_moment_face(slice dir, const char *name, char ret[SQL_FACE_MAX]);

/* ---- a source ---- */

struct sql_source {
	uint64_t size;
	/* n bytes from `at` on, all of them below the size. */
	int (*read)(void *arg, uint64_t at, size_t n, char *to, struct err *e);
	void *arg;
};
/* The source must outlive the connection. What read() said last is in *why of the source's owner; here it is an ERR_TEMP. */
int sql_open_source(const char *name, const struct sql_source *s, struct sql **ret, struct err *e);
