/*
 * The file system of SQLite's by which every database of ours is opened: a layer over the usual one. Inside of sqlite.c and sqlite_vfs*.c; sees sqlite3.h.
 */
#pragma once
#include "base/err.h"
#include "store/sqlite_page.h"

#include <sqlite3.h>

#define SQLITE_VFS "posthouse"
/* In the URI of a database that SQLite makes by itself (VACUUM INTO): its pages are sealed from the first one on. */
#define SQLITE_VFS_SEALED "sealed"

void sqlite_vfs_register(void); /* once a process does something; any thread */

/* Is the file of a connection's own database still empty? */
bool sqlite_vfs_empty(sqlite3 *db);
/* Was a page asked for whose key is not here? SQLite's own check takes it for damage. */
bool sqlite_vfs_lacks_key(sqlite3 *db);

/* sqlite.c: what went wrong with a connection last; -1. A copy of its database, encrypted as things stand now, synced; path must not be there. */
int sqlite_error(sqlite3 *c, const char *name, struct err *e);
int sqlite_copy(sqlite3 *c, const char *name, const char *path, struct err *e);

/* ---- between sqlite_vfs.c, sqlite_vfs_log.c and sqlite_vfs_journal.c ---- */

enum vfs_state {
	VFS_UNDECIDED, /* empty, or not locked: what it is may change */
	VFS_PLAIN,
	VFS_ENCRYPTED,
};

/* Frames of a log that SQLite has written and that are not in the file yet. */
struct log_pending {
	char *p;
	size_t n, cap;
	int64_t at; /* of p[0] in the file */
	bool awaits_page; /* the last thing is a frame's head */
	bool commits; /* and that frame ends a transaction */
	bool through; /* the transaction is in the file: nothing is held back any more */
	int failed; /* what was pending could not be written (at, n tell what it was): the transaction is lost. The error */
};

struct vfs_file {
	sqlite3_file base;
	const char *name; /* SQLite's, as long as the file is open */
	struct vfs_file *db; /* of a log and a journal: their database, as long as it is open */
	struct vfs_file *log; /* of a database */
	struct log_pending pending;
	char *room; /* a frame, made at first use */
	/* Of a database. */
	enum vfs_state state;
	bool sealed; /* is made by the URI above */
	bool no_key; /* a page was asked for whose key is not here */
	bool told; /* that something of it does not open */
	int locked;
	size_t page_size; /* of an encrypted one; of a log and a journal: of what is in `room` */
	struct page_book book;
	_Alignas(8) char real[]; /* the file of the layer below */
};

static inline sqlite3_file *vfs_real(struct vfs_file *f)
{
	return (sqlite3_file *)f->real;
}

static inline int vfs_real_read(struct vfs_file *f, void *to, size_t n, int64_t at)
{
	return vfs_real(f)->pMethods->xRead(vfs_real(f), to, (int)n, at);
}

static inline int vfs_real_write(struct vfs_file *f, const void *p, size_t n, int64_t at)
{
	return vfs_real(f)->pMethods->xWrite(vfs_real(f), p, (int)n, at);
}

extern const sqlite3_io_methods vfs_log_methods, vfs_journal_methods;

/* Finds out what a database is, under a lock of SQLite's. An SQLite code. */
int vfs_decide(struct vfs_file *db);
/* Room for a frame. */
char *vfs_room(struct vfs_file *f, size_t page_size);
/* Opens or seals a page of the database for one of its files; what cannot be done is told once and becomes an SQLite code. */
int vfs_open_page(struct vfs_file *db, uint32_t no, void *page);
int vfs_seal_page(struct vfs_file *db, uint32_t no, const void *page, void *out);
uint32_t vfs_word(const char *p); /* as SQLite's files have them */

/* The methods that log and journal leave as they are. */
int vfs_close(sqlite3_file *f);
int vfs_truncate(sqlite3_file *f, sqlite3_int64 n);
int vfs_sync(sqlite3_file *f, int flags);
int vfs_size(sqlite3_file *f, sqlite3_int64 *ret);
int vfs_control(sqlite3_file *f, int op, void *arg);
int vfs_sector(sqlite3_file *f);
int vfs_traits(sqlite3_file *f);
int vfs_no_lock(sqlite3_file *f, int level);
int vfs_no_reserved(sqlite3_file *f, int *ret);

/* The right to write the log is taken or given back: what is pending then was never committed. */
void vfs_log_turn(struct vfs_file *log);
