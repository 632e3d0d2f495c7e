/* mbox files: cut into pieces they give what they give whole; nothing is invented: what comes out is no longer than what went in. */
#include "base/mem.h"
#include "base/must.h"
#include "codec/mbox.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

struct sum {
	uint64_t letters, bytes, hash;
};

static void mix(struct sum *s, slice v)
{
	for (size_t i = 0; i < v.n; i++)
		s->hash = (s->hash ^ (unsigned char)v.p[i]) * UINT64_C(1099511628211);
	s->bytes += v.n;
}

static bool add(void *arg, const struct mbox_letter *l)
{
	struct sum *s = arg;
	s->letters++;
	mix(s, l->head);
	mix(s, l->rest);
	s->hash += l->flags + (uint64_t)l->received_at + l->keywords.n;
	return true;
}

static struct sum read_it(slice in, size_t step, enum mbox_quoting q)
{
	AUTO(mbox) struct mbox m = {0};
	struct sum s = {0};
	mbox_init(&m, 3000, q, add, &s);
	for (slice rest = in; rest.n; rest = slice_skip(rest, step))
		mbox_bytes(&m, slice_first(rest, step));
	mbox_end(&m);
	return s;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	if (n < 1)
		return 0;
	enum mbox_quoting q = data[0] % 3;
	slice in = slice_of(data + 1, n - 1);
	struct sum whole = read_it(in, in.n + 1, q), cut = read_it(in, 1 + data[0] % 13, q);
	must(whole.letters == cut.letters && whole.bytes == cut.bytes && whole.hash == cut.hash);
	must(whole.bytes <= in.n);
	return 0;
}
