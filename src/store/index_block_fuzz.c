/* Blocks of the index with any bytes in them: words, entries, lists and emails are read to their end or refused. The first byte says
 * which stream it is. */
#include "store/index_impl.h"

#include "base/must.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void read_words(slice block)
{
	struct index_words_in w = {0};
	struct index_entry x;
	struct err e;
	uint64_t sum = 0;
	if (!index_words_open(&w, block, true, &e))
		while (index_words_next(&w) && index_words_entry(&w, &x)) {
			must(index_word(&w).n && index_word(&w).n <= INDEX_WORD_MAX && x.emails);
			sum += x.docs_n + x.ordinal;
		}
	(void)sum;
	index_words_close(&w);
}

static void read_lists(slice bytes)
{
	struct index_docs d = index_docs_of(bytes, 1000, 500);
	uint32_t before = 0;
	for (bool first = true; index_docs_next(&d); first = false) {
		must(d.ordinal < 500 && (first || d.ordinal > before));
		before = d.ordinal;
	}
	slice places = bytes;
	index_places_skip(&places, 10);
	for (uint32_t at = 0, i = 0; places.n; i++)
		at = index_place_next(&places, at, !i);
	struct index_emails v = {.rest = bytes, .limit = INT64_MAX};
	struct index_email_row row;
	while (index_emails_next(&v, &row))
		must(row.length < 128);
}

/* What is packed is what is unpacked, whatever it is. */
static void pack_again(enum index_stream s, slice raw)
{
	AUTO(buf) struct buf packed = BUF(4 * INDEX_RAW_MAX), back = BUF(INDEX_RAW_MAX);
	struct err e;
	raw = slice_first(raw, INDEX_RAW_MAX);
	index_pack(s, raw, INDEX_PACK_FAST, &packed);
	must(index_unpack(s, buf_slice(&packed), &back, &e) == 0);
	must(slice_eq(buf_slice(&back), raw));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	AUTO(buf) struct buf raw = BUF(INDEX_RAW_MAX);
	struct err e;
	if (!n)
		return 0;
	enum index_stream s = *data % INDEX_STREAMS;
	slice bytes = slice_of(data + 1, n - 1);
	if (s == INDEX_WORD_STREAM)
		read_words(bytes);
	if (!index_unpack(s, bytes, &raw, &e))
		read_lists(buf_slice(&raw));
	read_lists(bytes);
	pack_again(s, bytes);
	return 0;
}
