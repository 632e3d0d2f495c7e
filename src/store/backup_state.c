/* The server's memory of its repository (backup_state.h). Called by backup_write.c, backup_run.c, backup_prune.c. */
#include "store/backup_state.h"

#include "base/buf.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

enum { TIRED_PARTS = 4, TIRED_MIN = 1 << 20 };

static const char first_up[] =
	"CREATE TABLE generation ("
	"id {{AUTO_KEY}}, name {{BLOB}} NOT NULL, started_at BIGINT NOT NULL,"
	"finished_at BIGINT NOT NULL, why TEXT NOT NULL, files BIGINT NOT NULL,"
	"bytes BIGINT NOT NULL, fresh BIGINT NOT NULL, sent BIGINT NOT NULL);"

	"CREATE TABLE object ("
	"n {{AUTO_KEY}}, id {{BLOB}} NOT NULL, size BIGINT NOT NULL, used BIGINT NOT NULL,"
	"first_gen BIGINT NOT NULL, last_gen BIGINT NOT NULL, state BIGINT NOT NULL);"
	"CREATE UNIQUE INDEX object_id ON object (id);"

	"CREATE TABLE chunk ("
	"id {{BLOB}} NOT NULL PRIMARY KEY, object BIGINT NOT NULL, at BIGINT NOT NULL,"
	"stored BIGINT NOT NULL, raw BIGINT NOT NULL) {{WITHOUT_ROWID}};"
	"CREATE INDEX chunk_object ON chunk (object);"

	"CREATE TABLE file ("
	"path TEXT NOT NULL PRIMARY KEY, generation BIGINT NOT NULL, face TEXT NOT NULL,"
	"size BIGINT NOT NULL, mode BIGINT NOT NULL, changed_at BIGINT NOT NULL,"
	"lists {{BLOB}} NOT NULL, uses {{BLOB}} NOT NULL);";

static const struct sql_migration migrations[] = {
	{1, "backup", first_up,
		"DROP TABLE generation; DROP TABLE object; DROP TABLE chunk; DROP TABLE file;"},
};

static slice id_slice(const unsigned char id[BACKUP_ID])
{
	return slice_of(id, BACKUP_ID);
}

/* ---- opening ---- */

static slice state_dir(slice data, struct arena *a)
{
	return arena_printf(a, "%.*s/backup", SFMT(data));
}

static int take_lock(slice dir, int *ret, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	const char *path = arena_strz(&a, arena_printf(&a, "%.*s/lock", SFMT(dir)));
	AUTO(fd) int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	if (fd < 0)
		return err_sys(e, errno, "%s", path);
	if (fcntl(fd, F_OFD_SETLK, &lock) < 0)
		return err_set(e, ERR_EXISTS, "another backup is under way");
	*ret = take_fd(&fd);
	return 0;
}

int backup_state_open(slice data, struct backup_state *ret, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	struct backup_state s = {.lock = -1};
	slice dir = state_dir(data, &a);
	if (take_lock(dir, &s.lock, e) < 0)
		return -1;
	if (sql_open(dir, "backup", &s.db, e) < 0 ||
		sql_migrate(s.db, migrations, sizeof migrations / sizeof *migrations, e) < 0) {
		backup_state_close(&s);
		return -1;
	}
	*ret = s;
	return 0;
}

int backup_state_open_read(slice data, struct sql **ret, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	return sql_open_read(state_dir(data, &a), "backup", ret, e);
}

void backup_state_close(struct backup_state *s)
{
	sql_close(s->db);
	if (s->lock >= 0)
		close(s->lock);
	*s = (struct backup_state){.lock = -1};
}

/* ---- generations ---- */

static int one_number(struct sql *db, const char *text, int64_t *ret, struct err *e)
{
	struct sql_stmt *s = sql_prepare(db, text, e);
	int r = s ? sql_step(s, e) : -1;
	if (r != 1)
		return r;
	*ret = sql_int(s, 0);
	sql_reset(s);
	return 1;
}

int backup_state_begin(struct sql *db, int64_t now, slice why, const unsigned char name[BACKUP_ID],
	int64_t *ret_id, int64_t *ret_last, struct err *e)
{
	if (one_number(db, "SELECT COALESCE(MAX(id), 0) FROM generation WHERE finished_at > 0",
		    ret_last, e) < 0)
		return -1;
	if (sql_begin(db, e) < 0)
		return -1;
	if (sql_run(db, e,
		    "INSERT INTO generation (name, started_at, finished_at, why, files, bytes, "
		    "fresh, sent)"
		    " VALUES ($1, $2, 0, $3, 0, 0, 0, 0)",
		    "bit", id_slice(name), now, why) < 0 ||
		one_number(db, "SELECT MAX(id) FROM generation", ret_id, e) < 0) {
		sql_rollback(db);
		return -1;
	}
	return sql_commit(db, e);
}

