/*
 * Nodes and blocks of a PST (MS-PST 2.2): the header, the two trees of pages (nodes by number, blocks by number), blocks of data, lists of blocks,
 * nodes below nodes. Called by the other pst*.c. Hostile: every number is looked at before it is used, trees may not have more levels than
 * PST_TREE_DEPTH nor the index more pages than the file has room for; each item pays for what it reads (steps). Checksums are verified:
 * a block that is not what was written is damage, never a letter with other bytes.
 */
#include "codec/pst_impl.h"

#include <stdarg.h>
#include <stdio.h>
#include <zlib.h>

bool pst_fail(struct pst *p, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(p->why, sizeof p->why, fmt, ap);
	va_end(ap);
	return false;
}

static bool read_at(struct pst *p, uint64_t at, void *room, size_t n)
{
	enum { PIECE = 512, AT_LEAST = 1000000 };
	if (++p->all_steps > p->s.size / PIECE * PST_AGAIN_MAX + AT_LEAST)
		return pst_fail(p, "the file refers to itself too often");
	if (++p->steps > PST_STEPS_MAX)
		return pst_fail(p, "it is made of too many pieces");
	if (at > p->s.size || n > p->s.size - at)
		return pst_fail(p, "it points behind the end of the file");
	return p->s.read(p->s.arg, at, room, n) || pst_fail(p, "the file cannot be read");
}

/* MS-PST 5.3: CRC-32 without its inversions. */
static uint32_t checksum(const unsigned char *v, size_t n)
{
	return (uint32_t)crc32(0xffffffff, v, (uInt)n) ^ 0xffffffff;
}

/* ---- the header (2.2.2.6) ---- */

enum { HEADER_SIZE = 564, VERSION_ANSI = 15, VERSION_UNICODE = 23, VERSION_4K = 36 };

static bool read_version(struct pst *p, const unsigned char *h)
{
	unsigned version = pst_16(h + 10);
	if (memcmp(h, "!BDN", 4) != 0 ||
		(memcmp(h + 8, "SM", 2) != 0 && memcmp(h + 8, "SO", 2) != 0))
		return pst_fail(p, "it is no PST file");
	if (version < VERSION_ANSI)
		p->format = PST_ANSI;
	else if (version == VERSION_ANSI)
		p->format = PST_ANSI;
	else if (version >= VERSION_4K)
		p->format = PST_UNICODE_4K;
	else
		p->format = PST_UNICODE;
	return version >= 10 && version <= 64
		       ? true
		       : pst_fail(p, "a PST file of an unknown version: %u", version);
}

static bool read_header(struct pst *p)
{
	unsigned char h[HEADER_SIZE];
	if (p->s.size < sizeof h)
		return pst_fail(p, "the file is too short for a PST");
	if (!read_at(p, 0, h, sizeof h) || !read_version(p, h))
		return false;
	if (p->format == PST_ANSI) {
		p->nodes_at = pst_32(h + 0xbc);
		p->blocks_at = pst_32(h + 0xc4);
		p->crypt = h[461];
	} else {
		p->nodes_at = pst_64(h + 0xe0);
		p->blocks_at = pst_64(h + 0xf0);
		p->crypt = h[513];
	}
	return p->crypt <= PST_CYCLIC ||
	       pst_fail(p, "it is encrypted by Windows: only its own computer can read it");
}

struct pst *pst_open(const struct pst_source *s, char why[PST_WHY_MAX])
{
	struct pst *p = NEW(struct pst);
	p->s = *s;
	p->block = mem_alloc(2 * (size_t)PST_BLOCK_MAX);
	if (read_header(p))
		return p;
	memcpy(why, p->why, PST_WHY_MAX);
	pst_close(p);
	return NULL;
}

void pst_close(struct pst *p)
{
	if (!p)
		return;
	for (size_t i = 0; i < PST_CACHE; i++)
		free(p->cache[i].page);
	free(p->block);
	free(p->v);
	free(p);
}

const char *pst_why(const struct pst *p)
{
	return p->why[0] ? p->why : "it is damaged";
}

/* ---- pages of the trees (2.2.2.7.7) ---- */

struct page {
	const unsigned char *v;
	unsigned n, size, level;
};
enum { KIND_BLOCKS = 0x80, KIND_NODES = 0x81 };

