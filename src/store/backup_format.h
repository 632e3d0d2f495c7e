/*
 * How a repository looks; pure. All numbers are big endian. See doc/notes/backup.md.
 *
 *	repository		text: id, public key, the writer's secret sealed for the key
 *	owner			text: which installation writes here
 *	keys/NAME		text: the key, locked by a passphrase
 *	gen/NAME		an object: the list of a generation
 *	data/NN/NAME		objects: chunks
 *
 * An object: head (76 bytes), frames, an end frame. A frame: head (12 bytes), then a chunk, maybe compressed, sealed with the object's own key;
 * what it is sealed with is bound to its place in the object.
 */
#pragma once
#include "store/backup.h"

enum {
	BACKUP_HEAD = 76,
	BACKUP_FRAME_HEAD = 12,
	BACKUP_TAG = 16,
	BACKUP_VERSION = 1,
	BACKUP_CHUNK_MAX = 1 << 20, /* bytes of a chunk before compression */
	BACKUP_NAME_MAX = 64,
	BACKUP_REF = 28,
	BACKUP_LIST = 1024, /* refs of a list */
};

struct backup_head {
	uint8_t kind; /* enum backup_object */
	unsigned char repository[BACKUP_ID], object[BACKUP_ID], ephemeral[BACKUP_KEY];
};
enum backup_object { BACKUP_DATA = 1, BACKUP_MANIFEST = 2 };
void backup_head_put(const struct backup_head *h, struct buf *out);
bool backup_head_parse(slice s, struct backup_head *ret);

enum backup_method {
	BACKUP_AS_IS = 0,
	BACKUP_ZSTD = 1,
	BACKUP_END = 2 /* its content: u32 number of frames */
};
struct backup_frame {
	uint32_t stored; /* bytes behind the head, with the tag */
	uint32_t raw; /* before compression */
	uint8_t method;
};
void backup_frame_put(const struct backup_frame *f, struct buf *out);
bool backup_frame_parse(slice s, struct backup_frame *ret); /* checks limits */

/* Where a chunk is. object all zero: it is nothing but zeros. */
struct backup_ref {
	unsigned char object[BACKUP_ID];
	uint32_t at; /* of its frame */
	uint32_t stored, raw;
};
void backup_ref_put(const struct backup_ref *r, struct buf *out);
bool backup_ref_parse(slice s, struct backup_ref *ret); /* BACKUP_REF bytes */
bool backup_ref_is_hole(const struct backup_ref *r);

/* "data/3f/3f..." and "gen/..." */
void backup_object_name(
	enum backup_object kind, const unsigned char id[BACKUP_ID], char ret[BACKUP_NAME_MAX]);
/* The id in the last part of a name. */
bool backup_name_id(slice name, unsigned char ret[BACKUP_ID]);

/* A generation's list. */
void backup_content_put(const struct backup_content *c, struct buf *out);
bool backup_content_parse(
	slice s, bool whole, struct backup_content *ret); /* into ret->mem; borrowed from s */
