/*
 * signed: signed messages whose content is inside the signature (S/MIME, RFC 8551 3.5.2). For
 * hostile input.
 */
#pragma once
#include "codec/extract.h"

void signed_read(slice in, struct extract_limits *l, const struct extract *x);
