/* Any bytes as text: the result is valid UTF-8, and words and pairs of it lie inside it in order.
 */
#include "codec/text_normal.h"

#include "base/mem.h"
#include "base/must.h"
#include "base/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static struct text_words *words;
	AUTO(buf) struct buf out = BUF(20 * n + 16);
	struct text_undone u;
	enum text_word_kind kind;
	slice word;
	text_normalise(slice_of(data, n), &out, &u);
	must(buf_ok(&out) && utf8_valid(buf_slice(&out)));
	must(u.zero_width_inside <= u.zero_width && u.wide + u.styled <= u.characters);
	words = words ? words : text_words_new();
	text_words_start(words, buf_slice(&out));
	for (const char *last = out.p; text_words_next(words, &word, &kind); last = word.p + word.n)
		must(word.n && word.n <= TEXT_WORD_MAX && word.p >= last &&
			word.p + word.n <= out.p + out.n);
	for (size_t at = 0, before = 0; text_bigrams_next(buf_slice(&out), &at, &word); before = at)
		must(at > before && utf8_valid(word));
	return 0;
}
