/*
 * Mail that moves in from files (import.h): letters (eml), mbox files, Maildirs, directories of any of these at any depth, archives of them (zip, tar and
 * what libarchive knows), PST files of Outlook. Called by bin/cli_import.c, in a coroutine of a command's loop. What is a letter is read where this is called;
 * foreign containers are taken apart by a confined process (import_unpack.h), which says over a socket what is in them.
 *
 *	import_file.c	what a path is; directories	import_place.c	which folder a file's name stands for
 *	import_take.c	folders and letters, into import.h	import_notes.c	flags, dates, folders from files beside the letters
 *	import_zip.c	archives			import_pst.c	PST files
 *	import_reader.c	what the confined process says
 *
 * Known letters are known again by a Maildir's unique name, by what a PST says of them, else by the SHA-256 of their bytes.
 */
#pragma once
#include "base/time.h"
#include "codec/mbox.h"
#include "codec/pst.h"
#include "mail/import.h"

enum import_format {
	IMPORT_AUTO,
	IMPORT_EML,
	IMPORT_MBOX,
	IMPORT_MAILDIR,
	IMPORT_ARCHIVE,
	IMPORT_PST,
};
enum {
	IMPORT_DEPTH_MAX = 40, /* directories in each other */
	IMPORT_NOTES_MAX = 64 << 20, /* bytes of a file of notes */
	IMPORT_ENTRIES_MAX = 20000000, /* files of an archive */
};

/* What export.c writes beside the letters, and this reads: directory, folder, use, subscribed, uidvalidity; file, received, flags, keywords. */
#define IMPORT_FOLDERS_CSV "posthouse-folders.csv"
#define IMPORT_MESSAGES_CSV "posthouse-messages.csv"

/* What came of a folder of the source; of an archive several of the same may come. */
struct import_folder_seen {
	slice box; /* what it is called there */
	uint64_t found, imported, present, failed;
	uint64_t left; /* items of a PST that are no mail */
};

struct import_unpack;
/* The confined process. start: u->socket is this side's end when it has returned 0. end: waits for it; kill: it is killed first. *ret_status as of waitpid. */
struct import_reader_how {
	int (*start)(void *arg, struct import_unpack *u, struct err *e);
	int (*end)(void *arg, bool kill, int *ret_status, struct err *e);
};

struct import_files_how {
	enum import_format format;
	char separator; /* of levels in Maildir++ names: '.' */
	enum mbox_quoting quoting;
	slice into; /* the source's INBOX goes here, other folders below it; empty: the same names */
	/* Files of PATH are opened with the rights of who runs the command; or NULL. */
	void (*rights)(void *arg, bool caller);
	void (*progress)(
		void *arg, slice box, uint64_t bytes); /* after each letter, bytes of it; or NULL */
	void (*folder)(void *arg, const struct import_folder_seen *f); /* at its end; or NULL */
	struct import_reader_how reader;
	void *arg;
	uint64_t max_message; /* bytes */
};
struct import_files_seen {
	uint64_t folders;
	uint64_t other; /* files that are no mail */
	uint64_t left[PST_KINDS]; /* items of a PST that are no mail, by enum pst_kind */
	bool pst;
};
/* ERR_PROTO: nothing that can be imported; ERR_NOTFOUND, ERR_DENIED: the path. */
int import_files(struct importing *i, const char *path, const struct import_files_how *how,
	struct import_files_seen *ret, struct err *e);
/* What the source is called: the same for the same path, however often. From *a. */
int import_files_source(const char *path, const struct import_files_how *how, struct arena *a,
	slice *ret, struct err *e);
