/*
 * maildir: names of files and folders of Maildir and Maildir++ (cr.yp.to/proto/maildir.html, Courier's and Dovecot's additions), both ways; and names of
 * folders as names of directories anywhere.
 */
#pragma once
#include "base/arena.h"
#include "base/buf.h"

enum maildir_flag {
	MAILDIR_SEEN = 1,
	MAILDIR_ANSWERED = 2,
	MAILDIR_FLAGGED = 4,
	MAILDIR_DELETED = 8,
	MAILDIR_DRAFT = 16,
	MAILDIR_PASSED = 32
};
enum {
	MAILDIR_WORDS = 26, /* keywords that a folder can have: letters a to z */
	MAILDIR_LEVEL_MAX = 200 /* bytes of a name here; longer ones are cut and get a mark */
};

struct maildir_file {
	slice unique; /* what stays when flags change */
	unsigned flags;
	uint32_t words; /* bits: 1 is "a" */
	int64_t at; /* usec, when the name was made by us and tells exactly when it came; else 0 */
	uint64_t size; /* S=, 0: not told */
};
/* False: no message (hidden, empty). */
bool maildir_file(slice name, struct maildir_file *ret);
/* ":2,FS" behind a unique name, when there are any; always in "cur". */
void maildir_put_info(struct buf *out, unsigned flags, uint32_t words);

/* A line of dovecot-keywords: "0 work". */
bool maildir_word(slice line, unsigned *ret_n, slice *ret_word);

/* ".Work.&bElbVw-" (without its first separator) as "Work/..." in UTF-8; "\2e" is a dot in a name. What is no modified UTF-7 is taken as it is. */
slice maildir_folder(slice name, char separator, struct arena *a);
/* "Work/2026" as ".Work.2026". */
void maildir_put_folder(struct buf *out, slice path);
/* A path as directories that any file system takes: "Work/a%3Ab". */
void maildir_put_path(struct buf *out, slice path);
