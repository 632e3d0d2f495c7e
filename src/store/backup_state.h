/*
 * state: what the server remembers of its repository, so that it need not read it: DATA/backup/repository (whose it is), and
 * DATA/backup/db/backup.sqlite: generations, objects, where each chunk is, what each file was made of when it was last looked at. It can be made
 * anew by whoever has the key (backup_adopt); without it everything would be sent again.
 */
#pragma once
#include "store/backup_seal.h"
#include "store/sql.h"

struct backup_local {
	struct backup_writer_key key;
	unsigned char owner[BACKUP_ID]; /* also in the repository: who writes there */
};
/* ERR_NOTFOUND: none was made. */
int backup_local_read(slice data, struct backup_local *ret, struct err *e);
int backup_local_write(slice data, const struct backup_local *l, struct err *e);

/* The repository's own file (backup_key.c). */
struct backup_about {
	struct backup_writer_key key; /* without its secret */
	slice sealed; /* the secret, for the key */
};
int backup_about_read(
	struct backup_target *t, struct arena *a, struct backup_about *ret, struct err *e);
int backup_about_secret(const struct backup_about *a, const struct backup_secret *s,
	unsigned char ret[BACKUP_KEY], struct err *e);
int backup_owner_write(struct backup_target *t, const struct backup_local *l, struct err *e);
/* Is it this installation's? ERR_NOTFOUND, ERR_DENIED. */
int backup_owner_check(struct backup_target *t, const struct backup_local *l, struct err *e);

struct backup_state {
	struct sql *db;
	int lock;
};
/* Alone: ERR_EXISTS when another process works with it. */
int backup_state_open(slice data, struct backup_state *ret, struct err *e);
int backup_state_open_read(slice data, struct sql **ret, struct err *e);
void backup_state_close(struct backup_state *s);

/* ---- generations ---- */

/* *ret_last: the last finished one; 0: none. */
int backup_state_begin(struct sql *db, int64_t now, slice why, const unsigned char name[BACKUP_ID],
	int64_t *ret_id, int64_t *ret_last, struct err *e);

/* ---- chunks: in transactions of the caller's ---- */

struct backup_place {
	int64_t object; /* its number here */
	struct backup_ref ref;
};
/* 1, 0 unknown, -1. */
int backup_state_chunk(
	struct sql *db, const unsigned char id[BACKUP_ID], struct backup_place *ret, struct err *e);
int backup_state_object_tx(struct sql *db, const unsigned char id[BACKUP_ID], int64_t generation,
	int64_t *ret, struct err *e); /* before it is sent */
int backup_state_stored_tx(struct sql *db, int64_t object, uint64_t size, struct err *e);
int backup_state_chunk_tx(struct sql *db, const unsigned char id[BACKUP_ID],
	const struct backup_place *p, struct err *e);

/* ---- files ---- */

struct backup_known {
	slice face; /* the same: nothing has changed */
	slice lists, uses; /* uses: u64 object, u64 bytes, again and again */
	uint64_t size;
	uint32_t mode;
	int64_t changed_at;
};
int backup_state_file(struct sql *db, slice path, struct arena *a, struct backup_known *ret,
	struct err *e); /* 1, 0, -1 */
int backup_state_file_tx(struct sql *db, slice path, int64_t generation,
	const struct backup_known *k, struct err *e);

/* Objects of which the last generation uses so little that what it needs of them is stored again. */
int backup_state_tired(struct sql *db, int64_t last, int (*fn)(void *arg, int64_t object),
	void *arg, struct err *e);
/* This generation uses that much of an object. *ret_id, *ret_size. */
int backup_state_use_tx(struct sql *db, int64_t object, int64_t generation, uint64_t bytes,
	struct backup_used *ret, struct err *e);
struct backup_result;
int backup_state_finish_tx(
	struct sql *db, const struct backup_result *r, int64_t now, struct err *e);
