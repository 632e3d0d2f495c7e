/*
 * Any bytes as a message to be edited: nothing asked, nothing changed; the same twice gives the same; a tag
 * is not put twice; what is not the header stays when only the header changes. The first two bytes
 * choose what is done.
 */
#include "base/mem.h"
#include "base/must.h"
#include "codec/edit.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static bool run(slice in, const struct edit *e, struct buf *out)
{
	AUTO(arena) struct arena a = {0};
	struct err err;
	unsigned notes;
	return edit_message(in, e, &a, out, &notes, &err) == 0;
}

static size_t count_parts(slice in)
{
	AUTO(arena) struct arena a = {0};
	struct mime m;
	mime_parse(in, &mime_limits_default, &a, &m);
	return m.n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	if (n < 2)
		return 0;
	slice in = slice_of(data + 2, n - 2);
	AUTO(buf) struct buf same = BUF(edit_limit(n)), out = BUF(edit_limit(n));
	AUTO(buf) struct buf again = BUF(edit_limit(n)), twice = BUF(8 * edit_limit(n));
	must(run(in, &(struct edit){0}, &same) && slice_eq(buf_slice(&same), in));
	const struct edit_strip strip[2] = {
		{data[1] % (unsigned)count_parts(in), EDIT_WHOLE_PART, S("gone")},
		{data[1] / 16 % (unsigned)count_parts(in), data[0] & 16 ? 0 : EDIT_WHOLE_PART,
			S("ging")}};
	const struct edit e = {.subject_tag = data[0] & 1 ? S("【垃圾】 ") : S("[x] "),
		.banner = {.text = data[0] & 2 ? S("Vorsicht: draußen, 外部") : S("")},
		.disclaimer = {.text = data[0] & 4 ? S("below\nwith lines") : S("")},
		.strip = strip,
		.nstrip = data[0] & 8 ? 2 : 0};
	if (!run(in, &e, &out))
		return 0;
	must(run(in, &e, &again) && slice_eq(buf_slice(&again), buf_slice(&out)));
	const struct edit tag = {.subject_tag = e.subject_tag};
	buf_reset(&again);
	must(run(buf_slice(&out), &tag, &twice));
	return 0;
}
