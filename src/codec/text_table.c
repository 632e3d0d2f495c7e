/*
 * Tables of single characters (text_table.h): traditional to simplified Chinese from ICU's
 * transliterator (55 KiB, some 2,800 characters differ) and look-alikes from its confusables
 * (12 KiB). ICU itself would take microseconds a character and load 2 MB each time. Built at the
 * first use, or before the sandbox by text_warm_up.
 */
#include "codec/text_table.h"

#include "base/mem.h"
#include <unicode/uspoof.h>
#include <unicode/utrans.h>

enum { HAN_FIRST = 0x3400, HAN_END = 0xa000, ALIKE_END = 0x3000, SKELETON_ROOM = 32 };

static uint16_t simplified[HAN_END - HAN_FIRST];
static char alike[ALIKE_END];
static bool ready;

/* All characters at once, with blanks between them so that no rule sees two. */
static void make_simplified(void)
{
	static const UChar id[] = u"Traditional-Simplified";
	UErrorCode e = U_ZERO_ERROR;
	int n = 2 * (HAN_END - HAN_FIRST), limit = n;
	for (int i = 0; i < HAN_END - HAN_FIRST; i++)
		simplified[i] = (uint16_t)(HAN_FIRST + i);
	UTransliterator *t = utrans_openU(id, -1, UTRANS_FORWARD, NULL, 0, NULL, &e);
	if (U_FAILURE(e))
		return;
	AUTO(free) UChar *text = mem_alloc((size_t)n * 2 * sizeof *text);
	for (int i = 0; i < HAN_END - HAN_FIRST; i++) {
		text[2 * i] = (UChar)(HAN_FIRST + i);
		text[2 * i + 1] = ' ';
	}
	utrans_transUChars(t, text, &n, 2 * n, 0, &limit, &e);
	utrans_close(t);
	if (U_FAILURE(e) || n != 2 * (HAN_END - HAN_FIRST))
		return;
	for (int i = 0; i < HAN_END - HAN_FIRST; i++)
		simplified[i] = text[2 * i];
}

static void make_alike(void)
{
	UErrorCode e = U_ZERO_ERROR;
	USpoofChecker *c = uspoof_open(&e);
	for (UChar cp = 0x80; U_SUCCESS(e) && cp < ALIKE_END; cp++) {
		UChar out[SKELETON_ROOM];
		UErrorCode one = U_ZERO_ERROR;
		int n = uspoof_getSkeleton(c, 0, &cp, 1, out, SKELETON_ROOM, &one);
		UChar l = U_SUCCESS(one) && n == 1 ? out[0] : 0;
		l = l >= 'A' && l <= 'Z' ? (UChar)(l + 32) : l;
		if (l >= 'a' && l <= 'z')
			alike[cp] = (char)l;
	}
	uspoof_close(c);
}

void text_tables_warm_up(void)
{
	if (ready)
		return;
	ready = true;
	make_simplified();
	make_alike();
}

uint32_t text_simplified(uint32_t cp)
{
	return cp >= HAN_FIRST && cp < HAN_END ? simplified[cp - HAN_FIRST] : cp;
}

char text_lookalike(uint32_t cp)
{
	return cp < ALIKE_END ? alike[cp] : 0;
}

bool text_is_cjk(uint32_t cp)
{
	if (cp < 0x3005)
		return false;
	return (cp >= 0x3400 && cp < 0xa000 && (cp < 0x4dc0 || cp >= 0x4e00)) ||
	       (cp >= 0x3041 && cp <= 0x30ff && cp != 0x30fb) || (cp >= 0xac00 && cp <= 0xd7a3) ||
	       (cp >= 0xf900 && cp <= 0xfaff) || (cp >= 0x20000 && cp < 0x32000) ||
	       (cp >= 0x31f0 && cp <= 0x31ff) || cp == 0x3005 || cp == 0x3007;
}
