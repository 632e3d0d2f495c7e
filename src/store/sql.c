/*
 * The part of the SQL layer that all engines share: connections, the cache of prepared statements,
 * sql_run. Schemas and their migrations are in sql_migrate.c, engines behind sql_driver.h.
 */
#include "base/mem.h"
#include "base/must.h"
#include "store/sql_driver.h"

#include <stdarg.h>

enum { BUCKETS = 64 };

static bool name_ok(slice name)
{
	for (size_t i = 0; i < name.n; i++) {
		char c = name.p[i];
		if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_'))
			return false;
	}
	return name.n > 0 && name.n <= 64;
}

int sql_open_kind(
	slice dir, const char *name, enum sql_kind kind, struct sql **ret, struct err *e)
{
	if (!name_ok(slice_z(name)))
		return err_set(e, ERR_BUG, "database name \"%.70s\"", name);
	struct sql *db = NEW(struct sql);
	db->driver = &sqlite_driver; /* PostgreSQL will be chosen by the form of dir */
	db->dir = mem_dup(dir.p, dir.n);
	db->name = mem_dup(name, strlen(name));
	db->kind = kind;
	db->buckets = mem_alloc(BUCKETS * sizeof *db->buckets);
	if (db->driver->open(db, e) < 0) {
		sql_close(db);
		return -1;
	}
	*ret = db;
	return 0;
}

int sql_open(slice dir, const char *name, struct sql **ret, struct err *e)
{
	return sql_open_kind(dir, name, SQL_DURABLE, ret, e);
}

int sql_open_read(slice dir, const char *name, struct sql **ret, struct err *e)
{
	return sql_open_kind(dir, name, SQL_READ_ONLY, ret, e);
}

int sql_open_cache(slice dir, const char *name, struct sql **ret, struct err *e)
{
	return sql_open_kind(dir, name, SQL_CACHE, ret, e);
}

int sql_open_twin(const struct sql *db, struct sql **ret, struct err *e)
{
	return sql_open_kind(slice_z(db->dir), db->name, db->kind, ret, e);
}

const char *sql_name(const struct sql *db)
{
	return db->name;
}

static void free_statements(struct sql *db)
{
	for (size_t i = 0; i < BUCKETS; i++)
		while (db->buckets[i]) {
			struct sql_stmt *s = db->buckets[i];
			db->buckets[i] = s->next;
			db->driver->finalize(s);
			free(s);
		}
	db->nstmts = 0;
}

void sql_close(struct sql *db)
{
	if (!db)
		return;
	free_statements(db);
	if (db->in_tx)
		sql_rollback(db);
	if (db->conn)
		db->driver->close(db);
	free(db->buckets);
	free(db->dir);
	free(db->name);
	free(db);
}

struct sql_stmt *sql_prepare(struct sql *db, const char *text, struct err *e)
{
	struct sql_stmt **bucket = &db->buckets[((uintptr_t)text >> 4) % BUCKETS], *s;
	for (s = *bucket; s; s = s->next)
		if (s->text == text && !s->busy) {
			s->busy = true;
			return s;
		}
	if (db->nstmts >= SQL_STATEMENTS_MAX) {
		err_set(e, ERR_BUG, "%s database: too many statements in use", db->name);
		return NULL;
	}
	s = NEW(struct sql_stmt);
	s->db = db;
	s->text = text;
	if (db->driver->prepare(db, s, e) < 0) {
		free(s);
		return NULL;
	}
	s->busy = true;
	s->next = *bucket;
	*bucket = s;
	db->nstmts++;
	return s;
}

static void bind(struct sql_stmt *s, int n, struct sql_value v)
{
	if (n < 1 || n > SQL_PARAMS_MAX || !s->param[n] || !s->db->driver->bind(s, n, &v))
		s->bad_bind = true;
}

void sql_bind_int(struct sql_stmt *s, int n, int64_t v)
{
	bind(s, n, (struct sql_value){.type = SQL_INT, .i = v});
}

void sql_bind_text(struct sql_stmt *s, int n, slice v)
{
	bind(s, n, (struct sql_value){.type = SQL_TEXT, .s = v});
}

