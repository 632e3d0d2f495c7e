/*
 * Tables of characters (tokens_table.h): what becomes of each when a text is folded for searching, and which kind of token it is part of.
 * 192 KiB, made in some milliseconds at the first use. Built on Unicode's NFKC_Casefold and on its line breaking classes (scripts
 * that are written without blanks), and on the Chinese table of text_table.h.
 */
#include "codec/tokens_table.h"

#include "codec/text_table.h"
#include <pthread.h>
#include <unicode/uchar.h>
#include <unicode/unorm2.h>
#include <unicode/uscript.h>
#include <unicode/ustring.h>

enum {
	DECOMPOSED_MAX = 32,
	MARKS_FIRST = 0x300,
	MARKS_END = 0x370,
	HANGUL_FIRST = 0xac00,
	HANGUL_END = 0xd7a4,
};

static struct tokens_table table;

/* Letters that Unicode does not decompose, and signs that keyboards do not have. */
static const struct {
	uint16_t from, to;
} more[] = {{0xf8, 'o'}, {0x142, 'l'}, {0x111, 'd'}, {0x127, 'h'}, {0x167, 't'}, {0x131, 'i'},
	{0x2018, '\''}, {0x2019, '\''}, {0x201a, '\''}, {0x201b, '\''}, {0x201c, '"'},
	{0x201d, '"'}, {0x201e, '"'}, {0x201f, '"'}, {0x2010, '-'}, {0x2012, '-'}, {0x2013, '-'},
	{0x2014, '-'}, {0x2015, '-'}, {0x2212, '-'}, {0x2032, '\''}, {0x2033, '"'}};

static bool strips_marks(UChar32 c)
{
	UErrorCode e = U_ZERO_ERROR;
	UScriptCode s = uscript_getScript(c, &e);
	return s == USCRIPT_LATIN || s == USCRIPT_GREEK || s == USCRIPT_CYRILLIC;
}

/* A letter without its marks. */
static UChar32 without_marks(UChar32 c)
{
	UChar out[DECOMPOSED_MAX];
	UErrorCode e = U_ZERO_ERROR;
	int32_t n = unorm2_getDecomposition(unorm2_getNFDInstance(&e), c, out, DECOMPOSED_MAX, &e);
	if (U_FAILURE(e) || n < 2 || !strips_marks(out[0]))
		return c;
	for (int32_t i = 1; i < n; i++)
		if (u_charType(out[i]) != U_NON_SPACING_MARK)
			return c;
	return out[0];
}

/* What a character becomes, if that is one character whatever its neighbours are. */
static uint16_t folded(const UNormalizer2 *form, UChar32 c)
{
	UChar in[1] = {(UChar)c}, out[DECOMPOSED_MAX];
	UErrorCode e = U_ZERO_ERROR;
	if (U_IS_SURROGATE(c) || c >= 0xfffe)
		return 0xfffd;
	if (c >= MARKS_FIRST && c < MARKS_END)
		return TF_DROP;
	int32_t n = unorm2_normalize(form, in, 1, out, DECOMPOSED_MAX, &e);
	if (U_FAILURE(e) || n > 2 || (n == 2 && (out[1] < MARKS_FIRST || out[1] >= MARKS_END)))
		return TF_SLOW;
	if (!n)
		return TF_DROP;
	UChar32 to = without_marks(out[0]);
	if (!strips_marks(to) && !(c >= HANGUL_FIRST && c < HANGUL_END) &&
		!(unorm2_hasBoundaryBefore(form, c) && unorm2_hasBoundaryAfter(form, to)))
		return TF_SLOW;
	for (size_t i = 0; i < sizeof more / sizeof *more; i++)
		if (to == more[i].from)
			return more[i].to;
	return (uint16_t)text_simplified((uint32_t)to);
}

static enum tokens_class class_of(UChar32 c)
{
	if (c == ' ' || c == 1)
		return c == ' ' ? TC_BLANK : TC_GAP;
	if (c < 0x80)
		return u_isalnum(c) ? TC_WORD : TC_SIGN;
	if (text_is_cjk((uint32_t)c))
		return TC_SINGLE;
	uint32_t type = U_GET_GC_MASK(c);
	if (type & U_GC_M_MASK)
		return TC_MARK;
	if (!(type & (U_GC_L_MASK | U_GC_N_MASK)))
		return TC_SIGN;
	return u_getIntPropertyValue(c, UCHAR_LINE_BREAK) == U_LB_COMPLEX_CONTEXT &&
			       (type & U_GC_L_MASK)
		       ? TC_CLUSTER
		       : TC_WORD;
}

static void make(void)
{
	UErrorCode e = U_ZERO_ERROR;
	const UNormalizer2 *form = unorm2_getNFKCCasefoldInstance(&e);
	text_tables_warm_up();
	for (UChar32 c = 0; c < 0x10000; c++) {
		table.class_[c] = (uint8_t)class_of(c);
		table.fold[c] = U_FAILURE(e) ? (uint16_t)c : folded(form, c);
	}
}

const struct tokens_table *tokens_table(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	pthread_once(&once, make);
	return &table;
}
