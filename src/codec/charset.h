/*
 * Other charsets to UTF-8, by iconv(3). Names as mail uses and misuses them.
 */
#pragma once
#include "base/buf.h"

/* Appends the text as UTF-8; bytes that have no meaning become U+FFFD. False (nothing appended) if
 * the charset is unknown. gb2312 and gbk are read as GB18030, iso-8859-1 and us-ascii with 8-bit as
 * windows-1252, as senders mean them. */
bool charset_to_utf8(slice charset, slice in, struct buf *out);

/* Whether every byte of it makes sense in that charset. */
bool charset_fits(slice charset, slice in);

/* Loads what conversions need later. Before the sandbox, which lets no process load code: without
 * it only ASCII, UTF-8 and windows-1252 are known there. */
void charset_warm_up(void);
