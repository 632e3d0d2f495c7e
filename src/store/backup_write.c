/*
 * Chunks into objects, objects to the target (backup_write.h). A chunk is known by a keyed digest of its bytes, which only the state has: the
 * repository does not tell which chunks are equal. An object is noted in the state before it is sent and counts after it was: what a run that
 * broke off has sent, the next one finds.
 */
#include "store/backup_write.h"

#include "base/cur.h"
#include "base/mem.h"
#include "base/must.h"
#include "base/rand.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <unistd.h>

enum {
	ZSTD_LEVEL = 3,
	GAIN_PARTS = 20, /* compressed only when that saves a twentieth */
	PAUSE_LEAST = 5 * MSEC,
	PAUSE_MOST = 200 * MSEC,
};

void backup_writer_init(struct backup_writer *w, const struct backup_run *r)
{
	*w = (struct backup_writer){.run = r, .began = instant_now(), .paced = instant_now()};
	w->seal = backup_seal_new();
	w->zstd = ZSTD_createCCtx();
	must(w->zstd);
	w->object = BUF(BACKUP_OBJECT_MAX + 4 * BACKUP_CHUNK_MAX);
	w->squeezed = BUF(4 * BACKUP_CHUNK_MAX);
}

static void free_values(struct map *m)
{
	slice key;
	void *value;
	for (size_t i = 0; map_next(m, &i, &key, &value);)
		free(value);
	map_done(m);
}

void backup_writer_done(struct backup_writer *w)
{
	backup_seal_free(w->seal);
	ZSTD_freeCCtx(w->zstd);
	buf_done(&w->object);
	buf_done(&w->squeezed);
	free(w->pending);
	map_done(&w->fresh);
	map_done(&w->tired);
	free_values(&w->uses);
	free(w->files);
	free(w->knowns);
	arena_done(&w->mem);
	OPENSSL_cleanse(&w->local, sizeof w->local);
	OPENSSL_cleanse(w->chunk_key, sizeof w->chunk_key);
}

/* ---- pace ---- */

int backup_write_pace(struct backup_writer *w, uint64_t bytes, struct err *e)
{
	const struct backup_run *r = w->run;
	w->result.read += bytes;
	if (r->go_on && !r->go_on(r->arg, w->result.read, w->expected))
		return err_set(
			e, ERR_CLOSED, "the backup was ended; the next one goes on from here");
	if (r->max_rate <= 0)
		return 0;
	instant now = instant_now();
	if (w->paced < now - PAUSE_MOST)
		w->paced = now - PAUSE_MOST; /* what was not used is not made up for */
	w->paced += (int64_t)(bytes * (uint64_t)SECOND / (uint64_t)r->max_rate);
	while ((now = instant_now()) + PAUSE_LEAST < w->paced)
		usleep((useconds_t)(w->paced - now < PAUSE_MOST ? w->paced - now : PAUSE_MOST));
	return 0;
}

/* ---- objects ---- */

static int begin_object(struct backup_writer *w, struct err *e)
{
	struct backup_head h = {.kind = BACKUP_DATA};
	int64_t n;
	rand_bytes(w->object_id, BACKUP_ID);
	memcpy(h.repository, w->local.key.repository, BACKUP_ID);
	memcpy(h.object, w->object_id, BACKUP_ID);
	if (backup_seal_begin(w->seal, &w->local.key, &h, e) < 0 || sql_begin(w->db, e) < 0)
		return -1;
	if (backup_state_object_tx(w->db, w->object_id, w->generation, &n, e) < 0) {
		sql_rollback(w->db);
		return -1;
	}
	if (sql_commit(w->db, e) < 0)
		return -1;
	buf_reset(&w->object);
	backup_head_put(&h, &w->object);
	w->object_n = n;
	w->frames = 0;
	return 0;
}

/* The end, by which a reader sees that nothing is missing. */
static int end_frame(struct backup_seal *seal, uint32_t frames, struct buf *object, struct err *e)
{
	AUTO(buf) struct buf count = BUF(4);
	const struct backup_frame f = {4 + BACKUP_TAG, 4, BACKUP_END};
	buf_u32(&count, frames);
	return backup_seal_frame(seal, object->n, &f, buf_slice(&count), object, e);
}

