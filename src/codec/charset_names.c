/*
 * Which charset are short names without a label in (charset.h): of files in archives, of folders in old mail stores? A few characters are too few for
 * statistics; but names of a Chinese computer are pairs of bytes of GB 2312 throughout, which words of other scripts hardly ever are.
 */
#include "codec/charset.h"

/* Rows 1 to 9 are symbols, of which 4 and 5 are kana: that would be Japanese; 16 to 87 are characters. */
static bool is_pair(unsigned char lead, unsigned char trail)
{
	bool symbol = lead >= 0xa1 && lead <= 0xa9 && lead != 0xa4 && lead != 0xa5;
	return (symbol || (lead >= 0xb0 && lead <= 0xf7)) && trail >= 0xa1 && trail <= 0xfe;
}

slice charset_guess_names(slice in)
{
	size_t pairs = 0;
	for (size_t i = 0; i < in.n; i++) {
		if ((unsigned char)in.p[i] < 128)
			continue;
		if (i + 1 == in.n || !is_pair((unsigned char)in.p[i], (unsigned char)in.p[i + 1]))
			return charset_guess(in);
		pairs++;
		i++;
	}
	return pairs ? S("gb18030") : charset_guess(in);
}
