/*
 * The record that a summary is (summary.h): inside codec/summary*.c only.
 *
 *	u8 version, u16 flags, u16 parts, u16 envelopes, u32 where references begin, u64 size, i64 sent_at;
 *	where each envelope begins, where each part begins (u32); then these, one behind the other; references; with
 *	SUMMARY_LINES a number, line_octets.
 *
 * A number is LEB128. A text is a number: 0 none, (n + 1) << 1 when n bytes follow, (n + 1) << 1 | 1 when they stand
 * earlier in the record: then how many bytes before this text follows. Names and domains of a letter come again and
 * again, so that saves a third. A list of texts ends with "none".
 *	envelope	SUMMARY_TEXTS texts; SUMMARY_WHOS lists of addresses. An address is a byte ADDRESS_*, its texts; 0 ends
 *	part		u16 PART_*, numbers, texts, see summary_put_part
 */
#pragma once
#include "base/cur.h"
#include "codec/summary.h"

enum { SUMMARY_VERSION = 1, SUMMARY_FIXED = 27, SUMMARY_SEEN_MAX = 64 };
enum {
	ADDRESS_NAME = 1,
	ADDRESS_ROUTE = 2,
	ADDRESS_MAILBOX = 4,
	ADDRESS_HOST = 8,
	ADDRESS_IS = 128
};
enum {
	PART_MULTIPART = 1,
	PART_MESSAGE = 2,
	PART_LINES = 4,
	PART_DECODED = 8, /* decoded_n is told; else it is body_n */
	PART_ID = 16,
	PART_DESCRIPTION = 32,
	PART_ENCODING = 64,
	PART_MD5 = 128,
	PART_DISPOSITION = 256,
	PART_LANGUAGE = 512,
	PART_LOCATION = 1024,
	PART_ENVELOPE = 2048,
	PART_ENCODING_SHIFT = 12, /* enum mime_encoding */
};

struct summary_limits {
	size_t record, addresses, field, params, parts, references;
};
struct summary_writer {
	struct buf b;
	struct arena *a;
	const struct summary_limits *limits;
	struct { /* texts that stand in it */
		uint32_t at, n;
	} seen[SUMMARY_SEEN_MAX];
	size_t nseen;
	unsigned flags;
	const struct mime *m;
	size_t lead; /* bytes of the message that are not stored with it */
};
void summary_put_number(struct summary_writer *w, uint64_t v);
/* p == NULL: none. Returns where its bytes stand. */
size_t summary_put_text(struct summary_writer *w, slice s);
/* Bytes that stand in the record already. */
void summary_put_again(struct summary_writer *w, size_t at, size_t n);

/* Unfolded, trimmed, shortened to a field's limit; control characters are blanks. p == NULL stays. */
slice summary_field(struct summary_writer *w, slice value);
/* The list of addresses in these fields (of one name), without its end; *room: how many more. */
void summary_put_addresses(struct summary_writer *w, slice value, size_t *room);
/* The part and what it says about the message in w->flags. `envelope`: of the message inside it, or -1. */
void summary_put_part(struct summary_writer *w, slice message, size_t i, int envelope);