static int note_stored(struct backup_writer *w, struct err *e)
{
	if (w->object_n && backup_state_stored_tx(w->db, w->object_n, w->object.n, e) < 0)
		return -1;
	for (size_t i = 0; i < w->npending; i++)
		if (backup_state_chunk_tx(w->db, w->pending[i].id, &w->pending[i].place, e) < 0)
			return -1;
	for (size_t i = w->files_kept; i < w->nfiles; i++)
		if (w->knowns[i].lists.p && backup_state_file_tx(w->db, w->files[i].path,
						    w->generation, &w->knowns[i], e) < 0)
			return -1;
	return 0;
}

int backup_write_flush(struct backup_writer *w, struct err *e)
{
	char name[BACKUP_NAME_MAX];
	struct backup_target *t = w->run->target;
	if (w->object_n) {
		backup_object_name(BACKUP_DATA, w->object_id, name);
		if (end_frame(w->seal, w->frames, &w->object, e) < 0)
			return -1;
		must(buf_ok(&w->object));
		if (t->ops->put(t, name, buf_slice(&w->object), false, e) < 0)
			return -1;
		w->result.sent += w->object.n;
	}
	if (sql_begin(w->db, e) < 0)
		return -1;
	if (note_stored(w, e) < 0) {
		sql_rollback(w->db);
		return -1;
	}
	if (sql_commit(w->db, e) < 0)
		return -1;
	w->files_kept = w->nfiles;
	w->object_n = 0;
	w->npending = 0;
	map_done(&w->fresh);
	return 0;
}

/* Compressed, or as it is. */
static slice squeeze(struct backup_writer *w, slice raw, struct backup_frame *f)
{
	size_t bound = ZSTD_compressBound(raw.n);
	buf_reset(&w->squeezed);
	char *room = buf_room(&w->squeezed, bound);
	size_t n = ZSTD_compressCCtx(w->zstd, room, bound, raw.p, raw.n, ZSTD_LEVEL);
	slice chunk = raw;
	f->method = BACKUP_AS_IS;
	if (!ZSTD_isError(n) && n < raw.n - raw.n / GAIN_PARTS) {
		chunk = slice_of(room, n);
		f->method = BACKUP_ZSTD;
	}
	f->raw = (uint32_t)raw.n;
	f->stored = (uint32_t)chunk.n + BACKUP_TAG;
	return chunk;
}

static void remember(
	struct backup_writer *w, const unsigned char id[BACKUP_ID], const struct backup_place *p)
{
	if (w->npending == w->pending_cap)
		w->pending = mem_grow(
			w->pending, (w->pending_cap = w->pending_cap ? 2 * w->pending_cap : 64) *
					    sizeof *w->pending);
	memcpy(w->pending[w->npending].id, id, BACKUP_ID);
	w->pending[w->npending++].place = *p;
	map_put(&w->fresh, slice_of(id, BACKUP_ID), (void *)(uintptr_t)w->npending);
}

static int append(struct backup_writer *w, slice raw, const unsigned char id[BACKUP_ID],
	struct backup_place *ret, struct err *e)
{
	struct backup_frame f;
	if (w->object_n && w->object.n >= BACKUP_OBJECT_MAX && backup_write_flush(w, e) < 0)
		return -1;
	if (!w->object_n && begin_object(w, e) < 0)
		return -1;
	slice chunk = squeeze(w, raw, &f);
	struct backup_place p = {
		w->object_n, {.at = (uint32_t)w->object.n, .stored = f.stored, .raw = f.raw}};
	memcpy(p.ref.object, w->object_id, BACKUP_ID);
	if (backup_seal_frame(w->seal, w->object.n, &f, chunk, &w->object, e) < 0)
		return -1;
	w->frames++;
	w->result.fresh += raw.n;
	remember(w, id, &p);
	*ret = p;
	return 0;
}

