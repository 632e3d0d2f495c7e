/* A line of an import that is taken is printed so that it is read back as the same entry. */
#include "base/mem.h"
#include "base/must.h"
#include "base/utf8.h"
#include "store/list.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static bool read_line(slice line, struct arena *a, struct lists_entry *ret)
{
	const struct lists_entry defaults = {.created_at = 1000000};
	bool guess;
	struct err e;
	return lists_line_parse(line, &defaults, a, ret, &guess, &e) &&
	       lists_canonical(ret, guess, a, &e) == 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	AUTO(arena) struct arena a = {0};
	AUTO(buf) struct buf first = BUF(1 << 16), second = BUF(1 << 16);
	struct lists_entry one, two;
	if (!read_line(slice_of(data, n), &a, &one))
		return 0;
	must(one.what.n > 0 && utf8_valid(one.what) && utf8_valid(one.comment));
	lists_line_print(&first, &one);
	slice line = slice_first(buf_slice(&first), first.n - 1);
	must(slice_index(line, '\n') == line.n);
	if (line.n > LISTS_LINE_MAX || one.expires_at < 0 || one.created_at <= 0)
		return 0;
	must(read_line(line, &a, &two));
	lists_line_print(&second, &two);
	must(slice_eq(buf_slice(&first), buf_slice(&second)));
	return 0;
}
