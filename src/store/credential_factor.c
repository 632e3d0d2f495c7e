/*
 * The second factor (credential.h): a secret shared with a program that shows codes (RFC 6238), sealed
 * with AES-256-GCM under a key that is not in the database, and recovery codes as keyed digests. Used by
 * the command line (enrolling) and the auth role (checking, for pages; mail programs cannot ask for codes).
 */
#include "base/mem.h"
#include "base/rand.h"
#include "base/time.h"
#include "codec/totp.h"
#include "store/credential_impl.h"
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

enum {
	NONCE = 12,
	TAG = 16,
	SEALED = NONCE + TOTP_SECRET + TAG,
	DIGEST = 32,
	CODE_LETTERS = 10,
	DRIFT = 1
};

/* ---- sealing ---- */

static bool cipher(bool seal, const unsigned char *key, const unsigned char nonce[NONCE],
	int64_t account_id, const unsigned char *in, unsigned char *out, unsigned char tag[TAG])
{
	EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
	int n = 0, ignored = 0;
	bool ok = c && EVP_CipherInit_ex(c, EVP_aes_256_gcm(), NULL, key, nonce, seal) == 1 &&
		  (seal || EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_SET_TAG, TAG, tag) == 1) &&
		  EVP_CipherUpdate(c, NULL, &ignored, (const unsigned char *)&account_id,
			  sizeof account_id) == 1 &&
		  EVP_CipherUpdate(c, out, &n, in, TOTP_SECRET) == 1 &&
		  EVP_CipherFinal_ex(c, out + n, &ignored) == 1 &&
		  (!seal || EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_GET_TAG, TAG, tag) == 1);
	EVP_CIPHER_CTX_free(c);
	return ok;
}

/* Bound to the account: a row copied to another is worthless. */
static bool seal(const struct credential_keys *k, int64_t account_id,
	const unsigned char secret[TOTP_SECRET], unsigned char out[SEALED])
{
	rand_bytes(out, NONCE);
	return cipher(
		true, k->factor, out, account_id, secret, out + NONCE, out + NONCE + TOTP_SECRET);
}

static bool unseal(const struct credential_keys *k, int64_t account_id, slice sealed,
	unsigned char out[TOTP_SECRET])
{
	unsigned char raw[SEALED];
	if (sealed.n != SEALED)
		return false;
	memcpy(raw, sealed.p, SEALED);
	return cipher(
		false, k->factor, raw, account_id, raw + NONCE, out, raw + NONCE + TOTP_SECRET);
}

_Static_assert((int)SEALED == (int)FACTOR_SEALED, "credential_impl.h says how large one is");
bool factor_seal_anew(const struct credential_keys *from, int64_t from_id, slice sealed,
	const struct credential_keys *to, int64_t to_id, unsigned char ret[FACTOR_SEALED])
{
	unsigned char secret[TOTP_SECRET];
	bool good = unseal(from, from_id, sealed, secret) && seal(to, to_id, secret, ret);
	OPENSSL_cleanse(secret, sizeof secret);
	return good;
}

/* ---- enrolling ---- */

int factor_begin(struct sql *db, const struct credential_keys *k, int64_t account_id,
	struct arena *a, slice *ret_secret, struct err *e)
{
	unsigned char secret[TOTP_SECRET], sealed[SEALED];
	AUTO(buf) struct buf text = BUF(64);
	rand_bytes(secret, sizeof secret);
	if (!seal(k, account_id, secret, sealed))
		return err_set(e, ERR_TEMP, "OpenSSL cannot seal a secret");
	base32_encode(&text, slice_of(secret, sizeof secret));
	OPENSSL_cleanse(secret, sizeof secret);
	if (sql_begin(db, e) < 0)
		return -1;
	int64_t r = sql_run(db, e,
		"INSERT INTO second_factor (account_id, secret, fresh, confirmed_at, last_step)"
		" VALUES ($1, $2, $3, 0, 0)"
		" ON CONFLICT (account_id) DO UPDATE SET fresh = excluded.fresh",
		"ibb", account_id, S(""), slice_of(sealed, SEALED));
	if (credential_end(db, r, e) < 0)
		return -1;
	*ret_secret = arena_dup(a, buf_slice(&text));
	OPENSSL_cleanse(text.p, text.n);
	return 0;
}

