/*
 * page: how a page of an encrypted database looks in its file and in its log (doc/notes/sqlite-vfs.md). SQLite leaves PAGE_RESERVE bytes free at the end of each
 * page; there lies what is needed to open it:
 *
 *	4  the data key's number (0: the page is plain, as all others of the same database)
 *	16 the database's own random number, the same in all its pages
 *	24 nonce, random each time a page is written
 *	16 tag
 *	4  of the key, to tell it from another one of the same number
 *
 * XChaCha20-Poly1305, key derived from data key and database number; the page's number is authenticated, so a page opens at its own place alone. Of page 1 the
 * first 100 bytes stay plain, since SQLite reads them before it knows how long pages are; they are authenticated.
 */
#pragma once
#include "store/crypt.h"

#include <stdbool.h>

enum {
	PAGE_RESERVE = 64,
	PAGE_ID = 16,
	PAGE_HEADER = 100, /* of page 1, plain */
	PAGE_MIN = 512,
	PAGE_MAX = 65536,
	PAGE_KEYS = 4, /* derived keys that are kept; more are derived again */
};

enum page_result {
	PAGE_OK,
	PAGE_STRANGE, /* damaged, of another database, of another place */
	PAGE_NO_KEY,
};

/* Of one database that is open: what opens its pages. Of one thread at a time. */
struct page_book {
	unsigned char id[PAGE_ID];
	uint32_t key_no; /* of page 1: writes when there is no newest one (crypt_now() is 0) */
	unsigned next; /* the kept key that is replaced next */
	struct page_key {
		uint32_t no; /* 0: none */
		unsigned char key[CRYPT_KEY], check[4];
	} key[PAGE_KEYS];
};

void page_book_new(struct page_book *b); /* a database that is made now */
void page_book_of(struct page_book *b, slice trailer); /* one that is there, by its page 1 */
/* Is the key here that its page 1 names? */
bool page_book_opens(struct page_book *b, slice trailer);
void page_book_wipe(struct page_book *b);

/* From the first PAGE_HEADER bytes of page 1; 0: that is none. */
size_t page_size_of(const char *header);
bool page_has_trailers(const char *header);
/* SQLite never writes the page at its lock byte. */
bool page_is_hole(size_t page_size, uint32_t no);

/* Of a trailer, the last PAGE_RESERVE bytes. */
uint32_t page_key_no(slice trailer);
bool page_is_of(const struct page_book *b, slice trailer);

/* Seals a page of n bytes, whose reserved bytes must be zero, with the newest key: to `out`, which may not be `page`. */
enum page_result page_seal(struct page_book *b, uint32_t no, const void *page, size_t n, void *out);
/* Opens it where it lies; then its reserved bytes are zero. Spoiled if PAGE_STRANGE. */
enum page_result page_open(struct page_book *b, uint32_t no, void *page, size_t n);
