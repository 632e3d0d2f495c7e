/*
 * i;unicode-casemap (RFC 5051): each character in title case, then decomposed; what comes out is compared as octets. Called by
 * match.c.
 */
#include "base/must.h"
#include "base/utf8.h"
#include "sieve/impl.h"
#include <unicode/uchar.h>
#include <unicode/unorm2.h>

enum { DECOMPOSED_MAX = 32 }; /* UTF-16 units of one character: Unicode's longest has 18 */

static void put_units(struct buf *out, const UChar *v, int32_t n)
{
	for (int32_t i = 0; i < n;) {
		UChar32 cp;
		U16_NEXT(v, i, n, cp);
		utf8_put(out, (uint32_t)cp);
	}
}

void sieve_casemap_put(struct buf *out, slice s)
{
	UErrorCode e = U_ZERO_ERROR;
	const UNormalizer2 *nfkd = unorm2_getNFKDInstance(&e);
	must(U_SUCCESS(e));
	for (uint32_t cp; utf8_next(&s, &cp);) {
		UChar v[DECOMPOSED_MAX];
		UChar32 title = u_totitle((UChar32)cp);
		e = U_ZERO_ERROR;
		int32_t n = title < 0x80
				    ? -1
				    : unorm2_getDecomposition(nfkd, title, v, DECOMPOSED_MAX, &e);
		if (n < 0 || U_FAILURE(e))
			utf8_put(out, (uint32_t)title);
		else
			put_units(out, v, n);
	}
}
