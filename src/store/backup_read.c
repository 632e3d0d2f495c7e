/*
 * Parts of files of a generation (backup.h): where a part is (its list), the part itself; a few of them are kept in memory, so that a database is
 * read page by page. For reading everything more is fetched at a time than is asked for.
 */
#include "store/backup_read.h"

#include "base/mem.h"

static size_t slot_of(const struct backup_ref *ref)
{
	return (ref->object[0] * 7u + ref->object[1] * 131u + ref->at / 64) % BACKUP_CACHE;
}

static bool same(const struct backup_ref *a, const struct backup_ref *b)
{
	return a->at == b->at && a->raw == b->raw && memcmp(a->object, b->object, BACKUP_ID) == 0;
}

static int get(struct backup_repo *r, const unsigned char id[BACKUP_ID], uint64_t at, size_t n,
	struct buf *out, struct err *e)
{
	char name[BACKUP_NAME_MAX];
	backup_object_name(BACKUP_DATA, id, name);
	buf_reset(out);
	return r->t->ops->get(r->t, name, at, n, out, e);
}

/* n bytes of an object, or fewer at its end; borrowed. */
static int fetch(
	struct backup_repo *r, const struct backup_ref *ref, size_t n, slice *ret, struct err *e)
{
	struct buf *w = &r->window.bytes;
	if (!r->ahead || n > r->ahead) {
		if (get(r, ref->object, ref->at, n, &r->fetched, e) < 0)
			return -1;
		*ret = buf_slice(&r->fetched);
		return 0;
	}
	bool within = w->n && memcmp(r->window.id, ref->object, BACKUP_ID) == 0 &&
		      ref->at >= r->window.at && ref->at + n <= r->window.at + w->n;
	if (!within) {
		if (get(r, ref->object, ref->at, r->ahead, w, e) < 0)
			return -1;
		memcpy(r->window.id, ref->object, BACKUP_ID);
		r->window.at = ref->at;
	}
	*ret = slice_first(slice_skip(buf_slice(w), ref->at - r->window.at), n);
	return 0;
}

static int need_seal(struct backup_repo *r, const unsigned char id[BACKUP_ID],
	struct backup_seal **ret, struct err *e)
{
	AUTO(buf) struct buf head = BUF(2 * BACKUP_HEAD);
	struct backup_opened *o = &r->opened[id[0] % BACKUP_SEALS];
	if (o->good && memcmp(o->id, id, BACKUP_ID) == 0) {
		*ret = o->seal;
		return 0;
	}
	if (get(r, id, 0, BACKUP_HEAD, &head, e) < 0)
		return -1;
	return backup_open_head(r, buf_slice(&head), BACKUP_DATA, id, ret, e);
}

static int open_chunk(
	struct backup_repo *r, const struct backup_ref *ref, struct buf *out, struct err *e)
{
	struct backup_seal *seal;
	struct backup_frame f;
	slice bytes;
	if (need_seal(r, ref->object, &seal, e) < 0 ||
		fetch(r, ref, BACKUP_FRAME_HEAD + (size_t)ref->stored, &bytes, e) < 0)
		return -1;
	if (!backup_frame_parse(bytes, &f) || f.stored != ref->stored || f.raw != ref->raw ||
		f.method == BACKUP_END || bytes.n != BACKUP_FRAME_HEAD + (size_t)f.stored)
		return err_set(e, ERR_PERM, "damaged");
	return backup_open_frame(
		r, seal, ref->at, &f, slice_skip(bytes, BACKUP_FRAME_HEAD), out, e);
}

int backup_chunk(
	struct backup_repo *r, const struct backup_ref *ref, const char **ret, struct err *e)
{
	struct backup_cached *c = &r->cache[slot_of(ref)];
	if (c->bytes && same(&c->ref, ref)) {
		*ret = c->bytes;
		return 0;
	}
	AUTO(buf) struct buf chunk = BUF(2 * BACKUP_CHUNK_MAX);
	if (open_chunk(r, ref, &chunk, e) < 0) {
		char id[2 * BACKUP_ID + 1];
		backup_id_text(ref->object, id);
		return err_wrap(e, "object %s at %u", id, ref->at);
	}
	free(c->bytes);
	c->bytes = take(&chunk.p);
	c->ref = *ref;
	*ret = c->bytes;
	return 0;
}

int backup_file_ref(struct backup_repo *r, const struct backup_file *f, uint64_t i,
	struct backup_ref *ret, struct err *e)
{
	struct backup_ref list;
	const char *refs;
	uint64_t chunks = (f->size + f->chunk - 1) / f->chunk, n = i / BACKUP_LIST;
	uint64_t in_list =
		chunks - n * BACKUP_LIST < BACKUP_LIST ? chunks - n * BACKUP_LIST : BACKUP_LIST;
	slice place = slice_first(slice_skip(f->lists, n * BACKUP_REF), BACKUP_REF);
	if (!backup_ref_parse(place, &list) || list.raw != in_list * BACKUP_REF)
		return err_set(e, ERR_PERM, "%.*s: its list is damaged", SFMT(f->path));
	if (backup_chunk(r, &list, &refs, e) < 0)
		return err_wrap(e, "%.*s", (int)(f->path.n < 100 ? f->path.n : 100), f->path.p);
	uint64_t within = i % BACKUP_LIST, size = f->size - i * f->chunk;
	if (!backup_ref_parse(slice_of(refs + within * BACKUP_REF, BACKUP_REF), ret) ||
		ret->raw != (size < f->chunk ? size : f->chunk))
		return err_set(e, ERR_PERM, "%.*s: its list is damaged", SFMT(f->path));
	return 0;
}

int backup_file_read(struct backup_repo *r, const struct backup_file *f, uint64_t at, size_t n,
	char *to, struct err *e)
{
	if (at > f->size || n > f->size - at)
		return err_set(e, ERR_PERM, "%.*s is shorter", SFMT(f->path));
	while (n) {
		struct backup_ref ref;
		const char *bytes = NULL;
		size_t within = (size_t)(at % f->chunk);
		if (backup_file_ref(r, f, at / f->chunk, &ref, e) < 0)
			return -1;
		size_t part = ref.raw - within < n ? ref.raw - within : n;
		if (backup_ref_is_hole(&ref))
			memset(to, 0, part);
		else if (backup_chunk(r, &ref, &bytes, e) < 0)
			return err_wrap(
				e, "%.*s", (int)(f->path.n < 100 ? f->path.n : 100), f->path.p);
		else
			memcpy(to, bytes + within, part);
		at += part, to += part, n -= part;
	}
	return 0;
}
