/* The bytes of a repository's parts (backup_format.h); pure, fuzzed by backup_fuzz.c. */
#include "store/backup_format.h"

#include "base/buf.h"
#include "base/cur.h"
#include "base/hex.h"
#include "base/mem.h"

#include <stdio.h>

static const char magic[8] = {'P', 'H', 'B', 'A', 'C', 'K', 'U', 'P'};

void backup_head_put(const struct backup_head *h, struct buf *out)
{
	buf_put(out, slice_of(magic, sizeof magic));
	buf_u8(out, BACKUP_VERSION);
	buf_u8(out, h->kind);
	buf_u16(out, 0);
	buf_put(out, slice_of(h->repository, sizeof h->repository));
	buf_put(out, slice_of(h->object, sizeof h->object));
	buf_put(out, slice_of(h->ephemeral, sizeof h->ephemeral));
}

static void get_bytes(struct cur *c, unsigned char *to, size_t n)
{
	slice s = cur_bytes(c, n);
	if (cur_ok(c))
		memcpy(to, s.p, n);
}

bool backup_head_parse(slice s, struct backup_head *ret)
{
	struct cur c = cur_of(slice_first(s, BACKUP_HEAD));
	struct backup_head h = {0};
	slice start = cur_bytes(&c, sizeof magic);
	unsigned version = cur_u8(&c);
	h.kind = cur_u8(&c);
	cur_u16(&c);
	get_bytes(&c, h.repository, sizeof h.repository);
	get_bytes(&c, h.object, sizeof h.object);
	get_bytes(&c, h.ephemeral, sizeof h.ephemeral);
	if (!cur_ok(&c) || !slice_eq(start, slice_of(magic, sizeof magic)) ||
		version != BACKUP_VERSION || (h.kind != BACKUP_DATA && h.kind != BACKUP_MANIFEST))
		return false;
	*ret = h;
	return true;
}

void backup_frame_put(const struct backup_frame *f, struct buf *out)
{
	buf_u32(out, f->stored);
	buf_u32(out, f->raw);
	buf_u8(out, f->method);
	buf_fill(out, 0, 3);
}

bool backup_frame_parse(slice s, struct backup_frame *ret)
{
	struct cur c = cur_of(slice_first(s, BACKUP_FRAME_HEAD));
	struct backup_frame f = {cur_u32(&c), cur_u32(&c), cur_u8(&c)};
	cur_bytes(&c, 3);
	if (!cur_ok(&c) || f.method > BACKUP_END || f.raw == 0 || f.raw > BACKUP_CHUNK_MAX ||
		f.stored <= BACKUP_TAG || f.stored - BACKUP_TAG > f.raw ||
		(f.method != BACKUP_ZSTD && f.stored - BACKUP_TAG != f.raw))
		return false;
	*ret = f;
	return true;
}

void backup_ref_put(const struct backup_ref *r, struct buf *out)
{
	buf_put(out, slice_of(r->object, sizeof r->object));
	buf_u32(out, r->at);
	buf_u32(out, r->stored);
	buf_u32(out, r->raw);
}

bool backup_ref_is_hole(const struct backup_ref *r)
{
	static const unsigned char none[BACKUP_ID];
	return memcmp(r->object, none, sizeof none) == 0;
}

bool backup_ref_parse(slice s, struct backup_ref *ret)
{
	struct cur c = cur_of(s);
	struct backup_ref r = {0};
	get_bytes(&c, r.object, sizeof r.object);
	r.at = cur_u32(&c);
	r.stored = cur_u32(&c);
	r.raw = cur_u32(&c);
	if (!cur_ok(&c) || r.raw == 0 || r.raw > BACKUP_CHUNK_MAX)
		return false;
	if (!backup_ref_is_hole(&r) &&
		(r.at < BACKUP_HEAD || r.stored <= BACKUP_TAG || r.stored - BACKUP_TAG > r.raw))
		return false;
	*ret = r;
	return true;
}

void backup_object_name(
	enum backup_object kind, const unsigned char id[BACKUP_ID], char ret[BACKUP_NAME_MAX])
{
	char hex[2 * BACKUP_ID + 1];
	for (size_t i = 0; i < BACKUP_ID; i++)
		snprintf(hex + 2 * i, 3, "%02x", id[i]);
	if (kind == BACKUP_MANIFEST)
		snprintf(ret, BACKUP_NAME_MAX, "gen/%s", hex);
	else
		snprintf(ret, BACKUP_NAME_MAX, "data/%.2s/%s", hex, hex);
}

