/*
 * wildcard: the patterns of lists and searches: '*' stands for any run of bytes, the rest compares
 * with ASCII case folded.
 */
#pragma once
#include "base/slice.h"

/* The whole text matches. An empty pattern matches everything. */
bool wildcard_match(slice pattern, slice text);

/* For an address: a pattern without '@' and '*' is a domain and matches every address of it. */
bool wildcard_match_address(slice pattern, slice address);
/* No pattern: the part occurs somewhere in the text. Empty always does. */
bool wildcard_contains(slice part, slice text);
