/*
 * Quoted-printable (RFC 2045 section 6.7).
 */
#pragma once
#include "base/buf.h"

/* Text with LF or CRLF line ends; out come CRLF lines of at most 76 characters. */
void qp_encode(struct buf *out, slice text);
/* Tolerant: a bad escape stays as written; white space before a line end goes. Line ends are kept.
 */
void qp_decode(struct buf *out, slice in);
