/*
 * Verifying tokens (jwt.h): RFC 7515 section 5.2, RFC 7518 for the algorithms, RFC 8037 for EdDSA, RFC 8725 for what can go wrong. What a
 * claim means for a login is decided by the caller (bin/identity_oidc.c). Does not decrypt (JWE), has no symmetric keys.
 */
#include "codec/jwt.h"

#include "base/buf.h"
#include "base/mem.h"
#include "codec/json_read.h"
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>
#include <string.h>

enum { RSA_BITS_MIN = 2048, RSA_BITS_MAX = 16384, KID_MAX = 300 };

enum kind { KIND_RSA = 1, KIND_EC, KIND_OKP };
static const struct algorithm {
	const char *name;
	enum kind kind;
	const char *digest; /* NULL: the algorithm has its own */
	bool pss;
	const char *curve; /* EC: of keys */
	size_t half; /* EC: bytes of r and of s */
} algorithms[] = {
	{"RS256", KIND_RSA, "SHA256", false, NULL, 0},
	{"RS384", KIND_RSA, "SHA384", false, NULL, 0},
	{"RS512", KIND_RSA, "SHA512", false, NULL, 0},
	{"PS256", KIND_RSA, "SHA256", true, NULL, 0},
	{"PS384", KIND_RSA, "SHA384", true, NULL, 0},
	{"PS512", KIND_RSA, "SHA512", true, NULL, 0},
	{"ES256", KIND_EC, "SHA256", false, "P-256", 32},
	{"ES384", KIND_EC, "SHA384", false, "P-384", 48},
	{"ES512", KIND_EC, "SHA512", false, "P-521", 66},
	{"EdDSA", KIND_OKP, NULL, false, "Ed25519", 0},
};

static const struct algorithm *find_algorithm(slice name)
{
	for (size_t i = 0; i < sizeof algorithms / sizeof *algorithms; i++)
		if (slice_eq(name, slice_z(algorithms[i].name)))
			return &algorithms[i];
	return NULL;
}

/* ---- base64url without padding, the canonical form only (RFC 7515 section 2) ---- */

static int digit(char c)
{
	return c >= 'A' && c <= 'Z'   ? c - 'A'
	       : c >= 'a' && c <= 'z' ? c - 'a' + 26
	       : c >= '0' && c <= '9' ? c - '0' + 52
	       : c == '-'             ? 62
	       : c == '_'             ? 63
				      : -1;
}

static bool decode(slice in, struct buf *out)
{
	uint32_t bits = 0;
	unsigned have = 0;
	for (size_t i = 0; i < in.n; i++) {
		int d = digit(in.p[i]);
		if (d < 0)
			return false;
		bits = bits << 6 | (uint32_t)d;
		have += 6;
		if (have >= 8) {
			have -= 8;
			buf_byte(out, (char)(bits >> have));
		}
	}
	return have < 6 && (bits & ((1U << have) - 1)) == 0 && buf_ok(out);
}

/* ---- keys ---- */

struct key {
	EVP_PKEY *pkey;
	enum kind kind;
	char kid[KID_MAX + 1], curve[12],
		alg[12]; /* alg: the only one it is for; empty: any of its kind */
};
struct jwks {
	struct key v[JWKS_KEYS_MAX];
	size_t n;
};

static EVP_PKEY *from_params(const char *type, OSSL_PARAM_BLD *b)
{
	EVP_PKEY *pkey = NULL;
	EVP_PKEY_CTX *c = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
	OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(b);
	if (!c || !params || EVP_PKEY_fromdata_init(c) != 1 ||
		EVP_PKEY_fromdata(c, &pkey, EVP_PKEY_PUBLIC_KEY, params) != 1)
		pkey = NULL;
	OSSL_PARAM_free(params);
	EVP_PKEY_CTX_free(c);
	return pkey;
}

static bool member(const json_t *o, const char *name, struct buf *out)
{
	return decode(json_read_text(o, name), out) && out->n > 0;
}