static size_t page_size(const struct pst *p)
{
	return p->format == PST_UNICODE_4K ? 4096 : 512;
}

static bool page_is_whole(struct pst *p, const unsigned char *v, unsigned kind)
{
	size_t trailer = p->format == PST_ANSI ? 500 : p->format == PST_UNICODE ? 496 : 4072;
	const unsigned char *t = v + trailer;
	uint32_t sum = pst_32(p->format == PST_ANSI ? t + 8 : t + 4);
	if (t[0] != kind || t[1] != kind)
		return pst_fail(p, "a page of the index is not where it should be");
	return p->s.unchecked || sum == checksum(v, trailer) ||
	       pst_fail(p, "a page of the index is damaged");
}

static const unsigned char *load_page(struct pst *p, uint64_t at, unsigned kind)
{
	struct pst_cached *c = &p->cache[(at / page_size(p) * 2654435761u >> 8) % PST_CACHE];
	if (c->page && c->at == at)
		return c->page;
	if (!c->page)
		c->page = mem_alloc(PST_PAGE_MAX);
	c->at = UINT64_MAX;
	if (!read_at(p, at, c->page, page_size(p)) || !page_is_whole(p, c->page, kind))
		return NULL;
	c->at = at;
	return c->page;
}

static bool open_page(struct pst *p, uint64_t at, unsigned kind, struct page *ret)
{
	const unsigned char *v = load_page(p, at, kind);
	if (!v)
		return false;
	const unsigned char *t = v + (p->format == PST_ANSI ? 496 : 488);
	size_t room = p->format == PST_ANSI ? 496 : 488;
	*ret = (struct page){.v = v, .n = t[0], .size = t[2], .level = t[3]};
	if (p->format == PST_UNICODE_4K) {
		t = v + 4056;
		room = 4056;
		*ret = (struct page){.v = v, .n = pst_16(t), .size = t[4], .level = t[5]};
	}
	size_t least = p->format == PST_ANSI ? 12 : 24;
	if (ret->level == 0 && kind == KIND_NODES)
		least = p->format == PST_ANSI ? 16 : 32;
	if (ret->size < least || (size_t)ret->n * ret->size > room || ret->level > PST_TREE_DEPTH)
		return pst_fail(p, "a page of the index is damaged");
	return true;
}

static uint64_t entry_key(const struct pst *p, const unsigned char *e)
{
	return p->format == PST_ANSI ? pst_32(e) : pst_64(e);
}

static uint64_t entry_page(const struct pst *p, const unsigned char *e)
{
	return p->format == PST_ANSI ? pst_32(e + 8) : pst_64(e + 16);
}

/* The last entry that is not above key; NULL: none. */
static const unsigned char *look_up(const struct pst *p, const struct page *g, uint64_t key)
{
	size_t low = 0, high = g->n;
	while (low < high) {
		size_t mid = (low + high) / 2;
		if (entry_key(p, g->v + mid * g->size) <= key)
			low = mid + 1;
		else
			high = mid;
	}
	return low ? g->v + (low - 1) * g->size : NULL;
}

static const unsigned char *descend(struct pst *p, uint64_t root, unsigned kind, uint64_t key)
{
	struct page g;
	unsigned level = PST_TREE_DEPTH + 1;
	for (uint64_t at = root;;) {
		if (!open_page(p, at, kind, &g))
			return NULL;
		const unsigned char *e = look_up(p, &g, key);
		if (g.level >= level || !e) {
			pst_fail(p, "a piece of it is missing");
			return NULL;
		}
		level = g.level;
		if (level == 0)
			return e;
		at = entry_page(p, e);
	}
}

/* ---- nodes ---- */

static struct pst_node node_of(const struct pst *p, const unsigned char *e)
{
	if (p->format == PST_ANSI)
		return (struct pst_node){.nid = pst_32(e),
			.data = pst_32(e + 4),
			.sub = pst_32(e + 8),
			.parent = pst_32(e + 12)};
	return (struct pst_node){.nid = pst_32(e),
		.data = pst_64(e + 8),
		.sub = pst_64(e + 16),
		.parent = pst_32(e + 24)};
}

bool pst_find(struct pst *p, uint32_t nid, struct pst_node *ret)
{
	const unsigned char *e = descend(p, p->nodes_at, KIND_NODES, nid);
	if (!e || (uint32_t)entry_key(p, e) != nid)
		return e ? pst_fail(p, "a piece of it is missing") : false;
	*ret = node_of(p, e);
	return true;
}