void sql_bind_blob(struct sql_stmt *s, int n, slice v)
{
	bind(s, n, (struct sql_value){.type = SQL_BLOB, .s = v});
}

void sql_bind_null(struct sql_stmt *s, int n)
{
	bind(s, n, (struct sql_value){.type = SQL_NULL});
}

int sql_step(struct sql_stmt *s, struct err *e)
{
	if (s->bad_bind) {
		sql_reset(s);
		return err_set(e, ERR_BUG, "bad parameter for SQL: %.150s", s->text);
	}
	int r = s->db->driver->step(s, e);
	if (r != 1)
		s->busy = false;
	return r;
}

void sql_reset(struct sql_stmt *s)
{
	s->db->driver->reset(s);
	s->bad_bind = false;
	s->busy = false;
}

int64_t sql_int(struct sql_stmt *s, int col)
{
	return s->db->driver->column_int(s, col);
}

slice sql_text(struct sql_stmt *s, int col)
{
	return s->db->driver->column_text(s, col);
}

bool sql_is_null(struct sql_stmt *s, int col)
{
	return s->db->driver->column_null(s, col);
}

static void bind_letters(struct sql_stmt *s, const char *types, va_list ap)
{
	for (int n = 1; types[n - 1]; n++)
		switch (types[n - 1]) {
		case 'i':
			sql_bind_int(s, n, va_arg(ap, int64_t));
			break;
		case 't':
			sql_bind_text(s, n, va_arg(ap, slice));
			break;
		case 'b':
			sql_bind_blob(s, n, va_arg(ap, slice));
			break;
		case 'n':
			sql_bind_null(s, n);
			break;
		default:
			must(!"letters of sql_run are i t b n");
		}
}

int64_t sql_run(struct sql *db, struct err *e, const char *text, const char *types, ...)
{
	struct sql_stmt *s = sql_prepare(db, text, e);
	if (!s)
		return -1;
	va_list ap;
	va_start(ap, types);
	bind_letters(s, types, ap);
	va_end(ap);
	int r;
	do
		r = sql_step(s, e);
	while (r > 0);
	return r < 0 ? -1 : db->driver->changes(db);
}

bool sql_claim(struct sql *db)
{
	must(!db->in_tx);
	return db->driver->claim(db);
}

static int run_alone(struct sql *db, const char *text, struct err *e)
{
	return sql_run(db, e, text, "") < 0 ? -1 : 0;
}

int sql_read_begin(struct sql *db, struct err *e)
{
	must(!db->in_tx);
	return run_alone(db, "BEGIN", e);
}

void sql_read_end(struct sql *db)
{
	struct err ignored;
	run_alone(db, "COMMIT", &ignored);
}

int sql_begin(struct sql *db, struct err *e)
{
	must(!db->in_tx);
	if (db->driver->begin(db, e) < 0)
		return -1;
	db->in_tx = true;
	return 0;
}

int sql_commit(struct sql *db, struct err *e)
{
	must(db->in_tx);
	db->in_tx = false;
	return db->driver->commit(db, e);
}

void sql_rollback(struct sql *db)
{
	must(db->in_tx);
	db->in_tx = false;
	db->driver->rollback(db);
}

int sql_sync(const struct sql *db, struct err *e)
{
	return db->driver->sync(db, e);
}

bool sql_wants_checkpoint(const struct sql *db)
{
	return db->driver->wants_checkpoint(db);
}

int sql_checkpoint(struct sql *db, struct err *e)
{
	return db->driver->checkpoint(db, e);
}

int sql_check(struct sql *db, struct arena *a, slice *report, struct err *e)
{
	return db->driver->check(db, a, report, e);
}

int sql_snapshot(struct sql *db, const char *path, struct err *e)
{
	return db->driver->snapshot(db, path, e);
}

int sql_reindex(struct sql *db, struct err *e)
{
	return db->driver->reindex(db, e);
}

int sql_fence(struct sql *db, struct err *e)
{
	return db->driver->fence(db, e);
}
