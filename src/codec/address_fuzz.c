/* What address_parse takes has one canonical form that it takes again; header lists never go
 * astray. */
#include "base/mem.h"
#include "base/must.h"
#include "base/utf8.h"
#include "codec/address.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static bool within(slice part, slice whole)
{
	return part.n == 0 || (part.p >= whole.p && part.p + part.n <= whole.p + whole.n);
}

static void check_canonical(const struct address *addr, struct arena *a)
{
	struct address again;
	slice one = address_canonical(addr, false, a);
	if (one.n > ADDRESS_MAX)
		return; /* a short U-label can make a long A-label */
	enum address_fault f = address_parse(one, true, &again);
	must(f == ADDRESS_FINE || f == ADDRESS_LOCAL_LONG);
	if (f == ADDRESS_FINE)
		must(slice_eq(address_canonical(&again, false, a), one));
}

static void check_strict(slice in, struct arena *a)
{
	struct address addr, ascii;
	slice rest = in;
	if (address_parse(in, true, &addr) == ADDRESS_FINE) {
		must(slice_eq(addr.text, in) && in.n <= ADDRESS_MAX && utf8_valid(in));
		must(addr.local.n && addr.local.n <= ADDRESS_LOCAL_MAX && addr.domain.n);
		must(slice_index(in, '\n') == in.n && slice_index(in, '\r') == in.n &&
			slice_index(in, 0) == in.n);
		must((address_parse(in, false, &ascii) == ADDRESS_FINE) == !addr.utf8);
		check_canonical(&addr, a);
	}
	if (address_parse_path(&rest, true, &addr) == ADDRESS_FINE)
		must(within(addr.text, in) && rest.n < in.n);
	else
		must(rest.p == in.p && rest.n == in.n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	AUTO(arena) struct arena a = {0};
	slice in = slice_of(data, n), ascii;
	struct header_address *list;
	check_strict(in, &a);
	if (domain_to_ascii(in, &a, &ascii))
		must(domain_valid(ascii, false) && utf8_valid(domain_to_utf8(ascii, &a)));
	size_t found = header_addresses(in, &a, &list);
	must(found <= n + 1);
	for (size_t i = 0; i < found; i++) {
		must(utf8_valid(list[i].display) && utf8_valid(list[i].address) &&
			utf8_valid(list[i].group));
		must(!list[i].valid || list[i].domain.n);
	}
	return 0;
}
