/*
 * Session tickets (RFC 5077, RFC 8446 4.6.1) that all processes with the same secret can read.
 * Keys are HMAC-SHA256(secret, label, period): they rotate by the clock without any talk between
 * processes. Tickets of the last period are accepted and renewed, those of the next one, too
 * (clocks differ).
 */
#include "run/tls_ctx.h"

#include "base/must.h"
#include "base/rand.h"
#include <openssl/core_names.h>
#include <openssl/hmac.h>

enum { IV_BYTES = 16 };
static const int64_t PERIOD = 12 * HOUR;

static void derive(
	const struct tls_ctx *ctx, slice label, int64_t period, unsigned char *out, size_t n)
{
	unsigned char text[64], mac[32];
	unsigned len = 0;
	must(label.n + sizeof period <= sizeof text && n <= sizeof mac);
	memcpy(text, label.p, label.n);
	for (size_t i = 0; i < sizeof period; i++)
		text[label.n + i] = (unsigned char)((uint64_t)period >> (8 * i));
	must(HMAC(EVP_sha256(), ctx->ticket_secret, sizeof ctx->ticket_secret, text,
		label.n + sizeof period, mac, &len));
	memcpy(out, mac, n);
	OPENSSL_cleanse(mac, sizeof mac);
}

static void derive_keys(const struct tls_ctx *ctx, int64_t period, struct tls_ticket_keys *k)
{
	k->period = period;
	derive(ctx, S("posthouse ticket name"), period, k->name, sizeof k->name);
	derive(ctx, S("posthouse ticket cipher"), period, k->aes, sizeof k->aes);
	derive(ctx, S("posthouse ticket mac"), period, k->mac, sizeof k->mac);
}

/* keys[0] last, keys[1] this, keys[2] next period. */
static const struct tls_ticket_keys *fresh_keys(struct tls_ctx *ctx)
{
	int64_t now = wall_now() / PERIOD;
	if (ctx->keys[1].period != now)
		for (int i = 0; i < 3; i++)
			derive_keys(ctx, now - 1 + i, &ctx->keys[i]);
	return ctx->keys;
}

static bool use_mac(EVP_MAC_CTX *mac, const struct tls_ticket_keys *k)
{
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_octet_string(
			OSSL_MAC_PARAM_KEY, (void *)(uintptr_t)k->mac, sizeof k->mac),
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char[]){"SHA256"}, 0),
		OSSL_PARAM_construct_end(),
	};
	return EVP_MAC_CTX_set_params(mac, params) == 1;
}

/* Returns what SSL_CTX_set_tlsext_ticket_key_evp_cb(3) asks: -1 error, 0 unknown, 1 good, 2 renew.
 */
static int seal(const struct tls_ticket_keys *k, unsigned char *name, unsigned char *iv,
	EVP_CIPHER_CTX *c, EVP_MAC_CTX *mac)
{
	memcpy(name, k->name, sizeof k->name);
	rand_bytes(iv, IV_BYTES);
	return EVP_EncryptInit_ex(c, EVP_aes_256_cbc(), NULL, k->aes, iv) == 1 && use_mac(mac, k)
		       ? 1
		       : -1;
}

static int unseal(const struct tls_ticket_keys *keys, const unsigned char *name,
	const unsigned char *iv, EVP_CIPHER_CTX *c, EVP_MAC_CTX *mac)
{
	for (int i = 0; i < 3; i++) {
		const struct tls_ticket_keys *k = &keys[i];
		if (memcmp(name, k->name, sizeof k->name) != 0)
			continue;
		if (EVP_DecryptInit_ex(c, EVP_aes_256_cbc(), NULL, k->aes, iv) != 1 ||
			!use_mac(mac, k))
			return -1;
		return i == 0 ? 2 : 1;
	}
	return 0;
}

static int on_ticket(SSL *ssl, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *c,
	EVP_MAC_CTX *mac, int sealing)
{
	struct tls_ctx *ctx = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
	const struct tls_ticket_keys *keys = fresh_keys(ctx);
	if (sealing)
		return seal(&keys[1], name, iv, c, mac);
	int r = unseal(keys, name, iv, c, mac);
	/* In TLS 1.3 a ticket is for one use: the client needs the next one (RFC 8446 C.4). */
	return r == 1 && SSL_version(ssl) >= TLS1_3_VERSION ? 2 : r;
}

void tls_ticket_init(struct tls_ctx *ctx, slice secret)
{
	/* However long the caller's secret is: 32 bytes of key. */
	if (secret.n == 0)
		rand_bytes(ctx->ticket_secret, sizeof ctx->ticket_secret);
	else
		must(EVP_Digest(secret.p, secret.n, ctx->ticket_secret, NULL, EVP_sha256(), NULL) ==
			1);
	ctx->keys[1].period = -1;
	SSL_CTX_set_tlsext_ticket_key_evp_cb(ctx->ssl, on_ticket);
	SSL_CTX_set_num_tickets(ctx->ssl, 1);
	SSL_CTX_set_timeout(ctx->ssl, (long)(PERIOD / SECOND));
}
