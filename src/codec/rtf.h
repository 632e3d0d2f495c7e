/*
 * rtf: Rich Text Format: text, links, embedded objects, templates from elsewhere. For hostile
 * input.
 */
#pragma once
#include "codec/extract.h"

void rtf_read(slice in, struct extract_limits *l, const struct extract *x);
