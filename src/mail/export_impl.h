/* What export*.c share. Nobody else includes this. */
#pragma once
#include "base/arena.h"
#include "base/map.h"
#include "mail/export.h"

struct archive;

struct exporting {
	const struct export_how *how;
	struct export_report *r;
	struct sql *shard;
	struct blobs *blobs;
	int64_t account_id;
	struct arena mem;
	int root; /* the directory; -1: a zip */
	/* The folder. */
	const struct mailbox_folder *folder;
	slice dir; /* its directory, or its mbox file, relative */
	int at; /* Maildir: cur and tmp are below; eml: letters; mbox: the file */
	slice words[26];
	unsigned nwords;
	struct map have; /* unique names of letters that are in the Maildir already */
	struct buf notes; /* IMPORT_MESSAGES_CSV */
	struct buf raw, out; /* a letter */
	struct archive *zip;
	struct err *e;
	int result;
};

/* export_letter.c: the callback's letter is in x->raw. */
int export_letter(struct exporting *x, const struct mailbox_message *m, struct err *e);
/* Whole or not at all; an earlier one gives way. */
int export_put_file(struct exporting *x, int dir, const char *name, slice bytes, struct err *e);
int export_open(struct exporting *x, int dir, const char *name, int flags);
int export_mkdir(struct exporting *x, int dir, const char *name, struct err *e);
int export_move(struct exporting *x, int from, const char *name, int to, const char *as,
	bool replace, struct err *e);
int export_write(int fd, slice s, struct err *e);
slice export_file_name(const struct mailbox_message *m, struct arena *a); /* of an eml */

/* export_zip.c */
int export_zip_begin(struct exporting *x, int fd, struct err *e);
int export_zip_put(struct exporting *x, slice name, slice bytes, int64_t at, struct err *e);
int export_zip_end(struct exporting *x, struct err *e); /* also after an error: frees */
