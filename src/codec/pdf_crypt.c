/*
 * Encrypted PDFs that open without a password (ISO 32000-2 7.6; the standard handler, revisions 2
 * to 6): most of those that mail carries only forbid printing. The key is made from the empty user
 * password. Called by pdf.c. Those that need a password are told (EXTRACT_ENCRYPTED).
 */
#include "base/mem.h"
#include "codec/pdf_impl.h"
#include <openssl/evp.h>

enum method { METHOD_NONE, METHOD_RC4, METHOD_AES128, METHOD_AES256 };

struct pdf_crypt {
	unsigned char key[32];
	size_t n;
	enum method strings, streams;
	uint32_t self; /* the object of the dictionary itself: not encrypted */
};

struct handler { /* what the dictionary says */
	double version, revision, length, permissions;
	slice owner, user, user_key, id;
	bool metadata;
};

static const unsigned char padding[32] =
	"\x28\xbf\x4e\x5e\x4e\x75\x8a\x41\x64\x00\x4e\x56\xff\xfa\x01\x08"
	"\x2e\x2e\x00\xb6\xd0\x68\x3e\x80\x2f\x0c\xa9\xfe\x64\x53\x69\x7a";

/* OpenSSL has RC4 only in a module of its own, which a sandbox cannot load. */
static void rc4(const unsigned char *key, size_t n, slice in, unsigned char *out)
{
	unsigned char s[256];
	unsigned i = 0, j = 0;
	for (i = 0; i < 256; i++)
		s[i] = (unsigned char)i;
	for (i = 0; i < 256; i++) {
		j = (j + s[i] + key[i % n]) & 255;
		unsigned char t = s[i];
		s[i] = s[j];
		s[j] = t;
	}
	i = j = 0;
	for (size_t k = 0; k < in.n; k++) {
		i = (i + 1) & 255;
		j = (j + s[i]) & 255;
		unsigned char t = s[i];
		s[i] = s[j];
		s[j] = t;
		out[k] = (unsigned char)in.p[k] ^ s[(s[i] + s[j]) & 255];
	}
}

static void md5(slice in, unsigned char out[16])
{
	EVP_Digest(in.p, in.n, out, NULL, EVP_md5(), NULL);
}

/* CBC; the first block of `in` is the vector unless one is given. Appends; padding is taken off. */
static bool aes(const EVP_CIPHER *kind, const unsigned char *key, const unsigned char *vector,
	slice in, bool padded, struct buf *out)
{
	EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
	slice body = vector ? in : slice_skip(in, 16);
	int n = 0, last = 0;
	char *room = body.n ? buf_room(out, body.n + 16) : NULL;
	const unsigned char *iv = vector ? vector : (const unsigned char *)in.p;
	bool ok = room && body.n < INT32_MAX && EVP_DecryptInit_ex(c, kind, NULL, key, iv) == 1 &&
		  EVP_CIPHER_CTX_set_padding(c, 0) == 1 &&
		  EVP_DecryptUpdate(c, (unsigned char *)room, &n, (const unsigned char *)body.p,
			  (int)(body.n & ~(size_t)15)) == 1 &&
		  EVP_DecryptFinal_ex(c, (unsigned char *)room + n, &last) == 1;
	EVP_CIPHER_CTX_free(c);
	if (!ok)
		return false;
	n += last;
	unsigned pad = n ? (unsigned char)room[n - 1] : 0;
	if (padded && pad >= 1 && pad <= 16)
		n -= (int)pad;
	buf_commit(out, (size_t)n);
	return true;
}

/* ---- revisions 2 to 4 (7.6.4.3, 7.6.4.4) ---- */

static void old_key(const struct handler *h, struct pdf_crypt *c)
{
	AUTO(buf) struct buf b = BUF(4096);
	uint32_t p = (uint32_t)(int64_t)h->permissions;
	unsigned char sum[16];
	buf_put(&b, slice_of(padding, 32));
	buf_put(&b, slice_first(h->owner, 32));
	for (int i = 0; i < 4; i++)
		buf_byte(&b, (char)(p >> 8 * i));
	buf_put(&b, h->id);
	if (h->revision >= 4 && !h->metadata)
		buf_fill(&b, (char)0xff, 4);
	md5(buf_slice(&b), sum);
	for (int i = 0; i < 50 && h->revision >= 3; i++)
		md5(slice_of(sum, c->n), sum);
	memcpy(c->key, sum, c->n);
}

