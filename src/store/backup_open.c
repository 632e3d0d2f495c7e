/*
 * Reading a repository with its key (backup.h, backup_read.h): objects, generations' lists. Nothing is believed before it was opened: an object
 * that was changed, cut or put in another's place does not open.
 */
#include "base/cur.h"
#include "base/mem.h"
#include "store/backup_read.h"
#include "store/backup_state.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <zstd.h>

void backup_id_text(const unsigned char id[BACKUP_ID], char ret[2 * BACKUP_ID + 1])
{
	for (size_t i = 0; i < BACKUP_ID; i++)
		snprintf(ret + 2 * i, 3, "%02x", id[i]);
}

int backup_repo_open(struct backup_target *t, const struct backup_secret *s,
	struct backup_repo **ret, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	struct backup_about about;
	unsigned char writer[BACKUP_KEY];
	if (backup_about_read(t, &a, &about, e) < 0 ||
		backup_about_secret(&about, s, writer, e) < 0)
		return -1;
	struct backup_repo *r = NEW(struct backup_repo);
	r->t = t;
	r->secret = *s;
	memcpy(r->writer, writer, sizeof writer);
	r->fetched = BUF(BACKUP_MANIFEST_MAX + BACKUP_CHUNK_MAX);
	r->opened_bytes = BUF(2 * BACKUP_CHUNK_MAX);
	r->window.bytes = BUF(BACKUP_OBJECT_MAX + 4 * BACKUP_CHUNK_MAX);
	*ret = r;
	return 0;
}

void backup_repo_close(struct backup_repo *r)
{
	if (!r)
		return;
	for (size_t i = 0; i < BACKUP_SEALS; i++)
		backup_seal_free(r->opened[i].seal);
	for (size_t i = 0; i < BACKUP_CACHE; i++)
		free(r->cache[i].bytes);
	buf_done(&r->fetched);
	buf_done(&r->opened_bytes);
	buf_done(&r->window.bytes);
	OPENSSL_cleanse(r, sizeof *r);
	free(r);
}

static int damaged(const unsigned char id[BACKUP_ID], const char *what, struct err *e)
{
	char text[2 * BACKUP_ID + 1];
	backup_id_text(id, text);
	return err_set(e, ERR_PERM, "object %s: %s", text, what);
}

int backup_open_head(struct backup_repo *r, slice head, enum backup_object kind,
	const unsigned char id[BACKUP_ID], struct backup_seal **ret, struct err *e)
{
	struct backup_opened *o = &r->opened[id[0] % BACKUP_SEALS];
	struct backup_head h;
	if (!backup_head_parse(head, &h) || h.kind != kind ||
		memcmp(h.object, id, BACKUP_ID) != 0 ||
		memcmp(h.repository, r->secret.repository, BACKUP_ID) != 0)
		return damaged(id, "its head is damaged", e);
	if (!o->seal)
		o->seal = backup_seal_new();
	o->good = false;
	if (backup_seal_open(o->seal, r->secret.key, r->writer, &h, e) < 0)
		return -1;
	memcpy(o->id, id, BACKUP_ID);
	o->good = true;
	*ret = o->seal;
	return 0;
}

int backup_open_frame(struct backup_repo *r, struct backup_seal *s, uint64_t at,
	const struct backup_frame *f, slice sealed, struct buf *out, struct err *e)
{
	struct buf *opened = f->method == BACKUP_ZSTD ? &r->opened_bytes : out;
	buf_reset(&r->opened_bytes);
	if (backup_seal_read(s, at, f, sealed, opened, e) < 0)
		return -1;
	if (f->method != BACKUP_ZSTD)
		return 0;
	char *room = buf_room(out, f->raw);
	if (!room)
		return err_set(e, ERR_LIMIT, "too large");
	size_t n = ZSTD_decompress(room, f->raw, opened->p, opened->n);
	if (ZSTD_isError(n) || n != f->raw)
		return err_set(e, ERR_PERM, "does not decompress");
	buf_commit(out, n);
	return 0;
}

int backup_walk(struct backup_repo *r, const struct backup_walk *w, slice object, struct err *e)
{
	AUTO(buf) struct buf chunk = BUF(2 * BACKUP_CHUNK_MAX);
	struct backup_seal *seal;
	struct backup_frame f;
	uint32_t frames = 0;
	if (backup_open_head(r, object, w->kind, w->id, &seal, e) < 0)
		return -1;
	for (uint64_t at = BACKUP_HEAD;; frames++) {
		slice rest = slice_skip(object, at);
		if (!backup_frame_parse(rest, &f) || rest.n - BACKUP_FRAME_HEAD < f.stored)
			return damaged(w->id, rest.n ? "damaged" : "it is cut off", e);
		buf_reset(&chunk);
		if (backup_open_frame(r, seal, at, &f,
			    slice_first(slice_skip(rest, BACKUP_FRAME_HEAD), f.stored), &chunk,
			    e) < 0)
			return damaged(w->id, e->text, e);
		if (f.method == BACKUP_END) {
			struct cur c = cur_of(buf_slice(&chunk));
			return cur_u32(&c) == frames && rest.n == BACKUP_FRAME_HEAD + f.stored
				       ? 0
				       : damaged(w->id, "frames are missing", e);
		}
		if (w->fn && w->fn(w->arg, at, &f, buf_slice(&chunk), e) < 0)
			return -1;
		at += BACKUP_FRAME_HEAD + f.stored;
	}
}

