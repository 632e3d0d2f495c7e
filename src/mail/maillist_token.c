/*
 * Tokens of mailing lists (maillist.h): in local parts of addresses and in links. Letters and digits alone, in one case, since systems
 * on the way fold addresses: a letter for the kind, then base32 of
 *
 *	id, 5 bytes | hours until when, 3 bytes | HMAC-SHA-256, cut to 7 bytes
 *
 * 56 bits are enough against whoever has to ask us for each try. Compared in constant time.
 */
#include "mail/maillist.h"

#include "base/base32.h"
#include "base/cur.h"
#include "base/mem.h"
#include "base/time.h"
#include <openssl/crypto.h>
#include <openssl/hmac.h>

enum { MAC = 7, BODY = 8 };

static void mac_of(
	const unsigned char key[MAILLIST_KEY], char kind, slice body, unsigned char ret[32])
{
	unsigned char text[1 + BODY];
	unsigned n = 32;
	text[0] = (unsigned char)kind;
	memcpy(text + 1, body.p, BODY);
	HMAC(EVP_sha256(), key, MAILLIST_KEY, text, sizeof text, ret, &n);
}

static void put_body(const struct maillist_token *t, struct buf *out)
{
	uint64_t hours = t->until ? (uint64_t)((t->until + HOUR - 1) / HOUR) : 0;
	buf_u8(out, (uint8_t)(t->id >> 32));
	buf_u32(out, (uint32_t)t->id);
	buf_u8(out, (uint8_t)(hours >> 16));
	buf_u16(out, (uint16_t)hours);
}

slice maillist_token_make(
	const unsigned char key[MAILLIST_KEY], const struct maillist_token *t, struct arena *a)
{
	AUTO(buf) struct buf bytes = BUF(64), text = BUF(64);
	unsigned char mac[32];
	put_body(t, &bytes);
	mac_of(key, (char)t->kind, buf_slice(&bytes), mac);
	buf_put(&bytes, slice_of(mac, MAC));
	buf_byte(&text, (char)t->kind);
	base32hex_encode(&text, buf_slice(&bytes));
	for (size_t i = 0; i < text.n; i++)
		text.p[i] = ascii_lower(text.p[i]);
	return arena_dup(a, buf_slice(&text));
}

int maillist_token_read(const unsigned char key[MAILLIST_KEY], slice text, int64_t now,
	struct maillist_token *ret, struct err *e)
{
	AUTO(buf) struct buf bytes = BUF(64), upper = BUF(64);
	unsigned char mac[32];
	if (text.n != MAILLIST_TOKEN_TEXT)
		return err_set(e, ERR_PROTO, "not a token of ours");
	char kind = ascii_lower(text.p[0]);
	for (size_t i = 1; i < text.n; i++)
		buf_byte(&upper,
			text.p[i] >= 'a' && text.p[i] <= 'z' ? (char)(text.p[i] - 32) : text.p[i]);
	if (!base32hex_decode(&bytes, buf_slice(&upper)) || bytes.n != BODY + MAC)
		return err_set(e, ERR_PROTO, "not a token of ours");
	mac_of(key, kind, slice_first(buf_slice(&bytes), BODY), mac);
	if (CRYPTO_memcmp(mac, bytes.p + BODY, MAC) != 0)
		return err_set(e, ERR_PROTO, "not a token of ours");
	struct cur c = cur_of(buf_slice(&bytes));
	int64_t high = cur_u8(&c), low = cur_u32(&c), hours = (int64_t)cur_u8(&c) << 16;
	hours |= cur_u16(&c);
	*ret = (struct maillist_token){
		(enum maillist_token_kind)kind, high << 32 | low, hours * HOUR};
	if (hours && now >= hours * HOUR)
		return err_set(e, ERR_TIMEOUT, "the time of this token is over");
	return 0;
}