enum { NODE_FOLDER = 2, NODE_MESSAGE = 4 };

static bool add_node(struct pst *p, const struct pst_node *n)
{
	unsigned kind = n->nid & 31;
	if (kind != NODE_FOLDER && kind != NODE_MESSAGE)
		return true;
	if (p->n == PST_NODES_MAX)
		return pst_fail(p, "more than %d items", PST_NODES_MAX);
	if (p->n == p->cap)
		p->v = mem_grow(p->v, (p->cap = p->cap ? 2 * p->cap : 1024) * sizeof *p->v);
	p->v[p->n++] = (struct pst_place){.node = *n};
	return true;
}

/* False: no more; a page that cannot be read is counted and passed over. */
static bool read_index(struct pst *p, uint64_t at, unsigned below, uint64_t *pages)
{
	struct page g;
	unsigned char copy[256]; /* an entry: its size is a byte */
	if (!*pages)
		return pst_fail(p, "the index has more pages than the file");
	--*pages;
	p->steps = 0;
	if (!open_page(p, at, KIND_NODES, &g) || g.level >= below) {
		p->damaged_pages++;
		return true;
	}
	for (unsigned i = 0; i < g.n; i++) {
		const unsigned char *e = g.v + (size_t)i * g.size;
		memcpy(copy, e, g.size); /* pages below take its place in the cache */
		if (g.level == 0) {
			const struct pst_node n = node_of(p, copy);
			if (!add_node(p, &n))
				return false;
			continue;
		}
		if (!read_index(p, entry_page(p, copy), g.level, pages))
			return false;
		if (!open_page(p, at, KIND_NODES, &g))
			return true;
	}
	return true;
}

static int by_parent(const void *a, const void *b)
{
	const struct pst_node *x = &((const struct pst_place *)a)->node,
			      *y = &((const struct pst_place *)b)->node;
	if (x->parent != y->parent)
		return x->parent < y->parent ? -1 : 1;
	return x->nid < y->nid ? -1 : x->nid > y->nid;
}

bool pst_index(struct pst *p)
{
	uint64_t pages = p->s.size / page_size(p) + 1;
	if (!read_index(p, p->nodes_at, PST_TREE_DEPTH + 1, &pages))
		return false;
	if (p->n)
		qsort(p->v, p->n, sizeof *p->v, by_parent);
	return p->n > 0 || pst_fail(p, "its index cannot be read");
}

/* ---- blocks (2.2.2.8) ---- */

struct place {
	uint64_t at;
	size_t stored, size;
};

static bool find_block(struct pst *p, uint64_t block, struct place *ret)
{
	uint64_t key = block & ~(uint64_t)1;
	const unsigned char *e = descend(p, p->blocks_at, KIND_BLOCKS, key | 1);
	if (!e)
		return false;
	if ((entry_key(p, e) & ~(uint64_t)1) != key)
		return pst_fail(p, "a piece of it is missing");
	if (p->format == PST_ANSI)
		*ret = (struct place){pst_32(e + 4), pst_16(e + 8), pst_16(e + 8)};
	else
		*ret = (struct place){pst_64(e + 8), pst_16(e + 16), pst_16(e + 16)};
	if (p->format == PST_UNICODE_4K)
		ret->size = pst_16(e + 18);
	return ret->stored > 0 || pst_fail(p, "a piece of it is empty");
}

static bool block_is_whole(struct pst *p, const struct place *b, const unsigned char *v)
{
	size_t trailer = p->format == PST_ANSI ? 12 : p->format == PST_UNICODE ? 16 : 24;
	size_t unit = p->format == PST_UNICODE_4K ? 512 : 64;
	size_t all = (b->stored + trailer + unit - 1) / unit * unit;
	unsigned char t[24];
	if (!read_at(p, b->at + all - trailer, t, trailer))
		return false;
	uint32_t sum = pst_32(p->format == PST_ANSI ? t + 8 : t + 4);
	return p->s.unchecked || (pst_16(t) == b->stored && sum == checksum(v, b->stored)) ||
	       pst_fail(p, "a piece of it is damaged");
}

