/* What the files import*.c share. Nobody else includes this. */
#pragma once
#include "mail/box_impl.h"
#include "mail/import.h"
#include "store/moved.h"

#include <openssl/evp.h>

enum {
	IMPORT_CHANGES = 200, /* of flags and the like in one transaction */
	IMPORT_HEAD_MAX = 64 * 1024, /* bytes looked at for a date */
	IMPORT_WORDS_MAX = 900, /* different keywords of a folder that come from elsewhere */
	IMPORT_CHUNK = 32 * 1024, /* bytes between two looks at the throttle */
};

/* A message that came before: all that is held of it in memory. */
struct import_seen {
	unsigned flags;
	uint64_t words; /* a hash of its keywords, in whatever order */
	bool told; /* in this pass */
};

/* One of another epoch: known again by its bytes. */
struct import_stale {
	struct moved_key k;
	struct import_stale *next; /* with the same bytes */
};

enum import_change_kind { IMPORT_FLAGS, IMPORT_RENAME, IMPORT_GONE, IMPORT_FORGET };
struct import_change {
	enum import_change_kind kind;
	struct moved_key key; /* of what is known; RENAME: as it was */
	uint64_t epoch; /* RENAME: to */
	slice to;
	bool done; /* something changed here */
};

struct importing {
	struct boxes *b;
	struct box_user *u;
	struct import_options o;
	slice source;
	int64_t source_id; /* 0: nothing ever came from there, and this is a dry run */
	int lock; /* descriptor whose lock says that this source is being read */
	struct import_report r;
	struct arena mem;
	uint64_t refused_lines;
	bool full; /* the mailbox has no room: nothing more is asked for */
	/* The box. */
	bool in_box, complete_before, unchanged, refused_here;
	struct arena box_mem;
	struct moved_box box;
	slice folder;
	struct map keys; /* key -> struct import_seen */
	struct map stale; /* hash -> struct import_stale */
	uint64_t told;
	struct map words; /* lower-case keywords of the folder */
	/* Messages that wait for their transaction. */
	struct box_append *append;
	struct moved_key batch[IMPORT_BATCH];
	unsigned nbatch;
	uint64_t batch_bytes;
	struct arena batch_mem;
	/* Changes that do. */
	struct import_change changes[IMPORT_CHANGES];
	unsigned nchanges;
	struct arena change_mem;
	/* The message that comes in. */
	bool open, compare, last_cr, bare;
	struct moved_key now;
	uint64_t size;
	uint64_t mended; /* it lost keywords */
	bool undated;
	struct buf head;
	EVP_MD_CTX *md;
	/* Throttle: when what came so far was due. */
	instant due;
};

/* import_path.c: a name that can be a folder's here; as it is where it can. From *a. */
slice import_path(slice path, struct arena *a);

/* import_words.c: keywords that can be kept here, each once; *ret_lost: some cannot. */
slice import_words(struct importing *i, slice words, struct arena *a, bool *ret_lost);
uint64_t import_words_hash(slice words);
/* Words of `a` that are not in `b`. */
slice import_words_less(slice a, slice b, struct arena *mem);

/* import_change.c */
int import_change(struct importing *i, const struct import_change *c, struct err *e);
int import_changes_flush(struct importing *i, struct err *e);
/* What the complete source did not name any more. */
int import_gone(struct importing *i, struct err *e);

/* import_message.c */
int import_batch_flush(struct importing *i, struct err *e);
void import_batch_drop(struct importing *i);

/* import_verify.c */
/* SHA-256 of what is here: 1, 0 (not here), -1. */
int import_hash_here(struct importing *i, const struct moved_key *k, unsigned char ret[MOVED_HASH],
	struct err *e);
/* A line of the report. */
int import_note(struct importing *i, slice key, const char *why, struct err *e);
