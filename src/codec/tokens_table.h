/* Tables of characters for tokens.c and tokens_fold.c, made once a process from Unicode's data. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

enum tokens_class { /* of characters of a folded text */
	TC_BLANK,
	TC_GAP, /* U+0001 */
	TC_SIGN,
	TC_WORD,
	TC_MARK, /* goes on with a word or a cluster */
	TC_CLUSTER, /* a letter of a script without blanks between words: a token, with its marks */
	TC_SINGLE, /* a token alone: Chinese, Japanese, Korean */
};
enum { /* of fold[]: what else it can say beside a character */
	TF_SLOW =
		0, /* what becomes of it depends on its neighbours, or it is more than one character */
	TF_DROP = 0xffff,
};
struct tokens_table {
	uint16_t fold[0x10000];
	uint8_t class_[0x10000];
};
const struct tokens_table *tokens_table(void);

static inline enum tokens_class tokens_class(const struct tokens_table *t, uint32_t cp)
{
	if (cp < 0x10000)
		return (enum tokens_class)t->class_[cp];
	if (cp >= 0x20000 && cp < 0x34000)
		return TC_SINGLE;
	return cp < 0x1f000 ? TC_WORD : TC_SIGN; /* old scripts; pictures */
}
/* Chinese characters and kana: blanks beside them mean nothing. */
static inline bool tokens_no_blanks(uint32_t cp)
{
	return cp >= 0x3005 &&
	       ((cp >= 0x3400 && cp < 0xa000) || (cp >= 0x3041 && cp <= 0x30ff) ||
		       (cp >= 0x20000 && cp < 0x34000) || cp == 0x3005 || cp == 0x3007);
}
