/*
 * uu: files that stand in a text as blocks "begin 644 name" ... "end" (uuencode). The decoding of
 * parts with such a transfer encoding is mime_decode's.
 */
#pragma once
#include "base/buf.h"

/* Cuts the next block off *text, from "begin" to behind "end" (or to the end); *text is then what
 * follows. False: there is none. */
bool uu_next(slice *text, slice *ret_block);
/* Appends what the block holds. False: something had to be forgiven. */
bool uu_read(slice block, struct buf *out, slice *ret_name);
