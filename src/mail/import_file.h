/*
 * Mail that moves in from files (import.h): letters (eml), mbox files, Maildirs, directories of any of these at any depth, archives of them (zip, tar and
 * what libarchive knows). Called by bin/cli_import.c, in a coroutine of a command's loop; files are read where they are called.
 *
 *	import_file.c	what a path is; directories	import_place.c	which folder a file's name stands for
 *	import_take.c	folders and letters, into import.h	import_notes.c	flags, dates, folders from files beside the letters
 *	import_zip.c	archives			
 *
 * Known letters are known again by a Maildir's unique name, else by the SHA-256 of their bytes.
 */
#pragma once
#include "base/time.h"
#include "codec/mbox.h"
#include "mail/import.h"

enum import_format {
	IMPORT_AUTO,
	IMPORT_EML,
	IMPORT_MBOX,
	IMPORT_MAILDIR,
	IMPORT_ARCHIVE,
};
enum {
	IMPORT_DEPTH_MAX = 40, /* directories in each other */
	IMPORT_NOTES_MAX = 64 << 20, /* bytes of a file of notes */
	IMPORT_ENTRIES_MAX = 20000000, /* files of an archive */
};

/* What export.c writes beside the letters, and this reads: directory, folder, use, subscribed, uidvalidity; file, received, flags, keywords. */
#define IMPORT_FOLDERS_CSV "posthouse-folders.csv"
#define IMPORT_MESSAGES_CSV "posthouse-messages.csv"

struct import_files_how {
	enum import_format format;
	char separator; /* of levels in Maildir++ names: '.' */
	enum mbox_quoting quoting;
	slice into; /* the source's INBOX goes here, other folders below it; empty: the same names */
	/* Files of PATH are opened with the rights of who runs the command; or NULL. */
	void (*rights)(void *arg, bool caller);
	void (*progress)(
		void *arg, slice box, uint64_t bytes); /* after each letter, bytes of it; or NULL */
	void *arg;
	uint64_t max_message; /* bytes */
};
struct import_files_seen {
	uint64_t folders;
	uint64_t other; /* files that are no mail */
};
/* ERR_PROTO: nothing that can be imported; ERR_NOTFOUND, ERR_DENIED: the path. */
int import_files(struct importing *i, const char *path, const struct import_files_how *how,
	struct import_files_seen *ret, struct err *e);
/* What the source is called: the same for the same path, however often. From *a. */
int import_files_source(const char *path, const struct import_files_how *how, struct arena *a,
	slice *ret, struct err *e);
