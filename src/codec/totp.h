/*
 * totp: codes that change with time (RFC 6238, HOTP RFC 4226: HMAC-SHA1, six digits, 30 seconds, as all
 * programs for telephones do) and the texts that such programs read.
 */
#pragma once
#include "base/arena.h"
#include "base/buf.h"

enum { TOTP_SECRET = 20, TOTP_DIGITS = 6, TOTP_STEP_S = 30 };

/* The code of a step (seconds since 1970 / TOTP_STEP_S), 0 .. 999999. */
unsigned totp_code(slice secret, uint64_t step);
/* The step among those from `now_step` - drift to + drift, behind `after`, whose code this is; 0: none.
 * Takes the same time wherever it is. */
uint64_t totp_match(slice secret, slice code, uint64_t now_step, unsigned drift, uint64_t after);

/* RFC 4648 section 6, without padding. Decoding takes both cases and skips spaces and hyphens. */
void base32_encode(struct buf *out, slice in);
bool base32_decode(struct buf *out, slice in);

/* otpauth://totp/ISSUER:ACCOUNT?secret=...&issuer=... */
slice totp_uri(slice issuer, slice account, slice base32_secret, struct arena *a);
