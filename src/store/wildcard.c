/*
 * Wildcards for queue_list and trace_find. Linear in text times stars at worst; patterns come from
 * an administrator's command line.
 */
#include "store/wildcard.h"

static bool match_from_here(slice pattern, slice text)
{
	slice after_star = {0}, retry = {0}; /* where the last '*' was left */
	while (text.n) {
		if (pattern.n && pattern.p[0] == '*') {
			pattern = after_star = slice_skip(pattern, 1);
			retry = text;
		} else if (pattern.n && ascii_lower(pattern.p[0]) == ascii_lower(text.p[0])) {
			pattern = slice_skip(pattern, 1);
			text = slice_skip(text, 1);
		} else if (after_star.p) {
			pattern = after_star;
			text = retry = slice_skip(retry, 1);
		} else {
			return false;
		}
	}
	while (pattern.n && pattern.p[0] == '*')
		pattern = slice_skip(pattern, 1);
	return pattern.n == 0;
}

bool wildcard_match(slice pattern, slice text)
{
	return pattern.n == 0 || match_from_here(pattern, text);
}

static slice domain_of(slice address)
{
	return slice_skip(address, slice_rindex(address, '@') + 1);
}

bool wildcard_match_address(slice pattern, slice address)
{
	if (pattern.n == 0)
		return true;
	if (slice_index(pattern, '@') == pattern.n && slice_index(pattern, '*') == pattern.n)
		return slice_ieq(pattern, domain_of(address));
	return match_from_here(pattern, address);
}

bool wildcard_contains(slice part, slice text)
{
	for (size_t i = 0; part.n <= text.n && i <= text.n - part.n; i++)
		if (slice_istarts(slice_skip(text, i), part))
			return true;
	return false;
}
