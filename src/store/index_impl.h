/*
 * What the files of the index share (index.h; the format is explained in doc/notes/search.md).
 *
 * A segment has three streams. Words: every (field, token) in order, front coded, with where its lists are. Docs: for each word, which of
 * the segment's emails have it and how often; an email is its ordinal in the segment. Places: for each of those, the positions. Docs and
 * places are byte streams, cut into blocks without regard to lists; each block is a row, compressed where that pays. A segment
 * that is small is in its own row altogether.
 */
#pragma once
#include "base/cur.h"
#include "base/mem.h"
#include "codec/tokens.h"
#include "store/index.h"

enum {
	INDEX_WORD_MAX = TOKEN_MAX + 1, /* bytes of a key: field, token */
	INDEX_WORDS_RAW = 32 << 10, /* bytes of a block of words before compression */
	INDEX_BLOCK_RAW = 64 << 10, /* and of other streams */
	INDEX_PIECE_RAW =
		16 << 10, /* of which so many are packed alone, so that a short list is read soon */
	INDEX_INLINE_MAX = 128 << 10, /* bytes of a small segment, before compression */
	INDEX_RAW_MAX = 256 << 10, /* bytes of any block */
	INDEX_PACK_FAST = 3, /* levels of compression: of new emails */
	INDEX_PACK_WELL = 14, /* of what is merged */
	INDEX_SEGMENT_EMAILS_MAX = 1 << 24,
};
enum index_stream { INDEX_WORD_STREAM, INDEX_DOC_STREAM, INDEX_PLACE_STREAM, INDEX_STREAMS };
enum index_state { INDEX_LIVE, INDEX_BUILDING, INDEX_DEAD };

/* ---- numbers ---- */

static inline void index_put(struct buf *b, uint64_t v)
{
	for (; v >= 0x80; v >>= 7)
		buf_byte(b, (char)(v | 0x80));
	buf_byte(b, (char)v);
}
static inline void index_put_u32_at(struct buf *b, size_t at, uint32_t v)
{
	for (int i = 0; i < 4 && buf_ok(b); i++)
		b->p[at + (size_t)i] = (char)(v >> (24 - 8 * i));
}
/* Zero and *s with p == NULL when it is broken off or larger than 2^63. */
static inline uint64_t index_get(slice *s)
{
	uint64_t v = 0;
	if (s->n && (unsigned char)*s->p < 0x80) {
		s->n--;
		return (unsigned char)*s->p++;
	}
	for (unsigned shift = 0; s->n && shift < 63; shift += 7) {
		unsigned char c = (unsigned char)*s->p++;
		s->n--;
		v |= (uint64_t)(c & 0x7f) << shift;
		if (c < 0x80)
			return v;
	}
	*s = (slice){0};
	return 0;
}

/* ---- index_pack.c: blocks as they are stored ---- */

void index_pack(enum index_stream s, slice raw, int level, struct buf *out);
int index_unpack(enum index_stream s, slice block, struct buf *out, struct err *e);

/* ---- index_kept.c: what queries unpacked ---- */

enum { INDEX_KEPT_MAX = 32 << 20 }; /* bytes of a process */
/* As index_unpack, from memory if it can be. Any thread. */
int index_unpack_kept(enum index_stream s, slice block, struct buf *out, struct err *e);
size_t index_kept_bytes(void);

/* ---- index_format.c: what is in blocks ---- */

/* A block of words: packed words, each with a line feed behind it; packed entries. */
enum { INDEX_WORD_END = '\n' };
struct index_entry { /* of a word */
	uint32_t emails; /* that have it */
	bool alone; /* in one email, once: then there are no lists */
	uint32_t ordinal, place; /* of that */
	uint64_t docs_at, docs_n, places_at, places_n; /* in the streams */
};
struct index_words_out {
	struct buf words, entries;
	uint64_t docs_at, places_at; /* where the lists of the first word begin */
	uint32_t n;
};
void index_words_put(struct index_words_out *w, slice word, const struct index_entry *e);
void index_words_pack(struct index_words_out *w, int level, struct buf *out); /* and begins anew */
void index_words_done(struct index_words_out *w);

