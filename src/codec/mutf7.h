/*
 * mutf7: names of mailboxes as IMAP4rev1 writes them (RFC 3501 5.1.3): printable ASCII as it is, "&" as "&-", all else as UTF-16 in a
 * base64 of its own between "&" and "-". Strict both ways: there is one spelling of a name.
 */
#pragma once
#include "base/buf.h"

/* Appends UTF-8. False (nothing appended): not the one spelling that a name has, or no name at all. */
bool mutf7_decode(slice in, struct buf *out);
/* What it decodes from; `utf8` must be valid. */
void mutf7_encode(slice utf8, struct buf *out);
