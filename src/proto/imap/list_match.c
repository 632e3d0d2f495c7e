/*
 * Patterns of LIST (RFC 9051 6.3.9): "*" is anything, "%" anything but "/". Used by list.c and notify.c. Two marks are enough to
 * go back to: the last "*", and the last "%" behind it.
 */
#include "proto/imap/list.h"

/* ASCII case does not matter where the name is INBOX. */
static bool same(char a, char b, bool fold)
{
	return a == b || (fold && ascii_lower(a) == ascii_lower(b));
}

bool imap_list_match(slice pattern, slice name)
{
	bool fold = slice_eq(name, S("INBOX"));
	size_t p = 0, n = 0;
	size_t star_p = SIZE_MAX, star_n = 0, percent_p = SIZE_MAX, percent_n = 0;
	for (;;) {
		if (p < pattern.n && pattern.p[p] == '*') {
			star_p = ++p, star_n = n;
			percent_p = SIZE_MAX;
		} else if (p < pattern.n && pattern.p[p] == '%') {
			percent_p = ++p, percent_n = n;
		} else if (n < name.n && p < pattern.n && same(pattern.p[p], name.p[n], fold)) {
			p++, n++;
		} else if (n == name.n && p == pattern.n) {
			return true;
		} else if (percent_p != SIZE_MAX && percent_n < name.n &&
			   name.p[percent_n] != '/') {
			p = percent_p, n = ++percent_n;
		} else if (star_p != SIZE_MAX && star_n < name.n) {
			p = star_p, n = ++star_n;
			percent_p = SIZE_MAX;
		} else {
			return false;
		}
	}
}