struct index_words_in {
	slice words, entries; /* rest */
	slice word; /* of raw */
	uint64_t docs_at, places_at;
	bool bad;
	bool keep; /* what is unpacked, for other queries: index_kept.c */
	struct buf raw[2];
};
/* entries false: words alone. Once more with the same struct: memory is used again. */
int index_words_open(struct index_words_in *w, slice block, bool entries, struct err *e);
/* The entries, too, of the block that was opened for words alone and not yet gone through. */
int index_words_add_entries(struct index_words_in *w, slice block, struct err *e);
void index_words_close(struct index_words_in *w);
bool index_words_next(struct index_words_in *w); /* false at the end, and if bad */
bool index_words_entry(
	struct index_words_in *w, struct index_entry *ret); /* after each next, if at all */
static inline slice index_word(const struct index_words_in *w)
{
	return w->word;
}

/* The emails of a list. */
struct index_docs {
	slice rest;
	uint32_t ordinal, times, limit;
	uint32_t left;
	bool bad;
};
struct index_docs index_docs_of(slice list, uint32_t emails, uint32_t limit);
bool index_docs_next(struct index_docs *d);
/* Positions of one email. */
uint32_t index_place_next(slice *places, uint32_t before, bool first);
void index_places_skip(slice *places, size_t n);

/* ---- index_write.c: rows of a segment ---- */

struct index_writer {
	struct sql *db;
	int64_t account_id, segment;
	struct index_words_out words;
	unsigned char first[INDEX_WORD_MAX];
	size_t first_n;
	struct buf stream[INDEX_STREAMS], packed; /* [0] unused */
	uint64_t at[INDEX_STREAMS]; /* where stream[] begins */
	uint64_t nwords, bytes;
	int level; /* of compression */
	bool rows; /* some were written */
};
void index_writer_init(
	struct index_writer *w, struct sql *db, int64_t account_id, int64_t segment, int level);
void index_writer_done(struct index_writer *w);
/* One word, in order. docs and places are its lists, unless it is alone. */
int index_writer_word(struct index_writer *w, slice word, const struct index_entry *e, slice docs,
	slice places, struct err *err);
int index_writer_flush(struct index_writer *w, struct err *e);
/* Instead of rows, if it is small: *inlined. */
int index_writer_end(struct index_writer *w, struct buf *inlined, struct err *e);

/* A number for a new segment, or -1. known: of the account from now on, unless it is more already. */
int64_t index_next_segment(struct sql *db, int64_t account_id, int64_t known, struct err *e);

/* ---- index_build.c: emails into lists ---- */

struct index_build;
struct index_build *index_build_new(void);
void index_build_free(struct index_build *b);
/* False: full, write first. */
bool index_build_add(struct index_build *b, const struct index_email *m);
size_t index_build_emails(const struct index_build *b);
/* A segment of its own; empty afterwards. */
int index_build_write(struct index_build *b, struct sql *db, int64_t account_id, struct err *e);

/* ---- index_merge.c ---- */

unsigned index_level(uint64_t bytes); /* of a new segment */
extern uint64_t index_step_bytes; /* written in one step of a merge; tests take less */
int index_mark_due(struct sql *db, int64_t account_id, struct err *e); /* if merges are due now */

/* ---- index_read.c ---- */

struct index_segment {
	int64_t id, first_email, last_email;
	uint32_t emails;
	uint64_t bytes, text_bytes;
	unsigned level;
	slice docs, inlined; /* of the arena */
};
/* Of an account, live, newest first; docs and inlined when `whole`. */
int index_segments(struct sql *db, int64_t account_id, bool whole, struct arena *a,
	struct index_segment **ret, size_t *ret_n, struct err *e);

/* Those that become segment `goal`. */
int index_segments_into(struct sql *db, int64_t account_id, int64_t goal, struct arena *a,
	struct index_segment **ret, size_t *ret_n, struct err *e);

