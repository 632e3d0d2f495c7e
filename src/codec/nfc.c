/* Normalization Form C by ICU (nfc.h). Called for names of folders, when they are made or looked for. */
#include "codec/nfc.h"

#include "base/mem.h"
#include "base/utf8.h"
#include <unicode/unorm2.h>
#include <unicode/ustring.h>

enum { GROWTH = 3 }; /* UTF-16 units that NFC makes of one (UAX #15, table 2) */

struct room {
	UChar in[NFC_MAX + 1], made[NFC_MAX * GROWTH];
};

static bool normalize(struct room *r, struct buf *out, slice s)
{
	UErrorCode e = U_ZERO_ERROR;
	const UNormalizer2 *form = unorm2_getNFCInstance(&e);
	int n = 0;
	u_strFromUTF8(r->in, NFC_MAX, &n, s.p, (int)s.n, &e);
	if (U_SUCCESS(e))
		n = unorm2_normalize(form, r->in, n, r->made, NFC_MAX * GROWTH, &e);
	if (U_FAILURE(e))
		return false;
	for (int i = 0; i < n;) {
		UChar32 cp;
		U16_NEXT(r->made, i, n, cp);
		utf8_put(out, (uint32_t)cp);
	}
	return true;
}

bool nfc_put(struct buf *out, slice s)
{
	if (s.n > NFC_MAX || !utf8_valid(s))
		return false;
	if (utf8_is_ascii(s)) {
		buf_put(out, s);
		return true;
	}
	AUTO(free) struct room *r = NEW(struct room);
	return normalize(r, out, s);
}
