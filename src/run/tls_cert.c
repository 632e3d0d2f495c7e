/*
 * The certificate of a fresh installation: self-signed, so that TLS works from the first minute.
 */
#include "run/tls_ctx.h"

#include "base/mem.h"
#include "base/must.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>

enum { YEARS = 10, HOST_MAX = 253, CN_MAX = 64, SERIAL_BITS = 127 };

static bool add_extension(X509 *cert, int nid, const char *value)
{
	X509_EXTENSION *x = X509V3_EXT_conf_nid(NULL, NULL, nid, value);
	bool ok = x && X509_add_ext(cert, x, -1) == 1;
	X509_EXTENSION_free(x);
	return ok;
}

static bool is_ip(const char *host)
{
	unsigned char bytes[16];
	return inet_pton(AF_INET, host, bytes) == 1 || inet_pton(AF_INET6, host, bytes) == 1;
}

static bool set_serial(X509 *cert)
{
	BIGNUM *n = BN_new();
	bool ok = n && BN_rand(n, SERIAL_BITS, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ANY) == 1 &&
		  BN_to_ASN1_INTEGER(n, X509_get_serialNumber(cert));
	BN_free(n);
	return ok;
}

static bool set_names(X509 *cert, const char *host)
{
	char alt[HOST_MAX + 8];
	X509_NAME *name = X509_get_subject_name(cert);
	const char *cn = strlen(host) <= CN_MAX ? host : "posthouse";
	snprintf(alt, sizeof alt, "%s:%s", is_ip(host) ? "IP" : "DNS", host);
	return X509_NAME_add_entry_by_txt(
		       name, "CN", MBSTRING_UTF8, (const unsigned char *)cn, -1, -1, 0) == 1 &&
	       X509_set_issuer_name(cert, name) == 1 &&
	       add_extension(cert, NID_subject_alt_name, alt);
}

static bool fill_cert(X509 *cert, EVP_PKEY *key, const char *host)
{
	return X509_set_version(cert, X509_VERSION_3) == 1 && set_serial(cert) &&
	       X509_gmtime_adj(X509_getm_notBefore(cert), (long)(-HOUR / SECOND)) &&
	       X509_gmtime_adj(X509_getm_notAfter(cert), (long)(YEARS * 365 * DAY / SECOND)) &&
	       X509_set_pubkey(cert, key) == 1 && set_names(cert, host) &&
	       add_extension(cert, NID_basic_constraints, "critical,CA:FALSE") &&
	       add_extension(cert, NID_key_usage, "critical,digitalSignature") &&
	       add_extension(cert, NID_ext_key_usage, "serverAuth,clientAuth") &&
	       X509_sign(cert, key, EVP_sha256()) > 0;
}

static int write_new_file(slice file, mode_t mode, BIO *content, struct err *e)
{
	AUTO(free) char *path = mem_dup(file.p, file.n);
	char *text;
	long n = BIO_get_mem_data(content, &text);
	AUTO(fd) int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
	if (fd < 0)
		return err_sys(e, errno, "%s", path);
	if (write(fd, text, (size_t)n) != n || fsync(fd) < 0) {
		err_sys(e, errno ? errno : ENOSPC, "%s", path);
		unlink(path);
		return -1;
	}
	return 0;
}

static int write_both(X509 *cert, EVP_PKEY *key, slice cert_file, slice key_file, struct err *e)
{
	BIO *c = BIO_new(BIO_s_mem()), *k = BIO_new(BIO_s_secmem());
	int r = -1;
	if (!c || !k || PEM_write_bio_X509(c, cert) != 1 ||
		PEM_write_bio_PKCS8PrivateKey(k, key, NULL, NULL, 0, NULL, NULL) != 1)
		tls_err(e, ERR_TEMP, "writing a certificate");
	else if (write_new_file(cert_file, 0644, c, e) == 0)
		r = write_new_file(key_file, 0600, k, e);
	BIO_free(c);
	BIO_free(k);
	return r;
}

int tls_make_self_signed(slice host, slice cert_file, slice key_file, struct err *e)
{
	char name[HOST_MAX + 1];
	if (host.n == 0 || host.n > HOST_MAX || memchr(host.p, 0, host.n) ||
		memchr(host.p, ',', host.n))
		return err_set(e, ERR_PERM, "bad host name for a certificate");
	memcpy(name, host.p, host.n);
	name[host.n] = 0;
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *cert = X509_new();
	int r = key && cert && fill_cert(cert, key, name)
			? write_both(cert, key, cert_file, key_file, e)
			: tls_err(e, ERR_TEMP, "making a certificate");
	X509_free(cert);
	EVP_PKEY_free(key);
	return r;
}
