/*
 * Sealing and opening pages (sqlite_page.h). Called by the file system of SQLite's (sqlite_vfs*.c).
 *
 * Nonces are 24 random bytes from the kernel, for every page anew and never from a store of our own: a process that forks must not use one twice. Whether a page is
 * the newest one of its place nobody can tell who has seen only the disk; an old page put back opens.
 */
#include "store/sqlite_page.h"

#include "base/buf.h"
#include "base/cur.h"
#include "base/must.h"
#include "base/rand.h"

#include <sodium.h>

enum { NONCE = 24, TAG = 16, AT_ID = 4, AT_NONCE = 20, AT_TAG = 44, AT_CHECK = 60, CHECK = 4 };
enum { HEADER_PAGE_SIZE = 16, HEADER_RESERVE = 20, LOCK_BYTE = 0x40000000 };
_Static_assert(NONCE == crypto_aead_xchacha20poly1305_ietf_NPUBBYTES &&
		       TAG == crypto_aead_xchacha20poly1305_ietf_ABYTES &&
		       CRYPT_KEY == crypto_aead_xchacha20poly1305_ietf_KEYBYTES,
	"XChaCha20-Poly1305");

size_t page_size_of(const char *header)
{
	const unsigned char *u = (const unsigned char *)header + HEADER_PAGE_SIZE;
	size_t n = (size_t)u[0] << 8 | u[1];
	n = n == 1 ? PAGE_MAX : n;
	bool is_power = n && !(n & (n - 1));
	return memcmp(header, "SQLite format 3", 16) == 0 && n >= PAGE_MIN && is_power ? n : 0;
}

bool page_has_trailers(const char *header)
{
	return page_size_of(header) && (unsigned char)header[HEADER_RESERVE] == PAGE_RESERVE;
}

bool page_is_hole(size_t page_size, uint32_t no)
{
	return no == LOCK_BYTE / page_size + 1;
}

void page_book_new(struct page_book *b)
{
	page_book_wipe(b);
	rand_bytes(b->id, sizeof b->id);
	b->key_no = crypt_now();
}

void page_book_of(struct page_book *b, slice trailer)
{
	must(trailer.n == PAGE_RESERVE);
	if (!page_is_of(b, trailer)) { /* else the keys stay */
		page_book_wipe(b);
		memcpy(b->id, trailer.p + AT_ID, PAGE_ID);
	}
	b->key_no = page_key_no(trailer);
}

void page_book_wipe(struct page_book *b)
{
	sodium_memzero(b, sizeof *b);
}

uint32_t page_key_no(slice trailer)
{
	struct cur c = cur_of(trailer);
	return cur_u32(&c);
}

bool page_is_of(const struct page_book *b, slice trailer)
{
	return trailer.n == PAGE_RESERVE && memcmp(b->id, trailer.p + AT_ID, PAGE_ID) == 0;
}

/* NULL: it is not here. */
static const struct page_key *key_of(struct page_book *b, uint32_t no)
{
	unsigned char check[CRYPT_KEY];
	slice id = slice_of(b->id, PAGE_ID);
	struct err e;
	for (unsigned i = 0; i < PAGE_KEYS; i++)
		if (b->key[i].no == no)
			return &b->key[i];
	struct page_key *k = &b->key[b->next++ % PAGE_KEYS];
	k->no = 0;
	if (crypt_derive(no, "page", id, k->key, &e) < 0 ||
		crypt_derive(no, "page check", id, check, &e) < 0)
		return NULL;
	memcpy(k->check, check, CHECK);
	k->no = no;
	return k;
}

static bool is_sealed_by(const struct page_key *k, const char *trailer)
{
	return memcmp(trailer + AT_CHECK, k->check, CHECK) == 0;
}

bool page_book_opens(struct page_book *b, slice trailer)
{
	const struct page_key *k = b->key_no ? key_of(b, b->key_no) : NULL;
	return k && is_sealed_by(k, trailer.p);
}

/* What is bound to a page without being hidden: its number, and what is plain of it. */
static size_t bound(uint32_t no, const char *page, unsigned char ret[4 + PAGE_HEADER])
{
	for (int i = 0; i < 4; i++)
		ret[i] = (unsigned char)(no >> (24 - 8 * i));
	if (no != 1)
		return 4;
	memcpy(ret + 4, page, PAGE_HEADER);
	return 4 + PAGE_HEADER;
}

static bool all_zero(const char *p, size_t n)
{
	return sodium_is_zero((const unsigned char *)p, n);
}

static void put_trailer(const struct page_book *b, const struct page_key *k, char *trailer)
{
	struct buf out = {.p = trailer, .cap = PAGE_RESERVE, .limit = PAGE_RESERVE};
	buf_u32(&out, k->no);
	buf_put(&out, slice_of(b->id, PAGE_ID));
	rand_bytes(trailer + AT_NONCE, NONCE);
	memcpy(trailer + AT_CHECK, k->check, CHECK);
}

enum page_result page_seal(struct page_book *b, uint32_t no, const void *page, size_t n, void *out)
{
	const char *from = page;
	char *to = out, *trailer = to + n - PAGE_RESERVE;
	unsigned char about[4 + PAGE_HEADER];
	size_t plain = no == 1 ? PAGE_HEADER : 0;
	uint32_t key_no = crypt_now() ? crypt_now() : b->key_no;
	const struct page_key *k;
	if (n < PAGE_MIN || !no || !all_zero(from + n - PAGE_RESERVE, PAGE_RESERVE))
		return PAGE_STRANGE;
	if (!key_no || !(k = key_of(b, key_no)))
		return PAGE_NO_KEY;
	memcpy(to, from, plain);
	put_trailer(b, k, trailer);
	int r = crypto_aead_xchacha20poly1305_ietf_encrypt_detached((unsigned char *)to + plain,
		(unsigned char *)trailer + AT_TAG, NULL, (const unsigned char *)from + plain,
		n - PAGE_RESERVE - plain, about, bound(no, from, about), NULL,
		(const unsigned char *)trailer + AT_NONCE, k->key);
	must(r == 0);
	return PAGE_OK;
}

enum page_result page_open(struct page_book *b, uint32_t no, void *page, size_t n)
{
	char *p = page, *trailer = p + n - PAGE_RESERVE;
	unsigned char about[4 + PAGE_HEADER];
	size_t plain = no == 1 ? PAGE_HEADER : 0;
	if (n < PAGE_MIN || !no)
		return PAGE_STRANGE;
	uint32_t key_no = page_key_no(slice_of(trailer, PAGE_RESERVE));
	if (!key_no || !page_is_of(b, slice_of(trailer, PAGE_RESERVE)))
		return PAGE_STRANGE;
	const struct page_key *k = key_of(b, key_no);
	if (!k)
		return PAGE_NO_KEY;
	if (!is_sealed_by(k, trailer) ||
		crypto_aead_xchacha20poly1305_ietf_decrypt_detached((unsigned char *)p + plain,
			NULL, (const unsigned char *)p + plain, n - PAGE_RESERVE - plain,
			(const unsigned char *)trailer + AT_TAG, about, bound(no, p, about),
			(const unsigned char *)trailer + AT_NONCE, k->key) != 0)
		return PAGE_STRANGE;
	memset(trailer, 0, PAGE_RESERVE);
	return PAGE_OK;
}