static bool old_fits(const struct handler *h, const struct pdf_crypt *c)
{
	AUTO(buf) struct buf b = BUF(4096);
	unsigned char sum[32];
	if (h->revision < 3) {
		rc4(c->key, c->n, slice_of(padding, 32), sum);
		return h->user.n >= 32 && memcmp(sum, h->user.p, 32) == 0;
	}
	buf_put(&b, slice_of(padding, 32));
	buf_put(&b, h->id);
	md5(buf_slice(&b), sum);
	for (unsigned i = 0; i < 20; i++) {
		unsigned char key[32], from[16];
		for (size_t k = 0; k < c->n; k++)
			key[k] = (unsigned char)(c->key[k] ^ i);
		memcpy(from, sum, 16);
		rc4(key, c->n, slice_of(from, 16), sum);
	}
	return h->user.n >= 16 && memcmp(sum, h->user.p, 16) == 0;
}

/* ---- revisions 5 and 6 (7.6.4.3.3, 7.6.4.3.4) ---- */

static void encrypt_128(const unsigned char *key, struct buf *b)
{
	EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
	int n = 0;
	if (EVP_EncryptInit_ex(c, EVP_aes_128_cbc(), NULL, key, key + 16) == 1) {
		EVP_CIPHER_CTX_set_padding(c, 0);
		EVP_EncryptUpdate(c, (unsigned char *)b->p, &n, (unsigned char *)b->p, (int)b->n);
	}
	EVP_CIPHER_CTX_free(c);
}

/* The hash of an empty password with a salt: algorithm 2.B. */
static void new_hash(double revision, slice salt, unsigned char out[32])
{
	unsigned char k[64];
	unsigned n = 32;
	AUTO(buf) struct buf b = BUF(64 * 64 + 64);
	EVP_Digest(salt.p, salt.n, k, NULL, EVP_sha256(), NULL);
	for (unsigned round = 0; revision >= 6; round++) {
		buf_reset(&b);
		for (int i = 0; i < 64; i++)
			buf_put(&b, slice_of(k, n));
		encrypt_128(k, &b);
		unsigned sum = 0;
		for (int i = 0; i < 16; i++)
			sum += (unsigned char)b.p[i];
		const EVP_MD *md = sum % 3 == 0   ? EVP_sha256()
				   : sum % 3 == 1 ? EVP_sha384()
						  : EVP_sha512();
		EVP_Digest(b.p, b.n, k, &n, md, NULL);
		if (round >= 63 && (unsigned char)b.p[b.n - 1] <= round - 31)
			break;
	}
	memcpy(out, k, 32);
}

static bool new_key(const struct handler *h, struct pdf_crypt *c)
{
	static const unsigned char zero[16];
	AUTO(buf) struct buf key = BUF(128);
	unsigned char hash[32];
	if (h->user.n < 48 || h->user_key.n < 32)
		return false;
	new_hash(h->revision, slice_first(slice_skip(h->user, 32), 8), hash);
	if (memcmp(hash, h->user.p, 32) != 0)
		return false;
	new_hash(h->revision, slice_first(slice_skip(h->user, 40), 8), hash);
	if (!aes(EVP_aes_256_cbc(), hash, zero, slice_first(h->user_key, 32), false, &key) ||
		key.n < 32)
		return false;
	memcpy(c->key, key.p, 32);
	c->n = 32;
	return true;
}

/* ---- the dictionary ---- */

static slice bytes_of(struct pdf *p, slice value)
{
	AUTO(buf) struct buf b = BUF(512);
	pdf_string_raw(value, &b);
	return arena_dup(&p->a, buf_slice(&b));
}

static enum method method_of(struct pdf *p, slice dict, const char *which, double version)
{
	if (version < 4)
		return METHOD_RC4;
	struct pdf_token t;
	slice name = pdf_get_resolved(p, dict, which), filters = pdf_get_resolved(p, dict, "CF");
	pdf_next(&name, &t);
	if (t.kind != PDF_NAME || strcmp(t.name, "Identity") == 0)
		return METHOD_NONE;
	slice method = pdf_get_resolved(p, pdf_get_resolved(p, filters, t.name), "CFM");
	if (pdf_name_is(method, "V2"))
		return METHOD_RC4;
	if (pdf_name_is(method, "AESV2"))
		return METHOD_AES128;
	return pdf_name_is(method, "AESV3") ? METHOD_AES256 : METHOD_NONE;
}

