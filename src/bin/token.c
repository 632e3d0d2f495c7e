/*
 * Signed links (token.h). The text is base64url (RFC 4648 5, no padding) of
 *
 *	version 1 | verb u16 | role u8 | id u64 | idx u32 | until u64, seconds | who, to the end | HMAC, 20 bytes
 *
 * The digests' writer (queue) makes them, the web process reads them. One text is one meaning: only the
 * canonical encoding is taken. The HMAC is SHA-256 cut to 20 bytes (RFC 2104 5), compared in constant time.
 */
#include "bin/token.h"

#include "base/b64.h"
#include "base/cur.h"
#include "base/mem.h"
#include "base/time.h"
#include "bin/keys_client.h"
#include <openssl/crypto.h>

enum {
	LAYOUT = 1,
	MAC = 20,
	HEAD = 1 + 2 + 1 + 8 + 4 + 8, /* bytes before who */
	BYTES_MAX = HEAD + TOKEN_WHO_MAX + MAC,
};

/* ---- base64url ---- */

static int put_text(struct buf *out, slice bytes, struct err *e)
{
	AUTO(buf) struct buf t = BUF(TOKEN_TEXT_MAX + 4);
	b64_encode(&t, bytes);
	while (t.n && t.p[t.n - 1] == '=')
		t.n--;
	for (size_t i = 0; i < t.n; i++)
		t.p[i] = t.p[i] == '+' ? '-' : t.p[i] == '/' ? '_' : t.p[i];
	buf_put(out, buf_slice(&t));
	if (!buf_ok(out) || !buf_ok(&t))
		return err_set(e, ERR_LIMIT, "a link is too long");
	return 0;
}

static bool get_text(slice text, struct buf *out)
{
	AUTO(buf) struct buf t = BUF(TOKEN_TEXT_MAX + 4);
	if (text.n > TOKEN_TEXT_MAX)
		return false;
	for (size_t i = 0; i < text.n; i++) {
		char c = text.p[i];
		if (c == '+' || c == '/' || c == '=')
			return false;
		buf_byte(&t, c == '-' ? '+' : c == '_' ? '/' : c);
	}
	while (t.n % 4)
		buf_byte(&t, '=');
	return b64_decode(out, buf_slice(&t));
}

/* ---- the bytes ---- */

static void pack(const struct token *t, struct buf *out)
{
	buf_u8(out, LAYOUT);
	buf_u16(out, (uint16_t)t->verb);
	buf_u8(out, (uint8_t)t->role);
	buf_u64(out, (uint64_t)t->id);
	buf_u32(out, (uint32_t)t->idx);
	buf_u64(out, (uint64_t)(t->until / SECOND));
	buf_put(out, t->who);
}

/* A single verb that is one of ours. */
static bool known(unsigned verb)
{
	return verb && (verb & (verb - 1)) == 0 && verb <= QUARANTINE_UNDO;
}

static bool unpack(slice bytes, struct arena *a, struct token *ret)
{
	struct cur c = cur_of(bytes);
	if (cur_u8(&c) != LAYOUT)
		return false;
	unsigned verb = cur_u16(&c), role = cur_u8(&c);
	uint64_t id = cur_u64(&c);
	int32_t idx = (int32_t)cur_u32(&c);
	uint64_t until = cur_u64(&c);
	slice who = cur_rest(&c);
	if (!cur_ok(&c) || !known(verb) || role > QUARANTINE_APPROVER || idx < -1 ||
		id > INT64_MAX || until > INT64_MAX / SECOND)
		return false;
	*ret = (struct token){
		.verb = (enum quarantine_verb)verb,
		.role = (enum quarantine_role)role,
		.id = (msg_id)id,
		.idx = idx,
		.until = (int64_t)until * SECOND,
		.who = arena_dup(a, who),
	};
	return true;
}

/* ---- HMACs; what each is about comes first, so that none is good for something else ---- */

static int mac_of(struct keys_client *k, slice about, bool old, slice bytes, unsigned char ret[32],
	struct err *e)
{
	AUTO(buf) struct buf text = BUF(KEYS_HMAC_TEXT_MAX);
	buf_str(&text, about);
	buf_put(&text, bytes);
	return keys_client_hmac(k, S(TOKEN_SECRET), old, buf_slice(&text), ret, e);
}

/* By the present secret, else by the one before. ERR_DENIED when by neither. */
static int mac_check(struct keys_client *k, slice about, slice bytes, slice mac, struct err *e)
{
	unsigned char want[32];
	for (int old = 0; old < 2; old++) {
		if (mac_of(k, about, old, bytes, want, e) < 0) {
			if (old && e->kind == ERR_NOTFOUND)
				break;
			e->kind = e->kind == ERR_TIMEOUT || e->kind == ERR_NOTFOUND ? ERR_TEMP
										    : e->kind;
			return -1;
		}
		if (mac.n == MAC && CRYPTO_memcmp(want, mac.p, MAC) == 0)
			return 0;
	}
	return err_set(e, ERR_DENIED, "not signed here");
}

/* ---- links ---- */

int token_make(struct keys_client *k, const struct token *t, struct buf *out, struct err *e)
{
	AUTO(buf) struct buf bytes = BUF(BYTES_MAX);
	unsigned char mac[32];
	if (t->who.n > TOKEN_WHO_MAX)
		return err_set(
			e, ERR_LIMIT, "an address of %zu bytes is too long for a link", t->who.n);
	pack(t, &bytes);
	if (mac_of(k, S("token"), false, buf_slice(&bytes), mac, e) < 0)
		return -1;
	buf_put(&bytes, slice_of(mac, MAC));
	return put_text(out, buf_slice(&bytes), e);
}

int token_read(struct keys_client *k, slice text, int64_t now, struct arena *a, struct token *ret,
	struct err *e)
{
	AUTO(buf) struct buf bytes = BUF(BYTES_MAX);
	struct token t;
	if (!get_text(text, &bytes) || bytes.n < HEAD + MAC)
		return err_set(e, ERR_PROTO, "not a link of ours");
	slice signed_part = slice_first(buf_slice(&bytes), bytes.n - MAC);
	if (mac_check(k, S("token"), signed_part, slice_skip(buf_slice(&bytes), bytes.n - MAC), e) <
		0) {
		e->kind = e->kind == ERR_DENIED ? ERR_PROTO : e->kind;
		return -1;
	}
	if (!unpack(signed_part, a, &t))
		return err_set(e, ERR_PROTO, "a link of a kind that is not known here");
	*ret = t;
	if (now >= t.until)
		return err_set(e, ERR_TIMEOUT, "the time of this link is over");
	return 0;
}

/* ---- forms ---- */

int token_proof(struct keys_client *k, slice text, struct buf *out, struct err *e)
{
	unsigned char mac[32];
	if (mac_of(k, S("form"), false, text, mac, e) < 0)
		return -1;
	return put_text(out, slice_of(mac, MAC), e);
}

int token_proof_check(struct keys_client *k, slice text, slice proof, struct err *e)
{
	AUTO(buf) struct buf mac = BUF(MAC + 4);
	if (proof.n != TOKEN_PROOF || !get_text(proof, &mac))
		return err_set(e, ERR_DENIED, "not a form of ours");
	return mac_check(k, S("form"), text, buf_slice(&mac), e);
}
