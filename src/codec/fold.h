/*
 * fold: texts spelled so that those which differ only in case, width or composition are equal bytes: for searching and sorting (in the
 * spirit of RFC 5051). Unicode's NFKC_Casefold; white space of any length becomes one blank. Unlike text_normal.h, which
 * makes equal what only looks alike, it changes no letter into another one.
 */
#pragma once
#include "base/buf.h"

/* Appends. Broken UTF-8 becomes U+FFFD. Pieces may be folded one by one if they are cut at ASCII characters; a blank at the end of
 * *out swallows one at the beginning of what follows. */
void text_fold(slice utf8, struct buf *out);
