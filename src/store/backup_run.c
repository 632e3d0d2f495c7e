/*
 * A generation (backup.h): what is to be held is held, read, sent; then its list is sent, which makes it one; then the state counts it.
 * Called by the command line, the backup role and, before a schema changes, the prepare role.
 */
#include "base/mem.h"
#include "base/rand.h"
#include "store/backup_write.h"

static int note_tired(void *arg, int64_t object)
{
	struct backup_writer *w = arg;
	map_put(&w->tired, slice_of(&object, sizeof object), w);
	return 0;
}

/* What the generation needs, in the state and for its list. */
static int note_uses(struct backup_writer *w, struct backup_content *c, struct err *e)
{
	slice key;
	void *value;
	c->objects = ARENA_ARRAY(&w->mem, struct backup_used, w->uses.n + 1);
	if (sql_begin(w->db, e) < 0)
		return -1;
	for (size_t i = 0; map_next(&w->uses, &i, &key, &value);) {
		const struct backup_use *u = value;
		if (backup_state_use_tx(w->db, u->object, w->generation, u->bytes,
			    &c->objects[c->nobjects++], e) < 0) {
			sql_rollback(w->db);
			return -1;
		}
	}
	return sql_commit(w->db, e);
}

static int by_path(const void *x, const void *y)
{
	return slice_cmp(
		((const struct backup_file *)x)->path, ((const struct backup_file *)y)->path);
}

static int finish(struct backup_writer *w, struct backup_content *c, struct err *e)
{
	if (backup_write_flush(w, e) < 0 || note_uses(w, c, e) < 0)
		return -1;
	qsort(w->files, w->nfiles, sizeof *w->files, by_path);
	c->files = w->files;
	c->nfiles = w->nfiles;
	c->bytes = w->result.bytes;
	c->finished_at = wall_now();
	if (backup_write_manifest(w, c, e) < 0 || sql_begin(w->db, e) < 0)
		return -1;
	if (backup_state_finish_tx(w->db, &w->result, c->finished_at, e) < 0) {
		sql_rollback(w->db);
		return -1;
	}
	return sql_commit(w->db, e);
}

static int make(struct backup_writer *w, struct err *e)
{
	const struct backup_run *r = w->run;
	struct backup_content c = {.started_at = wall_now(),
		.host = r->host,
		.version = S(VERSION),
		.why = slice_first(r->why, BACKUP_WHY_MAX)};
	struct backup_plan *plan = NULL;
	rand_bytes(c.name, BACKUP_ID);
	if (backup_state_begin(w->db, c.started_at, c.why, c.name, &w->generation, &w->last, e) <
			0 ||
		backup_state_tired(w->db, w->last, note_tired, w, e) < 0)
		return -1;
	w->result.id = w->generation;
	memcpy(w->result.name, c.name, BACKUP_ID);
	int result = backup_plan_make(w, &plan, e);
	if (result == 0)
		result = backup_plan_write(plan, e);
	backup_plan_done(plan);
	if (result < 0) { /* what was gathered counts for the next run */
		struct err ignored;
		backup_write_flush(w, &ignored);
		return -1;
	}
	return finish(w, &c, e);
}

int backup_run(const struct backup_run *r, struct backup_result *ret, struct err *e)
{
	struct backup_state s = {.lock = -1};
	struct backup_writer w;
	backup_writer_init(&w, r);
	int result = backup_local_read(r->data, &w.local, e);
	if (result == 0)
		result = backup_state_open(r->data, &s, e);
	if (result == 0)
		result = backup_owner_check(r->target, &w.local, e);
	if (result == 0) {
		w.db = s.db;
		backup_chunk_key(&w.local.key, w.chunk_key);
		result = make(&w, e);
	}
	w.result.took = instant_now() - w.began;
	if (result == 0)
		*ret = w.result;
	backup_writer_done(&w);
	backup_state_close(&s);
	return result;
}
