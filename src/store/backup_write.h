/*
 * write: inside a run: bytes become chunks, chunks that are new go into an object, full objects go to the target and then into the state.
 * backup_write.c (chunks, objects), backup_files.c (what is copied), backup_run.c (the order of things).
 */
#pragma once
#include "base/buf.h"
#include "base/map.h"
#include "store/backup_state.h"
#include "store/backup_target.h"

#include <zstd.h>

struct backup_use {
	int64_t object;
	uint64_t bytes;
};
struct backup_pending { /* a chunk in the object that is being filled */
	unsigned char id[BACKUP_ID];
	struct backup_place place;
};
struct backup_writer {
	const struct backup_run *run;
	struct backup_local local;
	unsigned char chunk_key[BACKUP_KEY];
	struct sql *db;
	struct arena mem; /* of the run */
	int64_t generation, last;
	struct backup_result result;
	/* the object that is being filled */
	struct backup_seal *seal;
	ZSTD_CCtx *zstd;
	struct buf object, squeezed;
	unsigned char object_id[BACKUP_ID];
	int64_t object_n; /* 0: none is begun */
	uint32_t frames;
	struct backup_pending *pending;
	size_t npending, pending_cap;
	struct map fresh; /* id -> position in pending, + 1 */
	/* the whole generation */
	struct map uses, tired; /* object -> struct backup_use; anything */
	struct backup_file *files;
	struct backup_known *knowns;
	size_t nfiles, files_cap, files_kept; /* the first files_kept of them are in the state */
	instant began, paced;
	uint64_t expected;
};
/* By which equal chunks are found: of the writer's secret. */
void backup_chunk_key(const struct backup_writer_key *k, unsigned char ret[BACKUP_KEY]);
void backup_writer_init(struct backup_writer *w, const struct backup_run *r);
void backup_writer_done(struct backup_writer *w);
/* Where the chunk is, or will be. */
int backup_write_chunk(struct backup_writer *w, slice raw, struct backup_place *ret, struct err *e);
/* What was gathered goes to the target. */
int backup_write_flush(struct backup_writer *w, struct err *e);
int backup_write_manifest(struct backup_writer *w, const struct backup_content *c, struct err *e);
/* So much was read: waits as the rate asks. ERR_CLOSED: the run shall end. */
int backup_write_pace(struct backup_writer *w, uint64_t bytes, struct err *e);

/* A file: its parts one after another, then its end. */
struct backup_making {
	struct backup_writer *w;
	struct buf refs, lists;
	struct map uses;
};
void backup_file_begin(struct backup_writer *w, struct backup_making *m);
int backup_file_part(struct backup_making *m, slice raw, struct err *e);
int backup_file_end(struct backup_making *m, struct backup_file *f, slice face, struct err *e);
void backup_file_drop(struct backup_making *m); /* also after the end */
/* It is as the last run left it: taken over. 1, 0, -1. Fills in size, mode, lists. */
int backup_file_same(struct backup_writer *w, struct backup_file *f, slice face, struct err *e);

/* ---- backup_files.c ---- */

struct backup_plan;
/* Looks where everything is, holds what must not change or go: databases as of now, packs that are to be read. */
int backup_plan_make(struct backup_writer *w, struct backup_plan **ret, struct err *e);
/* The keys of an encrypted store; nothing of a plain one. */
int backup_keys_write(struct backup_writer *w, struct err *e);
int backup_plan_write(struct backup_plan *p, struct err *e);
void backup_plan_done(struct backup_plan *p); /* NULL is fine */
