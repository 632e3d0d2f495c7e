/* Codes of the second factor (totp.h), RFC 4226 section 5.3 and RFC 6238. Used by store/credential_factor.c. */
#include "codec/totp.h"

#include "base/mem.h"
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <string.h>

unsigned totp_code(slice secret, uint64_t step)
{
	unsigned char counter[8], mac[20];
	for (int i = 0; i < 8; i++)
		counter[i] = (unsigned char)(step >> (56 - 8 * i));
	HMAC(EVP_sha1(), secret.p, (int)secret.n, counter, sizeof counter, mac, NULL);
	const unsigned char *p = mac + (mac[19] & 15);
	uint32_t v =
		(uint32_t)(p[0] & 0x7f) << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
	return v % 1000000;
}

uint64_t totp_match(slice secret, slice code, uint64_t now_step, unsigned drift, uint64_t after)
{
	uint64_t given, found = 0;
	if (code.n != TOTP_DIGITS || !slice_u64(code, &given))
		return 0;
	for (uint64_t step = now_step - drift; step <= now_step + drift; step++)
		if (totp_code(secret, step) == given && step > after)
			found = step;
	return found;
}

static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

void base32_encode(struct buf *out, slice in)
{
	uint32_t bits = 0;
	unsigned have = 0;
	for (size_t i = 0; i < in.n; i++) {
		bits = bits << 8 | (unsigned char)in.p[i];
		for (have += 8; have >= 5; have -= 5)
			buf_byte(out, letters[bits >> (have - 5) & 31]);
	}
	if (have > 0)
		buf_byte(out, letters[bits << (5 - have) & 31]);
}

bool base32_decode(struct buf *out, slice in)
{
	uint32_t bits = 0;
	unsigned have = 0;
	size_t start = out->n;
	for (size_t i = 0; i < in.n; i++) {
		char c = in.p[i];
		c = c >= 'a' && c <= 'z' ? (char)(c - 32) : c;
		if (c == ' ' || c == '-' || c == '=')
			continue;
		const char *at = c ? strchr(letters, c) : NULL;
		if (!at) {
			out->n = start;
			return false;
		}
		bits = bits << 5 | (uint32_t)(at - letters);
		have += 5;
		if (have >= 8) {
			have -= 8;
			buf_byte(out, (char)(bits >> have));
		}
	}
	return buf_ok(out);
}

static void escape(struct buf *out, slice s)
{
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];
		bool plain = (c >= '0' && c <= '9') ||
			     (ascii_lower((char)c) >= 'a' && ascii_lower((char)c) <= 'z') ||
			     c == '-' || c == '.' || c == '_' || c == '@';
		if (plain)
			buf_byte(out, (char)c);
		else
			buf_printf(out, "%%%02X", c);
	}
}

slice totp_uri(slice issuer, slice account, slice base32_secret, struct arena *a)
{
	AUTO(buf) struct buf out = BUF(4096);
	buf_put(&out, S("otpauth://totp/"));
	escape(&out, issuer);
	buf_byte(&out, ':');
	escape(&out, account);
	buf_printf(&out, "?secret=%.*s&issuer=", SFMT(base32_secret));
	escape(&out, issuer);
	return arena_dup(a, buf_slice(&out));
}
