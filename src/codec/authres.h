/*
 * Authentication-Results and ARC-Authentication-Results (RFC 8601, RFC 8617 section 4.1.1): the
 * vocabulary of results that all checks share, building the field, and reading it.
 */
#pragma once
#include "base/arena.h"
#include "base/buf.h"

enum auth_result {
	AUTH_NONE,
	AUTH_PASS,
	AUTH_FAIL,
	AUTH_SOFTFAIL,
	AUTH_NEUTRAL,
	AUTH_POLICY, /* passed, but not acceptable to us: weak key, ... */
	AUTH_TEMPERROR,
	AUTH_PERMERROR,
};
const char *auth_result_name(enum auth_result r); /* "none", "pass" ... */
bool auth_result_parse(slice s, enum auth_result *ret); /* also "hardfail", an old word for fail */

enum {
	AUTHRES_METHODS_MAX = 64, /* read from one field */
	AUTHRES_PROPS_MAX = 16, /* of one method */
};

/* "ptype.property=value": {"header", "d", "example.com"} */
struct authres_prop {
	slice ptype, property, value;
};
struct authres_method {
	slice method; /* "spf", "dkim", "dmarc", "arc", "iprev", "auth" */
	slice result; /* as written */
	slice reason, comment; /* may be empty */
	struct authres_prop props[AUTHRES_PROPS_MAX];
	unsigned nprops;
};
struct authres {
	slice authserv_id;
	unsigned version; /* 1 when not written */
	struct authres_method *v;
	size_t n;
};

/* The value of a field (behind the colon, folded or not). False: not one that RFC 8601 allows. A
 * field without any method ("id; none") has n = 0. */
bool authres_parse(slice value, struct arena *a, struct authres *ret);
/* "ptype.property=" of a result; NULL: it has none. */
const struct authres_prop *authres_prop_of(
	const struct authres_method *m, slice ptype, slice property);
/* Only whose it is: the authserv-id of a possibly broken field, for removing forged ones (RFC 8601
 * section 5). Empty when there is none. */
slice authres_id(slice value, struct arena *a);
/* The value, folded with tabs, without the name and final CRLF. Values are quoted where needed,
 * what cannot stand in a header is left out. */
void authres_build(struct buf *out, const struct authres *r);
