/*
 * psl: the list of public suffixes (publicsuffix.org): under which names do unrelated people
 * register domains? The system's file (package publicsuffix) where it is newer than the copy inside
 * libpsl. Names are lower-case A-labels without final dot. No lookups; memory only.
 */
#pragma once
#include "base/slice.h"

/* Reads the system's list: once, before the process is confined and before others use this. Without
 * it the copy inside the library serves. */
void psl_warm_up(void);
/* The part of a host name that was registered: "a.b.example.co.uk" -> "example.co.uk". A public
 * suffix itself, a name of one label and an empty one come back unchanged. Borrowed from `host`. */
slice psl_org_domain(slice host);
bool psl_is_suffix(slice host);
/* Likewise, but a name that the list does not know at all is none: "no.such.thing" does not end in
 * a suffix then. */
bool psl_is_known_suffix(slice host);
