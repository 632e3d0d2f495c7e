/*
 * Dates of header fields (RFC 5322 section 3.3), with the obsolete forms of section 4.3: years of
 * two digits, zones by name, comments.
 */
#pragma once
#include "base/slice.h"

/* Seconds since 1970 UTC. False: not a date, or a day or an hour that does not exist. */
bool date_parse(slice value, int64_t *ret_seconds);
