/* The TLS part of the plan (dns_plan.h): digests for TLSA records (RFC 6698, 7671) and CAA. */
#include "bin/dns_plan_impl.h"

#include "base/hex.h"
#include "base/mem.h"
#include "bin/tr.h"
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

static void auto_bio(BIO **b)
{
	BIO_free(*b);
}

static bool digest_der(unsigned char *der, int n, unsigned char ret[PLAN_DIGEST])
{
	bool fine = n > 0 && EVP_Digest(der, (size_t)n, ret, NULL, EVP_sha256(), NULL) == 1;
	OPENSSL_free(der);
	return fine;
}

static X509 *read_certificate(slice file, struct arena *a)
{
	AUTO(bio) BIO *in = BIO_new_file(arena_strz(a, file), "r");
	X509 *cert = in ? PEM_read_bio_X509(in, NULL, NULL, NULL) : NULL;
	ERR_clear_error();
	return cert;
}

/* The names by which authorities are known in CAA records (RFC 8659). */
static slice issuer_domain(X509 *cert)
{
	static const struct {
		const char *organisation;
		slice domain;
	} known[] = {{"Let's Encrypt", S_INIT("letsencrypt.org")},
		{"DigiCert", S_INIT("digicert.com")}, {"Sectigo", S_INIT("sectigo.com")},
		{"ZeroSSL", S_INIT("sectigo.com")}, {"GlobalSign", S_INIT("globalsign.com")},
		{"Google Trust Services", S_INIT("pki.goog")},
		{"TrustAsia", S_INIT("trust-provider.cn")}, {"CFCA", S_INIT("cfca.com.cn")}};
	char text[200] = "";
	X509_NAME_get_text_by_NID(
		X509_get_issuer_name(cert), NID_organizationName, text, sizeof text);
	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		if (strstr(text, known[i].organisation))
			return known[i].domain;
	return (slice){0};
}

static void add_tlsa(
	struct making_plan *m, const unsigned char digest[PLAN_DIGEST], const char *why)
{
	AUTO(buf) struct buf hex = BUF(2 * PLAN_DIGEST);
	struct arena *a = m->mem;
	hex_encode(&hex, slice_of(digest, PLAN_DIGEST));
	plan_add(m, PLAN_TLSA, "TLSA", arena_printf(a, "_25._tcp.%.*s", SFMT(m->p->hostname)),
		arena_printf(a, "3 1 1 %.*s", SFMT(buf_slice(&hex))), true, why);
}

static int read_next_key(struct making_plan *m, slice file, struct err *e)
{
	AUTO(bio) BIO *in = BIO_new_file(arena_strz(m->mem, file), "r");
	unsigned char *der = NULL;
	EVP_PKEY *key = in ? PEM_read_bio_PrivateKey(in, NULL, NULL, NULL) : NULL;
	if (!key && in && BIO_reset(in) >= 0)
		key = PEM_read_bio_PUBKEY(in, NULL, NULL, NULL);
	ERR_clear_error();
	int n = key ? i2d_PUBKEY(key, &der) : 0;
	EVP_PKEY_free(key);
	m->p->has_next = digest_der(der, n, m->p->next_digest);
	return m->p->has_next ? 0 : err_set(e, ERR_PROTO, "no key in PEM form: %.*s", SFMT(file));
}

int plan_add_tls(struct making_plan *m, const struct plan_input *in, struct err *e)
{
	struct plan *p = m->p;
	unsigned char *der = NULL;
	X509 *cert = read_certificate(in->config->certificate, m->mem);
	slice issuer = cert ? issuer_domain(cert) : (slice){0};
	int n = cert ? i2d_X509_PUBKEY(X509_get_X509_PUBKEY(cert), &der) : 0;
	X509_free(cert);
	p->has_digest = digest_der(der, n, p->digest);
	if (in->next_key.n && read_next_key(m, in->next_key, e) < 0)
		return -1;
	if (p->has_digest)
		add_tlsa(m, p->digest,
			T("DANE: the key of our certificate. Counts only when the zone is signed "
			  "by DNSSEC; must be replaced before the key is.",
				"DANE：本机证书的公钥。仅当区域有 DNSSEC "
				"签名时有效；更换密钥前必须先"
				"更新此记录。"));
	if (p->has_next)
		add_tlsa(m, p->next_digest,
			T("DANE: the key that will follow. Publish it before the change.",
				"DANE：下一个密钥。请在更换之前发布。"));
	if (issuer.n)
		plan_add(m, PLAN_CAA, "CAA", p->hostname,
			arena_printf(m->mem, "0 issue \"%.*s\"", SFMT(issuer)), true,
			T("Only this authority may issue certificates for the name.",
				"只有此机构可为该名称签发证书。"));
	return 0;
}
