/*
 * field: codes of fields in word processors' documents (ECMA-376 part 1, 17.16), the same in all of
 * their formats: HYPERLINK "...", DDEAUTO ..., INCLUDETEXT "...".
 */
#pragma once
#include "codec/extract.h"

void field_read(slice code, const struct extract *x);
/* The first argument, quotes undone. */
slice field_argument(slice s);
/* Does a program that opens the document fetch this from the network? */
bool field_is_remote(slice target);
