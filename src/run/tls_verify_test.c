/* Clients that verify by TLSA records: which records are usable, which certificates they vouch for.
 */
#include "run/tls.h"

#include "base/mem.h"
#include "base/test.h"
#include "run/co.h"
#include "run/dns.h"
#include "run/loop.h"
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <unistd.h>

/* ---- an authority, a host's certificate by it, one that has expired, and a stranger */

enum who { AUTHORITY, HOST, EXPIRED, STRANGER, WHOS };

static struct {
	X509 *cert;
	EVP_PKEY *key;
} made[WHOS];
static char dir[64];

static void extend(X509 *cert, int nid, const char *value)
{
	X509_EXTENSION *x = X509V3_EXT_conf_nid(NULL, NULL, nid, value);
	CHECK(x && X509_add_ext(cert, x, -1) == 1);
	X509_EXTENSION_free(x);
}

static void make(enum who w, const char *name, enum who issuer, long ends)
{
	char alt[100];
	X509 *cert = made[w].cert = X509_new();
	EVP_PKEY *key = made[w].key = EVP_EC_gen("P-256");
	snprintf(alt, sizeof alt, "DNS:%s", name);
	X509_set_version(cert, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(cert), (long)w + 1);
	X509_gmtime_adj(X509_getm_notBefore(cert), -10 * 86400);
	X509_gmtime_adj(X509_getm_notAfter(cert), ends);
	X509_set_pubkey(cert, key);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN", MBSTRING_UTF8,
		(const unsigned char *)name, -1, -1, 0);
	X509_set_issuer_name(cert, X509_get_subject_name(made[issuer].cert));
	extend(cert, NID_subject_alt_name, alt);
	extend(cert, NID_basic_constraints, w == AUTHORITY ? "critical,CA:TRUE" : "CA:FALSE");
	CHECK(X509_sign(cert, made[issuer].key, EVP_sha256()) > 0);
}

static slice path(const char *name)
{
	static char paths[8][128];
	static unsigned n;
	char *p = paths[n++ % 8];
	return slice_of(p, (size_t)snprintf(p, 128, "%s/%s", dir, name));
}

static void write_pem(enum who w)
{
	char name[20];
	snprintf(name, sizeof name, "%d.pem", (int)w);
	FILE *f = fopen(path(name).p, "w");
	CHECK(f && PEM_write_X509(f, made[w].cert) && PEM_write_X509(f, made[AUTHORITY].cert));
	fclose(f);
	snprintf(name, sizeof name, "%d.key", (int)w);
	f = fopen(path(name).p, "w");
	CHECK(f && PEM_write_PrivateKey(f, made[w].key, NULL, NULL, 0, NULL, NULL));
	fclose(f);
}

static void make_all(void)
{
	make(AUTHORITY, "authority.test", AUTHORITY, 86400);
	make(HOST, "mx.example.org", AUTHORITY, 86400);
	make(EXPIRED, "mx.example.org", AUTHORITY, -86400);
	make(STRANGER, "mx.example.org", STRANGER, 86400);
	strcpy(dir, "/tmp/dane-test-XXXXXX");
	CHECK(mkdtemp(dir) != NULL);
	for (int w = HOST; w < WHOS; w++)
		write_pem((enum who)w);
}

static void forget_all(void)
{
	char command[100];
	for (int w = 0; w < WHOS; w++) {
		X509_free(made[w].cert);
		EVP_PKEY_free(made[w].key);
	}
	snprintf(command, sizeof command, "rm -rf %s", dir);
	CHECK(system(command) == 0);
}

/* ---- records */

struct spec {
	uint8_t usage, selector, matching;
	enum who of;
	bool damaged;
};

static struct dns_tlsa record(const struct spec *s, unsigned char to[2048])
{
	unsigned char *p = to;
	unsigned n = (unsigned)(s->selector ? i2d_PUBKEY(made[s->of].key, &p)
					    : i2d_X509(made[s->of].cert, &p));
	unsigned char hash[64];
	if (s->matching) {
		EVP_Digest(to, n, hash, &n, s->matching == 1 ? EVP_sha256() : EVP_sha512(), NULL);
		memcpy(to, hash, n);
	}
	if (s->damaged)
		to[n - 1] ^= 1;
	return (struct dns_tlsa){s->usage, s->selector, s->matching, slice_of(to, n)};
}

