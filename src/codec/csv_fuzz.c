/* A row that is read, written and read again has the same cells. */
#include "codec/csv.h"

#include "base/mem.h"
#include "base/must.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void again(const slice *cells, size_t n)
{
	AUTO(arena) struct arena a = {0};
	AUTO(buf) struct buf out = BUF(64 << 20);
	slice copy[CSV_COLUMNS_MAX];
	size_t ncopy;
	bool empty = n == 1 && cells[0].n == 0;
	for (size_t i = 0; i < n; i++)
		csv_put(&out, cells[i], i == 0);
	csv_end_row(&out);
	struct csv c = csv_begin(buf_slice(&out));
	c.separator = ',';
	must(csv_next(&c, &a, copy, &ncopy) == (empty ? CSV_END : CSV_ROW));
	must(empty || ncopy == n);
	for (size_t i = 0; !empty && i < n; i++)
		must(slice_eq(copy[i], cells[i]));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	AUTO(buf) struct buf text = BUF(4 * n + 16);
	if (!csv_text(slice_of(data, n), &text))
		return 0;
	AUTO(arena) struct arena a = {0};
	struct csv c = csv_begin(buf_slice(&text));
	slice cells[CSV_COLUMNS_MAX];
	size_t ncells;
	while (csv_next(&c, &a, cells, &ncells) == CSV_ROW)
		again(cells, ncells);
	return 0;
}
