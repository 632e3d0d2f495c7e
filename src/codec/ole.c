/*
 * Compound files (MS-CFB): the container. Sector tables, the directory as a tree, streams by their
 * chains; every chain is followed for at most as many sectors as the file has, all together for a
 * few times the file's size. Called by ole_read (ole_parts.c).
 */
#include "base/mem.h"
#include "base/utf8.h"
#include "codec/charset.h"
#include "codec/ole_impl.h"

enum {
	HEADER = 512,
	ENTRY = 128,
	ENTRIES_MAX = 20000,
	MINI_CUTOFF = 4096,
	SHARING = 4, /* times the file's size that streams may be all together */
	SPARE = 1 << 20,
};

uint16_t ole_le16(slice s, size_t at)
{
	slice v = slice_skip(s, at);
	if (v.n < 2)
		return 0;
	return (uint16_t)((unsigned char)v.p[0] | (unsigned)(unsigned char)v.p[1] << 8);
}

uint32_t ole_le32(slice s, size_t at)
{
	return ole_le16(s, at) | (uint32_t)ole_le16(s, at + 2) << 16;
}

void ole_wide(slice utf16, struct buf *out)
{
	charset_to_utf8(S("utf-16le"), utf16, out);
}

static slice sector(const struct ole *o, uint32_t i)
{
	uint64_t at = ((uint64_t)i + 1) * o->sector;
	return at < o->in.n ? slice_first(slice_skip(o->in, (size_t)at), o->sector) : (slice){0};
}

static void add_fat(struct ole *o, uint32_t id, size_t max)
{
	slice s = sector(o, id);
	for (size_t i = 0; i + 4 <= s.n && o->nfat < max; i += 4)
		o->fat[o->nfat++] = ole_le32(s, i);
}

/* 2.3: in the header 109 of them, the rest in a chain of sectors. */
static void read_fat(struct ole *o)
{
	size_t sectors = o->in.n / o->sector + 1, max = sectors + o->sector / 4;
	o->fat = ARENA_ARRAY(&o->a, uint32_t, max);
	for (size_t i = 0; i < 109; i++)
		if (ole_le32(o->in, 76 + 4 * i) < sectors)
			add_fat(o, ole_le32(o->in, 76 + 4 * i), max);
	uint32_t next = ole_le32(o->in, 68);
	for (size_t steps = 0; steps < sectors && next < sectors && o->nfat < max; steps++) {
		slice s = sector(o, next);
		for (size_t i = 0; i + 8 <= s.n; i += 4)
			if (ole_le32(s, i) < sectors)
				add_fat(o, ole_le32(s, i), max);
		next = ole_le32(s, o->sector - 4);
	}
}

static void read_chain(struct ole *o, uint32_t at, uint64_t size, struct buf *out)
{
	for (size_t steps = 0; steps <= o->nfat && at < o->nfat && out->n < size; steps++) {
		slice s = slice_first(sector(o, at), size - out->n);
		if (!s.n) /* beyond the end, where chains cost nothing and may have no end */
			return;
		if (s.n > o->left) {
			o->x->fact(o->x->ctx, EXTRACT_LIMIT, S(""));
			return;
		}
		o->left -= s.n;
		buf_put(out, s);
		at = o->fat[at];
	}
}

static void read_mini_chain(struct ole *o, uint32_t at, uint64_t size, struct buf *out)
{
	slice all = buf_slice(&o->ministream);
	for (size_t steps = 0; steps <= o->nminifat && at < o->nminifat && out->n < size; steps++) {
		slice s = slice_skip(all, (size_t)at * o->mini);
		s = slice_first(s, o->mini < size - out->n ? o->mini : (size_t)(size - out->n));
		if (!s.n || s.n > o->left)
			return;
		o->left -= s.n;
		buf_put(out, s);
		at = o->minifat[at];
	}
}

bool ole_stream(struct ole *o, const struct ole_entry *e, struct buf *out)
{
	if (!extract_take(o->limits, e->size < o->in.n ? e->size : o->in.n)) {
		o->x->fact(o->x->ctx, EXTRACT_LIMIT, S(""));
		o->stopped = true;
		return false;
	}
	if (e->size < MINI_CUTOFF)
		read_mini_chain(o, e->start, e->size, out);
	else
		read_chain(o, e->start, e->size, out);
	if (out->n < e->size)
		o->x->fact(o->x->ctx, EXTRACT_DAMAGED, S(""));
	return out->n > 0;
}

