/*
 * office: office documents made of XML in zip files (ECMA-376, OpenDocument; XPS, OFD and EPUB as
 * far as text and links go). For hostile input.
 */
#pragma once
#include "codec/extract.h"

void office_read(slice in, struct extract_limits *l, const struct extract *x);
