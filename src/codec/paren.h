/*
 * What stands in parentheses that may stand inside each other, where a backslash makes the next
 * character an ordinary one: comments in headers (RFC 5322 3.2.2), strings of PDF (ISO 32000-1
 * 7.3.4.2).
 */
#pragma once
#include "base/slice.h"

/* Length of what s begins with, parentheses included; 0: it does not end. However deep they are:
 * who puts forty in front must not keep us from seeing what is behind. */
static inline size_t paren_length(slice s)
{
	size_t depth = 0;
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '\\')
			i++;
		else if (s.p[i] == '(')
			depth++;
		else if (s.p[i] == ')' && --depth == 0)
			return i + 1;
	}
	return 0;
}
