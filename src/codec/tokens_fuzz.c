/* Folding again changes nothing, a text that is cut at a letter folds as the whole, and tokens are the text without its blanks. */
#include "codec/tokens.h"

#include "base/mem.h"
#include "base/must.h"
#include "base/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void check_pieces(slice text, slice whole)
{
	AUTO(buf) struct buf parts = BUF(64 * text.n + 64);
	size_t at = text.n / 2;
	while (at < text.n && (unsigned char)text.p[at] >= 0x80)
		at++;
	search_fold(slice_first(text, at), &parts);
	search_fold(slice_skip(text, at), &parts);
	must(slice_eq(buf_slice(&parts), whole));
}

static void check_tokens(slice folded)
{
	if (!folded.n)
		return;
	struct tokens t = {.rest = folded};
	struct token k;
	const char *at = folded.p;
	uint32_t place = 0;
	for (bool first = true; token_next(&t, &k); first = false) {
		must(first || k.at > place);
		place = k.at;
		if (k.kind == TOKEN_JOINT)
			continue;
		must(k.text.n && k.text.n <= TOKEN_MAX);
		for (; at < k.text.p; at++)
			must(*at == ' ' || *at == 1);
		must(!memchr(k.text.p, ' ', k.text.n) && !memchr(k.text.p, '\n', k.text.n));
		at = k.text.p + k.text.n;
	}
	for (; at < folded.p + folded.n; at++)
		must(*at == ' ' || *at == 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	AUTO(buf) struct buf folded = BUF(64 * n + 64), again = BUF(64 * n + 64);
	search_fold(slice_of(data, n), &folded);
	must(buf_ok(&folded) && utf8_valid(buf_slice(&folded)));
	search_fold(buf_slice(&folded), &again);
	must(slice_eq(buf_slice(&folded), buf_slice(&again)));
	check_pieces(slice_of(data, n), buf_slice(&folded));
	check_tokens(buf_slice(&folded));
	return 0;
}