struct factor {
	slice secret, fresh;
	int64_t confirmed_at;
	uint64_t last_step;
};

static int find(
	struct sql *db, int64_t account_id, struct arena *a, struct factor *ret, struct err *e)
{
	struct sql_stmt *s = sql_prepare(db,
		"SELECT secret, fresh, confirmed_at, last_step FROM second_factor WHERE account_id "
		"= $1",
		e);
	if (!s)
		return -1;
	sql_bind_int(s, 1, account_id);
	int r = sql_step(s, e);
	if (r <= 0)
		return r < 0 ? -1 : err_set(e, ERR_NOTFOUND, "the account has no second factor");
	*ret = (struct factor){arena_dup(a, sql_text(s, 0)), arena_dup(a, sql_text(s, 1)),
		sql_int(s, 2), (uint64_t)sql_int(s, 3)};
	sql_reset(s);
	return 0;
}

static void recovery_digest(const struct credential_keys *k, slice code, unsigned char out[DIGEST])
{
	HMAC(EVP_sha256(), k->recovery, CREDENTIAL_KEY, (const unsigned char *)code.p, code.n, out,
		NULL);
}

/* "abcde-fghij", 50 bits: few tries, and each wrong one counts as a failed login. */
static slice make_code(struct arena *a)
{
	static const char alphabet[] = "abcdefghjkmnpqrstuvwxyz023456789";
	unsigned char raw[CODE_LETTERS];
	char *out = arena_alloc(a, CODE_LETTERS);
	rand_bytes(raw, sizeof raw);
	for (int i = 0; i < CODE_LETTERS; i++)
		out[i] = alphabet[raw[i] & 31];
	return slice_of(out, CODE_LETTERS);
}

static int64_t put_codes(struct sql *db, const struct credential_keys *k, int64_t account_id,
	struct arena *a, slice ret[FACTOR_CODES], struct err *e)
{
	unsigned char sum[DIGEST];
	int64_t r =
		sql_run(db, e, "DELETE FROM recovery_code WHERE account_id = $1", "i", account_id);
	for (int i = 0; i < FACTOR_CODES && r >= 0; i++) {
		slice code = make_code(a);
		recovery_digest(k, code, sum);
		r = sql_run(db, e, "INSERT INTO recovery_code (account_id, digest) VALUES ($1, $2)",
			"ib", account_id, slice_of(sum, DIGEST));
		ret[i] = arena_printf(a, "%.*s-%.*s", CODE_LETTERS / 2, code.p, CODE_LETTERS / 2,
			code.p + CODE_LETTERS / 2);
	}
	return r;
}

static uint64_t step_at(int64_t wall)
{
	return (uint64_t)(wall / SECOND) / TOTP_STEP_S;
}

static int64_t confirm_tx(struct sql *db, const struct credential_keys *k, int64_t account_id,
	slice code, int64_t now, struct arena *a, slice ret_codes[FACTOR_CODES], struct err *e)
{
	struct factor f;
	unsigned char secret[TOTP_SECRET];
	if (find(db, account_id, a, &f, e) < 0)
		return -1;
	if (f.fresh.n == 0)
		return err_set(e, ERR_NOTFOUND, "no second factor is being set up");
	if (!unseal(k, account_id, f.fresh, secret))
		return err_set(
			e, ERR_PERM, "the secret cannot be read: DATA/auth/secret was replaced");
	uint64_t step = totp_match(slice_of(secret, sizeof secret), code, step_at(now), DRIFT, 0);
	OPENSSL_cleanse(secret, sizeof secret);
	if (!step)
		return err_set(e, ERR_DENIED, "wrong code");
	int64_t r = sql_run(db, e,
		"UPDATE second_factor SET secret = fresh, fresh = $2, confirmed_at = $3, last_step "
		"= $4"
		" WHERE account_id = $1",
		"ibii", account_id, S(""), now, (int64_t)step);
	return r < 0 ? -1 : put_codes(db, k, account_id, a, ret_codes, e);
}

