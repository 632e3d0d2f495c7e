/* Packs as bytes (see the header): heads, links, records, a message's list of pieces. No I/O. */
#include "store/pack_format.h"

#include "base/cur.h"
#include "base/hash.h"

#include <stdio.h>

static const slice pack_magic = S_INIT("PHPACK\r\n");
static const slice record_magic = S_INIT("PHr\x01");

/* Writes fixed-width numbers into memory that is known to be large enough. */
struct out {
	char *p;
};

static void put(struct out *o, uint64_t v, int bytes)
{
	for (int i = bytes - 1; i >= 0; i--)
		*o->p++ = (char)(v >> (8 * i));
}

static void put_slice(struct out *o, slice s)
{
	memcpy(o->p, s.p, s.n);
	o->p += s.n;
}

static uint32_t salted(uint64_t salt)
{
	char bytes[8];
	put(&(struct out){bytes}, salt, 8);
	return crc32c(0, slice_of(bytes, 8));
}

void pack_name(uint32_t no, char out[PACK_NAME_MAX])
{
	snprintf(out, PACK_NAME_MAX, "%09u.pack", no);
}

bool pack_name_parse(const char *name, uint32_t *ret)
{
	slice s = slice_z(name);
	uint64_t no;
	if (s.n != 14 || !slice_ends(s, S(".pack")) || !slice_u64(slice_first(s, 9), &no) ||
		no < 1 || no > PACK_NO_MAX)
		return false;
	*ret = (uint32_t)no;
	return true;
}

void pack_head_put(const struct pack_head *h, char out[PACK_HEAD_SIZE])
{
	memset(out, 0, PACK_HEAD_SIZE);
	struct out o = {out};
	put_slice(&o, pack_magic);
	put(&o, h->crypt_no ? PACK_VERSION_CRYPT : PACK_VERSION, 4);
	put(&o, h->no, 4);
	put(&o, h->salt, 8);
	put(&o, (uint64_t)h->created_at, 8);
	put(&o, h->map_at, 8);
	put(&o, h->map_n, 4);
	if (h->crypt_no) {
		put(&o, h->crypt_no, 4);
		put_slice(&o, slice_of(h->crypt_salt, PACK_CRYPT_SALT));
	}
	o.p = out + PACK_HEAD_SIZE - 4;
	put(&o, crc32c(0, slice_of(out, PACK_HEAD_SIZE - 4)), 4);
}

bool pack_head_parse(slice s, struct pack_head *ret)
{
	if (s.n < PACK_HEAD_SIZE || !slice_starts(s, pack_magic))
		return false;
	struct cur c = cur_of(slice_of(s.p + PACK_HEAD_SIZE - 4, 4));
	if (cur_u32(&c) != crc32c(0, slice_first(s, PACK_HEAD_SIZE - 4)))
		return false;
	c = cur_of(slice_skip(s, pack_magic.n));
	uint32_t version = cur_u32(&c);
	if (version != PACK_VERSION && version != PACK_VERSION_CRYPT)
		return false;
	struct pack_head h = {0};
	h.no = cur_u32(&c);
	h.salt = cur_u64(&c);
	h.created_at = (int64_t)cur_u64(&c);
	h.map_at = cur_u64(&c);
	h.map_n = cur_u32(&c);
	if (version == PACK_VERSION_CRYPT) {
		h.crypt_no = cur_u32(&c);
		memcpy(h.crypt_salt, cur_bytes(&c, PACK_CRYPT_SALT).p, PACK_CRYPT_SALT);
		if (!h.crypt_no)
			return false;
	}
	*ret = h;
	return true;
}

void pack_link_put(uint64_t salt, uint32_t pack, char out[8])
{
	struct out o = {out};
	put(&o, pack, 4);
	put(&o, crc32c(salted(salt), slice_of(out, 4)), 4);
}

