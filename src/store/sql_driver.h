/*
 * What a database engine provides. sql.c keeps everything that engines share: the statement cache,
 * migrations, sql_run. A driver fills in the table and keeps its own state behind `conn` and
 * `handle`.
 */
#pragma once
#include "store/sql.h"

enum sql_kind {
	SQL_DURABLE,
	SQL_CACHE,
	SQL_READ_ONLY,
	SQL_SOURCE /* sql_image.h; its `dir` names the source */
};

struct sql {
	const struct sql_driver *driver;
	void *conn;
	char *dir, *name;
	enum sql_kind kind;
	bool in_tx;
	struct sql_stmt **buckets; /* statement cache, chained by `next` */
	size_t nstmts;
};

struct sql_stmt {
	struct sql *db;
	const char *text;
	struct sql_stmt *next;
	bool busy; /* handed out and neither finished nor reset */
	bool bad_bind; /* told at the next step */
	void *handle;
	uint8_t param[SQL_PARAMS_MAX + 1]; /* the engine's position of $n, 0 none */
};

struct sql_value {
	enum { SQL_NULL, SQL_INT, SQL_TEXT, SQL_BLOB } type;
	int64_t i;
	slice s;
};

struct sql_driver {
	int (*open)(struct sql *db, struct err *e);
	void (*close)(struct sql *db);

	int (*script)(
		struct sql *db, const char *text, struct err *e); /* many statements, no rows */
	int (*prepare)(struct sql *db, struct sql_stmt *s, struct err *e);
	void (*finalize)(struct sql_stmt *s);
	bool (*bind)(struct sql_stmt *s, int n, const struct sql_value *v);
	int (*step)(
		struct sql_stmt *s, struct err *e); /* 1, 0, -1; resets by itself after 0 and -1 */
	void (*reset)(struct sql_stmt *s);
	int64_t (*column_int)(struct sql_stmt *s, int col);
	slice (*column_text)(struct sql_stmt *s, int col);
	bool (*column_null)(struct sql_stmt *s, int col);
	int64_t (*changes)(struct sql *db);

	bool (*claim)(struct sql *db);
	int (*begin)(struct sql *db, struct err *e);
	int (*commit)(struct sql *db, struct err *e);
	void (*rollback)(struct sql *db);
	int (*sync)(const struct sql *db, struct err *e); /* any thread */
	bool (*wants_checkpoint)(const struct sql *db);
	int (*checkpoint)(struct sql *db, struct err *e);
	int (*check)(struct sql *db, struct arena *a, slice *report, struct err *e);
	int (*fence)(struct sql *db, struct err *e);
	int (*reindex)(struct sql *db, struct err *e);
	int (*snapshot)(struct sql *db, const char *path, struct err *e);

	/* NULL-terminated pairs: {{WORD}}, the engine's text. */
	const char *const (*words)[2];
};

/* sql.c: what all sql_open* are made of. */
int sql_open_kind(slice dir, const char *name, enum sql_kind kind, struct sql **ret, struct err *e);

/* Between sqlite.c and sqlite_image.c. */
#define SQLITE_SOURCE_VFS "posthouse-source"
struct sqlite3;
struct sqlite3 *sqlite_handle(const struct sql *db);

extern const struct sql_driver sqlite_driver;
extern int64_t sqlite_turn_wait; /* how long a writer waits for the others; tests shorten it */
