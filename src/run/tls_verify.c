/*
 * Whom a TLS client trusts: names and authorities (RFC 6125), or TLSA records (DANE: RFC 6698,
 * 7671, for mail RFC 7672), and what a failed check was about. Called by tls.c, which shakes hands.
 *
 * Of DANE only usages 2 and 3 are used, as RFC 7672 3.1 has it for mail. OpenSSL walks the chain; a
 * certificate that a record of usage 3 matches is accepted with any name and beyond its expiry.
 */
#include "run/tls_ctx.h"

#include "run/dns.h"
#include <openssl/err.h>
#include <openssl/x509v3.h>

enum { USAGE_TA = 2, USAGE_EE = 3, SELECT_CERT = 0, SELECT_KEY = 1, NAME_BYTES = 256 };
enum { MATCH_FULL = 0, MATCH_SHA256 = 1, MATCH_SHA512 = 2 };

const char *tls_failure_name(enum tls_failure f)
{
	static const char *const names[TLS_FAILURES] = {
		[TLS_FAIL_NONE] = "",
		[TLS_FAIL_STARTTLS] = "starttls-not-supported",
		[TLS_FAIL_HOST] = "certificate-host-mismatch",
		[TLS_FAIL_EXPIRED] = "certificate-expired",
		[TLS_FAIL_TRUST] = "certificate-not-trusted",
		[TLS_FAIL_VALIDATION] = "validation-failure",
		[TLS_FAIL_TLSA] = "tlsa-invalid",
		[TLS_FAIL_DNSSEC] = "dnssec-invalid",
		[TLS_FAIL_DANE_REQUIRED] = "dane-required",
		[TLS_FAIL_STS_FETCH] = "sts-policy-fetch-error",
		[TLS_FAIL_STS_INVALID] = "sts-policy-invalid",
		[TLS_FAIL_STS_WEBPKI] = "sts-webpki-invalid",
	};
	return names[f];
}

/* ---- TLSA records */

static bool is_der(int selector, slice data)
{
	const unsigned char *p = (const unsigned char *)data.p;
	X509 *cert = NULL;
	EVP_PKEY *key = NULL;
	if (selector == SELECT_CERT)
		cert = d2i_X509(NULL, &p, (long)data.n);
	else
		key = d2i_PUBKEY(NULL, &p, (long)data.n);
	bool whole = (cert || key) && p == (const unsigned char *)data.p + data.n;
	X509_free(cert);
	EVP_PKEY_free(key);
	ERR_clear_error();
	return whole;
}

bool tls_tlsa_usable(const struct dns_tlsa *t)
{
	if ((t->usage != USAGE_TA && t->usage != USAGE_EE) || t->selector > SELECT_KEY)
		return false;
	switch (t->matching) {
	case MATCH_FULL:
		return is_der(t->selector, t->data);
	case MATCH_SHA256:
		return t->data.n == 32;
	case MATCH_SHA512:
		return t->data.n == 64;
	default:
		return false;
	}
}

static int add_records(SSL *ssl, const struct tls_want *w, struct err *e)
{
	unsigned added = 0;
	for (size_t i = 0; i < w->ntlsa; i++) {
		const struct dns_tlsa *t = &w->tlsa[i];
		if (tls_tlsa_usable(t) && SSL_dane_tlsa_add(ssl, t->usage, t->selector, t->matching,
						  (const unsigned char *)t->data.p, t->data.n) > 0)
			added++;
	}
	ERR_clear_error();
	return added ? 0 : err_set(e, ERR_DENIED, "TLS: no usable TLSA record");
}

/* ---- names */

static bool take_name(slice host, char to[NAME_BYTES])
{
	if (host.n > 0 && host.p[host.n - 1] == '.')
		host.n--;
	if (host.n == 0 || host.n >= NAME_BYTES || memchr(host.p, 0, host.n))
		return false;
	memcpy(to, host.p, host.n);
	to[host.n] = 0;
	return true;
}

static int expect_records(SSL *ssl, const struct tls_want *w, const char *base, struct err *e)
{
	char name[NAME_BYTES];
	if (SSL_dane_enable(ssl, base) != 1)
		return tls_err(e, ERR_PERM, "DANE");
	SSL_dane_set_flags(ssl, DANE_FLAG_NO_DANE_EE_NAMECHECKS); /* RFC 7672 3.1.1 */
	for (size_t i = 0; i < w->nnames; i++)
		if (take_name(w->names[i], name) && SSL_add1_host(ssl, name) != 1)
			return tls_err(e, ERR_PERM, "DANE name");
	return add_records(ssl, w, e);
}

/* SNI unless it is an IP (RFC 6066 3), and the name the certificate must have. */
static int expect_name(SSL *ssl, const char *name, enum tls_verify v, struct err *e)
{
	ASN1_OCTET_STRING *ip = a2i_IPADDRESS(name);
	ASN1_OCTET_STRING_free(ip);
	int r = 1;
	if (!ip)
		r = SSL_set_tlsext_host_name(ssl, name) == 1;
	if (r == 1 && v != TLS_VERIFY_CA) /* opportunistic, too: tls_get_info tells the result */
		r = ip ? X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), name)
		       : SSL_set1_host(ssl, name);
	return r == 1 ? 0 : tls_err(e, ERR_PERM, "host name for TLS");
}

int tls_expect(SSL *ssl, const struct tls_want *w, struct err *e)
{
	char name[NAME_BYTES];
	bool needed = w->verify >= TLS_VERIFY_HOST;
	if (w->host.n == 0 && !needed)
		return 0;
	if (!take_name(w->host, name))
		return err_set(e, ERR_PERM, "bad host name for TLS");
	SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	return w->verify == TLS_VERIFY_DANE ? expect_records(ssl, w, name, e)
					    : expect_name(ssl, name, w->verify, e);
}

/* ---- what was wrong */

enum tls_failure tls_verdict(const SSL *ssl)
{
	switch (SSL_get_verify_result(ssl)) {
	case X509_V_OK: /* also when there was no certificate to look at */
	case X509_V_ERR_DANE_NO_MATCH:
		return TLS_FAIL_VALIDATION;
	case X509_V_ERR_CERT_HAS_EXPIRED:
	case X509_V_ERR_CERT_NOT_YET_VALID:
		return TLS_FAIL_EXPIRED;
	case X509_V_ERR_HOSTNAME_MISMATCH:
	case X509_V_ERR_IP_ADDRESS_MISMATCH:
		return TLS_FAIL_HOST;
	default:
		return TLS_FAIL_TRUST;
	}
}
