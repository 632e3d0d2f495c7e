/*
 * nfc: Unicode's Normalization Form C (UAX #15): one spelling for names that people type, such as those of
 * folders (RFC 5198, RFC 9051 5.1). Letters stay as they are; only how accents are written is made equal.
 */
#pragma once
#include "base/buf.h"

enum { NFC_MAX = 4096 }; /* bytes of a text */

/* Appends s (valid UTF-8) in that form. False: longer than NFC_MAX, or no UTF-8. */
bool nfc_put(struct buf *out, slice s);
