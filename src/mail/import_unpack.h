/*
 * The process that takes a foreign container apart: archives (libarchive) and PST files (codec/pst.h). It has two descriptors, the file and a socket
 * (import_wire.h), and is confined by who starts it (bin/cli_import_child.c: no other file, no network, bounded memory). What comes out is bounded
 * here by names that are below, and by import_reader.h again.
 *
 *	import_unpack.c		its frames, its clock	import_unpack_zip.c	archives	import_unpack_pst.c	PST
 */
#pragma once
#include "base/arena.h"
#include "mail/import_wire.h"

enum import_container {
	IMPORT_ARCHIVE_NAMES, /* what is in it; nothing is answered or read */
	IMPORT_ARCHIVE_NOTES, /* the files that tell of letters (import_file.h) */
	IMPORT_ARCHIVE_FILES,
	IMPORT_PST_FILE,
};

enum {
	IMPORT_UNPACK_RATIO = 200, /* an archive may come to so many times its size ... */
	IMPORT_UNPACK_LEAST = 1 << 30, /* ... and this */
	IMPORT_NAME_MAX = 64 * 1024, /* bytes of a name in an archive */
	IMPORT_ALIVE_EVERY = 5, /* seconds between signs of life */
};

struct import_unpack {
	enum import_container kind;
	int file, socket;
	uint64_t max_message;
	uint64_t size; /* of the file */
	int64_t said_at; /* of this process: when something was said last */
};

static inline uint64_t import_unpack_most(uint64_t size)
{
	return (size < UINT64_MAX / 1024 ? size * IMPORT_UNPACK_RATIO : UINT64_MAX / 2) +
	       IMPORT_UNPACK_LEAST;
}

/* Reads all of it and says what it is. */
void import_unpack(struct import_unpack *u);

/* ---- for import_unpack_*.c ---- */
void import_say(struct import_unpack *u, enum wire_frame type, slice payload);
void import_say_text(struct import_unpack *u, enum wire_frame type, slice a, slice b);
void import_alive(struct import_unpack *u);
enum wire_answer import_ask(struct import_unpack *u);
void import_unpack_archive(struct import_unpack *u);
void import_unpack_pst(struct import_unpack *u);