/* ---- the directory (2.6) ---- */

static void read_name(slice raw, char ret[OLE_NAME_MAX])
{
	size_t n = ole_le16(raw, 64), at = 0;
	for (size_t i = 0; i + 2 < n && i < 62 && at + UTF8_MAX < OLE_NAME_MAX; i += 2)
		if (ole_le16(raw, i))
			at += utf8_write(ret + at, ole_le16(raw, i));
	ret[at] = 0;
}

static void read_entry(const struct ole *o, slice raw, struct ole_entry *ret)
{
	*ret = (struct ole_entry){.kind = (unsigned char)raw.p[66],
		.left = ole_le32(raw, 68),
		.right = ole_le32(raw, 72),
		.child = ole_le32(raw, 76),
		.start = ole_le32(raw, 116),
		.size = ole_le32(raw, 120),
		.parent = OLE_NONE};
	if (o->sector > 512)
		ret->size |= (uint64_t)ole_le32(raw, 124) << 32;
	read_name(raw, ret->name);
}

/* Siblings are a tree by left and right; each storage has one of its own. */
static void set_parents(struct ole *o)
{
	uint32_t *todo = ARENA_ARRAY(&o->a, uint32_t, 3 * o->n + 3);
	unsigned char *seen = arena_alloc(&o->a, o->n + 1);
	size_t n = 0;
	todo[n++] = 0;
	seen[0] = 1;
	while (n) {
		uint32_t i = todo[--n];
		const struct ole_entry *e = &o->v[i];
		const uint32_t next[3] = {e->left, e->right, e->kind == 2 ? OLE_NONE : e->child};
		for (unsigned k = 0; k < 3; k++)
			if (next[k] < o->n && !seen[next[k]]) {
				seen[next[k]] = 1;
				o->v[next[k]].parent = k == 2 ? i : e->parent;
				todo[n++] = next[k];
			}
	}
}

static bool read_directory(struct ole *o)
{
	AUTO(buf) struct buf raw = BUF((size_t)ENTRIES_MAX * ENTRY);
	read_chain(o, ole_le32(o->in, 48), (uint64_t)ENTRIES_MAX * ENTRY, &raw);
	o->n = raw.n / ENTRY;
	if (!o->n)
		return false;
	o->v = ARENA_ARRAY(&o->a, struct ole_entry, o->n);
	for (size_t i = 0; i < o->n; i++)
		read_entry(o, slice_of(raw.p + i * ENTRY, ENTRY), &o->v[i]);
	set_parents(o);
	return true;
}

/* 2.4, 2.6.3: small streams are inside the root's. */
static void read_mini(struct ole *o)
{
	AUTO(buf) struct buf raw = BUF(o->in.n + 1);
	o->ministream = BUF(o->in.n + 1);
	read_chain(o, ole_le32(o->in, 60), o->in.n, &raw);
	o->nminifat = raw.n / 4;
	o->minifat = ARENA_ARRAY(&o->a, uint32_t, o->nminifat + 1);
	for (size_t i = 0; i < o->nminifat; i++)
		o->minifat[i] = ole_le32(buf_slice(&raw), 4 * i);
	read_chain(
		o, o->v[0].start, o->v[0].size < o->in.n ? o->v[0].size : o->in.n, &o->ministream);
}

bool ole_open(struct ole *o, slice in)
{
	o->in = in;
	o->left = SHARING * (uint64_t)in.n + SPARE;
	o->sector = ole_le16(in, 30) == 12 ? 4096 : 512;
	o->mini = 64;
	if (in.n < HEADER || !slice_starts(in, S("\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")))
		return false;
	read_fat(o);
	if (!read_directory(o))
		return false;
	read_mini(o);
	return true;
}

const struct ole_entry *ole_beside(struct ole *o, const struct ole_entry *e, slice name)
{
	if (o->left < o->n) /* as if it read the whole directory: files of many parts end here */
		return NULL;
	o->left -= o->n;
	for (size_t i = 0; i < o->n; i++)
		if (o->v[i].parent == e->parent && slice_ieq(slice_z(o->v[i].name), name))
			return &o->v[i];
	return NULL;
}