static bool inflate_block(struct pst *p, const struct place *b, unsigned char *v)
{
	uLongf n = PST_BLOCK_MAX;
	memcpy(v + PST_BLOCK_MAX, v, b->stored);
	if (uncompress(v, &n, v + PST_BLOCK_MAX, b->stored) != Z_OK || n != b->size)
		return pst_fail(p, "a piece of it is damaged");
	return true;
}

/* The bytes of one block; valid until the next one. */
static bool load_block(struct pst *p, uint64_t block, slice *ret)
{
	struct place b = {0};
	bool own = block & 2; /* structure of the file itself */
	if (!find_block(p, block, &b) || !read_at(p, b.at, p->block, b.stored) ||
		!block_is_whole(p, &b, p->block))
		return false;
	if (b.size != b.stored && !inflate_block(p, &b, p->block))
		return false;
	if (!own)
		pst_decrypt(p->crypt, block, p->block, b.size);
	*ret = slice_of(p->block, b.size);
	return true;
}

/* ---- lists of blocks (2.2.2.8.3.2) ---- */

static bool add_block(struct pst *p, slice s, struct buf *out, struct pst_ends *ends)
{
	buf_put(out, s);
	if (!buf_ok(out))
		return pst_fail(p, "it is larger than the mailbox takes");
	if (!ends)
		return true;
	if (ends->n == PST_HEAP_BLOCKS)
		return pst_fail(p, "it is made of too many pieces");
	if (ends->n == ends->cap)
		ends->v = mem_grow(
			ends->v, (ends->cap = ends->cap ? 2 * ends->cap : 8) * sizeof *ends->v);
	ends->v[ends->n++] = (uint32_t)out->n;
	return true;
}

static bool data_below(
	struct pst *p, uint64_t data, unsigned below, struct buf *out, struct pst_ends *ends)
{
	slice s;
	if (!load_block(p, data, &s))
		return false;
	if (!(data & 2))
		return add_block(p, s, out, ends);
	AUTO(buf) struct buf list = BUF(PST_BLOCK_MAX);
	buf_put(&list, s);
	size_t step = p->format == PST_ANSI ? 4 : 8;
	const char *v = list.p;
	if (list.n < 8 || v[0] != 1 || v[1] < 1 || (unsigned)v[1] >= below ||
		8 + pst_16(v + 2) * step > list.n)
		return pst_fail(p, "a piece of it is damaged");
	unsigned level = (unsigned)v[1];
	for (size_t i = 0, n = pst_16(v + 2); i < n; i++) {
		const char *e = v + 8 + i * step;
		if (!data_below(p, p->format == PST_ANSI ? pst_32(e) : pst_64(e), level, out, ends))
			return false;
	}
	return true;
}

bool pst_data(struct pst *p, uint64_t data, struct buf *out, struct pst_ends *ends)
{
	return data_below(p, data, 3, out, ends);
}

/* ---- nodes below nodes (2.2.2.8.3.3) ---- */

bool pst_sub(struct pst *p, uint64_t sub, uint32_t nid, struct pst_node *ret)
{
	bool ansi = p->format == PST_ANSI;
	for (unsigned below = 2; sub && below > 0;) {
		slice s;
		if (!load_block(p, sub, &s))
			return false;
		size_t head = ansi ? 4 : 8, word = ansi ? 4 : 8;
		if (s.n < head || s.p[0] != 2 || s.p[1] < 0 || (unsigned)s.p[1] >= below)
			return pst_fail(p, "a piece of it is damaged");
		unsigned level = (unsigned)s.p[1];
		size_t n = pst_16(s.p + 2), step = level ? 2 * word : 3 * word;
		const char *found = NULL;
		if (head + n * step > s.n)
			return pst_fail(p, "a piece of it is damaged");
		for (size_t i = 0; i < n; i++) {
			const char *e = s.p + head + i * step;
			if (pst_32(e) == nid || (level && pst_32(e) < nid))
				found = e;
		}
		if (!found)
			break;
		uint64_t first = ansi ? pst_32(found + word) : pst_64(found + word);
		if (!level) {
			*ret = (struct pst_node){.nid = nid,
				.data = first,
				.sub = ansi ? pst_32(found + 8) : pst_64(found + 16)};
			return true;
		}
		sub = first;
		below = level;
	}
	return pst_fail(p, "a piece of it is missing");
}
