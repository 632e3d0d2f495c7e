/* What the files of import_file.h share. Nobody else includes this. */
#pragma once
#include "base/map.h"
#include "mail/import_file.h"
#include "mail/import_unpack.h"

/* ---- import_place.c ---- */

enum place_kind {
	PLACE_NONE, /* nothing that is looked at */
	PLACE_MAILDIR, /* a message */
	PLACE_EML,
	PLACE_OTHER, /* an mbox, when it begins so */
	PLACE_FOLDERS, /* files of notes */
	PLACE_MESSAGES,
	PLACE_WORDS,
	PLACE_SUBSCRIPTIONS,
};
struct place {
	enum place_kind kind;
	slice file; /* its name */
	slice box; /* what its folder is called at the source */
	slice path; /* and here */
	bool is_new; /* in "new" */
};
/* `name`: relative, levels between "/". From *a. */
void import_place(slice name, char separator, struct arena *a, struct place *ret);
/* A folder's directory. */
slice import_place_folder(slice dir, char separator, struct arena *a);
enum mailbox_use import_place_use(slice path);

/* ---- what is being imported ---- */

struct file_in { /* bytes of a file, wherever they are */
	int (*read)(void *arg, char *room, size_t n, size_t *ret_n,
		struct err *e); /* 0 bytes: its end */
	void *arg;
	int64_t mtime; /* usec; 0: not known */
	uint64_t size; /* 0: not known */
};

struct file_folder { /* of posthouse-folders.csv */
	slice path;
	enum mailbox_use use;
	bool subscribed;
};
struct file_note { /* of posthouse-messages.csv */
	int64_t received_at;
	unsigned flags;
	slice keywords;
};
struct file_words {
	slice v[26];
};

struct import_files {
	struct importing *i;
	const struct import_files_how *how;
	struct import_files_seen seen;
	struct arena mem, notes_mem, item_mem;
	bool in_box, keep_twins;
	slice box;
	struct buf box_name;
	struct map twins, boxes;
	struct map folders; /* directory -> struct file_folder */
	struct map notes; /* directory/file -> struct file_note */
	struct map words; /* directory -> struct file_words */
	struct map subscribed; /* path -> anything */
	bool told_folders, told_subscriptions;
	struct import_report before; /* of the folder */
	uint64_t left, bad,
		partial; /* in it: no mail; cannot be read; came without some of its parts */
	struct buf raw; /* a letter */
	char *room; /* for reading */
};
enum { FILE_ROOM = 128 * 1024 };

struct item {
	slice key; /* empty: by its bytes */
	unsigned flags;
	slice keywords;
	int64_t received_at;
	bool noted; /* flags are told */
};

/* ---- import_take.c ---- */
int import_enter(struct import_files *f, slice box, slice path, struct err *e);
int import_leave(struct import_files *f, struct err *e);
/* Tells what came of a folder that was never entered: no mail in it. */
void import_tell_left(struct import_files *f, slice box, uint64_t left);
int import_take(
	struct import_files *f, const struct item *m, slice head, slice rest, struct err *e);
/* 1: it is here, and nothing has to be read; 0: read it and take it; -1 */
int import_take_known(struct import_files *f, const struct item *m, struct err *e);
int import_take_refused(struct import_files *f, slice key, const char *why, struct err *e);
/* A whole file that stands at this place. */
int import_entry(
	struct import_files *f, const struct place *p, const struct file_in *in, struct err *e);
/* A file that is known to be an mbox. start: what was read of it already. */
int import_mbox(struct import_files *f, slice start, const struct file_in *in, struct err *e);

/* ---- import_notes.c ---- */
int import_notes(
	struct import_files *f, const struct place *p, const struct file_in *in, struct err *e);
/* Folders that are told of are made, also empty ones. */
int import_told_folders(struct import_files *f, struct err *e);

/* ---- import_reader.c: what the confined process says ---- */
struct import_reader {
	struct import_files *f;
	struct import_unpack u; /* socket: -1 when it has ended */
	struct buf in;
	size_t used; /* of in: the frame that was given last */
	uint64_t said, most; /* bytes */
};
enum { IMPORT_SILENCE = 120 }; /* seconds: one that says nothing for so long is killed */
int import_reader_open(struct import_reader *r, struct import_files *f, enum import_container kind,
	int fd, struct err *e);
/* The next frame, valid until the next call. ERR_PROTO: it died, hangs, or says what it may not. */
int import_reader_next(
	struct import_reader *r, enum wire_frame *ret, struct cur *ret_payload, struct err *e);
int import_reader_answer(struct import_reader *r, enum wire_answer a, struct err *e);
void import_reader_close(struct import_reader *r);

/* ---- import_zip.c, import_pst.c, import_file.c ---- */
int import_archive(struct import_files *f, int fd, struct err *e);
int import_pst(struct import_files *f, int fd, struct err *e);
int import_tree(struct import_files *f, int dir, struct err *e);
