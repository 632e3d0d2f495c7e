/* Any bytes as a PST: every item is made a letter; nothing is read outside, and what comes out stays within its limit. */
#include "base/mem.h"
#include "base/must.h"
#include "codec/pst.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

enum { LETTER_MAX = 1 << 20 };

struct fuzzed {
	slice in;
	struct pst *p;
};

static bool read_slice(void *arg, uint64_t at, void *room, size_t n)
{
	const struct fuzzed *f = arg;
	must(at <= f->in.n && n <= f->in.n - at);
	memcpy(room, f->in.p + at, n);
	return true;
}

static bool folder(void *arg, const struct pst_folder *f)
{
	(void)arg;
	must(f->path.n > 0);
	return true;
}

static bool item(void *arg, const struct pst_item *i)
{
	struct fuzzed *f = arg;
	AUTO(buf) struct buf out = BUF(LETTER_MAX);
	unsigned lost;
	if (i->kind == PST_DAMAGED)
		must(pst_why(f->p)[0]);
	else if (pst_mail(f->p, i, &out, &lost))
		must(slice_find(buf_slice(&out), S("MIME-Version: 1.0\r\n")) < out.n);
	return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct fuzzed f = {.in = slice_of(data, n)};
	const struct pst_source s = {read_slice, &f, n, .unchecked = true};
	const struct pst_visitor v = {folder, item, &f};
	struct pst_report report;
	char why[PST_WHY_MAX];
	AUTO(pst) struct pst *p = pst_open(&s, why);
	f.p = p;
	if (p)
		pst_walk(p, &v, &report);
	return 0;
}
