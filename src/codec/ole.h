/*
 * ole: compound files (MS-CFB): Word, Excel and PowerPoint of old, Outlook messages, macros, what
 * is embedded. For hostile input.
 */
#pragma once
#include "codec/extract.h"

void ole_read(slice in, struct extract_limits *l, const struct extract *x);