static EVP_PKEY *read_rsa(const json_t *o)
{
	AUTO(buf) struct buf n = BUF(RSA_BITS_MAX / 8 + 8);
	AUTO(buf) struct buf e = BUF(16);
	if (!member(o, "n", &n) || !member(o, "e", &e))
		return NULL;
	BIGNUM *bn = BN_bin2bn((unsigned char *)n.p, (int)n.n, NULL);
	BIGNUM *be = BN_bin2bn((unsigned char *)e.p, (int)e.n, NULL);
	OSSL_PARAM_BLD *b = OSSL_PARAM_BLD_new();
	EVP_PKEY *pkey = NULL;
	if (bn && be && b && BN_num_bits(bn) >= RSA_BITS_MIN && BN_is_odd(be) && !BN_is_one(be) &&
		OSSL_PARAM_BLD_push_BN(b, OSSL_PKEY_PARAM_RSA_N, bn) &&
		OSSL_PARAM_BLD_push_BN(b, OSSL_PKEY_PARAM_RSA_E, be))
		pkey = from_params("RSA", b);
	OSSL_PARAM_BLD_free(b);
	BN_free(bn);
	BN_free(be);
	return pkey;
}

static EVP_PKEY *read_ec(const json_t *o, const struct algorithm *a)
{
	AUTO(buf) struct buf x = BUF(80);
	AUTO(buf) struct buf y = BUF(80);
	AUTO(buf) struct buf point = BUF(200);
	if (!member(o, "x", &x) || !member(o, "y", &y) || x.n != a->half || y.n != a->half)
		return NULL;
	buf_byte(&point, 4); /* uncompressed */
	buf_put(&point, buf_slice(&x));
	buf_put(&point, buf_slice(&y));
	OSSL_PARAM_BLD *b = OSSL_PARAM_BLD_new();
	EVP_PKEY *pkey = NULL;
	if (b && OSSL_PARAM_BLD_push_utf8_string(b, OSSL_PKEY_PARAM_GROUP_NAME, a->curve, 0) &&
		OSSL_PARAM_BLD_push_octet_string(b, OSSL_PKEY_PARAM_PUB_KEY, point.p, point.n))
		pkey = from_params("EC", b); /* refuses a point that is not on the curve */
	OSSL_PARAM_BLD_free(b);
	return pkey;
}

static EVP_PKEY *read_okp(const json_t *o)
{
	AUTO(buf) struct buf x = BUF(64);
	if (!slice_eq(json_read_text(o, "crv"), S("Ed25519")) || !member(o, "x", &x) || x.n != 32)
		return NULL;
	return EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, (unsigned char *)x.p, x.n);
}

static const struct algorithm *curve_of(slice curve)
{
	for (size_t i = 0; i < sizeof algorithms / sizeof *algorithms; i++)
		if (algorithms[i].kind == KIND_EC && slice_eq(curve, slice_z(algorithms[i].curve)))
			return &algorithms[i];
	return NULL;
}

static void copy_text(char *to, size_t size, slice s)
{
	s = slice_first(s, size - 1);
	memcpy(to, s.p, s.n);
	to[s.n] = 0;
}

static bool read_key(const json_t *o, struct key *ret)
{
	slice kty = json_read_text(o, "kty"), use = json_read_text(o, "use"),
	      kid = json_read_text(o, "kid");
	struct key k = {0};
	if ((use.n && !slice_eq(use, S("sig"))) || kid.n > KID_MAX)
		return false;
	if (slice_eq(kty, S("RSA"))) {
		k.kind = KIND_RSA;
		k.pkey = read_rsa(o);
	} else if (slice_eq(kty, S("EC"))) {
		const struct algorithm *a = curve_of(json_read_text(o, "crv"));
		k.kind = KIND_EC;
		k.pkey = a ? read_ec(o, a) : NULL;
	} else if (slice_eq(kty, S("OKP"))) {
		k.kind = KIND_OKP;
		k.pkey = read_okp(o);
	}
	if (!k.pkey)
		return false;
	copy_text(k.kid, sizeof k.kid, kid);
	copy_text(k.curve, sizeof k.curve, json_read_text(o, "crv"));
	copy_text(k.alg, sizeof k.alg, json_read_text(o, "alg"));
	*ret = k;
	return true;
}

