/* Files of lists in every format: whatever stands in them, what is kept can be written, mapped and
 * looked up. The first byte chooses the format. */
#include "defence/rbldnsd.h"

#include "base/mem.h"
#include "base/must.h"
#include <stdio.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void ask(const struct mirror_data *m)
{
	static const char *const ips[] = {
		"0.0.0.0", "127.0.0.2", "192.0.2.1", "255.255.255.255", "::", "2001:db8::1"};
	for (size_t i = 0; i < sizeof ips / sizeof *ips; i++) {
		struct net_addr a;
		struct err e;
		must(net_from_ip(slice_z(ips[i]), 0, &a, &e) == 0);
		uint32_t code = mirror_find_ip(m, &a);
		must(code == 0 || code >> 24 == 127);
	}
	uint32_t code = mirror_find_name(m, S("a.b.example.com"));
	must(code == 0 || code >> 24 == 127);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static char path[64];
	struct rbldnsd r;
	struct mirror_data *m;
	struct err e;
	if (n == 0)
		return 0;
	if (!path[0])
		snprintf(path, sizeof path, "/tmp/posthouse-fuzz-%d.list", (int)getpid());
	AUTO(mirror_builder) struct mirror_builder *b = mirror_builder_new();
	rbldnsd_init(&r, (enum rbldnsd_format)(data[0] % (RBLDNSD_COMBINED + 1)), S(""), b);
	rbldnsd_text(&r, slice_of(data + 1, n - 1));
	must(r.report.bad <= r.report.lines);
	must(mirror_write(b, slice_z(path), &e) == 0);
	must(mirror_map(slice_z(path), &m, &e) == 0);
	ask(m);
	mirror_unmap(m);
	unlink(path);
	return 0;
}