int backup_state_finish_tx(
	struct sql *db, const struct backup_result *r, int64_t now, struct err *e)
{
	if (sql_run(db, e, "DELETE FROM file WHERE generation < $1", "i", r->id) < 0 ||
		sql_run(db, e, "DELETE FROM generation WHERE finished_at = 0 AND id < $1", "i",
			r->id) < 0)
		return -1;
	return sql_run(db, e,
		       "UPDATE generation SET finished_at = $1, files = $2, bytes = $3, fresh = "
		       "$4, sent = $5"
		       " WHERE id = $6",
		       "iiiiii", now, (int64_t)r->files, (int64_t)r->bytes, (int64_t)r->fresh,
		       (int64_t)r->sent, r->id) < 0
		       ? -1
		       : 0;
}

static void read_generation(struct sql_stmt *s, struct arena *a, struct backup_generation *g)
{
	slice name = sql_text(s, 1);
	*g = (struct backup_generation){.id = sql_int(s, 0),
		.started_at = sql_int(s, 2),
		.finished_at = sql_int(s, 3),
		.files = (uint64_t)sql_int(s, 5),
		.bytes = (uint64_t)sql_int(s, 6),
		.fresh = (uint64_t)sql_int(s, 7),
		.sent = (uint64_t)sql_int(s, 8)};
	g->why = arena_dup(a, sql_text(s, 4));
	if (name.n == BACKUP_ID)
		memcpy(g->name, name.p, BACKUP_ID);
}

int backup_generations(
	slice data, struct arena *a, struct backup_generation **ret, size_t *ret_n, struct err *e)
{
	struct sql *db;
	struct backup_generation *v = NULL;
	size_t n = 0, cap = 0;
	int version = 0;
	*ret_n = 0;
	*ret = NULL;
	if (backup_state_open_read(data, &db, e) < 0)
		return e->kind == ERR_NOTFOUND ? 0 : -1;
	int r = sql_version(db, &version, e);
	struct sql_stmt *s = r == 0 && version
				     ? sql_prepare(db,
					       "SELECT id, name, started_at, finished_at, why, "
					       "files, bytes, fresh, sent"
					       " FROM generation WHERE finished_at > 0 ORDER BY "
					       "started_at DESC, id DESC",
					       e)
				     : NULL;
	r = version && r == 0 ? (s ? 1 : -1) : r;
	while (s && (r = sql_step(s, e)) == 1) {
		if (n == cap)
			v = mem_grow(v, (cap = cap ? 2 * cap : 32) * sizeof *v);
		read_generation(s, a, &v[n++]);
	}
	sql_close(db);
	if (r == 0) {
		*ret = ARENA_ARRAY(a, struct backup_generation, n + 1);
		if (n)
			memcpy(*ret, v, n * sizeof *v);
		*ret_n = n;
	}
	free(v);
	return r;
}

int backup_last(slice data, int64_t *ret, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	struct backup_generation *v;
	size_t n;
	if (backup_generations(data, &a, &v, &n, e) < 0)
		return -1;
	*ret = n ? v[0].started_at : 0;
	return 0;
}

/* ---- chunks and objects ---- */

int backup_state_chunk(
	struct sql *db, const unsigned char id[BACKUP_ID], struct backup_place *ret, struct err *e)
{
	struct sql_stmt *s = sql_prepare(db,
		"SELECT c.object, c.at, c.stored, c.raw, o.id FROM chunk c, object o"
		" WHERE c.id = $1 AND o.n = c.object AND o.state = 1",
		e);
	if (!s)
		return -1;
	sql_bind_blob(s, 1, id_slice(id));
	int r = sql_step(s, e);
	if (r != 1)
		return r;
	slice object = sql_text(s, 4);
	ret->object = sql_int(s, 0);
	ret->ref = (struct backup_ref){.at = (uint32_t)sql_int(s, 1),
		.stored = (uint32_t)sql_int(s, 2),
		.raw = (uint32_t)sql_int(s, 3)};
	bool good = object.n == BACKUP_ID;
	if (good)
		memcpy(ret->ref.object, object.p, BACKUP_ID);
	sql_reset(s);
	return good;
}

