/* json_read: members of JSON objects as our own types, whatever stands there. On jansson. */
#pragma once
#include "base/slice.h"
#include <jansson.h>

/* Borrowed; empty when it is absent or no string. */
static inline slice json_read_text(const json_t *object, const char *key)
{
	const json_t *v = json_object_get(object, key);
	return json_is_string(v) ? slice_of(json_string_value(v), json_string_length(v)) : S("");
}

/* 0 when it is absent, no whole number, or negative. */
static inline int64_t json_read_count(const json_t *object, const char *key)
{
	int64_t v = json_integer_value(json_object_get(object, key));
	return v > 0 ? v : 0;
}
