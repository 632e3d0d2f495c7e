/* Authentication-Results: what was read can be built, and reads back the same; nothing in a value
 * makes a second field or result of the built text. */
#include "base/mem.h"
#include "base/must.h"
#include "codec/authres.h"
#include "codec/header.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static bool printable(slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] < ' ' || s.p[i] > '~')
			return false;
	return true;
}

static void compare(const struct authres *a, const struct authres *b)
{
	must(a->n == b->n && a->version == b->version);
	for (size_t i = 0; i < a->n; i++) {
		must(slice_eq(a->v[i].method, b->v[i].method));
		must(slice_eq(a->v[i].result, b->v[i].result));
		must(b->v[i].nprops <= a->v[i].nprops);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	AUTO(arena) struct arena a = {0};
	AUTO(buf) struct buf out = BUF(1 << 24);
	slice value = slice_of(data, n);
	struct authres r, again;
	slice id = authres_id(value, &a);
	if (!authres_parse(value, &a, &r))
		return 0;
	must(r.n <= AUTHRES_METHODS_MAX && r.version <= UINT16_MAX);
	must(!id.n || slice_starts(id, r.authserv_id));
	if (!printable(r.authserv_id))
		r.authserv_id = S("mx"); /* ours always is */
	buf_put(&out, S("A: "));
	authres_build(&out, &r);
	buf_put(&out, S("\r\n"));
	struct header_field f;
	slice rest = buf_slice(&out);
	must(buf_ok(&out) && header_next(&rest, &f) && !rest.n);
	must(authres_parse(f.value, &a, &again));
	compare(&r, &again);
	return 0;
}
