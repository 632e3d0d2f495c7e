/*
 * What a pack file looks like; pure (no I/O). All numbers are big endian. See doc/notes/packs.md.
 *
 *	0      head: magic, version, number, salt, time, place of the map; again at 256
 *	512    links: numbers of other packs whose segments are used here, 8 bytes each
 *	4096   records, each at a multiple of 8: head (32 bytes), payload
 *
 * The CRCs of a record begin with the pack's salt, so bytes of a former file never pass as records.
 * A pack that gc rewrote has its records moved together: its map tells where the record that was
 * named by an offset is now. In an encrypted pack (version 2) payloads are sealed: pack_crypt.h.
 */
#pragma once
#include "store/blob.h"

enum {
	PACK_HEAD_SIZE = 72,
	PACK_HEAD_COPY_AT = 256,
	PACK_LINKS_AT = 512,
	PACK_RECORDS_AT = 4096,
	PACK_LINKS_MAX = (PACK_RECORDS_AT - PACK_LINKS_AT) / 8,
	PACK_ALIGN = 8,
	PACK_VERSION = 1,
	PACK_VERSION_CRYPT = 2, /* the head names a data key, all records are sealed */
	PACK_CRYPT_SALT = 16,
	PACK_NO_MAX = (1 << 27) - 1,
	RECORD_HEAD_SIZE = 32,
	RECORD_STORED_MAX = 4 << 20,
	DIGEST_SIZE = 32, /* SHA-256, in front of a segment's payload, never compressed */
};

/* blob_id: 27 bits of pack, 36 of offset, whose lowest three are free for flags. */
enum { BLOB_HAS_REFS = 1 }; /* the message refers to segments: gc must read it to mark them */

static inline uint32_t blob_pack(blob_id id)
{
	return (uint32_t)(id >> 36);
}
static inline uint64_t blob_offset(blob_id id)
{
	return id & (((uint64_t)1 << 36) - PACK_ALIGN);
}
static inline blob_id blob_id_make(uint32_t pack, uint64_t offset, unsigned flags)
{
	return (uint64_t)pack << 36 | offset | flags;
}
static inline uint64_t pack_align(uint64_t n)
{
	return (n + PACK_ALIGN - 1) & ~(uint64_t)(PACK_ALIGN - 1);
}

/* DIR/blob/NNNNNNNNN.pack, and back. */
enum { PACK_NAME_MAX = 24 };
void pack_name(uint32_t no, char out[PACK_NAME_MAX]);
bool pack_name_parse(const char *name, uint32_t *ret);

struct pack_head {
	uint32_t no;
	uint64_t salt;
	int64_t created_at;
	uint64_t map_at; /* 0: never rewritten */
	uint32_t map_n; /* entries: u32 name offset / 8, u32 place / 8, ascending; then a CRC */
	uint32_t crypt_no; /* the data key (crypt.h); 0: plain */
	unsigned char crypt_salt[PACK_CRYPT_SALT];
};
void pack_head_put(const struct pack_head *h, char out[PACK_HEAD_SIZE]);
bool pack_head_parse(slice s, struct pack_head *ret);

void pack_link_put(uint64_t salt, uint32_t pack, char out[8]);
/* The links in the pack's first block (PACK_RECORDS_AT bytes); false when one is damaged. */
bool pack_links_parse(slice block, uint64_t salt, uint32_t ret[PACK_LINKS_MAX], unsigned *ret_n);

enum record_type { RECORD_MESSAGE = 1, RECORD_SEGMENT = 2, RECORD_CHUNK = 3 };
enum { RECORD_ZSTD = 1, RECORD_SEALED = 2 };
enum { SEALED_MORE = 12 + 16 }; /* bytes of a sealed payload beside the text: nonce, tag */
struct record {
	enum record_type type;
	unsigned flags;
	uint32_t stored; /* bytes after the head on disk, including a segment's digest, nonce and tag */
	uint32_t raw; /* bytes of content when uncompressed, without the digest */
	uint64_t offset; /* by which blob_ids name it */
	uint32_t crc; /* of the payload */
};
static inline uint64_t record_size(const struct record *r)
{
	return pack_align(RECORD_HEAD_SIZE + (uint64_t)r->stored);
}
uint32_t record_crc(uint64_t salt, slice payload);
void record_put(const struct record *r, uint64_t salt, char out[RECORD_HEAD_SIZE]);
/* Checks everything but the payload. */
bool record_parse(slice head, uint64_t salt, struct record *ret);

/*
 * A message's content is a list: u64 size of the message, u32 number of pieces, the pieces: u8
 * kind, u32 length, then the bytes, or a u64 blob_id of a segment or chunk with that many bytes.
 */
enum piece_kind { PIECE_INLINE = 0, PIECE_REF = 1 };
enum { LIST_HEAD_SIZE = 12, PIECE_HEAD_SIZE = 5, PIECE_REF_SIZE = 13 };
struct piece {
	enum piece_kind kind;
	uint32_t n;
	slice bytes;
	blob_id ref;
};
struct piece_list {
	uint64_t size;
	uint32_t left;
	slice rest;
};
/* Checks the whole list: lengths, kinds, the sum. */
bool piece_list_parse(slice content, struct piece_list *ret);
bool piece_next(struct piece_list *l, struct piece *ret);
