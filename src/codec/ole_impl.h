/* Shared by ole*.c. */
#pragma once
#include "base/arena.h"
#include "base/buf.h"
#include "codec/ole.h"

enum { OLE_NONE = 0xffffffff, OLE_NAME_MAX = 128 /* bytes of UTF-8 */ };

struct ole_entry {
	char name[OLE_NAME_MAX];
	unsigned char kind; /* 1 storage, 2 stream, 5 root */
	uint32_t left, right, child, start, parent; /* parent: index, or OLE_NONE */
	uint64_t size;
};
struct ole {
	slice in;
	struct extract_limits *limits;
	const struct extract *x;
	struct arena a;
	unsigned sector, mini; /* bytes */
	uint32_t *fat, *minifat;
	size_t nfat, nminifat;
	struct buf ministream;
	struct ole_entry *v;
	size_t n;
	struct buf source; /* of macros */
	uint64_t left; /* bytes of streams that are still read: chains may share sectors */
	bool stopped, macros;
};

/* ole.c */
bool ole_open(struct ole *o, slice in);
/* Appends a stream's bytes, as far as its chain goes. */
bool ole_stream(struct ole *o, const struct ole_entry *e, struct buf *out);
/* The stream of that name in the same storage, or NULL. */
const struct ole_entry *ole_beside(struct ole *o, const struct ole_entry *e, slice name);

uint16_t ole_le16(slice s, size_t at); /* 0 beyond the end */
uint32_t ole_le32(slice s, size_t at);
void ole_wide(slice utf16, struct buf *out); /* UTF-16LE to UTF-8 */

/* The kinds of streams */
void ole_word(struct ole *o, const struct ole_entry *e, slice document); /* ole_word.c */
void ole_sheet(struct ole *o, slice workbook); /* ole_sheet.c */
void ole_slides(struct ole *o, slice document); /* ole_slides.c */
void ole_pictures(struct ole *o, slice stream);
bool ole_message(struct ole *o, const struct ole_entry *e, slice bytes); /* ole_message.c */
/* Addresses in link monikers (MS-OSHARED 2.3.7.6). Returns how many. */
size_t ole_monikers(struct ole *o, slice stream);