static const struct {
	struct spec records[2];
	unsigned n;
	enum who server;
	const char *base, *name; /* name: a further reference identifier */
	enum tls_failure want; /* NONE: verified */
} cases[] = {
	/* usage 3: the host's own */
	{{{3, 1, 1, HOST, false}}, 1, HOST, "mx.example.org", NULL, TLS_FAIL_NONE},
	{{{3, 0, 1, HOST, false}}, 1, HOST, "mx.example.org", NULL, TLS_FAIL_NONE},
	{{{3, 1, 2, HOST, false}}, 1, HOST, "mx.example.org", NULL, TLS_FAIL_NONE},
	{{{3, 0, 2, HOST, false}}, 1, HOST, "mx.example.org", NULL, TLS_FAIL_NONE},
	{{{3, 1, 0, HOST, false}}, 1, HOST, "mx.example.org", NULL, TLS_FAIL_NONE},
	{{{3, 0, 0, HOST, false}}, 1, HOST, "mx.example.org", NULL, TLS_FAIL_NONE},
	{{{3, 1, 1, HOST, false}}, 1, HOST, "other.example.net", NULL, TLS_FAIL_NONE},
	{{{3, 1, 1, EXPIRED, false}}, 1, EXPIRED, "mx.example.org", NULL, TLS_FAIL_NONE},
	{{{3, 1, 1, STRANGER, false}}, 1, STRANGER, "mx.example.org", NULL, TLS_FAIL_NONE},
	{{{3, 1, 1, HOST, true}}, 1, HOST, "mx.example.org", NULL, TLS_FAIL_VALIDATION},
	{{{3, 1, 1, HOST, false}}, 1, STRANGER, "mx.example.org", NULL, TLS_FAIL_VALIDATION},
	{{{3, 0, 1, AUTHORITY, false}}, 1, HOST, "mx.example.org", NULL, TLS_FAIL_VALIDATION},
	/* rollover */
	{{{3, 1, 1, STRANGER, false}, {3, 1, 1, HOST, false}}, 2, HOST, "mx.example.org", NULL,
		TLS_FAIL_NONE},
	{{{3, 1, 1, STRANGER, false}, {2, 0, 1, AUTHORITY, false}}, 2, HOST, "mx.example.org", NULL,
		TLS_FAIL_NONE},
	{{{1, 1, 1, STRANGER, false}, {3, 1, 1, HOST, false}}, 2, HOST, "mx.example.org", NULL,
		TLS_FAIL_NONE},
	/* usage 2: its authority; the name and the time count */
	{{{2, 1, 1, AUTHORITY, false}}, 1, HOST, "mx.example.org", NULL, TLS_FAIL_NONE},
	{{{2, 0, 1, AUTHORITY, false}}, 1, HOST, "mx.example.org", NULL, TLS_FAIL_NONE},
	{{{2, 0, 0, AUTHORITY, false}}, 1, HOST, "mx.example.org", NULL, TLS_FAIL_NONE},
	{{{2, 1, 1, AUTHORITY, false}}, 1, HOST, "other.example.net", NULL, TLS_FAIL_HOST},
	{{{2, 1, 1, AUTHORITY, false}}, 1, HOST, "other.example.net", "mx.example.org",
		TLS_FAIL_NONE},
	{{{2, 1, 1, AUTHORITY, false}}, 1, EXPIRED, "mx.example.org", NULL, TLS_FAIL_EXPIRED},
	{{{2, 1, 1, AUTHORITY, false}}, 1, STRANGER, "mx.example.org", NULL, TLS_FAIL_VALIDATION},
};

/* ---- handshakes */

struct server {
	struct io *io;
	struct tls_ctx *ctx;
};

static void serve(void *arg)
{
	struct server *s = arg;
	struct err e;
	slice line;
	io_set_deadline(s->io, instant_in(20 * SECOND));
	if (tls_accept(s->io, s->ctx, &e) == 0)
		io_line(s->io, 100, &line, &e);
	io_close(s->io);
}

static struct tls_ctx *server_ctx(enum who w)
{
	char cert[20], key[20];
	struct tls_ctx *ctx;
	struct err e;
	snprintf(cert, sizeof cert, "%d.pem", (int)w);
	snprintf(key, sizeof key, "%d.key", (int)w);
	const struct tls_server_config cfg = {.cert_file = path(cert), .key_file = path(key)};
	if (tls_server_ctx(&cfg, &ctx, &e) < 0)
		test_fail(__FILE__, __LINE__, "%s", e.text);
	return ctx;
}

