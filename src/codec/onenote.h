/*
 * onenote: files embedded in OneNote sections (MS-ONESTORE 2.6.13). For hostile input.
 */
#pragma once
#include "codec/extract.h"

void onenote_read(slice in, struct extract_limits *l, const struct extract *x);
