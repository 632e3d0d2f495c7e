/*
 * DKIM public key records, SELECTOR._domainkey.DOMAIN TXT (RFC 6376 section 3.6.1, RFC 8463).
 */
#pragma once
#include "base/arena.h"
#include "base/buf.h"

enum dkim_algorithm { DKIM_RSA_SHA256, DKIM_ED25519_SHA256, DKIM_RSA_SHA1 /* only to read */ };
/* "rsa-sha256" ...: the a= tag. */
const char *dkim_algorithm_name(enum dkim_algorithm a);
bool dkim_algorithm_parse(slice s, enum dkim_algorithm *ret);

enum { DKIM_RECORD_MAX = 16 * 1024, DKIM_ED25519_KEY = 32 };

enum dkim_key_type { DKIM_KEY_RSA, DKIM_KEY_ED25519 };

enum dkim_record_fault {
	DKIM_RECORD_FINE = 0,
	DKIM_RECORD_SYNTAX, /* no tag list, a tag twice, or no p= */
	DKIM_RECORD_VERSION, /* v= is not DKIM1, or not first */
	DKIM_RECORD_TYPE, /* k= unknown */
	DKIM_RECORD_REVOKED, /* p= empty */
	DKIM_RECORD_DATA, /* p= is not base64, or has the wrong length for ed25519 */
	DKIM_RECORD_SERVICE, /* s= allows no mail at all */
};
/* "the key record is no tag list" ... for traces and the command line. */
const char *dkim_record_fault_text(enum dkim_record_fault f);

struct dkim_record {
	enum dkim_key_type type;
	slice key; /* p= decoded: SubjectPublicKeyInfo or RSAPublicKey; 32 bytes for ed25519 */
	bool sha1, sha256; /* h= allows */
	bool mail; /* s= allows ordinary mail */
	bool tls_reports; /* s= allows TLS reports (RFC 8460 3): mail of that purpose alone */
	bool testing; /* t=y */
	bool same_domain; /* t=s: i= must have the very domain d= */
};

enum dkim_record_fault dkim_record_parse(slice text, struct arena *a, struct dkim_record *ret);
/* "v=DKIM1; k=rsa; p=..." for publishing; testing adds t=y. */
void dkim_record_build(struct buf *out, enum dkim_key_type type, slice key, bool testing);