bool backup_name_id(slice name, unsigned char ret[BACKUP_ID])
{
	size_t at = slice_rindex(name, '/');
	AUTO(buf) struct buf id = BUF(BACKUP_ID);
	slice last = at < name.n ? slice_skip(name, at + 1) : name;
	if (last.n != 2 * BACKUP_ID || !hex_decode(&id, last) || id.n != BACKUP_ID)
		return false;
	memcpy(ret, id.p, BACKUP_ID);
	return true;
}

/* ---- the list of a generation ---- */

void backup_content_put(const struct backup_content *c, struct buf *out)
{
	buf_u32(out, BACKUP_VERSION);
	buf_put(out, slice_of(c->name, sizeof c->name));
	buf_u64(out, (uint64_t)c->started_at);
	buf_u64(out, (uint64_t)c->finished_at);
	buf_u64(out, c->bytes);
	buf_str(out, c->host);
	buf_str(out, c->version);
	buf_str(out, c->why);
	buf_u32(out, (uint32_t)c->nfiles);
	buf_u32(out, (uint32_t)c->nobjects);
	for (size_t i = 0; i < c->nobjects; i++) {
		buf_put(out, slice_of(c->objects[i].id, BACKUP_ID));
		buf_u64(out, c->objects[i].size);
	}
	for (size_t i = 0; i < c->nfiles; i++) {
		const struct backup_file *f = &c->files[i];
		buf_str(out, f->path);
		buf_u8(out, (uint8_t)f->kind);
		buf_u32(out, f->mode);
		buf_u64(out, f->size);
		buf_u64(out, (uint64_t)f->changed_at);
		buf_u32(out, f->chunk);
		buf_str(out, f->lists);
	}
}

/* No path leads out of where it is restored to. */
static bool path_ok(slice path)
{
	slice part;
	if (path.n == 0 || path.n > 1000 || path.p[0] == '/' || memchr(path.p, 0, path.n))
		return false;
	while (slice_cut(&path, '/', &part))
		if (part.n == 0 || slice_eq(part, S(".")) || slice_eq(part, S("..")))
			return false;
	return true;
}

/* As many lists as the size asks for, each a ref. */
static bool lists_ok(const struct backup_file *f)
{
	if (f->chunk == 0 || f->chunk > BACKUP_CHUNK_MAX || f->size > (uint64_t)1 << 50)
		return false;
	uint64_t chunks = (f->size + f->chunk - 1) / f->chunk;
	uint64_t lists = (chunks + BACKUP_LIST - 1) / BACKUP_LIST;
	return f->lists.n == lists * BACKUP_REF;
}

static bool parse_file(struct cur *c, struct backup_file *f)
{
	f->path = cur_str(c);
	f->kind = cur_u8(c);
	f->mode = cur_u32(c);
	f->size = cur_u64(c);
	f->changed_at = (int64_t)cur_u64(c);
	f->chunk = cur_u32(c);
	f->lists = cur_str(c);
	return cur_ok(c) && path_ok(f->path) && f->kind >= BACKUP_DATABASE &&
	       f->kind <= BACKUP_KEYS && lists_ok(f);
}

static bool parse_lists(struct cur *c, struct backup_content *ret)
{
	enum { OBJECT = BACKUP_ID + 8, FILE_LEAST = 33 };
	if (ret->nobjects > cur_rest(c).n / OBJECT)
		return false;
	ret->objects = ARENA_ARRAY(&ret->mem, struct backup_used, ret->nobjects + 1);
	for (size_t i = 0; i < ret->nobjects; i++) {
		get_bytes(c, ret->objects[i].id, BACKUP_ID);
		ret->objects[i].size = cur_u64(c);
	}
	if (ret->nfiles > BACKUP_FILES_MAX || ret->nfiles > cur_rest(c).n / FILE_LEAST)
		return false;
	ret->files = ARENA_ARRAY(&ret->mem, struct backup_file, ret->nfiles + 1);
	for (size_t i = 0; i < ret->nfiles; i++) {
		if (!parse_file(c, &ret->files[i]))
			return false;
		if (i && slice_cmp(ret->files[i - 1].path, ret->files[i].path) >= 0)
			return false;
	}
	return cur_at_end(c);
}

bool backup_content_parse(slice s, bool whole, struct backup_content *ret)
{
	struct cur c = cur_of(s);
	uint32_t version = cur_u32(&c);
	get_bytes(&c, ret->name, sizeof ret->name);
	ret->started_at = (int64_t)cur_u64(&c);
	ret->finished_at = (int64_t)cur_u64(&c);
	ret->bytes = cur_u64(&c);
	ret->host = cur_str(&c);
	ret->version = cur_str(&c);
	ret->why = cur_str(&c);
	ret->nfiles = cur_u32(&c);
	ret->nobjects = cur_u32(&c);
	if (!cur_ok(&c) || version != BACKUP_VERSION)
		return false;
	return !whole || parse_lists(&c, ret);
}