bool pack_links_parse(slice block, uint64_t salt, uint32_t ret[PACK_LINKS_MAX], unsigned *ret_n)
{
	struct cur c = cur_of(slice_first(slice_skip(block, PACK_LINKS_AT), 8 * PACK_LINKS_MAX));
	unsigned n = 0;
	while (n < PACK_LINKS_MAX) {
		slice bytes = slice_first(cur_rest(&c), 4);
		uint32_t pack = cur_u32(&c), crc = cur_u32(&c);
		if (!cur_ok(&c))
			return false;
		if (!pack && !crc)
			break;
		if (crc != crc32c(salted(salt), bytes))
			return false;
		ret[n++] = pack;
	}
	*ret_n = n;
	return true;
}

uint32_t record_crc(uint64_t salt, slice payload)
{
	return crc32c(salted(salt), payload);
}

void record_put(const struct record *r, uint64_t salt, char out[RECORD_HEAD_SIZE])
{
	struct out o = {out};
	put_slice(&o, record_magic);
	put(&o, r->type, 1);
	put(&o, r->flags, 1);
	put(&o, 0, 2);
	put(&o, r->stored, 4);
	put(&o, r->raw, 4);
	put(&o, r->offset, 8);
	put(&o, r->crc, 4);
	put(&o, crc32c(salted(salt), slice_of(out, RECORD_HEAD_SIZE - 4)), 4);
}

static bool record_sane(const struct record *r)
{
	uint32_t more = r->type == RECORD_SEGMENT ? DIGEST_SIZE : 0;
	if (r->type < RECORD_MESSAGE || r->type > RECORD_CHUNK ||
		r->flags > (RECORD_ZSTD | RECORD_SEALED))
		return false;
	if (r->flags & RECORD_SEALED)
		more += SEALED_MORE;
	if (r->stored > RECORD_STORED_MAX || r->raw > RECORD_STORED_MAX || r->stored < more)
		return false;
	if (r->offset < PACK_RECORDS_AT || r->offset % PACK_ALIGN || r->offset >> 36)
		return false;
	return (r->flags & RECORD_ZSTD) || r->stored == r->raw + more;
}

bool record_parse(slice head, uint64_t salt, struct record *ret)
{
	if (head.n < RECORD_HEAD_SIZE || !slice_starts(head, record_magic))
		return false;
	struct cur c = cur_of(slice_of(head.p + RECORD_HEAD_SIZE - 4, 4));
	if (cur_u32(&c) != crc32c(salted(salt), slice_first(head, RECORD_HEAD_SIZE - 4)))
		return false;
	c = cur_of(slice_skip(head, record_magic.n));
	struct record r;
	r.type = cur_u8(&c);
	r.flags = cur_u8(&c);
	cur_u16(&c);
	r.stored = cur_u32(&c);
	r.raw = cur_u32(&c);
	r.offset = cur_u64(&c);
	r.crc = cur_u32(&c);
	if (!record_sane(&r))
		return false;
	*ret = r;
	return true;
}

bool piece_next(struct piece_list *l, struct piece *ret)
{
	if (!l->left)
		return false;
	struct cur c = cur_of(l->rest);
	struct piece p = {0};
	p.kind = cur_u8(&c);
	p.n = cur_u32(&c);
	if (p.kind == PIECE_INLINE)
		p.bytes = cur_bytes(&c, p.n);
	else if (p.kind == PIECE_REF)
		p.ref = cur_u64(&c);
	else
		return false;
	if (!cur_ok(&c) || (p.kind == PIECE_REF && (p.n > BLOB_SEGMENT_MAX || !blob_pack(p.ref))))
		return false;
	l->left--;
	l->rest = cur_rest(&c);
	*ret = p;
	return true;
}

bool piece_list_parse(slice content, struct piece_list *ret)
{
	struct cur c = cur_of(content);
	struct piece_list l = {.size = cur_u64(&c)};
	l.left = cur_u32(&c);
	l.rest = cur_rest(&c);
	if (!cur_ok(&c))
		return false;
	struct piece_list walk = l;
	struct piece p;
	uint64_t sum = 0;
	while (piece_next(&walk, &p))
		sum += p.n;
	if (walk.left || walk.rest.n || sum != l.size)
		return false;
	*ret = l;
	return true;
}