void backup_chunk_key(const struct backup_writer_key *k, unsigned char ret[BACKUP_KEY])
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned n = 0;
	slice what = S("posthouse backup chunks");
	must(HMAC(EVP_sha256(), k->secret, BACKUP_KEY, (const unsigned char *)what.p, what.n,
		digest, &n));
	memcpy(ret, digest, BACKUP_KEY);
}

static void chunk_id(const struct backup_writer *w, slice raw, unsigned char ret[BACKUP_ID])
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned n = 0;
	must(HMAC(EVP_sha256(), w->chunk_key, BACKUP_KEY, (const unsigned char *)raw.p, raw.n,
		digest, &n));
	memcpy(ret, digest, BACKUP_ID);
}

int backup_write_chunk(struct backup_writer *w, slice raw, struct backup_place *ret, struct err *e)
{
	unsigned char id[BACKUP_ID];
	must(raw.n && raw.n <= BACKUP_CHUNK_MAX);
	chunk_id(w, raw, id);
	size_t at = (size_t)(uintptr_t)map_get(&w->fresh, slice_of(id, sizeof id));
	if (at) {
		*ret = w->pending[at - 1].place;
		return 0;
	}
	int r = backup_state_chunk(w->db, id, ret, e);
	if (r < 0)
		return -1;
	slice object = slice_of(&ret->object, sizeof ret->object);
	if (r == 1 && ret->ref.raw == raw.n && !map_get(&w->tired, object))
		return 0;
	return append(w, raw, id, ret, e);
}

/* ---- the list of the generation ---- */

int backup_write_manifest(struct backup_writer *w, const struct backup_content *c, struct err *e)
{
	AUTO(buf) struct buf list = BUF(BACKUP_MANIFEST_MAX);
	AUTO(buf) struct buf object = BUF(BACKUP_MANIFEST_MAX);
	struct backup_head h = {.kind = BACKUP_MANIFEST};
	char name[BACKUP_NAME_MAX];
	uint32_t frames = 0;
	backup_content_put(c, &list);
	if (!buf_ok(&list))
		return err_set(e, ERR_LIMIT, "the installation has too many files for a backup");
	memcpy(h.repository, w->local.key.repository, BACKUP_ID);
	memcpy(h.object, c->name, BACKUP_ID);
	if (backup_seal_begin(w->seal, &w->local.key, &h, e) < 0)
		return -1;
	backup_head_put(&h, &object);
	for (slice rest = buf_slice(&list); rest.n; frames++) {
		struct backup_frame f;
		slice chunk = squeeze(w, slice_first(rest, BACKUP_CHUNK_MAX), &f);
		if (backup_seal_frame(w->seal, object.n, &f, chunk, &object, e) < 0)
			return -1;
		rest = slice_skip(rest, BACKUP_CHUNK_MAX);
	}
	if (end_frame(w->seal, frames, &object, e) < 0)
		return -1;
	backup_object_name(BACKUP_MANIFEST, c->name, name);
	w->result.sent += object.n;
	struct backup_target *t = w->run->target;
	return t->ops->put(t, name, buf_slice(&object), false, e);
}

/* ---- files ---- */

static void use(struct map *uses, int64_t object, uint64_t bytes)
{
	slice key = slice_of(&object, sizeof object);
	struct backup_use *u = map_get(uses, key);
	if (!u) {
		u = NEW(struct backup_use);
		u->object = object;
		map_put(uses, key, u);
	}
	u->bytes += bytes;
}

void backup_file_begin(struct backup_writer *w, struct backup_making *m)
{
	*m = (struct backup_making){.w = w};
	m->refs = BUF(BACKUP_LIST * BACKUP_REF);
	m->lists = BUF(BACKUP_CHUNK_MAX * 64);
}

void backup_file_drop(struct backup_making *m)
{
	buf_done(&m->refs);
	buf_done(&m->lists);
	free_values(&m->uses);
}

static int end_list(struct backup_making *m, struct err *e)
{
	struct backup_place p;
	if (m->refs.n == 0)
		return 0;
	if (backup_write_chunk(m->w, buf_slice(&m->refs), &p, e) < 0)
		return -1;
	use(&m->uses, p.object, p.ref.stored);
	backup_ref_put(&p.ref, &m->lists);
	buf_reset(&m->refs);
	return buf_ok(&m->lists) ? 0 : err_set(e, ERR_LIMIT, "a file is too large for a backup");
}

