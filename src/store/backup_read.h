/* read: inside an opened repository: backup_open.c (objects), backup_read.c (chunks, files), and who works with them. */
#pragma once
#include "base/buf.h"
#include "store/backup_seal.h"
#include "store/backup_target.h"

enum {
	BACKUP_CACHE = 512, /* chunks kept in memory */
	BACKUP_SEALS = 64, /* objects whose keys are kept */
};
struct backup_cached {
	struct backup_ref ref;
	char *bytes;
};
struct backup_repo {
	struct backup_target *t;
	struct backup_secret secret;
	unsigned char writer[BACKUP_KEY]; /* the writer's secret */
	struct backup_opened {
		bool good;
		unsigned char id[BACKUP_ID];
		struct backup_seal *seal;
	} opened[BACKUP_SEALS];
	struct backup_cached cache[BACKUP_CACHE];
	size_t ahead; /* bytes fetched at a time; 0: no more than a chunk */
	struct { /* what was fetched ahead */
		unsigned char id[BACKUP_ID];
		uint64_t at;
		struct buf bytes;
	} window;
	struct buf fetched, opened_bytes;
};

/* The head of an object; its key is ready then. */
int backup_open_head(struct backup_repo *r, slice head, enum backup_object kind,
	const unsigned char id[BACKUP_ID], struct backup_seal **ret, struct err *e);
/* A frame's chunk, decompressed, appended to *out. */
int backup_open_frame(struct backup_repo *r, struct backup_seal *s, uint64_t at,
	const struct backup_frame *f, slice sealed, struct buf *out, struct err *e);
/* A whole object: every frame is given to fn (may be NULL), which may stop it by -1. */
struct backup_walk {
	enum backup_object kind;
	const unsigned char *id;
	int (*fn)(void *arg, uint64_t at, const struct backup_frame *f, slice chunk, struct err *e);
	void *arg;
};
int backup_walk(struct backup_repo *r, const struct backup_walk *w, slice object, struct err *e);
/* The chunk, borrowed until some other chunks were read. */
int backup_chunk(
	struct backup_repo *r, const struct backup_ref *ref, const char **ret, struct err *e);
/* The i-th part of a file. */
int backup_file_ref(struct backup_repo *r, const struct backup_file *f, uint64_t i,
	struct backup_ref *ret, struct err *e);
/* The data keys of an encrypted store, for crypt_adopt or crypt_add. 1; 0: it was plain; -1. */
int backup_keys_read(struct backup_repo *r, const struct backup_content *c,
	int (*use)(slice ring, struct err *e), struct err *e);
void backup_id_text(const unsigned char id[BACKUP_ID], char ret[2 * BACKUP_ID + 1]);
