/* Any bytes as a message: every part lies inside it, children inside their parents. */
#include "codec/mime.h"

#include "base/mem.h"
#include "base/must.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	AUTO(arena) struct arena a = {0};
	slice in = slice_of(data, n);
	struct mime m;
	mime_parse(in, &mime_limits_default, &a, &m);
	must(m.n >= 1 && m.n <= mime_limits_default.parts + mime_limits_default.depth);
	for (size_t i = 0; i < m.n; i++) {
		const struct mime_part *p = &m.v[i];
		AUTO(buf) struct buf out = BUF(1 << 20);
		must(p->body.n <= n && p->header.n <= n);
		must(!p->body.n || (p->body.p >= in.p && p->body.p + p->body.n <= in.p + n));
		must(p->parent < (int)i);
		if (p->parent >= 0 && p->body.n) {
			const struct mime_part *up = &m.v[p->parent];
			must(p->body.p >= up->body.p &&
				p->body.p + p->body.n <= up->body.p + up->body.n);
		}
		mime_filename(p, &a);
		mime_decode(p, &out);
	}
	return 0;
}
