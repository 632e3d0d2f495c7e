/* Words: any bytes become valid UTF-8 on one line; any text that we encode is ASCII and comes back.
 */
#include "base/mem.h"
#include "base/must.h"
#include "base/utf8.h"
#include "codec/charset.h"
#include "codec/qp.h"
#include "codec/words.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

enum { LIMIT = 1 << 24 };

static bool has_control(slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] < ' ' || s.p[i] == 0x7f)
			return true;
	return false;
}

static void check_encode(slice in, size_t column)
{
	AUTO(buf) struct buf coded = BUF(LIMIT), back = BUF(LIMIT), phrase = BUF(LIMIT);
	words_encode(&coded, in, column);
	words_encode_phrase(&phrase, in, column);
	must(utf8_is_ascii(buf_slice(&coded)) && utf8_is_ascii(buf_slice(&phrase)));
	for (slice s = buf_slice(&coded), line; slice_cut(&s, '\n', &line);)
		must(!s.p || (slice_ends(line, S("\r")) && s.p[0] == ' '));
	words_decode(&back, buf_slice(&coded));
	if (utf8_valid(in) && !has_control(in) && slice_find(in, S("\xc2")) == in.n &&
		slice_find(in, S("\xe2\x80")) == in.n)
		must(slice_eq(slice_trim(buf_slice(&back)), slice_trim(in)));
}

static void check_qp(slice in)
{
	AUTO(buf) struct buf coded = BUF(LIMIT), back = BUF(LIMIT), raw = BUF(LIMIT);
	qp_encode(&coded, in);
	qp_decode(&back, buf_slice(&coded));
	for (slice s = buf_slice(&coded), line; slice_cut(&s, '\n', &line);)
		must(line.n <= 77);
	if (slice_index(in, '\n') == in.n)
		must(slice_eq(buf_slice(&back), in));
	qp_decode(&raw, in);
	must(raw.n <= in.n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	slice in = slice_of(data, n), charset = in, text = {0};
	AUTO(buf) struct buf out = BUF(LIMIT), other = BUF(LIMIT);
	words_decode(&out, in);
	must(utf8_valid(buf_slice(&out)) && !has_control(buf_slice(&out)) && buf_ok(&out));
	check_encode(in, n % 80);
	check_qp(in);
	if (slice_cut(&charset, '\n', &text) && charset.p && charset_to_utf8(text, charset, &other))
		must(utf8_valid(buf_slice(&other)));
	return 0;
}