static void read_handler(struct pdf *p, slice dict, struct handler *ret)
{
	*ret = (struct handler){.length = 40, .metadata = true};
	pdf_number(pdf_get_resolved(p, dict, "V"), &ret->version);
	pdf_number(pdf_get_resolved(p, dict, "R"), &ret->revision);
	pdf_number(pdf_get_resolved(p, dict, "Length"), &ret->length);
	pdf_number(pdf_get_resolved(p, dict, "P"), &ret->permissions);
	ret->owner = bytes_of(p, pdf_get_resolved(p, dict, "O"));
	ret->user = bytes_of(p, pdf_get_resolved(p, dict, "U"));
	ret->user_key = bytes_of(p, pdf_get_resolved(p, dict, "UE"));
	ret->metadata = !slice_eq(pdf_get_resolved(p, dict, "EncryptMetadata"), S("false"));
	slice id = pdf_get_resolved(p, p->trailer, "ID");
	if (slice_starts(id, S("["))) {
		id = slice_skip(id, 1);
		ret->id = bytes_of(p, pdf_value(&id));
	}
}

void pdf_crypt_open(struct pdf *p)
{
	struct handler h;
	slice reference = pdf_get(p->trailer, "Encrypt");
	slice dict = pdf_resolve(p, reference);
	if (!dict.n)
		return;
	p->encrypt = true;
	struct pdf_crypt *c = ARENA_NEW(&p->a, struct pdf_crypt);
	read_handler(p, dict, &h);
	pdf_reference(reference, &c->self);
	c->strings = method_of(p, dict, "StrF", h.version);
	c->streams = method_of(p, dict, "StmF", h.version);
	c->n = h.revision < 3 ? 5 : h.version >= 4 ? 16 : (size_t)(h.length / 8);
	if (!pdf_name_is(pdf_get_resolved(p, dict, "Filter"), "Standard") || h.length > 256 ||
		h.length < 40 || h.permissions < -4e9 || h.permissions > 5e9)
		return;
	c->n = c->n > 16 ? 16 : c->n;
	if (h.revision >= 5) {
		p->crypt = new_key(&h, c) ? c : NULL;
		return;
	}
	old_key(&h, c);
	p->crypt = old_fits(&h, c) ? c : NULL;
}

/* 7.6.3.1: each object has a key of its own. */
static size_t object_key(
	const struct pdf_crypt *c, const struct pdf_object *o, enum method m, unsigned char out[16])
{
	unsigned char b[32 + 9];
	size_t n = c->n;
	memcpy(b, c->key, n);
	for (int i = 0; i < 3; i++)
		b[n++] = (unsigned char)(o->number >> 8 * i);
	for (int i = 0; i < 2; i++)
		b[n++] = (unsigned char)(o->generation >> 8 * i);
	if (m == METHOD_AES128) {
		memcpy(b + n, "sAlT", 4);
		n += 4;
	}
	md5(slice_of(b, n), out);
	return c->n + 5 < 16 ? c->n + 5 : 16;
}

slice pdf_decrypt(const struct pdf *p, const struct pdf_object *o, bool is_stream, slice bytes,
	struct buf *space)
{
	const struct pdf_crypt *c = p->crypt;
	unsigned char key[16];
	if (!c || o->packed || !bytes.n || (c->self && o->number == c->self) ||
		(is_stream && pdf_name_is(pdf_get(o->value, "Type"), "XRef")))
		return bytes;
	enum method m = is_stream ? c->streams : c->strings;
	size_t n = object_key(c, o, m, key);
	if (m == METHOD_RC4) {
		char *room = buf_room(space, bytes.n);
		if (!room)
			return (slice){0};
		rc4(key, n, bytes, (unsigned char *)room);
		buf_commit(space, bytes.n);
	} else if (m == METHOD_AES128) {
		aes(EVP_aes_128_cbc(), key, NULL, bytes, true, space);
	} else if (m == METHOD_AES256) {
		aes(EVP_aes_256_cbc(), c->key, NULL, bytes, true, space);
	} else {
		return bytes;
	}
	return buf_slice(space);
}