struct index_reader {
	struct sql *db;
	bool keep; /* what is unpacked, for other queries */
	int64_t account_id;
	const struct index_segment *seg;
	slice inlined[INDEX_STREAMS];
	struct index_words_in words; /* the block at hand */
	unsigned char block[INDEX_WORD_MAX]; /* its first word */
	size_t block_n;
	bool at_end;
	struct {
		struct buf row, raw; /* a block as it is stored; a piece of it */
		uint64_t row_from, row_to, from;
	} chunk[INDEX_STREAMS];
};
int index_reader_open(struct index_reader *r, struct sql *db, int64_t account_id,
	const struct index_segment *seg, bool keep, struct err *e);
void index_reader_close(struct index_reader *r);
/* Goes to the block in which a word is or would be (entries: with what index_words_entry gives). */
int index_reader_seek(struct index_reader *r, slice word, bool entries, struct err *e);
/* The next word: 1, 0 at the end, -1. */
int index_reader_next(struct index_reader *r, bool entries, struct err *e);
/* Bytes of a stream, appended. */
int index_reader_bytes(struct index_reader *r, enum index_stream s, uint64_t at, uint64_t n,
	struct buf *out, struct err *e);

/* Which words of a field: with `piece` as their end, or anywhere in them. fn for each. 0, -1. */
enum index_match { INDEX_MATCH_WHOLE, INDEX_MATCH_START, INDEX_MATCH_END, INDEX_MATCH_PART };
int index_reader_match(struct index_reader *r, enum index_field f, slice piece,
	enum index_match how, bool (*fn)(void *arg, const struct index_entry *e), void *arg,
	struct err *e);

/* ---- index_emails.c: emails of a segment, from its row, and their order ---- */

struct index_email_row {
	int64_t id;
	uint64_t like; /* index_likeness */
	bool cut;
	uint8_t length; /* code of index_length_code */
};
struct index_emails {
	slice rest;
	struct index_email_row last;
	int64_t first, limit; /* ids are within */
};
struct index_emails index_emails_of(const struct index_segment *g);
/* In the order of their ordinals. False: end, or bad (rest.n). */
bool index_emails_next(struct index_emails *v, struct index_email_row *ret);
/* *last begins with the lowest id of the segment. */
void index_emails_put(
	struct buf *out, struct index_email_row *last, const struct index_email_row *m);
uint8_t index_length_code(uint64_t tokens);
float index_length_of(uint8_t code);
/* Emails whose keys are near are like each other; a segment has them by key, then id. */
uint64_t index_likeness(const struct index_email *m);
int index_by_likeness(const void *a, const void *b); /* of index_email_row */
void index_sort(uint64_t *v, size_t n);

/* ---- index_leaf.c: one text of a query in one segment ---- */

enum { INDEX_LEAF_TOKENS_MAX = 256 };
struct index_leaf_token {
	slice text;
	enum index_match how;
	uint32_t least, most; /* distance from the one before it */
};
struct index_leaf {
	unsigned fields;
	struct index_leaf_token *v;
	size_t n;
	bool loose; /* distances are not the same everywhere */
	bool everything; /* nothing to look for */
	bool sure; /* what is found matches */
	uint64_t df; /* emails of all segments that have it */
};
int index_leaf_init(
	struct index_leaf *l, const struct index_query *q, struct arena *a, struct err *e);
/* Sets the bits of emails that have it. *sure becomes false when more may be set. times: may be NULL, else how often
 * (weighted by fields, at most 255) for each. */
int index_leaf_find(struct index_reader *r, const struct index_leaf *l, uint64_t *found,
	uint8_t *times, bool *sure, struct err *e);

static inline bool index_bit(const uint64_t *bits, uint32_t i)
{
	return bits[i / 64] >> (i % 64) & 1;
}
static inline void index_set_bit(uint64_t *bits, uint32_t i)
{
	bits[i / 64] |= (uint64_t)1 << (i % 64);
}

/* Of index_pack.c. */
int index_damaged(struct err *e, const char *what); /* ERR_TEMP; -1 */
