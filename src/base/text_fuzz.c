/* Base64, hex, base32 and UTF-8: what is decoded encodes to the same, what is encoded comes back.
 */
#include "base/b64.h"
#include "base/base32.h"
#include "base/hex.h"
#include "base/mem.h"
#include "base/must.h"
#include "base/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

enum { LIMIT = 1 << 24 };

static void round_trip(
	slice in, void (*encode)(struct buf *, slice), bool (*decode)(struct buf *, slice))
{
	AUTO(buf) struct buf coded = BUF(LIMIT), plain = BUF(LIMIT), again = BUF(LIMIT);
	encode(&coded, in);
	must(decode(&plain, buf_slice(&coded)) && slice_eq(buf_slice(&plain), in));
	buf_reset(&plain);
	if (decode(&plain, in)) {
		encode(&again, buf_slice(&plain));
		must(slice_ieq(buf_slice(&again), in));
	} else {
		must(plain.n == 0);
	}
}

static void check_utf8(slice in)
{
	AUTO(buf) struct buf clean = BUF(LIMIT), stepped = BUF(LIMIT);
	slice rest = in;
	utf8_scrub(&clean, in);
	for (uint32_t cp; utf8_next(&rest, &cp);)
		utf8_put(&stepped, cp);
	must(utf8_valid(buf_slice(&clean)) && slice_eq(buf_slice(&clean), buf_slice(&stepped)));
	must(utf8_valid(in) == slice_eq(in, buf_slice(&clean)));
	for (size_t k = 0; k <= clean.n && k < 100; k++) {
		slice cut = utf8_first(buf_slice(&clean), k);
		must(cut.n <= k && cut.n + 3 >= (k < clean.n ? k : clean.n) && utf8_valid(cut));
		must(utf8_width(utf8_first_columns(buf_slice(&clean), k)) <= k);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	slice in = slice_of(data, n);
	AUTO(buf) struct buf tolerant = BUF(LIMIT), lines = BUF(LIMIT);
	round_trip(in, b64_encode, b64_decode);
	round_trip(in, hex_encode, hex_decode);
	round_trip(in, base32hex_encode, base32hex_decode);
	b64_encode_lines(&lines, in);
	must(b64_decode_tolerant(&tolerant, buf_slice(&lines)) &&
		slice_eq(buf_slice(&tolerant), in));
	b64_decode_tolerant(&tolerant, in);
	check_utf8(in);
	return 0;
}
