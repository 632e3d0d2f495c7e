/*
 * sasl_oauth: the client's first response of OAUTHBEARER (RFC 7628 section 3.1) and of XOAUTH2, taken apart. Pure.
 */
#pragma once
#include "base/arena.h"
#include "base/slice.h"

struct sasl_bearer {
	slice user; /* may be empty with OAUTHBEARER */
	slice token;
};
/* False: not of this form, or another kind of token than Bearer. Borrowed, the user maybe from *a. */
bool sasl_oauthbearer_parse(slice response, struct arena *a, struct sasl_bearer *ret);
bool sasl_xoauth2_parse(slice response, struct sasl_bearer *ret);
