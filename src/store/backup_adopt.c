/*
 * An installation goes on with a repository that is there (backup.h): the state is made from what the repository holds. Generations become rows,
 * the objects they use too; of the newest one every chunk becomes known again, by reading it: its digest is keyed and stands nowhere else.
 */
#include "base/mem.h"
#include "base/rand.h"
#include "store/backup_read.h"
#include "store/backup_write.h"

#include <errno.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <sys/stat.h>

struct adopting {
	struct backup_repo *r;
	struct sql *db;
	unsigned char chunk_key[BACKUP_KEY];
	int64_t object; /* that is being read */
	const unsigned char *object_id;
};

static int number_of(struct sql *db, const unsigned char id[BACKUP_ID], int64_t *ret, struct err *e)
{
	struct sql_stmt *s = sql_prepare(db, "SELECT n FROM object WHERE id = $1", e);
	if (!s)
		return -1;
	sql_bind_blob(s, 1, slice_of(id, BACKUP_ID));
	int r = sql_step(s, e);
	if (r == 1) {
		*ret = sql_int(s, 0);
		sql_reset(s);
	}
	return r;
}

static int note_object(
	struct adopting *x, const struct backup_used *u, int64_t generation, struct err *e)
{
	int64_t n;
	struct backup_used ignored;
	int r = number_of(x->db, u->id, &n, e);
	if (r < 0 || (r == 0 && (backup_state_object_tx(x->db, u->id, generation, &n, e) < 0 ||
					backup_state_stored_tx(x->db, n, u->size, e) < 0)))
		return -1;
	return backup_state_use_tx(x->db, n, generation, u->size, &ignored, e);
}

static int note_generation(
	struct adopting *x, const struct backup_generation *g, int64_t id, struct err *e)
{
	struct backup_content *c;
	if (backup_content_open(x->r, g->name, &c, e) < 0)
		return -1;
	int r = sql_begin(x->db, e);
	if (r == 0) {
		if (sql_run(x->db, e,
			    "INSERT INTO generation (id, name, started_at, finished_at, why, "
			    "files, bytes,"
			    " fresh, sent) VALUES ($1, $2, $3, $4, $5, $6, $7, 0, 0)",
			    "ibiitii", id, slice_of(g->name, BACKUP_ID), c->started_at,
			    c->finished_at, c->why, (int64_t)c->nfiles, (int64_t)c->bytes) < 0)
			r = -1;
		for (size_t i = 0; r == 0 && i < c->nobjects; i++)
			r = note_object(x, &c->objects[i], id, e);
		if (r == 0)
			r = sql_commit(x->db, e);
		else
			sql_rollback(x->db);
	}
	backup_content_close(c);
	return r;
}

static int note_chunk(
	void *arg, uint64_t at, const struct backup_frame *f, slice chunk, struct err *e)
{
	struct adopting *x = arg;
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned n = 0;
	struct backup_place p = {
		x->object, {.at = (uint32_t)at, .stored = f->stored, .raw = f->raw}};
	memcpy(p.ref.object, x->object_id, BACKUP_ID);
	HMAC(EVP_sha256(), x->chunk_key, BACKUP_KEY, (const unsigned char *)chunk.p, chunk.n,
		digest, &n);
	return backup_state_chunk_tx(x->db, digest, &p, e);
}

/* A damaged one is not believed: what it held is sent again. */
static int note_chunks(struct adopting *x, const struct backup_used *u, struct err *e)
{
	AUTO(buf) struct buf object = BUF(BACKUP_OBJECT_MAX + 4 * BACKUP_CHUNK_MAX);
	char name[BACKUP_NAME_MAX];
	const struct backup_walk w = {BACKUP_DATA, u->id, note_chunk, x};
	backup_object_name(BACKUP_DATA, u->id, name);
	if (number_of(x->db, u->id, &x->object, e) != 1)
		return -1;
	x->object_id = u->id;
	if (x->r->t->ops->get(x->r->t, name, 0, u->size, &object, e) < 0)
		return e->kind == ERR_NOTFOUND ? 0 : -1;
	if (sql_begin(x->db, e) < 0)
		return -1;
	if (backup_walk(x->r, &w, buf_slice(&object), e) == 0)
		return sql_commit(x->db, e);
	sql_rollback(x->db);
	return e->kind == ERR_PERM ? 0 : -1;
}

static int note_newest(struct adopting *x, const struct backup_generation *g, struct err *e)
{
	struct backup_content *c;
	int r = 0;
	if (backup_content_open(x->r, g->name, &c, e) < 0)
		return -1;
	for (size_t i = 0; r == 0 && i < c->nobjects; i++)
		r = note_chunks(x, &c->objects[i], e);
	backup_content_close(c);
	return r;
}

static int read_all(struct adopting *x, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	struct backup_generation *v;
	size_t n;
	if (backup_repo_list(x->r, &a, &v, &n, e) < 0)
		return -1;
	for (size_t i = n; i-- > 0;)
		if (note_generation(x, &v[i], (int64_t)(n - i), e) < 0)
			return -1;
	return n ? note_newest(x, &v[0], e) : 0;
}

static int forget_all(struct sql *db, struct err *e)
{
	if (sql_begin(db, e) < 0)
		return -1;
	if (sql_run(db, e, "DELETE FROM generation", "") >= 0 &&
		sql_run(db, e, "DELETE FROM object", "") >= 0 &&
		sql_run(db, e, "DELETE FROM chunk", "") >= 0 &&
		sql_run(db, e, "DELETE FROM file", "") >= 0)
		return sql_commit(db, e);
	sql_rollback(db);
	return -1;
}

static int take_over(slice data, struct backup_target *t, const struct backup_local *l,
	const struct backup_secret *s, struct err *e)
{
	struct adopting x = {0};
	struct backup_state state = {.lock = -1};
	backup_chunk_key(&l->key, x.chunk_key);
	if (backup_repo_open(t, s, &x.r, e) < 0)
		return -1;
	int r = backup_state_open(data, &state, e);
	x.db = state.db;
	/* First of all the other one stops. */
	if (r == 0)
		r = backup_owner_write(t, l, e);
	if (r == 0)
		r = forget_all(x.db, e);
	if (r == 0)
		r = read_all(&x, e);
	if (r == 0)
		r = backup_local_write(data, l, e);
	backup_state_close(&state);
	backup_repo_close(x.r);
	return r;
}

int backup_adopt(slice data, struct backup_target *t, const struct backup_secret *s, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	struct backup_about about;
	struct backup_local l;
	if (backup_about_read(t, &a, &about, e) < 0)
		return -1;
	l.key = about.key;
	if (backup_about_secret(&about, s, l.key.secret, e) < 0)
		return -1;
	rand_bytes(l.owner, BACKUP_ID);
	const char *dir = arena_strz(&a, arena_printf(&a, "%.*s/backup", SFMT(data)));
	if (mkdir(dir, 0700) < 0 && errno != EEXIST)
		return err_sys(e, errno, "%s", dir);
	return take_over(data, t, &l, s, e);
}
