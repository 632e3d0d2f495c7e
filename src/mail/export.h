/*
 * export: the mail of an account as files: Maildir++, mbox (mboxrd, a file for each folder), letters in directories (eml), a zip of these. What a format cannot
 * hold is in files beside the letters (IMPORT_FOLDERS_CSV, IMPORT_MESSAGES_CSV), so that importing it again gives the same mailbox: bytes, flags, keywords,
 * dates, folders. Reads the store without a loop, folder by folder; called by bin/cli_export.c.
 *
 * Nothing is overwritten. A letter appears under its name when it is whole; what is there already is left, so an interrupted export is repeated. Files that
 * hold many (mbox, zip) grow under a name of their own (".part") and are begun anew.
 *
 *	export.c	folders, notes		export_letter.c	letters as files	export_zip.c
 */
#pragma once
#include "store/blob.h"
#include "store/mailbox.h"

enum export_format { EXPORT_MAILDIR, EXPORT_MBOX, EXPORT_EML, EXPORT_ZIP };

struct export_how {
	enum export_format format;
	slice folder; /* only this one; empty: all */
	int64_t since; /* wall: received then or later; 0: all */
	void (*rights)(void *arg, bool caller); /* files are made with the caller's; or NULL */
	void (*progress)(void *arg, slice folder, uint64_t bytes); /* after each letter; or NULL */
	void *arg;
};
struct export_report {
	uint64_t folders, messages, bytes; /* written */
	uint64_t present; /* there before; mbox: files are, each counts as one */
	uint64_t
		words_lost; /* keywords beyond the 26 that a Maildir's folder can have, of so many letters */
};
/* path: a directory, made when missing; EXPORT_ZIP: the file. ERR_NOTFOUND: no such folder; ERR_EXISTS: the zip. *ret also after -1. */
int export_account(struct sql *shard, struct blobs *b, int64_t account_id, const char *path,
	const struct export_how *how, struct export_report *ret, struct err *e);