static bool all_zero(slice s)
{
	return s.p[0] == 0 && memcmp(s.p, s.p + 1, s.n - 1) == 0;
}

int backup_file_part(struct backup_making *m, slice raw, struct err *e)
{
	struct backup_place p = {.ref = {.raw = (uint32_t)raw.n}};
	if (!all_zero(raw)) {
		if (backup_write_chunk(m->w, raw, &p, e) < 0)
			return -1;
		use(&m->uses, p.object, p.ref.stored);
	}
	backup_ref_put(&p.ref, &m->refs);
	if (m->refs.n == BACKUP_LIST * BACKUP_REF && end_list(m, e) < 0)
		return -1;
	return backup_write_pace(m->w, raw.n, e);
}

static void add_file(
	struct backup_writer *w, const struct backup_file *f, const struct backup_known *k)
{
	if (w->nfiles == w->files_cap) {
		w->files_cap = w->files_cap ? 2 * w->files_cap : 256;
		w->files = mem_grow(w->files, w->files_cap * sizeof *w->files);
		w->knowns = mem_grow(w->knowns, w->files_cap * sizeof *w->knowns);
	}
	w->files[w->nfiles] = *f;
	w->files[w->nfiles].path = arena_dup(&w->mem, f->path);
	w->knowns[w->nfiles++] = *k;
	w->result.files++;
	w->result.bytes += f->size;
}

int backup_file_end(struct backup_making *m, struct backup_file *f, slice face, struct err *e)
{
	struct backup_writer *w = m->w;
	AUTO(buf) struct buf uses = BUF(64 << 20);
	slice key;
	void *value;
	if (end_list(m, e) < 0)
		return -1;
	if (w->nfiles >= BACKUP_FILES_MAX)
		return err_set(
			e, ERR_LIMIT, "more than %d files in the installation", BACKUP_FILES_MAX);
	for (size_t i = 0; map_next(&m->uses, &i, &key, &value);) {
		const struct backup_use *u = value;
		buf_u64(&uses, (uint64_t)u->object);
		buf_u64(&uses, u->bytes);
		use(&w->uses, u->object, u->bytes);
	}
	f->lists = arena_dup(&w->mem, buf_slice(&m->lists));
	if (!f->lists.p)
		f->lists = S("");
	const struct backup_known k = {.face = arena_dup(&w->mem, face),
		.lists = f->lists,
		.uses = arena_dup(&w->mem, buf_slice(&uses)),
		.size = f->size,
		.mode = f->mode,
		.changed_at = f->changed_at};
	add_file(w, f, &k);
	return 0;
}

/* 1: all objects are good to go on with. */
static bool uses_fresh(const struct backup_writer *w, slice uses)
{
	struct cur c = cur_of(uses);
	while (!cur_at_end(&c) && cur_ok(&c)) {
		int64_t object = (int64_t)cur_u64(&c);
		cur_u64(&c);
		if (map_get(&w->tired, slice_of(&object, sizeof object)))
			return false;
	}
	return cur_ok(&c);
}

int backup_file_same(struct backup_writer *w, struct backup_file *f, slice face, struct err *e)
{
	struct backup_known k;
	int r = face.n ? backup_state_file(w->db, f->path, &w->mem, &k, e) : 0;
	if (r != 1)
		return r;
	if (!slice_eq(k.face, face) || !uses_fresh(w, k.uses))
		return 0;
	struct cur c = cur_of(k.uses);
	while (!cur_at_end(&c)) {
		int64_t object = (int64_t)cur_u64(&c);
		use(&w->uses, object, cur_u64(&c));
	}
	f->size = k.size;
	f->mode = k.mode;
	f->changed_at = k.changed_at;
	f->lists = k.lists.p ? k.lists : S("");
	k.lists = f->lists;
	if (w->nfiles >= BACKUP_FILES_MAX)
		return err_set(
			e, ERR_LIMIT, "more than %d files in the installation", BACKUP_FILES_MAX);
	add_file(w, f, &k);
	return 1;
}
