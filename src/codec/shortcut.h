/*
 * shortcut: shortcuts: Windows' .lnk (MS-SHLLINK) and the kinds that are text (.url, .scf,
 * .desktop, .library-ms ...). For hostile input.
 */
#pragma once
#include "codec/extract.h"

void shortcut_read(slice in, struct extract_limits *l, const struct extract *x);
