/* AWS Signature Version 4 (backup_sign.h): the canonical request, its digest under a key of the day, the region and the service. */
#include "store/backup_sign.h"

#include "base/hex.h"
#include "base/mem.h"
#include "base/must.h"
#include "base/time.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <time.h>

enum { DIGEST = 32, TEXT_MAX = 64 * 1024 };

static slice hex_of(const unsigned char *p, struct arena *a)
{
	AUTO(buf) struct buf hex = BUF(2 * DIGEST);
	hex_encode(&hex, slice_of(p, DIGEST));
	return arena_dup(a, buf_slice(&hex));
}

static slice sha256_hex(slice s, struct arena *a)
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned n;
	must(EVP_Digest(s.p ? s.p : "", s.n, digest, &n, EVP_sha256(), NULL) == 1);
	return hex_of(digest, a);
}

static void hmac(slice key, slice s, unsigned char ret[EVP_MAX_MD_SIZE])
{
	unsigned n;
	must(HMAC(EVP_sha256(), key.p, (int)key.n, (const unsigned char *)s.p, s.n, ret, &n));
}

static void key_of(const struct backup_request *r, slice day, unsigned char ret[EVP_MAX_MD_SIZE],
	struct arena *a)
{
	unsigned char k[EVP_MAX_MD_SIZE];
	hmac(arena_printf(a, "AWS4%.*s", SFMT(r->secret)), day, k);
	hmac(slice_of(k, DIGEST), r->region, ret);
	hmac(slice_of(ret, DIGEST), S("s3"), k);
	hmac(slice_of(k, DIGEST), S("aws4_request"), ret);
}

void backup_sign(const struct backup_request *r, struct arena *a, struct backup_signed *ret)
{
	char when[32];
	time_t t = (time_t)(r->now / SECOND);
	struct tm tm;
	unsigned char key[EVP_MAX_MD_SIZE], signature[EVP_MAX_MD_SIZE];
	gmtime_r(&t, &tm);
	size_t n = strftime(when, sizeof when, "%Y%m%dT%H%M%SZ", &tm);
	slice date = slice_of(when, n), day = slice_first(date, 8), digest = sha256_hex(r->body, a);
	static const char names[] = "host;x-amz-content-sha256;x-amz-date";
	slice canonical = arena_printf(a,
		"%s\n%.*s\n%.*s\nhost:%.*s\nx-amz-content-sha256:%.*s\nx-amz-date:%.*s\n\n%s\n%.*s",
		r->method, SFMT(r->path), SFMT(r->query), SFMT(r->host), SFMT(digest), SFMT(date),
		names, SFMT(digest));
	slice scope = arena_printf(a, "%.*s/%.*s/s3/aws4_request", SFMT(day), SFMT(r->region));
	slice to_sign = arena_printf(a, "AWS4-HMAC-SHA256\n%.*s\n%.*s\n%.*s", SFMT(date),
		SFMT(scope), SFMT(sha256_hex(canonical, a)));
	key_of(r, day, key, a);
	hmac(slice_of(key, DIGEST), to_sign, signature);
	ret->authorization = arena_printf(a,
		"authorization: AWS4-HMAC-SHA256 Credential=%.*s/%.*s, SignedHeaders=%s, "
		"Signature=%.*s",
		SFMT(r->key), SFMT(scope), names, SFMT(hex_of(signature, a)));
	ret->date = arena_printf(a, "x-amz-date: %.*s", SFMT(date));
	ret->digest = arena_printf(a, "x-amz-content-sha256: %.*s", SFMT(digest));
}

slice backup_percent(slice s, bool slash, struct arena *a)
{
	AUTO(buf) struct buf out = BUF(TEXT_MAX);
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i], l = ascii_lower(c);
		bool plain = (l >= 'a' && l <= 'z') || (c >= '0' && c <= '9') ||
			     (c && strchr("-_.~", c)) || (slash && c == '/');
		if (plain)
			buf_byte(&out, c);
		else
			buf_printf(&out, "%%%02X", (unsigned char)c);
	}
	return arena_dup(a, buf_slice(&out));
}
