/*
 * Making and checking password verifiers (password.h): libargon2, OpenSSL for SCRAM's keys, gsasl
 * for SASLprep. No storage in here; directory.c keeps the strings.
 */
#include "store/password.h"

#include "base/b64.h"
#include "base/buf.h"
#include "base/mem.h"
#include "base/rand.h"

#include <argon2.h>
#include <gsasl.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>
#include <stdio.h>

enum {
	SALT = 16,
	HASH = 32,
	/* A verifier that asks for more is not ours. */
	ARGON_KIB_MAX = 1024 * 1024,
	ARGON_PASSES_MAX = 16,
	ARGON_LANES_MAX = 16,
	ARGON_TEXT_MAX = 512,
};

/* The prepared password, NUL-terminated, to be freed by forget(); NULL when forbidden. */
static char *prepare(slice password)
{
	if (password.n == 0 || password.n > PASSWORD_MAX || memchr(password.p, 0, password.n))
		return NULL;
	char *z = mem_dup(password.p, password.n), *out = NULL;
	int detail, r = gsasl_saslprep(z, 0, &out, &detail);
	OPENSSL_cleanse(z, password.n);
	free(z);
	return r == GSASL_OK ? out : NULL;
}

static void forget(char *prepared)
{
	if (prepared)
		OPENSSL_cleanse(prepared, strlen(prepared));
	free(prepared);
}

static int make_argon2(const char *z, struct arena *a, slice *ret, struct err *e)
{
	unsigned char salt[SALT];
	char out[ARGON_TEXT_MAX];
	rand_bytes(salt, sizeof salt);
	int r = argon2id_hash_encoded(PASSWORD_ARGON_PASSES, PASSWORD_ARGON_KIB, 1, z, strlen(z),
		salt, sizeof salt, HASH, out, sizeof out);
	if (r != ARGON2_OK)
		return err_set(e, ERR_TEMP, "argon2: %s", argon2_error_message(r));
	*ret = arena_dup(a, slice_z(out));
	return 0;
}

/* RFC 5802 section 3: ClientKey, StoredKey and ServerKey from the salted password. */
static int make_scram(const char *z, struct arena *a, slice *ret, struct err *e)
{
	unsigned char salt[SALT], salted[HASH], client[HASH], stored[HASH], server[HASH];
	rand_bytes(salt, sizeof salt);
	bool ok = PKCS5_PBKDF2_HMAC(z, (int)strlen(z), salt, sizeof salt, PASSWORD_SCRAM_ITERATIONS,
			  EVP_sha256(), HASH, salted) &&
		  HMAC(EVP_sha256(), salted, HASH, (const unsigned char *)"Client Key", 10, client,
			  NULL) &&
		  SHA256(client, HASH, stored) &&
		  HMAC(EVP_sha256(), salted, HASH, (const unsigned char *)"Server Key", 10, server,
			  NULL);
	OPENSSL_cleanse(salted, sizeof salted);
	OPENSSL_cleanse(client, sizeof client);
	if (!ok)
		return err_set(e, ERR_TEMP, "OpenSSL cannot derive the SCRAM keys");
	AUTO(buf) struct buf out = BUF(256);
	buf_printf(&out, "SCRAM-SHA-256$%d:", PASSWORD_SCRAM_ITERATIONS);
	b64_encode(&out, slice_of(salt, SALT));
	buf_byte(&out, '$');
	b64_encode(&out, slice_of(stored, HASH));
	buf_byte(&out, ':');
	b64_encode(&out, slice_of(server, HASH));
	*ret = arena_dup(a, buf_slice(&out));
	return 0;
}

int password_make(slice password, struct arena *a, struct password *ret, struct err *e)
{
	if (password.n > PASSWORD_MAX)
		return err_set(e, ERR_PROTO, "password is longer than %d bytes", PASSWORD_MAX);
	char *z = prepare(password);
	if (!z)
		return err_set(e, ERR_PROTO,
			"password has control characters or others that SASLprep (RFC 4013) "
			"forbids");
	struct password made;
	int r = make_argon2(z, a, &made.argon2, e);
	if (r == 0)
		r = make_scram(z, a, &made.scram, e);
	forget(z);
	if (r == 0)
		*ret = made;
	return r;
}

static bool sane_argon2(const char *encoded)
{
	unsigned version, kib, passes, lanes;
	int end = 0;
	return sscanf(encoded, "$argon2id$v=%u$m=%u,t=%u,p=%u$%n", &version, &kib, &passes, &lanes,
		       &end) == 4 &&
	       end > 0 && kib <= ARGON_KIB_MAX && passes <= ARGON_PASSES_MAX &&
	       lanes <= ARGON_LANES_MAX;
}

/* As much work as a real check. */
static void waste_time(const char *z)
{
	static const unsigned char salt[SALT];
	unsigned char hash[HASH];
	argon2id_hash_raw(
		PASSWORD_ARGON_PASSES, PASSWORD_ARGON_KIB, 1, z, strlen(z), salt, SALT, hash, HASH);
}

bool password_verify(slice argon2, slice password)
{
	char *z = prepare(password);
	if (!z)
		return false;
	bool ok = false;
	char encoded[ARGON_TEXT_MAX];
	if (argon2.n == 0) {
		waste_time(z);
	} else if (argon2.n < sizeof encoded && !memchr(argon2.p, 0, argon2.n)) {
		memcpy(encoded, argon2.p, argon2.n);
		encoded[argon2.n] = 0;
		ok = sane_argon2(encoded) && argon2id_verify(encoded, z, strlen(z)) == ARGON2_OK;
	}
	forget(z);
	return ok;
}

static bool is_b64_of(slice s, size_t min, size_t max)
{
	AUTO(buf) struct buf out = BUF(max);
	return b64_decode(&out, s) && buf_ok(&out) && out.n >= min;
}

bool password_scram_parse(slice scram, struct password_scram *ret)
{
	struct password_scram p;
	slice name, first;
	uint64_t iterations;
	if (!slice_cut(&scram, '$', &name) || !slice_eq(name, S("SCRAM-SHA-256")) ||
		!slice_cut(&scram, '$', &first) || !slice_cut(&first, ':', &p.iterations) ||
		!slice_u64(p.iterations, &iterations) || iterations < 4096 || iterations > 10000000)
		return false;
	p.salt = first;
	if (!slice_cut(&scram, ':', &p.stored_key))
		return false;
	p.server_key = scram;
	if (!is_b64_of(p.salt, 1, 256) || !is_b64_of(p.stored_key, HASH, HASH) ||
		!is_b64_of(p.server_key, HASH, HASH))
		return false;
	*ret = p;
	return true;
}
