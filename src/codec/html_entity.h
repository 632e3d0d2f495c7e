/*
 * Character references (WHATWG HTML 13.2.5.72): named and numeric, with and without semicolon.
 */
#pragma once
#include "base/slice.h"

/*
 * s begins with '&'. The number of bytes that the reference takes, and its one or two characters;
 * 0: none. In attributes a name without semicolon before '=' or a letter is none.
 */
size_t html_entity(slice s, bool attribute, uint32_t ret[2]);