int factor_confirm(struct sql *db, const struct credential_keys *k, int64_t account_id, slice code,
	int64_t now, struct arena *a, slice ret_codes[FACTOR_CODES], struct err *e)
{
	if (sql_begin(db, e) < 0)
		return -1;
	return credential_end(db, confirm_tx(db, k, account_id, code, now, a, ret_codes, e), e);
}

/* ---- checking ---- */

static int64_t use_recovery(struct sql *db, const struct credential_keys *k, int64_t account_id,
	slice code, struct err *e)
{
	char text[CODE_LETTERS];
	unsigned char sum[DIGEST];
	size_t n = 0;
	for (size_t i = 0; i < code.n; i++) {
		if (code.p[i] == '-' || code.p[i] == ' ')
			continue;
		if (n == CODE_LETTERS)
			return err_set(e, ERR_DENIED, "wrong code");
		text[n++] = ascii_lower(code.p[i]);
	}
	if (n < CODE_LETTERS)
		return err_set(e, ERR_DENIED, "wrong code");
	recovery_digest(k, slice_of(text, n), sum);
	int64_t r =
		sql_run(db, e, "DELETE FROM recovery_code WHERE account_id = $1 AND digest = $2",
			"ib", account_id, slice_of(sum, DIGEST));
	return r == 0 ? err_set(e, ERR_DENIED, "wrong code") : r;
}

static int64_t check_tx(struct sql *db, const struct credential_keys *k, int64_t account_id,
	slice code, int64_t now, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	struct factor f;
	unsigned char secret[TOTP_SECRET];
	if (find(db, account_id, &a, &f, e) < 0)
		return -1;
	if (f.confirmed_at == 0)
		return err_set(e, ERR_NOTFOUND, "the account has no second factor");
	if (code.n != TOTP_DIGITS)
		return use_recovery(db, k, account_id, code, e);
	if (!unseal(k, account_id, f.secret, secret))
		return err_set(
			e, ERR_PERM, "the secret cannot be read: DATA/auth/secret was replaced");
	uint64_t step =
		totp_match(slice_of(secret, sizeof secret), code, step_at(now), DRIFT, f.last_step);
	OPENSSL_cleanse(secret, sizeof secret);
	if (!step)
		return err_set(e, ERR_DENIED, "wrong code, or one that was used");
	return sql_run(db, e, "UPDATE second_factor SET last_step = $2 WHERE account_id = $1", "ii",
		account_id, (int64_t)step);
}

/* A used code changes nothing that a session rests on: the version stays. */
int factor_check(struct sql *db, const struct credential_keys *k, int64_t account_id, slice code,
	int64_t now, struct err *e)
{
	code = slice_trim(code);
	if (code.n > FACTOR_CODE_MAX)
		return err_set(e, ERR_DENIED, "wrong code");
	if (sql_begin(db, e) < 0)
		return -1;
	if (check_tx(db, k, account_id, code, now, e) < 0) {
		sql_rollback(db);
		return -1;
	}
	return sql_commit(db, e);
}

int factor_remove(struct sql *db, int64_t account_id, struct err *e)
{
	if (sql_begin(db, e) < 0)
		return -1;
	int64_t r =
		sql_run(db, e, "DELETE FROM second_factor WHERE account_id = $1", "i", account_id);
	if (r == 0)
		r = err_set(e, ERR_NOTFOUND, "the account has no second factor");
	else if (r > 0)
		r = sql_run(
			db, e, "DELETE FROM recovery_code WHERE account_id = $1", "i", account_id);
	return credential_end(db, r, e);
}

int factor_codes_left(struct sql *db, int64_t account_id, int64_t *ret, struct err *e)
{
	struct sql_stmt *s =
		sql_prepare(db, "SELECT COUNT(*) FROM recovery_code WHERE account_id = $1", e);
	if (!s)
		return -1;
	sql_bind_int(s, 1, account_id);
	int r = sql_step(s, e);
	if (r <= 0)
		return -1;
	*ret = sql_int(s, 0);
	sql_reset(s);
	return 0;
}