/* ---- generations ---- */

static int append_chunk(
	void *arg, uint64_t at, const struct backup_frame *f, slice chunk, struct err *e)
{
	struct buf *out = arg;
	(void)at, (void)f;
	buf_put(out, chunk);
	return buf_ok(out) ? 0 : err_set(e, ERR_LIMIT, "the list of the generation is too large");
}

static int read_list(
	struct backup_repo *r, const unsigned char name[BACKUP_ID], struct buf *out, struct err *e)
{
	char file[BACKUP_NAME_MAX];
	AUTO(buf) struct buf object = BUF(BACKUP_MANIFEST_MAX);
	const struct backup_walk w = {BACKUP_MANIFEST, name, append_chunk, out};
	backup_object_name(BACKUP_MANIFEST, name, file);
	if (backup_target_get_all(r->t, file, &object, e) < 0)
		return -1;
	return backup_walk(r, &w, buf_slice(&object), e);
}

int backup_content_open(struct backup_repo *r, const unsigned char name[BACKUP_ID],
	struct backup_content **ret, struct err *e)
{
	AUTO(buf) struct buf list = BUF(BACKUP_MANIFEST_MAX);
	if (read_list(r, name, &list, e) < 0)
		return -1;
	struct backup_content *c = NEW(struct backup_content);
	slice bytes = arena_dup(&c->mem, buf_slice(&list));
	if (!backup_content_parse(bytes, true, c) || memcmp(c->name, name, BACKUP_ID) != 0) {
		backup_content_close(c);
		return damaged(name, "its list is damaged or of a newer program", e);
	}
	*ret = c;
	return 0;
}

void backup_content_close(struct backup_content *c)
{
	if (!c)
		return;
	arena_done(&c->mem);
	free(c);
}

const struct backup_file *backup_file_find(const struct backup_content *c, slice path)
{
	size_t low = 0, high = c->nfiles;
	while (low < high) {
		size_t mid = low + (high - low) / 2;
		int r = slice_cmp(c->files[mid].path, path);
		if (r == 0)
			return &c->files[mid];
		if (r < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return NULL;
}

struct names {
	unsigned char (*v)[BACKUP_ID];
	size_t n, cap;
};

static int note_name(void *arg, const char *name, uint64_t size, struct err *e)
{
	struct names *x = arg;
	(void)size, (void)e;
	if (x->n == x->cap)
		x->v = mem_grow(x->v, (x->cap = x->cap ? 2 * x->cap : 32) * sizeof *x->v);
	x->n += backup_name_id(slice_z(name), x->v[x->n]);
	return 0;
}

static int newest_first(const void *x, const void *y)
{
	int64_t a = ((const struct backup_generation *)x)->started_at,
		b = ((const struct backup_generation *)y)->started_at;
	return (a < b) - (a > b);
}

static int load_one(struct backup_repo *r, const unsigned char name[BACKUP_ID], struct arena *a,
	struct backup_generation *g, struct err *e)
{
	AUTO(buf) struct buf list = BUF(BACKUP_MANIFEST_MAX);
	struct backup_content c = {0};
	if (read_list(r, name, &list, e) < 0)
		return -1;
	if (!backup_content_parse(buf_slice(&list), false, &c))
		return damaged(name, "its list is damaged", e);
	*g = (struct backup_generation){.started_at = c.started_at,
		.finished_at = c.finished_at,
		.why = arena_dup(a, c.why),
		.files = c.nfiles,
		.bytes = c.bytes};
	memcpy(g->name, name, BACKUP_ID);
	return 0;
}

int backup_repo_list(struct backup_repo *r, struct arena *a, struct backup_generation **ret,
	size_t *ret_n, struct err *e)
{
	struct names names = {0};
	int result = r->t->ops->list(r->t, "gen/", note_name, &names, e);
	struct backup_generation *v = ARENA_ARRAY(a, struct backup_generation, names.n + 1);
	for (size_t i = 0; result == 0 && i < names.n; i++)
		result = load_one(r, names.v[i], a, &v[i], e);
	if (result == 0) {
		qsort(v, names.n, sizeof *v, newest_first);
		*ret = v;
		*ret_n = names.n;
	}
	free(names.v);
	return result;
}