static void try_case(size_t i, struct tls_ctx *client)
{
	unsigned char data[2][2048];
	struct dns_tlsa v[2];
	struct server s = {.ctx = server_ctx(cases[i].server)};
	struct group g;
	struct io *io;
	struct err e;
	enum tls_failure why = TLS_FAIL_NONE;
	group_init(&g);
	for (unsigned k = 0; k < cases[i].n; k++)
		v[k] = record(&cases[i].records[k], data[k]);
	const struct tls_want w = {.host = slice_z(cases[i].base),
		.verify = TLS_VERIFY_DANE,
		.tlsa = v,
		.ntlsa = cases[i].n,
		.names = {slice_z(cases[i].name)},
		.nnames = cases[i].name ? 1 : 0};
	io_mem_pair(&s.io, &io);
	group_go(&g, "server", serve, &s);
	io_set_deadline(io, instant_in(20 * SECOND));
	int r = tls_connect_as(io, client, &w, &why, &e);
	if ((r == 0) != (cases[i].want == TLS_FAIL_NONE) || (r < 0 && why != cases[i].want))
		test_fail(__FILE__, __LINE__, "case %zu: %s", i,
			r == 0 ? "verified" : tls_failure_name(why));
	struct tls_info info;
	tls_get_info(io, &info);
	if (r == 0 && (!info.verified || !info.dane || info.resumed))
		test_fail(__FILE__, __LINE__, "case %zu: verified is not told", i);
	io_abort(io);
	group_join(&g);
	tls_ctx_unref(s.ctx);
}

static void try_all(void *arg)
{
	const struct tls_client_config cfg = {0};
	struct tls_ctx *client;
	struct err e;
	(void)arg;
	CHECK_INT(tls_client_ctx(&cfg, &client, &e), 0);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		try_case(i, client);
	tls_ctx_unref(client);
}

TEST(tls_dane_matrix)
{
	make_all();
	loop_init();
	loop_main(try_all, NULL);
	loop_done();
	forget_all();
}

/* ---- without DANE: what a client that did not verify would have found */

static void try_doubt(enum who w, slice host, enum tls_failure want)
{
	const struct tls_client_config cfg = {.ca_file = path("ca.pem")};
	const struct tls_want wanted = {.host = host};
	struct server s = {.ctx = server_ctx(w)};
	enum tls_failure why;
	struct tls_ctx *client;
	struct tls_info info;
	struct group g;
	struct io *io;
	struct err e;
	group_init(&g);
	CHECK_INT(tls_client_ctx(&cfg, &client, &e), 0);
	io_mem_pair(&s.io, &io);
	group_go(&g, "server", serve, &s);
	io_set_deadline(io, instant_in(20 * SECOND));
	CHECK_INT(tls_connect_as(io, client, &wanted, &why, &e), 0);
	tls_get_info(io, &info);
	CHECK_INT(info.failure, want);
	CHECK_INT(info.verified, want == TLS_FAIL_NONE);
	CHECK(!info.dane);
	io_abort(io);
	group_join(&g);
	tls_ctx_unref(s.ctx);
	tls_ctx_unref(client);
}

static void try_doubts(void *arg)
{
	(void)arg;
	try_doubt(HOST, S("mx.example.org"), TLS_FAIL_NONE);
	try_doubt(HOST, S("other.example.net"), TLS_FAIL_HOST);
	try_doubt(EXPIRED, S("mx.example.org"), TLS_FAIL_EXPIRED);
	try_doubt(STRANGER, S("mx.example.org"), TLS_FAIL_TRUST);
}

TEST(tls_doubts_are_told)
{
	make_all();
	FILE *f = fopen(path("ca.pem").p, "w");
	CHECK(f && PEM_write_X509(f, made[AUTHORITY].cert));
	fclose(f);
	loop_init();
	loop_main(try_doubts, NULL);
	loop_done();
	forget_all();
}

TEST(tls_tlsa_usable_records)
{
	static const char zero[64];
	static const struct {
		struct dns_tlsa t;
		bool usable;
	} v[] = {
		{{3, 1, 1, {zero, 32}}, true}, {{2, 0, 2, {zero, 64}}, true},
		{{0, 0, 1, {zero, 32}},
			false}, /* RFC 7672 3.1.3: no authorities of the public web */
		{{1, 1, 1, {zero, 32}}, false}, {{4, 1, 1, {zero, 32}}, false},
		{{3, 2, 1, {zero, 32}}, false}, {{3, 1, 3, {zero, 32}}, false},
		{{3, 1, 1, {zero, 31}}, false}, {{3, 1, 1, {zero, 64}}, false},
		{{3, 1, 2, {zero, 32}}, false}, {{3, 1, 0, {zero, 64}}, false}, /* no key */
		{{2, 0, 0, {zero, 64}}, false}, /* no certificate */
	};
	for (size_t i = 0; i < sizeof v / sizeof *v; i++)
		if (tls_tlsa_usable(&v[i].t) != v[i].usable)
			test_fail(__FILE__, __LINE__, "record %zu", i);
}

TEST(tls_failures_have_their_names)
{
	CHECK_STR(slice_z(tls_failure_name(TLS_FAIL_NONE)), S(""));
	CHECK_STR(slice_z(tls_failure_name(TLS_FAIL_STARTTLS)), S("starttls-not-supported"));
	CHECK_STR(slice_z(tls_failure_name(TLS_FAIL_STS_WEBPKI)), S("sts-webpki-invalid"));
}