int jwks_parse(slice json, struct jwks **ret, struct err *e)
{
	json_error_t bad;
	if (json.n > JWKS_MAX)
		return err_set(e, ERR_PROTO, "the set of keys is too large");
	json_t *root = json_loadb(json.p ? json.p : "", json.n, JSON_REJECT_DUPLICATES, &bad);
	const json_t *keys = json_object_get(root, "keys");
	if (!json_is_array(keys)) {
		json_decref(root);
		return err_set(e, ERR_PROTO, "no set of keys");
	}
	struct jwks *k = NEW(struct jwks);
	for (size_t i = 0; i < json_array_size(keys) && k->n < JWKS_KEYS_MAX; i++)
		if (read_key(json_array_get(keys, i), &k->v[k->n]))
			k->n++;
	json_decref(root);
	*ret = k;
	return 0;
}

void jwks_free(struct jwks *k)
{
	if (!k)
		return;
	for (size_t i = 0; i < k->n; i++)
		EVP_PKEY_free(k->v[i].pkey);
	free(k);
}

size_t jwks_count(const struct jwks *k)
{
	return k->n;
}

/* ---- signatures ---- */

static bool fits(const struct key *k, const struct algorithm *a)
{
	return k->kind == a->kind && (!k->alg[0] || strcmp(k->alg, a->name) == 0) &&
	       (a->kind != KIND_EC || strcmp(k->curve, a->curve) == 0);
}

/* r and s side by side, as DER (RFC 7518 3.4). */
static bool to_der(slice raw, const struct algorithm *a, struct buf *out)
{
	if (raw.n != 2 * a->half)
		return false;
	ECDSA_SIG *sig = ECDSA_SIG_new();
	BIGNUM *r = BN_bin2bn((const unsigned char *)raw.p, (int)a->half, NULL);
	BIGNUM *s = BN_bin2bn((const unsigned char *)raw.p + a->half, (int)a->half, NULL);
	unsigned char *der = NULL;
	int n = 0;
	if (sig && r && s && ECDSA_SIG_set0(sig, r, s)) {
		r = s = NULL; /* sig's now */
		n = i2d_ECDSA_SIG(sig, &der);
	}
	if (n > 0)
		buf_put(out, slice_of(der, (size_t)n));
	OPENSSL_free(der);
	BN_free(r);
	BN_free(s);
	ECDSA_SIG_free(sig);
	return n > 0;
}

static bool check(const struct key *k, const struct algorithm *a, slice text, slice signature)
{
	AUTO(buf) struct buf der = BUF(300);
	EVP_PKEY_CTX *pc = NULL;
	if (a->kind == KIND_EC) {
		if (!to_der(signature, a, &der))
			return false;
		signature = buf_slice(&der);
	}
	EVP_MD_CTX *m = EVP_MD_CTX_new();
	bool ok = m && EVP_DigestVerifyInit_ex(m, &pc, a->digest, NULL, NULL, k->pkey, NULL) == 1;
	if (ok && a->pss)
		ok = EVP_PKEY_CTX_set_rsa_padding(pc, RSA_PKCS1_PSS_PADDING) == 1 &&
		     EVP_PKEY_CTX_set_rsa_pss_saltlen(pc, RSA_PSS_SALTLEN_DIGEST) == 1;
	ok = ok && EVP_DigestVerify(m, (const unsigned char *)signature.p, signature.n,
			   (const unsigned char *)text.p, text.n) == 1;
	EVP_MD_CTX_free(m);
	return ok;
}

/* ---- claims ---- */

/* NumericDate may have a fraction (RFC 7519 section 2). */
static bool time_claim(const json_t *claims, const char *name, double *ret)
{
	const json_t *v = json_object_get(claims, name);
	if (!json_is_number(v))
		return false;
	*ret = json_number_value(v);
	return *ret > 0 && *ret < 1e12;
}

