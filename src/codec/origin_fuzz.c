/* Reading Received: lines and walking through headers ends, stays inside, yields whole addresses.
 */
#include "base/mem.h"
#include "base/must.h"
#include "codec/origin.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static bool some(void *arg, const struct origin_ip *ip)
{
	(void)arg;
	must(ip->family == 4 || ip->family == 6);
	return ip->ip[1] % 2 == 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	slice in = slice_of(data, n);
	struct origin_ip ip = {0};
	struct origin o;
	if (origin_received(in, &ip))
		must(ip.family == 4 || ip.family == 6);
	if (origin_ip_parse(in, &ip)) {
		must(ip.family == 4 || ip.family == 6);
		origin_is_private(&ip);
	}
	const struct origin_ip client = {.family = 4, .ip = {198, 50, 100, 1}};
	origin_find(in, &client, some, NULL, &o);
	must(o.ip.family == 4 || o.ip.family == 6);
	must(o.hops <= ORIGIN_HOPS_MAX);
	must((o.source == ORIGIN_CLIENT) == (memcmp(&o.ip, &client, sizeof client) == 0) ||
		o.source != ORIGIN_CLIENT);
	return 0;
}
