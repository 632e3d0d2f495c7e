/*
 * pdf: PDF (ISO 32000): text, links, pictures, scripts, actions, embedded files. For hostile
 * input.
 */
#pragma once
#include "codec/extract.h"

void pdf_read(slice in, struct extract_limits *l, const struct extract *x);
