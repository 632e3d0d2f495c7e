/*
 * vba: macros in Visual Basic (MS-OVBA): their source, and what it says about what they do.
 */
#pragma once
#include "base/buf.h"
#include "codec/extract.h"

/* A module's stream: its source, decompressed; false: none was found. */
bool vba_source(slice stream, struct buf *out);
/* What the source of all modules together does: EXTRACT_AUTORUN, EXTRACT_SUSPICIOUS_MACRO; links.
 */
void vba_words(slice source, const struct extract *x);
