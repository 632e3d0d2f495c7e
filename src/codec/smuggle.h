/*
 * smuggle: files that a web page builds by script out of its own text ("HTML smuggling"): long
 * base64 literals, pages written by unescape(). Decoded once; the file inside decides whether it is
 * one. For hostile input; linear.
 */
#pragma once
#include "codec/extract.h"

void smuggle_read(slice page, struct extract_limits *l, const struct extract *x);