static bool is_for_us(const json_t *claims, const struct jwt_expect *x)
{
	const json_t *aud = json_object_get(claims, "aud"), *one;
	size_t i;
	for (size_t k = 0; k < x->naudiences; k++) {
		if (json_is_string(aud) && slice_eq(json_read_text(claims, "aud"), x->audiences[k]))
			return true;
		json_array_foreach(aud, i,
			one) if (json_is_string(one) &&
				 slice_eq(slice_of(json_string_value(one), json_string_length(one)),
					 x->audiences[k])) return true;
	}
	return false;
}

static int check_claims(const json_t *claims, const struct jwt_expect *x, struct err *e)
{
	double exp, nbf, iat;
	if (!json_is_object(claims))
		return err_set(e, ERR_DENIED, "the token has no claims");
	if (!slice_eq(json_read_text(claims, "iss"), x->issuer))
		return err_set(e, ERR_DENIED, "the token is of another issuer");
	if (!is_for_us(claims, x))
		return err_set(e, ERR_DENIED, "the token is for another audience");
	if (!time_claim(claims, "exp", &exp))
		return err_set(e, ERR_DENIED, "the token has no end");
	if ((double)(x->now - x->skew) >= exp)
		return err_set(e, ERR_DENIED, "the token has expired");
	if (json_object_get(claims, "nbf") &&
		(!time_claim(claims, "nbf", &nbf) || (double)(x->now + x->skew) < nbf))
		return err_set(e, ERR_DENIED, "the token is not valid yet");
	if (!json_object_get(claims, "iat"))
		return 0;
	if (!time_claim(claims, "iat", &iat) || (double)(x->now + x->skew) < iat)
		return err_set(e, ERR_DENIED, "the token was issued in the future");
	if (x->max_life && exp - iat > (double)x->max_life)
		return err_set(e, ERR_DENIED, "the token lives too long");
	return 0;
}

/* ---- a token ---- */

static json_t *read_part(slice part, struct buf *room)
{
	json_error_t bad;
	buf_reset(room);
	return decode(part, room)
		       ? json_loadb(room->p ? room->p : "", room->n, JSON_REJECT_DUPLICATES, &bad)
		       : NULL;
}

static int check_signature(
	const struct jwks *k, const json_t *head, slice text, slice signature, struct err *e)
{
	const struct algorithm *a = find_algorithm(json_read_text(head, "alg"));
	slice kid = json_read_text(head, "kid");
	bool known = false;
	if (!a)
		return err_set(e, ERR_DENIED, "the token's algorithm is not accepted");
	if (json_object_get(head, "crit") || json_object_get(head, "b64"))
		return err_set(e, ERR_DENIED, "the token has extensions that are not understood");
	for (size_t i = 0; i < k->n; i++) {
		if (!fits(&k->v[i], a) || (kid.n && !slice_eq(kid, slice_z(k->v[i].kid))))
			continue;
		known = true;
		if (check(&k->v[i], a, text, signature))
			return 0;
	}
	return known ? err_set(e, ERR_DENIED, "the token's signature is wrong")
		     : err_set(e, ERR_NOTFOUND, "the token's key is not known");
}

int jwt_verify(const struct jwks *k, slice token, const struct jwt_expect *x, json_t **ret_claims,
	struct err *e)
{
	AUTO(buf) struct buf room = BUF(JWT_MAX);
	AUTO(buf) struct buf signature = BUF(2048);
	slice rest = token, head, payload, last;
	if (token.n > JWT_MAX || !slice_cut(&rest, '.', &head) ||
		!slice_cut(&rest, '.', &payload) || !slice_cut(&rest, '.', &last) || rest.p ||
		!decode(last, &signature) || signature.n == 0)
		return err_set(e, ERR_DENIED, "not a signed token");
	json_t *h = read_part(head, &room);
	if (!json_is_object(h)) {
		json_decref(h);
		return err_set(e, ERR_DENIED, "not a signed token");
	}
	int r = check_signature(
		k, h, slice_first(token, head.n + 1 + payload.n), buf_slice(&signature), e);
	json_decref(h);
	json_t *claims = r == 0 ? read_part(payload, &room) : NULL;
	if (r == 0)
		r = check_claims(claims, x, e);
	if (r < 0) {
		json_decref(claims);
		return -1;
	}
	*ret_claims = claims;
	return 0;
}