int backup_state_object_tx(struct sql *db, const unsigned char id[BACKUP_ID], int64_t generation,
	int64_t *ret, struct err *e)
{
	struct sql_stmt *s = sql_prepare(db,
		"INSERT INTO object (id, size, used, first_gen, last_gen, state)"
		" VALUES ($1, 0, 0, $2, $2, 0) RETURNING n",
		e);
	if (!s)
		return -1;
	sql_bind_blob(s, 1, id_slice(id));
	sql_bind_int(s, 2, generation);
	if (sql_step(s, e) != 1)
		return -1;
	*ret = sql_int(s, 0);
	sql_reset(s);
	return 0;
}

int backup_state_stored_tx(struct sql *db, int64_t object, uint64_t size, struct err *e)
{
	return sql_run(db, e, "UPDATE object SET state = 1, size = $1, used = $1 WHERE n = $2",
		       "ii", (int64_t)size, object) < 0
		       ? -1
		       : 0;
}

int backup_state_chunk_tx(struct sql *db, const unsigned char id[BACKUP_ID],
	const struct backup_place *p, struct err *e)
{
	return sql_run(db, e,
		       "INSERT INTO chunk (id, object, at, stored, raw) VALUES ($1, $2, $3, $4, $5)"
		       " ON CONFLICT (id) DO UPDATE SET object = excluded.object, at = excluded.at,"
		       " stored = excluded.stored, raw = excluded.raw",
		       "biiii", id_slice(id), p->object, (int64_t)p->ref.at, (int64_t)p->ref.stored,
		       (int64_t)p->ref.raw) < 0
		       ? -1
		       : 0;
}

int backup_state_tired(struct sql *db, int64_t last, int (*fn)(void *arg, int64_t object),
	void *arg, struct err *e)
{
	struct sql_stmt *s = sql_prepare(db,
		"SELECT n FROM object WHERE state = 1 AND size > $1 AND last_gen <= $2 AND"
		" (last_gen < $2 OR used * $3 < size)",
		e);
	if (!s)
		return -1;
	sql_bind_int(s, 1, TIRED_MIN);
	sql_bind_int(s, 2, last);
	sql_bind_int(s, 3, TIRED_PARTS);
	int r;
	while ((r = sql_step(s, e)) == 1)
		if (fn(arg, sql_int(s, 0)) < 0) {
			sql_reset(s);
			return -1;
		}
	return r;
}

int backup_state_use_tx(struct sql *db, int64_t object, int64_t generation, uint64_t bytes,
	struct backup_used *ret, struct err *e)
{
	struct sql_stmt *s = sql_prepare(db,
		"UPDATE object SET used = $1, last_gen = $2 WHERE n = $3 RETURNING id, size", e);
	if (!s)
		return -1;
	sql_bind_int(s, 1, (int64_t)bytes);
	sql_bind_int(s, 2, generation);
	sql_bind_int(s, 3, object);
	int r = sql_step(s, e);
	if (r < 0)
		return -1;
	slice id = r ? sql_text(s, 0) : S("");
	bool good = id.n == BACKUP_ID;
	if (good) {
		memcpy(ret->id, id.p, BACKUP_ID);
		ret->size = (uint64_t)sql_int(s, 1);
	}
	if (r)
		sql_reset(s);
	return good ? 0 : err_set(e, ERR_BUG, "an object of the backup is not known any more");
}

/* ---- files ---- */

int backup_state_file(
	struct sql *db, slice path, struct arena *a, struct backup_known *ret, struct err *e)
{
	struct sql_stmt *s = sql_prepare(db,
		"SELECT face, size, mode, changed_at, lists, uses FROM file WHERE path = $1", e);
	if (!s)
		return -1;
	sql_bind_text(s, 1, path);
	int r = sql_step(s, e);
	if (r != 1)
		return r;
	*ret = (struct backup_known){.size = (uint64_t)sql_int(s, 1),
		.mode = (uint32_t)sql_int(s, 2),
		.changed_at = sql_int(s, 3)};
	ret->face = arena_dup(a, sql_text(s, 0));
	ret->lists = arena_dup(a, sql_text(s, 4));
	ret->uses = arena_dup(a, sql_text(s, 5));
	sql_reset(s);
	return 1;
}

int backup_state_file_tx(
	struct sql *db, slice path, int64_t generation, const struct backup_known *k, struct err *e)
{
	return sql_run(db, e,
		       "INSERT INTO file (path, generation, face, size, mode, changed_at, lists, "
		       "uses)"
		       " VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (path) DO UPDATE SET"
		       " generation = excluded.generation, face = excluded.face, size = "
		       "excluded.size,"
		       " mode = excluded.mode, changed_at = excluded.changed_at, lists = "
		       "excluded.lists,"
		       " uses = excluded.uses",
		       "titiiibb", path, generation, k->face, (int64_t)k->size, (int64_t)k->mode,
		       k->changed_at, k->lists, k->uses) < 0
		       ? -1
		       : 0;
}
